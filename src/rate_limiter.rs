//! [`RateLimiter`]: a limiter written from scratch, with a state of its own.

use core::fmt;
use core::time::Duration;
use std::sync::OnceLock;

use crate::algorithm::{Ahead, Algorithm};
use crate::kernel::cell::Flags;
use crate::kernel::limit::{Limit, Seal, Taken};
use crate::{Timestamp, Tokens};

/// A rate limiter that keeps its own state. Object-safe: a `Box<dyn RateLimiter>` can be given wherever an
/// [`Algorithm`](crate::Algorithm) can, so that one policy may answer with different kinds.
///
/// Prefer [`Algorithm`](crate::Algorithm), which gets its atomicity from the library. Implement this for what
/// is no function of a state and the time: a limiter that adapts to outside signals, counts what is in flight,
/// or asks somebody else.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use std::time::Duration;
/// use lazy_limiter::{Limiter, RateLimiter, Timestamp, Tokens};
///
/// /// So many at once; who is done gives back.
/// struct InFlight { most: u64, now: AtomicU64 }
///
/// impl RateLimiter for InFlight {
///     fn capacity(&self) -> Tokens {
///         Tokens::from_parts(self.most)
///     }
///     fn available(&self, _: Timestamp) -> Tokens {
///         Tokens::from_parts(self.most.saturating_sub(self.now.load(Ordering::Acquire)))
///     }
///     fn try_acquire(&self, n: Tokens, _: Timestamp) -> Result<(), Option<Duration>> {
///         let take = |now: u64| (now + n.parts() <= self.most).then(|| now + n.parts());
///         self.now.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).map(drop).map_err(|_| None)
///     }
///     fn time_to_available(&self, n: Tokens, at: Timestamp) -> Option<Duration> {
///         (n <= self.available(at)).then_some(Duration::ZERO)
///     }
///     fn give_back(&self, n: Tokens, _: Timestamp) {
///         let give = |now: u64| Some(now.saturating_sub(n.parts()));
///         let _ = self.now.fetch_update(Ordering::AcqRel, Ordering::Acquire, give);
///     }
///     fn charge(&self, n: Tokens, _: Timestamp) {
///         self.now.fetch_add(n.parts(), Ordering::AcqRel);
///     }
/// }
///
/// let two = InFlight { most: Tokens::from(2).parts(), now: AtomicU64::new(0) };
/// let limiter = Limiter::new(Box::new(two) as Box<dyn RateLimiter>);
/// limiter.acquire_blocking(1)?;
/// limiter.acquire_blocking(1)?;
/// assert!(limiter.try_acquire(1).is_err());
/// limiter.give_back(1)?;
/// limiter.acquire_blocking(1)?;
/// # Ok::<(), lazy_limiter::AcquireError>(())
/// ```
///
/// # Contract
///
/// Calls come from many threads at once. [`try_acquire`](Self::try_acquire) must decide and take in one atomic
/// step. `n` is valid, and between zero and the capacity but in `give_back` and `charge`. A limiter that
/// [is idle](Self::is_idle) must answer like a new one: a key's limiter is dropped then.
pub trait RateLimiter: Send + Sync + 'static {
    /// The most it ever holds.
    fn capacity(&self) -> Tokens;

    /// What could be taken at `now`.
    fn available(&self, now: Timestamp) -> Tokens;

    /// Takes `n`, or says how long to wait.
    ///
    /// # Errors
    ///
    /// The time until `n` could be taken if nobody else came; `None`: never, unless some are given back.
    fn try_acquire(&self, n: Tokens, now: Timestamp) -> Result<(), Option<Duration>>;

    /// How long until `n` could be taken; zero if now, `None` if never.
    fn time_to_available(&self, n: Tokens, now: Timestamp) -> Option<Duration>;

    /// Gives `n` back, up to the capacity.
    fn give_back(&self, n: Tokens, now: Timestamp);

    /// Takes `n` unconditionally.
    fn charge(&self, n: Tokens, now: Timestamp);

    /// Called once, before all else, when it is put into service. Does nothing by default: for a limiter that does
    /// not start full, and so needs to know since when it refills.
    fn start(&self, _now: Timestamp) {}

    /// What is owed at `now`; see [`Algorithm::debt`](crate::Algorithm::debt).
    fn debt(&self, _now: Timestamp) -> Tokens {
        Tokens::ZERO
    }

    /// Whether it is full, that is, as good as new.
    fn is_idle(&self, now: Timestamp) -> bool {
        self.available(now) >= self.capacity()
    }

    /// Whether it is idle at `now` and was so at `since` already, as far as can be told. A key's limiter is
    /// dropped only if it has been idle for the grace. By default only the present is asked.
    fn is_idle_since(&self, _since: Timestamp, now: Timestamp) -> bool {
        self.is_idle(now)
    }

    /// How long until it is idle if nobody comes.
    fn time_to_idle(&self, now: Timestamp) -> Option<Duration> {
        self.time_to_available(self.capacity(), now)
    }

    /// How long until `n` are served to one who stands behind `ahead`.
    ///
    /// By default a lower bound: the longest time that any one in line, or `n` itself, would wait alone.
    fn time_to_serve(&self, ahead: Ahead<'_>, n: Tokens, now: Timestamp) -> Option<Duration> {
        let most = ahead.fold(n, Tokens::max);
        self.time_to_available(most, now)
    }

    /// What `n` weighs in a line; see [`Algorithm::cost`](crate::Algorithm::cost).
    fn cost(&self, n: Tokens) -> u64 {
        n.parts()
    }
}

impl fmt::Debug for dyn RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("dyn RateLimiter").field("capacity", &self.capacity()).finish_non_exhaustive()
    }
}

/// An [`Algorithm`] with its cell, as a [`RateLimiter`].
pub(crate) struct WithCell<A: Algorithm> {
    algorithm: A,
    /// Made when it is put into service: a state needs a time to start at.
    cell: OnceLock<A::Cell>,
}

impl<A: Algorithm> WithCell<A> {
    pub(crate) fn new(algorithm: A) -> WithCell<A> {
        WithCell { algorithm, cell: OnceLock::new() }
    }

    fn cell(&self, now: Timestamp) -> &A::Cell {
        self.cell.get_or_init(|| self.algorithm.open(now, Flags::NONE))
    }
}

impl<A: Algorithm> RateLimiter for WithCell<A> {
    fn start(&self, now: Timestamp) {
        self.cell(now);
    }

    fn capacity(&self) -> Tokens {
        self.algorithm.capacity()
    }

    fn available(&self, now: Timestamp) -> Tokens {
        self.algorithm.level(self.cell(now), now)
    }

    fn try_acquire(&self, n: Tokens, now: Timestamp) -> Result<(), Option<Duration>> {
        match self.algorithm.take(self.cell(now), n, now) {
            Taken::Granted => Ok(()),
            Taken::Refused(wait) => Err(wait),
            // The flags of this cell are never set: the gate around it has its own.
            Taken::Queued | Taken::Sealed => Err(None),
        }
    }

    fn time_to_available(&self, n: Tokens, now: Timestamp) -> Option<Duration> {
        self.time_to_serve(Ahead::NOBODY, n, now)
    }

    fn give_back(&self, n: Tokens, now: Timestamp) {
        self.algorithm.refund(self.cell(now), n, now, Seal::Ignored);
    }

    fn charge(&self, n: Tokens, now: Timestamp) {
        self.algorithm.debit(self.cell(now), n, now, Seal::Ignored);
    }

    fn debt(&self, now: Timestamp) -> Tokens {
        self.algorithm.reading(self.cell(now), Tokens::ZERO, now).debt
    }

    fn is_idle(&self, now: Timestamp) -> bool {
        self.algorithm.is_full(self.cell(now), now)
    }

    fn is_idle_since(&self, since: Timestamp, now: Timestamp) -> bool {
        self.is_idle(now) && self.is_idle(since)
    }

    fn time_to_idle(&self, now: Timestamp) -> Option<Duration> {
        self.algorithm.wait_for_full(self.cell(now), now)
    }

    fn time_to_serve(&self, ahead: Ahead<'_>, n: Tokens, now: Timestamp) -> Option<Duration> {
        self.algorithm.wait_for(self.cell(now), ahead, n, now)
    }

    fn cost(&self, n: Tokens) -> u64 {
        self.algorithm.cost(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limiter, ManualClock, Rate, TokenBucket};

    #[test]
    fn a_boxed_bucket_refills_from_when_it_is_made() {
        let clock = ManualClock::new();
        let bucket = TokenBucket::new(10, Rate::per_second(1)).starting_tokens(0);
        let limiter = Limiter::with_clock(bucket.boxed(), clock.clone());
        clock.advance(Duration::from_secs(3));
        assert_eq!(limiter.available(), Tokens::from(3));
    }
}
