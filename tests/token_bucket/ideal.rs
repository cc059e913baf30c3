//! The bucket as it should be: a level in exact fractions, brought forward from call to call.

use lazy_limiter::{Rate, Tokens};

use super::units::{ONE, YEAR};

/// A level and when it was that, in numbers of `1 / period` parts of a token (a part is 2⁻²⁰). All products
/// fit as long as the period is below 2⁵⁸ ns.
#[derive(Clone, Debug)]
pub(crate) struct Ideal {
    capacity: i128,
    /// What a nanosecond brings.
    slope: i128,
    /// What a part is.
    part: i128,
    level: i128,
    at: u64,
}

impl Ideal {
    pub(crate) fn new(capacity: Tokens, rate: Rate, starting: Tokens) -> Ideal {
        let part = rate.period().as_nanos() as i128;
        let slope = rate.tokens().parts().into();
        Ideal { capacity: parts(capacity) * part, slope, part, level: parts(starting) * part, at: 0 }
    }

    pub(crate) fn advance(&mut self, now: u64) {
        let passed = i128::from(now - self.at);
        self.at = now;
        let missing = self.capacity - self.level;
        // Divided, not multiplied: ten years at full speed need not fit.
        self.level = match self.slope > 0 && passed > missing / self.slope {
            true => self.capacity,
            false => self.level + passed * self.slope,
        };
    }

    /// Above zero or below, before any rounding.
    pub(crate) fn level(&self) -> i128 {
        self.level
    }

    /// Whether a debt that `n` more would make has room in the word for sure: what a year and a third refill.
    pub(crate) fn may_owe(&self, n: Tokens) -> bool {
        let most = if self.slope > 0 { self.slope * i128::from(YEAR / 3 * 4) } else { self.capacity };
        self.level - self.amount(n) > -most
    }

    pub(crate) fn amount(&self, n: Tokens) -> i128 {
        parts(n) * self.part
    }

    /// `units / unit` tokens, rounded down.
    pub(crate) fn of_units(&self, units: i128, unit: u64) -> i128 {
        units * i128::from(ONE) * self.part / i128::from(unit)
    }

    pub(crate) fn holds(&self, n: Tokens) -> bool {
        self.level >= self.amount(n)
    }

    /// Down to a whole part; a debt reads as nothing.
    pub(crate) fn available(&self) -> Tokens {
        Tokens::from_parts((self.level.max(0) / self.part) as u64)
    }

    pub(crate) fn take(&mut self, n: Tokens) {
        self.level -= self.amount(n);
    }

    pub(crate) fn give_back(&mut self, n: Tokens) {
        self.level = (self.level + self.amount(n)).min(self.capacity);
    }

    /// Whole nanoseconds until it holds `n`, rounded up; `None`: never.
    pub(crate) fn wait(&self, n: Tokens) -> Option<u64> {
        self.wait_for(self.amount(n))
    }

    pub(crate) fn wait_for(&self, level: i128) -> Option<u64> {
        match level - self.level {
            ..=0 => Some(0),
            _ if self.slope == 0 => None,
            missing => u64::try_from((missing + self.slope - 1) / self.slope).ok(),
        }
    }
}

fn parts(n: Tokens) -> i128 {
    n.parts().into()
}
