//! [`All`]: several limits as one.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use lazy_limiter::{
    AcquireError, Algorithm, All, FixedWindow, KeyedLimiter, Limiter, ManualClock, Rate, SlidingWindow,
    SlidingWindowCounter, TokenBucket, Tokens, Unlimited,
};
use proptest::prelude::*;

use crate::trace::{self, Act, SECOND, TOKEN, at};

const A_SECOND: Duration = Duration::from_secs(1);

type Bucket = TokenBucket;
type Nested = All<(All<(FixedWindow, Bucket)>, SlidingWindow, SlidingWindowCounter)>;

fn parts() -> (FixedWindow, Bucket, SlidingWindow, SlidingWindowCounter) {
    (
        FixedWindow::new(7, 3 * A_SECOND),
        TokenBucket::new(6, Rate::per_second(2)),
        SlidingWindow::new(5, A_SECOND),
        SlidingWindowCounter::new(9, 2 * A_SECOND),
    )
}

/// The parts of a nested `All` walked side by side, each by itself.
struct Apart {
    fixed: <FixedWindow as Algorithm>::State,
    bucket: <TokenBucket as Algorithm>::State,
    sliding: <SlidingWindow as Algorithm>::State,
    counter: <SlidingWindowCounter as Algorithm>::State,
}

impl Apart {
    fn levels(&self, now: u64) -> [u64; 4] {
        let (fixed, bucket, sliding, counter) = parts();
        let now = at(now);
        [
            fixed.available(&self.fixed, now).parts(),
            bucket.available(&self.bucket, now).parts(),
            sliding.available(&self.sliding, now).parts(),
            counter.available(&self.counter, now).parts(),
        ]
    }

    fn debt(&self, now: u64) -> Tokens {
        let (fixed, bucket, sliding, counter) = parts();
        let now = at(now);
        let debts = [
            fixed.debt(&self.fixed, now),
            bucket.debt(&self.bucket, now),
            sliding.debt(&self.sliding, now),
            counter.debt(&self.counter, now),
        ];
        debts.into_iter().fold(Tokens::ZERO, Tokens::max)
    }

    fn least(&self, now: u64) -> u64 {
        self.levels(now).into_iter().fold(u64::MAX, u64::min)
    }
}

proptest! {
    #[test]
    fn it_grants_what_every_part_would_and_waits_for_the_slowest(steps in trace::any_steps()) {
        let (fixed, bucket, sliding, counter) = parts();
        let mut now = 0;
        let mut apart = Apart {
            fixed: fixed.start(at(now)),
            bucket: bucket.start(at(now)),
            sliding: sliding.start(at(now)),
            counter: counter.start(at(now)),
        };
        let all: Nested = All((All((fixed.clone(), bucket.clone())), sliding.clone(), counter.clone()));
        prop_assert_eq!(all.capacity(), Tokens::from(5));
        let mut state = all.start(at(now));
        for step in steps {
            now = trace::go(step.go, now, SECOND);
            let left = apart.least(now);
            prop_assert_eq!(all.available(&state, at(now)).parts(), left);
            prop_assert_eq!(all.debt(&state, at(now)), apart.debt(now));
            let n = trace::parts(step.amount, 5 * TOKEN, left);
            let (t, limiting) = (Tokens::from_parts(n), all.limiting(&state, Tokens::from_parts(n), at(now)));
            match (limiting, all.time_to_available(&state, t, at(now))) {
                (None, wait) => prop_assert!(n <= left && wait == Some(Duration::ZERO)),
                (Some(part), wait) => {
                    let last = now + wait.expect("every part gets there").as_nanos() as u64 - 1;
                    prop_assert!(n <= apart.least(last + 1), "not yet {} after {}", last + 1, now);
                    let [fixed, bucket, sliding, counter] = apart.levels(last);
                    let limiting = [fixed.min(bucket), sliding, counter][part];
                    prop_assert!(n > limiting, "part {} has {} at {}", part, limiting, last);
                }
            }
            let granted = all.try_take(&state, t, at(now));
            prop_assert_eq!(granted.is_ok(), n <= left);
            let (take, give) = match step.act {
                Act::Take => (granted.is_ok().then_some(t), None),
                Act::Charge(times) => (Some(Tokens::from_parts(n * times)), None),
                Act::GiveBack(times) => (None, Some(Tokens::from_parts(n * times))),
            };
            if let Some(n) = take {
                state = granted.ok().filter(|_| matches!(step.act, Act::Take)).unwrap_or_else(|| all.consume(&state, n, at(now)));
                apart.fixed = fixed.consume(&apart.fixed, n, at(now));
                apart.bucket = bucket.consume(&apart.bucket, n, at(now));
                apart.sliding = sliding.consume(&apart.sliding, n, at(now));
                apart.counter = counter.consume(&apart.counter, n, at(now));
            }
            if let Some(n) = give {
                state = all.give_back(&state, n, at(now));
                apart.fixed = fixed.give_back(&apart.fixed, n, at(now));
                apart.bucket = bucket.give_back(&apart.bucket, n, at(now));
                apart.sliding = sliding.give_back(&apart.sliding, n, at(now));
                apart.counter = counter.give_back(&apart.counter, n, at(now));
            }
            let full = |now: u64| apart.levels(now) == [7 * TOKEN, 6 * TOKEN, 5 * TOKEN, 9 * TOKEN];
            prop_assert_eq!(all.is_idle(&state, at(now)), full(now));
            let idle = now + all.time_to_idle(&state, at(now)).expect("it comes").as_nanos() as u64;
            prop_assert!(full(idle) && (idle == now || !full(idle - 1)));
        }
    }
}

#[test]
fn it_is_idle_only_when_every_part_is() {
    let clock = ManualClock::new();
    let parts = (TokenBucket::new(2, Rate::per_second(1)), FixedWindow::new(10, 60 * A_SECOND));
    let limiter = Limiter::with_clock(All(parts), clock.clone());
    limiter.try_acquire(2).unwrap();
    clock.advance(2 * A_SECOND);
    // The smaller one is full again; the larger still knows of two.
    assert_eq!(limiter.available(), limiter.capacity());
    assert!(!limiter.is_idle());
    assert_eq!(limiter.time_to_idle(), Some(58 * A_SECOND));
    clock.advance(58 * A_SECOND);
    assert!(limiter.is_idle());
}

#[test]
fn a_key_is_kept_while_any_part_remembers_it() {
    let clock = ManualClock::new();
    let policy =
        |_: &String| All((TokenBucket::new(2, Rate::per_second(1)), FixedWindow::new(3, 60 * A_SECOND)));
    let keyed = KeyedLimiter::builder().clock(clock.clone()).grace(Duration::ZERO).build(policy);
    keyed.try_acquire("alice", 2).unwrap();
    clock.advance(10 * A_SECOND);
    assert_eq!(keyed.reclaim(), 0);
    let minute = AcquireError::Denied { retry_after: Some(50 * A_SECOND) };
    assert_eq!(keyed.try_acquire("alice", 2), Err(minute));
    clock.advance(50 * A_SECOND);
    assert_eq!(keyed.reclaim(), 1);
}

#[test]
fn charging_and_giving_back_reach_every_part() {
    let clock = ManualClock::new();
    let parts = (FixedWindow::new(4, A_SECOND), SlidingWindow::new(6, 10 * A_SECOND));
    let limiter = Limiter::with_clock(All(parts), clock.clone());
    limiter.charge(9).unwrap();
    clock.advance(3 * A_SECOND);
    // The first has paid in two windows and a bit; to the second all nine still count.
    assert_eq!(limiter.available(), Tokens::ZERO);
    limiter.give_back(5).unwrap();
    assert_eq!(limiter.available(), Tokens::from(2));
    assert_eq!(limiter.try_acquire(4).unwrap_err().retry_after(), Some(7 * A_SECOND));
}

#[test]
fn one_part_and_eight_are_limits_too() {
    let now = at(0);
    let one = All((FixedWindow::new(3, A_SECOND),));
    assert_eq!(one.available(&one.start(now), now), Tokens::from(3));
    let fixed = |n: u64| FixedWindow::new(n, A_SECOND);
    let eight = All((fixed(9), fixed(8), fixed(7), Unlimited, fixed(5), fixed(6), fixed(7), fixed(8)));
    assert_eq!(eight.capacity(), Tokens::from(5));
    let state = eight.consume(&eight.start(now), Tokens::from(5), now);
    assert_eq!(eight.limiting(&state, Tokens::from(1), now), Some(4));
    // The first of those that take equally long; all of the others but the unlimited are short of five.
    assert_eq!(eight.limiting(&state, Tokens::from(5), now), Some(0));
}

/// Never, where any part never will.
#[test]
fn never_is_longer_than_any_wait() {
    let all = All((FixedWindow::new(5, A_SECOND), TokenBucket::new(5, Rate::ZERO)));
    let state = all.consume(&all.start(at(0)), Tokens::from(5), at(0));
    assert_eq!(all.try_take(&state, Tokens::from(1), at(0)).err(), Some(None));
    assert_eq!(all.limiting(&state, Tokens::from(1), at(0)), Some(1));
    assert_eq!(all.time_to_idle(&state, at(0)), None);
}

#[test]
fn eight_threads_are_granted_what_the_least_part_has_and_lose_nothing_on_refusal() {
    const THREADS: u64 = 8;
    let clock = ManualClock::new();
    let limiter = Limiter::with_clock(
        All((
            TokenBucket::new(10_000, Rate::ZERO),
            SlidingWindow::new(6_000, A_SECOND),
            All((FixedWindow::new(9_000, 10 * A_SECOND), SlidingWindowCounter::new(8_000, 10 * A_SECOND))),
        )),
        clock.clone(),
    );
    // Amounts of one to eight, until each thread has been refused a hundred times.
    let storm = || {
        let (granted, start) = (AtomicU64::new(0), Barrier::new(THREADS as usize));
        thread::scope(|scope| {
            for n in 1..=THREADS {
                let (limiter, granted, start) = (&limiter, &granted, &start);
                scope.spawn(move || {
                    start.wait();
                    let mut refused = 0;
                    while refused < 100 {
                        match limiter.try_acquire(n) {
                            Ok(()) => _ = granted.fetch_add(n, Ordering::Relaxed),
                            Err(_) => refused += 1,
                        }
                    }
                });
            }
        });
        granted.into_inner()
    };
    // The thread of single tokens takes whatever is left, so nothing is: in turn the log, the counter and the bucket
    // are what limits. A part that had lost tokens to a refusal would be found short.
    assert_eq!(storm(), 6_000);
    clock.advance(A_SECOND);
    assert_eq!(storm(), 2_000);
    clock.advance(20 * A_SECOND);
    assert_eq!(storm(), 2_000);
}
