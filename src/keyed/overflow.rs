//! The bucket that serves the keys for which there is no room.

use core::hash::{BuildHasher, Hash};
use core::ops::Deref;
use core::task::Waker;
use core::time::Duration;

use super::acquire::At;
use super::{Equivalent, KeyedLimiter};
use crate::kernel::Limit;
use crate::kernel::line::Ticket;
use crate::meter::Meter;
use crate::wait::{Place, Progress};
use crate::{AcquireError, Clock, Limiter, Timestamp, Tokens};

/// What a builder makes the overflow of: `()` for none, or an [`Overflow`].
pub trait MakeOverflow<A: Limit, C> {
    #[doc(hidden)]
    fn make(self, clock: &C, max_waiters: usize) -> Option<Limiter<A, C>>;
}

impl<A: Limit, C> MakeOverflow<A, C> for () {
    fn make(self, _: &C, _: usize) -> Option<Limiter<A, C>> {
        None
    }
}

/// See [`KeyedBuilder::overflow`](crate::KeyedBuilder::overflow).
#[derive(Clone, Debug)]
pub struct Overflow<A>(pub(super) A);

impl<A: Limit, C: Clock + Clone> MakeOverflow<A, C> for Overflow<A> {
    fn make(self, clock: &C, max_waiters: usize) -> Option<Limiter<A, C>> {
        Some(Limiter::builder().clock(clock.clone()).max_waiters(max_waiters).build(self.0))
    }
}

impl<K, A: Limit, E, C, S> KeyedLimiter<K, A, E, C, S> {
    /// The limiter that serves the keys for which there is no room, if the builder was given
    /// [one](crate::KeyedBuilder::overflow).
    pub fn overflow(&self) -> Option<&Limiter<A, C>> {
        self.overflow.as_ref()
    }

    /// `result`, or what the overflow makes of it if there were too many keys.
    pub(super) fn or_overflow<R>(
        &self,
        result: Result<R, AcquireError<E>>,
        serve: impl FnOnce(&Limiter<A, C>) -> Result<R, AcquireError>,
    ) -> Result<R, AcquireError<E>> {
        match (result, &self.overflow) {
            (Err(AcquireError::TooManyKeys), Some(overflow)) => serve(overflow).map_err(AcquireError::widen),
            (result, _) => result,
        }
    }
}

/// A key, or the overflow if there is no room for it.
pub(super) struct OrOverflow<P>(pub(super) P);

/// A place in the key's line, or in that of the overflow.
pub(super) enum Spot<S> {
    Key(S),
    Overflow((Ticket, Tokens)),
}

impl<K, A, E, C, S, L, B, Q> Place for OrOverflow<At<L, B>>
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
    type Spot = Spot<<At<L, B> as Place>::Spot>;

    fn clock(&self) -> &C {
        self.0.clock()
    }

    fn meter(&self) -> &Meter {
        self.0.meter()
    }

    fn attempt(&self, n: Tokens, now: Timestamp) -> Result<bool, AcquireError<E>> {
        self.0.limiter.or_overflow(self.0.attempt(n, now), |overflow| overflow.attempt(n, now))
    }

    fn join(
        &self,
        n: Tokens,
        deadline: Option<Timestamp>,
        now: Timestamp,
        waker: &Waker,
    ) -> Result<Option<Self::Spot>, AcquireError<E>> {
        let spot = self.0.join(n, deadline, now, waker).map(|spot| spot.map(Spot::Key));
        self.0.limiter.or_overflow(spot, |overflow| {
            let spot = overflow.join(n, deadline, now, waker)?;
            Ok(spot.map(Spot::Overflow))
        })
    }

    fn step(&self, spot: &Self::Spot, now: Timestamp, waker: &Waker) -> Result<Progress, AcquireError<E>> {
        match (spot, self.0.limiter.overflow()) {
            (Spot::Key(spot), _) => self.0.step(spot, now, waker),
            (Spot::Overflow(spot), Some(overflow)) => {
                overflow.step(spot, now, waker).map_err(AcquireError::widen)
            }
            // Nobody is in a line that there is not.
            (Spot::Overflow(_), None) => Err(AcquireError::TooManyKeys),
        }
    }

    fn leave(&self, spot: &Self::Spot, now: Timestamp) {
        match (spot, self.0.limiter.overflow()) {
            (Spot::Key(spot), _) => self.0.leave(spot, now),
            (Spot::Overflow(spot), Some(overflow)) => overflow.leave(spot, now),
            (Spot::Overflow(_), None) => {}
        }
    }

    fn hint(&self, n: Tokens, now: Timestamp) -> Option<Duration> {
        self.0.hint(n, now)
    }
}
