//! What a limiter tells of itself.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use lazy_limiter::{
    AcquireError, All, FixedWindow, KeyedLimiter, Limiter, ManualClock, Rate, TokenBucket, Tokens,
};

const SECOND: Duration = Duration::from_secs(1);

fn bucket() -> TokenBucket {
    TokenBucket::new(10, Rate::per_second(2))
}

/// A look at a snapshot, in whole tokens and milliseconds: the limit, what remains, the reset and the retry.
fn fields(snapshot: lazy_limiter::Snapshot) -> (f64, f64, Option<u128>, Option<u128>) {
    let millis = |wait: Option<Duration>| wait.map(|wait| wait.as_millis());
    let (reset, retry) = (millis(snapshot.reset_after), millis(snapshot.retry_after));
    (snapshot.limit.as_f64(), snapshot.remaining.as_f64(), reset, retry)
}

/// Polls a waiter once: it is in line then.
fn join(waiter: &mut Pin<Box<impl Future<Output = Result<(), AcquireError>>>>) {
    assert!(waiter.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

#[test]
fn a_token_bucket_tells_what_is_left_and_when_there_is_more() {
    let clock = ManualClock::new();
    let limiter = Limiter::with_clock(bucket(), clock.clone());
    assert_eq!(fields(limiter.snapshot()), (10.0, 10.0, Some(0), Some(0)));
    limiter.try_acquire(4).unwrap();
    assert_eq!(fields(limiter.snapshot()), (10.0, 6.0, Some(2000), Some(0)));
    limiter.try_acquire(6).unwrap();
    assert_eq!(fields(limiter.snapshot()), (10.0, 0.0, Some(5000), Some(500)));
    clock.advance(SECOND / 4);
    assert_eq!(fields(limiter.snapshot()), (10.0, 0.5, Some(4750), Some(250)));
    limiter.charge(3).unwrap();
    assert_eq!(fields(limiter.snapshot()), (10.0, 0.0, Some(6250), Some(1750)));
}

#[test]
fn a_fixed_window_tells_when_it_ends() {
    let clock = ManualClock::new();
    let limiter = Limiter::with_clock(FixedWindow::new(3, 60 * SECOND), clock.clone());
    clock.advance(15 * SECOND);
    limiter.try_acquire(2).unwrap();
    assert_eq!(fields(limiter.snapshot()), (3.0, 1.0, Some(45_000), Some(0)));
    limiter.try_acquire(1).unwrap();
    assert_eq!(fields(limiter.snapshot()), (3.0, 0.0, Some(45_000), Some(45_000)));
    clock.advance(45 * SECOND);
    assert_eq!(fields(limiter.snapshot()), (3.0, 3.0, Some(0), Some(0)));
}

#[test]
fn less_than_a_token_and_never_are_told_too() {
    let clock = ManualClock::new();
    let half = Limiter::with_clock(TokenBucket::new(0.5, Rate::per_second(1)), clock.clone());
    half.try_acquire(0.5).unwrap();
    // The whole of it is half a token.
    assert_eq!(fields(half.snapshot()), (0.5, 0.0, Some(500), Some(500)));
    let never = Limiter::with_clock(TokenBucket::new(2, Rate::ZERO), clock.clone());
    never.try_acquire(2).unwrap();
    assert_eq!(fields(never.snapshot()), (2.0, 0.0, None, None));
}

#[test]
fn those_in_line_are_counted() {
    let clock = ManualClock::new();
    let limiter = Limiter::with_clock(bucket(), clock.clone());
    limiter.try_acquire(8).unwrap();
    let mut first = Box::pin(limiter.acquire(4));
    join(&mut first);
    let mut second = Box::pin(limiter.acquire(2));
    join(&mut second);
    // Two tokens are there, and spoken for. Four more for those in line, one for who asks, or ten to be full.
    assert_eq!(limiter.available(), Tokens::from(2));
    assert_eq!(fields(limiter.snapshot()), (10.0, 0.0, Some(7000), Some(2500)));
    drop(first);
    // The one behind could be served from what is there.
    let mut third = Box::pin(limiter.acquire(10));
    join(&mut third);
    assert_eq!(fields(limiter.snapshot()), (10.0, 0.0, Some(10_000), Some(5500)));
    drop((second, third));
    assert_eq!(fields(limiter.snapshot()), (10.0, 2.0, Some(4000), Some(0)));
}

#[test]
fn a_key_tells_of_itself_and_one_that_is_not_held_tells_nothing() {
    let clock = ManualClock::new();
    let users = KeyedLimiter::builder().clock(clock.clone()).build(|_: &String| bucket());
    assert_eq!(users.snapshot("alice"), None);
    users.try_acquire("alice", 10).unwrap();
    let alone = users.snapshot("alice").unwrap();
    assert_eq!(fields(alone), (10.0, 0.0, Some(5000), Some(500)));
    let mut waiter = Box::pin(users.acquire("alice", 3));
    join(&mut waiter);
    let behind = users.snapshot("alice").unwrap();
    assert_eq!(fields(behind), (10.0, 0.0, Some(6500), Some(2000)));
    drop(waiter);
    assert_eq!(users.snapshot("alice"), Some(alone));
    assert_eq!(users.snapshot("bob"), None);
    assert!(!users.contains_key("bob"));
}

#[test]
fn an_algorithm_can_be_asked_about_the_state_of_a_limiter() {
    let clock = ManualClock::new();
    let both = || All((bucket(), FixedWindow::new(15, 60 * SECOND)));
    let limiter = Limiter::with_clock(both(), clock.clone());
    let limiting = || limiter.inspect(|all, state, now| all.limiting(state, Tokens::from(8), now));
    assert_eq!(limiting(), None);
    limiter.try_acquire(10).unwrap();
    assert_eq!(limiting(), Some(1));
    clock.advance(60 * SECOND);
    limiter.try_acquire(7).unwrap();
    assert_eq!(limiting(), Some(0));
    // Of the bucket that is in service now.
    limiter.reconfigure(All((bucket(), FixedWindow::new(12, 60 * SECOND))));
    assert_eq!(limiter.inspect(|All((_, window)), _, now| (window.window(), now)).0, 60 * SECOND);
    assert_eq!(limiter.inspect(|all, _, _| lazy_limiter::Algorithm::capacity(&all.0.1)), Tokens::from(12));
}

#[test]
fn so_can_that_of_a_key() {
    let clock = ManualClock::new();
    let users = KeyedLimiter::builder().clock(clock.clone()).build(|_: &String| bucket());
    let full_at =
        |user: &str| users.inspect(user, |bucket, state, now| bucket.unpack(*state, now).1.as_nanos());
    assert_eq!(full_at("alice"), None);
    users.try_acquire("alice", 4).unwrap();
    assert_eq!(full_at("alice"), Some(2_000_000_000));
    assert_eq!(full_at("bob"), None);
    assert!(!users.contains_key("bob"));
}
