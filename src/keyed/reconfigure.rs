//! Changing the limits of keys while they are in use.

use core::hash::{BuildHasher, Hash};
use std::sync::Arc;

use super::{Equivalent, KeyedLimiter, Slot};
use crate::kernel::Limit;
use crate::kernel::bucket::Bucket;
use crate::kernel::cell::Flags;
use crate::kernel::sync::yield_now;
use crate::{Carry, Clock};

impl<K, A, E, C, S> KeyedLimiter<K, A, E, C, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    A: Limit,
    C: Clock,
    S: BuildHasher,
{
    /// Replaces the limit of `key`, keeping the tokens it holds (up to the new capacity) and any debt; atomic, as
    /// [`Limiter::reconfigure`](crate::Limiter::reconfigure). False if the key is not held: nothing changes
    /// then.
    ///
    /// It lasts as long as the key is held. Once reclaimed or removed, the key is made by the policy again.
    pub fn reconfigure<Q>(&self, key: &Q, new: A) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.reconfigure_with(key, new, Carry::AsIs)
    }

    /// As [`reconfigure`](Self::reconfigure), with a choice of what becomes of the tokens held.
    pub fn reconfigure_with<Q>(&self, key: &Q, new: A, carry: Carry) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let guard = self.table.guard();
        let Some((key, _)) = self.table.get_key_value(key, &guard) else { return false };
        self.lines.with(key, |_, line, wakes| {
            let Some(old) = self.held(key, &guard) else { return false };
            // Detained, with the line locked: neither reclaimed nor removed by name. It stays in its place until
            // we put the new one there.
            if !old.detain() {
                return false;
            }
            let now = self.clock.now();
            // The key's candidate stays.
            let slot = Slot::Held(Bucket::empty(new, now, Flags::QUEUED));
            self.table.replace(key.clone(), slot, &guard);
            if let Some(new) = self.held(key, &guard) {
                old.hand_over(new, carry, line, now, wakes, yield_now);
            }
            true
        })
    }

    /// Replaces the policy, and by it the limit of every key that is held, keeping the tokens it holds (up to the new
    /// capacity) and any debt.
    ///
    /// Each key changes atomically, as by [`reconfigure`](Self::reconfigure); not all at one instant. Cost: one visit
    /// to each key.
    pub fn reconfigure_all(&self, policy: impl Fn(&K) -> A + Send + Sync + 'static) {
        self.try_reconfigure_all(move |key| Ok(policy(key)), Carry::AsIs);
    }

    /// As [`reconfigure_all`](Self::reconfigure_all), with a policy that may refuse a key, and a choice of what becomes
    /// of the tokens held. Keys that the new policy refuses are removed.
    pub fn try_reconfigure_all(
        &self,
        policy: impl Fn(&K) -> Result<A, E> + Send + Sync + 'static,
        carry: Carry,
    ) {
        let policy: super::Policy<K, A, E> = Arc::new(policy);
        // The lock orders us with who looks at the policy in `settle`: one that comes before us has its bucket in
        // the table, where we find it, and one that comes after finds the new policy.
        *self.policy.write() = policy.clone();
        let guard = self.table.guard();
        for (key, _) in self.table.iter(&guard) {
            self.apply(key, &policy, carry);
        }
    }

    /// Reconfigures `key` as `policy` says.
    pub(super) fn apply(&self, key: &K, policy: &super::Policy<K, A, E>, carry: Carry) {
        match policy(key) {
            Ok(limit) => self.reconfigure_with(key, limit, carry),
            Err(_) => self.remove(key),
        };
    }
}
