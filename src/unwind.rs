//! What holds after a panic that passed through a call.
//!
//! Foreign code runs inside calls: algorithms, policies, keys, clocks, wakers. Ours panics nowhere. A state changes in
//! one exchange, after the algorithm has come back; a line is changed after what could panic, or by guards that finish
//! the change on unwinding; locks are let go, and nothing is poisoned. So whoever catches the panic finds the limiter in
//! order, and so does whoever shares it (`tests/foreign_code.rs` makes each of them panic). Whether the foreign code is in
//! order is its own affair: hence the bounds. A policy is called through `&`, as any function that is shared.

use core::panic::{RefUnwindSafe, UnwindSafe};

use crate::kernel::Limit;
use crate::{KeyedLimiter, Limiter, ManualClock, Reclaimer};

impl<A, C> RefUnwindSafe for Limiter<A, C>
where
    A: Limit<Cell: RefUnwindSafe> + RefUnwindSafe,
    C: RefUnwindSafe,
{
}

impl<A, C> UnwindSafe for Limiter<A, C>
where
    A: Limit<Cell: UnwindSafe> + UnwindSafe,
    C: UnwindSafe,
{
}

impl<K, A, E, C, S> RefUnwindSafe for KeyedLimiter<K, A, E, C, S>
where
    K: RefUnwindSafe,
    A: Limit<Cell: RefUnwindSafe> + RefUnwindSafe,
    C: RefUnwindSafe,
    S: RefUnwindSafe,
{
}

impl<K, A, E, C, S> UnwindSafe for KeyedLimiter<K, A, E, C, S>
where
    K: UnwindSafe,
    A: Limit<Cell: UnwindSafe> + UnwindSafe,
    C: UnwindSafe,
    S: UnwindSafe,
{
}

// Alarms are armed and taken whole under its lock; wakers are called, and dropped, outside.
impl RefUnwindSafe for ManualClock {}
impl UnwindSafe for ManualClock {}

// A flag under a lock.
impl RefUnwindSafe for Reclaimer {}
impl UnwindSafe for Reclaimer {}
