//! [`Ideal`]: the sequential bucket, naively, in exact integers. It shares no code with the library.

use super::diary::{Act, Step};

/// The bucket that a run is about: a token each `each` nanoseconds, on a clock that is read in steps of `grain`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) capacity: u64,
    pub(crate) each: u64,
    pub(crate) grain: u64,
}

/// When it is full, in 2⁻²⁰ths of a nanosecond: at `full` exactly, if all that was given back was a whole number of
/// the library's units, and within `slack` after it otherwise (what is given back is rounded down).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ideal {
    policy: Policy,
    full: i128,
    slack: i128,
}

const ONE: i128 = 1 << 20;

impl Ideal {
    pub(crate) fn new(policy: Policy) -> Ideal {
        Ideal { policy, full: 0, slack: 0 }
    }

    /// Goes on by `step`; an error says what is wrong with it.
    pub(crate) fn step(&mut self, step: &Step) -> Result<(), String> {
        let Policy { capacity, each, grain } = self.policy;
        let now = i128::from(step.now / grain * grain) * ONE;
        let (cost, depth) = (i128::from(step.n) * i128::from(each), i128::from(capacity * each) * ONE);
        let base = self.full.max(now);
        let slack = (self.full + self.slack - base).max(0);
        match step.act {
            Act::Start => (self.full, self.slack) = (now, 0),
            Act::Take if base + cost > now + depth => {
                return Err(format!("granted, though {} too many", base + cost - now - depth));
            }
            Act::Refuse if base + slack + cost <= now + depth => {
                return Err(format!("refused, though there were {} more", now + depth - base - cost));
            }
            Act::Take | Act::Charge => (self.full, self.slack) = (base + cost, slack),
            Act::GiveBack => {
                let full = (self.full - cost).max(now);
                let rounded = if step.n % ONE as u64 == 0 { 0 } else { i128::from(grain) * ONE };
                self.slack = (self.full - cost + self.slack + rounded).max(now) - full;
                self.full = full;
            }
            Act::Refuse | Act::Look => {}
        }
        Ok(())
    }
}
