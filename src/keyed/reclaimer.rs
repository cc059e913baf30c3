//! [`Reclaimer`]: a thread that reclaims idle keys, for servers that go quiet.

use core::hash::{BuildHasher, Hash};
use core::time::Duration;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};

use super::KeyedLimiter;
use super::reclaim::Found;
use crate::Clock;
use crate::kernel::Limit;

/// Keys that it inspects between two looks at whether it should stop.
const CHUNK: usize = 256;

impl<K, A, E, C, S> KeyedLimiter<K, A, E, C, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    A: Limit,
    C: Clock,
    S: BuildHasher,
{
    /// A thread that drops idle keys each `period`, for servers that go quiet: without calls, nothing is inspected.
    /// It does by itself what calls do in passing, a few keys at a time, and the table shrinks too. It holds the limiter weakly, and ends when the [`Reclaimer`] is dropped.
    ///
    /// `period` is real time, whatever the limiter's clock.
    pub fn reclaimer(self: &Arc<Self>, period: Duration) -> Reclaimer
    where
        E: 'static,
        S: Send + Sync + 'static,
    {
        let signal = Arc::new(Signal::default());
        let (weak, stop) = (Arc::downgrade(self), signal.clone());
        let thread = std::thread::Builder::new().name("lazy-limiter-reclaim".into());
        // Where no thread is to be had, callers go on reclaiming as they do without it.
        let thread = thread.spawn(move || Self::reclaim_each(&weak, period, &stop)).ok();
        Reclaimer { signal, thread }
    }

    fn reclaim_each(limiter: &Weak<Self>, period: Duration, stop: &Signal) {
        // Never without a pause.
        while !stop.wait(period.max(Duration::from_millis(1))) {
            let Some(mut left) = limiter.upgrade().map(|limiter| limiter.candidates.len()) else { return };
            // The limiter is let go between chunks, so that it can be dropped, and so can this.
            loop {
                let Some(limiter) = limiter.upgrade() else { return };
                if stop.is_raised() || !limiter.sweep(left.min(CHUNK)) {
                    break;
                }
                left = left.saturating_sub(CHUNK);
            }
        }
    }

    /// Inspects so many keys that are due, and moves the table on. Whether there is more to do.
    fn sweep(&self, keys: usize) -> bool {
        let now = self.clock.now();
        let more = keys > 0 && (0..keys).all(|_| self.look_at_one(now) != Found::Nothing);
        // Not if somebody else is at it.
        let moving = (0..CHUNK).all(|_| self.table.is_moving() && self.table.move_on());
        more || moving
    }
}

/// A thread that reclaims idle keys now and then; see [`KeyedLimiter::reclaimer`]. Dropping it stops the
/// thread and waits for it.
#[derive(Debug)]
#[must_use = "dropping it stops the thread"]
pub struct Reclaimer {
    signal: Arc<Signal>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Signal {
    raised: Mutex<bool>,
    changed: Condvar,
}

impl Signal {
    /// Waits for `period`; true as soon as raised.
    fn wait(&self, period: Duration) -> bool {
        let mut raised = self.raised.lock();
        self.changed.wait_while_for(&mut raised, |raised| !*raised, period);
        *raised
    }

    fn is_raised(&self) -> bool {
        *self.raised.lock()
    }
}

impl Drop for Reclaimer {
    fn drop(&mut self) {
        *self.signal.raised.lock() = true;
        self.signal.changed.notify_all();
        let Some(thread) = self.thread.take() else { return };
        // Dropped by the thread itself, with the last of what it was part of: it ends by itself.
        if thread.thread().id() != std::thread::current().id() {
            // A panic there was reported there.
            let _ = thread.join();
        }
    }
}
