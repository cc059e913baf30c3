//! [`RandomState`]: the default hasher of keys.

use core::hash::{BuildHasher, Hasher};
use std::hash::RandomState as Entropy;

use foldhash::SharedSeed;
use foldhash::quality::{FoldHasher, SeedableRandomState};

/// The default hasher of a [`KeyedLimiter`](crate::KeyedLimiter): foldhash in its quality variant, seeded for each
/// limiter from the operating system's randomness.
///
/// Keys come from attackers. Without the seed, which never leaves the process, they cannot tell which keys
/// collide. Where even an attacker who measures the time of millions of calls is to be
/// reckoned with, give [`hasher`](crate::KeyedBuilder::hasher) the standard library's SipHash, for about 5 ns a
/// call.
#[derive(Clone, Debug)]
pub struct RandomState(SeedableRandomState);

impl RandomState {
    /// A hasher with a seed of its own.
    pub fn new() -> RandomState {
        // The standard library asks the operating system, once for each thread.
        let seed = Entropy::new().build_hasher().finish();
        RandomState(SeedableRandomState::with_seed(seed, SharedSeed::global_random()))
    }
}

impl Default for RandomState {
    fn default() -> RandomState {
        RandomState::new()
    }
}

impl BuildHasher for RandomState {
    type Hasher = FoldHasher<'static>;

    #[inline]
    fn build_hasher(&self) -> FoldHasher<'static> {
        self.0.build_hasher()
    }
}
