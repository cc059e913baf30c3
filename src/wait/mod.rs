//! Waiting: one state machine, and two thin drivers of it.

use core::task::Waker;
use core::time::Duration;

use crate::meter::{Meter, Since};
use crate::{AcquireError, Clock, Timestamp, Tokens};

pub(crate) mod task;
pub(crate) mod thread;
pub(crate) mod wake;

/// Where one can wait: a limiter, or one key of a keyed one.
pub(crate) trait Place {
    type Clock: Clock;
    /// The error of the policy.
    type Refusal;
    /// A place in line.
    type Spot;

    fn clock(&self) -> &Self::Clock;

    fn meter(&self) -> &Meter;

    /// Takes without waiting; `false` if one must wait. Checks the amount.
    fn attempt(&self, n: Tokens, now: Timestamp) -> Result<bool, AcquireError<Self::Refusal>>;

    /// Takes, or joins the line.
    fn join(
        &self,
        n: Tokens,
        deadline: Option<Timestamp>,
        now: Timestamp,
        waker: &Waker,
    ) -> Result<Option<Self::Spot>, AcquireError<Self::Refusal>>;

    /// Looks after `spot`. An error ends the wait, and the spot is given up.
    fn step(
        &self,
        spot: &Self::Spot,
        now: Timestamp,
        waker: &Waker,
    ) -> Result<Progress, AcquireError<Self::Refusal>>;

    /// Gives `spot` up, and whatever was granted to it.
    fn leave(&self, spot: &Self::Spot, now: Timestamp);

    /// How long one who joined now would wait.
    fn hint(&self, n: Tokens, now: Timestamp) -> Option<Duration>;
}

/// What a waiter does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Granted,
    /// Look again at this instant, or when woken.
    SleepUntil(Timestamp),
    /// Look again when woken.
    SleepUntilWoken,
}

/// One caller, from its first attempt to its end. Dropping it leaves no trace of it.
pub(crate) struct Waiter<P: Place> {
    place: P,
    n: Tokens,
    timeout: Option<Duration>,
    deadline: Option<Timestamp>,
    spot: Option<P::Spot>,
    since: Since,
}

impl<P: Place> Waiter<P> {
    pub(crate) fn new(place: P, n: Tokens, timeout: Option<Duration>) -> Waiter<P> {
        Waiter { place, n, timeout, deadline: None, spot: None, since: Since::default() }
    }

    pub(crate) fn clock(&self) -> &P::Clock {
        self.place.clock()
    }

    /// The fast path, before anything is set up for waiting.
    #[inline]
    pub(crate) fn attempt(&self) -> Result<bool, AcquireError<P::Refusal>> {
        let granted =
            self.place.attempt(self.n, self.clock().now()).inspect_err(|error| self.refused(error))?;
        // If not, it waits, and ends later.
        if granted {
            self.place.meter().granted();
        }
        Ok(granted)
    }

    /// Joins the line, or looks after the place in it.
    pub(crate) fn step(&mut self, waker: &Waker) -> Result<Progress, AcquireError<P::Refusal>> {
        let progress = self.progress(waker).inspect_err(|error| self.refused(error))?;
        if progress == Progress::Granted {
            self.place.meter().granted();
        }
        Ok(progress)
    }

    fn progress(&mut self, waker: &Waker) -> Result<Progress, AcquireError<P::Refusal>> {
        let now = self.clock().now();
        let Some(spot) = &self.spot else {
            self.deadline = self.timeout.map(|timeout| now + timeout);
            self.spot = self.place.join(self.n, self.deadline, now, waker)?;
            self.since = Since::new(now);
            // Joined, and perhaps at the head.
            return match self.spot {
                None => Ok(Progress::Granted),
                Some(_) => self.progress(waker),
            };
        };
        // Forgotten only once it is known that the spot is no more.
        let progress = self.place.step(spot, now, waker).inspect_err(|_| {
            self.spot = None;
            self.place.meter().waited(self.since, now);
        })?;
        let date = match progress {
            Progress::Granted => {
                self.spot = None;
                self.place.meter().waited(self.since, now);
                return Ok(Progress::Granted);
            }
            Progress::SleepUntil(date) => Some(date),
            Progress::SleepUntilWoken => None,
        };
        match self.deadline {
            Some(deadline) if deadline <= now => {
                self.leave(now);
                Err(AcquireError::TimedOut { retry_after: self.place.hint(self.n, now) })
            }
            Some(deadline) => Ok(Progress::SleepUntil(date.map_or(deadline, |date| date.min(deadline)))),
            None => Ok(progress),
        }
    }

    /// Reports that it ended by `error`.
    #[cfg_attr(any(feature = "metrics", feature = "tracing"), cold, inline(never))]
    fn refused(&self, error: &AcquireError<P::Refusal>) {
        self.place.meter().refused(error, || self.clock().now());
    }

    fn leave(&mut self, now: Timestamp) {
        if let Some(spot) = self.spot.take() {
            self.place.leave(&spot, now);
            self.place.meter().waited(self.since, now);
        }
    }
}

impl<P: Place> Drop for Waiter<P> {
    fn drop(&mut self) {
        if self.spot.is_some() {
            self.leave(self.place.clock().now());
            self.place.meter().abandoned();
        }
    }
}

/// The amount as it is taken: checked, and rounded up. `None`: zero, which is always granted.
///
/// # Errors
///
/// `InvalidAmount`, or `ExceedsCapacity`.
pub(crate) fn checked<P>(n: Tokens, capacity: Tokens) -> Result<Option<Tokens>, AcquireError<P>> {
    if !n.is_valid() {
        return Err(AcquireError::InvalidAmount);
    }
    match n.within(capacity) {
        Some(Tokens::ZERO) => Ok(None),
        None => Err(AcquireError::ExceedsCapacity { requested: n.rounded_up(), capacity }),
        some => Ok(some),
    }
}

/// The amount as it is given back or charged: checked, not bounded.
pub(crate) fn valid<P>(n: Tokens) -> Result<Tokens, AcquireError<P>> {
    match n.is_valid() {
        true => Ok(n),
        false => Err(AcquireError::InvalidAmount),
    }
}
