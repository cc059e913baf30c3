//! [`Account`]: one bucket of one limiter, whatever their types: what a request pays from.

use core::future::Future;
use core::hash::{BuildHasher, Hash};
use core::pin::Pin;
use core::time::Duration;
use std::sync::Arc;

use super::{BoxError, Refused};
use crate::{AcquireError, Clock, KeyedLimiter, Limit, Limiter, Snapshot, Timestamp, Tokens};

pub(super) type Wait = Pin<Box<dyn Future<Output = Result<(), Refused>> + Send>>;

/// One bucket. Time is that of its limiter's clock.
pub(super) trait Account: Send + Sync {
    fn try_take(&self, n: Tokens) -> Result<(), Refused>;
    /// Waits in line, from the first poll on.
    fn take(&self, n: Tokens, timeout: Duration) -> Wait;
    fn give_back(&self, n: Tokens) -> Result<(), Refused>;
    fn charge(&self, n: Tokens) -> Result<(), Refused>;
    /// `None`: full, or without a limit.
    fn snapshot(&self) -> Option<Snapshot>;
    fn now(&self) -> Timestamp;
}

/// The bucket of a limiter that has only one.
pub(super) struct Only<A: Limit, C>(pub(super) Arc<Limiter<A, C>>);

impl<A: Limit, C: Clock> Account for Only<A, C> {
    fn try_take(&self, n: Tokens) -> Result<(), Refused> {
        self.0.try_acquire(n).map_err(erased)
    }

    fn take(&self, n: Tokens, timeout: Duration) -> Wait {
        let wait = self.0.acquire_owned_timeout(n, timeout);
        Box::pin(async { wait.await.map_err(erased) })
    }

    fn give_back(&self, n: Tokens) -> Result<(), Refused> {
        self.0.give_back(n).map_err(erased)
    }

    fn charge(&self, n: Tokens) -> Result<(), Refused> {
        self.0.charge(n).map_err(erased)
    }

    fn snapshot(&self) -> Option<Snapshot> {
        Some(self.0.snapshot())
    }

    fn now(&self) -> Timestamp {
        self.0.clock().now()
    }
}

/// The bucket of a key.
pub(super) struct OfKey<K, A: Limit, E, C, S> {
    pub(super) limiter: Arc<KeyedLimiter<K, A, E, C, S>>,
    pub(super) key: K,
}

impl<K, A, E, C, S> Account for OfKey<K, A, E, C, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    A: Limit,
    E: Into<BoxError> + 'static,
    C: Clock,
    S: BuildHasher + Send + Sync + 'static,
{
    fn try_take(&self, n: Tokens) -> Result<(), Refused> {
        self.limiter.try_acquire(&self.key, n).map_err(erased)
    }

    fn take(&self, n: Tokens, timeout: Duration) -> Wait {
        let wait = self.limiter.acquire_owned_timeout(self.key.clone(), n, timeout);
        Box::pin(async { wait.await.map_err(erased) })
    }

    fn give_back(&self, n: Tokens) -> Result<(), Refused> {
        self.limiter.give_back(&self.key, n).map_err(erased)
    }

    fn charge(&self, n: Tokens) -> Result<(), Refused> {
        self.limiter.charge(&self.key, n).map_err(erased)
    }

    fn snapshot(&self) -> Option<Snapshot> {
        self.limiter.snapshot(&self.key)
    }

    fn now(&self) -> Timestamp {
        self.limiter.clock().now()
    }
}

/// The same error, whatever the policy's was.
fn erased<P: Into<BoxError>>(error: AcquireError<P>) -> Refused {
    match error {
        AcquireError::Denied { retry_after } => AcquireError::Denied { retry_after },
        AcquireError::TimedOut { retry_after } => AcquireError::TimedOut { retry_after },
        AcquireError::ExceedsCapacity { requested, capacity } => {
            AcquireError::ExceedsCapacity { requested, capacity }
        }
        AcquireError::InvalidAmount => AcquireError::InvalidAmount,
        AcquireError::Closed => AcquireError::Closed,
        AcquireError::QueueFull => AcquireError::QueueFull,
        AcquireError::TooManyKeys => AcquireError::TooManyKeys,
        AcquireError::Policy(error) => AcquireError::Policy(error.into()),
    }
}
