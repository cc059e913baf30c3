//! A manual clock that counts what is asked of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Waker;
use std::time::Duration;

use lazy_limiter::{Alarm, Clock, ManualClock, Timestamp};

/// Virtual time that counts alarms. Clones share one time and one count.
#[derive(Clone, Debug, Default)]
pub(crate) struct TestClock {
    manual: ManualClock,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    alarms: AtomicUsize,
    held: AtomicUsize,
    most_held: AtomicUsize,
    sleeps: AtomicUsize,
}

impl TestClock {
    pub(crate) fn new() -> TestClock {
        TestClock::default()
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.manual.advance(by);
    }

    /// How often an alarm was armed.
    pub(crate) fn alarms(&self) -> usize {
        self.counts.alarms.load(SeqCst)
    }

    /// How many alarms are in somebody's hands now.
    pub(crate) fn held(&self) -> usize {
        self.counts.held.load(SeqCst)
    }

    /// The most there ever were at once.
    pub(crate) fn most_held(&self) -> usize {
        self.counts.most_held.load(SeqCst)
    }

    /// How often a thread asked how long to sleep.
    pub(crate) fn sleeps(&self) -> usize {
        self.counts.sleeps.load(SeqCst)
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.manual.now()
    }

    fn alarm(&self, at: Timestamp, waker: &Waker) -> Alarm {
        let counts = self.counts.clone();
        counts.alarms.fetch_add(1, SeqCst);
        let held = counts.held.fetch_add(1, SeqCst) + 1;
        counts.most_held.fetch_max(held, SeqCst);
        let alarm = self.manual.alarm(at, waker);
        Alarm::new(move || {
            drop(alarm);
            counts.held.fetch_sub(1, SeqCst);
        })
    }

    fn sleep(&self, at: Timestamp) -> Option<Duration> {
        self.counts.sleeps.fetch_add(1, SeqCst);
        self.manual.sleep(at)
    }
}
