//! The arithmetic of a token bucket: what a policy comes to in units, and what units come to in time.

use core::time::Duration;

use super::scale::Scale;
use super::slope::Slope;
use crate::algorithm::word::{FULL_WORD, MOST};
use crate::{InvalidPolicy, Rate, Timestamp, Tokens};

/// What a policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) capacity: Tokens,
    pub(super) starting: Tokens,
    pub(super) rate: Rate,
}

/// What follows from it.
#[derive(Debug)]
pub(super) struct Constants {
    capacity: Tokens,
    /// The capacity in units, rounded up.
    pub(super) full: u64,
    /// Units of one token.
    pub(super) unit: u64,
    slope: Slope,
    /// The instant after which nothing accrues any more, for want of room in the word.
    horizon: u64,
}

/// No number of nanoseconds.
const NEVER: u64 = u64::MAX;

impl Policy {
    pub(super) fn compute(&self) -> Result<Constants, InvalidPolicy> {
        let (parts, nanos) = self.rate.ratio()?;
        let held = match self.capacity.parts() {
            0 => return Err(InvalidPolicy::Capacity),
            parts if parts > MOST => {
                return Err(InvalidPolicy::CapacityTooLarge { largest: Tokens::from_parts(MOST) });
            }
            parts => parts,
        };
        let Scale { unit, slope } = Scale::choose(held, parts, nanos)?;
        // Up, as amounts are taken: a whole capacity costs just what a full bucket holds. It is less than a unit.
        let full = (u128::from(held) * u128::from(unit)).div_ceil(Tokens::ONE.into()) as u64;
        let horizon = slope.run(FULL_WORD - full);
        Ok(Constants { capacity: self.capacity, full, unit, slope, horizon })
    }
}

impl Constants {
    /// Units made since the origin: at most a full word, less the capacity.
    #[inline]
    pub(super) fn accrued(&self, now: Timestamp) -> u64 {
        self.slope.rise(now.as_nanos().min(self.horizon))
    }

    /// How long after `now` until `units` have accrued. `None`: never.
    #[inline]
    pub(super) fn until(&self, units: u64, now: Timestamp) -> Option<Duration> {
        match self.nanos_until(units, now.as_nanos()) {
            NEVER => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    // A plain number, not an `Option`, whose niche would have to be looked at: where a caller does not look at the
    // hint, the compiler sees that it need not be computed.
    #[inline]
    fn nanos_until(&self, units: u64, now: u64) -> u64 {
        let nanos = now.min(self.horizon);
        match self.slope.until(units, nanos) {
            Some(0) => 0,
            // Past the horizon nothing comes any more.
            Some(wait) if nanos == now => wait.min(NEVER - 1),
            _ => NEVER,
        }
    }

    /// How long until a level of `units`, with `base` drawn, is reached.
    #[inline]
    pub(super) fn wait(&self, base: u64, units: u64, now: Timestamp) -> Option<Duration> {
        self.until(base.saturating_add(units).saturating_sub(self.full), now)
    }

    /// Units to take for `n`: rounded up. Beyond the word (a charge) it saturates.
    #[inline]
    pub(super) fn units(&self, n: Tokens) -> u64 {
        let product = u128::from(n.parts()) * u128::from(self.unit);
        let units = (product + u128::from(Tokens::ONE - 1)) / u128::from(Tokens::ONE);
        if units > u128::from(FULL_WORD) { FULL_WORD } else { units as u64 }
    }

    /// Units to give for `n`: rounded down, and at most a full word. The capacity gives what it costs.
    pub(super) fn units_down(&self, n: Tokens) -> u64 {
        if n == self.capacity {
            return self.full;
        }
        let units = u128::from(n.parts()) * u128::from(self.unit) / u128::from(Tokens::ONE);
        units.min(FULL_WORD.into()) as u64
    }
}
