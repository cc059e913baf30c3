//! Compositions of the kernel and the shell that are too large for loom, under shuttle's randomised schedulers: five
//! or six threads on a few keys, with waiters, drops, timeouts, reclamation and removal.
//!
//! As in `loom-tests`, the library's *own files* are compiled, by path, against the checker's atomics and locks. Loom
//! runs every order of a few steps; shuttle runs some orders of many: at random, and by probabilistic concurrency
//! testing (PCT), which finds a bug that needs `d` ordering constraints with a probability that has a lower bound.
//! Shuttle is sequentially consistent, so orderings of memory are loom's business alone.
//!
//! | what | is compiled from | against |
//! |---|---|---|
//! | kernel | the library's files, all but the door `sync.rs` | [`kernel::sync`]: shuttle's atomics; [`epoch`] for crossbeam-epoch |
//! | limiter, keys, lines, drivers | the library's files | [`locks`] for parking_lot, [`map`] for papaya |
//! | algorithms, amounts, rates | the library's files | they need nothing |
//! | clocks | | [`clock`]: still, or jumping to the next date |
//!
//! Each map operation, and each one of `std`'s `Arc`, `OnceLock` and of the queue of candidates, is one step.
// Its own unit tests are not wanted here: they have not what they need.
#![cfg(not(test))]
// The library is not used here as by its callers: much of it is idle, and its documentation is its own.
#![allow(dead_code, missing_docs, missing_debug_implementations, unreachable_pub, unused_imports)]

extern crate alloc;
// What the shell's files call by these names is found at this crate's root.
extern crate self as papaya;
extern crate self as parking_lot;
extern crate self as seize;

use shuttle as checker;

#[path = "../../src/algorithm/mod.rs"]
mod algorithm;
#[path = "../../src/carry.rs"]
mod carry;
#[path = "../../loom-tests/src/clock.rs"]
mod clock;
mod epoch;
#[path = "../../src/error.rs"]
mod error;
mod kernel;
#[path = "../../loom-tests/src/locks.rs"]
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

/// The shell's counters live as long as shuttle's threads. Its other thread-locals are about the end of a thread, and
/// belong to the one that runs all of shuttle's.
macro_rules! thread_local {
    () => {};
    ($(#[$meta:meta])* static $name:ident: Cell<u32> = const $init:block; $($rest:tt)*) => {
        shuttle::thread_local! { $(#[$meta])* static $name: Cell<u32> = $init; }
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
pub use timestamp::Timestamp;
pub use tokens::Tokens;
