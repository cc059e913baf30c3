//! Decimal numbers as exact ratios.
//!
//! They never go by way of a float: `0.1/s` is one token each ten seconds, not nearly that.

use super::gcd;
use super::parse_error::Reason;
use crate::Tokens;

/// A ratio in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ratio {
    over: u128,
    under: u128,
}

impl Ratio {
    pub(super) const ONE: Ratio = Ratio { over: 1, under: 1 };

    /// Reads a number like `1_000.25`: digits, with single underscores between them. Zeros that say nothing
    /// do not count towards its length.
    pub(super) fn parse(text: &str, too_large: Reason) -> Result<Ratio, Reason> {
        // Without a point the fraction is a zero.
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let well_formed = |digits: &str| {
            digits.split('_').all(|run| !run.is_empty() && run.bytes().all(|byte| byte.is_ascii_digit()))
        };
        if !well_formed(whole) || !well_formed(fraction) {
            return Err(Reason::Malformed);
        }
        let whole = whole.trim_start_matches(['0', '_']);
        let fraction = fraction.trim_end_matches(['0', '_']);
        let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
        // Twenty digits are above every limit.
        if digits(whole) > 20 {
            return Err(too_large);
        }
        // 38 digits fit a u128, and so does the power of ten beneath them.
        if digits(whole) + digits(fraction) > 38 {
            return Err(Reason::Inexact);
        }
        let all = whole.bytes().chain(fraction.bytes()).filter(u8::is_ascii_digit);
        let over = all.fold(0, |value, digit| value * 10 + u128::from(digit - b'0'));
        let under = 10_u128.pow(digits(fraction) as u32);
        let divisor = gcd(over, under);
        Ok(Ratio { over: over / divisor, under: under / divisor })
    }

    /// In lowest terms again; `None` if that does not fit.
    fn times(self, factor: u128) -> Option<Ratio> {
        let divisor = gcd(factor, self.under);
        Some(Ratio { over: self.over.checked_mul(factor / divisor)?, under: self.under / divisor })
    }

    fn floor(self) -> u128 {
        self.over / self.under
    }

    fn as_whole(self) -> Option<u128> {
        (self.under == 1).then_some(self.over)
    }
}

/// `tokens` each `count` units of `unit` nanoseconds, as exactly so many 2⁻²⁰ths of a token each so many
/// nanoseconds.
///
/// As written if both are whole. Otherwise both are scaled up alike until the tokens themselves are whole, which
/// reads best; or if that does not fit, brought to lowest terms.
pub(super) fn exact(tokens: Ratio, count: Ratio, unit: u64) -> Result<(u64, u64), Reason> {
    if count.over == 0 {
        return Err(Reason::ZeroPeriod);
    }
    let parts = tokens.times(Tokens::ONE.into()).ok_or(Reason::Inexact)?;
    let nanos = count.times(unit.into()).ok_or(Reason::Inexact)?;
    if parts.floor() > Tokens::MAX.parts().into() {
        return Err(Reason::TooMany);
    }
    if nanos.floor() > u64::MAX.into() {
        return Err(Reason::TooLong);
    }
    scaled(parts, nanos, 1)
        .or_else(|| scaled(parts, nanos, common_multiple(tokens.under, nanos.under)?))
        .or_else(|| lowest(parts, nanos))
        .ok_or(Reason::Inexact)
}

/// `count` units of `unit` nanoseconds, as exactly so many nanoseconds.
#[cfg(feature = "serde")]
pub(super) fn whole(count: Ratio, unit: u64) -> Result<u64, Reason> {
    if count.over == 0 {
        return Err(Reason::ZeroPeriod);
    }
    let nanos = count.times(unit.into()).ok_or(Reason::Inexact)?;
    match (u64::try_from(nanos.floor()), nanos.as_whole()) {
        (Err(_), _) => Err(Reason::TooLong),
        (_, None) => Err(Reason::Inexact),
        (Ok(nanos), Some(_)) => Ok(nanos),
    }
}

fn scaled(parts: Ratio, nanos: Ratio, by: u128) -> Option<(u64, u64)> {
    fitting(parts.times(by)?.as_whole()?, nanos.times(by)?.as_whole()?)
}

fn common_multiple(a: u128, b: u128) -> Option<u128> {
    (a / gcd(a, b)).checked_mul(b)
}

fn lowest(parts: Ratio, nanos: Ratio) -> Option<(u64, u64)> {
    let (over, under) = (gcd(parts.over, nanos.over), gcd(parts.under, nanos.under));
    let parts_alone = (parts.over / over).checked_mul(nanos.under / under)?;
    let nanos_alone = (nanos.over / over).checked_mul(parts.under / under)?;
    fitting(parts_alone, nanos_alone)
}

fn fitting(parts: u128, nanos: u128) -> Option<(u64, u64)> {
    let parts = u64::try_from(parts).ok().filter(|parts| *parts <= Tokens::MAX.parts())?;
    Some((parts, u64::try_from(nanos).ok()?))
}
