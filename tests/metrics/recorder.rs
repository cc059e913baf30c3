//! What a recorder of the facade is told.

use std::sync::Arc;
use std::time::Duration;

use ::metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use lazy_limiter::{KeyedLimiter, Limiter, ManualClock, Rate, TokenBucket, Unlimited, metrics};

use crate::support::{Memory, totals};

#[test]
fn all_under_the_limiters_name() {
    let clock = ManualClock::new();
    let memory = Memory::default();
    let limiter =
        Limiter::builder().name("told").clock(clock.clone()).build(TokenBucket::new(3, Rate::per_second(1)));
    // Before there is a recorder.
    limiter.try_acquire(2).unwrap();
    ::metrics::with_local_recorder(&memory, || {
        limiter.try_acquire(1).unwrap();
        limiter.try_acquire(1).unwrap_err();
        limiter.try_acquire(9).unwrap_err();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                ::metrics::with_local_recorder(&memory, || limiter.acquire_blocking(2).unwrap());
            });
            while limiter.waiting() == 0 {
                std::thread::yield_now();
            }
            limiter.record_gauges();
            clock.advance(Duration::from_millis(2500));
            waiting.join().unwrap();
        });
        metrics::flush();
    });
    assert_eq!(memory.last("granted_total{limiter=told}"), Some(3.0));
    assert_eq!(memory.last("refused_total{limiter=told,reason=denied}"), Some(1.0));
    assert_eq!(memory.last("refused_total{limiter=told,reason=exceeds_capacity}"), Some(1.0));
    assert_eq!(memory.last("refused_total{limiter=told,reason=closed}"), None);
    assert_eq!(memory.last("waited_total{limiter=told}"), Some(1.0));
    assert_eq!(memory.all("wait_seconds{limiter=told}"), [2.5]);
    assert_eq!(memory.last("waiting{limiter=told}"), Some(1.0));
}

#[test]
fn keys_as_of_when_they_are_recorded() {
    let memory = Memory::default();
    let clock = ManualClock::new();
    let keys = KeyedLimiter::builder()
        .name("told/keys")
        .clock(clock.clone())
        .build(|_: &u64| TokenBucket::new(1, Rate::ZERO));
    (0..17).for_each(|key| keys.try_acquire(&key, 1).unwrap());
    ::metrics::with_local_recorder(&memory, || {
        keys.record_gauges();
        keys.remove(&3);
        keys.try_acquire(&99, 1).unwrap();
        keys.give_back(&99, 1).unwrap();
        clock.advance(Duration::from_secs(60));
        assert_eq!(keys.reclaim(), 1);
        keys.record_gauges();
        Limiter::new(Unlimited).record_gauges();
    });
    assert_eq!(memory.all("keys{limiter=told/keys}"), [17.0, 16.0]);
    assert_eq!(memory.all("reclaimed_total{limiter=told/keys}"), [0.0, 1.0]);
}

/// A recorder that is itself limited, by a limiter that is counted.
struct Limited(Arc<Limiter<Unlimited>>);

impl Recorder for Limited {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        self.0.try_acquire(1).unwrap();
        Counter::noop()
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn a_recorder_may_use_a_limiter() {
    let limiter = Arc::new(Limiter::builder().name("recursive").build(Unlimited));
    let recorder = Limited(limiter.clone());
    ::metrics::with_local_recorder(&recorder, || {
        limiter.try_acquire(1).unwrap();
    });
    assert_eq!(totals("recursive").granted, 2);
}

#[test]
fn a_recorder_that_panics_is_told_again() {
    struct Panics;
    impl Recorder for Panics {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            panic!("a recorder's own affair")
        }
        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }
    let limiter = Limiter::builder().name("panics").build(Unlimited);
    let call = || ::metrics::with_local_recorder(&Panics, || limiter.try_acquire(1));
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).unwrap_err();
    let memory = Memory::default();
    ::metrics::with_local_recorder(&memory, || {
        limiter.try_acquire(1).unwrap();
        metrics::flush();
    });
    assert_eq!(memory.last("granted_total{limiter=panics}"), Some(2.0));
}
