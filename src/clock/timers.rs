//! Alarms in order of their dates, and the thread that lets real-time ones go off.

use core::task::Waker;
use core::time::Duration;
use std::collections::BTreeMap;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::Alarm;
use crate::wait::wake::wake;

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
    state: Mutex<State>,
    /// An alarm was armed for before the thread wakes.
    earlier: Condvar,
}

struct State {
    timers: Timers<Instant>,
    started: bool,
    /// When the sleeping thread wakes by itself, at the latest; it may be for an alarm that is no more.
    wakes_at: Option<Instant>,
}

static THREAD: TimerThread = TimerThread {
    state: Mutex::new(State { timers: Timers::new(), started: false, wakes_at: None }),
    earlier: Condvar::new(),
};

impl TimerThread {
    fn run(&self) {
        let mut state = self.state.lock();
        loop {
            if let Some(waker) = state.timers.pop_due(Instant::now()) {
                // Wakers are foreign code: no lock is held.
                parking_lot::MutexGuard::unlocked(&mut state, || wake(waker));
                continue;
            }
            state.wakes_at = state.timers.earliest();
            match state.wakes_at {
                Some(at) => drop(self.earlier.wait_until(&mut state, at)),
                None => self.earlier.wait(&mut state),
            }
        }
    }

    /// Arms an alarm; `None` if there is no thread to be had for it.
    fn arm(&'static self, at: Instant, waker: Waker) -> Option<Alarm> {
        let mut state = self.state.lock();
        if !state.started {
            let thread = std::thread::Builder::new().name("lazy-limiter-timer".into());
            state.started = thread.spawn(|| THREAD.run()).is_ok();
        }
        if !state.started {
            return None;
        }
        let id = state.timers.arm(at, waker);
        let earlier = state.wakes_at.is_none_or(|wakes_at| at < wakes_at);
        if earlier {
            // Not notified again for one in between.
            state.wakes_at = Some(at);
        }
        drop(state);
        if earlier {
            self.earlier.notify_one();
        }
        Some(Alarm::new(move || {
            let waker = THREAD.state.lock().timers.disarm(id);
            drop(waker);
        }))
    }
}

/// Wakes `waker` after `wait`.
pub(super) fn real_time_alarm(wait: Duration, waker: &Waker) -> Alarm {
    match Instant::now().checked_add(wait) {
        Some(at) if !wait.is_zero() => THREAD.arm(at, waker.clone()).unwrap_or_else(|| {
            // It keeps looking: correct, if costly, until a thread is to be had.
            waker.wake_by_ref();
            Alarm::spent()
        }),
        Some(_) => {
            waker.wake_by_ref();
            Alarm::spent()
        }
        // After the end of time.
        None => Alarm::spent(),
    }
}
