//! Clocks for models.

use core::task::Waker;
use core::time::Duration;
use std::sync::Arc;

use crate::Timestamp;
use crate::checker::sync::atomic::{AtomicU64, Ordering};

/// The library's trait.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Timestamp;

    fn alarm(&self, at: Timestamp, waker: &Waker) -> Alarm;

    fn sleep(&self, _: Timestamp) -> Option<Duration> {
        None
    }

    fn slack(&self) -> Duration {
        Duration::ZERO
    }
}

/// Every alarm here has gone off when it is made.
#[derive(Debug)]
pub struct Alarm;

/// Time stands still: nobody has a date to sleep until.
#[derive(Clone, Copy, Debug, Default)]
pub struct MonotonicClock;

impl MonotonicClock {
    pub fn new() -> MonotonicClock {
        MonotonicClock
    }
}

impl Clock for MonotonicClock {
    fn now(&self) -> Timestamp {
        Timestamp::ZERO
    }

    /// "Now" is all that anybody can sleep until: tokens have come between two looks.
    fn alarm(&self, at: Timestamp, waker: &Waker) -> Alarm {
        assert_eq!(at, Timestamp::ZERO);
        waker.wake_by_ref();
        Alarm
    }
}

/// Time jumps to the date of whoever goes to sleep until one.
#[derive(Clone, Debug)]
pub(crate) struct Jumping(Arc<AtomicU64>);

impl Jumping {
    pub(crate) fn new() -> Jumping {
        Jumping(Arc::new(AtomicU64::new(0)))
    }

    pub(crate) fn jump(&self, at: Timestamp) {
        self.0.fetch_max(at.as_nanos(), Ordering::SeqCst);
    }
}

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.load(Ordering::SeqCst))
    }

    fn alarm(&self, at: Timestamp, waker: &Waker) -> Alarm {
        self.jump(at);
        waker.wake_by_ref();
        Alarm
    }
}
