//! One limit in several stripes: never more than one bucket, and not much less.

use std::cell::Cell;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use lazy_limiter::{
    AcquireError, Clock, InvalidPolicy, InvalidRate, ManualClock, Rate, StripedLimiter, Timestamp, Tokens,
};

fn striped(capacity: f64, rate: Rate, stripes: usize) -> (StripedLimiter<ManualClock>, ManualClock) {
    let clock = ManualClock::new();
    let limiter = StripedLimiter::try_with_stripes(capacity, rate, clock.clone(), stripes).unwrap();
    (limiter, clock)
}

#[test]
fn one_thread_gets_all_of_it_and_a_hint_that_holds_to_the_nanosecond() {
    let (limiter, clock) = striped(8.0, Rate::per_second(4), 4);
    assert_eq!((limiter.stripes(), limiter.most()), (4, Tokens::from(2)));
    assert!((0..8).all(|_| limiter.try_acquire(1).is_ok()));
    let wait = limiter.try_acquire(1).unwrap_err().retry_after().unwrap();
    // A stripe gets a quarter of the rate.
    assert_eq!(wait, Duration::from_secs(1));
    clock.advance(wait - Duration::from_nanos(1));
    assert!(limiter.try_acquire(1).is_err());
    clock.advance(Duration::from_nanos(1));
    assert_eq!((0..5).filter(|_| limiter.try_acquire(1).is_ok()).count(), 4);
    assert_eq!(limiter.available(), Tokens::ZERO);
}

#[test]
fn the_parts_add_up_to_the_whole() {
    for stripes in [1, 2, 3, 8, 64] {
        for capacity in [64.0, 100.0, 1000.7, 64.000_001, 1e9] {
            let (limiter, _) = striped(capacity, Rate::ZERO, stripes);
            assert_eq!(limiter.stripes(), stripes.next_power_of_two());
            // Down, as a capacity is rounded.
            let whole = Tokens::from_parts(Tokens::from(capacity).parts());
            assert_eq!((limiter.capacity(), limiter.available()), (whole, whole));
        }
    }
}

#[test]
fn there_are_no_more_stripes_than_make_sense() {
    let count = |capacity: f64, rate| striped(capacity, rate, 64).0.stripes();
    assert_eq!(count(10.0, Rate::per_second(1)), 8);
    assert_eq!(count(0.5, Rate::per_second(1)), 1);
    // A stripe's share of the rate must have a period that can be counted: below 584 years.
    assert_eq!(count(100.0, Rate::new(100, Duration::from_secs(30 * 365 * 86_400))), 16);
    assert_eq!(striped(1e6, Rate::ZERO, usize::MAX).0.stripes(), 1024);
    assert_eq!(striped(1e6, Rate::ZERO, 0).0.stripes(), 1);
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let made =
        |capacity: f64, rate| StripedLimiter::try_with_stripes(capacity, rate, ManualClock::new(), 4).err();
    assert_eq!(made(-1.0, Rate::ZERO), Some(InvalidPolicy::Capacity));
    let rate = Rate::per_second(-1.0);
    assert_eq!(made(1.0, rate), Some(InvalidPolicy::Rate(InvalidRate::Amount)));

    let (limiter, _) = striped(8.0, Rate::ZERO, 4);
    assert_eq!(limiter.try_acquire(f64::NAN), Err(AcquireError::InvalidAmount));
    let exceeds = AcquireError::ExceedsCapacity { requested: Tokens::from(3), capacity: Tokens::from(2) };
    assert_eq!(limiter.try_acquire(3), Err(exceeds));
    assert_eq!(limiter.try_acquire(0), Ok(()));
    assert_eq!(limiter.available(), Tokens::from(8));
    assert!((0..4).all(|_| limiter.try_acquire(2).is_ok()));
    assert_eq!(limiter.try_acquire(1), Err(AcquireError::Denied { retry_after: None }));
}

thread_local! {
    /// What this thread was told last.
    static TOLD: Cell<u64> = const { Cell::new(0) };
}

/// A clock that remembers what it told.
#[derive(Clone)]
struct Recorder(ManualClock);

impl Clock for Recorder {
    fn now(&self) -> Timestamp {
        let now = self.0.now();
        TOLD.set(now.as_nanos());
        now
    }
}

#[test]
fn recorded_threads_stay_within_the_envelope_of_one_bucket_and_come_close_to_it() {
    const CAPACITY: u64 = 21;
    const PER_SECOND: u64 = 2000;
    const STEPS: u64 = 1000;
    let clock = ManualClock::new();
    let rate = Rate::per_second(PER_SECOND);
    let limiter = StripedLimiter::try_with_stripes(CAPACITY, rate, Recorder(clock.clone()), 4).unwrap();
    let barrier = Barrier::new(5);
    let mut grants: Vec<(u64, u64)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let (limiter, barrier) = (&limiter, &barrier);
                scope.spawn(move || {
                    let mut grants = Vec::new();
                    for step in 0..STEPS {
                        barrier.wait();
                        for take in 0..6 {
                            let n = 1 + (step + take + thread) % 3;
                            if limiter.try_acquire(n).is_ok() {
                                grants.push((TOLD.get(), n));
                            }
                        }
                    }
                    grants
                })
            })
            .collect();
        for step in 0..STEPS {
            barrier.wait();
            clock.advance(Duration::from_micros(if step % 50 == 49 { 50_000 } else { 777 }));
        }
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    grants.sort_unstable();
    for (first, (start, _)) in grants.iter().enumerate() {
        let mut granted = 0;
        for (at, n) in &grants[first..] {
            granted += n;
            let most = u128::from(CAPACITY) * 1_000_000_000 + u128::from(PER_SECOND) * u128::from(at - start);
            assert!(u128::from(granted) * 1_000_000_000 <= most, "{granted} from {start} to {at}");
        }
    }
    // 777 us bring a token and a half. The long pauses fill it up, once each.
    let (granted, brought) =
        (grants.iter().map(|(_, n)| n).sum::<u64>(), STEPS * 777 * PER_SECOND / 1_000_000);
    assert!(granted > brought * 9 / 10, "{granted} of {brought} and some bursts");
}
