//! A grant that is never seen, and a charge: as if the grant had never been.

use std::future::Future;
use std::task::{Context, Waker};
use std::time::Duration;

use lazy_limiter::{KeyedLimiter, Limiter, ManualClock, Rate, TokenBucket, Tokens};

const SECOND: Duration = Duration::from_secs(1);

fn bucket() -> TokenBucket {
    TokenBucket::new(2, Rate::per_second(1)).starting_tokens(0)
}

/// Polls a future that waits, and gives it for keeps.
fn waiting<F: Future>(future: F) -> std::pin::Pin<Box<F>> {
    let mut future = Box::pin(future);
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    future
}

#[test]
fn a_charge_makes_no_room_for_a_grant_that_would_have_overflowed() {
    let clock = ManualClock::new();
    let limiter = Limiter::with_clock(bucket(), clock.clone());
    let waiter = waiting(limiter.acquire(1));
    clock.advance(SECOND);
    // Serves the waiter, which is not told.
    assert!(limiter.try_acquire(1).is_err());
    // Full, and would have been long since.
    clock.advance(10 * SECOND);
    limiter.charge(1).unwrap();
    drop(waiter);
    assert_eq!(limiter.available(), Tokens::from(1));
}

#[test]
fn nor_does_it_for_a_key() {
    let clock = ManualClock::new();
    let keyed = KeyedLimiter::builder().clock(clock.clone()).build(|_: &u8| bucket());
    let waiter = waiting(keyed.acquire(&1, 1));
    clock.advance(SECOND);
    assert!(keyed.try_acquire(&1, 1).is_err());
    clock.advance(10 * SECOND);
    keyed.charge(&1, 1).unwrap();
    drop(waiter);
    assert_eq!(keyed.available(&1), Some(Tokens::from(1)));
}
