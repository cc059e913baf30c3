//! Making buckets and unlinking them.

use core::hash::{BuildHasher, Hash};

use super::reclaim::Candidate;
use super::table::Guard;
use super::{Equivalent, KeyedLimiter, Slot};
use crate::kernel::Limit;
use crate::kernel::bucket::Bucket;
use crate::kernel::cell::Flags;
use crate::kernel::sync::{AtomicUsize, Ordering};
use crate::{AcquireError, Clock, Timestamp, Tokens};

impl<K, A, E, C, S> KeyedLimiter<K, A, E, C, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    A: Limit,
    C: Clock,
    S: BuildHasher,
{
    /// Works on `key`'s bucket, which is made if there is none and `admit` agrees to the capacity that the policy
    /// gives it. `None` from `work`: the bucket is sealed, try its successor.
    pub(super) fn with_bucket<Q, R>(
        &self,
        key: &Q,
        now: Timestamp,
        admit: impl Fn(Tokens) -> Result<(), AcquireError<E>>,
        work: impl Fn(&Bucket<A>) -> Option<R>,
    ) -> Result<R, AcquireError<E>>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        loop {
            {
                let guard = self.table.guard();
                if let Some(slot) = self.table.get(key, &guard) {
                    admit(slot.bucket.capacity())?;
                    match work(&slot.bucket) {
                        Some(result) => return Ok(result),
                        None => self.unlink(key, &guard),
                    }
                }
            }
            // No guard and no lock while the policy, foreign code, runs.
            let owned = key.to_owned();
            let limit = (self.policy)(&owned).map_err(AcquireError::Policy)?;
            admit(limit.most())?;
            let result = self.insert(owned, limit, now, &work)?;
            self.inspect_some(now);
            if let Some(result) = result {
                return Ok(result);
            }
        }
    }

    /// Inserts a bucket, unless somebody else has, and works on the one that is there.
    fn insert<R>(
        &self,
        key: K,
        limit: A,
        now: Timestamp,
        work: impl Fn(&Bucket<A>) -> Option<R>,
    ) -> Result<Option<R>, AcquireError<E>> {
        let ticket = self.admit_key(now)?;
        // Relaxed: a number that differs, nothing more.
        let stamp = self.stamps.fetch_add(1, Ordering::Relaxed);
        let slot = |flags| Slot { bucket: Bucket::new(limit, now, flags), stamp };
        let candidate = Candidate { key: key.clone(), stamp, due: now + self.grace };
        // All that must follow an insertion, before the work, which may be foreign code that panics.
        let keep = |candidate| {
            ticket.keep();
            self.candidates.push(candidate);
        };
        let guard = self.table.guard();
        Ok(match self.lines.find(&key) {
            None => {
                let (slot, inserted) = self.table.insert_if_absent(key, slot(Flags::NONE), &guard);
                if inserted {
                    let late = self.lines.find(&candidate.key).map(|_| candidate.key.clone());
                    keep(candidate);
                    // A line that was made, and lost its bucket, after we looked for it: marked now.
                    late.inspect(|key| self.adopt_late(key, now, &guard));
                }
                work(&slot.bucket)
            }
            // There is a line from before this bucket: nobody may pass it. It is marked from the start, under
            // the line's lock.
            Some(_) => self.lines.with(&key, |_, line, wakes| {
                let flags = if line.is_empty() { Flags::NONE } else { Flags::QUEUED };
                let (slot, inserted) = self.table.insert_if_absent(key.clone(), slot(flags), &guard);
                if inserted {
                    keep(candidate);
                    slot.bucket.adopt(line, wakes);
                }
                work(&slot.bucket)
            }),
        })
    }

    #[cold]
    fn adopt_late(&self, key: &K, now: Timestamp, guard: &Guard<'_>) {
        self.lines.with_found(key, |line, wakes| {
            // Ours, or what has followed it. If it is gone, whoever removed it has woken the head.
            if let Some(slot) = self.table.get(key, guard) {
                slot.bucket.adopt(line, wakes);
                slot.bucket.serve(line, now, wakes);
            }
        });
    }

    /// Room for one more key.
    fn admit_key(&self, now: Timestamp) -> Result<KeyTicket<'_>, AcquireError<E>> {
        if self.max_keys == usize::MAX {
            return Ok(KeyTicket(None));
        }
        // Relaxed: the count bounds itself by its own modification order; it publishes nothing.
        let admit = || {
            let more = |keys: usize| (keys < self.max_keys).then(|| keys + 1);
            self.keys.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
        };
        if !admit() {
            self.inspect_some(now);
            if !admit() {
                return Err(AcquireError::TooManyKeys);
            }
        }
        Ok(KeyTicket(Some(&self.keys)))
    }

    /// Serves `key`'s line, if it has one, from the bucket that it has now.
    pub(super) fn serve<Q>(&self, key: &Q, now: Timestamp)
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.lines.with_found(key, |line, wakes| {
            let guard = self.table.guard();
            match self.table.get(key, &guard) {
                Some(slot) => slot.bucket.serve_and_wake_head(line, now, wakes),
                None => line.wake_head(wakes),
            }
        });
    }

    /// Removes `key`'s entry if its bucket is sealed: whoever meets a seal helps.
    pub(super) fn unlink<Q>(&self, key: &Q, guard: &Guard<'_>)
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let removed = self.table.remove_if(key, |slot| slot.bucket.flags().is_sealed(), guard);
        if removed && self.max_keys != usize::MAX {
            self.keys.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// A key's share of `max_keys`, returned unless kept.
struct KeyTicket<'a>(Option<&'a AtomicUsize>);

impl KeyTicket<'_> {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for KeyTicket<'_> {
    fn drop(&mut self) {
        if let Some(keys) = self.0 {
            keys.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
