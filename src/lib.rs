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
//! | many answers from one thread, at a nanosecond each | [`lease`](Limiter::lease), of a token bucket |
//!
//! But for the last, the same verbs with a key in front are those of a [`KeyedLimiter`].
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
//! # The guide
//!
//! One page for each question: [`choosing`](guide::choosing) an algorithm, [`sharing`](guide::sharing) one limiter,
//! [`waiting`](guide::waiting) in threads and tasks, [`keys`](guide::keys) and memory, [`testing`](guide::testing) without
//! sleeping, coming from [`governor`](guide::from_governor) or [`leaky-bucket`](guide::from_leaky_bucket), and
//! [questions](guide::faq). In short:
//!
//! - **Sharing.** Every method takes `&self`. Put a limiter in an `Arc`, a `static` or a scoped thread's borrow. One limiter
//!   made per connection limits nothing. Threads that take from one at the very same time wait for each other's cache
//!   line: let each take a [`lease`](Limiter::lease) then, or divide the limit, [`StripedLimiter`].
//! - **Waiting.** All that wait for one bucket, threads and tasks alike, stand in one line and are served strictly in order
//!   of arrival. A large request is not overtaken by small ones, and [`try_acquire`](Limiter::try_acquire) is refused while
//!   anybody waits. Dropping a waiting future, or running into a timeout, leaves the limiter as if that caller had never
//!   come.
//! - **Keys and memory.** A key's bucket is dropped once it is full and idle and its grace (a second by default) is over. No
//!   thread and no sweep does that: the calls that come anyway do. A key that is not held behaves exactly like one that is
//!   full, so nobody can tell.
//! - **Testing.** Give your limiters a [`ManualClock`] (or a `TokioClock` under paused tokio time): time moves when you say
//!   so, and whoever waits is woken.
//!
//! # Features
//!
//! None is on by default.
//!
//! | feature | adds |
//! |---|---|
//! | `serde` | limits and plans from configuration files: the module `config` |
//! | `metrics` | what limiters did, in numbers: the module `metrics` |
//! | `tracing` | refusals as events at debug level, with the target `lazy_limiter` |
//! | `tower` | layers for any `http` service, those of axum, hyper and tonic among them: the module `tower` |
//! | `tokio` | `TokioClock`, and tokio's own timer for its tasks |
//! | `testing` | a module of that name, which holds an [`Algorithm`] of your own against its contract |
//!
//! # Metrics and events
//!
//! A limiter that was given a [name](LimiterBuilder::name) is counted under it, with the feature `metrics`. With the feature
//! `tracing` a refusal is an event at debug level: the limiter's name, the reason, the hint, and how many refusals before it
//! were suppressed; for each limiter there are ten at once and ten a second at the most, by its own clock. Neither says
//! anything of keys. Without these features a call does nothing for them.
//!
//! # Inside
//!
//! Three layers, each of which may use only those before it. *Algorithms* are pure functions from state to state,
//! in integers. The *kernel* keeps a state in one atomic cell, and those who wait in a line; it knows no
//! clock, map or runtime, so that the same files can be model-checked. The *shell* is everything else:
//! limiters, keys, clocks, and the drivers for threads and tasks. Time is read once at the top of a call and
//! travels down as a number.

#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;

mod algorithm;
mod carry;
mod clock;
#[cfg(feature = "serde")]
pub mod config;
mod error;
#[cfg(any(doc, doctest))]
pub mod guide;
mod kernel;
mod keyed;
mod limiter;
mod meter;
mod rate;
mod rate_limiter;
mod snapshot;
mod striped;
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
pub use limiter::{Lease, Limiter, LimiterBuilder};
#[cfg(feature = "metrics")]
pub use meter::metrics;
pub use rate::{InvalidRate, ParseRateError, Rate};
pub use rate_limiter::RateLimiter;
pub use snapshot::Snapshot;
pub use striped::StripedLimiter;
pub use timestamp::Timestamp;
pub use tokens::Tokens;

/// The README's examples, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
