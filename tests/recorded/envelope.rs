//! Every grant with the instant that its limiter was told, against the envelope that each algorithm's documentation
//! promises.

use std::cell::Cell;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use lazy_limiter::{
    Algorithm, All, Clock, FixedWindow, Limiter, ManualClock, Rate, SlidingWindow, SlidingWindowCounter,
    Timestamp, TokenBucket,
};

const CAPACITY: u64 = 20;
const WINDOW: Duration = Duration::from_millis(50);
const THREADS: usize = 4;

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

/// `(instant, amount)` of every grant, in order of the instants.
fn record(algorithm: impl Algorithm) -> Vec<(u64, u64)> {
    let clock = ManualClock::new();
    let limiter = Limiter::with_clock(algorithm, Recorder(clock.clone()));
    let steps = 400;
    let barrier = Barrier::new(THREADS + 1);
    let mut grants: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (limiter, barrier) = (&limiter, &barrier);
                scope.spawn(move || {
                    let mut grants = Vec::new();
                    for step in 0..steps {
                        barrier.wait();
                        // The clock moves while they take.
                        for take in 0..6 {
                            let n = 1 + ((step + take + thread) % 3) as u64;
                            if limiter.try_acquire(n).is_ok() {
                                grants.push((TOLD.get(), n));
                            }
                        }
                    }
                    grants
                })
            })
            .collect();
        for step in 0..steps {
            barrier.wait();
            clock.advance(Duration::from_micros(if step % 50 == 49 { 130_000 } else { 777 }));
        }
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    grants.sort_unstable();
    assert!(grants.len() > 50, "the run is to be about grants: {}", grants.len());
    grants
}

/// The most that was granted in any span that starts with a grant and is shorter than `span`.
fn most_within(grants: &[(u64, u64)], span: Duration) -> u64 {
    let span = span.as_nanos() as u64;
    let from = |first: usize| grants[first..].iter().take_while(move |(at, _)| at - grants[first].0 < span);
    (0..grants.len()).map(|first| from(first).map(|(_, n)| n).sum()).max().unwrap_or(0)
}

/// `capacity + rate × span` between any two grants.
fn within_the_envelope(grants: &[(u64, u64)], per_second: u64) {
    for (first, (start, _)) in grants.iter().enumerate() {
        let mut granted = 0;
        for (at, n) in &grants[first..] {
            granted += n;
            let most = u128::from(CAPACITY) * 1_000_000_000 + u128::from(per_second) * u128::from(at - start);
            assert!(u128::from(granted) * 1_000_000_000 <= most, "{granted} from {start} to {at}");
        }
    }
}

fn bucket() -> TokenBucket {
    TokenBucket::new(CAPACITY, Rate::per_second(2000))
}

#[test]
fn a_token_bucket_grants_its_capacity_and_what_accrues() {
    within_the_envelope(&record(bucket()), 2000);
}

#[test]
fn a_fixed_window_grants_its_capacity_in_each_window_and_twice_that_across_a_boundary() {
    let grants = record(FixedWindow::new(CAPACITY, WINDOW));
    for window in grants.chunk_by(|a, b| a.0 / 50_000_000 == b.0 / 50_000_000) {
        assert!(window.iter().map(|(_, n)| n).sum::<u64>() <= CAPACITY, "{window:?}");
    }
    assert!(most_within(&grants, WINDOW) <= 2 * CAPACITY);
}

#[test]
fn a_sliding_window_grants_its_capacity_in_any_window() {
    assert!(most_within(&record(SlidingWindow::new(CAPACITY, WINDOW)), WINDOW) <= CAPACITY);
}

#[test]
fn a_sliding_window_counter_grants_at_most_twice_its_capacity_in_any_window() {
    assert!(most_within(&record(SlidingWindowCounter::new(CAPACITY, WINDOW)), WINDOW) <= 2 * CAPACITY);
}

#[test]
fn several_limits_as_one_keep_each_of_their_promises() {
    let grants = record(All((bucket(), SlidingWindow::new(CAPACITY, WINDOW))));
    within_the_envelope(&grants, 2000);
    assert!(most_within(&grants, WINDOW) <= CAPACITY);
}
