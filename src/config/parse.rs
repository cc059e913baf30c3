//! From what is written to a [`Policy`], or to what is wrong with it and where.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;
use core::time::Duration;

use serde::de::{Deserialize, Deserializer, Error};

use super::Policy;
use super::raw::{Number, Raw, Value};
use crate::algorithm::{All, FixedWindow, SlidingWindow, SlidingWindowCounter, TokenBucket, Unlimited};
use crate::rate::parse_duration;
use crate::{InvalidPolicy, Rate, Tokens};

/// Why a text is no limit: where in it, and what.
#[derive(Debug)]
pub(super) struct Fault(String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Fault {
    pub(super) fn new(message: impl fmt::Display) -> Fault {
        Fault(message.to_string())
    }

    /// The same, of a piece of something larger.
    pub(super) fn within(self, place: impl fmt::Display) -> Fault {
        Fault(format!("{place}: {}", self.0))
    }
}

/// The word for no limit.
pub(super) const UNLIMITED: &str = "unlimited";

/// The fields, and those of them that choose an algorithm.
pub(super) const CAPACITY: &str = "capacity";
pub(super) const STARTING: &str = "starting_tokens";
pub(super) const RATE: &str = "rate";
pub(super) const FIXED: &str = "fixed_window";
pub(super) const SLIDING: &str = "sliding_window";
pub(super) const COUNTER: &str = "sliding_window_counter";
const CHOICES: [&str; 4] = [RATE, FIXED, SLIDING, COUNTER];

/// How deep a list may lie within lists.
const DEEPEST: usize = 8;

impl<'de> Deserialize<'de> for Policy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Policy, D::Error> {
        Raw::deserialize(deserializer)?.policy().map_err(D::Error::custom)
    }
}

impl Raw {
    pub(super) fn policy(&self) -> Result<Policy, Fault> {
        self.policy_at(0)
    }

    fn policy_at(&self, depth: usize) -> Result<Policy, Fault> {
        match self {
            Raw::Word(word) if word == UNLIMITED => Ok(Policy::Unlimited(Unlimited)),
            Raw::Word(word) => {
                Err(Fault::new(format_args!("unknown limit {word:?}; the only word is {UNLIMITED:?}")))
            }
            Raw::Other(what) => Err(Fault::new(format_args!(
                "{what} is no limit; write fields like `{CAPACITY}` and `{RATE}`, a list of limits, or {UNLIMITED:?}"
            ))),
            Raw::List(parts) if parts.is_empty() => Err(Fault::new(format_args!(
                "an empty list limits nothing; write {UNLIMITED:?} if that is meant"
            ))),
            Raw::List(_) if depth == DEEPEST => Err(Fault::new("too many lists within lists")),
            Raw::List(parts) => {
                let part = |(at, part): (usize, &Raw)| {
                    part.policy_at(depth + 1).map_err(|fault| fault.within(format_args!("part {}", at + 1)))
                };
                Ok(Policy::All(All(parts.iter().enumerate().map(part).collect::<Result<_, _>>()?)))
            }
            Raw::Fields(fields) => Fields(fields).policy(),
        }
    }
}

/// A table of fields.
struct Fields<'a>(&'a [(String, Value)]);

impl Fields<'_> {
    fn policy(&self) -> Result<Policy, Fault> {
        for (at, (name, _)) in self.0.iter().enumerate() {
            if ![CAPACITY, STARTING].iter().chain(&CHOICES).any(|known| known == name) {
                return Err(Fault::new(format_args!(
                    "unknown field `{name}`; the fields are `{CAPACITY}`, `{STARTING}`, and one of {}",
                    choices()
                )));
            }
            if self.0[..at].iter().any(|(earlier, _)| earlier == name) {
                return Err(Fault::new(format_args!("{name}: given twice")));
            }
        }
        let mut chosen = CHOICES.into_iter().filter_map(|name| Some((name, self.find(name)?)));
        let Some((name, value)) = chosen.next() else {
            return Err(Fault::new(format_args!("one of {} is missing", choices())));
        };
        if let Some((other, _)) = chosen.next() {
            return Err(Fault::new(format_args!(
                "`{name}` and `{other}` cannot both be; several limits at once are a list of them"
            )));
        }
        let capacity = self.amount(CAPACITY)?;
        let capacity = capacity.ok_or_else(|| Fault::new(format_args!("`{CAPACITY}` is missing")))?;
        let starting = self.amount(STARTING)?;
        if starting.is_some() && name != RATE {
            return Err(Fault::new(format_args!("{STARTING}: only a limit with a `{RATE}` has them")));
        }
        let refused = |fault| self.refused(name, fault);
        match name {
            RATE => {
                let bucket = TokenBucket::try_new(capacity, rate(value)?).map_err(refused)?;
                Ok(Policy::TokenBucket(match starting {
                    Some(starting) => bucket.try_starting_tokens(starting).map_err(refused)?,
                    None => bucket,
                }))
            }
            FIXED => {
                FixedWindow::try_new(capacity, window(name, value)?).map(Policy::FixedWindow).map_err(refused)
            }
            SLIDING => SlidingWindow::try_new(capacity, window(name, value)?)
                .map(Policy::SlidingWindow)
                .map_err(refused),
            _ => SlidingWindowCounter::try_new(capacity, window(name, value)?)
                .map(Policy::SlidingWindowCounter)
                .map_err(refused),
        }
    }

    fn find(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value)
    }

    fn amount(&self, name: &str) -> Result<Option<Tokens>, Fault> {
        match self.find(name) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(Some((*number).into())),
            Some(other) => Err(Fault::new(format_args!("{name}: expected a number, found {other}"))),
        }
    }

    /// What the constructor says, under the name of the field that it speaks of.
    fn refused(&self, chosen: &str, fault: InvalidPolicy) -> Fault {
        let field = match fault {
            InvalidPolicy::Capacity | InvalidPolicy::CapacityTooLarge { .. } | InvalidPolicy::FillTooLong => {
                CAPACITY
            }
            InvalidPolicy::StartingTokens => STARTING,
            _ => chosen,
        };
        match self.find(field) {
            Some(value) => Fault::new(format_args!("{fault}, found {value}")).within(field),
            None => Fault::new(fault).within(field),
        }
    }
}

fn rate(value: &Value) -> Result<Rate, Fault> {
    match value {
        Value::Text(text) => text.parse().map_err(|fault| Fault::new(fault).within(RATE)),
        other => Err(Fault::new(format_args!("{RATE}: expected a text like \"10/s\", found {other}"))),
    }
}

fn window(name: &str, value: &Value) -> Result<Duration, Fault> {
    match value {
        Value::Text(text) => parse_duration(text).map_err(|fault| Fault::new(fault).within(name)),
        other => Err(Fault::new(format_args!("{name}: expected a text like \"10s\", found {other}"))),
    }
}

fn choices() -> String {
    format!("`{RATE}`, `{FIXED}`, `{SLIDING}` or `{COUNTER}`")
}

impl From<Number> for Tokens {
    fn from(number: Number) -> Tokens {
        match number {
            Number::Whole(n) => n.into(),
            Number::Float(n) => n.into(),
        }
    }
}
