//! Models of the kernel, and of the shell around it, for the model checker loom.
//!
//! This crate compiles the library's *own files*, by path, against loom's atomics and locks: loom then runs each
//! model once for every order in which its threads can take their steps, and for every value that the memory model
//! lets a load return, up to a bound on preemptions that each model states.
//!
//! | what | is compiled from | against |
//! |---|---|---|
//! | kernel | the library's files, all but the door `sync.rs` | [`kernel::sync`]: loom's atomics; crossbeam-epoch on loom |
//! | limiter, keys, lines, drivers | the library's files | [`locks`] for parking_lot, [`map`] for papaya |
//! | algorithms, amounts, rates | the library's files | they need nothing |
//! | clocks | | [`clock`]: still, or jumping to the next date |
//!
//! Not modelled, and taken as one indivisible step each: `std`'s `Arc` and `OnceLock`, the queue of candidates for
//! reclamation, and what the table knows of its size. Nor are the guards of a thread that ends. Models are set up so that their threads do not race on these.
#![cfg(loom)]
// The library is not used here as by its callers: much of it is idle, and its documentation is its own.
#![allow(dead_code, missing_docs, missing_debug_implementations, unreachable_pub, unused_imports)]

extern crate alloc;
// What the shell's files call by these names is found at this crate's root.
extern crate self as papaya;
extern crate self as parking_lot;
extern crate self as seize;

/// Where [`locks`] and [`clock`], which are not loom's alone, find primitives.
use loom as checker;

#[path = "../../src/algorithm/mod.rs"]
mod algorithm;
#[path = "../../src/carry.rs"]
mod carry;
mod clock;
#[path = "../../src/error.rs"]
mod error;
mod kernel;
mod locks;
mod map;
#[path = "../../src/meter/mod.rs"]
mod meter;
#[path = "../../src/rate/mod.rs"]
mod rate;
#[path = "../../src/rate_limiter.rs"]
mod rate_limiter;
#[path = "../../src/snapshot.rs"]
mod snapshot;
#[path = "../../src/timestamp.rs"]
mod timestamp;
#[path = "../../src/tokens.rs"]
mod tokens;

/// The shell's counters live as long as loom's threads. Its other thread-locals are about the end of a thread, and
/// belong to the one that runs all of loom's.
macro_rules! thread_local {
    () => {};
    ($(#[$meta:meta])* static $name:ident: Cell<u32> = const $init:block; $($rest:tt)*) => {
        loom::thread_local! { $(#[$meta])* static $name: Cell<u32> = $init; }
        thread_local! { $($rest)* }
    };
    ($(#[$meta:meta])* static $name:ident: $type:ty = const $init:block; $($rest:tt)*) => {
        std::thread_local! { $(#[$meta])* static $name: $type = const $init; }
        thread_local! { $($rest)* }
    };
}

#[path = "../../src/keyed/mod.rs"]
mod keyed;
#[path = "../../src/limiter/mod.rs"]
mod limiter;
#[path = "../../src/striped.rs"]
mod striped;
#[path = "../../src/wait/mod.rs"]
mod wait;

mod harness;
mod models;

pub use algorithm::*;
pub use carry::Carry;
pub use clock::{Alarm, Clock, MonotonicClock};
pub use error::{AcquireError, InvalidPolicy};
pub use harness::run;
pub use kernel::{Boxed, Cell, Limit, Pack, Packed};
pub use keyed::{KeyedLimiter, RandomState};
pub use limiter::Limiter;
pub use locks::{Condvar, Mutex, RwLock};
pub use map::{Collector, Equivalent, Guard, HashMap, LocalGuard, OwnedGuard};
pub use rate::{InvalidRate, ParseRateError, Rate};
pub use rate_limiter::RateLimiter;
pub use snapshot::Snapshot;
pub use striped::StripedLimiter;
pub use timestamp::Timestamp;
pub use tokens::Tokens;
