//! What the compiler has to say of every public type: what may be sent, shared, moved and unwound through.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use lazy_limiter::{
    AcquireError, Ahead, Alarm, All, Boxed, Carry, CoarseClock, FixedWindow, InvalidPolicy, InvalidRate,
    KeyedBuilder, KeyedLimiter, KeyedStats, Lease, Limiter, LimiterBuilder, ManualClock, MonotonicClock,
    Overflow, Packed, ParseRateError, RandomState, Rate, RateLimiter, Reclaimer, SlidingWindow,
    SlidingWindowCounter, Snapshot, StripedLimiter, Timestamp, TokenBucket, Tokens, Unlimited,
};

const fn all<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + 'static>() {}

/// Those that hold what is not unwind-safe.
const fn shared<T: Send + Sync + Unpin + 'static>() {}

const _: () = {
    // Values.
    all::<Tokens>();
    all::<Timestamp>();
    all::<Rate>();
    all::<Snapshot>();
    all::<KeyedStats>();
    all::<Carry>();
    all::<AcquireError>();
    all::<AcquireError<String>>();
    all::<InvalidPolicy>();
    all::<InvalidRate>();
    all::<ParseRateError>();
    // Algorithms, and where their states are kept.
    all::<TokenBucket>();
    all::<FixedWindow>();
    all::<SlidingWindow>();
    all::<SlidingWindowCounter>();
    all::<Unlimited>();
    all::<All<(TokenBucket, FixedWindow)>>();
    all::<Packed<u64>>();
    all::<Boxed<Vec<u8>>>();
    // Clocks.
    all::<MonotonicClock>();
    all::<CoarseClock>();
    all::<ManualClock>();
    // Limiters. The reasons for the last two are in `src/unwind.rs`.
    all::<LimiterBuilder>();
    all::<LimiterBuilder<ManualClock>>();
    all::<KeyedBuilder>();
    all::<Overflow<TokenBucket>>();
    all::<RandomState>();
    all::<Limiter<TokenBucket>>();
    all::<StripedLimiter>();
    all::<StripedLimiter<ManualClock>>();
    all::<Limiter<Unlimited, ManualClock>>();
    all::<Limiter<SlidingWindow>>();
    all::<Limiter<All<(TokenBucket, SlidingWindow)>>>();
    all::<KeyedLimiter<String, TokenBucket>>();
    all::<KeyedLimiter<u64, SlidingWindow, String, ManualClock>>();
    // A trait object says nothing of unwinding, so neither do limiters made of one.
    shared::<Box<dyn RateLimiter>>();
    shared::<Limiter<Box<dyn RateLimiter>>>();
    shared::<KeyedLimiter<u64, Box<dyn RateLimiter>, String, ManualClock>>();
    // The handle of a thread.
    all::<Reclaimer>();
};

#[cfg(feature = "tokio")]
const _: () = all::<lazy_limiter::TokioClock>();

/// An alarm holds a waker's entry, which is let go when it is dropped; nobody shares one.
const fn sent<T: Send + Unpin + 'static>() {}
const _: () = sent::<Alarm>();
/// One thread hands it out.
const _: () = sent::<Lease<'static>>();

/// Borrows from whoever calls an algorithm: not to be sent.
const fn unpinned<T: Unpin>() {}
const _: () = unpinned::<Ahead<'static>>();

#[cfg(feature = "testing")]
mod harness {
    use lazy_limiter::testing::*;

    const _: () = super::all::<Violation>();
}

/// Nothing that the crate exports is missing above.
#[test]
fn every_type_is_looked_at() {
    let (library, here) = (include_str!("../src/lib.rs"), include_str!("types.rs"));
    let exports = library.lines().skip_while(|line| !line.starts_with("pub use")).collect::<String>();
    let exports = exports.split("/// The README").next().expect("there is a first part");
    let names = exports
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| word.starts_with(char::is_uppercase) && !TRAITS.contains(word));
    let names: Vec<_> = names.collect();
    assert!(names.len() > 25, "{names:?}");
    for name in names {
        assert!(here.contains(&format!("<{name}")) || here.contains(&format!("::{name}>")), "{name}");
    }
}

const TRAITS: [&str; 9] =
    ["RateLimiter", "Algorithm", "Cell", "Clock", "Equivalent", "Limit", "MakeOverflow", "Pack", "Parts"];

fn send<T: Send>(_: &T) {}
fn send_for_ever<T: Send + Unpin + 'static>(_: &T) {}

/// Not asserted of futures: unwinding. One that panicked in its poll never ends; it is to be dropped.
#[test]
fn futures_may_be_sent_and_owned_ones_kept() {
    let limiter = Arc::new(Limiter::new(TokenBucket::new(1, Rate::per_second(1))));
    send(&limiter.acquire(1));
    send(&limiter.acquire_timeout(1, Duration::ZERO));
    send_for_ever(&limiter.acquire_owned(1));
    send_for_ever(&limiter.acquire_owned_timeout(1, Duration::ZERO));
    let keyed = Arc::new(KeyedLimiter::new(|_: &String| TokenBucket::new(1, Rate::per_second(1))));
    send(&keyed.acquire("key", 1));
    send(&keyed.acquire_timeout("key", 1, Duration::ZERO));
    send_for_ever(&keyed.acquire_owned("key".into(), 1));
    send_for_ever(&keyed.acquire_owned_timeout("key".into(), 1, Duration::ZERO));
}

/// The owned futures hold the limiter, not the `Arc` that they were made from.
#[test]
fn an_owned_future_outlives_the_pointer_that_it_was_made_from() {
    let limiter = Arc::new(Limiter::new(TokenBucket::new(1, Rate::per_second(1))));
    let future = limiter.acquire_owned(1);
    drop(limiter);
    assert_eq!(pollster::block_on(future), Ok(()));
    let keyed = Arc::new(KeyedLimiter::new(|_: &String| TokenBucket::new(1, Rate::per_second(1))));
    let future = keyed.acquire_owned("key".into(), 1);
    drop(keyed);
    assert_eq!(pollster::block_on(future), Ok(()));
}
