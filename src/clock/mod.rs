//! Time: [`Clock`] and its kinds.

use core::fmt;
use core::task::Waker;
use core::time::Duration;

use crate::Timestamp;

mod coarse;
mod manual;
mod monotonic;
mod timers;
#[cfg(feature = "tokio")]
mod tokio;

pub use coarse::CoarseClock;
pub use manual::ManualClock;
pub use monotonic::MonotonicClock;
#[cfg(feature = "tokio")]
pub use tokio::TokioClock;

/// What tells a limiter the time, and wakes those who wait for an instant.
///
/// Only [`now`](Self::now) must be written; the others suit any clock that runs at the speed of real time. A
/// clock that does not (a virtual one) overrides both.
pub trait Clock: Send + Sync + 'static {
    /// The current instant. It should not go backwards; if it does, limiters refuse more, never grant more.
    ///
    /// The origin should be about when the clock is made, not an epoch long past: a token bucket has room for
    /// thirteen years from there, after which it refills no more.
    fn now(&self) -> Timestamp;

    /// Arranges for `waker` to be woken when `at` has come, once, unless the alarm is dropped before. If it
    /// has come already, it is woken at once.
    fn alarm(&self, at: Timestamp, waker: &Waker) -> Alarm {
        timers::real_time_alarm(at.since(self.now()), waker)
    }

    /// By how much the wake-up of a line's head may be put off, where others stand behind it, so that one wake-up
    /// serves several. It is never put off so far that the bucket could overflow, and a deadline is kept to the
    /// instant. Zero by default.
    fn slack(&self) -> Duration {
        Duration::ZERO
    }

    /// How long a thread may sleep before it looks at the clock again for `at`; `None`: this clock does not
    /// follow real time, and the thread must be woken by an [`alarm`](Self::alarm).
    fn sleep(&self, at: Timestamp) -> Option<Duration> {
        Some(at.since(self.now()))
    }
}

/// An armed alarm of a [`Clock`]. Dropping it disarms it.
#[must_use = "dropping an alarm disarms it"]
pub struct Alarm(Option<Box<dyn FnOnce() + Send>>);

impl Alarm {
    /// An alarm that is disarmed by calling `disarm`, which may find it gone off already.
    pub fn new(disarm: impl FnOnce() + Send + 'static) -> Alarm {
        Alarm(Some(Box::new(disarm)))
    }

    /// An alarm that has gone off.
    pub const fn spent() -> Alarm {
        Alarm(None)
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some(disarm) = self.0.take() {
            disarm();
        }
    }
}

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alarm").field("armed", &self.0.is_some()).finish()
    }
}
