//! Never over-admits: many threads, grants counted exactly.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use lazy_limiter::{Clock, KeyedLimiter, Limiter, ManualClock, MonotonicClock, Rate, TokenBucket};

const THREADS: u64 = 8;

/// Calls `take` on eight threads until `done`, and counts what was granted to all of them.
fn hammer(done: &AtomicBool, take: impl Fn(u64) -> bool + Sync) -> u64 {
    let granted = AtomicU64::new(0);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (granted, take) = (&granted, &take);
            scope.spawn(move || {
                let mut mine = 0;
                while !done.load(Ordering::Relaxed) {
                    mine += u64::from(take(thread));
                }
                // What was there when time stopped, too.
                while take(thread) {
                    mine += 1;
                }
                granted.fetch_add(mine, Ordering::Relaxed);
            });
        }
    });
    granted.into_inner()
}

/// Advances `clock` by a second in all, while others look.
fn one_second(clock: &ManualClock, done: &AtomicBool) {
    for _ in 0..100 {
        clock.advance(Duration::from_millis(10));
        thread::yield_now();
    }
    done.store(true, Ordering::Relaxed);
}

#[test]
fn eight_threads_get_exactly_what_accrues_on_virtual_time() {
    // So large a bucket that nothing overflows however late they come: then nothing may be missing either.
    let (clock, done) = (ManualClock::new(), AtomicBool::new(false));
    let bucket = TokenBucket::new(1_000_000, Rate::per_second(70_001)).starting_tokens(10);
    let limiter = Limiter::with_clock(bucket, clock.clone());
    let granted = thread::scope(|scope| {
        scope.spawn(|| one_second(&clock, &done));
        hammer(&done, |_| limiter.try_acquire(1).is_ok())
    });
    assert_eq!(granted, 10 + 70_001);
}

#[test]
fn eight_threads_on_a_few_keys_get_exactly_what_accrues_for_each() {
    let (clock, done) = (ManualClock::new(), AtomicBool::new(false));
    let bucket = TokenBucket::new(1_000_000, Rate::per_second(30_003)).starting_tokens(10);
    let keyed = KeyedLimiter::builder().clock(clock.clone()).build(move |_: &String| bucket.clone());
    let keys = ["a", "b", "c"];
    // All buckets are made at time zero, by a first request each.
    let granted = keys.map(|key| AtomicU64::new(u64::from(keyed.try_acquire(key, 1).is_ok())));
    thread::scope(|scope| {
        scope.spawn(|| one_second(&clock, &done));
        hammer(&done, |thread| {
            let key = thread as usize % keys.len();
            let ok = keyed.try_acquire(keys[key], 1).is_ok();
            granted[key].fetch_add(u64::from(ok), Ordering::Relaxed);
            ok
        })
    });
    for granted in granted {
        assert_eq!(granted.into_inner(), 10 + 30_003);
    }
}

#[test]
fn eight_threads_stay_within_the_envelope_on_real_time() {
    let (clock, done) = (MonotonicClock::new(), AtomicBool::new(false));
    let limiter = Limiter::with_clock(TokenBucket::new(100, Rate::per_second(1_000_000)), clock.clone());
    let granted = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(200));
            done.store(true, Ordering::Relaxed);
        });
        hammer(&done, |_| limiter.try_acquire(1).is_ok())
    });
    let micros = clock.now().as_nanos().div_ceil(1000);
    assert!(granted <= 100 + micros, "{granted} granted in {micros} us");
}

/// In each round the bucket is full, and takers and reclaimers start on it at once. Whether they find the old
/// bucket or a new one, they get what one bucket holds: no more (a bucket removed while it was taken from), and no
/// less (a take from one that was removed).
#[test]
fn reclaiming_what_is_being_taken_neither_mints_nor_loses() {
    const TAKERS: usize = 3;
    let clock = ManualClock::new();
    let bucket = TokenBucket::new(10, Rate::per_second(10_000));
    let keyed = KeyedLimiter::builder()
        .clock(clock.clone())
        .grace(Duration::ZERO)
        .build(move |_: &u64| bucket.clone());
    let (granted, reclaimed) = (AtomicU64::new(0), AtomicU64::new(0));
    let mut wrong = 0;
    let (start, end) = (Barrier::new(TAKERS + 2), Barrier::new(TAKERS + 2));
    let rounds = if cfg!(miri) { 10 } else { 3000 };
    thread::scope(|scope| {
        for _ in 0..TAKERS {
            scope.spawn(|| {
                for _ in 0..rounds {
                    start.wait();
                    for _ in 0..8 {
                        let got = 5 * u64::from(keyed.try_acquire(&1, 5).is_ok());
                        granted.fetch_add(got, Ordering::Relaxed);
                    }
                    end.wait();
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..rounds {
                start.wait();
                for _ in 0..8 {
                    reclaimed.fetch_add(keyed.reclaim() as u64, Ordering::Relaxed);
                }
                end.wait();
            }
        });
        for _ in 0..rounds {
            start.wait();
            end.wait();
            wrong += u64::from(granted.swap(0, Ordering::Relaxed) != 10);
            clock.advance(Duration::from_millis(1));
        }
    });
    // Counted, not asserted at once: a panic would leave the others at their barrier.
    assert_eq!(wrong, 0, "rounds in which other than ten were granted");
    assert!(reclaimed.into_inner() > 0, "the test is about buckets that go");
}
