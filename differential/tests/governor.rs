//! The same random traces, on fake clocks, through both. `DIFFERENTIAL_STEPS` says how many steps (a million each, by
//! default).

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, FakeRelativeClock};
use governor::{NotUntil, Quota, RateLimiter};
use lazy_limiter::{AcquireError, KeyedLimiter, Limiter, ManualClock, Rate, TokenBucket};

/// A pseudo-random number below `below`.
struct Random(u64);

impl Random {
    fn below(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

fn steps() -> u64 {
    std::env::var("DIFFERENTIAL_STEPS").map_or(1_000_000, |text| text.parse().expect("a number of steps"))
}

/// `(capacity, nanoseconds a token)`.
const POLICIES: [(u32, u64); 10] = [
    (1, 1),
    (1, 1_000_000_000),
    (3, 7),
    (5, 333_333_333),
    (10, 1_000_000),
    (17, 999_999_937),
    (100, 12_345),
    (1000, 3),
    (1_000_000, 100),
    (4_000_000_000, 2),
];

/// Two clocks that show the same time.
struct Clocks(ManualClock, FakeRelativeClock);

impl Clocks {
    fn new() -> Clocks {
        Clocks(ManualClock::new(), FakeRelativeClock::default())
    }

    fn advance(&self, nanos: u64) {
        self.0.advance(Duration::from_nanos(nanos));
        self.1.advance(Duration::from_nanos(nanos));
    }

    /// What governor says, in our words.
    fn translated<P>(
        &self,
        said: Result<Result<(), NotUntil<P>>, governor::InsufficientCapacity>,
        n: u32,
    ) -> Result<(), AcquireError>
    where
        P: governor::clock::Reference,
        FakeRelativeClock: governor::clock::Clock<Instant = P>,
    {
        match said {
            Ok(Ok(())) => Ok(()),
            Ok(Err(until)) => {
                Err(AcquireError::Denied { retry_after: Some(until.wait_time_from(self.1.now())) })
            }
            Err(governor::InsufficientCapacity(most)) => Err(AcquireError::ExceedsCapacity {
                requested: u64::from(n).into(),
                capacity: u64::from(most).into(),
            }),
        }
    }
}

/// The next amount, and how far time moves afterwards.
fn draw(random: &mut Random, capacity: u32) -> u32 {
    let capacity = u64::from(capacity);
    let n = match random.below(8) {
        0..4 => 1,
        4 => 1 + random.below(capacity),
        5 => 1 + random.below(capacity.min(4)),
        6 => capacity,
        _ => capacity + random.below(2),
    };
    n as u32
}

/// To the very moment of the hint, just before it, a little on, or far.
fn pause(random: &mut Random, answer: &Result<(), AcquireError>, each: u64, capacity: u32) -> u64 {
    let hint = answer.as_ref().err().and_then(AcquireError::retry_after).map(|hint| hint.as_nanos() as u64);
    match (random.below(8), hint) {
        (0, Some(hint)) => hint - 1,
        (1..3, Some(hint)) => hint,
        (3..5, _) => 0,
        (5, _) => random.below(3 * each),
        (6, _) => random.below(each * u64::from(capacity).min(1000)),
        (7, _) if random.below(50) == 0 => 2 * each * u64::from(capacity) + random.below(each),
        _ => random.below(each.div_ceil(2)),
    }
}

fn quota(capacity: u32, each: u64) -> Quota {
    let most = NonZeroU32::new(capacity).expect("not zero");
    Quota::with_period(Duration::from_nanos(each)).expect("not zero").allow_burst(most)
}

fn bucket(capacity: u32, each: u64) -> TokenBucket {
    TokenBucket::new(u64::from(capacity), Rate::new(1, Duration::from_nanos(each)))
}

#[test]
fn one_limiter_answers_and_hints_alike_to_the_nanosecond() {
    let mut granted = 0;
    for (at, (capacity, each)) in POLICIES.into_iter().enumerate() {
        let (clocks, mut random) = (Clocks::new(), Random(0x9e37_79b9 + at as u64));
        let ours = Limiter::with_clock(bucket(capacity, each), clocks.0.clone());
        let theirs = RateLimiter::direct_with_clock(quota(capacity, each), clocks.1.clone());
        for step in 0..steps() / POLICIES.len() as u64 {
            let n = draw(&mut random, capacity);
            let said = theirs.check_n(NonZeroU32::new(n).expect("not zero"));
            let said = clocks.translated(said, n);
            let answer = ours.try_acquire(u64::from(n));
            assert_eq!(answer, said, "step {step} of {capacity} at a token each {each} ns, for {n}");
            granted += u64::from(answer.is_ok());
            clocks.advance(pause(&mut random, &answer, each, capacity));
        }
    }
    println!("{} steps, {granted} granted: alike", steps());
    assert!(granted > steps() / 10 && granted < steps() / 10 * 9, "both answers are to be tried: {granted}");
}

#[test]
fn keys_answer_alike_whoever_drops_them_and_when() {
    let (mut granted, mut reclaimed, mut most) = (0, 0, 0);
    for (at, (capacity, each)) in POLICIES.into_iter().enumerate() {
        let (clocks, mut random) = (Clocks::new(), Random(0x7f4a_7c15 + at as u64));
        let grace = Duration::from_nanos(if at % 2 == 0 { 0 } else { each });
        let ours = KeyedLimiter::builder()
            .clock(clocks.0.clone())
            .grace(grace)
            .build(move |_: &u64| bucket(capacity, each));
        let theirs = RateLimiter::dashmap_with_clock(quota(capacity, each), clocks.1.clone());
        for step in 0..steps() / POLICIES.len() as u64 {
            // A few keys that are used all the time, and some that come once in a while.
            let key = if random.below(4) == 0 { random.below(300) } else { random.below(4) };
            let n = draw(&mut random, capacity);
            let said = theirs.check_key_n(&key, NonZeroU32::new(n).expect("not zero"));
            let said = clocks.translated(said, n);
            let answer = ours.try_acquire(&key, u64::from(n));
            assert_eq!(
                answer, said,
                "step {step} of {capacity} at a token each {each} ns, key {key} for {n}"
            );
            granted += u64::from(answer.is_ok());
            clocks.advance(pause(&mut random, &answer, each, capacity));
            match random.below(200) {
                0 => theirs.retain_recent(),
                1 => reclaimed += ours.reclaim(),
                _ => {}
            }
            most = most.max(ours.len());
        }
        // Both end with nothing.
        clocks.advance(3 * each * (u64::from(capacity) + 1));
        theirs.retain_recent();
        reclaimed += ours.reclaim();
        assert_eq!((ours.len(), theirs.len()), (0, 0));
    }
    println!("{} steps, {granted} granted, up to {most} keys, {reclaimed} dropped at once: alike", steps());
    assert!(granted > steps() / 10 && reclaimed > 100, "{granted} granted, {reclaimed} reclaimed");
}

/// Three hundred million a second are a token each 3⅓ ns: governor makes it 3 ns, and grants a ninth more.
#[test]
fn a_rate_that_is_no_whole_number_of_nanoseconds_is_exact_here_and_rounded_there() {
    const MANY: u32 = 1000;
    for (per_second, each) in [(300_000_000, 3), (600_000_000, 1), (3, 333_333_333), (7_000, 142_857)] {
        let clocks = Clocks::new();
        let bucket = TokenBucket::new(u64::from(MANY), Rate::per_second(u64::from(per_second)));
        let ours = Limiter::with_clock(bucket, clocks.0.clone());
        let many = NonZeroU32::new(MANY).expect("not zero");
        let quota = Quota::per_second(NonZeroU32::new(per_second).expect("not zero")).allow_burst(many);
        let theirs = RateLimiter::direct_with_clock(quota, clocks.1.clone());
        // All there is, and how long until as much has come again.
        let hint = |answer: Result<(), AcquireError>| {
            answer.expect_err("nothing is left").retry_after().expect("it comes").as_nanos() as u64
        };
        assert_eq!(ours.try_acquire(u64::from(MANY)), Ok(()));
        assert_eq!(clocks.translated(theirs.check_n(many), MANY), Ok(()));
        let exact = (u64::from(MANY) * 1_000_000_000).div_ceil(u64::from(per_second));
        assert_eq!(hint(ours.try_acquire(u64::from(MANY))), exact);
        assert_eq!(hint(clocks.translated(theirs.check_n(many), MANY)), u64::from(MANY) * each);
    }
}
