//! [`Walk`]: one trace.

use super::laws;
use super::random::Random;
use super::violation::Breach;
use crate::{Algorithm, Timestamp, Tokens};

const SECOND: u64 = 1_000_000_000;

/// No trace goes on after this: the clocks of the algorithms here are good for thirteen years.
const END: u64 = 12 * 365 * 86_400 * SECOND;

/// Where a trace has come to.
pub(super) struct Walk<'a, A: Algorithm> {
    pub(super) algorithm: &'a A,
    /// Amounts are multiples of so many parts.
    pub(super) unit: u64,
    pub(super) exact_debt: bool,
    pub(super) random: Random,
    pub(super) state: A::State,
    /// In nanoseconds, as all times here.
    pub(super) now: u64,
    /// The latest that `now` has been.
    pub(super) newest: u64,
    /// How long it takes to be full again: the time that is of interest.
    pub(super) scale: u64,
    pub(super) capacity: Tokens,
}

pub(super) fn at(nanos: u64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

impl<'a, A: Algorithm> Walk<'a, A> {
    pub(super) fn new(algorithm: &'a A, unit: u64, exact_debt: bool, seed: u64) -> Walk<'a, A> {
        let mut random = Random::new(seed);
        let capacity = algorithm.capacity();
        let now = random.magnitude(56);
        let start = algorithm.start(at(now));
        let empty = algorithm.consume(&start, algorithm.available(&start, at(now)), at(now));
        let scale = algorithm.time_to_idle(&empty, at(now)).map_or(SECOND, |full| full.as_nanos() as u64);
        Walk { algorithm, unit, exact_debt, random, state: start, now, newest: now, scale, capacity }
    }

    pub(super) fn step(&mut self) -> Result<(), Breach> {
        let n = self.amount();
        self.now = self.moved(n);
        self.newest = self.newest.max(self.now);
        laws::check(self, n)?;
        let (algorithm, now) = (self.algorithm, at(self.now));
        match self.random.below(10) {
            0 if algorithm.debt(&self.state, now) == Tokens::ZERO => {
                let most = 1 + self.random.below(4);
                self.state = algorithm.consume(&self.state, times(n, most), now);
            }
            1 | 2 => {
                let most = 1 + self.random.below(2);
                self.state = algorithm.give_back(&self.state, times(n, most), now);
            }
            _ => {
                if let Ok(next) = algorithm.try_take(&self.state, n, now) {
                    self.state = next;
                }
            }
        }
        Ok(())
    }

    /// Something that may be asked for: above zero, and at most the capacity.
    pub(super) fn amount(&mut self) -> Tokens {
        let capacity = self.capacity.parts();
        let left = self.algorithm.available(&self.state, at(self.now)).parts();
        let parts = match self.random.below(8) {
            0 => self.unit,
            1 => 1 << 20,
            2 => left,
            3 => left.saturating_add(self.unit),
            4 => return self.capacity,
            _ => self.random.below(capacity.saturating_add(1)),
        };
        Tokens::from_parts((parts / self.unit * self.unit).max(self.unit).min(capacity))
    }

    /// How long the next pause may be.
    pub(super) fn gap(&mut self) -> u64 {
        match self.random.below(10) {
            0 | 1 => 0,
            2 | 3 => self.random.magnitude(36),
            4 => self.random.magnitude(56),
            _ => self.random.share(self.scale),
        }
    }

    /// The next instant at which something happens.
    fn moved(&mut self, n: Tokens) -> u64 {
        let hint = |walk: &Self| walk.algorithm.time_to_available(&walk.state, n, at(walk.now));
        let now = match self.random.below(8) {
            0 => self.now.saturating_sub(self.random.share(self.scale) / 2),
            1 => hint(self).map_or(self.now, |wait| (at(self.now) + wait).as_nanos()),
            2 => hint(self).map_or(self.now, |wait| (at(self.now) + wait).as_nanos().saturating_sub(1)),
            _ => self.now.saturating_add(self.gap()),
        };
        if now > END { self.now } else { now }
    }
}

/// So many times `n`.
pub(super) fn times(n: Tokens, factor: u64) -> Tokens {
    Tokens::from_parts(n.parts().saturating_mul(factor))
}
