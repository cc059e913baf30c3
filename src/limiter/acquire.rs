//! Waiting for a limiter.

use core::convert::Infallible;
use core::future::Future;
use core::ops::Deref;
use core::task::Waker;
use core::time::Duration;
use std::sync::Arc;

use super::Limiter;
use crate::kernel::Limit;
use crate::kernel::bucket::{Claim, Joined, Next};
use crate::kernel::limit::{Seal, Taken};
use crate::kernel::line::Ticket;
use crate::meter::Meter;
use crate::wait::task::Acquire;
use crate::wait::{Place, Progress, Waiter, thread};
use crate::{AcquireError, Clock, Timestamp, Tokens};

impl<A: Limit, C: Clock> Limiter<A, C> {
    /// Takes `n`, waiting in line until they are there.
    ///
    /// # Errors
    ///
    /// [`ExceedsCapacity`](AcquireError::ExceedsCapacity), [`InvalidAmount`](AcquireError::InvalidAmount),
    /// [`QueueFull`](AcquireError::QueueFull), or [`Closed`](AcquireError::Closed), also if the limiter is closed
    /// during the wait.
    ///
    /// # Cancel safety
    ///
    /// The future joins the line when first polled. Dropping it at any time leaves the limiter as if it had
    /// never come: those behind move up at once, and tokens that were granted but not yet seen are given
    /// back. To wait again is to join at the tail.
    pub fn acquire(&self, n: impl Into<Tokens>) -> impl Future<Output = Result<(), AcquireError>> + Send {
        Acquire::new(Waiter::new(self, n.into(), None))
    }

    /// Takes `n`, waiting in line for no longer than `timeout` (from the first poll).
    ///
    /// # Errors
    ///
    /// [`TimedOut`](AcquireError::TimedOut), at once if the tokens cannot come in time, everyone ahead
    /// counted; else what [`acquire`](Self::acquire) says.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    pub fn acquire_timeout(
        &self,
        n: impl Into<Tokens>,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), AcquireError>> + Send {
        Acquire::new(Waiter::new(self, n.into(), Some(timeout)))
    }

    /// As [`acquire`](Self::acquire), with a future that owns what it needs: it can be spawned.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    pub fn acquire_owned<N: Into<Tokens>>(
        self: &Arc<Self>,
        n: N,
    ) -> impl Future<Output = Result<(), AcquireError>> + Send + 'static + use<A, C, N> {
        Acquire::new(Waiter::new(self.clone(), n.into(), None))
    }

    /// As [`acquire_timeout`](Self::acquire_timeout), with a future that owns what it needs.
    ///
    /// # Errors
    ///
    /// As [`acquire_timeout`](Self::acquire_timeout).
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    pub fn acquire_owned_timeout<N: Into<Tokens>>(
        self: &Arc<Self>,
        n: N,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), AcquireError>> + Send + 'static + use<A, C, N> {
        Acquire::new(Waiter::new(self.clone(), n.into(), Some(timeout)))
    }

    /// Takes `n`, blocking this thread in line until they are there. The thread sleeps; it does not spin.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    #[inline]
    pub fn acquire_blocking(&self, n: impl Into<Tokens>) -> Result<(), AcquireError> {
        let n = n.into();
        // Without so much as setting up a wait, where there is none.
        match self.take_ordinary(n, self.clock.now()) {
            true => Ok(()),
            false => thread::acquire(Waiter::new(self, n, None)),
        }
    }

    /// As in `try_acquire`: takes an ordinary amount from the bucket that has no map before it.
    #[inline(always)]
    fn take_ordinary(&self, n: Tokens, now: Timestamp) -> bool {
        let (first, up) = (self.current.first(), n.rounded_up());
        up > Tokens::ZERO && up <= first.capacity() && first.take(up, now) == Taken::Granted
    }

    /// Takes `n`, blocking this thread in line for no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// As [`acquire_timeout`](Self::acquire_timeout).
    pub fn acquire_blocking_timeout(
        &self,
        n: impl Into<Tokens>,
        timeout: Duration,
    ) -> Result<(), AcquireError> {
        thread::acquire(Waiter::new(self, n.into(), Some(timeout)))
    }
}

impl<A, C, L> Place for L
where
    A: Limit,
    C: Clock,
    L: Deref<Target = Limiter<A, C>>,
{
    type Clock = C;
    type Refusal = Infallible;
    type Spot = (Ticket, Tokens);

    fn clock(&self) -> &C {
        &self.clock
    }

    fn meter(&self) -> &Meter {
        &self.meter
    }

    #[inline]
    fn attempt(&self, n: Tokens, now: Timestamp) -> Result<bool, AcquireError> {
        Ok(self.take_ordinary(n, now) || self.take(n, now)? == Taken::Granted)
    }

    fn join(
        &self,
        n: Tokens,
        deadline: Option<Timestamp>,
        now: Timestamp,
        waker: &Waker,
    ) -> Result<Option<Self::Spot>, AcquireError> {
        let claim = Claim { n, deadline, max_waiters: self.max_waiters };
        match self.with_line(|bucket, line, wakes| bucket.join(line, claim, now, waker, wakes)) {
            Joined::Granted => Ok(None),
            Joined::Waiting(ticket, n) => Ok(Some((ticket, n))),
            Joined::TooLate(retry_after) => Err(AcquireError::TimedOut { retry_after }),
            Joined::Full => Err(AcquireError::QueueFull),
            Joined::Exceeds(capacity) => {
                Err(AcquireError::ExceedsCapacity { requested: n.rounded_up(), capacity })
            }
            // Sealed and closed are one, under the lock.
            Joined::Closed | Joined::Sealed => Err(AcquireError::Closed),
        }
    }

    fn step(&self, spot: &Self::Spot, now: Timestamp, waker: &Waker) -> Result<Progress, AcquireError> {
        let next = self.with_line(|bucket, line, wakes| {
            let next = bucket.step(line, *spot, now, waker, wakes);
            bucket.patient(next, line, self.clock.slack(), now)
        });
        match next {
            Next::Granted => Ok(Progress::Granted),
            Next::SleepUntil(date) => Ok(Progress::SleepUntil(date)),
            Next::SleepUntilWoken => Ok(Progress::SleepUntilWoken),
            Next::Exceeds(capacity) => Err(AcquireError::ExceedsCapacity { requested: spot.1, capacity }),
            Next::Closed | Next::Sealed => Err(AcquireError::Closed),
        }
    }

    fn leave(&self, spot: &Self::Spot, now: Timestamp) {
        self.with_line(|bucket, line, wakes| bucket.leave(line, *spot, Seal::Ignored, now, wakes));
    }

    fn hint(&self, n: Tokens, now: Timestamp) -> Option<Duration> {
        self.time_to_serve(n, now)
    }
}
