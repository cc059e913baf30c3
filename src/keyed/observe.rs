//! Looking at keys: none of these makes a bucket, and none calls the policy.

use core::hash::{BuildHasher, Hash};
use core::time::Duration;

use super::{Equivalent, KeyedLimiter};
use crate::kernel::Limit;
use crate::kernel::bucket::Bucket;
use crate::wait::checked;
use crate::{Algorithm, Clock, Snapshot, Timestamp, Tokens};

impl<K, A, E, C, S> KeyedLimiter<K, A, E, C, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    A: Limit,
    C: Clock,
    S: BuildHasher,
{
    /// The clock that it goes by.
    pub fn clock(&self) -> &C {
        &self.clock
    }

    /// How many keys are held; about so many, while others add and remove some: they are counted in several parts.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether no key is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether `key` is held.
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.look(key, |_, _| ()).is_some()
    }

    /// What `key` has now, whoever may be waiting for it; `None` if it is not held, that is, full.
    pub fn available<Q>(&self, key: &Q) -> Option<Tokens>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.look(key, |bucket, now| bucket.available(now))
    }

    /// What `key` has when full; `None` if it is not held.
    pub fn capacity<Q>(&self, key: &Q) -> Option<Tokens>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.look(key, |bucket, _| bucket.capacity())
    }

    /// How long until `n` of `key`'s tokens could be taken by one who comes now, everyone in line served first.
    /// `None`: never, unless tokens are given back, or `n` is above the capacity or no amount. A key that is not
    /// held is full: zero; but if there is no room for it, the [overflow](crate::KeyedBuilder::overflow) answers.
    pub fn time_to_available<Q>(&self, key: &Q, n: impl Into<Tokens>) -> Option<Duration>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.time_to_serve(key, n.into(), self.clock.now())
    }

    pub(super) fn time_to_serve<Q>(&self, key: &Q, n: Tokens, now: Timestamp) -> Option<Duration>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let held = self.look(key, |bucket, _| match checked::<()>(n, bucket.capacity()).ok()? {
            Some(n) => self.wait_behind(key, bucket, n, now),
            None => Some(Duration::ZERO),
        });
        let full = || n.is_valid().then_some(Duration::ZERO);
        held.unwrap_or_else(|| match &self.overflow {
            Some(overflow) if self.len() >= self.max_keys => overflow.time_to_serve(n, now),
            _ => full(),
        })
    }

    /// How many are waiting for `key`.
    pub fn waiting<Q>(&self, key: &Q) -> usize
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.lines.with_found(key, |line, _| line.len()).unwrap_or(0)
    }

    /// `key`'s limit, what is left of it, and when there will be more, in one consistent reading. `None` if it is
    /// not held, that is, full.
    pub fn snapshot<Q>(&self, key: &Q) -> Option<Snapshot>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.look(key, |bucket, now| {
            let queued = bucket.flags().is_queued();
            let behind =
                queued.then(|| self.lines.with_found(key, |line, _| bucket.snapshot_behind(line, now)));
            behind.flatten().unwrap_or_else(|| bucket.snapshot(now))
        })
    }

    /// Asks `key`'s algorithm something about the state that it is in now, whoever may be waiting; see
    /// [`Limiter::inspect`](crate::Limiter::inspect). `None` if it is not held, that is, full.
    pub fn inspect<Q, R>(&self, key: &Q, ask: impl FnOnce(&A, &A::State, Timestamp) -> R) -> Option<R>
    where
        Q: Hash + Equivalent<K> + ?Sized,
        A: Algorithm,
    {
        self.look(key, |bucket, now| bucket.inspect(|algorithm, state| ask(algorithm, state, now)))
    }

    /// Whether `key` is full and nobody waits for it; so is every key that is not held.
    pub fn is_idle<Q>(&self, key: &Q) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.look(key, |bucket, now| bucket.is_idle(now)).unwrap_or(true)
    }

    /// How long until `key` [is idle](Self::is_idle) if nobody else comes; `None`: never.
    pub fn time_to_idle<Q>(&self, key: &Q) -> Option<Duration>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let held = self.look(key, |bucket, now| match bucket.flags().is_queued() {
            true => self.wait_behind(key, bucket, bucket.capacity(), now),
            false => bucket.time_to_idle(now),
        });
        held.unwrap_or(Some(Duration::ZERO))
    }

    /// How long one would wait for `n` who joined `key`'s line now.
    pub(super) fn wait_behind<Q>(
        &self,
        key: &Q,
        bucket: &Bucket<A>,
        n: Tokens,
        now: Timestamp,
    ) -> Option<Duration>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let queued = bucket.flags().is_queued();
        let behind = queued.then(|| self.lines.with_found(key, |line, _| bucket.wait_behind(line, n, now)));
        behind.flatten().unwrap_or_else(|| bucket.wait_for(n, now))
    }

    /// Looks at `key`'s bucket, unless it has none in service.
    pub(super) fn look<Q, R>(&self, key: &Q, look: impl FnOnce(&Bucket<A>, Timestamp) -> R) -> Option<R>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let guard = self.table.guard();
        let bucket = self.held(key, &guard)?;
        (!bucket.flags().is_sealed()).then(|| look(bucket, self.clock.now()))
    }
}
