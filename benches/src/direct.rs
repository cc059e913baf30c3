//! One limiter: ours and its peers behind one trait.

use std::hint::black_box;
use std::sync::OnceLock;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock, QuantaInstant, QuantaUpkeepClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{DefaultDirectRateLimiter, Quota};
use lazy_limiter::{CoarseClock, Limiter, MonotonicClock, Rate, TokenBucket};

use crate::keyed::quota;

/// So many tokens at once and a second: one a nanosecond, which no loop here can use up.
pub const PLENTY: u64 = 1_000_000_000;

/// A limiter for one bucket.
pub trait Direct: Send + Sync + Sized {
    /// What it is called in reports.
    const NAME: &'static str;

    /// One that grants whatever a benchmark asks for, and has a rate all the same.
    fn granting() -> Self;

    /// One that is empty, and stays so for the length of a benchmark.
    fn refusing() -> Self;

    /// Takes one token. Whether it was granted is all the caller asks.
    fn take(&self) -> bool;

    /// Takes one token, and keeps the whole answer, hint included, in memory.
    fn answer(&self);
}

/// Ours.
pub type Ours<C = MonotonicClock> = Limiter<TokenBucket, C>;

fn granting_bucket() -> TokenBucket {
    TokenBucket::new(PLENTY, Rate::per_second(PLENTY))
}

fn refusing_bucket() -> TokenBucket {
    TokenBucket::new(1, Rate::per_hour(1)).starting_tokens(0)
}

impl Direct for Ours {
    const NAME: &'static str = "lazy-limiter";

    fn granting() -> Ours {
        Limiter::new(granting_bucket())
    }

    fn refusing() -> Ours {
        Limiter::new(refusing_bucket())
    }

    #[inline]
    fn take(&self) -> bool {
        self.try_acquire(1).is_ok()
    }

    #[inline]
    fn answer(&self) {
        let _ = black_box(self.try_acquire(1));
    }
}

impl Direct for Ours<CoarseClock> {
    const NAME: &'static str = "lazy-limiter, coarse clock";

    fn granting() -> Self {
        Limiter::with_clock(granting_bucket(), CoarseClock::new())
    }

    fn refusing() -> Self {
        Limiter::with_clock(refusing_bucket(), CoarseClock::new())
    }

    #[inline]
    fn take(&self) -> bool {
        self.try_acquire(1).is_ok()
    }

    #[inline]
    fn answer(&self) {
        let _ = black_box(self.try_acquire(1));
    }
}

impl Direct for DefaultDirectRateLimiter {
    const NAME: &'static str = "governor";

    fn granting() -> Self {
        governor::RateLimiter::direct(quota(PLENTY))
    }

    fn refusing() -> Self {
        let limiter = governor::RateLimiter::direct(Quota::per_hour(std::num::NonZeroU32::MIN));
        let _ = limiter.check();
        limiter
    }

    #[inline]
    fn take(&self) -> bool {
        self.check().is_ok()
    }

    #[inline]
    fn answer(&self) {
        let _ = black_box(self.check());
    }
}

/// Governor on the fastest clock that it has: one that a thread keeps up to date.
pub type UpkeptGovernor =
    governor::RateLimiter<NotKeyed, InMemoryState, QuantaUpkeepClock, NoOpMiddleware<QuantaInstant>>;

/// There can be one in a process. It is read from memory, and is a hundred microseconds late at most.
fn upkept() -> QuantaUpkeepClock {
    static CLOCK: OnceLock<QuantaUpkeepClock> = OnceLock::new();
    let start = || QuantaUpkeepClock::from_interval(Duration::from_micros(100)).expect("the only one");
    CLOCK.get_or_init(start).clone()
}

impl Direct for UpkeptGovernor {
    const NAME: &'static str = "governor, upkeep clock";

    fn granting() -> Self {
        governor::RateLimiter::direct_with_clock(quota(PLENTY), upkept())
    }

    fn refusing() -> Self {
        let quota = Quota::per_hour(std::num::NonZeroU32::MIN);
        let limiter = governor::RateLimiter::direct_with_clock(quota, upkept());
        let _ = limiter.check();
        limiter
    }

    #[inline]
    fn take(&self) -> bool {
        self.check().is_ok()
    }

    #[inline]
    fn answer(&self) {
        let _ = black_box(self.check());
    }
}

/// Takes one token from ours, which refuses, and reads how long to wait.
#[inline]
pub fn hint_of_ours(limiter: &Ours) -> Option<Duration> {
    limiter.try_acquire(1).err().and_then(|refused| refused.retry_after())
}

/// The same of governor, whose refusal tells how long to wait when it is given the time.
#[inline]
pub fn hint_of_governor(limiter: &DefaultDirectRateLimiter, clock: &DefaultClock) -> Option<Duration> {
    limiter.check().err().map(|refused| refused.wait_time_from(clock.now()))
}

impl Direct for leaky_bucket::RateLimiter {
    const NAME: &'static str = "leaky-bucket";

    fn granting() -> Self {
        let plenty = PLENTY as usize;
        Self::builder().max(plenty).initial(plenty).refill(plenty / 1000).interval(MILLISECOND).build()
    }

    fn refusing() -> Self {
        Self::builder().max(1).initial(0).refill(1).interval(Duration::from_secs(3600)).build()
    }

    #[inline]
    fn take(&self) -> bool {
        self.try_acquire(1)
    }

    #[inline]
    fn answer(&self) {
        black_box(self.try_acquire(1));
    }
}

const MILLISECOND: Duration = Duration::from_millis(1);

impl Direct for ratelimit::Ratelimiter {
    const NAME: &'static str = "ratelimit";

    fn granting() -> Self {
        let built = Self::builder(PLENTY).max_tokens(PLENTY).initial_available(PLENTY).build();
        built.expect("a valid policy")
    }

    fn refusing() -> Self {
        let built = Self::builder(1).period(Duration::from_secs(3600)).max_tokens(1).build();
        built.expect("a valid policy")
    }

    #[inline]
    fn take(&self) -> bool {
        self.try_wait().is_ok()
    }

    #[inline]
    fn answer(&self) {
        let _ = black_box(self.try_wait());
    }
}

impl Direct for atomic_token_bucket::TokenBucket {
    const NAME: &'static str = "atomic_token_bucket";

    fn granting() -> Self {
        Self::new(PLENTY, PLENTY, PLENTY as f64)
    }

    fn refusing() -> Self {
        Self::new(0, 1, 1.0 / 3600.0)
    }

    #[inline]
    fn take(&self) -> bool {
        self.consume_tokens(1).is_ok()
    }

    #[inline]
    fn answer(&self) {
        let _ = black_box(self.consume_tokens(1));
    }
}

impl Direct for ratelock::RateLimiter<ratelock::StdClock> {
    const NAME: &'static str = "ratelock";

    fn granting() -> Self {
        Self::new(PLENTY, PLENTY)
    }

    fn refusing() -> Self {
        // It has no rate below one a second, and none at all takes a shortcut past the clock: so one token
        // comes now and then, and `take` is true as often.
        let limiter = Self::new(1, 1);
        limiter.allow();
        limiter
    }

    #[inline]
    fn take(&self) -> bool {
        self.allow()
    }

    #[inline]
    fn answer(&self) {
        black_box(self.allow());
    }
}
