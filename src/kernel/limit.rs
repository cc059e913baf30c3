//! [`Limit`]: what a limiter is made of, an [`Algorithm`] with its cell or a boxed
//! [`RateLimiter`](crate::RateLimiter) with its gate.

use core::time::Duration;

use super::cell::{Cell, Flags, Step};
use crate::algorithm::{Ahead, Algorithm};
use crate::{Carry, Timestamp, Tokens};

/// What became of an attempt to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Taken.
    Granted,
    /// Not now; the time until it could be, or never.
    Refused(Option<Duration>),
    /// Somebody waits: whoever takes must go through the line.
    Queued,
    /// The bucket has left service.
    Sealed,
}

/// Where a change meets a sealed bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// The bucket is gone: leave it, and report the seal.
    Respected,
    /// The bucket is only closed: change it all the same.
    Ignored,
}

/// What a [`Limiter`](crate::Limiter) or one key's bucket is made of: any [`Algorithm`], or a
/// `Box<dyn RateLimiter>`.
///
/// This trait is sealed: implement [`Algorithm`] or [`RateLimiter`](crate::RateLimiter) instead.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not something a limiter can be made of",
    note = "implement `Algorithm` for it, or implement `RateLimiter` and hand it over as `Box<dyn RateLimiter>`"
)]
pub trait Limit: Send + Sync + 'static {
    #[doc(hidden)]
    type Cell: Send + Sync + 'static;

    #[doc(hidden)]
    fn most(&self) -> Tokens;
    #[doc(hidden)]
    fn open(&self, now: Timestamp, flags: Flags) -> Self::Cell;
    /// Adds what `carry` lets it have of what is left in the sealed `left`, a bucket of `old`.
    #[doc(hidden)]
    fn take_over(&self, cell: &Self::Cell, old: &Self, left: &Self::Cell, carry: Carry, now: Timestamp);
    /// As `open`, with nothing in it.
    #[doc(hidden)]
    fn open_empty(&self, now: Timestamp, flags: Flags) -> Self::Cell;
    #[doc(hidden)]
    fn flags(&self, cell: &Self::Cell) -> Flags;
    /// Takes `n` if nobody waits and the bucket is live.
    #[doc(hidden)]
    fn take(&self, cell: &Self::Cell, n: Tokens, now: Timestamp) -> Taken;
    /// With the line locked and empty: takes `n`, marked or not, or marks the bucket as queued.
    #[doc(hidden)]
    fn take_or_queue(&self, cell: &Self::Cell, n: Tokens, now: Timestamp) -> Taken;
    /// With the line locked: takes `n`, whether or not the bucket is marked as queued, and marks it as it
    /// should be.
    #[doc(hidden)]
    fn serve(&self, cell: &Self::Cell, n: Tokens, queued: bool, now: Timestamp) -> Taken;
    /// With the line locked: marks the bucket as queued, unless it is sealed. The flags before.
    #[doc(hidden)]
    fn queue(&self, cell: &Self::Cell) -> Flags;
    /// With the line locked: it is not in use any more.
    #[doc(hidden)]
    fn unqueue(&self, cell: &Self::Cell);
    /// Gives `n` back. The flags tell whether the line is to be served, or the bucket was gone.
    #[doc(hidden)]
    fn refund(&self, cell: &Self::Cell, n: Tokens, now: Timestamp, seal: Seal) -> Flags;
    /// Takes `n` unconditionally.
    #[doc(hidden)]
    fn debit(&self, cell: &Self::Cell, n: Tokens, now: Timestamp, seal: Seal) -> Flags;
    /// Seals the bucket if it is idle, was so already at `since`, and nobody waits; true if it was this call that
    /// did.
    #[doc(hidden)]
    fn retire(&self, cell: &Self::Cell, since: Timestamp, now: Timestamp) -> bool;
    /// Seals the bucket whatever its state; true if it was live.
    #[doc(hidden)]
    fn seal(&self, cell: &Self::Cell) -> bool;
    /// Whether nobody who entered before the seal can still change it.
    #[doc(hidden)]
    fn is_quiet(&self, cell: &Self::Cell) -> bool;
    #[doc(hidden)]
    fn level(&self, cell: &Self::Cell, now: Timestamp) -> Tokens;
    #[doc(hidden)]
    fn wait_for(&self, cell: &Self::Cell, ahead: Ahead<'_>, n: Tokens, now: Timestamp) -> Option<Duration>;
    /// Whether its state is full; the line is not asked.
    #[doc(hidden)]
    fn is_full(&self, cell: &Self::Cell, now: Timestamp) -> bool;
    #[doc(hidden)]
    fn wait_for_full(&self, cell: &Self::Cell, now: Timestamp) -> Option<Duration>;
    #[doc(hidden)]
    fn weight(&self, n: Tokens) -> u64;
    /// Level, debt, wait for full and wait for `n` behind nobody, from one state.
    #[doc(hidden)]
    fn reading(&self, cell: &Self::Cell, n: Tokens, now: Timestamp) -> Reading;
}

/// What one look at a state tells.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    pub(crate) level: Tokens,
    pub(crate) debt: Tokens,
    pub(crate) full_in: Option<Duration>,
    pub(crate) wait: Option<Duration>,
}

/// An update that leaves the state as it is where its result would not fit the cell.
fn change<C: Cell, R>(cell: &C, unfit: R, step: impl FnMut(&C::State, Flags) -> Step<C::State, R>) -> R {
    cell.update(step).unwrap_or(unfit)
}

impl<A: Algorithm> Limit for A {
    type Cell = A::Cell;

    #[inline]
    fn most(&self) -> Tokens {
        self.capacity()
    }

    fn open(&self, now: Timestamp, flags: Flags) -> A::Cell {
        A::Cell::new(self.start(now), flags)
    }

    fn take_over(&self, cell: &A::Cell, old: &A, left: &A::Cell, carry: Carry, now: Timestamp) {
        // Sealed: it changes no more.
        let left = left.read(|state, _| state.clone());
        change(cell, (), |state, flags| Step::Put(self.inherit(state, old, &left, carry, now), flags, ()));
    }

    fn open_empty(&self, now: Timestamp, flags: Flags) -> A::Cell {
        A::Cell::new(self.empty(now), flags)
    }

    fn flags(&self, cell: &A::Cell) -> Flags {
        cell.read(|_, flags| flags)
    }

    #[inline(always)]
    fn take(&self, cell: &A::Cell, n: Tokens, now: Timestamp) -> Taken {
        let taken = cell.update(|state, flags| {
            if !flags.is_none() {
                return Step::Keep(if flags.is_sealed() { Taken::Sealed } else { Taken::Queued });
            }
            match self.try_take(state, n, now) {
                Ok(next) => Step::Put(next, flags, Taken::Granted),
                Err(hint) => Step::Keep(Taken::Refused(hint)),
            }
        });
        taken.unwrap_or(Taken::Refused(None))
    }

    fn take_or_queue(&self, cell: &A::Cell, n: Tokens, now: Timestamp) -> Taken {
        change(cell, Taken::Refused(None), |state, flags| {
            if flags.is_sealed() {
                return Step::Keep(Taken::Sealed);
            }
            match self.try_take(state, n, now) {
                Ok(next) => Step::Put(next, flags, Taken::Granted),
                Err(_) => Step::Put(state.clone(), flags.with(Flags::QUEUED), Taken::Queued),
            }
        })
    }

    fn serve(&self, cell: &A::Cell, n: Tokens, queued: bool, now: Timestamp) -> Taken {
        change(cell, Taken::Refused(None), |state, flags| {
            if flags.is_sealed() {
                return Step::Keep(Taken::Sealed);
            }
            let marked = if queued { Flags::QUEUED } else { Flags::NONE };
            match self.try_take(state, n, now) {
                Ok(next) => Step::Put(next, marked, Taken::Granted),
                Err(hint) if flags == marked => Step::Keep(Taken::Refused(hint)),
                Err(hint) => Step::Put(state.clone(), marked, Taken::Refused(hint)),
            }
        })
    }

    fn queue(&self, cell: &A::Cell) -> Flags {
        change(cell, Flags::SEALED, |state, flags| match flags {
            Flags::NONE => Step::Put(state.clone(), Flags::QUEUED, flags),
            flags => Step::Keep(flags),
        })
    }

    fn unqueue(&self, cell: &A::Cell) {
        change(cell, (), |state, flags| match flags.is_queued() {
            true => Step::Put(state.clone(), flags.without(Flags::QUEUED), ()),
            false => Step::Keep(()),
        });
    }

    fn refund(&self, cell: &A::Cell, n: Tokens, now: Timestamp, seal: Seal) -> Flags {
        change(cell, Flags::NONE, |state, flags| match flags.is_sealed() && seal == Seal::Respected {
            true => Step::Keep(flags),
            false => Step::Put(Algorithm::give_back(self, state, n, now), flags, flags),
        })
    }

    fn debit(&self, cell: &A::Cell, n: Tokens, now: Timestamp, seal: Seal) -> Flags {
        change(cell, Flags::NONE, |state, flags| match flags.is_sealed() && seal == Seal::Respected {
            true => Step::Keep(flags),
            false => Step::Put(self.consume(state, n, now), flags, flags),
        })
    }

    fn retire(&self, cell: &A::Cell, since: Timestamp, now: Timestamp) -> bool {
        change(cell, false, |state, flags| {
            let idle = || Algorithm::is_idle(self, state, now) && Algorithm::is_idle(self, state, since);
            match flags {
                Flags::NONE if idle() => Step::Put(state.clone(), Flags::SEALED, true),
                _ => Step::Keep(false),
            }
        })
    }

    fn seal(&self, cell: &A::Cell) -> bool {
        change(cell, false, |state, flags| match flags.is_sealed() {
            true => Step::Keep(false),
            false => Step::Put(state.clone(), Flags::SEALED, true),
        })
    }

    /// A change is one exchange: it came before the seal or not at all.
    fn is_quiet(&self, _cell: &A::Cell) -> bool {
        true
    }

    fn level(&self, cell: &A::Cell, now: Timestamp) -> Tokens {
        cell.read(|state, _| Algorithm::available(self, state, now))
    }

    fn wait_for(&self, cell: &A::Cell, ahead: Ahead<'_>, n: Tokens, now: Timestamp) -> Option<Duration> {
        cell.read(|state, _| self.time_to_serve(state, ahead, n, now))
    }

    fn is_full(&self, cell: &A::Cell, now: Timestamp) -> bool {
        cell.read(|state, _| Algorithm::is_idle(self, state, now))
    }

    fn wait_for_full(&self, cell: &A::Cell, now: Timestamp) -> Option<Duration> {
        cell.read(|state, _| Algorithm::time_to_idle(self, state, now))
    }

    fn weight(&self, n: Tokens) -> u64 {
        self.cost(n)
    }

    fn reading(&self, cell: &A::Cell, n: Tokens, now: Timestamp) -> Reading {
        cell.read(|state, _| Reading {
            level: Algorithm::available(self, state, now),
            debt: Algorithm::debt(self, state, now),
            full_in: Algorithm::time_to_idle(self, state, now),
            wait: Algorithm::time_to_available(self, state, n, now),
        })
    }
}
