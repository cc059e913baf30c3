//! The runs: threads and tasks on the library's limiters, in real time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use futures_lite::future::{block_on, poll_once};
use lazy_limiter::{AcquireError, Algorithm, KeyedLimiter, Limiter, Rate, TokenBucket};

use super::chain::{Chain, chains};
use super::diary::{Act, Diary, Log, Narrow, Plain, Tag, Wide};
use super::ideal::Policy;
use super::narrow::{TICK, Ticks};

const THREADS: usize = 4;

/// A token each ten microseconds: most calls are refused or wait, and not for long.
const EXACT: Policy = Policy { capacity: 20, each: 10_000, grain: 1 };
const COARSE: Policy = Policy { grain: TICK, ..EXACT };

fn bucket() -> TokenBucket {
    TokenBucket::new(EXACT.capacity, Rate::new(1, Duration::from_nanos(EXACT.each)))
}

fn ticks() -> Ticks {
    Ticks { capacity: COARSE.capacity, each: COARSE.each / TICK }
}

pub(crate) fn length() -> Duration {
    let seconds =
        std::env::var("RECORDED_SECONDS").map_or(0.4, |text| text.parse().expect("a number of seconds"));
    Duration::from_secs_f64(seconds)
}

/// A pseudo-random number below `below`.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// What callers were told.
#[derive(Debug, Default)]
struct Told {
    granted: AtomicUsize,
    given: AtomicUsize,
    charged: AtomicUsize,
    /// Futures that were dropped while they waited: some may have been granted.
    dropped: AtomicUsize,
}

/// The verbs, on a limiter or on one of a few keys.
trait Subject: Sync {
    fn try_acquire(&self, key: u64, n: u64) -> Result<(), AcquireError>;
    fn block(&self, key: u64, n: u64, timeout: Duration) -> Result<(), AcquireError>;
    fn wait(&self, key: u64, n: u64, timeout: Duration) -> impl Future<Output = Result<(), AcquireError>>;
    fn give_back(&self, key: u64, n: u64);
    fn charge(&self, key: u64, n: u64);
    fn reclaim(&self);
}

impl<A: Algorithm> Subject for Limiter<A> {
    fn try_acquire(&self, _: u64, n: u64) -> Result<(), AcquireError> {
        self.try_acquire(n)
    }
    fn block(&self, _: u64, n: u64, timeout: Duration) -> Result<(), AcquireError> {
        self.acquire_blocking_timeout(n, timeout)
    }
    fn wait(&self, _: u64, n: u64, timeout: Duration) -> impl Future<Output = Result<(), AcquireError>> {
        self.acquire_timeout(n, timeout)
    }
    fn give_back(&self, _: u64, n: u64) {
        self.give_back(n).expect("an amount");
    }
    fn charge(&self, _: u64, n: u64) {
        self.charge(n).expect("an amount");
    }
    fn reclaim(&self) {}
}

impl<A: Algorithm> Subject for KeyedLimiter<u64, A> {
    fn try_acquire(&self, key: u64, n: u64) -> Result<(), AcquireError> {
        self.try_acquire(&key, n)
    }
    fn block(&self, key: u64, n: u64, timeout: Duration) -> Result<(), AcquireError> {
        self.acquire_blocking_timeout(&key, n, timeout)
    }
    async fn wait(&self, key: u64, n: u64, timeout: Duration) -> Result<(), AcquireError> {
        self.acquire_timeout(&key, n, timeout).await
    }
    fn give_back(&self, key: u64, n: u64) {
        self.give_back(&key, n).expect("an amount");
    }
    fn charge(&self, key: u64, n: u64) {
        self.charge(&key, n).expect("an amount");
    }
    fn reclaim(&self) {
        self.reclaim();
    }
}

/// What the threads of a run do.
#[derive(Clone, Copy, PartialEq)]
enum Repertoire {
    /// Only what makes a word rise, in one step.
    Rising,
    All,
}

fn turn(subject: &impl Subject, told: &Told, repertoire: Repertoire, random: &mut Random) {
    let (key, n) = (random.below(3), 1 + random.below(5));
    let timeout = Duration::from_nanos(random.below(300_000));
    let acts = if repertoire == Repertoire::Rising { 7 } else { 12 };
    let result = match random.below(acts) {
        0..5 => subject.try_acquire(key, n),
        5 => {
            (0..random.below(20_000)).for_each(|_| std::hint::spin_loop());
            return;
        }
        6 => {
            subject.charge(key, n);
            told.charged.fetch_add(1, Ordering::Relaxed);
            return;
        }
        7 => subject.block(key, n, timeout),
        8 => block_on(subject.wait(key, n, timeout)),
        9 => {
            subject.give_back(key, n);
            told.given.fetch_add(1, Ordering::Relaxed);
            return;
        }
        10 => {
            subject.reclaim();
            return;
        }
        // Dropped while it waits, at once or a little later.
        _ => {
            let mut future = Box::pin(subject.wait(key, n, Duration::from_secs(1)));
            let polled = block_on(poll_once(&mut future));
            (0..random.below(2000)).for_each(|_| std::hint::spin_loop());
            polled.unwrap_or_else(|| {
                told.dropped.fetch_add(1, Ordering::Relaxed);
                Err(AcquireError::Denied { retry_after: None })
            })
        }
    };
    match result {
        Ok(()) => _ = told.granted.fetch_add(1, Ordering::Relaxed),
        Err(AcquireError::Denied { .. } | AcquireError::TimedOut { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

fn run(subject: &impl Subject, log: &Log, repertoire: Repertoire) -> Told {
    let (told, end) = (Told::default(), std::time::Instant::now() + length());
    thread::scope(|scope| {
        for thread in 1..=THREADS {
            let told = &told;
            scope.spawn(move || {
                log.enter(thread);
                let mut random = Random(0x9e37_79b9_7f4a_7c15 + thread as u64);
                while std::time::Instant::now() < end && !log.is_full() {
                    turn(subject, told, repertoire, &mut random);
                    match repertoire {
                        Repertoire::Rising => log.done_at_last(),
                        Repertoire::All => log.done(),
                    }
                }
            });
        }
    });
    log.done();
    told
}

/// The records of a run make one chain for each bucket, each step is what the sequential algorithm does, and the
/// callers were told what is in it.
fn check(log: &Log, last: &[u64], told: &Told, policy: Policy, repertoire: Repertoire) -> Vec<Chain> {
    let chains = chains(&log.steps(), last).unwrap_or_else(|wrong| panic!("{wrong}"));
    for chain in &chains {
        let followed = chain.follows(policy).and_then(|()| chain.agrees_with_real_time());
        followed.unwrap_or_else(|wrong| panic!("{wrong}"));
        if repertoire == Repertoire::Rising {
            chain.stays_within(policy).unwrap_or_else(|wrong| panic!("{wrong}"));
        }
    }
    let count = |act: Act| chains.iter().map(|chain| chain.count(act)).sum::<usize>();
    let [granted, given, charged, dropped] =
        [&told.granted, &told.given, &told.charged, &told.dropped].map(|told| told.load(Ordering::Relaxed));
    assert_eq!(count(Act::Charge), charged);
    // A grant that nobody heard of was given back.
    let unheard = count(Act::Take).checked_sub(granted).expect("more were told than granted");
    assert!(unheard <= dropped, "{unheard} grants that nobody was told of, {dropped} dropped");
    // What is given back to a key that is not held is not written down.
    let at_most = given + unheard;
    assert!((unheard..=at_most).contains(&count(Act::GiveBack)), "{} given back", count(Act::GiveBack));
    assert!(granted > 100, "the run is to be about grants: {granted}");
    println!(
        "{} buckets, {} steps in order: {granted} grants heard of and {unheard} not, {charged} charges, {given} given back, {} refusals",
        chains.len(),
        chains.iter().map(|chain| chain.writes().count()).sum::<usize>(),
        count(Act::Refuse),
    );
    chains
}

fn one<A: Algorithm, T: Tag<A::State>>(algorithm: A, policy: Policy, repertoire: Repertoire) {
    let log = Log::new(THREADS + 1);
    let limiter = Limiter::new(Diary::<A, T>::new(algorithm, &log));
    let told = run(&limiter, &log, repertoire);
    let last = limiter.inspect(|_, state, _| T::number(state));
    let chains = check(&log, &[last], &told, policy, repertoire);
    assert_eq!((chains.len(), limiter.waiting()), (1, 0));
}

fn keyed<A: Algorithm + Clone, T: Tag<A::State>>(algorithm: A, policy: Policy) {
    let log = Log::new(THREADS + 1);
    let diary = log.clone();
    let keys = KeyedLimiter::builder()
        .grace(Duration::ZERO)
        .build(move |_: &u64| Diary::<A, T>::new(algorithm.clone(), &diary));
    let told = run(&keys, &log, Repertoire::All);
    let last: Vec<_> = (0..3).filter_map(|key| keys.inspect(&key, |_, state, _| T::number(state))).collect();
    check(&log, &last, &told, policy, Repertoire::All);
    assert!((0..3).all(|key| keys.waiting(&key) == 0));
}

#[test]
fn a_token_bucket_in_its_word() {
    one::<_, Plain>(bucket(), EXACT, Repertoire::Rising);
}

#[test]
fn a_token_bucket_behind_a_pointer() {
    one::<_, Wide>(bucket(), EXACT, Repertoire::All);
}

#[test]
fn a_small_bucket_in_one_word() {
    one::<_, Narrow>(ticks(), COARSE, Repertoire::All);
}

#[test]
fn keys_behind_pointers_that_come_and_go() {
    keyed::<_, Wide>(bucket(), EXACT);
}

#[test]
fn keys_in_one_word_that_come_and_go() {
    keyed::<_, Narrow>(ticks(), COARSE);
}
