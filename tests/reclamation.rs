//! Reclaiming idle keys: nothing is minted, nothing is left behind, and memory follows the keys. (That nobody can tell is
//! in `reclamation_invisible`.)

use std::convert::Infallible;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lazy_limiter::{Algorithm, All, KeyedLimiter, Limit, ManualClock, Rate, TokenBucket, Tokens};

type Manual<K, A> = KeyedLimiter<K, A, Infallible, ManualClock>;

/// A generator whose every run is the same.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Many threads on few keys that fill within a millisecond and have no grace, so that each of them is reclaimed and
/// made again all the time: none grants more than its bucket holds and accrues.
fn race<A: Limit>(policy: impl Fn(&u64) -> A + Send + Sync + 'static, most: impl Fn(Duration) -> u64) {
    const KEYS: usize = 3;
    const THREADS: usize = 8;
    let limiter = KeyedLimiter::builder().grace(Duration::ZERO).build(policy);
    let granted: [AtomicU64; KEYS] = Default::default();
    let (start, barrier) = (Instant::now(), Barrier::new(THREADS));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (limiter, granted, barrier) = (&limiter, &granted, &barrier);
            scope.spawn(move || {
                let mut random = Random(thread as u64);
                for _ in 0..150 {
                    barrier.wait();
                    // All at once, when every key is idle.
                    for call in 0..40 {
                        let key = random.below(KEYS as u64);
                        if thread % 4 == 0 && call % 8 == 0 {
                            limiter.reclaim();
                        }
                        if limiter.try_acquire(&key, 1).is_ok() {
                            granted[key as usize].fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    thread::sleep(Duration::from_micros(1200));
                }
            });
        }
    });
    let most = most(start.elapsed());
    for granted in &granted {
        let granted = granted.load(Ordering::Relaxed);
        assert!(granted <= most, "{granted} granted, and no more than {most} could be");
    }
    let stats = limiter.stats();
    assert!(stats.reclaimed >= 100, "{stats:?}: too few were reclaimed to show anything");
}

#[test]
fn keys_that_are_reclaimed_all_the_time_grant_no_more_than_they_have() {
    let most = |elapsed: Duration| 10 + (elapsed.as_secs_f64() * 10_000.0).ceil() as u64;
    race(|_| TokenBucket::new(10, Rate::per_second(10_000)), most);
    race(|_| All((TokenBucket::new(10, Rate::per_second(10_000)),)), most);
    race(|_| TokenBucket::new(10, Rate::per_second(10_000)).boxed(), most);
}

#[test]
fn whatever_threads_do_to_keys_none_is_left_behind() {
    for round in 0..20 {
        let clock = ManualClock::new();
        let builder = KeyedLimiter::builder().clock(clock.clone()).grace(Duration::ZERO);
        let limiter: Manual<u64, TokenBucket> =
            builder.build(|_| TokenBucket::new(3, Rate::per_second(1000)));
        thread::scope(|scope| {
            for thread in 0..4 {
                let (limiter, clock) = (&limiter, &clock);
                scope.spawn(move || {
                    let mut random = Random(round * 4 + thread);
                    for _ in 0..2000 {
                        let key = random.below(3);
                        match random.below(16) {
                            0..4 => drop(limiter.remove(&key)),
                            4 => drop(limiter.reclaim()),
                            5 => drop(limiter.clear()),
                            6 => clock.advance(Duration::from_millis(1)),
                            7 => drop(limiter.reconfigure(&key, TokenBucket::new(4, Rate::per_second(1000)))),
                            _ => drop(limiter.try_acquire(&key, 1)),
                        }
                    }
                });
            }
        });
        // Every key has a candidate still, by which other calls find it once it is idle; and none has more than one.
        let held = limiter.len() as u64;
        let before = limiter.stats();
        clock.advance(Duration::from_secs(1));
        for key in 1000..1020 {
            limiter.try_acquire(&key, 1).expect("a new key is full");
        }
        let after = limiter.stats();
        assert_eq!(after.reclaimed - before.reclaimed, held, "round {round}");
        assert_eq!(limiter.len(), 20);
        // What removals have left over was dropped without a look at a bucket, each once.
        clock.advance(Duration::from_secs(1));
        assert_eq!(limiter.reclaim(), 20);
        let last = limiter.stats();
        limiter.reclaim();
        assert_eq!(limiter.stats().inspections, last.inspections, "round {round}: candidates without a key");
    }
}

#[test]
fn a_table_that_a_flood_has_grown_shrinks_by_later_calls_alone() {
    let clock = ManualClock::new();
    let builder = KeyedLimiter::builder().clock(clock.clone()).grace(Duration::ZERO);
    let limiter: Manual<u64, TokenBucket> = builder.build(|_| TokenBucket::new(1, Rate::per_second(1)));
    for key in 0..200_000 {
        limiter.try_acquire(&key, 1).expect("a new key is full");
    }
    let flooded = limiter.stats();
    assert_eq!(flooded.len, 200_000);
    assert!(flooded.capacity >= 200_000 && flooded.bytes > 10_000_000, "{flooded:?}");
    // A few keys in use, none of them new; each call at a time of its own.
    for call in 0..600_000u64 {
        clock.advance(Duration::from_micros(10));
        let _ = limiter.try_acquire(&(call % 10), 1);
    }
    let after = limiter.stats();
    assert!(after.len <= 10 && after.reclaimed >= 199_990, "{after:?}");
    assert!(after.capacity <= 32 * 1024 && after.bytes < flooded.bytes / 10, "{after:?}");
    // And it is a table as before.
    for key in 0..1000 {
        let _ = limiter.try_acquire(&key, 1);
    }
    assert!((0..1000).all(|key| limiter.contains_key(&key)));
}

#[test]
fn a_full_pass_and_clearing_give_the_table_back_at_once() {
    let clock = ManualClock::new();
    let builder = KeyedLimiter::builder().clock(clock.clone()).grace(Duration::ZERO);
    let limiter: Manual<u64, TokenBucket> = builder.build(|_| TokenBucket::new(1, Rate::per_second(1)));
    let flood = || (0..100_000).for_each(|key| drop(limiter.try_acquire(&key, 1)));
    flood();
    clock.advance(Duration::from_secs(1));
    assert_eq!(limiter.reclaim(), 100_000);
    let reclaimed = limiter.stats();
    flood();
    assert_eq!(limiter.clear(), 100_000);
    let cleared = limiter.stats();
    for stats in [reclaimed, cleared] {
        assert!(stats.len == 0 && stats.capacity <= 32 * 1024, "{stats:?}");
    }
}

#[test]
fn no_flood_of_new_keys_makes_a_debt_forgotten() {
    for most in [usize::MAX, 1000] {
        let clock = ManualClock::new();
        let builder = KeyedLimiter::builder().clock(clock.clone()).grace(Duration::ZERO).max_keys(most);
        let limiter: Manual<u64, TokenBucket> = builder.build(|_| TokenBucket::new(1, Rate::per_second(1)));
        limiter.charge(&0, 100).expect("an amount");
        limiter.try_acquire(&1, 1).expect("a new key is full");
        for key in 2..100_000 {
            let _ = limiter.try_acquire(&key, 1);
            clock.advance(Duration::from_micros(5));
        }
        // Half a second has passed: less than the debt, and than it takes for the other to be full again.
        assert_eq!(limiter.available(&0), Some(Tokens::ZERO), "{most} keys");
        assert!(limiter.try_acquire(&0, 1).is_err() && limiter.try_acquire(&1, 1).is_err());
    }
}

#[test]
fn room_that_was_asked_for_stays() {
    let builder = KeyedLimiter::builder().clock(ManualClock::new()).with_capacity(100_000);
    let limiter: Manual<u64, TokenBucket> = builder.build(|_| TokenBucket::new(1, Rate::per_second(1)));
    let roomy = limiter.stats().capacity;
    assert!(roomy >= 100_000);
    (0..50_000).for_each(|key| drop(limiter.try_acquire(&key, 1)));
    limiter.clear();
    assert_eq!(limiter.stats().capacity, roomy);
}

#[test]
fn keys_that_are_known_never_notice_those_that_overflow() {
    let clock = ManualClock::new();
    let limiter: Manual<u64, TokenBucket> = KeyedLimiter::builder()
        .clock(clock.clone())
        .grace(Duration::ZERO)
        .max_keys(10)
        .overflow(TokenBucket::new(5, Rate::per_second(1)))
        .build(|_| TokenBucket::new(10, Rate::per_second(1)));
    (0..10).for_each(|key| limiter.try_acquire(&key, 1).expect("there is room"));
    let granted = (100..10_000).filter(|key| limiter.try_acquire(key, 1).is_ok()).count();
    assert_eq!((granted, limiter.len()), (5, 10), "a flood limits itself");
    let refused = limiter.try_acquire(&77, 2).expect_err("five were granted");
    assert_eq!(refused.retry_after(), Some(Duration::from_secs(2)));
    assert_eq!(limiter.time_to_available(&77, 2), Some(Duration::from_secs(2)));
    assert!((0..10).all(|key| limiter.try_acquire(&key, 9).is_ok()), "each of the known has its own");
    // Debts are the overflow's too; what is given back for one that is not held is nobody's.
    limiter.charge(&78, 1).expect("it takes unconditionally");
    limiter.give_back(&78, 1).expect("an amount");
    assert_eq!(limiter.time_to_available(&77, 2), Some(Duration::from_secs(3)));
    assert_eq!(limiter.overflow().map(|overflow| overflow.available()), Some(Tokens::ZERO));
    // Once there is room, the next call has a bucket of its own.
    clock.advance(Duration::from_secs(100));
    limiter.try_acquire(&77, 10).expect("room was made for it");
    limiter.close();
    assert!(limiter.overflow().expect("it has one").try_acquire(1).is_err());
}
