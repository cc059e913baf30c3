//! [`LimiterBuilder`]: makes a [`Limiter`] that differs from the default.

use parking_lot::Mutex;

use super::Limiter;
use super::current::Current;
use crate::kernel::Limit;
use crate::kernel::bucket::Bucket;
use crate::kernel::cell::Flags;
use crate::kernel::line::Line;
use crate::meter::Meter;
use crate::{Clock, MonotonicClock};

/// Makes a [`Limiter`] that differs from the default.
#[derive(Clone, Debug)]
pub struct LimiterBuilder<C = MonotonicClock> {
    clock: C,
    max_waiters: usize,
    name: Option<&'static str>,
}

impl<C: Clock> LimiterBuilder<C> {
    pub(super) fn new(clock: C) -> LimiterBuilder<C> {
        LimiterBuilder { clock, max_waiters: usize::MAX, name: None }
    }

    /// The clock. The default is a [`MonotonicClock`].
    pub fn clock<D: Clock>(self, clock: D) -> LimiterBuilder<D> {
        LimiterBuilder { clock, max_waiters: self.max_waiters, name: self.name }
    }

    /// How many may wait at once; one more is refused with [`QueueFull`](crate::AcquireError::QueueFull). There is no
    /// bound by default.
    pub fn max_waiters(mut self, most: usize) -> Self {
        self.max_waiters = most;
        self
    }

    /// What it is called in [metrics](crate#metrics-and-events), events and debug output. Without a name it is not
    /// counted.
    pub fn name(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// The limiter.
    pub fn build<A: Limit>(self, algorithm: A) -> Limiter<A, C> {
        let bucket = Bucket::new(algorithm, self.clock.now(), Flags::NONE);
        Limiter {
            current: Current::new(bucket),
            clock: self.clock,
            line: Mutex::new(Line::default()),
            max_waiters: self.max_waiters,
            meter: Meter::new(self.name),
        }
    }
}
