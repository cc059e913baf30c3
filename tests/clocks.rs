//! [`CoarseClock`]: late by a little, never early.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use lazy_limiter::{Clock, CoarseClock, Limiter, MonotonicClock, Rate, Timestamp, TokenBucket};

/// Made before any coarse clock, so its readings are larger than theirs by the little that lies between.
static EXACT: LazyLock<MonotonicClock> = LazyLock::new(MonotonicClock::new);

fn coarse() -> CoarseClock {
    LazyLock::force(&EXACT);
    CoarseClock::new()
}

/// Nanoseconds that have passed since a coarse clock read `from`, and no fewer, however late that was.
fn since(from: Timestamp) -> u64 {
    EXACT.now().since(from).as_nanos() as u64
}

/// One-sided: a late reading can only refuse more. So nothing that delays a thread makes this fail.
#[test]
fn a_limiter_on_a_coarse_clock_stays_within_its_envelope() {
    const CAPACITY: u64 = 100;
    let clock = coarse();
    let from = clock.now();
    let limiter = Limiter::with_clock(TokenBucket::new(CAPACITY, Rate::per_second(1_000_000)), clock.clone());
    let (granted, end) = (AtomicU64::new(0), EXACT.now() + Duration::from_millis(200));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut mine = 0;
                while EXACT.now() < end {
                    mine += u64::from(limiter.try_acquire(1).is_ok());
                }
                granted.fetch_add(mine, Ordering::Relaxed);
            });
        }
    });
    let granted = granted.into_inner();
    // By its own account, and by the exact clock's.
    let (own, exact) = (clock.now().since(from).as_nanos() as u64, since(from));
    for most in [own, exact].map(|nanos| CAPACITY + nanos.div_ceil(1000)) {
        assert!(granted <= most, "{granted} granted of {most}");
    }
}

#[test]
fn it_is_never_early_nor_goes_back() {
    let clock = coarse();
    let (began, mut last) = (EXACT.now(), Timestamp::ZERO);
    while EXACT.now().since(began) < Duration::from_millis(20) {
        let now = clock.now();
        assert!(now <= EXACT.now(), "{now:?} is yet to come");
        assert!(now >= last, "{now:?} after {last:?}");
        last = now;
    }
}

#[test]
fn all_of_them_tell_one_time() {
    let (one, other) = (coarse(), CoarseClock::default());
    let copy = one.clone();
    for _ in 0..1000 {
        // Taken in turn, none is behind the one before: they read the same number.
        let times = [one.now(), other.now(), copy.now(), one.now()];
        assert!(times.is_sorted(), "{times:?}");
    }
}

fn slow(clock: &CoarseClock) -> Limiter<TokenBucket, CoarseClock> {
    Limiter::with_clock(TokenBucket::new(1, Rate::per_second(200)), clock.clone())
}

/// Three of four have to accrue, in 5 ms each.
const THREE: u64 = 15_000_000;

#[test]
fn waiting_on_it_ends_for_threads() {
    let clock = coarse();
    let (from, limiter) = (clock.now(), slow(&clock));
    for _ in 0..4 {
        limiter.acquire_blocking(1).unwrap();
    }
    assert!(since(from) >= THREE);
}

#[test]
fn waiting_on_it_ends_for_tasks() {
    let clock = coarse();
    let four = async || {
        let (from, limiter) = (clock.now(), slow(&clock));
        for _ in 0..4 {
            limiter.acquire(1).await.unwrap();
        }
        assert!(since(from) >= THREE);
    };
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(four());
    // And without a runtime that has timers.
    pollster::block_on(four());
}
