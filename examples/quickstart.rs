//! Five uses in a few seconds: keys, plans, one shared bucket, a limiter of your own, and a mixture.
//!
//! `cargo run --release --example quickstart`

use std::error::Error;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use lazy_limiter::{
    AcquireError, Algorithm, Boxed, KeyedLimiter, Limiter, Rate, RateLimiter, Timestamp, TokenBucket, Tokens,
};
use tokio::task::JoinSet;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let log = Log(Instant::now());
    one_bucket_per_key(log).await?;
    plans_by_key(log);
    one_bucket_shared_by_tasks(log).await?;
    one_bucket_shared_by_threads(log)?;
    a_limiter_of_your_own(log)?;
    a_mixture(log);
    Ok(())
}

/// Alice is rate limited, and Bob is not held up by her.
async fn one_bucket_per_key(log: Log) -> Result<(), Box<dyn Error>> {
    log.title("one bucket per key: 10 at once, then 4 a second");
    let keyed = Arc::new(KeyedLimiter::new(|_: &String| TokenBucket::new(10, Rate::per_second(4))));
    let mut workers = JoinSet::new();
    for user in ["alice", "alice", "bob"] {
        let keyed = keyed.clone();
        workers.spawn(async move {
            for request in 0..6 {
                keyed.acquire(user, 1).await?;
                log.line(format_args!("{user}: request {request}"));
            }
            Ok::<_, AcquireError>(())
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    Ok(())
}

/// The policy looks at the key, and refuses one that it does not know.
fn plans_by_key(log: Log) {
    log.title("plans by key");
    let plans = KeyedLimiter::try_new(|key: &String| match key.split('_').next() {
        Some("free") => Ok(TokenBucket::new(5, Rate::per_second(1))),
        Some("pro") => Ok(TokenBucket::new(20, Rate::per_second(5))),
        _ => Err(format!("unknown plan in {key:?}")),
    });
    for key in ["free_123", "pro_123", "gold_123"] {
        let granted = (0..30).take_while(|_| plans.try_acquire(key, 1).is_ok()).count();
        match plans.try_acquire(key, 1) {
            Err(refused) => log.line(format_args!("{key}: {granted} granted, then: {refused}")),
            Ok(()) => log.line(format_args!("{key}: {granted} granted and more")),
        }
    }
}

/// Twenty-five tasks, ten tokens: the others come in order, one each tenth of a second.
async fn one_bucket_shared_by_tasks(log: Log) -> Result<(), Box<dyn Error>> {
    log.title("one bucket, 25 tasks: 10 at once, then 10 a second");
    let bucket = Arc::new(Limiter::new(TokenBucket::new(10, Rate::per_second(10))));
    let mut calls = JoinSet::new();
    for call in 0..25 {
        let bucket = bucket.clone();
        calls.spawn(async move {
            bucket.acquire(1).await?;
            log.line(format_args!("task {call}: sent"));
            Ok::<_, AcquireError>(())
        });
    }
    while let Some(call) = calls.join_next().await {
        call??;
    }
    Ok(())
}

/// The same bucket under a pool of threads.
fn one_bucket_shared_by_threads(log: Log) -> Result<(), Box<dyn Error>> {
    log.title("one bucket, 25 jobs on 5 threads: 10 at once, then 10 a second");
    let bucket = Limiter::new(TokenBucket::new(10, Rate::per_second(10)));
    thread::scope(|scope| {
        let pool: Vec<_> = (0..5)
            .map(|worker| {
                let bucket = &bucket;
                scope.spawn(move || {
                    for job in 0..5 {
                        bucket.acquire_blocking(1)?;
                        log.line(format_args!("thread {worker}: job {job}"));
                    }
                    Ok::<_, AcquireError>(())
                })
            })
            .collect();
        pool.into_iter().try_for_each(|worker| worker.join().expect("a worker does not panic"))
    })?;
    Ok(())
}

/// Up to `capacity` requests each window, counted from the clock's origin.
#[derive(Clone, Debug)]
struct Window {
    capacity: Tokens,
    length: Duration,
}

#[derive(Clone, Debug)]
struct Used {
    window: u64,
    used: Tokens,
}

impl Window {
    fn at(&self, now: Timestamp) -> u64 {
        now.as_nanos() / self.length.as_nanos() as u64
    }
}

impl Algorithm for Window {
    type State = Used;
    type Cell = Boxed<Used>;

    fn capacity(&self) -> Tokens {
        self.capacity
    }
    fn start(&self, now: Timestamp) -> Used {
        Used { window: self.at(now), used: Tokens::ZERO }
    }
    fn available(&self, state: &Used, now: Timestamp) -> Tokens {
        if self.at(now) > state.window { self.capacity } else { self.capacity - state.used }
    }
    fn consume(&self, state: &Used, n: Tokens, now: Timestamp) -> Used {
        match self.at(now) > state.window {
            true => Used { window: self.at(now), used: n },
            false => Used { window: state.window, used: state.used + n },
        }
    }
    fn time_to_available(&self, state: &Used, n: Tokens, now: Timestamp) -> Option<Duration> {
        let next = Timestamp::ZERO + self.length * (state.window as u32 + 1);
        if n <= self.available(state, now) { Some(Duration::ZERO) } else { Some(next.since(now)) }
    }
    fn give_back(&self, state: &Used, n: Tokens, now: Timestamp) -> Used {
        if self.at(now) > state.window {
            self.start(now)
        } else {
            Used { used: state.used - n, ..state.clone() }
        }
    }
}

/// A fixed window in some thirty lines; it waits, and could be one per key, like any other.
fn a_limiter_of_your_own(log: Log) -> Result<(), Box<dyn Error>> {
    log.title("a limiter of your own: 5 each 300 ms");
    let window = Limiter::new(Window { capacity: Tokens::from(5), length: Duration::from_millis(300) });
    for request in 0..12 {
        window.acquire_blocking(1)?;
        log.line(format_args!("allowed {request}"));
    }
    Ok(())
}

/// Different keys, different kinds.
fn a_mixture(log: Log) {
    log.title("a mixture: bursts here, a steady window there");
    let mixed = KeyedLimiter::new(|key: &String| -> Box<dyn RateLimiter> {
        match key.starts_with("burst-") {
            true => TokenBucket::new(50, Rate::per_second(10)).boxed(),
            false => Window { capacity: Tokens::from(10), length: Duration::from_secs(1) }.boxed(),
        }
    });
    for key in ["burst-42", "user-17"] {
        let granted = (0..100).filter(|_| mixed.try_acquire(key, 1).is_ok()).count();
        log.line(format_args!("{key}: {granted} of 100 granted at once"));
    }
}

/// Prints what was granted when.
#[derive(Clone, Copy)]
struct Log(Instant);

impl Log {
    fn title(self, title: &str) {
        println!("\n{title}");
    }

    fn line(self, line: std::fmt::Arguments<'_>) {
        println!("{:7.3} s  {line}", self.0.elapsed().as_secs_f64());
    }
}
