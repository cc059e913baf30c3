//! [`CoarseClock`]: late by a little, never early.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use lazy_limiter::{Clock, CoarseClock, Limiter, MonotonicClock, Rate, TokenBucket};

/// One-sided: a late reading can only refuse more. So nothing that delays a thread makes this fail.
#[test]
fn a_limiter_on_a_coarse_clock_stays_within_its_envelope() {
    const CAPACITY: u64 = 100;
    const PER_SECOND: u64 = 1_000_000;
    let exact = MonotonicClock::new();
    let clock = CoarseClock::new();
    let limiter = Limiter::with_clock(TokenBucket::new(CAPACITY, Rate::per_second(PER_SECOND)), clock);
    let (granted, end) = (AtomicU64::new(0), exact.now() + Duration::from_millis(200));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut mine = 0;
                while exact.now() < end {
                    mine += u64::from(limiter.try_acquire(1).is_ok());
                }
                granted.fetch_add(mine, Ordering::Relaxed);
            });
        }
    });
    let elapsed = exact.now().as_nanos() + CoarseClock::RESOLUTION.as_nanos() as u64;
    let (granted, most) = (granted.into_inner(), CAPACITY + (elapsed * (PER_SECOND / 1_000_000)).div_ceil(1000));
    assert!(granted <= most, "{granted} granted of {most}");
    assert!(granted > CAPACITY, "it must have moved");
}

#[test]
fn it_is_never_early_nor_goes_back() {
    let coarse = CoarseClock::new();
    let exact = MonotonicClock::new();
    // The exact reading comes first at the beginning, and last ever after: real time between is at least as long.
    let from = exact.now();
    let (began, mut last) = (coarse.now(), coarse.now());
    // The first reading may itself be late, by as much as it takes the thread to come by; that is no earliness of
    // those that follow. So it is waited for until it has just moved.
    let moved = loop {
        let now = coarse.now();
        if now != began {
            break now;
        }
        thread::yield_now();
    };
    assert!(moved > began && exact.now() >= from);
    for _ in 0..100_000 {
        let now = coarse.now();
        assert!(now >= last, "{now:?} after {last:?}");
        last = now;
    }
}

#[test]
fn all_of_them_tell_one_time() {
    let (one, other) = (CoarseClock::new(), CoarseClock::default());
    let copy = one.clone();
    for _ in 0..1000 {
        // Taken in turn, none is behind the one before: they read the same number.
        let times = [one.now(), other.now(), copy.now(), one.now()];
        assert!(times.is_sorted(), "{times:?}");
    }
}

#[test]
fn waiting_on_it_ends_for_threads() {
    let limiter = Limiter::with_clock(TokenBucket::new(1, Rate::per_second(200)), CoarseClock::new());
    let exact = MonotonicClock::new();
    for _ in 0..4 {
        limiter.acquire_blocking(1).unwrap();
    }
    // Three had to accrue, at 5 ms each; the reading that it began with may have been late, not early.
    let most = 1 + (exact.now().as_nanos() + CoarseClock::RESOLUTION.as_nanos() as u64) / 5_000_000;
    assert!(most >= 3, "four within {:?}", exact.now());
}

#[test]
fn waiting_on_it_ends_for_tasks() {
    let limiter = Limiter::with_clock(TokenBucket::new(1, Rate::per_second(200)), CoarseClock::new());
    let four = async || {
        for _ in 0..4 {
            limiter.acquire(1).await.unwrap();
        }
    };
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(four());
    // And without a runtime that has timers.
    pollster::block_on(four());
}
