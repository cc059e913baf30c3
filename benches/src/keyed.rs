//! One limiter per key: ours and its peers behind one trait.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{DefaultClock, QuantaInstant};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{DefaultKeyedRateLimiter, Quota};
use lazy_limiter::{KeyedLimiter, Rate, TokenBucket};

use crate::direct::PLENTY;
use crate::keys::Key;

/// A limiter for many keys.
pub trait Keyed<K>: Send + Sync + Sized {
    /// What it is called in reports.
    const NAME: &'static str;

    /// One whose every key is granted whatever a benchmark asks for.
    fn granting() -> Self;

    /// The same with room for so many keys from the start, if it can be had.
    fn with_room(_keys: u64) -> Option<Self> {
        None
    }

    /// Takes one of `key`'s tokens.
    fn take(&self, key: &K) -> bool;

    /// One that was grown to the keys of the numbers below `keys` by ordinary calls.
    fn grown(keys: u64) -> Self
    where
        K: Key,
    {
        let limiter = Self::granting();
        limiter.grow(keys);
        limiter
    }

    /// Uses each of the keys of the numbers below `keys` once.
    fn grow(&self, keys: u64)
    where
        K: Key,
    {
        for key in 0..keys {
            assert!(self.take(&K::number(key)), "{} refused a key that it was to grant", Self::NAME);
        }
    }
}

/// So many at once and a second.
pub fn quota(tokens: u64) -> Quota {
    let tokens = u32::try_from(tokens).ok().and_then(NonZeroU32::new);
    Quota::per_second(tokens.expect("a quota that governor can hold"))
}

/// Ours.
pub type Ours<K> = KeyedLimiter<K, TokenBucket>;

const HOUR: Duration = Duration::from_secs(3600);

fn policy<K>(_: &K) -> TokenBucket {
    TokenBucket::new(PLENTY, Rate::per_second(PLENTY))
}

impl<K: Key> Keyed<K> for Ours<K> {
    const NAME: &'static str = "lazy-limiter";

    // Buckets of a token a nanosecond are always idle. A long grace keeps them, or hits would be misses now and then.
    fn granting() -> Self {
        KeyedLimiter::builder().grace(HOUR).build(policy)
    }

    fn with_room(keys: u64) -> Option<Self> {
        Some(KeyedLimiter::builder().grace(HOUR).with_capacity(keys as usize).build(policy))
    }

    #[inline]
    fn take(&self, key: &K) -> bool {
        self.try_acquire::<K::Borrowed>(key.borrow(), 1).is_ok()
    }
}

/// Ours at its defaults, where keys that nobody uses for a second are dropped meanwhile, in passing.
#[derive(Debug)]
pub struct Reclaiming<K: Key>(Ours<K>);

impl<K: Key> Keyed<K> for Reclaiming<K> {
    const NAME: &'static str = "lazy-limiter, reclaiming";

    fn granting() -> Self {
        Reclaiming(KeyedLimiter::new(policy))
    }

    #[inline]
    fn take(&self, key: &K) -> bool {
        self.0.take(key)
    }
}

impl<K: Key> Keyed<K> for DefaultKeyedRateLimiter<K> {
    const NAME: &'static str = "governor";

    fn granting() -> Self {
        governor::RateLimiter::keyed(quota(PLENTY))
    }

    #[inline]
    fn take(&self, key: &K) -> bool {
        self.check_key(key).is_ok()
    }
}

/// Governor with a faster hasher than its default, seeded too.
pub type HashingGovernor<K> = governor::RateLimiter<
    K,
    DashMapStateStore<K, foldhash::fast::RandomState>,
    DefaultClock,
    NoOpMiddleware<QuantaInstant>,
>;

impl<K: Key> Keyed<K> for HashingGovernor<K> {
    const NAME: &'static str = "governor, foldhash";

    fn granting() -> Self {
        governor::RateLimiter::dashmap_with_clock_and_hasher(
            quota(PLENTY),
            DefaultClock::default(),
            Default::default(),
        )
    }

    #[inline]
    fn take(&self, key: &K) -> bool {
        self.check_key(key).is_ok()
    }
}

impl<K: Key> Keyed<K> for atomic_token_bucket::KeyedRateLimiter<K> {
    const NAME: &'static str = "atomic_token_bucket";

    /// It must be told how many keys to expect, and drops the least recently used of more.
    fn granting() -> Self {
        let bucket = atomic_token_bucket::TokenBucket::new(PLENTY, PLENTY, PLENTY as f64);
        Self::new(1 << 20, bucket, 8)
    }

    #[inline]
    fn take(&self, key: &K) -> bool {
        self.consume_tokens(key.clone(), 1).is_ok()
    }
}

/// Its keys are strings only.
impl Keyed<String> for tokio_rate_limit::RateLimiter {
    const NAME: &'static str = "tokio-rate-limit";

    fn granting() -> Self {
        let built = Self::builder().requests_per_second(PLENTY).burst(PLENTY).build();
        built.expect("a valid policy")
    }

    #[inline]
    fn take(&self, key: &String) -> bool {
        self.check(key).permitted
    }
}
