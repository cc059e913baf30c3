//! [`Violation`]: which rule was broken, and how to see it again.

use core::fmt;

/// What an [`Algorithm`](crate::Algorithm) must do; see its [contract](crate::Algorithm#contract).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// `available` is never above `capacity`.
    Capacity,
    /// `available` never falls as time passes and nothing is taken.
    Falls,
    /// At an earlier `now` no more is available, and what is taken then makes no more available later.
    Backward,
    /// `try_take` grants no more than is `available`.
    Overgrant,
    /// `try_take` grants what is `available`.
    Refusal,
    /// `try_take` leads to the same state as `consume`, and refuses with what `time_to_available` says.
    TakeDiffers,
    /// After exactly `time_to_available`, the same request succeeds.
    HintTooShort,
    /// `time_to_available` is zero for what is available, and `None` only for what never will be.
    HintTooLong,
    /// `time_to_serve` behind nobody is `time_to_available`.
    ServeDiffers,
    /// `consume` takes exactly as much as it is told, and nothing is available if that was more than there was.
    /// Not asked of one whose capacity is [`Tokens::MAX`](crate::Tokens::MAX), that is, unlimited.
    Consume,
    /// Nothing is available while there is `debt`.
    Debt,
    /// `give_back` gives no more than it is told, and never above the capacity.
    Mints,
    /// `give_back` after `consume` of as much restores what was available, and never lowers it.
    Loses,
    /// After exactly `time_to_idle`, it `is_idle`.
    IdleHint,
    /// A state that `is_idle` answers like `start(now)`, whatever comes.
    IdleDiffers,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rule::Capacity => "more is available than the capacity",
            Rule::Falls => "what is available falls as time passes",
            Rule::Backward => "an earlier now grants more",
            Rule::Overgrant => "try_take grants more than is available",
            Rule::Refusal => "try_take refuses what is available",
            Rule::TakeDiffers => "try_take differs from consume or time_to_available",
            Rule::HintTooShort => "time_to_available is too short",
            Rule::HintTooLong => {
                "time_to_available is not zero, or is never, for what is or will be available"
            }
            Rule::ServeDiffers => "time_to_serve behind nobody is not time_to_available",
            Rule::Consume => "consume takes more or less than it is told",
            Rule::Debt => "something is available in spite of debt",
            Rule::Mints => "give_back gives too much",
            Rule::Loses => "give_back does not restore what consume took",
            Rule::IdleHint => "time_to_idle is too short, or never",
            Rule::IdleDiffers => "an idle state does not answer like a new one",
        })
    }
}

/// A rule, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Breach {
    pub(super) rule: Rule,
    pub(super) seen: String,
}

/// An algorithm broke a rule of its contract. The same [`Harness`](super::Harness) with this
/// [`seed`](Self::seed) finds it again at the same step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub(super) seed: u64,
    pub(super) step: u64,
    pub(super) breach: Breach,
}

impl Violation {
    /// The rule that was broken.
    pub fn rule(&self) -> Rule {
        self.breach.rule
    }

    /// The seed of the traces.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The step at which it was seen, counted from zero.
    pub fn step(&self) -> u64 {
        self.step
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { seed, step, breach: Breach { rule, seen } } = self;
        write!(f, "{rule}: {seen} (seed {seed}, step {step})")
    }
}

impl core::error::Error for Violation {}
