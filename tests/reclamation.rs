//! Reclaiming idle keys: nobody can tell, nothing is minted, nothing is left behind, and memory follows the keys.

use std::convert::Infallible;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lazy_limiter::{
    Algorithm, All, Boxed, FixedWindow, KeyedLimiter, Limit, ManualClock, Rate, RateLimiter, SlidingWindow,
    SlidingWindowCounter, Timestamp, TokenBucket, Tokens,
};

type Manual<K, A> = KeyedLimiter<K, A, Infallible, ManualClock>;

/// A generator whose every run is the same.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Half a token each 10 ms, up to five, in a state that fits no word: an algorithm as a user would write it.
struct Leaky;

#[derive(Clone)]
struct Level {
    halves: [u64; 1],
    since: Timestamp,
}

const STEP: Duration = Duration::from_millis(10);

impl Leaky {
    fn halves(&self, state: &Level, now: Timestamp) -> u64 {
        let steps = now.since(state.since).as_nanos() / STEP.as_nanos();
        (state.halves[0] + steps as u64).min(10)
    }

    fn with(&self, state: &Level, halves: u64, now: Timestamp) -> Level {
        // Steps are counted from the clock's origin, so that a full state is like a new one.
        let into = now.as_nanos() % STEP.as_nanos() as u64;
        Level { halves: [halves], since: Timestamp::from_nanos(now.as_nanos() - into).max(state.since) }
    }
}

impl Algorithm for Leaky {
    type State = Level;
    type Cell = Boxed<Level>;

    fn capacity(&self) -> Tokens {
        5.into()
    }

    fn start(&self, now: Timestamp) -> Level {
        self.with(&Level { halves: [10], since: Timestamp::ZERO }, 10, now)
    }

    fn available(&self, state: &Level, now: Timestamp) -> Tokens {
        (self.halves(state, now) as f64 / 2.0).into()
    }

    fn consume(&self, state: &Level, n: Tokens, now: Timestamp) -> Level {
        let taken = (n.as_f64() * 2.0).ceil() as u64;
        self.with(state, self.halves(state, now).saturating_sub(taken), now)
    }

    fn time_to_available(&self, state: &Level, n: Tokens, now: Timestamp) -> Option<Duration> {
        let wanted = (n.as_f64() * 2.0).ceil() as u64;
        let missing = wanted.saturating_sub(self.halves(state, now));
        let due = state.since + STEP * (wanted.saturating_sub(state.halves[0])) as u32;
        Some(if missing == 0 { Duration::ZERO } else { due.since(now) })
    }

    fn give_back(&self, state: &Level, n: Tokens, now: Timestamp) -> Level {
        let given = (n.as_f64() * 2.0).floor() as u64;
        self.with(state, (self.halves(state, now) + given).min(10), now)
    }
}

/// The same calls to a limiter that reclaims before each, and to one that never does: the same answers.
fn same_answers<A: Limit>(name: &str, policy: impl Fn(&u64) -> A + Clone + Send + Sync + 'static) {
    let clock = ManualClock::new();
    let limiter = |grace| -> Manual<u64, A> {
        KeyedLimiter::builder().clock(clock.clone()).grace(grace).build(policy.clone())
    };
    let (reclaiming, keeping) = (limiter(Duration::ZERO), limiter(Duration::from_secs(1_000_000)));
    let (mut random, mut reclaimed) = (Random(7), 0);
    for step in 0..20_000 {
        reclaimed += reclaiming.reclaim();
        let key = random.below(4);
        let n = Tokens::from(random.below(12) as f64 / 2.0);
        let answers = [&reclaiming, &keeping].map(|limiter| match step % 8 {
            0 => format!("{:?}", limiter.give_back(&key, n)),
            1 => format!("{:?}", limiter.charge(&key, n)),
            // More than that is known to be too much only of a key that is held.
            2 => format!("{:?}", limiter.time_to_available(&key, n.min(5.into()))),
            _ => format!("{:?}", limiter.try_acquire(&key, n)),
        });
        assert_eq!(answers[0], answers[1], "{name}, step {step}: reclaiming against keeping");
        clock.advance(Duration::from_micros(random.below(40) * random.below(1000)));
    }
    assert!(reclaimed > 500, "{name}: only {reclaimed} were reclaimed, which shows little");
    assert_eq!(reclaiming.stats().reclaimed as usize, reclaimed);
    assert_eq!((keeping.len(), keeping.stats().reclaimed), (4, 0));
}

#[test]
fn a_reclaimed_bucket_answers_as_one_that_was_kept() {
    let rate = || Rate::per_second(100);
    let window = Duration::from_millis(50);
    same_answers("token bucket", move |_| TokenBucket::new(5, rate()));
    same_answers("fixed window", move |_| FixedWindow::new(5, window));
    same_answers("sliding window", move |_| SlidingWindow::new(5, window));
    same_answers("sliding window counter", move |_| SlidingWindowCounter::new(5, window));
    same_answers("all", move |_| All((TokenBucket::new(5, rate()), FixedWindow::new(7, window * 3))));
    same_answers("an algorithm of one's own", |_| Leaky);
    same_answers("several kinds", move |key| -> Box<dyn RateLimiter> {
        match key {
            0 => Leaky.boxed(),
            1 => FixedWindow::new(5, window).boxed(),
            _ => TokenBucket::new(5, rate()).boxed(),
        }
    });
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
