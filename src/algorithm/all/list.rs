//! The parts of an [`All`](super::All) as a list, whose length is known only when the program runs.

use alloc::vec::Vec;
use core::time::Duration;

use super::sealed::Sealed;
use super::{Parts, longest, longest_of};
use crate::algorithm::Algorithm;
use crate::{Carry, Timestamp, Tokens};

impl<A: Algorithm> Sealed for Vec<A> {}

/// Each part with its state.
fn pairs<'a, A: Algorithm>(
    parts: &'a [A],
    states: &'a [A::State],
) -> impl Iterator<Item = (&'a A, &'a A::State)> {
    parts.iter().zip(states)
}

impl<A: Algorithm> Parts for Vec<A> {
    type States = Vec<A::State>;

    fn capacity(&self) -> Tokens {
        self.iter().map(A::capacity).fold(Tokens::MAX, Tokens::min)
    }

    fn start(&self, now: Timestamp) -> Self::States {
        self.iter().map(|part| part.start(now)).collect()
    }

    fn available(&self, states: &Self::States, now: Timestamp) -> Tokens {
        pairs(self, states).map(|(part, state)| part.available(state, now)).fold(Tokens::MAX, Tokens::min)
    }

    fn consume(&self, states: &Self::States, n: Tokens, now: Timestamp) -> Self::States {
        pairs(self, states).map(|(part, state)| part.consume(state, n, now)).collect()
    }

    fn time_to_available(&self, states: &Self::States, n: Tokens, now: Timestamp) -> Option<Duration> {
        longest(pairs(self, states).map(|(part, state)| part.time_to_available(state, n, now)))
    }

    fn limiting(&self, states: &Self::States, n: Tokens, now: Timestamp) -> Option<usize> {
        let waits = pairs(self, states).map(|(part, state)| part.time_to_available(state, n, now));
        longest_of(&waits.collect::<Vec<_>>())
    }

    fn give_back(&self, states: &Self::States, n: Tokens, now: Timestamp) -> Self::States {
        pairs(self, states).map(|(part, state)| part.give_back(state, n, now)).collect()
    }

    fn debt(&self, states: &Self::States, now: Timestamp) -> Tokens {
        pairs(self, states).map(|(part, state)| part.debt(state, now)).fold(Tokens::ZERO, Tokens::max)
    }

    fn empty(&self, now: Timestamp) -> Self::States {
        self.iter().map(|part| part.empty(now)).collect()
    }

    /// Each from the one in its place. If there are more or fewer than there were, nobody knows which is which: each
    /// has then what all of them together would have granted, and owes what they together owe.
    fn inherit(
        &self,
        states: &Self::States,
        old: &Self,
        left: &Self::States,
        carry: Carry,
        now: Timestamp,
    ) -> Self::States {
        if self.len() == old.len() {
            let heirs = pairs(self, states).zip(pairs(old, left));
            return heirs
                .map(|((part, state), (old, left))| part.inherit(state, old, left, carry, now))
                .collect();
        }
        let share = |n, part: &A| carry.share(n, Parts::capacity(old), part.capacity());
        let (level, debt) = (old.available(left, now), old.debt(left, now));
        let inherit = |(part, state): (&A, &A::State)| match (carry, debt) {
            (Carry::Reset, _) => part.start(now),
            (_, Tokens::ZERO) => part.give_back(state, share(level, part), now),
            (_, debt) => part.consume(state, share(debt, part), now),
        };
        pairs(self, states).map(inherit).collect()
    }

    fn is_idle(&self, states: &Self::States, now: Timestamp) -> bool {
        pairs(self, states).all(|(part, state)| part.is_idle(state, now))
    }

    fn time_to_idle(&self, states: &Self::States, now: Timestamp) -> Option<Duration> {
        longest(pairs(self, states).map(|(part, state)| part.time_to_idle(state, now)))
    }
}
