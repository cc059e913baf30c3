//! Making buckets and unlinking them.

use core::hash::{BuildHasher, Hash};
use std::sync::Arc;

use super::candidates::Candidate;
use super::reclaim::InHand;
use super::table::Guard;
use super::{Equivalent, KeyedLimiter, Policy, Slot};
use crate::kernel::Limit;
use crate::kernel::bucket::Bucket;
use crate::kernel::cell::Flags;
use crate::kernel::sync::{AtomicUsize, Ordering};
use crate::{AcquireError, Carry, Clock, Timestamp, Tokens};

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
        mut now: Timestamp,
        admit: impl Fn(Tokens) -> Result<(), AcquireError<E>>,
        work: impl Fn(&Bucket<A>, Timestamp) -> Option<R>,
    ) -> Result<R, AcquireError<E>>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        loop {
            if let Some(result) = self.on_bucket(key, now, &admit, &work)? {
                return Ok(result);
            }
            // No guard and no lock while the policy, foreign code, runs.
            let owned = key.to_owned();
            let policy = self.policy.read().clone();
            let limit = policy(&owned).map_err(AcquireError::Policy)?;
            admit(limit.most())?;
            // It may have taken its time.
            now = self.clock.now();
            match self.insert(owned, limit, now, &work) {
                Some((inserted, result)) => {
                    if let Some(key) = inserted {
                        self.settle(&key, &policy, now);
                    }
                    // Only now: without a grace, the new bucket itself is garbage until it has been taken from.
                    self.inspect_some(now);
                    if let Some(result) = result {
                        return Ok(result);
                    }
                }
                // The last one may be this very key, made by somebody else.
                None => match self.on_bucket(key, now, &admit, &work)? {
                    Some(result) => return Ok(result),
                    None => return Err(AcquireError::TooManyKeys),
                },
            }
        }
    }

    /// Works on `key`'s bucket, if it has one in service.
    fn on_bucket<Q, R>(
        &self,
        key: &Q,
        now: Timestamp,
        admit: impl Fn(Tokens) -> Result<(), AcquireError<E>>,
        work: impl Fn(&Bucket<A>, Timestamp) -> Option<R>,
    ) -> Result<Option<R>, AcquireError<E>>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let guard = self.table.guard();
        let Some(bucket) = self.held(key, &guard) else { return Ok(None) };
        admit(bucket.capacity())?;
        let result = work(bucket, self.not_before_retired(now));
        if result.is_none() {
            self.unlink(key, &guard);
        }
        Ok(result)
    }

    /// Inserts a bucket, unless somebody else has, and works on the one that is there: the key, if it was this one
    /// that was inserted, and what came of the work. `None`: there are too many keys.
    fn insert<R>(
        &self,
        key: K,
        limit: A,
        now: Timestamp,
        work: impl Fn(&Bucket<A>, Timestamp) -> Option<R>,
    ) -> Option<(Option<K>, Option<R>)> {
        let ticket = self.admit_key(now)?;
        let slot = |flags| Slot::Held(Bucket::new(limit, now, flags));
        let guard = self.table.guard();
        let (slot, inserted) = match self.lines.find(&key) {
            None => self.table.insert_if_absent(&key, slot(Flags::NONE), &guard),
            // There is a line from before this bucket: nobody may pass it. It is marked from the start, under
            // the line's lock.
            Some(_) => self.lines.with(&key, |_, line, wakes| {
                let flags = if line.is_unused() { Flags::NONE } else { Flags::QUEUED };
                let (slot, inserted) = self.table.insert_if_absent(&key, slot(flags), &guard);
                if let (Some(bucket), true) = (slot.bucket(), inserted) {
                    bucket.adopt(line, wakes);
                }
                line.wake_head(wakes);
                (slot, inserted)
            }),
        };
        let Some(bucket) = slot.bucket() else {
            self.unlink(&key, &guard);
            return Some((None, None));
        };
        let mut candidate = None;
        if inserted {
            ticket.keep();
            // At once, before any foreign code runs: a key without a candidate would never go.
            let new = Candidate { key: key.clone(), due: now + self.grace };
            candidate = Some(InHand::new(&self.candidates, new));
        }
        let now = self.not_before_retired(now);
        let result = work(bucket, now);
        if let Some(mut candidate) = candidate {
            candidate.due_at(self.next_look(bucket, now));
        }
        Some((inserted.then_some(key), result))
    }

    /// What there is to do once `key`'s bucket, made by `policy`, is in the table.
    fn settle(&self, key: &K, policy: &Policy<K, A, E>, now: Timestamp) {
        // A line that was made, and lost its bucket, after we looked for it: marked now.
        if self.lines.find(key).is_some() {
            self.serve(key, now);
        }
        // Once more, now that the bucket can be found: see `try_reconfigure_all`.
        let current = self.policy.read().clone();
        if !Arc::ptr_eq(policy, &current) {
            self.apply(key, &current, Carry::AsIs);
        }
    }

    /// Room for one more key.
    fn admit_key(&self, now: Timestamp) -> Option<KeyTicket<'_>> {
        if self.max_keys == usize::MAX {
            return Some(KeyTicket(None));
        }
        // Relaxed: the count bounds itself by its own modification order; it publishes nothing.
        let admit = || {
            let more = |keys: usize| (keys < self.max_keys).then(|| keys + 1);
            self.keys.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
        };
        let admitted = admit() || self.inspect_until(now, admit);
        // A ticket that is made must have been admitted: dropping it takes one off the count.
        if admitted { Some(KeyTicket(Some(&self.keys))) } else { None }
    }

    /// Serves `key`'s line, if it has one, from the bucket that it has now.
    pub(super) fn serve<Q>(&self, key: &Q, now: Timestamp)
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.lines.with_found(key, |line, wakes| {
            let guard = self.table.guard();
            match self.held(key, &guard) {
                Some(bucket) => bucket.serve_and_wake_head(line, self.not_before_retired(now), wakes),
                None => line.wake_head(wakes),
            }
        });
    }

    /// The bucket of `key`, sealed perhaps.
    #[inline]
    pub(super) fn held<'g, Q>(&self, key: &Q, guard: &'g Guard<'_>) -> Option<&'g Bucket<A>>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.table.get(key, guard)?.bucket()
    }

    /// Removes `key`'s entry if its bucket is sealed: whoever meets a seal helps.
    pub(super) fn unlink<Q>(&self, key: &Q, guard: &Guard<'_>)
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let gone = |slot: &Slot<A>| slot.bucket().is_none_or(|bucket| bucket.flags().is_sealed());
        let removed = self.table.remove_if(key, gone, guard);
        if removed.and_then(Slot::bucket).is_some() && self.max_keys != usize::MAX {
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
