//! [`Quota`]: so many tokens each window; and [`Units`], in which a word counts them.

use core::fmt;
use core::time::Duration;

use super::word::{HUNDRED_YEARS, MOST};
use crate::{InvalidPolicy, Timestamp, Tokens};

/// What the window algorithms are made of. Windows are counted from the clock's origin: window `k` covers
/// `[k × window, (k + 1) × window)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quota {
    pub(super) capacity: Tokens,
    /// Above zero, and at most a hundred years.
    pub(super) window: Duration,
}

impl Quota {
    /// # Errors
    ///
    /// [`InvalidPolicy::Capacity`], [`InvalidPolicy::CapacityTooLarge`] or [`InvalidPolicy::Window`].
    pub(super) fn try_new(capacity: impl Into<Tokens>, window: Duration) -> Result<Quota, InvalidPolicy> {
        let capacity = capacity.into();
        if !capacity.is_valid() || capacity.rounded_down() == Tokens::ZERO {
            return Err(InvalidPolicy::Capacity);
        }
        let capacity = capacity.rounded_down();
        let largest = Tokens::from_parts(MOST);
        if capacity > largest {
            return Err(InvalidPolicy::CapacityTooLarge { largest });
        }
        if window.is_zero() || window.as_nanos() > HUNDRED_YEARS {
            return Err(InvalidPolicy::Window);
        }
        Ok(Quota { capacity, window })
    }

    /// The length of a window in nanoseconds.
    pub(super) fn nanos(&self) -> u64 {
        // A hundred years are 2^61.5.
        self.window.as_nanos() as u64
    }

    /// Shows an algorithm called `name` that is made of it.
    pub(super) fn show(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name).field("capacity", &self.capacity).field("window", &self.window).finish()
    }
}

/// Windows that a word tells apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    pub(super) nanos: u64,
    /// The number of the last: after it, time stands still.
    pub(super) last: u64,
}

impl Windows {
    /// The number of the window of `now`.
    #[inline]
    pub(super) fn number(&self, now: Timestamp) -> u64 {
        (now.as_nanos() / self.nanos).min(self.last)
    }

    /// The first instant of window `number`; `None` if it never comes.
    pub(super) fn start(&self, number: u64) -> Option<Timestamp> {
        let nanos = number.checked_mul(self.nanos)?;
        (number <= self.last).then_some(Timestamp::from_nanos(nanos))
    }
}

/// Counting in units of 2<sup>`coarse`</sup> parts: an amount finer than that is rounded up when taken and down
/// when given back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Units {
    coarse: u32,
    /// The capacity in units, at least one.
    pub(super) full: u64,
    capacity: Tokens,
}

impl Units {
    /// The finest in which `capacity` is no more than `most`, which must be at least one. A unit is never more
    /// than a token.
    ///
    /// # Errors
    ///
    /// [`InvalidPolicy::CapacityTooLarge`].
    pub(super) fn finest(capacity: Tokens, most: u64) -> Result<Units, InvalidPolicy> {
        let largest = Tokens::from(most);
        if capacity > largest {
            return Err(InvalidPolicy::CapacityTooLarge { largest });
        }
        let mut units = Units { coarse: 0, full: capacity.parts(), capacity };
        while units.full > most {
            (units.coarse, units.full) = (units.coarse + 1, units.full >> 1);
        }
        Ok(units)
    }

    /// Units to take for `n`, rounded up; the capacity always costs what a full window holds.
    #[inline]
    pub(super) fn up(&self, n: Tokens) -> u64 {
        let mask = (1 << self.coarse) - 1;
        let units = (n.parts() + mask) >> self.coarse;
        // A capacity with a fraction may come to less, rounded down, than the same amount rounded up.
        if n <= self.capacity { units.min(self.full) } else { units }
    }

    /// Units to give for `n`, rounded down.
    pub(super) fn down(&self, n: Tokens) -> u64 {
        n.parts() >> self.coarse
    }

    /// What is owed, as tokens: not rounded, and saturating.
    pub(super) fn owed(&self, units: u64) -> Tokens {
        Tokens::from_parts(units.saturating_mul(1 << self.coarse))
    }

    /// As tokens; all that a window holds is the capacity itself, though it may have been rounded down.
    pub(super) fn tokens(&self, units: u64) -> Tokens {
        if units >= self.full { self.capacity } else { Tokens::from_parts(units << self.coarse) }
    }
}
