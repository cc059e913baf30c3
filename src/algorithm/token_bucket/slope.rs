//! [`Slope`]: how many units a nanosecond brings, and how many nanoseconds a unit takes.

/// A slope in fixed point: `times / 2^shift` units a nanosecond.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slope {
    /// Zero, or 64 significant bits, rounded up.
    times: u64,
    /// At most 63.
    shift: u32,
    /// `floor((2^128 - 1) / times) - 2^64`. With it, a division by `times` costs two multiplications.
    inverse: u64,
}

impl Slope {
    /// No rise at all.
    pub(super) const FLAT: Slope = Slope { times: 0, shift: 0, inverse: 0 };

    /// The slope of `n / d`, rounded up in its 64th significant bit. `n / d` is from 1 to below 2^62, and `d`
    /// below 2^127.
    pub(super) fn new(n: u128, d: u128) -> Slope {
        let (mut times, mut rest, mut shift) = (n / d, n % d, 0);
        while times < 1 << 63 && shift < 63 {
            (times, rest, shift) = (times << 1, rest << 1, shift + 1);
            if rest >= d {
                (times, rest) = (times | 1, rest - d);
            }
        }
        let times = (times as u64).saturating_add(u64::from(rest > 0));
        let inverse = (u128::MAX / u128::from(times) - (1 << 64)) as u64;
        Slope { times, shift, inverse }
    }

    /// Units of `nanos`: `floor(nanos × slope)`. The caller sees to it that they are fewer than 2^64.
    #[inline]
    pub(super) fn rise(&self, nanos: u64) -> u64 {
        // The mask tells the compiler that the shift is below 64.
        ((u128::from(nanos) * u128::from(self.times)) >> (self.shift & 63)) as u64
    }

    /// The longest time whose rise is at most `units`.
    pub(super) fn run(&self, units: u64) -> u64 {
        match self.times {
            0 => u64::MAX,
            times => {
                // floor(t × slope) ≤ units exactly if t × slope < units + 1.
                let nanos = (((u128::from(units) + 1) << self.shift) - 1) / u128::from(times);
                u64::try_from(nanos).unwrap_or(u64::MAX)
            }
        }
    }

    /// How long after `nanos` until the rise from zero is at least `units`: exact, since `floor(x) ≥ k` exactly if
    /// `x ≥ k`. `None`: never. It saturates at 584 years.
    #[inline]
    pub(super) fn until(&self, units: u64, nanos: u64) -> Option<u64> {
        let target = u128::from(units) << (self.shift & 63);
        let missing = target.saturating_sub(u128::from(nanos) * u128::from(self.times));
        match missing {
            0 => Some(0),
            _ if self.times == 0 => None,
            _ if (missing >> 64) as u64 >= self.times => Some(u64::MAX),
            _ => Some(self.divide_up(missing)),
        }
    }

    /// `ceil(n / times)`, for quotients below 2^64.
    ///
    /// Möller and Granlund, "Improved division by invariant integers" (IEEE Transactions on Computers, 2011),
    /// algorithm 4.
    #[inline]
    fn divide_up(&self, n: u128) -> u64 {
        let (high, low) = ((n >> 64) as u64, n as u64);
        let estimate = (u128::from(self.inverse) * u128::from(high)).wrapping_add(n);
        let mut quotient = ((estimate >> 64) as u64).wrapping_add(1);
        let mut rest = low.wrapping_sub(quotient.wrapping_mul(self.times));
        if rest > estimate as u64 {
            quotient = quotient.wrapping_sub(1);
            rest = rest.wrapping_add(self.times);
        }
        if rest >= self.times {
            quotient = quotient.wrapping_add(1);
            rest -= self.times;
        }
        quotient.saturating_add(u64::from(rest > 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Slopes from 1 to 11 units a nanosecond, and none.
    fn slopes() -> impl Strategy<Value = Slope> {
        let sloping = (0_u128..1 << 100, 1_u128..1 << 100).prop_map(|(n, d)| Slope::new(d + n % (10 * d), d));
        prop_oneof![9 => sloping, 1 => Just(Slope::FLAT)]
    }

    proptest! {
        #[test]
        fn until_is_the_division_that_it_stands_for(
            slope in slopes(), units in prop_oneof![0_u64.., 0_u64..1000], nanos in 0_u64..1 << 59,
        ) {
            let risen = u128::from(nanos) * u128::from(slope.times);
            let expected = match (u128::from(units) << slope.shift).saturating_sub(risen) {
                0 => Some(0),
                _ if slope.times == 0 => None,
                missing => Some(u64::try_from(missing.div_ceil(slope.times.into())).unwrap_or(u64::MAX)),
            };
            prop_assert_eq!(slope.until(units, nanos), expected);
        }

        #[test]
        fn run_is_the_last_instant_before_more(slope in slopes(), units in 0_u64..1 << 62) {
            let run = slope.run(units);
            let rise = |nanos: u64| (u128::from(nanos) * u128::from(slope.times)) >> slope.shift;
            prop_assert!(rise(run) <= units.into());
            prop_assert!(run == u64::MAX || rise(run + 1) > units.into());
        }

        #[test]
        fn a_slope_is_rounded_up_by_less_than_its_last_bit(n in 0_u128..1 << 60, d in 1_u128..1 << 60) {
            let n = d + n % (10 * d);
            let slope = Slope::new(n, d);
            // times ≥ n/d × 2^shift > times - 1
            prop_assert!(slope.times >> 63 == 1);
            prop_assert!(u128::from(slope.times) * d >= n << slope.shift);
            prop_assert!(u128::from(slope.times - 1) * d < n << slope.shift);
        }
    }
}
