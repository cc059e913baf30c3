//! [`MonotonicClock`]: the processor's counter, read through quanta.

use core::time::Duration;

use super::Clock;
use crate::Timestamp;

/// Real time since the clock was made, read from the processor's time stamp counter where there is a reliable
/// one (through [quanta]), else from the operating system. The default clock.
///
/// Waiters in a long line are woken up to a millisecond late, several at a time; one that waits alone is woken as
/// soon as the operating system can.
///
/// The first one made in a process calibrates the counter, which takes some milliseconds. Clones share one
/// origin.
///
/// Waiting threads sleep by the operating system's own timed wait. Waiting tasks are woken by one timer thread
/// for the whole process, started when the first task waits, whatever executor polls them; with the feature
/// `tokio` and within a tokio runtime, by that runtime's timer, of a millisecond's grain.
///
/// [quanta]: https://docs.rs/quanta
#[derive(Clone, Debug)]
pub struct MonotonicClock {
    clock: quanta::Clock,
    origin: u64,
}

impl MonotonicClock {
    /// A clock whose origin is now.
    pub fn new() -> MonotonicClock {
        let clock = quanta::Clock::new();
        let origin = clock.raw();
        MonotonicClock { clock, origin }
    }
}

impl Default for MonotonicClock {
    fn default() -> MonotonicClock {
        MonotonicClock::new()
    }
}

impl Clock for MonotonicClock {
    #[inline]
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.clock.delta_as_nanos(self.origin, self.clock.raw()))
    }

    /// A millisecond: at ten thousand grants a second, a wake-up serves ten.
    fn slack(&self) -> Duration {
        Duration::from_millis(1)
    }

    #[cfg(feature = "tokio")]
    fn alarm(&self, at: Timestamp, waker: &core::task::Waker) -> super::Alarm {
        let wait = at.since(self.now());
        super::tokio::alarm_with_backstop(wait, waker)
            .unwrap_or_else(|| super::timers::real_time_alarm(wait, waker))
    }
}
