//! The driver for threads: parks on a condition variable until woken or due.

use core::task::Waker;
use std::sync::Arc;
use std::task::Wake;

use parking_lot::{Condvar, Mutex};

use super::{Place, Progress, Waiter};
use crate::{AcquireError, Clock, Timestamp};

/// What wakes a waiting thread. Not `std::thread::park`, whose thread handle is not to be had while a thread's
/// locals are being destroyed.
#[derive(Debug, Default)]
struct Signal {
    raised: Mutex<bool>,
    changed: Condvar,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *self.raised.lock() = true;
        self.changed.notify_one();
    }
}

/// Waits on this thread until the tokens are granted or the wait ends otherwise.
pub(crate) fn acquire<P: Place>(mut waiter: Waiter<P>) -> Result<(), AcquireError<P::Refusal>> {
    if waiter.attempt()? {
        return Ok(());
    }
    let signal = Arc::new(Signal::default());
    let waker = Waker::from(signal.clone());
    loop {
        let date = match waiter.step(&waker)? {
            Progress::Granted => return Ok(()),
            Progress::SleepUntil(date) => Some(date).filter(|&date| date < Timestamp::MAX),
            Progress::SleepUntilWoken => None,
        };
        signal.wait(date, waiter.clock(), &waker);
    }
}

impl Signal {
    /// Until raised, or until `date` as far as the operating system can tell.
    fn wait(&self, date: Option<Timestamp>, clock: &impl Clock, waker: &Waker) {
        let sleep = date.map(|date| (date, clock.sleep(date)));
        // A clock without real time raises the signal by an alarm, held until we are awake.
        let _alarm = match sleep {
            Some((date, None)) => Some(clock.alarm(date, waker)),
            _ => None,
        };
        let mut raised = self.raised.lock();
        match sleep {
            Some((_, Some(duration))) => {
                if !*raised {
                    self.changed.wait_for(&mut raised, duration);
                }
            }
            _ => {
                while !*raised {
                    self.changed.wait(&mut raised);
                }
            }
        }
        *raised = false;
    }
}
