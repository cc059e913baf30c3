//! [`Policy`]: a limit of whatever kind a configuration says.

use core::fmt;
use core::time::Duration;

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::algorithm::{
    Ahead, Algorithm, All, FixedWindow, SlidingWindow, SlidingWindowCounter, TokenBucket, Unlimited,
    inherit_level,
};
use crate::kernel::Boxed;
use crate::rate_limiter::WithCell;
use crate::{Carry, RateLimiter, Timestamp, Tokens};

/// A limit of whatever kind a configuration says; see [the module](crate::config) for how it is written.
///
/// It is an [`Algorithm`], so that `Limiter::new(policy)` works and can be
/// [reconfigured](crate::Limiter::reconfigure) to another kind; the price is an allocation for each grant.
/// [`boxed`](Algorithm::boxed) keeps each kind in the cell that suits it, and is faster where nothing is to be
/// inspected.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Policy {
    /// A token bucket.
    TokenBucket(TokenBucket),
    /// A fixed window.
    FixedWindow(FixedWindow),
    /// A sliding window.
    SlidingWindow(SlidingWindow),
    /// A sliding window's estimate.
    SlidingWindowCounter(SlidingWindowCounter),
    /// No limit.
    Unlimited(Unlimited),
    /// Several at once.
    All(All<Vec<Policy>>),
}

/// The state of a [`Policy`].
#[derive(Clone)]
pub struct PolicyState(State);

#[derive(Clone)]
enum State {
    TokenBucket(<TokenBucket as Algorithm>::State),
    FixedWindow(<FixedWindow as Algorithm>::State),
    SlidingWindow(<SlidingWindow as Algorithm>::State),
    SlidingWindowCounter(<SlidingWindowCounter as Algorithm>::State),
    Unlimited(<Unlimited as Algorithm>::State),
    All(Vec<PolicyState>),
}

impl fmt::Debug for PolicyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PolicyState")
    }
}

/// Makes a state of a policy's, whatever its kind.
macro_rules! make {
    ($policy:expr, $algorithm:ident => $made:expr) => {
        PolicyState(match $policy {
            Policy::TokenBucket($algorithm) => State::TokenBucket($made),
            Policy::FixedWindow($algorithm) => State::FixedWindow($made),
            Policy::SlidingWindow($algorithm) => State::SlidingWindow($made),
            Policy::SlidingWindowCounter($algorithm) => State::SlidingWindowCounter($made),
            Policy::Unlimited($algorithm) => State::Unlimited($made),
            Policy::All($algorithm) => State::All($made),
        })
    };
}

/// Makes the next state of a policy's.
macro_rules! next {
    ($policy:expr, $state:expr, ($algorithm:ident, $of:ident) => $made:expr) => {
        PolicyState(match ($policy, &$state.0) {
            (Policy::TokenBucket($algorithm), State::TokenBucket($of)) => State::TokenBucket($made),
            (Policy::FixedWindow($algorithm), State::FixedWindow($of)) => State::FixedWindow($made),
            (Policy::SlidingWindow($algorithm), State::SlidingWindow($of)) => State::SlidingWindow($made),
            (Policy::SlidingWindowCounter($algorithm), State::SlidingWindowCounter($of)) => {
                State::SlidingWindowCounter($made)
            }
            (Policy::Unlimited($algorithm), State::Unlimited($of)) => State::Unlimited($made),
            (Policy::All($algorithm), State::All($of)) => State::All($made),
            // A state of another kind comes from a caller's mixing them up: it stays what it is.
            (_, state) => state.clone(),
        })
    };
}

/// Asks a policy about its state; `$other` if that is of another kind.
macro_rules! ask {
    ($policy:expr, $state:expr, $other:expr, ($algorithm:ident, $of:ident) => $answer:expr) => {
        match ($policy, &$state.0) {
            (Policy::TokenBucket($algorithm), State::TokenBucket($of)) => $answer,
            (Policy::FixedWindow($algorithm), State::FixedWindow($of)) => $answer,
            (Policy::SlidingWindow($algorithm), State::SlidingWindow($of)) => $answer,
            (Policy::SlidingWindowCounter($algorithm), State::SlidingWindowCounter($of)) => $answer,
            (Policy::Unlimited($algorithm), State::Unlimited($of)) => $answer,
            (Policy::All($algorithm), State::All($of)) => $answer,
            _ => $other,
        }
    };
}

impl Algorithm for Policy {
    type State = PolicyState;
    type Cell = Boxed<PolicyState>;

    fn capacity(&self) -> Tokens {
        match self {
            Policy::TokenBucket(it) => it.capacity(),
            Policy::FixedWindow(it) => it.capacity(),
            Policy::SlidingWindow(it) => it.capacity(),
            Policy::SlidingWindowCounter(it) => it.capacity(),
            Policy::Unlimited(it) => it.capacity(),
            Policy::All(it) => it.capacity(),
        }
    }

    fn start(&self, now: Timestamp) -> PolicyState {
        make!(self, it => it.start(now))
    }

    fn available(&self, state: &PolicyState, now: Timestamp) -> Tokens {
        ask!(self, state, Tokens::ZERO, (it, state) => it.available(state, now))
    }

    fn consume(&self, state: &PolicyState, n: Tokens, now: Timestamp) -> PolicyState {
        next!(self, state, (it, state) => it.consume(state, n, now))
    }

    fn time_to_available(&self, state: &PolicyState, n: Tokens, now: Timestamp) -> Option<Duration> {
        ask!(self, state, None, (it, state) => it.time_to_available(state, n, now))
    }

    fn give_back(&self, state: &PolicyState, n: Tokens, now: Timestamp) -> PolicyState {
        next!(self, state, (it, state) => it.give_back(state, n, now))
    }

    fn debt(&self, state: &PolicyState, now: Timestamp) -> Tokens {
        ask!(self, state, Tokens::ZERO, (it, state) => it.debt(state, now))
    }

    fn empty(&self, now: Timestamp) -> PolicyState {
        make!(self, it => it.empty(now))
    }

    /// The parts of several from their like; otherwise, and from another kind, one level and one debt.
    fn inherit(
        &self,
        state: &PolicyState,
        old: &Policy,
        left: &PolicyState,
        carry: Carry,
        now: Timestamp,
    ) -> PolicyState {
        match (self, old, &state.0, &left.0) {
            (Policy::All(it), Policy::All(old), State::All(state), State::All(left)) => {
                PolicyState(State::All(it.inherit(state, old, left, carry, now)))
            }
            _ => inherit_level(self, state, old, left, carry, now),
        }
    }

    fn is_idle(&self, state: &PolicyState, now: Timestamp) -> bool {
        ask!(self, state, false, (it, state) => it.is_idle(state, now))
    }

    fn time_to_idle(&self, state: &PolicyState, now: Timestamp) -> Option<Duration> {
        ask!(self, state, None, (it, state) => it.time_to_idle(state, now))
    }

    fn cost(&self, n: Tokens) -> u64 {
        match self {
            Policy::TokenBucket(it) => it.cost(n),
            Policy::FixedWindow(it) => it.cost(n),
            Policy::SlidingWindow(it) => it.cost(n),
            Policy::SlidingWindowCounter(it) => it.cost(n),
            Policy::Unlimited(it) => it.cost(n),
            Policy::All(it) => it.cost(n),
        }
    }

    fn time_to_serve(
        &self,
        state: &PolicyState,
        ahead: Ahead<'_>,
        n: Tokens,
        now: Timestamp,
    ) -> Option<Duration> {
        ask!(self, state, None, (it, state) => it.time_to_serve(state, ahead, n, now))
    }

    /// Each kind in its own cell: one word where that is enough.
    fn boxed(self) -> Box<dyn RateLimiter> {
        match self {
            Policy::TokenBucket(it) => it.boxed(),
            Policy::FixedWindow(it) => it.boxed(),
            Policy::SlidingWindow(it) => it.boxed(),
            Policy::SlidingWindowCounter(it) => it.boxed(),
            Policy::Unlimited(it) => it.boxed(),
            all @ Policy::All(_) => Box::new(WithCell::new(all)),
        }
    }
}
