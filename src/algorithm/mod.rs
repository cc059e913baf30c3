//! Algorithms: pure functions from state to state. No atomics, no clocks, no I/O.

use core::time::Duration;

use crate::kernel::Cell;
use crate::rate_limiter::WithCell;
use crate::{Carry, RateLimiter, Timestamp, Tokens};

mod all;
mod fixed_window;
mod quota;
mod shared;
mod sliding_window;
mod sliding_window_counter;
mod token_bucket;
mod unlimited;
mod word;

pub use all::{All, Parts};
pub use fixed_window::FixedWindow;
pub use sliding_window::SlidingWindow;
pub use sliding_window_counter::SlidingWindowCounter;
pub use token_bucket::TokenBucket;
pub use unlimited::Unlimited;

/// A rate-limiting algorithm: how a state answers, and which state follows it.
///
/// Write it as if alone in the world: every method is a pure function of its arguments. The library supplies
/// the lock-free update, both kinds of waiting, keys and their reclamation. To make one limiter of it, give it
/// to [`Limiter::new`](crate::Limiter::new); to keep one per key, return it from the policy of a
/// [`KeyedLimiter`](crate::KeyedLimiter).
///
/// Amounts that reach these methods are valid, whole multiples of 2⁻²⁰ tokens, and (but for
/// [`consume`](Self::consume) and [`give_back`](Self::give_back)) between zero and the capacity.
///
/// # Contract
///
/// 1. `consume` takes exactly `n` if that much is [`available`](Self::available); it must accept more (an
///    unconditional [`charge`](crate::Limiter::charge)), and `available` reads zero while in debt.
/// 2. `available` never exceeds `capacity` and, while nothing is taken, never falls as time passes.
/// 3. Waiting [`time_to_available`](Self::time_to_available) makes the same request succeed; `None` means that
///    no waiting does.
/// 4. `give_back` after `consume` of as much restores what was available, up to the capacity.
/// 5. **A full state behaves like [`start`](Self::start)**: this is what makes reclaiming an idle key invisible.
/// 6. `now` may be a little earlier than in the call before (threads race): refuse or take less then, but
///    never grant more.
pub trait Algorithm: Send + Sync + 'static {
    /// What changes: small and cheap to clone.
    type State: Clone + Send + Sync + 'static;

    /// Where it is kept: [`Packed<State>`](crate::Packed), one `AtomicU64`, for a state that is
    /// [`Pack`](crate::Pack); [`Boxed<State>`](crate::Boxed) for any other.
    type Cell: Cell<State = Self::State>;

    /// The most it ever holds.
    fn capacity(&self) -> Tokens;

    /// The state of a new bucket.
    fn start(&self, now: Timestamp) -> Self::State;

    /// What could be taken at `now`.
    fn available(&self, state: &Self::State, now: Timestamp) -> Tokens;

    /// The state after `n` are taken at `now`, whether or not they are available.
    fn consume(&self, state: &Self::State, n: Tokens, now: Timestamp) -> Self::State;

    /// How long from `now` until `n` are available if nothing is taken meanwhile: zero if they are, `None`
    /// if they never will be. Rounded up: after exactly this long they must be.
    fn time_to_available(&self, state: &Self::State, n: Tokens, now: Timestamp) -> Option<Duration>;

    /// The state after `n` are given back at `now`; never above the capacity.
    fn give_back(&self, state: &Self::State, n: Tokens, now: Timestamp) -> Self::State;

    /// Takes `n` if available: the state after, or how long to wait. Override it where one pass is cheaper.
    ///
    /// # Errors
    ///
    /// What [`time_to_available`](Self::time_to_available) says.
    #[inline]
    fn try_take(
        &self,
        state: &Self::State,
        n: Tokens,
        now: Timestamp,
    ) -> Result<Self::State, Option<Duration>> {
        match n <= self.available(state, now) {
            true => Ok(self.consume(state, n, now)),
            false => Err(self.time_to_available(state, n, now)),
        }
    }

    /// What is owed at `now`, after more was taken than was there: how much must come before anything is
    /// available. Zero for algorithms that forget it.
    fn debt(&self, _state: &Self::State, _now: Timestamp) -> Tokens {
        Tokens::ZERO
    }

    /// The state of a new bucket with nothing in it: what a reconfigured one is until it inherits.
    fn empty(&self, now: Timestamp) -> Self::State {
        let start = self.start(now);
        self.consume(&start, self.available(&start, now), now)
    }

    /// `state`, with what `carry` lets it have of `left`, the state in which a bucket of `old` was left by a
    /// reconfiguration. By default one level and one debt; an algorithm of several parts looks after each.
    fn inherit(
        &self,
        state: &Self::State,
        old: &Self,
        left: &Self::State,
        carry: Carry,
        now: Timestamp,
    ) -> Self::State
    where
        Self: Sized,
    {
        inherit_level(self, state, old, left, carry, now)
    }

    /// Whether the state is full, that is, as good as new.
    fn is_idle(&self, state: &Self::State, now: Timestamp) -> bool {
        self.available(state, now) >= self.capacity()
    }

    /// How long until it is idle if nothing is taken meanwhile.
    fn time_to_idle(&self, state: &Self::State, now: Timestamp) -> Option<Duration> {
        self.time_to_available(state, self.capacity(), now)
    }

    /// What `n` weighs in a line; [`Ahead::cost`] adds it up. By default, 2⁻²⁰ths of a token.
    fn cost(&self, n: Tokens) -> u64 {
        n.parts()
    }

    /// This algorithm with a state of its own, as one of any kinds: for policies that answer with different
    /// algorithms. An `enum` over the kinds that implements this trait is faster, by some three read-modify-writes.
    fn boxed(self) -> Box<dyn RateLimiter>
    where
        Self: Sized,
    {
        Box::new(WithCell::new(self))
    }

    /// How long until `n` are served to one who stands behind `ahead`, each of whom is served as soon as it
    /// can be. By default the line is replayed on a copy of the state, at a cost proportional to its length.
    fn time_to_serve(
        &self,
        state: &Self::State,
        ahead: Ahead<'_>,
        n: Tokens,
        now: Timestamp,
    ) -> Option<Duration> {
        let (mut state, mut at) = (state.clone(), now);
        for n in ahead {
            at = at + self.time_to_available(&state, n, at)?;
            state = self.consume(&state, n, at);
        }
        Some((at + self.time_to_available(&state, n, at)?).since(now))
    }
}

/// `state`, with one level or one debt of what `carry` lets it have of `left`.
pub(crate) fn inherit_level<A: Algorithm>(
    new: &A,
    state: &A::State,
    old: &A,
    left: &A::State,
    carry: Carry,
    now: Timestamp,
) -> A::State {
    let share = |n| carry.share(n, old.capacity(), new.capacity());
    let (level, debt) = match carry {
        Carry::Reset => (new.available(&new.start(now), now), Tokens::ZERO),
        _ => (share(old.available(left, now)), share(old.debt(left, now))),
    };
    match debt {
        Tokens::ZERO => new.give_back(state, level, now),
        debt => new.consume(state, debt, now),
    }
}

/// Those who stand in a line: an iterator over their amounts, first come first, and the sum of their costs.
#[derive(Debug)]
pub struct Ahead<'a> {
    cost: u128,
    amounts: Option<&'a mut dyn AheadIter>,
}

/// An iterator over amounts that can be shown.
trait AheadIter: Iterator<Item = Tokens> {}
impl<T: Iterator<Item = Tokens>> AheadIter for T {}

impl core::fmt::Debug for dyn AheadIter + '_ {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("..")
    }
}

impl<'a> Ahead<'a> {
    /// Nobody.
    pub const NOBODY: Ahead<'static> = Ahead { cost: 0, amounts: None };

    pub(crate) fn new(cost: u128, amounts: &'a mut impl Iterator<Item = Tokens>) -> Ahead<'a> {
        Ahead { cost, amounts: Some(amounts) }
    }

    /// The sum of what [`Algorithm::cost`] says of each.
    pub fn cost(&self) -> u128 {
        self.cost
    }
}

impl Iterator for Ahead<'_> {
    type Item = Tokens;

    fn next(&mut self) -> Option<Tokens> {
        self.amounts.as_mut()?.next()
    }
}
