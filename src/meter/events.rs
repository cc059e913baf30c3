//! Refusals as events of `tracing`: each limiter's at ten a second, by a bucket of our own.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

use tracing::Level;
use tracing::level_filters::LevelFilter;

use crate::algorithm::TokenBucket;
use crate::kernel::bucket::Bucket;
use crate::kernel::cell::Flags;
use crate::kernel::limit::Taken;
use crate::{AcquireError, Rate, Timestamp, Tokens};

/// Events at once, and each second.
const MOST: u64 = 10;

pub(super) struct Events {
    bucket: Bucket<TokenBucket>,
    /// Refusals since the last event.
    suppressed: AtomicU64,
}

/// Whether anybody listens: one load.
#[inline(always)]
pub(super) fn wanted() -> bool {
    Level::DEBUG <= LevelFilter::current()
}

impl Events {
    pub(super) fn new() -> Events {
        let bucket = TokenBucket::new(MOST, Rate::per_second(MOST));
        Events { bucket: Bucket::new(bucket, Timestamp::ZERO, Flags::NONE), suppressed: AtomicU64::new(0) }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn refused<P>(&self, name: Option<&'static str>, error: &AcquireError<P>, now: Timestamp) {
        if !tracing::enabled!(target: "lazy_limiter", Level::DEBUG) {
            return;
        }
        if self.bucket.take(Tokens::from(1), now) != Taken::Granted {
            // Relaxed: a number for people to read.
            self.suppressed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let suppressed = self.suppressed.swap(0, Ordering::Relaxed);
        let retry_after = error.retry_after();
        tracing::debug!(
            target: "lazy_limiter",
            limiter = name,
            reason = %Reason(error),
            retry_after = retry_after.map(tracing::field::debug),
            suppressed,
            "refused"
        );
    }
}

/// An error in words, whatever the policy's may be: that one is a key's, and stays out of the log.
struct Reason<'a, P>(&'a AcquireError<P>);

impl<P> fmt::Display for Reason<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            AcquireError::Denied { .. } => "denied",
            AcquireError::TimedOut { .. } => "timed out",
            AcquireError::ExceedsCapacity { .. } => "exceeds the capacity",
            AcquireError::InvalidAmount => "invalid amount",
            AcquireError::Closed => "closed",
            AcquireError::QueueFull => "queue full",
            AcquireError::TooManyKeys => "too many keys",
            AcquireError::Policy(_) => "by the policy",
        })
    }
}
