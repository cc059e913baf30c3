//! [`KeyedLimiter`]: one bucket for each key, made when first needed and gone when idle.

use core::convert::Infallible;
use core::fmt;
use core::hash::Hash;
use core::time::Duration;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::algorithm::Unlimited;
use crate::kernel::Limit;
use crate::kernel::bucket::Bucket;
use crate::kernel::sync::{AtomicBool, AtomicU64, AtomicUsize};
use crate::meter::Meter;
use crate::{Limiter, MonotonicClock};

mod acquire;
mod builder;
mod candidates;
mod guard;
mod hasher;
mod lines;
mod observe;
mod orphans;
mod overflow;
mod prehashed;
mod reclaim;
mod reclaimer;
mod reconfigure;
mod size;
mod slots;
mod stats;
mod table;
mod verbs;

pub use builder::KeyedBuilder;
pub use hasher::RandomState;
pub use overflow::{MakeOverflow, Overflow};
pub use reclaimer::Reclaimer;
pub use stats::KeyedStats;
pub use table::Equivalent;

use candidates::Candidates;
use lines::Lines;
use orphans::Orphans;
use stats::Counts;
pub(crate) use table::{Table, Vacant};

/// One rate limiter per key: a user, an address, an API key; anything that can be hashed.
///
/// A key's bucket is made by the *policy* when the key is first seen, from whatever the policy makes of the key,
/// and is dropped once it is full, idle and past its grace. No thread, no timer and no sweep is needed for that:
/// each call does a little of it. A key that is not held behaves like one that is full.
///
/// ```
/// use lazy_limiter::{KeyedLimiter, Rate, TokenBucket};
///
/// let users = KeyedLimiter::new(|user: &String| match user.starts_with("pro") {
///     true => TokenBucket::new(20, Rate::per_second(5)),
///     false => TokenBucket::new(5, Rate::per_second(1)),
/// });
/// assert!(users.try_acquire("pro_123", 20).is_ok());
/// assert!(users.try_acquire("free_123", 5).is_ok());
/// assert!(users.try_acquire("free_123", 1).is_err());
/// ```
///
/// Keys are looked up in any borrowed form (`&str` for `String`); what may insert needs to make an owned key of
/// it, but does so only when it inserts or waits.
///
/// # The policy
///
/// It may be called more than once for a key when threads race; one of the buckets wins. It is called without
/// any lock held, so it may use this limiter for other keys (for the same key it would call itself without
/// end). If it panics or errs, nothing has changed.
pub struct KeyedLimiter<K, A: Limit, E = Infallible, C = MonotonicClock, S = RandomState> {
    table: Table<K, Slot<A>, S>,
    /// Read when a key is not held. Its lock is not held while the policy runs.
    policy: RwLock<Policy<K, A, E>>,
    clock: C,
    lines: Lines<K>,
    candidates: Candidates<K>,
    overflow: Option<Limiter<A, C>>,
    grace: Duration,
    max_keys: usize,
    max_waiters: usize,
    /// Slots in the table and about to be; kept only if `max_keys` is a bound.
    keys: AtomicUsize,
    orphans: Orphans<K>,
    counts: Counts,
    /// The latest time at which a bucket was retired, in nanoseconds.
    retired: AtomicU64,
    closed: AtomicBool,
    meter: Meter,
}

type Policy<K, A, E> = Arc<dyn Fn(&K) -> Result<A, E> + Send + Sync>;

/// What a key has in the table, inline in its entry.
enum Slot<A: Limit> {
    Held(Bucket<A>),
    /// Nothing: the table is being made to shrink.
    Vacant,
}

impl<A: Limit> Slot<A> {
    #[inline]
    fn bucket(&self) -> Option<&Bucket<A>> {
        match self {
            Slot::Held(bucket) => Some(bucket),
            Slot::Vacant => None,
        }
    }
}

impl<A: Limit> Vacant for Slot<A> {
    fn vacant() -> Slot<A> {
        Slot::Vacant
    }

    fn is_vacant(&self) -> bool {
        matches!(self, Slot::Vacant)
    }
}

impl KeyedLimiter<(), Unlimited> {
    /// A builder: choose the clock, the hasher, the grace and the bounds.
    pub fn builder() -> KeyedBuilder {
        KeyedBuilder::new()
    }
}

impl<K: Hash + Eq + Clone + Send + Sync + 'static, A: Limit> KeyedLimiter<K, A> {
    /// A limiter whose buckets are made by `policy`, on a [`MonotonicClock`].
    pub fn new(policy: impl Fn(&K) -> A + Send + Sync + 'static) -> KeyedLimiter<K, A> {
        KeyedBuilder::new().build(policy)
    }
}

impl<K: Hash + Eq + Clone + Send + Sync + 'static, A: Limit, E> KeyedLimiter<K, A, E> {
    /// A limiter whose buckets are made by a policy that may refuse a key. Its error comes back as
    /// [`Policy`](crate::AcquireError::Policy), and no bucket is made.
    pub fn try_new(policy: impl Fn(&K) -> Result<A, E> + Send + Sync + 'static) -> KeyedLimiter<K, A, E> {
        KeyedBuilder::new().try_build(policy)
    }
}

#[cfg(feature = "metrics")]
impl<K, A: Limit, E, C, S> KeyedLimiter<K, A, E, C, S> {
    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }
}

impl<K, A: Limit, E, C: fmt::Debug, S> fmt::Debug for KeyedLimiter<K, A, E, C, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedLimiter")
            .field("name", &self.meter.name())
            .field("clock", &self.clock)
            .field("grace", &self.grace)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use core::mem::size_of;

    use super::Slot;
    use crate::{FixedWindow, SlidingWindowCounter, TokenBucket, Unlimited};

    /// The word, and no more than eight bytes for the policy. A line costs its bucket one bit.
    #[test]
    fn a_slot_is_small() {
        assert_eq!(size_of::<Slot<TokenBucket>>(), 16);
        assert_eq!(size_of::<Slot<FixedWindow>>(), 16);
        assert_eq!(size_of::<Slot<SlidingWindowCounter>>(), 16);
        assert!(size_of::<Slot<Unlimited>>() <= 16);
    }
}
