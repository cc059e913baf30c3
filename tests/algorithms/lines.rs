//! Algorithms in a [`Limiter`], on virtual time: lines, their projections, charges and refunds.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use lazy_limiter::{
    AcquireError, Algorithm, All, Clock, FixedWindow, Limiter, ManualClock, Rate, SlidingWindow,
    SlidingWindowCounter, Timestamp, TokenBucket, Tokens,
};
use proptest::prelude::*;

use crate::trace::{TOKEN, at};

const SECOND: Duration = Duration::from_secs(1);
const NANO: Duration = Duration::from_nanos(1);

fn on_manual<A: Algorithm>(algorithm: A) -> (Limiter<A, ManualClock>, ManualClock) {
    let clock = ManualClock::new();
    (Limiter::with_clock(algorithm, clock.clone()), clock)
}

fn denied(seconds: f64) -> Result<(), AcquireError> {
    Err(AcquireError::Denied { retry_after: Some(Duration::from_secs_f64(seconds)) })
}

#[test]
fn a_fixed_window_begins_at_the_clocks_boundary_and_carries_debt_over() {
    let (limiter, clock) = on_manual(FixedWindow::new(5, SECOND));
    clock.advance(SECOND * 9 / 10);
    assert_eq!(limiter.try_acquire(5), Ok(()));
    assert_eq!(limiter.try_acquire(1), denied(0.1));
    clock.advance(SECOND / 10);
    assert_eq!(limiter.available(), Tokens::from(5));

    limiter.charge(12).unwrap();
    assert_eq!(limiter.available(), Tokens::ZERO);
    assert_eq!(limiter.try_acquire(1), denied(2.0));
    assert_eq!(limiter.time_to_idle(), Some(3 * SECOND));
    limiter.give_back(3).unwrap();
    assert_eq!(limiter.try_acquire(1), denied(1.0));
    clock.advance(SECOND);
    assert_eq!(limiter.available(), Tokens::from(1));
    limiter.give_back(500).unwrap();
    assert!(limiter.is_idle());
}

#[test]
fn a_sliding_window_forgets_each_grant_in_its_time_and_takes_back_the_newest() {
    let (limiter, clock) = on_manual(SlidingWindow::new(5, SECOND));
    assert_eq!(limiter.try_acquire(3), Ok(()));
    clock.advance(SECOND / 2);
    assert_eq!(limiter.try_acquire(2), Ok(()));
    assert_eq!(limiter.try_acquire(4), denied(1.0));
    // Three came at 0, two at 0.5: of those two one is left.
    limiter.give_back(1).unwrap();
    assert_eq!(limiter.available(), Tokens::from(1));
    assert_eq!(limiter.try_acquire(4), denied(0.5));
    assert_eq!(limiter.try_acquire(5), denied(1.0));
    limiter.give_back(1).unwrap();
    assert_eq!(limiter.try_acquire(5), denied(0.5));

    limiter.charge(500).unwrap();
    clock.advance(SECOND - NANO);
    assert_eq!(limiter.available(), Tokens::ZERO);
    clock.advance(NANO);
    assert!(limiter.is_idle());
}

#[test]
fn a_sliding_window_counter_weighs_the_window_before_and_carries_debt_over() {
    let (limiter, clock) = on_manual(SlidingWindowCounter::new(100, SECOND));
    assert_eq!(limiter.try_acquire(100), Ok(()));
    assert_eq!(limiter.try_acquire(1), denied(1.01));
    clock.advance(SECOND * 5 / 4);
    assert_eq!(limiter.available(), Tokens::from(25));
    assert_eq!(limiter.try_acquire(25), Ok(()));
    assert_eq!(limiter.try_acquire(25), denied(0.25));

    // 25 + 275: this window and the two after it are full; the third of those counts in the one that follows.
    limiter.charge(275).unwrap();
    assert_eq!(limiter.try_acquire(1), denied(2.76));
    limiter.give_back(250).unwrap();
    // 50 in this window; the one before it is taken as full, which it was.
    assert_eq!(limiter.try_acquire(25), denied(0.5));
}

#[test]
fn a_charge_in_the_first_window_that_is_given_back_leaves_no_trace() {
    let (limiter, _) = on_manual(SlidingWindowCounter::new(100, SECOND));
    limiter.charge(1000).unwrap();
    assert_eq!(limiter.time_to_idle(), Some(11 * SECOND));
    limiter.give_back(1000).unwrap();
    assert!(limiter.is_idle());
}

#[test]
fn levels_and_debts_pass_to_a_new_capacity() {
    fn check<A: Algorithm>(make: impl Fn(u64) -> A, after_a_window: u64) {
        let (limiter, clock) = on_manual(make(10));
        limiter.try_acquire(4).unwrap();
        limiter.reconfigure(make(20));
        assert_eq!(limiter.available(), Tokens::from(6));
        limiter.charge(9).unwrap();
        limiter.reconfigure(make(30));
        assert_eq!(limiter.available(), Tokens::ZERO);
        limiter.give_back(4).unwrap();
        assert_eq!(limiter.available(), Tokens::from(1));
        limiter.charge(5).unwrap();
        clock.advance(SECOND);
        assert_eq!(limiter.available(), Tokens::from(after_a_window));
    }
    check(|capacity| FixedWindow::new(capacity, SECOND), 26);
    check(|capacity| SlidingWindow::new(capacity, SECOND), 30);
    check(|capacity| SlidingWindowCounter::new(capacity, SECOND), 0);
    check(|capacity| All((FixedWindow::new(capacity, SECOND), SlidingWindow::new(capacity, SECOND))), 26);
}

/// All who wait are served, first come first, at the instants that were projected when they came, and not a
/// nanosecond before.
fn serves_as_projected<A: Algorithm>(algorithm: A, taken: &[(u64, u64)], amounts: &[u64]) {
    let projected = projection(&algorithm, taken, amounts);
    let (limiter, clock) = on_manual(algorithm);
    for &(by, n) in taken {
        clock.advance(Duration::from_nanos(by));
        let _ = limiter.try_acquire(Tokens::from_parts(n));
    }
    let mut context = Context::from_waker(Waker::noop());
    let mut line = Vec::new();
    for (&n, wait) in amounts.iter().zip(&projected) {
        let n = Tokens::from_parts(n);
        assert_eq!(limiter.time_to_available(n), Some(*wait), "behind {}", limiter.waiting());
        let mut waiter = Box::pin(limiter.acquire(n));
        let served = waiter.as_mut().poll(&mut context).is_ready();
        assert_eq!(served, wait.is_zero());
        if !served {
            line.push(waiter);
        }
    }
    let mut passed = Duration::ZERO;
    let waits: Vec<_> = projected.into_iter().filter(|wait| !wait.is_zero()).collect();
    for (waiter, wait) in line.iter_mut().zip(waits) {
        if wait > passed {
            clock.advance(wait - passed - NANO);
            assert!(waiter.as_mut().poll(&mut context).is_pending(), "served before {wait:?}");
            clock.advance(NANO);
            passed = wait;
        }
        assert_eq!(waiter.as_mut().poll(&mut context), Poll::Ready(Ok(())), "after {wait:?}");
    }
}

/// The same line, replayed on the pure functions that look at one request alone.
fn projection<A: Algorithm>(algorithm: &A, taken: &[(u64, u64)], amounts: &[u64]) -> Vec<Duration> {
    let mut now = Timestamp::ZERO;
    let mut state = algorithm.start(now);
    for &(by, n) in taken {
        now = now + Duration::from_nanos(by);
        state = algorithm.try_take(&state, Tokens::from_parts(n), now).unwrap_or(state);
    }
    let mut then = now;
    let mut serve = |&n: &u64| {
        let n = Tokens::from_parts(n);
        then = then + algorithm.time_to_available(&state, n, then).expect("it comes");
        state = algorithm.consume(&state, n, then);
        then.since(now)
    };
    amounts.iter().map(&mut serve).collect()
}

proptest! {
    #[test]
    fn a_line_is_served_as_projected(
        taken in prop::collection::vec((0..700_000_000_u64, 1..=5 * TOKEN), 0..12),
        amounts in prop::collection::vec(prop_oneof![Just(TOKEN), 1..=5 * TOKEN], 1..12),
    ) {
        serves_as_projected(FixedWindow::new(5, SECOND), &taken, &amounts);
        serves_as_projected(SlidingWindow::new(5, SECOND), &taken, &amounts);
        serves_as_projected(SlidingWindowCounter::new(5, SECOND), &taken, &amounts);
        let parts = (SlidingWindow::new(5, SECOND), FixedWindow::new(8, 2 * SECOND), TokenBucket::new(6, Rate::per_second(4)));
        serves_as_projected(All(parts), &taken, &amounts);
    }
}

/// A reader whose clock was read before the boundary, after one who came after it: refused, with a hint that holds.
#[test]
fn a_now_that_is_behind_is_refused_and_told_when_to_come() {
    fn check<A: Algorithm>(algorithm: &A) {
        let (before, boundary) = (at(999_999_990), at(1_000_000_000));
        let state = algorithm.consume(&algorithm.start(at(0)), Tokens::from(1), boundary);
        assert_eq!(algorithm.available(&state, before), Tokens::ZERO);
        let wait = algorithm.try_take(&state, Tokens::from(1), before).err();
        assert_eq!(wait, Some(Some(Duration::from_nanos(10))));
    }
    check(&FixedWindow::new(5, SECOND));
    check(&SlidingWindowCounter::new(5, SECOND));
}

/// A clock that can be set back.
#[derive(Clone, Default)]
struct Settable(Arc<AtomicU64>);

impl Settable {
    fn set(&self, nanos: u64) {
        self.0.store(nanos, Ordering::Relaxed);
    }
}

impl Clock for Settable {
    fn now(&self) -> Timestamp {
        at(self.0.load(Ordering::Relaxed))
    }
}

/// Who is due counts from the log's last grant on, though the clock has not come so far yet.
#[test]
fn a_projection_from_behind_the_log_is_no_shorter_than_the_truth() {
    let clock = Settable::default();
    let limiter = Limiter::with_clock(SlidingWindow::new(3, Duration::from_nanos(1000)), clock.clone());
    clock.set(100);
    limiter.try_acquire(3).unwrap();
    let mut head = Box::pin(limiter.acquire(1));
    assert!(head.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    clock.set(1150);
    limiter.charge(1).unwrap();
    clock.set(1120);
    // The charge counts until 2150, and so does the head, which is due.
    assert_eq!(limiter.time_to_available(3), Some(Duration::from_nanos(1030)));
}
