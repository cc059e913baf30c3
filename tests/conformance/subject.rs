//! What a scenario is replayed on: a limiter, or one key of a keyed one.

use core::convert::Infallible;
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use lazy_limiter::{
    AcquireError, Algorithm, FixedWindow, InvalidPolicy, KeyedLimiter, Limit, Limiter, ManualClock,
    SlidingWindow, TokenBucket, Tokens,
};

use super::scenario::Policy;

pub(crate) type Wait<'a> = Pin<Box<dyn Future<Output = Result<(), AcquireError>> + Send + 'a>>;

pub(crate) trait Subject: Sync {
    fn try_acquire(&self, n: Tokens) -> Result<(), AcquireError>;
    fn available(&self) -> Tokens;
    fn time_to_available(&self, n: Tokens) -> Option<Duration>;
    fn give_back(&self, n: Tokens);
    fn acquire(&self, n: Tokens, timeout: Option<Duration>) -> Wait<'_>;
    fn acquire_blocking(&self, n: Tokens, timeout: Option<Duration>) -> Result<(), AcquireError>;
    fn waiting(&self) -> usize;
    fn close(&self);

    /// Called before each step, and in long loops now and then: whatever must not make a difference.
    fn disturb(&self) {}
}

impl<A: Limit> Subject for Limiter<A, ManualClock> {
    fn try_acquire(&self, n: Tokens) -> Result<(), AcquireError> {
        self.try_acquire(n)
    }

    fn available(&self) -> Tokens {
        self.available()
    }

    fn time_to_available(&self, n: Tokens) -> Option<Duration> {
        self.time_to_available(n)
    }

    fn give_back(&self, n: Tokens) {
        self.give_back(n).expect("a valid amount");
    }

    fn acquire(&self, n: Tokens, timeout: Option<Duration>) -> Wait<'_> {
        match timeout {
            Some(timeout) => Box::pin(self.acquire_timeout(n, timeout)),
            None => Box::pin(self.acquire(n)),
        }
    }

    fn acquire_blocking(&self, n: Tokens, timeout: Option<Duration>) -> Result<(), AcquireError> {
        match timeout {
            Some(timeout) => self.acquire_blocking_timeout(n, timeout),
            None => self.acquire_blocking(n),
        }
    }

    fn waiting(&self) -> usize {
        self.waiting()
    }

    fn close(&self) {
        self.close();
    }
}

/// One key of many. The others are used, and all that are idle reclaimed, before each step.
struct OneKey<A: Limit> {
    keys: KeyedLimiter<String, A, Infallible, ManualClock>,
    capacity: Tokens,
    disturbances: AtomicU64,
}

const KEY: &str = "the key";

impl<A: Limit> Subject for OneKey<A> {
    fn try_acquire(&self, n: Tokens) -> Result<(), AcquireError> {
        self.keys.try_acquire(KEY, n)
    }

    fn available(&self) -> Tokens {
        // A key that is not held is full.
        self.keys.available(KEY).unwrap_or(self.capacity)
    }

    fn time_to_available(&self, n: Tokens) -> Option<Duration> {
        self.keys.time_to_available(KEY, n)
    }

    fn give_back(&self, n: Tokens) {
        self.keys.give_back(KEY, n).expect("a valid amount");
    }

    fn acquire(&self, n: Tokens, timeout: Option<Duration>) -> Wait<'_> {
        match timeout {
            Some(timeout) => Box::pin(self.keys.acquire_timeout(KEY, n, timeout)),
            None => Box::pin(self.keys.acquire(KEY, n)),
        }
    }

    fn acquire_blocking(&self, n: Tokens, timeout: Option<Duration>) -> Result<(), AcquireError> {
        match timeout {
            Some(timeout) => self.keys.acquire_blocking_timeout(KEY, n, timeout),
            None => self.keys.acquire_blocking(KEY, n),
        }
    }

    fn waiting(&self) -> usize {
        self.keys.waiting(KEY)
    }

    fn close(&self) {
        self.keys.close();
    }

    fn disturb(&self) {
        let other = format!("other {}", self.disturbances.fetch_add(1, Ordering::Relaxed) % 7);
        let _ = self.keys.try_acquire(&*other, 1);
        self.keys.reclaim();
        // An idle key must be gone now, or nothing is proved.
        assert!(!self.keys.is_idle(KEY) || !self.keys.contains_key(KEY), "an idle key was kept");
    }
}

/// Where to replay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum On {
    Limiter,
    /// A limiter of the algorithm behind `Box<dyn RateLimiter>`.
    Boxed,
    Key,
}

/// A fresh subject, and the clock that it is on.
pub(crate) fn make(policy: Policy, on: On) -> Result<(Box<dyn Subject>, ManualClock), InvalidPolicy> {
    match policy {
        Policy::TokenBucket { capacity, rate, starting } => {
            let bucket = TokenBucket::try_new(capacity, rate)?;
            Ok(place(starting.map_or(Ok(bucket.clone()), |n| bucket.try_starting_tokens(n))?, on))
        }
        Policy::FixedWindow { capacity, window } => Ok(place(FixedWindow::try_new(capacity, window)?, on)),
        Policy::SlidingWindowLog { capacity, window } => {
            Ok(place(SlidingWindow::try_new(capacity, window)?, on))
        }
    }
}

fn place<A: Algorithm + Clone>(algorithm: A, on: On) -> (Box<dyn Subject>, ManualClock) {
    let clock = ManualClock::new();
    let subject: Box<dyn Subject> = match on {
        On::Limiter => Box::new(Limiter::with_clock(algorithm, clock.clone())),
        On::Boxed => Box::new(Limiter::with_clock(algorithm.boxed(), clock.clone())),
        On::Key => {
            let capacity = algorithm.capacity();
            let builder = KeyedLimiter::builder().clock(clock.clone()).grace(Duration::ZERO);
            let keys = builder.build(move |_: &String| algorithm.clone());
            Box::new(OneKey { keys, capacity, disturbances: AtomicU64::new(0) })
        }
    };
    (subject, clock)
}
