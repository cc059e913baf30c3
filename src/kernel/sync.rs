//! The one door to atomics and locks: the only kernel file that names where they come from.
//!
//! `loom-tests` compiles the other kernel files against a door of its own.

/// What the keys need beside: their closing and counting is modelled as well.
pub(crate) use core::sync::atomic::{AtomicBool, AtomicUsize, fence};
pub(crate) use core::sync::atomic::{AtomicU64, Ordering};

/// How the shell waits for those to leave who are inside a limiter from scratch.
pub(crate) use std::thread::yield_now;

/// Epoch-based reclamation, behind the same door because its pointer is an atomic too.
pub(crate) use crossbeam_epoch as epoch;
