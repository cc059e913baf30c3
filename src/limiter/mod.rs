//! [`Limiter`]: one bucket and its line.

use core::fmt;
use core::time::Duration;

use parking_lot::Mutex;

use crate::algorithm::Unlimited;
use crate::kernel::Limit;
use crate::kernel::bucket::Bucket;
use crate::kernel::cell::Flags;
use crate::kernel::limit::{Seal, Taken};
use crate::kernel::line::{Line, Wakes};
use crate::wait::{checked, valid};
use crate::{AcquireError, Clock, MonotonicClock, Snapshot, Timestamp, Tokens};

mod acquire;
mod builder;

pub use builder::LimiterBuilder;

/// One rate limiter, shared by any number of threads and tasks through `&` or an `Arc`.
///
/// `A` is an [`Algorithm`](crate::Algorithm), or a `Box<dyn RateLimiter>`.
///
/// ```
/// use lazy_limiter::{Limiter, Rate, TokenBucket};
///
/// let limiter = Limiter::new(TokenBucket::new(10, Rate::per_second(3)));
/// if let Err(refused) = limiter.try_acquire(1) {
///     println!("429, retry after {:?}", refused.retry_after());
/// }
/// ```
///
/// # Waiting
///
/// All that wait, threads and tasks alike, stand in one line and are served strictly in order of arrival:
/// a large request is not overtaken by small ones, nor by [`try_acquire`](Self::try_acquire). Only the head of the
/// line watches the clock. A future must be polled when it is woken, or dropped: one that is kept without being
/// polled keeps its place, and those behind it move only when other callers come by.
///
/// # Amounts
///
/// Every amount is `impl Into<Tokens>`: a whole number or a float. Zero is granted at once and changes
/// nothing. An amount above the capacity is an error at once, and so is one that is no amount.
pub struct Limiter<A: Limit, C = MonotonicClock> {
    bucket: Bucket<A>,
    clock: C,
    line: Mutex<Line>,
    max_waiters: usize,
}

impl Limiter<Unlimited> {
    /// A builder: choose the clock and the bound of the line.
    pub fn builder() -> LimiterBuilder {
        LimiterBuilder::new(MonotonicClock::new())
    }
}

impl<A: Limit> Limiter<A> {
    /// A limiter of `algorithm` on a [`MonotonicClock`], whose line has no bound.
    pub fn new(algorithm: A) -> Limiter<A> {
        Limiter::with_clock(algorithm, MonotonicClock::new())
    }
}

impl<A: Limit, C: Clock> Limiter<A, C> {
    /// A limiter of `algorithm` on `clock`, whose line has no bound.
    pub fn with_clock(algorithm: A, clock: C) -> Limiter<A, C> {
        LimiterBuilder::new(clock).build(algorithm)
    }

    /// Takes `n` now, or refuses. Never waits, and never passes those who do.
    ///
    /// Cost: one read of the clock and one compare-exchange; a refusal writes nothing. While others wait, the
    /// line's lock.
    ///
    /// # Errors
    ///
    /// [`Denied`](AcquireError::Denied) with the time until it would succeed, everyone in line counted;
    /// [`ExceedsCapacity`](AcquireError::ExceedsCapacity), [`InvalidAmount`](AcquireError::InvalidAmount) or
    /// [`Closed`](AcquireError::Closed).
    // Always: a caller that only asks whether it was refused then pays nothing for the hint.
    #[inline(always)]
    pub fn try_acquire(&self, n: impl Into<Tokens>) -> Result<(), AcquireError> {
        let n = n.into();
        let up = n.rounded_up();
        if up > Tokens::ZERO && up <= self.bucket.capacity() {
            match self.bucket.take(up, self.clock.now()) {
                Taken::Granted => return Ok(()),
                Taken::Refused(retry_after) => return Err(AcquireError::Denied { retry_after }),
                Taken::Queued | Taken::Sealed => {}
            }
        }
        self.try_acquire_slow(n)
    }

    /// When others wait, the limiter is closed, or the amount is out of the ordinary.
    #[cold]
    fn try_acquire_slow(&self, n: Tokens) -> Result<(), AcquireError> {
        let n = match checked(n, self.capacity())? {
            Some(n) => n,
            None if self.bucket.flags().is_sealed() => return Err(AcquireError::Closed),
            None => return Ok(()),
        };
        let mut wakes = Wakes::default();
        let taken = self.bucket.take_behind(&mut self.line.lock(), n, self.clock.now(), &mut wakes);
        drop(wakes);
        match taken {
            Taken::Granted => Ok(()),
            Taken::Refused(retry_after) => Err(AcquireError::Denied { retry_after }),
            // `Queued` cannot be, with the line locked and empty.
            Taken::Sealed | Taken::Queued => Err(AcquireError::Closed),
        }
    }

    /// Gives `n` back, up to the capacity, and serves the line with it. Works on a closed limiter too.
    ///
    /// # Errors
    ///
    /// [`InvalidAmount`](AcquireError::InvalidAmount).
    pub fn give_back(&self, n: impl Into<Tokens>) -> Result<(), AcquireError> {
        let n = valid(n.into())?.rounded_down();
        let now = self.clock.now();
        if n > Tokens::ZERO && self.bucket.refund(n, now, Seal::Ignored).is_queued() {
            self.with_line(|line, wakes| self.bucket.serve_and_wake_head(line, now, wakes));
        }
        Ok(())
    }

    /// Takes `n` unconditionally, into debt if need be: for costs that are known only afterwards. It may exceed
    /// the capacity, passes whoever waits, and delays them. Works on a closed limiter too.
    ///
    /// # Errors
    ///
    /// [`InvalidAmount`](AcquireError::InvalidAmount).
    pub fn charge(&self, n: impl Into<Tokens>) -> Result<(), AcquireError> {
        let n = valid(n.into())?.rounded_up();
        if n > Tokens::ZERO {
            // Whoever leads finds the new date when the old one comes.
            self.bucket.debit(n, self.clock.now(), Seal::Ignored);
        }
        Ok(())
    }

    /// What it holds now, whoever may be waiting for it; zero while in debt.
    pub fn available(&self) -> Tokens {
        self.bucket.available(self.clock.now())
    }

    /// What it holds when full.
    pub fn capacity(&self) -> Tokens {
        self.bucket.capacity()
    }

    /// How long until `n` could be taken by one who comes now, everyone in line served first; zero if now.
    /// `None`: never, unless tokens are given back, or `n` is above the capacity or no amount.
    pub fn time_to_available(&self, n: impl Into<Tokens>) -> Option<Duration> {
        match checked::<()>(n.into(), self.capacity()).ok()? {
            Some(n) => self.wait_for(n, self.clock.now()),
            None => Some(Duration::ZERO),
        }
    }

    fn wait_for(&self, n: Tokens, now: Timestamp) -> Option<Duration> {
        match self.bucket.flags().is_queued() {
            true => self.bucket.wait_behind(&self.line.lock(), n, now),
            false => self.bucket.wait_for(n, now),
        }
    }

    /// The limit, what is left of it, and when there will be more, in one consistent reading.
    pub fn snapshot(&self) -> Snapshot {
        let now = self.clock.now();
        match self.bucket.flags().is_queued() {
            true => self.bucket.snapshot_behind(&self.line.lock(), now),
            false => self.bucket.snapshot(now),
        }
    }

    /// Whether it is full and nobody waits.
    pub fn is_idle(&self) -> bool {
        self.bucket.is_idle(self.clock.now())
    }

    /// How long until it [is idle](Self::is_idle) if nobody else comes; `None`: never.
    pub fn time_to_idle(&self) -> Option<Duration> {
        let now = self.clock.now();
        match self.bucket.flags().is_queued() {
            true => self.bucket.wait_behind(&self.line.lock(), self.capacity(), now),
            false => self.bucket.time_to_idle(now),
        }
    }

    /// How many are waiting in line.
    pub fn waiting(&self) -> usize {
        self.line.lock().len()
    }

    /// Closes it: everyone in line is woken with [`Closed`](AcquireError::Closed), and so is every later
    /// acquire refused. [`give_back`](Self::give_back) and [`charge`](Self::charge) still keep the books.
    pub fn close(&self) {
        self.with_line(|line, wakes| {
            self.bucket.seal();
            line.close(wakes);
        });
    }

    /// Works on the line, and wakes whom it must once the lock is released.
    fn with_line<R>(&self, work: impl FnOnce(&mut Line, &mut Wakes) -> R) -> R {
        let mut wakes = Wakes::default();
        // The guard is a temporary of this statement: gone before `wakes` is.
        let result = work(&mut self.line.lock(), &mut wakes);
        drop(wakes);
        result
    }
}

impl<A: Limit, C: Clock> fmt::Debug for Limiter<A, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter")
            .field("available", &self.available())
            .field("capacity", &self.capacity())
            .field("waiting", &self.waiting())
            .field("closed", &(self.bucket.flags() == Flags::SEALED))
            .finish_non_exhaustive()
    }
}
