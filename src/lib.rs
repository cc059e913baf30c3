//! Lock-free, keyed, fair and cancel-safe rate limiting for threads and async tasks.
//!
//! ```
//! use lazy_limiter::{KeyedLimiter, Limiter, Rate, TokenBucket};
//!
//! // One limiter, shared by whoever comes: bursts of 10, then 3 a second.
//! let backend = Limiter::new(TokenBucket::new(10, Rate::per_second(3)));
//! backend.try_acquire(1)?;
//!
//! // One limiter per key: made when the key is first seen, gone when it is idle.
//! let users = KeyedLimiter::new(|_user: &String| TokenBucket::new(5, Rate::per_minute(300)));
//! if let Err(refused) = users.try_acquire("alice", 1) {
//!     println!("429, retry after {:?}", refused.retry_after());
//! }
//! # Ok::<(), lazy_limiter::AcquireError>(())
//! ```
//!
//! # Choosing a verb
//!
//! | you want | call |
//! |---|---|
//! | an answer now | [`try_acquire`](Limiter::try_acquire) |
//! | to wait, in a task | [`acquire`](Limiter::acquire), [`acquire_timeout`](Limiter::acquire_timeout) |
//! | to wait, in a thread | [`acquire_blocking`](Limiter::acquire_blocking), [`acquire_blocking_timeout`](Limiter::acquire_blocking_timeout) |
//! | to return what was not needed | [`give_back`](Limiter::give_back) |
//! | to bill what is known only afterwards | [`charge`](Limiter::charge) |
//!
//! The same verbs with a key in front are those of a [`KeyedLimiter`].
//!
//! # Choosing an algorithm
//!
//! | you want | take | a state is |
//! |---|---|---|
//! | bursts, and a steady rate in the long run | [`TokenBucket`] | one word |
//! | so many each calendar-like window, all back at its beginning | [`FixedWindow`] | one word |
//! | so many in any window, exactly | [`SlidingWindow`] | a log of the grants in a window |
//! | so many in any window, nearly | [`SlidingWindowCounter`] | one word |
//! | several of these at once | [`All`] | theirs, side by side |
//! | no limit, for some of the keys | [`Unlimited`] | nothing |
//! | another one | your own [`Algorithm`], or a [`RateLimiter`] from scratch | up to you |
//!
//! # Sharing
//!
//! Every method takes `&self`. Put a limiter in an `Arc`, a `static` or a scoped thread's borrow; there is nothing
//! to clone and nothing to lock. One limiter made per connection limits nothing.
//!
//! # Waiting
//!
//! All that wait for one bucket, threads and tasks alike, stand in one line and are served strictly in order of
//! arrival. A large request is not overtaken by small ones, and [`try_acquire`](Limiter::try_acquire) is refused
//! while anybody waits. Only the head of the line watches the clock. Dropping a waiting future, or running into a
//! timeout, leaves the limiter as if that caller had never come.
//!
//! # Middleware
//!
//! The feature `tower` adds a module of that name: limits as layers around any `http` service, those of axum,
//! hyper and tonic among them. They refuse with 429 and the header fields that go with it, or make requests wait
//! in line.
//!
//! # Keys and memory
//!
//! A key's bucket is dropped once it is full and idle and its grace (a second by default) is over. No thread and no
//! sweep does that: each new key pays for looking at two others, and a hit looks at one now and then. A key that
//! is not held behaves exactly like one that is full, so nobody can tell. For servers that go quiet there is
//! [`reclaimer`](KeyedLimiter::reclaimer).
//!
//! # Testing your code
//!
//! Give your limiters a [`ManualClock`] (or a `TokioClock` under paused tokio time): time moves when you say so, and
//! whoever waits is woken. The feature `testing` adds a module of that name, which holds an [`Algorithm`] of your own
//! against its contract.
//!
//! # Inside
//!
//! Three layers, each of which may use only those before it. *Algorithms* are pure functions from state to state,
//! in integers. The *kernel* keeps a state in one atomic cell, and those who wait in a line; it knows no
//! clock, map or runtime, so that the same files can be model-checked. The *shell* is everything else:
//! limiters, keys, clocks, and the drivers for threads and tasks. Time is read once at the top of a call and
//! travels down as a number.

extern crate alloc;

mod algorithm;
mod carry;
mod clock;
mod error;
mod kernel;
mod keyed;
mod limiter;
mod rate;
mod rate_limiter;
mod snapshot;
#[cfg(feature = "testing")]
pub mod testing;
mod timestamp;
mod tokens;
#[cfg(feature = "tower")]
pub mod tower;
mod unwind;
mod wait;

pub use algorithm::{
    Ahead, Algorithm, All, FixedWindow, Parts, SlidingWindow, SlidingWindowCounter, TokenBucket, Unlimited,
};
pub use carry::Carry;
#[cfg(feature = "tokio")]
pub use clock::TokioClock;
pub use clock::{Alarm, Clock, CoarseClock, ManualClock, MonotonicClock};
pub use error::{AcquireError, InvalidPolicy};
pub use kernel::{Boxed, Cell, Limit, Pack, Packed};
pub use keyed::{
    Equivalent, KeyedBuilder, KeyedLimiter, KeyedStats, MakeOverflow, Overflow, RandomState, Reclaimer,
};
pub use limiter::{Limiter, LimiterBuilder};
pub use rate::{InvalidRate, ParseRateError, Rate};
pub use rate_limiter::RateLimiter;
pub use snapshot::Snapshot;
pub use timestamp::Timestamp;
pub use tokens::Tokens;

/// The README's examples, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
