//! [`Rate`]: tokens per time, as an exact ratio.

use core::time::Duration;

use crate::Tokens;

mod decimal;
mod parse_error;
mod text;

pub use parse_error::ParseRateError;
#[cfg(feature = "serde")]
pub(crate) use text::{duration_text, parse_duration};

/// How fast tokens come: `n` tokens each period, kept as that exact ratio.
///
/// A rate carries its own fault: one made from a negative amount or a zero period is accepted here, so that
/// policies read as one expression, and refused by the constructor of the algorithm that is given it. One that
/// is read from text has no fault: there the [error](ParseRateError) comes at once.
///
/// ```
/// use std::time::Duration;
/// use lazy_limiter::Rate;
///
/// assert_eq!(Rate::per_second(5), Rate::per_minute(300));
/// assert_eq!(Rate::new(1, Duration::from_secs(10)), "1/10s".parse().unwrap());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Tokens each period, in 2⁻²⁰ths, rounded down: a rate never gives more than it was asked to.
    parts: u64,
    /// The period; not zero unless there is a fault.
    nanos: u64,
    fault: Option<InvalidRate>,
}

/// Why a [`Rate`] is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidRate {
    /// The number of tokens is negative, NaN or infinite.
    Amount,
    /// The number of tokens is above zero, but below 2⁻²⁰: name a longer period.
    AmountTooSmall,
    /// The number of tokens is above 8.7 × 10¹²: name a shorter period.
    AmountTooLarge,
    /// The period is zero.
    ZeroPeriod,
    /// The period is above 584 years (2⁶⁴ ns).
    PeriodTooLong,
}

impl Rate {
    /// Never refills: what is taken comes back only by `give_back`.
    pub const ZERO: Rate = Rate { parts: 0, nanos: 1_000_000_000, fault: None };

    /// `n` tokens each second.
    pub fn per_second(n: impl Into<Tokens>) -> Rate {
        Self::new(n, Duration::from_secs(1))
    }

    /// `n` tokens each minute.
    pub fn per_minute(n: impl Into<Tokens>) -> Rate {
        Self::new(n, Duration::from_secs(60))
    }

    /// `n` tokens each hour.
    pub fn per_hour(n: impl Into<Tokens>) -> Rate {
        Self::new(n, Duration::from_secs(3600))
    }

    /// `n` tokens each `per`.
    ///
    /// Tokens come one by one over the period, not all at its end.
    pub fn new(n: impl Into<Tokens>, per: Duration) -> Rate {
        let n = n.into();
        let (nanos, fault) = match u64::try_from(per.as_nanos()) {
            _ if !n.is_valid() => (0, Some(InvalidRate::Amount)),
            _ if n == Tokens::MAX => (0, Some(InvalidRate::AmountTooLarge)),
            _ if n > Tokens::ZERO && n.parts() == 0 => (0, Some(InvalidRate::AmountTooSmall)),
            Ok(0) => (0, Some(InvalidRate::ZeroPeriod)),
            Ok(nanos) => (nanos, None),
            Err(_) => (0, Some(InvalidRate::PeriodTooLong)),
        };
        Rate { parts: n.rounded_down().parts(), nanos, fault }
    }

    /// The tokens of one [`period`](Self::period).
    pub fn tokens(&self) -> Tokens {
        Tokens::from_parts(self.parts)
    }

    /// The period in which [`tokens`](Self::tokens) come.
    pub fn period(&self) -> Duration {
        Duration::from_nanos(self.nanos)
    }

    /// Tokens a second, for display and rough sums; NaN for an invalid rate.
    pub fn as_f64(&self) -> f64 {
        match self.fault {
            None => self.tokens().as_f64() / (self.nanos as f64 / 1e9),
            Some(_) => f64::NAN,
        }
    }

    /// The ratio as `(2⁻²⁰ths of a token, nanoseconds)`, or what is wrong with it.
    ///
    /// # Errors
    ///
    /// The fault it was made with.
    pub(crate) fn ratio(&self) -> Result<(u64, u64), InvalidRate> {
        self.fault.map_or(Ok((self.parts, self.nanos)), Err)
    }

    /// The ratio in lowest terms, by which rates compare.
    fn reduced(&self) -> (u64, u64, Option<InvalidRate>) {
        let divisor = gcd(self.parts.into(), self.nanos.into()).max(1) as u64;
        (self.parts / divisor, self.nanos / divisor, self.fault)
    }
}

/// The greatest common divisor; that of zero and `b` is `b`.
pub(crate) fn gcd(mut a: u128, mut b: u128) -> u128 {
    while a != 0 {
        (a, b) = (b % a, a);
    }
    b
}

/// Rates are equal when they are the same ratio: 300 a minute is 5 a second.
impl PartialEq for Rate {
    fn eq(&self, other: &Rate) -> bool {
        self.reduced() == other.reduced()
    }
}

impl Eq for Rate {}

impl core::hash::Hash for Rate {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.reduced().hash(state);
    }
}

impl core::fmt::Display for InvalidRate {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            InvalidRate::Amount => "the number of tokens is negative, NaN or infinite",
            InvalidRate::AmountTooSmall => "too few tokens a period; name a longer period",
            InvalidRate::AmountTooLarge => "too many tokens a period; name a shorter period",
            InvalidRate::ZeroPeriod => "the period is zero",
            InvalidRate::PeriodTooLong => "the period is longer than 584 years",
        })
    }
}

impl core::error::Error for InvalidRate {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_ratios_are_equal_rates() {
        assert_eq!(Rate::per_hour(3600), Rate::per_second(1));
        assert_eq!(Rate::per_second(0.5), Rate::new(1, Duration::from_secs(2)));
        assert_eq!(Rate::ZERO, Rate::per_hour(0));
        assert_ne!(Rate::per_second(1), Rate::per_second(2));
    }

    #[test]
    fn a_fault_is_kept_for_the_constructor() {
        assert_eq!(Rate::per_second(-1.0).ratio(), Err(InvalidRate::Amount));
        assert_eq!(Rate::per_second(f64::NAN).ratio(), Err(InvalidRate::Amount));
        assert_eq!(Rate::per_second(1e-7).ratio(), Err(InvalidRate::AmountTooSmall));
        assert_eq!(Rate::per_second(1.0 / 1_048_576.0).ratio(), Ok((1, 1_000_000_000)));
        assert_eq!(Rate::new(1, Duration::ZERO).ratio(), Err(InvalidRate::ZeroPeriod));
        assert_eq!(Rate::new(1, Duration::MAX).ratio(), Err(InvalidRate::PeriodTooLong));
        assert!(Rate::per_second(-1.0).as_f64().is_nan());
    }
}
