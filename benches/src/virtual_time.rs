//! Keyed limiters on a clock that is moved by hand: an hour of traffic in seconds.

use std::time::Duration;

use governor::clock::FakeRelativeClock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use lazy_limiter::{KeyedLimiter, ManualClock, Rate, TokenBucket};

use crate::keyed::quota;

/// A limiter of `u64` keys, of which each may take one token a second: full again a second after it was used.
pub trait Virtual {
    /// What it does with keys that are idle.
    fn name(&self) -> &'static str;
    /// Moves its clock.
    fn advance(&self, by: Duration);
    /// Takes one of `key`'s tokens, if there is one.
    fn take(&self, key: u64) -> bool;
    /// What its user must call each virtual second; false if nothing.
    fn sweep(&self) -> bool {
        false
    }
    /// How many keys it holds.
    fn held(&self) -> usize;
}

/// Ours, without grace.
#[derive(Debug)]
pub struct Ours {
    clock: ManualClock,
    limiter: KeyedLimiter<u64, TokenBucket, std::convert::Infallible, ManualClock>,
}

impl Ours {
    /// One without keys.
    pub fn new() -> Ours {
        let clock = ManualClock::new();
        let builder = KeyedLimiter::builder().clock(clock.clone()).grace(Duration::ZERO);
        Ours { clock, limiter: builder.build(|_: &u64| TokenBucket::new(1, Rate::per_second(1))) }
    }
}

impl Default for Ours {
    fn default() -> Ours {
        Ours::new()
    }
}

impl Virtual for Ours {
    fn name(&self) -> &'static str {
        "lazy-limiter"
    }

    fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    #[inline]
    fn take(&self, key: u64) -> bool {
        self.limiter.try_acquire(&key, 1).is_ok()
    }

    fn held(&self) -> usize {
        self.limiter.len()
    }
}

/// governor, on its own virtual clock.
pub struct Governor {
    clock: FakeRelativeClock,
    limiter: governor::RateLimiter<
        u64,
        DashMapStateStore<u64>,
        FakeRelativeClock,
        NoOpMiddleware<governor::nanos::Nanos>,
    >,
    sweeps: bool,
}

impl Governor {
    /// One without keys; `sweeps` if `retain_recent` is called each second.
    pub fn new(sweeps: bool) -> Governor {
        let clock = FakeRelativeClock::default();
        Governor {
            limiter: governor::RateLimiter::dashmap_with_clock(quota(1), clock.clone()),
            clock,
            sweeps,
        }
    }
}

impl std::fmt::Debug for Governor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Governor").field("sweeps", &self.sweeps).finish_non_exhaustive()
    }
}

impl Virtual for Governor {
    fn name(&self) -> &'static str {
        if self.sweeps { "governor, retain_recent each second" } else { "governor" }
    }

    fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    #[inline]
    fn take(&self, key: u64) -> bool {
        self.limiter.check_key(&key).is_ok()
    }

    fn sweep(&self) -> bool {
        if self.sweeps {
            self.limiter.retain_recent();
        }
        self.sweeps
    }

    fn held(&self) -> usize {
        self.limiter.len()
    }
}
