//! [`CoarseClock`]: a reading of the clock that a thread keeps up to date.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::Waker;
use core::time::Duration;
use std::io;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::timers::real_time_alarm;
use super::{Alarm, Clock, MonotonicClock};
use crate::Timestamp;

/// Real time, read from memory: one load, about a nanosecond. A thread writes it there each
/// [`RESOLUTION`](Self::RESOLUTION).
///
/// **Error.** A reading is late by up to the resolution, plus however long the operating system delays the thread;
/// it is never early. So a limiter on this clock grants at most what a limiter on the exact clock would over a
/// window that is longer by that much: `capacity + rate × (window + resolution)` for a token bucket. Waits end
/// up to one resolution late.
///
/// The thread is started by the first such clock and ends with the last; all of them share it and its origin.
#[derive(Clone)]
pub struct CoarseClock(Arc<Reading>);

struct Reading {
    now: AtomicU64,
    clock: MonotonicClock,
}

/// The reading that all clocks share while there are any.
static SHARED: Mutex<Weak<Reading>> = Mutex::new(Weak::new());

impl CoarseClock {
    /// How often the time is written.
    pub const RESOLUTION: Duration = Duration::from_millis(1);

    /// A clock; the first one starts the thread.
    ///
    /// # Panics
    ///
    /// When [`try_new`](Self::try_new) would return an error.
    #[track_caller]
    pub fn new() -> CoarseClock {
        match Self::try_new() {
            Ok(clock) => clock,
            Err(error) => panic!("no thread for a coarse clock: {error}"),
        }
    }

    /// A clock; the first one starts the thread.
    ///
    /// # Errors
    ///
    /// The operating system's, if it has no thread to spare.
    pub fn try_new() -> io::Result<CoarseClock> {
        let mut shared = SHARED.lock();
        if let Some(reading) = shared.upgrade() {
            return Ok(CoarseClock(reading));
        }
        let reading = Arc::new(Reading { now: AtomicU64::new(0), clock: MonotonicClock::new() });
        let weak = Arc::downgrade(&reading);
        let thread = std::thread::Builder::new().name("lazy-limiter-clock".into());
        thread.spawn({
            let weak = weak.clone();
            move || {
                while let Some(reading) = weak.upgrade() {
                    // Relaxed: the time alone is published, and only this thread writes it.
                    reading.now.store(reading.clock.now().as_nanos(), Ordering::Relaxed);
                    drop(reading);
                    std::thread::sleep(Self::RESOLUTION);
                }
            }
        })?;
        *shared = weak;
        Ok(CoarseClock(reading))
    }
}

impl Default for CoarseClock {
    fn default() -> CoarseClock {
        CoarseClock::new()
    }
}

impl Clock for CoarseClock {
    #[inline]
    fn now(&self) -> Timestamp {
        // Relaxed: an older time is a time; nothing is read through it.
        Timestamp::from_nanos(self.0.now.load(Ordering::Relaxed))
    }

    fn alarm(&self, at: Timestamp, waker: &Waker) -> Alarm {
        match self.sleep(at) {
            Some(wait) => real_time_alarm(wait, waker),
            None => Alarm::spent(),
        }
    }

    fn sleep(&self, at: Timestamp) -> Option<Duration> {
        match at.since(self.now()) {
            Duration::ZERO => Some(Duration::ZERO),
            // Not before the reading can have got there.
            _ => Some(at.since(self.0.clock.now()) + Self::RESOLUTION),
        }
    }
}

impl fmt::Debug for CoarseClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CoarseClock").field(&self.now()).finish()
    }
}
