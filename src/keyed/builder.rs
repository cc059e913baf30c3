//! [`KeyedBuilder`]: makes a [`KeyedLimiter`] that differs from the default.

use core::convert::Infallible;
use core::fmt;
use core::hash::{BuildHasher, Hash};
use core::time::Duration;
use std::sync::Arc;

use parking_lot::RwLock;

use super::KeyedLimiter;
use super::candidates::Candidates;
use super::hasher::RandomState;
use super::lines::Lines;
use super::orphans::Orphans;
use super::table::{SHARDS, Table};
use crate::kernel::Limit;
use crate::kernel::sync::{AtomicBool, AtomicU64, AtomicUsize};
use crate::{Clock, MonotonicClock};

/// Makes a [`KeyedLimiter`] that differs from the default.
#[derive(Clone)]
pub struct KeyedBuilder<C = MonotonicClock, S = RandomState> {
    clock: C,
    hasher: S,
    grace: Duration,
    capacity: usize,
    max_keys: usize,
    max_waiters: usize,
}

impl KeyedBuilder {
    pub(super) fn new() -> KeyedBuilder {
        KeyedBuilder {
            clock: MonotonicClock::new(),
            hasher: RandomState::new(),
            grace: Duration::from_secs(1),
            capacity: 0,
            max_keys: usize::MAX,
            max_waiters: usize::MAX,
        }
    }
}

impl<C: Clock, S> KeyedBuilder<C, S> {
    /// The clock. The default is a [`MonotonicClock`].
    pub fn clock<D: Clock>(self, clock: D) -> KeyedBuilder<D, S> {
        let KeyedBuilder { clock: _, hasher, grace, capacity, max_keys, max_waiters } = self;
        KeyedBuilder { clock, hasher, grace, capacity, max_keys, max_waiters }
    }

    /// The hasher of keys. The default is a [`RandomState`], seeded for each limiter: keys come from attackers, so
    /// give up the seed only for keys that do not.
    pub fn hasher<T: BuildHasher>(self, hasher: T) -> KeyedBuilder<C, T> {
        let KeyedBuilder { clock, hasher: _, grace, capacity, max_keys, max_waiters } = self;
        KeyedBuilder { clock, hasher, grace, capacity, max_keys, max_waiters }
    }

    /// How long a key is kept after it could have become idle. The default is one second.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Room for so many keys from the start. The table grows by itself; this saves it doing so.
    pub fn with_capacity(mut self, keys: usize) -> Self {
        self.capacity = keys;
        self
    }

    /// How many keys may be held. One more is refused with
    /// [`TooManyKeys`](crate::AcquireError::TooManyKeys), unless idle ones can be reclaimed for it. Keys that
    /// are held are served as ever. There is no bound by default.
    pub fn max_keys(mut self, most: usize) -> Self {
        self.max_keys = most;
        self
    }

    /// How many may wait at once for one key; one more is refused with
    /// [`QueueFull`](crate::AcquireError::QueueFull). There is no bound by default.
    pub fn max_waiters(mut self, most: usize) -> Self {
        self.max_waiters = most;
        self
    }

    /// The limiter: `policy` says what each key's bucket is made of.
    pub fn build<K, A>(
        self,
        policy: impl Fn(&K) -> A + Send + Sync + 'static,
    ) -> KeyedLimiter<K, A, Infallible, C, S>
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        A: Limit,
        S: BuildHasher,
    {
        self.try_build(move |key| Ok(policy(key)))
    }

    /// The limiter: `policy` says what each key's bucket is made of, or refuses the key.
    pub fn try_build<K, A, E>(
        self,
        policy: impl Fn(&K) -> Result<A, E> + Send + Sync + 'static,
    ) -> KeyedLimiter<K, A, E, C, S>
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        A: Limit,
        S: BuildHasher,
    {
        KeyedLimiter {
            table: Table::new(SHARDS, self.capacity, self.hasher),
            policy: RwLock::new(Arc::new(policy)),
            clock: self.clock,
            lines: Lines::new(),
            candidates: Candidates::new(),
            grace: self.grace,
            max_keys: self.max_keys,
            max_waiters: self.max_waiters,
            keys: AtomicUsize::new(0),
            orphans: Orphans::new(),
            reclaimed: AtomicU64::new(0),
            inspections: AtomicU64::new(0),
            retired: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        }
    }
}

impl<C: fmt::Debug, S> fmt::Debug for KeyedBuilder<C, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedBuilder")
            .field("clock", &self.clock)
            .field("grace", &self.grace)
            .field("capacity", &self.capacity)
            .field("max_keys", &self.max_keys)
            .field("max_waiters", &self.max_waiters)
            .finish_non_exhaustive()
    }
}
