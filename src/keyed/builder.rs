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
use super::overflow::{MakeOverflow, Overflow};
use super::stats::Counts;
use super::table::{SHARDS, Table};
use crate::kernel::Limit;
use crate::kernel::sync::{AtomicBool, AtomicU64, AtomicUsize};
use crate::meter::Meter;
use crate::{Clock, MonotonicClock};

/// Makes a [`KeyedLimiter`] that differs from the default.
#[derive(Clone)]
pub struct KeyedBuilder<C = MonotonicClock, S = RandomState, O = ()> {
    clock: C,
    hasher: S,
    grace: Duration,
    capacity: usize,
    max_keys: usize,
    max_waiters: usize,
    name: Option<&'static str>,
    overflow: O,
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
            name: None,
            overflow: (),
        }
    }
}

impl<C: Clock, S, O> KeyedBuilder<C, S, O> {
    /// The clock. The default is a [`MonotonicClock`].
    pub fn clock<D: Clock>(self, clock: D) -> KeyedBuilder<D, S, O> {
        let KeyedBuilder { clock: _, hasher, grace, capacity, max_keys, max_waiters, overflow, name } = self;
        KeyedBuilder { clock, hasher, grace, capacity, max_keys, max_waiters, overflow, name }
    }

    /// The hasher of keys. The default is a [`RandomState`], seeded for each limiter: keys come from attackers, so
    /// give up the seed only for keys that do not.
    pub fn hasher<T: BuildHasher>(self, hasher: T) -> KeyedBuilder<C, T, O> {
        let KeyedBuilder { clock, hasher: _, grace, capacity, max_keys, max_waiters, overflow, name } = self;
        KeyedBuilder { clock, hasher, grace, capacity, max_keys, max_waiters, overflow, name }
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
    /// [`TooManyKeys`](crate::AcquireError::TooManyKeys), unless idle ones can be reclaimed for it, or there is an
    /// [`overflow`](Self::overflow). Keys that are held are served as ever. There is no bound by default.
    pub fn max_keys(mut self, most: usize) -> Self {
        self.max_keys = most;
        self
    }

    /// One bucket, shared by all the keys for which there is no room: a flood of new keys limits itself, and those
    /// that are held do not notice. Of use with [`max_keys`](Self::max_keys).
    ///
    /// It has the line of a [`Limiter`](crate::Limiter), which is at hand as
    /// [`KeyedLimiter::overflow`](crate::KeyedLimiter::overflow). A key that is served by it gets a bucket of its own as
    /// soon as it comes when there is room. What is [given back](crate::KeyedLimiter::give_back) for a key that is
    /// not held is not given to it: the key may have taken from a bucket of its own, long full again.
    ///
    /// ```
    /// use lazy_limiter::{KeyedLimiter, Rate, TokenBucket};
    ///
    /// let clients = KeyedLimiter::builder()
    ///     .max_keys(1)
    ///     .overflow(TokenBucket::new(2, Rate::per_hour(1)))
    ///     .build(|_: &String| TokenBucket::new(5, Rate::per_hour(1)));
    /// assert!(clients.try_acquire("known", 1).is_ok());
    /// assert!(clients.try_acquire("new", 1).is_ok());
    /// assert!(clients.try_acquire("newer", 1).is_ok());
    /// assert!(clients.try_acquire("newest", 1).unwrap_err().is_denied());
    /// assert!(clients.try_acquire("known", 4).is_ok());
    /// ```
    pub fn overflow<A: Limit>(self, limit: A) -> KeyedBuilder<C, S, Overflow<A>> {
        let KeyedBuilder { clock, hasher, grace, capacity, max_keys, max_waiters, overflow: _, name } = self;
        let overflow = Overflow(limit);
        KeyedBuilder { clock, hasher, grace, capacity, max_keys, max_waiters, overflow, name }
    }

    /// How many may wait at once for one key; one more is refused with
    /// [`QueueFull`](crate::AcquireError::QueueFull). There is no bound by default.
    pub fn max_waiters(mut self, most: usize) -> Self {
        self.max_waiters = most;
        self
    }

    /// What it is called in [metrics](crate#metrics-and-events), events and debug output. Without a name it is not
    /// counted.
    pub fn name(mut self, name: &'static str) -> Self {
        self.name = Some(name);
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
        O: MakeOverflow<A, C>,
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
        O: MakeOverflow<A, C>,
    {
        KeyedLimiter {
            overflow: self.overflow.make(&self.clock, self.max_waiters),
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
            counts: Counts::default(),
            retired: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            meter: Meter::new(self.name),
        }
    }
}

impl<C: fmt::Debug, S, O> fmt::Debug for KeyedBuilder<C, S, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedBuilder")
            .field("clock", &self.clock)
            .field("grace", &self.grace)
            .field("capacity", &self.capacity)
            .field("max_keys", &self.max_keys)
            .field("max_waiters", &self.max_waiters)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
