//! A limiter, or a key of a keyed one, behind the same verbs.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use lazy_limiter::{AcquireError, KeyedLimiter, Limiter, TokenBucket, Tokens};

use super::TestClock;

pub(crate) type Outcome = Result<(), AcquireError>;
pub(crate) type Future = Pin<Box<dyn std::future::Future<Output = Outcome> + Send>>;

/// What one waits at. Clones are the same one.
#[derive(Clone, Debug)]
pub(crate) enum Door {
    Limiter(Arc<Limiter<TokenBucket, TestClock>>),
    Key(Arc<KeyedLimiter<u64, TokenBucket, Infallible, TestClock>>),
}

use Door::{Key, Limiter as One};

/// The key that is waited for.
const KEY: u64 = 7;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Limiter,
    Key,
}

/// Does the same with a limiter and with a key.
pub(crate) fn each_kind(test: impl Fn(Kind)) {
    for kind in [Kind::Limiter, Kind::Key] {
        // Shown if the test fails.
        eprintln!("with a {kind:?}:");
        test(kind);
    }
}

impl Kind {
    pub(crate) fn open(self, bucket: TokenBucket, clock: &TestClock) -> Door {
        self.open_for(usize::MAX, bucket, clock)
    }

    pub(crate) fn open_for(self, max_waiters: usize, bucket: TokenBucket, clock: &TestClock) -> Door {
        let clock = clock.clone();
        match self {
            Kind::Limiter => {
                let limiter = Limiter::builder().clock(clock).max_waiters(max_waiters).build(bucket);
                One(Arc::new(limiter))
            }
            Kind::Key => {
                let policy = move |_: &u64| bucket.clone();
                let builder = KeyedLimiter::builder().clock(clock).max_waiters(max_waiters);
                let keyed = builder.build(policy);
                // The key's bucket is made now, as the limiter's is.
                if keyed.try_acquire(&KEY, 1).is_ok() {
                    keyed.give_back(&KEY, 1).unwrap();
                }
                Key(Arc::new(keyed))
            }
        }
    }
}

impl Door {
    pub(crate) fn try_acquire(&self, n: u64) -> Outcome {
        match self {
            One(limiter) => limiter.try_acquire(n),
            Key(keyed) => keyed.try_acquire(&KEY, n),
        }
    }

    pub(crate) fn acquire(&self, n: u64) -> Future {
        match self {
            One(limiter) => Box::pin(limiter.acquire_owned(n)),
            Key(keyed) => Box::pin(keyed.acquire_owned(KEY, n)),
        }
    }

    pub(crate) fn acquire_timeout(&self, n: u64, timeout: Duration) -> Future {
        match self {
            One(limiter) => Box::pin(limiter.acquire_owned_timeout(n, timeout)),
            Key(keyed) => Box::pin(keyed.acquire_owned_timeout(KEY, n, timeout)),
        }
    }

    pub(crate) fn acquire_blocking(&self, n: u64) -> Outcome {
        match self {
            One(limiter) => limiter.acquire_blocking(n),
            Key(keyed) => keyed.acquire_blocking(&KEY, n),
        }
    }

    pub(crate) fn acquire_blocking_timeout(&self, n: u64, timeout: Duration) -> Outcome {
        match self {
            One(limiter) => limiter.acquire_blocking_timeout(n, timeout),
            Key(keyed) => keyed.acquire_blocking_timeout(&KEY, n, timeout),
        }
    }

    pub(crate) fn give_back(&self, n: u64) {
        match self {
            One(limiter) => limiter.give_back(n).unwrap(),
            Key(keyed) => keyed.give_back(&KEY, n).unwrap(),
        }
    }

    pub(crate) fn charge(&self, n: u64) {
        match self {
            One(limiter) => limiter.charge(n).unwrap(),
            Key(keyed) => keyed.charge(&KEY, n).unwrap(),
        }
    }

    pub(crate) fn close(&self) {
        match self {
            One(limiter) => limiter.close(),
            Key(keyed) => keyed.close(),
        }
    }

    pub(crate) fn waiting(&self) -> usize {
        match self {
            One(limiter) => limiter.waiting(),
            Key(keyed) => keyed.waiting(&KEY),
        }
    }

    pub(crate) fn available(&self) -> Tokens {
        match self {
            One(limiter) => limiter.available(),
            Key(keyed) => keyed.available(&KEY).expect("the key is held throughout"),
        }
    }

    pub(crate) fn time_to_available(&self, n: u64) -> Option<Duration> {
        match self {
            One(limiter) => limiter.time_to_available(n),
            Key(keyed) => keyed.time_to_available(&KEY, n),
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        match self {
            One(limiter) => limiter.is_idle(),
            Key(keyed) => keyed.is_idle(&KEY),
        }
    }

    pub(crate) fn time_to_idle(&self) -> Option<Duration> {
        match self {
            One(limiter) => limiter.time_to_idle(),
            Key(keyed) => keyed.time_to_idle(&KEY),
        }
    }

    /// Forgets the key; a limiter has none to forget.
    pub(crate) fn remove(&self) {
        if let Key(keyed) = self {
            keyed.remove(&KEY);
        }
    }

    /// Tells whether it is gone.
    pub(crate) fn watch(&self) -> Box<dyn Fn() -> bool + Send> {
        match self {
            One(limiter) => {
                let limiter = Arc::downgrade(limiter);
                Box::new(move || limiter.strong_count() == 0)
            }
            Key(keyed) => {
                let keyed = Arc::downgrade(keyed);
                Box::new(move || keyed.strong_count() == 0)
            }
        }
    }
}
