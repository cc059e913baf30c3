//! Waiting for a key.

use core::future::Future;
use core::hash::{BuildHasher, Hash};
use core::ops::Deref;
use core::task::Waker;
use core::time::Duration;
use std::sync::Arc;

use super::lines::KeyLine;
use super::overflow::OrOverflow;
use super::{Equivalent, KeyedLimiter};
use crate::kernel::Limit;
use crate::kernel::bucket::{Claim, Joined, Next};
use crate::kernel::limit::{Seal, Taken};
use crate::kernel::line::{Standing, Ticket};
use crate::kernel::sync::{Ordering, fence};
use crate::meter::Meter;
use crate::wait::task::Acquire;
use crate::wait::{Place, Progress, Waiter, thread};
use crate::{AcquireError, Clock, Timestamp, Tokens};

impl<K, A, E, C, S> KeyedLimiter<K, A, E, C, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    A: Limit,
    E: 'static,
    C: Clock,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Takes `n` of `key`'s tokens, waiting in the key's line until they are there.
    ///
    /// # Errors
    ///
    /// As [`Limiter::acquire`](crate::Limiter::acquire); and, for a key that is not held,
    /// [`Policy`](AcquireError::Policy) or [`TooManyKeys`](AcquireError::TooManyKeys).
    ///
    /// # Cancel safety
    ///
    /// The future joins the line when first polled. Dropping it at any time leaves the limiter as if it had
    /// never come: those behind move up at once, and tokens that were granted but not yet seen are given
    /// back. To wait again is to join at the tail.
    pub fn acquire<'a, Q>(
        &'a self,
        key: &'a Q,
        n: impl Into<Tokens>,
    ) -> impl Future<Output = Result<(), AcquireError<E>>> + Send
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + Sync + ?Sized,
    {
        Acquire::new(Waiter::new(OrOverflow(At { limiter: self, key }), n.into(), None))
    }

    /// Takes `n` of `key`'s tokens, waiting in line for no longer than `timeout` (from the first poll).
    ///
    /// # Errors
    ///
    /// [`TimedOut`](AcquireError::TimedOut), at once if the tokens cannot come in time, everyone ahead
    /// counted; else what [`acquire`](Self::acquire) says.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    pub fn acquire_timeout<'a, Q>(
        &'a self,
        key: &'a Q,
        n: impl Into<Tokens>,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), AcquireError<E>>> + Send
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + Sync + ?Sized,
    {
        Acquire::new(Waiter::new(OrOverflow(At { limiter: self, key }), n.into(), Some(timeout)))
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
        key: K,
        n: N,
    ) -> impl Future<Output = Result<(), AcquireError<E>>> + Send + 'static + use<K, A, E, C, S, N> {
        Acquire::new(Waiter::new(OrOverflow(At { limiter: self.clone(), key: Owned(key) }), n.into(), None))
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
        key: K,
        n: N,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), AcquireError<E>>> + Send + 'static + use<K, A, E, C, S, N> {
        Acquire::new(Waiter::new(
            OrOverflow(At { limiter: self.clone(), key: Owned(key) }),
            n.into(),
            Some(timeout),
        ))
    }

    /// Takes `n` of `key`'s tokens, blocking this thread in line until they are there. The thread sleeps; it
    /// does not spin.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    pub fn acquire_blocking<Q>(&self, key: &Q, n: impl Into<Tokens>) -> Result<(), AcquireError<E>>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        thread::acquire(Waiter::new(OrOverflow(At { limiter: self, key }), n.into(), None))
    }

    /// Takes `n` of `key`'s tokens, blocking this thread in line for no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// As [`acquire_timeout`](Self::acquire_timeout).
    pub fn acquire_blocking_timeout<Q>(
        &self,
        key: &Q,
        n: impl Into<Tokens>,
        timeout: Duration,
    ) -> Result<(), AcquireError<E>>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        thread::acquire(Waiter::new(OrOverflow(At { limiter: self, key }), n.into(), Some(timeout)))
    }
}

/// A key of a limiter, borrowed or owned.
pub(super) struct At<L, B> {
    pub(super) limiter: L,
    key: B,
}

/// An owned key, as a pointer to it.
struct Owned<K>(K);

impl<K> Deref for Owned<K> {
    type Target = K;

    fn deref(&self) -> &K {
        &self.0
    }
}

/// A place in a key's line.
pub(super) struct Spot<K> {
    key: K,
    line: Arc<KeyLine>,
    ticket: Ticket,
    n: Tokens,
}

impl<K, A, E, C, S, L, B, Q> Place for At<L, B>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    A: Limit,
    E: 'static,
    C: Clock,
    S: BuildHasher + 'static,
    L: Deref<Target = KeyedLimiter<K, A, E, C, S>>,
    B: Deref<Target = Q>,
    Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
{
    type Clock = C;
    type Refusal = E;
    type Spot = Spot<K>;

    fn clock(&self) -> &C {
        &self.limiter.clock
    }

    fn meter(&self) -> &Meter {
        &self.limiter.meter
    }

    fn attempt(&self, n: Tokens, now: Timestamp) -> Result<bool, AcquireError<E>> {
        Ok(self.limiter.take(&*self.key, n, now)? == Taken::Granted)
    }

    fn join(
        &self,
        n: Tokens,
        deadline: Option<Timestamp>,
        now: Timestamp,
        waker: &Waker,
    ) -> Result<Option<Spot<K>>, AcquireError<E>> {
        let limiter = &*self.limiter;
        let key = self.key.to_owned();
        let claim = Claim { n, deadline, max_waiters: limiter.max_waiters };
        loop {
            let (joined, line) = limiter.lines.with(&key, |held, line, wakes| {
                // SeqCst: pairs with the fence in `close`, which is to find this line unless we find it closed.
                fence(Ordering::SeqCst);
                if limiter.closed.load(Ordering::Relaxed) {
                    return (Joined::Closed, None);
                }
                let guard = limiter.table.guard();
                let Some(bucket) = limiter.held(&key, &guard) else { return (Joined::Sealed, None) };
                let joined = bucket.join(line, claim, limiter.not_before_retired(now), waker, wakes);
                (joined, Some(held.clone()))
            });
            match (joined, line) {
                (Joined::Waiting(ticket, n), Some(line)) => {
                    return Ok(Some(Spot { key, line, ticket, n }));
                }
                (Joined::Granted, _) => return Ok(None),
                (Joined::TooLate(retry_after), _) => return Err(AcquireError::TimedOut { retry_after }),
                (Joined::Full, _) => return Err(AcquireError::QueueFull),
                (Joined::Exceeds(capacity), _) => {
                    return Err(AcquireError::ExceedsCapacity { requested: n.rounded_up(), capacity });
                }
                (Joined::Closed, _) => return Err(AcquireError::Closed),
                // No bucket in service: make one, outside the lock, and take from it if nobody is in line.
                (Joined::Sealed | Joined::Waiting(..), _) => {
                    if limiter.take(&*self.key, n, now)? == Taken::Granted {
                        return Ok(None);
                    }
                }
            }
        }
    }

    fn step(&self, spot: &Spot<K>, now: Timestamp, waker: &Waker) -> Result<Progress, AcquireError<E>> {
        let limiter = &*self.limiter;
        loop {
            let next = limiter.lines.with_held(&spot.key, &spot.line, |line, wakes| {
                let guard = limiter.table.guard();
                match (limiter.held(&spot.key, &guard), line.standing(spot.ticket)) {
                    (Some(bucket), _) => {
                        let now = limiter.not_before_retired(now);
                        let next = bucket.step(line, (spot.ticket, spot.n), now, waker, wakes);
                        bucket.patient(next, line, limiter.clock.slack(), now)
                    }
                    (None, Standing::Waiting) => {
                        line.register(spot.ticket, waker, wakes);
                        Next::Sealed
                    }
                    (None, standing) => {
                        line.release();
                        if standing == Standing::Granted { Next::Granted } else { Next::Closed }
                    }
                }
            });
            match next {
                Next::Granted => return Ok(Progress::Granted),
                Next::SleepUntil(date) => return Ok(Progress::SleepUntil(date)),
                Next::SleepUntilWoken => return Ok(Progress::SleepUntilWoken),
                Next::Closed => return Err(AcquireError::Closed),
                Next::Exceeds(capacity) => {
                    return Err(AcquireError::ExceedsCapacity { requested: spot.n, capacity });
                }
                // The bucket was removed under us: see to its successor, outside the lock.
                Next::Sealed => {
                    let made = limiter.with_bucket(
                        &spot.key,
                        now,
                        |_| Ok(()),
                        |bucket, _| (!bucket.flags().is_sealed()).then_some(()),
                    );
                    // An error ends this wait only; the next in line sees for itself.
                    if let Err(error) = made {
                        self.leave(spot, now);
                        return Err(error);
                    }
                }
            }
        }
    }

    fn leave(&self, spot: &Spot<K>, now: Timestamp) {
        let limiter = &*self.limiter;
        limiter.lines.with_held(&spot.key, &spot.line, |line, wakes| {
            let guard = limiter.table.guard();
            match limiter.held(&spot.key, &guard) {
                Some(bucket) => {
                    let now = limiter.not_before_retired(now);
                    bucket.leave(line, (spot.ticket, spot.n), Seal::Respected, now, wakes);
                }
                // A bucket that is gone was full, or was removed with its books: nothing to give back.
                None => {
                    line.leave(spot.ticket, wakes);
                    line.release();
                    line.wake_head(wakes);
                }
            }
        });
    }

    fn hint(&self, n: Tokens, now: Timestamp) -> Option<Duration> {
        let (limiter, key) = (&*self.limiter, &*self.key);
        limiter.time_to_serve(key, n, now)
    }
}
