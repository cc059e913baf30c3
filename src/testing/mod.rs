//! Is your [`Algorithm`] one? It is walked along random traces, and held against its
//! [contract](Algorithm#contract) at every step. With the feature `testing`.
//!
//! A trace takes, is refused, charges beyond what is there and gives back; time stands still, creeps by nanoseconds,
//! leaps by years, stops exactly at the hints, and sometimes goes back a little. Every [`Rule`] is tried at each
//! step. Traces follow from a seed alone, so what was found once is found again.
//!
//! ```
//! use std::time::Duration;
//! use lazy_limiter::{Algorithm, Boxed, Timestamp, Tokens, testing};
//!
//! /// One at a time, and a pause after each.
//! struct Pace(Duration);
//!
//! impl Algorithm for Pace {
//!     /// When the pause is over.
//!     type State = Timestamp;
//!     type Cell = Boxed<Timestamp>;
//!
//!     fn capacity(&self) -> Tokens { Tokens::from(1) }
//!     fn start(&self, now: Timestamp) -> Timestamp { now }
//!     fn available(&self, over: &Timestamp, now: Timestamp) -> Tokens {
//!         if *over <= now { self.capacity() } else { Tokens::ZERO }
//!     }
//!     fn consume(&self, over: &Timestamp, n: Tokens, now: Timestamp) -> Timestamp {
//!         (0..n.parts() >> 20).fold((*over).max(now), |over, _| over + self.0)
//!     }
//!     fn time_to_available(&self, over: &Timestamp, _: Tokens, now: Timestamp) -> Option<Duration> {
//!         Some(over.since(now))
//!     }
//!     fn give_back(&self, over: &Timestamp, n: Tokens, now: Timestamp) -> Timestamp {
//!         (0..n.parts() >> 20).fold(*over, |over, _| over - self.0).max(now)
//!     }
//! }
//!
//! // It knows whole tokens only.
//! let pace = testing::Harness::new(Pace(Duration::from_millis(3))).unit(1);
//! assert_eq!(pace.check(), Ok(()));
//! ```

use crate::{Algorithm, Tokens};

mod laws;
mod random;
mod violation;
mod walk;

pub use violation::{Rule, Violation};

use walk::Walk;

/// Steps from one fresh start to the next.
const TRACE: u64 = 50;

/// Holds `algorithm` against its contract, as [`Harness::new`] does.
///
/// # Errors
///
/// The first violation that is found.
pub fn check<A: Algorithm>(algorithm: A) -> Result<(), Violation> {
    Harness::new(algorithm).check()
}

/// Holds `algorithm` against its contract, as [`Harness::new`] does.
///
/// # Panics
///
/// With the first violation that is found.
#[track_caller]
pub fn assert_conforms<A: Algorithm>(algorithm: A) {
    Harness::new(algorithm).assert_conforms();
}

/// An algorithm, and how it is to be tried.
#[derive(Debug)]
pub struct Harness<A> {
    algorithm: A,
    seed: u64,
    steps: u64,
    unit: Tokens,
    exact_debt: bool,
}

impl<A: Algorithm> Harness<A> {
    /// Tries `algorithm` for 2000 steps, always the same ones, with amounts as fine as there are.
    pub fn new(algorithm: A) -> Harness<A> {
        Harness { algorithm, seed: 0, steps: 2000, unit: Tokens::from_parts(1), exact_debt: true }
    }

    /// Other traces: those that follow from `seed`.
    pub fn seed(self, seed: u64) -> Harness<A> {
        Harness { seed, ..self }
    }

    /// As many steps as this; a fresh start is made every fifty.
    pub fn steps(self, steps: u64) -> Harness<A> {
        Harness { steps, ..self }
    }

    /// Only amounts that are whole multiples of `unit`, and the capacity: for an algorithm that counts in something
    /// coarser than 2⁻²⁰ tokens. What is no amount above zero leaves them as fine as there are.
    pub fn unit(self, unit: impl Into<Tokens>) -> Harness<A> {
        let unit = unit.into();
        let parts = if unit.is_valid() { unit.parts() } else { 0 };
        Harness { unit: Tokens::from_parts(parts.max(1)), ..self }
    }

    /// For an algorithm that keeps only rough books of debt: what is charged beyond the available need not be
    /// restored when it is given back. All other rules are as they were.
    pub fn rough_debt(self) -> Harness<A> {
        Harness { exact_debt: false, ..self }
    }

    /// Walks the traces.
    ///
    /// # Errors
    ///
    /// The first violation that is found.
    ///
    /// # Panics
    ///
    /// If the algorithm does.
    pub fn check(&self) -> Result<(), Violation> {
        let mut seeds = random::Random::new(self.seed);
        let mut walk = None;
        for step in 0..self.steps {
            if step % TRACE == 0 {
                walk = None;
            }
            let walk = walk.get_or_insert_with(|| {
                Walk::new(&self.algorithm, self.unit.parts(), self.exact_debt, seeds.number())
            });
            walk.step().map_err(|breach| Violation { seed: self.seed, step, breach })?;
        }
        Ok(())
    }

    /// Walks the traces.
    ///
    /// # Panics
    ///
    /// With the first violation that is found, or if the algorithm does.
    #[track_caller]
    pub fn assert_conforms(&self) {
        if let Err(violation) = self.check() {
            panic!("{violation}");
        }
    }
}
