//! [`Limiter`]: one bucket and its line.

use core::fmt;

use parking_lot::Mutex;

use crate::algorithm::Unlimited;
use crate::kernel::Limit;
use crate::kernel::bucket::Bucket;
use crate::kernel::limit::{Seal, Taken};
use crate::kernel::line::{Line, Wakes};
use crate::meter::Meter;
use crate::wait::wake::Later;
use crate::wait::{checked, valid};
use crate::{AcquireError, Clock, MonotonicClock, Timestamp, Tokens};

mod acquire;
mod builder;
mod current;
mod lease;
mod observe;
mod reconfigure;

pub use builder::LimiterBuilder;
pub use lease::Lease;

use current::Current;

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
    current: Current<A>,
    clock: C,
    line: Mutex<Line>,
    max_waiters: usize,
    meter: Meter,
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
        let first = self.current.first();
        if up > Tokens::ZERO && up <= first.capacity() {
            match first.take(up, self.clock.now()) {
                Taken::Granted => {
                    self.meter.granted();
                    return Ok(());
                }
                Taken::Refused(retry_after) => {
                    self.meter.denied();
                    if Meter::is_wanted() {
                        self.tell_denied(n);
                    }
                    return Err(AcquireError::Denied { retry_after });
                }
                Taken::Queued | Taken::Sealed => {}
            }
        }
        self.try_acquire_slow(n)
    }

    /// When the limiter was reconfigured or closed, others wait, or the amount is out of the ordinary.
    #[cold]
    fn try_acquire_slow(&self, n: Tokens) -> Result<(), AcquireError> {
        self.try_acquire_now(n).inspect_err(|error| self.meter.refused(error, || self.clock.now()))?;
        self.meter.granted();
        Ok(())
    }

    /// With a hint of its own: the caller's is worked out only if the caller looks at it.
    #[cold]
    #[inline(never)]
    fn tell_denied(&self, n: Tokens) {
        let now = self.clock.now();
        let retry_after = self.time_to_serve(n, now);
        self.meter.tell(&AcquireError::<()>::Denied { retry_after }, now);
    }

    /// As `try_acquire`, and nobody is told.
    pub(crate) fn try_acquire_now(&self, n: Tokens) -> Result<(), AcquireError> {
        let now = self.clock.now();
        let taken = match self.take(n, now)? {
            // Under the lock the current bucket stays what it is.
            Taken::Queued | Taken::Sealed => self.with_line(|bucket, line, wakes| {
                // Another limit, perhaps, since the amount was checked.
                match checked(n, bucket.capacity())? {
                    Some(n) => Ok(bucket.take_behind(line, n, now, wakes)),
                    None => Ok(Taken::Granted),
                }
            })?,
            taken => taken,
        };
        match taken {
            Taken::Granted => Ok(()),
            Taken::Refused(retry_after) => Err(AcquireError::Denied { retry_after }),
            // `Queued` cannot be, with the line locked and empty.
            Taken::Sealed | Taken::Queued => Err(AcquireError::Closed),
        }
    }

    /// Takes without the line's lock.
    fn take(&self, n: Tokens, now: Timestamp) -> Result<Taken, AcquireError> {
        self.current.with(|bucket| match checked(n, bucket.capacity())? {
            Some(n) => Ok(bucket.take(n, now)),
            None if bucket.flags().is_sealed() && self.line.lock().is_closed() => Err(AcquireError::Closed),
            None => Ok(Taken::Granted),
        })
    }

    /// Gives `n` back, up to the capacity, and serves the line with it. Works on a closed limiter too.
    ///
    /// # Errors
    ///
    /// [`InvalidAmount`](AcquireError::InvalidAmount).
    pub fn give_back(&self, n: impl Into<Tokens>) -> Result<(), AcquireError> {
        let n = valid(n.into())?.rounded_down();
        if n == Tokens::ZERO {
            return Ok(());
        }
        let now = self.clock.now();
        let flags = self.current.with(|bucket| bucket.refund(n, now, Seal::Respected));
        if !flags.is_none() {
            self.with_line(|bucket, line, wakes| {
                if flags.is_sealed() {
                    // Closed, or just replaced: the current one, then, whatever its seal.
                    bucket.refund(n, now, Seal::Ignored);
                }
                bucket.serve_and_wake_head(line, now, wakes);
            });
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
        if n == Tokens::ZERO {
            return Ok(());
        }
        let now = self.clock.now();
        if self.current.with(|bucket| bucket.flags().is_queued()) {
            self.with_line(|bucket, line, _| bucket.note_room(line, now));
        }
        // Whoever leads the line finds the new date when the old one comes.
        if self.current.with(|bucket| bucket.debit(n, now, Seal::Respected)).is_sealed() {
            self.with_line(|bucket, _, _| bucket.debit(n, now, Seal::Ignored));
        }
        Ok(())
    }

    /// Closes it: everyone in line is woken with [`Closed`](AcquireError::Closed), and so is every later
    /// acquire refused. [`give_back`](Self::give_back) and [`charge`](Self::charge) still keep the books.
    pub fn close(&self) {
        self.with_line(|bucket, line, wakes| {
            bucket.seal();
            line.close(wakes);
        });
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Works on the line, and wakes whom it must once the lock is released.
    fn with_line<R>(&self, work: impl FnOnce(&Bucket<A>, &mut Line, &mut Wakes) -> R) -> R {
        let mut wakes = Later::default();
        let mut line = self.line.lock();
        let result = self.current.with(|bucket| work(bucket, &mut line, &mut wakes));
        drop(line);
        drop(wakes);
        result
    }
}

impl<A: Limit, C: Clock> fmt::Debug for Limiter<A, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter")
            .field("name", &self.meter.name())
            .field("available", &self.available())
            .field("capacity", &self.capacity())
            .field("waiting", &self.waiting())
            .field("closed", &self.line.lock().is_closed())
            .finish_non_exhaustive()
    }
}
