//! A thread that waits sleeps.
#![cfg(target_os = "linux")]

use std::time::Duration;

use lazy_limiter::{Clock, KeyedLimiter, Limiter, ManualClock, MonotonicClock, Rate, TokenBucket};

use super::support::{eventually, join};

/// Real time in which they have nothing to do.
const IDLE: Duration = Duration::from_millis(200);
/// One that spins through it takes far more, even on a busy machine, and one that sleeps far less.
const MOST: Duration = Duration::from_millis(20);

/// The processor time that this thread has used.
fn used() -> Duration {
    // Its first number is nanoseconds on a processor.
    if let Ok(stat) = std::fs::read_to_string("/proc/thread-self/schedstat")
        && let Some(nanos) = stat.split(' ').next().and_then(|nanos| nanos.parse().ok())
    {
        return Duration::from_nanos(nanos);
    }
    // Else user and system time, the 14th and 15th field, in hundredths of a second; the name, the second one,
    // may have spaces in it.
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let fields = stat.rsplit(')').next().unwrap().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(10 * ticks)
}

/// What `wait`, which ends by itself or by `end`, uses of the processor.
fn of(wait: impl FnOnce() + Send + 'static) -> std::thread::JoinHandle<Duration> {
    std::thread::spawn(move || {
        let before = used();
        wait();
        used() - before
    })
}

/// A token each [`IDLE`].
fn bucket() -> TokenBucket {
    TokenBucket::new(3, Rate::new(1, IDLE)).starting_tokens(0)
}

#[test]
fn one_who_spins_would_be_noticed() {
    let start = std::time::Instant::now();
    let spin = of(move || while start.elapsed() < IDLE {});
    assert!(join(spin) > MOST);
}

fn head_and_follower_sleep<C: Clock + Clone>(clock: C, after_a_while: impl Fn()) {
    let limiter = std::sync::Arc::new(Limiter::with_clock(bucket(), clock.clone()));
    let keyed = std::sync::Arc::new(KeyedLimiter::builder().clock(clock).build(|_: &u64| bucket()));
    let mut waiters = Vec::new();
    for place in 1..=3 {
        let (one, many) = (limiter.clone(), keyed.clone());
        waiters.push(of(move || one.acquire_blocking(1).unwrap()));
        waiters.push(of(move || many.acquire_blocking_timeout(&1, 1, 600 * IDLE).unwrap()));
        eventually(|| limiter.waiting() == place && keyed.waiting(&1) == place);
    }
    std::thread::sleep(IDLE);
    after_a_while();
    for waiter in waiters {
        let used = join(waiter);
        assert!(used < MOST, "{used:?}");
    }
}

#[test]
fn threads_that_wait_in_real_time_sleep() {
    let clock = MonotonicClock::new();
    let limiter = Limiter::with_clock(bucket(), clock);
    let alone = of(move || limiter.acquire_blocking(1).unwrap());
    assert!(join(alone) < MOST);
}

#[test]
fn the_head_of_a_line_and_those_behind_it_sleep() {
    let clock = ManualClock::new();
    head_and_follower_sleep(clock.clone(), || clock.advance(3 * IDLE));
}
