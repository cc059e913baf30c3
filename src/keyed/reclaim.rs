//! Reclaiming idle keys: no thread, no scan; every caller does a little.
//!
//! Each key has a *candidate* from the time its bucket is made, queued by the date at which that could be idle and
//! past its grace. An inspection takes one that is due, and if its bucket is full and idle, retires it; else it
//! goes back with its next date. An insertion inspects two, so garbage goes faster than it comes; a hit
//! inspects now and then, and goes on while that pays.
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

use super::KeyedLimiter;
use super::candidates::{Candidate, Candidates, Next, SOON};
use crate::kernel::Limit;
use crate::kernel::bucket::Bucket;
use crate::kernel::sync::Ordering;
use crate::{Clock, Timestamp};

/// What an inspection found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A key was dropped.
    Reclaimed,
    /// A candidate was, whose bucket had been removed by name.
    Stale,
    InUse,
    /// Candidates that are not due.
    Searching,
    Nothing,
}

/// Hits between two inspections, on average.
const HITS: u32 = 32;
/// Inspections a call, at the most.
const BUDGET: usize = 2;
/// The longest time until a key is looked at again, beside the grace: it is idle sooner if tokens are given back.
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

/// A candidate that goes back to its queue, unless it is taken out of here; also if an algorithm panics.
pub(super) struct InHand<'a, K> {
    queue: &'a Candidates<K>,
    candidate: Option<Candidate<K>>,
    is_new: bool,
}

impl<'a, K> InHand<'a, K> {
    /// One that was in the queue.
    pub(super) fn from_queue(queue: &'a Candidates<K>, candidate: Candidate<K>) -> InHand<'a, K> {
        InHand { queue, candidate: Some(candidate), is_new: false }
    }

    /// One that goes there for the first time.
    pub(super) fn new(queue: &'a Candidates<K>, candidate: Candidate<K>) -> InHand<'a, K> {
        InHand { queue, candidate: Some(candidate), is_new: true }
    }

    pub(super) fn due_at(&mut self, due: Timestamp) {
        if let Some(candidate) = &mut self.candidate {
            candidate.due = due;
        }
    }
}

impl<K> Drop for InHand<'_, K> {
    fn drop(&mut self) {
        match self.candidate.take() {
            Some(candidate) if self.is_new => self.queue.add(candidate),
            Some(candidate) => self.queue.put_back(candidate),
            None => {}
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
    /// Drops every key that is idle and past its grace, now, and gives back what memory the table does not need for
    /// the others. Normal operation never needs it.
    ///
    /// Returns how many were dropped. Cost: one look at each key.
    pub fn reclaim(&self) -> usize {
        let now = self.clock.now();
        let mut reclaimed = 0;
        for candidate in self.candidates.each() {
            let mut candidate = InHand::from_queue(&self.candidates, candidate);
            reclaimed += usize::from(self.look_at(&mut candidate, now) == Found::Reclaimed);
        }
        self.shrink();
        reclaimed
    }

    /// After a new key: garbage must go faster than it comes, and the table grow in time.
    pub(super) fn inspect_some(&self, now: Timestamp) {
        for _ in 0..BUDGET {
            self.look_at_one(now);
        }
        if self.table.is_moving() {
            self.table.move_on();
        }
    }

    /// For the sake of a new key that has no room, until there is some for it.
    pub(super) fn inspect_until(&self, now: Timestamp, is_done: impl Fn() -> bool) -> bool {
        let pays = |found| matches!(found, Found::Reclaimed | Found::Stale);
        for _ in 0..DUE_AT_THE_BOUND {
            match self.look_at_one(now) {
                Found::Nothing => break,
                found if pays(found) && is_done() => return true,
                _ => {}
            }
        }
        // Others may have become idle before their date, if tokens were given back. Kept in hand, or the next one
        // would be the same.
        let mut looked = [const { None }; ANY_AT_THE_BOUND];
        looked.iter_mut().any(|looked| {
            let Some(candidate) = self.candidates.next() else { return false };
            let candidate = looked.insert(InHand::from_queue(&self.candidates, candidate));
            pays(self.look_at(candidate, now)) && is_done()
        })
    }

    /// After a hit: now and then, and again at once while it pays.
    #[inline]
    pub(super) fn inspect_now_and_then(&self, now: Timestamp) {
        // A `Cell` without a destructor is there until the thread is gone.
        let _ = UNTIL_NEXT.try_with(|until| match until.get().checked_sub(1) {
            Some(fewer) => until.set(fewer),
            None => until.set(self.inspect_after_hit(now)),
        });
    }

    /// How many hits may pass until the next time.
    #[cold]
    fn inspect_after_hit(&self, now: Timestamp) -> u32 {
        let moving = self.table.is_moving() && self.table.move_on();
        for _ in 0..BUDGET {
            match self.look_at_one(now) {
                Found::Reclaimed | Found::Stale | Found::Searching => {}
                Found::InUse | Found::Nothing if moving => break,
                Found::InUse | Found::Nothing => return HITS / 2 + chance(HITS),
            }
        }
        0
    }

    /// Looks at a candidate that is due.
    pub(super) fn look_at_one(&self, now: Timestamp) -> Found {
        match self.candidates.next_due(now) {
            Next::Due(candidate) => self.look_at(&mut InHand::from_queue(&self.candidates, candidate), now),
            Next::Searching => Found::Searching,
            Next::Nothing => Found::Nothing,
        }
    }

    /// Looks at a candidate, which is dropped or gets its next date.
    fn look_at(&self, candidate: &mut InHand<'_, K>, now: Timestamp) -> Found {
        let Some(Candidate { key, .. }) = candidate.candidate.as_ref() else { return Found::Nothing };
        self.counts.inspection();
        if self.orphans.take(key) {
            self.dropped(candidate);
            return Found::Stale;
        }
        let guard = self.table.guard();
        let due = match self.held(key, &guard) {
            Some(bucket) if self.retire(bucket, now) => {
                self.unlink(key, &guard);
                drop(guard);
                self.counts.reclaimed();
                self.dropped(candidate);
                return Found::Reclaimed;
            }
            Some(bucket) if !bucket.flags().is_sealed() => self.next_look(bucket, now),
            // Removed by name since, and perhaps made anew.
            _ => {
                self.unlink(key, &guard);
                if self.orphans.take(key) {
                    self.dropped(candidate);
                    return Found::Stale;
                }
                now + SOON
            }
        };
        candidate.due_at(due);
        Found::InUse
    }

    /// When `bucket` should be looked at again.
    pub(super) fn next_look(&self, bucket: &Bucket<A>, now: Timestamp) -> Timestamp {
        let idle_in = bucket.time_to_idle(now).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
        // Not right away, or it would be the next one again.
        let wait = Some(idle_in.saturating_add(self.grace)).filter(|wait| !wait.is_zero());
        now + wait.unwrap_or(SOON)
    }

    /// The bucket of the candidate is no more, and so is the candidate.
    pub(super) fn dropped(&self, candidate: &mut InHand<'_, K>) {
        if let Some(candidate) = candidate.candidate.take() {
            let left = self.candidates.one_less();
            self.table.removed(&candidate.key, left);
        }
    }

    /// Makes the table as small as what it holds lets it be.
    pub(super) fn shrink(&self) {
        // More than it takes, if nobody else is at it.
        for _ in 0..self.table.slots() {
            if !self.table.is_moving() || !self.table.move_on() {
                break;
            }
        }
    }

    /// Retires `bucket` if it has been idle for the grace; true if it was this call that did.
    fn retire(&self, bucket: &Bucket<A>, now: Timestamp) -> bool {
        let since = now - self.grace;
        // The clock may not have run for as long.
        if since + self.grace > now || !bucket.is_idle(now) {
            return false;
        }
        // First the time, then the seal. Relaxed: whoever makes the key anew has seen it gone, and by that (through
        // the table) this.
        self.retired.fetch_max(now.as_nanos(), Ordering::Relaxed);
        bucket.retire(since, now)
    }

    /// `now`, or the time at which a bucket was retired last, if that is later: for whoever has found a bucket.
    ///
    /// A bucket is full when it is made. If its key had another before, that one was full when it was retired, which says
    /// nothing of any time before: a caller that has read the clock and was held up since must not take from the new one
    /// at a time at which the old one may have been empty. Relaxed: whoever has found a bucket has seen that the one
    /// before it is gone, and by that (through the table) when it went.
    #[inline]
    pub(super) fn not_before_retired(&self, now: Timestamp) -> Timestamp {
        now.max(Timestamp::from_nanos(self.retired.load(Ordering::Relaxed)))
    }
}

/// Candidates that are looked at for one more key to be admitted: those that are due, and beyond them.
const DUE_AT_THE_BOUND: usize = 16;
const ANY_AT_THE_BOUND: usize = 2;
