//! Reclaiming idle keys: no thread, no scan; every caller does a little.
//!
//! Each key stands in a queue of *candidates* from the time its bucket is made. An inspection takes the first,
//! and if its date has come and its bucket is full and idle, retires it; else it goes to the back with the
//! date at which it could be. An insertion inspects two, so garbage goes faster than it comes; a hit inspects
//! one now and then, and goes on while that pays.
//!
//! # Retire before unlink
//!
//! Removing a full bucket that another thread is about to take from would mint tokens: the taker drains the
//! old one, the next caller finds a new one. So the word is sealed first, in one exchange from "full, nobody
//! waits"; from then on nothing is ever taken from that bucket. Whoever meets the seal, taker or reclaimer,
//! helps to unlink the entry and looks the key up again: nobody waits for anybody.
//!
//! **Linearization point** of a reclamation: the exchange that seals. Before it the bucket was full, and an
//! absent key is a full one: no caller can tell.

use core::cell::Cell;
use core::hash::{BuildHasher, Hash};
use core::time::Duration;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};

use super::candidates::{Candidate, Candidates};
use super::{Equivalent, KeyedLimiter};
use crate::kernel::Limit;
use crate::kernel::bucket::Bucket;
use crate::kernel::sync::Ordering;
use crate::{Clock, Timestamp};

/// What an inspection found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// A key was dropped.
    Reclaimed,
    /// A candidate whose bucket was removed by name, or made anew since.
    Stale,
    InUse,
    Nothing,
}

/// Whether a candidate's date counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Haste {
    WhenDue,
    Now,
}

/// Hits between two inspections, on average.
const HITS: u32 = 32;
/// Inspections a call, at the most.
const BUDGET: usize = 2;
/// Keys that a sweep inspects between two looks at whether it should stop.
const CHUNK: usize = 256;

/// The longest time until a key is looked at again, beside the grace.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

thread_local! {
    /// Hits left until the next inspection, on whatever limiter.
    static UNTIL_NEXT: Cell<u32> = const { Cell::new(HITS) };
    static CHANCE: Cell<u32> = const { Cell::new(1) };
}

/// A number below `below`: limiters that are called in turn must not meet their inspections in step.
fn chance(below: u32) -> u32 {
    let next = |x: u32| x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    CHANCE.try_with(|state| state.replace(next(state.get()))).unwrap_or(0) / (u32::MAX / below + 1)
}

/// A candidate that goes back to its queue, unless it is taken out of here.
struct Requeue<'a, K> {
    queue: &'a Candidates<K>,
    candidate: Option<Candidate<K>>,
}

impl<K> Drop for Requeue<'_, K> {
    fn drop(&mut self) {
        if let Some(candidate) = self.candidate.take() {
            self.queue.push(candidate);
        }
    }
}

impl<K, A, E, C, S> KeyedLimiter<K, A, E, C, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    A: Limit,
    C: Clock,
    S: BuildHasher,
{
    /// Drops every key that is idle and past its grace, now. Normal operation never needs it.
    ///
    /// Returns how many were dropped. Cost: one look at each key, a few at a time.
    pub fn reclaim(&self) -> usize {
        let now = self.clock.now();
        // Each of those that are there now, once.
        let looks = self.candidates.len();
        (0..looks).filter(|_| self.visit(now, Haste::Now) == Found::Reclaimed).count()
    }

    /// After a new key: garbage must go faster than it comes.
    pub(super) fn inspect_some(&self, now: Timestamp) {
        for _ in 0..BUDGET {
            self.visit(now, Haste::WhenDue);
        }
    }

    /// For the sake of a new key that has no room: whether there may be some now.
    pub(super) fn inspect_one(&self, now: Timestamp) -> bool {
        matches!(self.visit(now, Haste::Now), Found::Reclaimed | Found::Stale)
    }

    /// After a hit: now and then, and again at once while it pays.
    #[inline]
    pub(super) fn inspect_now_and_then<Q>(&self, key: &Q, now: Timestamp)
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        // A `Cell` without a destructor is there until the thread is gone.
        let _ = UNTIL_NEXT.try_with(|until| match until.get().checked_sub(1) {
            Some(fewer) => until.set(fewer),
            None => until.set(self.inspect_after_hit(key, now)),
        });
    }

    /// How many hits may pass until the next time.
    #[cold]
    fn inspect_after_hit<Q>(&self, key: &Q, now: Timestamp) -> u32
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        if self.table.help(key) {
            self.visit(now, Haste::WhenDue);
            return 0;
        }
        for _ in 0..BUDGET {
            match self.visit(now, Haste::WhenDue) {
                Found::Reclaimed | Found::Stale => {}
                Found::InUse | Found::Nothing => return HITS / 2 + chance(HITS),
            }
        }
        0
    }

    /// Looks at the first candidate.
    fn visit(&self, now: Timestamp, haste: Haste) -> Found {
        let Some(candidate) = self.candidates.pop() else { return Found::Nothing };
        // Back to the end unless told otherwise, also if an algorithm panics.
        let mut candidate = Requeue { queue: &self.candidates, candidate: Some(candidate) };
        let Some(Candidate { key, stamp, due }) = &mut candidate.candidate else { return Found::Nothing };
        if *due > now && haste == Haste::WhenDue {
            return Found::InUse;
        }
        let guard = self.table.guard();
        let slot = self.table.get(key, &guard).filter(|slot| slot.stamp == *stamp);
        let found = match slot {
            // Removed by name, or made anew since.
            None => Found::Stale,
            Some(slot) if self.retire(&slot.bucket, now) => {
                self.unlink(key, &guard);
                // It may have been sealed because another took its place, which has its stamp, and this candidate.
                if self.table.get(key, &guard).is_some_and(|slot| slot.stamp == *stamp) {
                    *due = now + self.grace;
                    return Found::InUse;
                }
                Found::Reclaimed
            }
            Some(slot) => {
                // Sooner if tokens are given back: not too long, then.
                let idle_in = slot.bucket.time_to_idle(now).unwrap_or(LONGEST_WAIT);
                *due = now + idle_in.min(LONGEST_WAIT) + self.grace;
                return Found::InUse;
            }
        };
        candidate.candidate = None;
        found
    }

    /// Retires `bucket` if it has been idle for the grace.
    fn retire(&self, bucket: &Bucket<A>, now: Timestamp) -> bool {
        let since = now - self.grace;
        // The clock may not have run for as long.
        if since + self.grace > now || !(bucket.flags().is_sealed() || bucket.is_idle(now)) {
            return false;
        }
        // First the time, then the seal. Relaxed: whoever makes the key anew has seen it gone, and by that (through
        // the table) this.
        self.retired.fetch_max(now.as_nanos(), Ordering::Relaxed);
        bucket.retire(since, now)
    }

    /// No bucket was retired later than this.
    pub(super) fn last_retired(&self) -> Timestamp {
        Timestamp::from_nanos(self.retired.load(Ordering::Relaxed))
    }

    /// A thread that [reclaims](Self::reclaim) each `period`, for servers that go quiet: without calls, nothing
    /// is inspected. It holds the limiter weakly, and ends when the [`Reclaimer`] is dropped.
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
            while left > 0 && !stop.is_raised() {
                let Some(limiter) = limiter.upgrade() else { return };
                let now = limiter.clock.now();
                for _ in 0..left.min(CHUNK) {
                    limiter.visit(now, Haste::Now);
                }
                left = left.saturating_sub(CHUNK);
            }
        }
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
