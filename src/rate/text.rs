//! Rates as text: `"300/min".parse::<Rate>()`, and the shortest text that says the same.
//!
//! Where a number, a separator and a unit stand is found here; what they amount to, in `decimal`.

use alloc::string::String;
use core::fmt::{self, Write};
use core::str::FromStr;
#[cfg(feature = "serde")]
use core::time::Duration;

use super::Rate;
#[cfg(feature = "serde")]
use super::decimal::whole;
use super::decimal::{Ratio, exact};
use super::parse_error::{ParseRateError, Reason, What};
use crate::Tokens;

/// The units: nanoseconds, and their names; the first is the one that is printed. In order of length.
const UNITS: [(u64, &[&str]); 7] = [
    (1, &["ns"]),
    (1_000, &["us", "\u{b5}s", "\u{3bc}s"]),
    (1_000_000, &["ms"]),
    (1_000_000_000, &["s", "sec", "secs", "second", "seconds"]),
    (60_000_000_000, &["min", "m", "mins", "minute", "minutes"]),
    (3_600_000_000_000, &["h", "hr", "hrs", "hour", "hours"]),
    (86_400_000_000_000, &["d", "day", "days"]),
];

/// Reads a number of tokens, `/` or `per`, and a period: `10/s`, `300/min`, `1/10s`, `0.5/s`, `3/1.5s`,
/// `1_000 per hour`, `10 per 2 minutes`.
///
/// The units are `ns`, `us` (`µs`), `ms`, `s` (`sec`, `second`), `min` (`m`, `minute`), `h` (`hr`, `hour`) and
/// `d` (`day`); capitals, plurals and white space are welcome. Numbers are decimal, without sign or exponent.
///
/// The result is exactly what was written, or an error. A decimal that is no whole number of 2⁻²⁰ tokens is
/// kept by scaling the period: `0.1/s` is one token each ten seconds.
///
/// ```
/// use lazy_limiter::Rate;
///
/// assert_eq!("300/min".parse(), Ok(Rate::per_second(5)));
/// assert_eq!("0.1/s".parse::<Rate>(), "1 per 10 seconds".parse());
/// assert_eq!(
///     "10/fortnight".parse::<Rate>().unwrap_err().to_string(),
///     r#"invalid rate "10/fortnight": unknown unit "fortnight" at byte 3; use ns, us, ms, s, min, h or d"#
/// );
/// ```
impl FromStr for Rate {
    type Err = ParseRateError;

    fn from_str(text: &str) -> Result<Rate, ParseRateError> {
        let mut input = Input { what: What::Rate, text, at: 0 };
        input.skip_space();
        let start = input.at;
        let tokens = input.number(Reason::NoAmount, Reason::TooMany)?;
        let tokens_text = text[start..input.at].trim_end();
        input.separator()?;
        let period_start = input.at;
        let counted = input.rest().starts_with(|c| is_numeric(c) || c == '-');
        let count = if counted { input.number(Reason::NoUnit, Reason::TooLong)? } else { Ratio::ONE };
        let unit = input.unit()?;
        let end = input.at;
        input.finish()?;
        let (parts, nanos) = exact(tokens, count, unit).map_err(|reason| match reason {
            Reason::TooMany => input.error(reason, start, tokens_text),
            Reason::ZeroPeriod | Reason::TooLong => {
                input.error(reason, period_start, &text[period_start..end])
            }
            _ => input.error(reason, start, &text[start..end]),
        })?;
        Ok(Rate { parts, nanos, fault: None })
    }
}

/// Prints what [`parse`](str::parse) reads back as the same rate: the tokens as an exact decimal, and the period
/// as a whole number of the longest unit that divides it (one is left out).
///
/// So `10/s`, `300/min`, `1/10s` and `0.5/s` print as they were written; `60/60s` prints as `60/min`, and
/// `1/1.5s` as `1/1500ms`. A rate that never refills is `0/s`; one with a fault is `invalid`, which is not read
/// back.
///
/// ```
/// use lazy_limiter::Rate;
///
/// assert_eq!(Rate::per_hour(5).to_string(), "5/h");
/// assert_eq!("1 per 120 seconds".parse::<Rate>()?.to_string(), "1/2min");
/// # Ok::<(), lazy_limiter::ParseRateError>(())
/// ```
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parts, nanos) = match self.ratio() {
            Err(_) => return f.pad("invalid"),
            Ok((0, _)) => return f.pad("0/s"),
            Ok(ratio) => ratio,
        };
        let mut text = String::new();
        write!(text, "{}", parts / Tokens::ONE)?;
        let mut fraction = parts % Tokens::ONE;
        if fraction > 0 {
            text.push('.');
        }
        // Each step uses up a factor of two of the 2²⁰, so there are at most twenty digits.
        while fraction > 0 {
            fraction *= 10;
            write!(text, "{}", fraction / Tokens::ONE)?;
            fraction %= Tokens::ONE;
        }
        text.push('/');
        let (count, unit) = in_units(nanos);
        if count != 1 {
            write!(text, "{count}")?;
        }
        text.push_str(unit);
        f.pad(&text)
    }
}

/// As a whole number of the longest unit that divides it, and the name of that.
fn in_units(nanos: u64) -> (u64, &'static str) {
    let divides = |(length, _): &&(u64, &[&str])| nanos.is_multiple_of(*length);
    // The first unit is a nanosecond, so one is always found.
    UNITS.iter().rev().find(divides).map_or((nanos, "ns"), |(length, names)| (nanos / length, names[0]))
}

/// Reads a duration above zero: a number and a unit, those of a rate's period (`10s`, `1.5 hours`).
#[cfg(feature = "serde")]
pub(crate) fn parse_duration(text: &str) -> Result<Duration, ParseRateError> {
    let mut input = Input { what: What::Duration, text, at: 0 };
    input.skip_space();
    let start = input.at;
    let count = input.number(Reason::NoAmount, Reason::TooLong)?;
    let unit = input.unit()?;
    let end = input.at;
    input.finish()?;
    let nanos = whole(count, unit).map_err(|reason| input.error(reason, start, &text[start..end]))?;
    Ok(Duration::from_nanos(nanos))
}

/// Prints what [`parse_duration`] reads back; `None` if it would not.
#[cfg(feature = "serde")]
pub(crate) fn duration_text(duration: Duration) -> Option<String> {
    let nanos = u64::try_from(duration.as_nanos()).ok().filter(|nanos| *nanos > 0)?;
    let (count, unit) = in_units(nanos);
    Some(alloc::format!("{count}{unit}"))
}

/// The text, and how far it has been read (at a character's boundary).
struct Input<'a> {
    what: What,
    text: &'a str,
    at: usize,
}

fn is_numeric(c: char) -> bool {
    c.is_ascii_digit() || c == '.' || c == '_'
}

impl<'a> Input<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Reads as long as the characters are such.
    fn take(&mut self, such: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let taken = &rest[..rest.find(|c| !such(c)).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    fn skip_space(&mut self) {
        self.take(char::is_whitespace);
    }

    /// What stands here up to the next space: the piece to complain about.
    fn word(&self) -> &'a str {
        self.rest().split(char::is_whitespace).next().unwrap_or("")
    }

    fn error(&self, reason: Reason, at: usize, piece: &str) -> ParseRateError {
        ParseRateError::new(self.what, self.text, reason, at, piece)
    }

    /// Nothing but space is left.
    fn finish(&mut self) -> Result<(), ParseRateError> {
        self.skip_space();
        match self.rest().is_empty() {
            true => Ok(()),
            false => Err(self.error(Reason::Trailing, self.at, self.rest())),
        }
    }

    /// A number, and the space after it; `missing` and `too_large` are what to say otherwise.
    fn number(&mut self, missing: Reason, too_large: Reason) -> Result<Ratio, ParseRateError> {
        let (start, word) = (self.at, self.word());
        let text = self.take(is_numeric);
        if text.is_empty() {
            let negative = word.strip_prefix('-').is_some_and(|digits| digits.starts_with(is_numeric));
            return Err(self.error(if negative { Reason::Negative } else { missing }, start, word));
        }
        let number = Ratio::parse(text, too_large).map_err(|reason| self.error(reason, start, text))?;
        self.skip_space();
        Ok(number)
    }

    /// `/` or `per`, and the space after it.
    fn separator(&mut self) -> Result<(), ParseRateError> {
        let (start, word) = (self.at, self.word());
        if self.rest().starts_with('/') {
            self.at += 1;
        } else if !self.take(char::is_alphabetic).eq_ignore_ascii_case("per") {
            return Err(self.error(Reason::NoSeparator, start, word));
        }
        self.skip_space();
        Ok(())
    }

    /// A unit, in nanoseconds.
    fn unit(&mut self) -> Result<u64, ParseRateError> {
        let (start, word) = (self.at, self.word());
        let name = self.take(char::is_alphabetic);
        let known = |(_, names): &&(u64, &[&str])| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        match UNITS.iter().find(known) {
            Some((nanos, _)) => Ok(*nanos),
            None if word.is_empty() => Err(self.error(Reason::NoUnit, start, word)),
            None => Err(self.error(Reason::UnknownUnit, start, word)),
        }
    }
}
