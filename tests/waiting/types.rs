//! What the compiler has to say: what may be sent, shared, kept and unwound.

use std::sync::Arc;
use std::time::Duration;

use lazy_limiter::{
    Alarm, KeyedLimiter, Limiter, ManualClock, MonotonicClock, Rate, RateLimiter, TokenBucket, Unlimited,
};

fn send<T: Send>(_: &T) {}
fn send_for_ever<T: Send + 'static>(_: &T) {}

const fn shared<T: Send + Sync + 'static>() {}
const fn sent<T: Send + 'static>() {}

const _: () = {
    shared::<Limiter<TokenBucket>>();
    shared::<Limiter<Unlimited, ManualClock>>();
    shared::<Limiter<Box<dyn RateLimiter>>>();
    shared::<KeyedLimiter<String, TokenBucket>>();
    shared::<KeyedLimiter<u64, Box<dyn RateLimiter>, String, ManualClock>>();
    shared::<ManualClock>();
    shared::<MonotonicClock>();
    sent::<Alarm>();
};

// Not asserted: a limiter is not `RefUnwindSafe`, because its line is guarded by a mutex that is never poisoned, and
// a keyed one holds a policy that is any closure. Whoever catches a panic that passed through a call wraps it
// in `AssertUnwindSafe`; what panicked in there was foreign (an algorithm, a policy, a key), and left the line in order.

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
