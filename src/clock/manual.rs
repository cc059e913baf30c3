//! [`ManualClock`]: time that moves when told to.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::Waker;
use core::time::Duration;
use std::sync::Arc;

use parking_lot::Mutex;

use super::timers::Timers;
use super::{Alarm, Clock};
use crate::Timestamp;
use crate::wait::wake::wake;

/// Virtual time, for tests and for replaying the past: it stands still until it is advanced.
///
/// Clones share one time. Advancing wakes every thread and task whose moment has come.
///
/// ```
/// use std::time::Duration;
/// use lazy_limiter::{Limiter, ManualClock, Rate, TokenBucket};
///
/// let clock = ManualClock::new();
/// let limiter = Limiter::with_clock(TokenBucket::new(1, Rate::per_hour(1)), clock.clone());
/// assert!(limiter.try_acquire(1).is_ok());
/// assert!(limiter.try_acquire(1).is_err());
/// clock.advance(Duration::from_secs(3600));
/// assert!(limiter.try_acquire(1).is_ok());
/// ```
#[derive(Clone, Default)]
pub struct ManualClock(Arc<Inner>);

struct Inner {
    now: AtomicU64,
    timers: Mutex<Timers<Timestamp>>,
}

impl Default for Inner {
    fn default() -> Inner {
        Inner { now: AtomicU64::new(0), timers: Mutex::new(Timers::new()) }
    }
}

impl ManualClock {
    /// A clock at its origin, instant zero.
    pub fn new() -> ManualClock {
        ManualClock::default()
    }

    /// Moves time forward by `by`, saturating after 584 years.
    ///
    /// Every alarm that is due has gone off (its waker has been called) when this returns; what a woken
    /// thread or task does then is up to its scheduler.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        // AcqRel/Acquire: whoever reads the new time sees what was done before it came. The new time is in
        // place before the alarms are looked at, under their lock: one that is armed later sees it there.
        let later = |now: u64| Some(now.saturating_add(by));
        let _ = self.0.now.fetch_update(Ordering::AcqRel, Ordering::Acquire, later);
        loop {
            // Woken without the lock held: a waker may arm and disarm. Time may have moved on meanwhile.
            let due = self.0.timers.lock().pop_due(self.now());
            match due {
                Some(waker) => wake(waker),
                None => return,
            }
        }
    }
}

impl Clock for ManualClock {
    #[inline]
    fn now(&self) -> Timestamp {
        // Acquire: pairs with the Release in `advance`.
        Timestamp::from_nanos(self.0.now.load(Ordering::Acquire))
    }

    fn alarm(&self, at: Timestamp, waker: &Waker) -> Alarm {
        let mut timers = self.0.timers.lock();
        if at <= self.now() {
            drop(timers);
            waker.wake_by_ref();
            return Alarm::spent();
        }
        let id = timers.arm(at, waker.clone());
        drop(timers);
        let clock = self.0.clone();
        Alarm::new(move || {
            let waker = clock.timers.lock().disarm(id);
            drop(waker);
        })
    }

    fn sleep(&self, _at: Timestamp) -> Option<Duration> {
        None
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualClock").field(&self.now()).finish()
    }
}
