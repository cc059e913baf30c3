//! Who stood in line, and for how long.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use lazy_limiter::{AcquireError, KeyedLimiter, Limiter, ManualClock, Rate, TokenBucket};

use crate::support::totals;

/// A bucket with nothing in it, and a token each second.
fn empty() -> TokenBucket {
    TokenBucket::new(5, Rate::per_second(1)).starting_tokens(0)
}

const SECOND: Duration = Duration::from_secs(1);

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    future_pin(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn future_pin<F: Future + Unpin>(future: &mut F) -> std::pin::Pin<&mut F> {
    std::pin::Pin::new(future)
}

#[test]
fn granted_dropped_closed_and_out_of_time() {
    let clock = ManualClock::new();
    let limiter = Limiter::builder().name("waits").clock(clock.clone()).build(empty());
    let mut granted = pin!(limiter.acquire(2));
    let mut timed_out = pin!(limiter.acquire_timeout(1, 4 * SECOND));
    let mut dropped = Box::pin(limiter.acquire(1));
    let mut closed = pin!(limiter.acquire(1));
    assert!(poll(&mut granted.as_mut()).is_pending());
    assert!(poll(&mut timed_out.as_mut()).is_pending());
    assert!(poll(&mut dropped).is_pending());
    assert!(poll(&mut closed.as_mut()).is_pending());
    assert_eq!((totals("waits").granted, totals("waits").waited), (0, 0));

    clock.advance(2 * SECOND);
    assert_eq!(poll(&mut granted.as_mut()), Poll::Ready(Ok(())));
    let now = totals("waits");
    assert_eq!((now.granted, now.refused(), now.waited, now.wait), (1, 0, 1, 2 * SECOND));

    // Two seconds' tokens are taken from under it.
    limiter.charge(2).unwrap();
    clock.advance(2 * SECOND);
    assert!(matches!(poll(&mut timed_out.as_mut()), Poll::Ready(Err(AcquireError::TimedOut { .. }))));
    let now = totals("waits");
    assert_eq!((now.granted, now.refused(), now.waited, now.wait), (1, 1, 2, 6 * SECOND));

    drop(dropped);
    let now = totals("waits");
    assert_eq!((now.granted, now.refused(), now.waited, now.wait), (1, 2, 3, 10 * SECOND));

    limiter.close();
    assert_eq!(poll(&mut closed.as_mut()), Poll::Ready(Err(AcquireError::Closed)));
    let now = totals("waits");
    assert_eq!((now.granted, now.waited, now.wait), (1, 4, 14 * SECOND));
    assert_eq!(now.refused_by, vec![("timed_out", 1), ("closed", 1), ("abandoned", 1)]);
}

#[test]
fn a_future_that_is_never_polled_is_no_call() {
    let limiter = Limiter::builder().name("unpolled").clock(ManualClock::new()).build(empty());
    drop(limiter.acquire(1));
    let now = totals("unpolled");
    assert_eq!((now.granted, now.refused(), now.waited), (0, 0, 0));
}

#[test]
fn what_is_there_at_once_is_no_wait() {
    let clock = ManualClock::new();
    let keys = KeyedLimiter::builder()
        .name("waits/keys")
        .clock(clock.clone())
        .build(|_: &u8| TokenBucket::new(1, Rate::per_second(1)));
    assert_eq!(poll(&mut pin!(keys.acquire(&1, 1)).as_mut()), Poll::Ready(Ok(())));
    let mut second = pin!(keys.acquire(&1, 1));
    assert!(poll(&mut second.as_mut()).is_pending());
    clock.advance(SECOND);
    assert_eq!(poll(&mut second.as_mut()), Poll::Ready(Ok(())));
    let now = totals("waits/keys");
    assert_eq!((now.granted, now.refused(), now.waited, now.wait), (2, 0, 1, SECOND));
}
