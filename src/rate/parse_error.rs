//! [`ParseRateError`]: what is wrong with the text of a rate, and where.

use alloc::string::String;
use core::fmt;

/// Why a text is no [`Rate`](crate::Rate). Its message names what is wrong, where, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseRateError {
    /// The whole text and the piece that is wrong, both shortened: a message is to be read.
    text: String,
    piece: String,
    offset: usize,
    reason: Reason,
    what: What,
}

/// What the text was to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Rate,
    #[cfg(feature = "serde")]
    Duration,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    NoAmount,
    Negative,
    Malformed,
    NoSeparator,
    NoUnit,
    UnknownUnit,
    Trailing,
    ZeroPeriod,
    TooMany,
    TooLong,
    Inexact,
}

/// As many characters of a text are shown.
const SHOWN: usize = 60;

impl ParseRateError {
    pub(super) fn new(what: What, text: &str, reason: Reason, offset: usize, piece: &str) -> ParseRateError {
        ParseRateError { text: shorten(text), piece: shorten(piece), offset, reason, what }
    }

    /// Where in the text the trouble begins, in bytes; the text's length if something is missing at its end.
    pub fn offset(&self) -> usize {
        self.offset
    }
}

fn shorten(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

impl fmt::Display for ParseRateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.what == What::Rate;
        let (what, advice) = match self.reason {
            Reason::NoAmount if rate => {
                ("expected a number of tokens", "write a rate like 10/s or 5 per hour")
            }
            Reason::NoAmount => ("expected a number", "write a duration like 10s or 1.5 hours"),
            Reason::Negative => ("negative number", "use zero tokens or more, and a period above zero"),
            Reason::Malformed => ("malformed number", "write it like 10, 0.5 or 1_000"),
            Reason::NoSeparator => ("expected \"/\" or \"per\"", "write a rate like 10/s or 5 per hour"),
            Reason::NoUnit => ("expected a unit of time", "use ns, us, ms, s, min, h or d"),
            Reason::UnknownUnit => ("unknown unit", "use ns, us, ms, s, min, h or d"),
            Reason::Trailing if rate => ("unexpected text", "a rate ends with its unit"),
            Reason::Trailing => ("unexpected text", "a duration ends with its unit"),
            Reason::ZeroPeriod => ("zero period", "use one above zero"),
            Reason::TooMany => ("too many tokens", "use at most 8796093022207"),
            Reason::TooLong => ("period too long", "use at most 584 years"),
            Reason::Inexact if !rate => ("not exact", "it is kept in whole nanoseconds"),
            Reason::Inexact => (
                "not an exact ratio",
                "the tokens are kept in 2^-20ths and the period in nanoseconds, with 64 bits each",
            ),
        };
        let name = if rate { "rate" } else { "duration" };
        write!(f, "invalid {name} {:?}: {what}", self.text)?;
        match (self.reason, self.piece.is_empty()) {
            (Reason::NoAmount | Reason::NoSeparator | Reason::NoUnit, false) => {
                write!(f, ", found {:?}", self.piece)?
            }
            (_, false) => write!(f, " {:?}", self.piece)?,
            (_, true) => f.write_str(", found nothing")?,
        }
        write!(f, " at byte {}; {advice}", self.offset)
    }
}

impl core::error::Error for ParseRateError {}
