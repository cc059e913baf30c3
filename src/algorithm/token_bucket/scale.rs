//! The units of a token bucket.
//!
//! The word has 62 bits for the capacity and for all that accrues until the clock is thirteen and a half years
//! old, and then for as long as it takes to fill up: a hint given before must not point to where nothing comes any
//! more. For a rate of `p / q` tokens a nanosecond in lowest terms, `c = q × m` with the largest `m` that
//! fits makes `p × m` units a nanosecond: every instant is exact. Where not even `m = 1` fits, `c` is the largest
//! whole number that does, a unit is about 0.1 ns of refill, and the slope is rounded up in its 64th
//! significant bit: less than half a unit over the clock's whole life.
//!
//! Where filling up takes decades, there may be no room for all of that: exact units, or a unit of at most a
//! nanosecond, are worth more than the last of those years.

use super::slope::Slope;
use crate::algorithm::word::{Drawn, FULL_WORD, HORIZON, HUNDRED_YEARS};
use crate::kernel::Pack;
use crate::rate::gcd;
use crate::{InvalidPolicy, Tokens};

/// Units of a token, and the slope at which they accrue.
pub(super) struct Scale {
    pub(super) unit: u64,
    pub(super) slope: Slope,
}

impl Scale {
    /// For a capacity of `held` parts and a rate of `parts` each `nanos`.
    pub(super) fn choose(held: u64, parts: u64, nanos: u64) -> Result<Scale, InvalidPolicy> {
        let (held, parts, nanos, one) =
            (u128::from(held), u128::from(parts), u128::from(nanos), u128::from(Tokens::ONE));
        if parts == 0 {
            // Nothing accrues: parts themselves are units, and nothing is ever rounded.
            return Ok(Scale { unit: Tokens::ONE, slope: Slope::FLAT });
        }
        // 10^10 a second is ten a nanosecond.
        if parts > 10 * one * nanos {
            return Err(InvalidPolicy::RateTooFast);
        }
        if held * nanos / parts > HUNDRED_YEARS {
            return Err(InvalidPolicy::FillTooLong);
        }
        if one * nanos / parts > HUNDRED_YEARS {
            return Err(InvalidPolicy::RateTooSlow);
        }
        let divisor = gcd(parts, one * nanos);
        let (p, q) = (parts / divisor, one * nanos / divisor);
        let word = u128::from(FULL_WORD);
        // Exact: c = q × m, with the room for filling up if that leaves any m, else without. Rounding the
        // capacity's share up keeps the sum within the word.
        let exact = || {
            let (filled, made) = (held.checked_mul(q)?.div_ceil(one), p.checked_mul(HORIZON)?);
            let room = filled.checked_add(made)?;
            let most = |share: u128| q.checked_mul(word / share).filter(|unit| (1..=word).contains(unit));
            most(room.checked_add(filled)?).or_else(|| most(room))
        };
        // Otherwise c = floor(word / (2 × capacity + rate × horizon)), over the common denominator `one × nanos`,
        // and at least what makes a unit a nanosecond.
        let inexact = || {
            let demand = 2 * held * nanos + HORIZON * parts;
            let unit = mul_shift_div(nanos, Tokens::ONE.ilog2() + Drawn::BITS, demand);
            unit.max((one * nanos).div_ceil(parts)).min(word)
        };
        let unit = exact().unwrap_or_else(inexact);
        Ok(Scale { unit: unit as u64, slope: Slope::new(unit * parts, one * nanos) })
    }
}

/// `floor(a × 2^shift / d)` by long division, for quotients that fit; `d` is below 2^127.
fn mul_shift_div(a: u128, shift: u32, d: u128) -> u128 {
    let (mut quotient, mut rest) = (a / d, a % d);
    for _ in 0..shift {
        (quotient, rest) = (quotient << 1, rest << 1);
        if rest >= d {
            (quotient, rest) = (quotient | 1, rest - d);
        }
    }
    quotient
}
