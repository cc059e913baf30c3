//! Alarms in order of their dates, and the thread that lets real-time ones go off.

use core::task::Waker;
use core::time::Duration;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::Alarm;

/// Armed alarms by date; those of one date in the order they were armed.
#[derive(Debug)]
pub(super) struct Timers<T> {
    armed: BTreeMap<(T, u64), Waker>,
    next: u64,
}

impl<T: Ord + Copy> Timers<T> {
    pub(super) const fn new() -> Timers<T> {
        Timers { armed: BTreeMap::new(), next: 0 }
    }

    pub(super) fn arm(&mut self, at: T, waker: Waker) -> (T, u64) {
        let id = (at, self.next);
        self.next += 1;
        self.armed.insert(id, waker);
        id
    }

    /// The waker is handed back, to be dropped outside of whatever lock guards this.
    pub(super) fn disarm(&mut self, id: (T, u64)) -> Option<Waker> {
        self.armed.remove(&id)
    }

    pub(super) fn earliest(&self) -> Option<T> {
        self.armed.first_key_value().map(|(&(at, _), _)| at)
    }

    /// The first alarm whose date is not after `now`.
    pub(super) fn pop_due(&mut self, now: T) -> Option<Waker> {
        self.earliest().filter(|&at| at <= now)?;
        self.armed.pop_first().map(|(_, waker)| waker)
    }
}

/// One for the process, started by the first task that waits on a real-time clock. It sleeps until the
/// earliest alarm; threads that wait need none of it.
struct TimerThread {
    timers: Mutex<Timers<Instant>>,
    /// An alarm was armed that is earlier than all others.
    earlier: Condvar,
}

static THREAD: TimerThread = TimerThread { timers: Mutex::new(Timers::new()), earlier: Condvar::new() };
static STARTED: OnceLock<bool> = OnceLock::new();

impl TimerThread {
    fn run(&self) {
        let mut timers = self.timers.lock();
        loop {
            if let Some(waker) = timers.pop_due(Instant::now()) {
                // Wakers are foreign code: no lock is held, and a panic stays theirs.
                parking_lot::MutexGuard::unlocked(&mut timers, || {
                    let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
                });
                continue;
            }
            match timers.earliest() {
                Some(at) => drop(self.earlier.wait_until(&mut timers, at)),
                None => self.earlier.wait(&mut timers),
            }
        }
    }
}

/// Wakes `waker` after `wait`.
pub(super) fn real_time_alarm(wait: Duration, waker: &Waker) -> Alarm {
    let at = Instant::now().checked_add(wait);
    let started = || {
        let thread = std::thread::Builder::new().name("lazy-limiter-timer".into());
        thread.spawn(|| THREAD.run()).is_ok()
    };
    match at {
        // Due: the caller looks again. Without a thread to be had it keeps looking, which is correct if costly.
        _ if wait.is_zero() || !STARTED.get_or_init(started) => {
            waker.wake_by_ref();
            Alarm::spent()
        }
        // After the end of time.
        None => Alarm::spent(),
        Some(at) => {
            let mut timers = THREAD.timers.lock();
            let earlier = timers.earliest().is_none_or(|earliest| at < earliest);
            let id = timers.arm(at, waker.clone());
            drop(timers);
            if earlier {
                THREAD.earlier.notify_one();
            }
            Alarm::new(move || {
                let waker = THREAD.timers.lock().disarm(id);
                drop(waker);
            })
        }
    }
}
