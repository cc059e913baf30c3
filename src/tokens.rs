//! [`Tokens`]: an amount, exact to 2⁻²⁰ of a token.

use core::fmt;
use core::ops::{Add, Sub};

/// Fraction bits: one token is 2²⁰ parts.
const FRACTION: u32 = 20;

/// An amount of tokens, in fixed point: a whole number of 2⁻²⁰ tokens (about a millionth).
///
/// Made from a `u64` or an `f64`, so that `limiter.try_acquire(3)` and `limiter.try_acquire(0.5)` both read
/// well. The largest amount is about 8.8 × 10¹² tokens; what is larger becomes that, which is above every
/// capacity.
///
/// # Rounding
///
/// A number that is not a whole multiple of 2⁻²⁰ is never rounded in the caller's favour: **up** when it is
/// taken, **down** when it is a capacity, a starting level, a rate or an amount given back. A `Tokens`
/// remembers that it stands between two multiples until one of those uses decides.
///
/// # Invalid amounts
///
/// A negative, NaN or infinite `f64` becomes an amount that every call refuses with
/// [`AcquireError::InvalidAmount`](crate::AcquireError::InvalidAmount) and every constructor with
/// [`InvalidPolicy`](crate::InvalidPolicy); [`is_valid`](Self::is_valid) tells.
///
/// ```
/// use lazy_limiter::Tokens;
///
/// assert_eq!(Tokens::from(2).as_f64(), 2.0);
/// assert_eq!(Tokens::from(0.5) + Tokens::from(1), Tokens::from(1.5));
/// assert!(!Tokens::from(-1.0).is_valid());
/// ```
// `floor(amount × 2²⁰) << 1`, with the lowest bit set when the amount lies above that floor. The derived
// order is the order of the amounts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tokens(u64);

impl Tokens {
    /// No tokens.
    pub const ZERO: Tokens = Tokens(0);

    /// The largest amount, about 8.8 × 10¹² tokens.
    pub const MAX: Tokens = Tokens(u64::MAX - 3);

    const INVALID: Tokens = Tokens(u64::MAX);

    /// How many [`parts`](Self::parts) one token has.
    pub(crate) const ONE: u64 = 1 << FRACTION;

    /// The amount as a floating point number: exact below 2³³ tokens, NaN for an invalid amount.
    pub fn as_f64(self) -> f64 {
        if self == Self::INVALID {
            return f64::NAN;
        }
        self.parts() as f64 / Self::ONE as f64
    }

    /// Whether this is an amount at all: false for what came from a negative, NaN or infinite `f64`.
    #[inline]
    pub const fn is_valid(self) -> bool {
        self.0 != Self::INVALID.0
    }

    /// This many 2⁻²⁰ths of a token; what is above [`MAX`](Self::MAX) becomes that.
    #[inline]
    pub const fn from_parts(parts: u64) -> Tokens {
        if parts > Self::MAX.0 >> 1 { Self::MAX } else { Tokens(parts << 1) }
    }

    /// The amount in 2⁻²⁰ths of a token, rounded down.
    #[inline]
    pub const fn parts(self) -> u64 {
        self.0 >> 1
    }

    /// The amount as it is taken: rounded up to a whole 2⁻²⁰.
    #[inline]
    pub(crate) const fn rounded_up(self) -> Tokens {
        // An even amount stays; an odd one is carried to the next even. `INVALID` would wrap: callers check.
        Tokens((self.0.wrapping_add(1)) & !1)
    }

    /// The amount as it is taken from what holds `capacity`, or `None` if it is above that. Where only the rounding
    /// would carry it above, it is the whole capacity.
    pub(crate) fn within(self, capacity: Tokens) -> Option<Tokens> {
        (self.rounded_down() <= capacity).then(|| self.rounded_up().min(capacity))
    }

    /// The amount as it is given: rounded down to a whole 2⁻²⁰.
    #[inline]
    pub(crate) const fn rounded_down(self) -> Tokens {
        Tokens(self.0 & !1)
    }
}

impl From<u64> for Tokens {
    #[inline]
    fn from(n: u64) -> Tokens {
        if n > Self::MAX.0 >> (FRACTION + 1) {
            return Self::MAX;
        }
        Tokens(n << (FRACTION + 1))
    }
}

impl From<f64> for Tokens {
    fn from(n: f64) -> Tokens {
        if !n.is_finite() || n < 0.0 {
            return Self::INVALID;
        }
        // Scaling by a power of two is exact, short of overflow to infinity, which saturates below.
        let scaled = n * Self::ONE as f64;
        if scaled >= (Self::MAX.0 >> 1) as f64 {
            return Self::MAX;
        }
        let floor = scaled as u64;
        // A subnormal may have scaled to the floor exactly, but never from above zero to zero.
        Tokens(floor << 1 | u64::from(floor as f64 != scaled))
    }
}

/// Saturates at [`Tokens::MAX`]. The sum of amounts that lie between two multiples lies between two as well.
impl Add for Tokens {
    type Output = Tokens;

    #[inline]
    fn add(self, other: Tokens) -> Tokens {
        match (self.is_valid() && other.is_valid(), self.parts() + other.parts()) {
            (false, _) => Self::INVALID,
            (_, parts) if parts >= Self::MAX.parts() => Self::MAX,
            (_, parts) => Tokens(parts << 1 | (self.0 | other.0) & 1),
        }
    }
}

/// Saturates at zero.
impl Sub for Tokens {
    type Output = Tokens;

    #[inline]
    fn sub(self, other: Tokens) -> Tokens {
        match self.is_valid() && other.is_valid() {
            true => Self::from_parts(self.parts().saturating_sub(other.parts())),
            false => Self::INVALID,
        }
    }
}

impl Default for Tokens {
    fn default() -> Tokens {
        Self::ZERO
    }
}

impl fmt::Display for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_valid() {
            true => fmt::Display::fmt(&self.as_f64(), f),
            false => f.write_str("invalid"),
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_exact_and_saturate() {
        assert_eq!(Tokens::from(3).parts(), 3 << 20);
        assert_eq!(Tokens::from(u64::MAX), Tokens::MAX);
        assert_eq!(Tokens::from(1_000_000_000_000).as_f64(), 1e12);
        assert!(Tokens::from(u64::MAX).is_valid());
    }

    #[test]
    fn a_fraction_between_two_parts_rounds_by_use() {
        let tenth = Tokens::from(0.1);
        assert_eq!(tenth.rounded_down().parts(), 104_857);
        assert_eq!(tenth.rounded_up().parts(), 104_858);
        assert_eq!(Tokens::from(0.5).rounded_up(), Tokens::from(0.5).rounded_down());
        assert_eq!(Tokens::from(f64::MIN_POSITIVE).rounded_up().parts(), 1);
        assert_eq!(Tokens::from(f64::from_bits(1)).rounded_up().parts(), 1);
    }

    #[test]
    fn what_is_no_amount_is_invalid_and_what_is_huge_is_the_maximum() {
        for bad in [-1.0, -f64::MIN_POSITIVE, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(!Tokens::from(bad).is_valid(), "{bad}");
            assert!(Tokens::from(bad).as_f64().is_nan());
        }
        assert_eq!(Tokens::from(-0.0), Tokens::ZERO);
        assert_eq!(Tokens::from(1e300), Tokens::MAX);
        assert_eq!(Tokens::MAX.rounded_up(), Tokens::MAX);
    }

    #[test]
    fn sums_and_differences_saturate() {
        assert_eq!(Tokens::from(1) - Tokens::from(2), Tokens::ZERO);
        assert_eq!(Tokens::MAX + Tokens::from(1), Tokens::MAX);
        assert!(!(Tokens::from(-1.0) + Tokens::from(1)).is_valid());
    }
}
