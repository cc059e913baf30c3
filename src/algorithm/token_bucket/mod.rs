//! [`TokenBucket`]: a level that rises at a constant rate up to a capacity.
//!
//! # One number is the whole state
//!
//! A bucket refills at a constant rate, so "`tokens` at `timestamp`" is a point on a line of known slope, and one
//! number fixes the line. The books are kept in *units*, of which a token has a whole number `c`:
//!
//! ```text
//! accrued(now) = floor(now × rate × c)                 what the rate has made since the clock's origin
//! base(now)    = max(drawn, accrued(now))              clamping at full happens here, when read
//! level(now)   = accrued(now) + capacity − base(now)   below zero: debt
//! take n       : drawn' = base(now) + n                if that is at most accrued(now) + capacity
//! ```
//!
//! `drawn` is the word. It names the point at which the bucket, left alone, will be full again. There is no
//! timestamp to go stale and no remainder to lose; a late or backward `now` makes `accrued` smaller, so it can
//! only refuse.
//!
//! The line itself is the virtual scheduling form of the Generic Cell Rate Algorithm (ATM Forum, Traffic
//! Management Specification 4.0, 1996; ITU-T I.371), in units fine enough that the rate is not rounded.

use core::time::Duration;

use super::shared::Shared;
use super::word::{Drawn, FULL_WORD};
use super::{Ahead, Algorithm};
use crate::kernel::Packed;
use crate::{InvalidPolicy, Rate, Timestamp, Tokens};

mod scale;
mod slope;
mod units;

use units::{Constants, Policy};

/// A token bucket: holds up to `capacity` tokens and refills continuously at `rate`.
///
/// **Envelope.** Over any window, at most `capacity + rate × window` tokens are granted; plus less than one and a half
/// units for rates that 62 bits cannot hold exactly, and one more for a capacity that is no whole number of units. A
/// unit is about 0.1 ns of refill (up to one, where filling up takes decades).
///
/// **Cost.** One word a bucket; a grant is one multiplication and one compare-exchange. An instance is eight
/// bytes, and instances made alike by one thread share their constants.
///
/// **Range.** Rates of zero ([`Rate::ZERO`] never refills) or up to 10¹⁰ tokens a second, capacities up to 10¹²
/// tokens, a hundred years from empty to full, thirteen years of clock (and as long as a hint given by then, if that is
/// not decades). Debt saturates at what one and a half years refill, or more.
///
/// ```
/// use lazy_limiter::{Limiter, Rate, TokenBucket};
///
/// let limiter = Limiter::new(TokenBucket::new(10, Rate::per_second(3)));
/// assert!(limiter.try_acquire(10).is_ok());
/// assert!(limiter.try_acquire(1).unwrap_err().is_denied());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct TokenBucket(Shared<Policy, Constants>);

impl TokenBucket {
    /// A bucket of `capacity` tokens that refills at `rate`, full at first.
    ///
    /// # Panics
    ///
    /// When [`try_new`](Self::try_new) would return an error.
    #[track_caller]
    pub fn new(capacity: impl Into<Tokens>, rate: Rate) -> TokenBucket {
        match Self::try_new(capacity, rate) {
            Ok(bucket) => bucket,
            Err(fault) => panic!("{fault}"),
        }
    }

    /// A bucket of `capacity` tokens that refills at `rate`, full at first.
    ///
    /// # Errors
    ///
    /// The reason why there can be no such bucket: a capacity that is not above zero or above 10¹², a faulty
    /// rate or one above 10¹⁰ tokens a second, or more than a hundred years from empty to full.
    pub fn try_new(capacity: impl Into<Tokens>, rate: Rate) -> Result<TokenBucket, InvalidPolicy> {
        let capacity = capacity.into();
        if !capacity.is_valid() {
            return Err(InvalidPolicy::Capacity);
        }
        let capacity = capacity.rounded_down();
        Policy { capacity, starting: capacity, rate }.bucket()
    }

    /// The same bucket, holding only `n` tokens when it is made.
    ///
    /// In a [`KeyedLimiter`](crate::KeyedLimiter) a key that was reclaimed starts at this level again.
    ///
    /// # Panics
    ///
    /// When [`try_starting_tokens`](Self::try_starting_tokens) would return an error.
    #[track_caller]
    pub fn starting_tokens(self, n: impl Into<Tokens>) -> TokenBucket {
        match self.try_starting_tokens(n) {
            Ok(bucket) => bucket,
            Err(fault) => panic!("{fault}"),
        }
    }

    /// The same bucket, holding only `n` tokens when it is made.
    ///
    /// # Errors
    ///
    /// [`InvalidPolicy::StartingTokens`] if `n` is not a number from zero to the capacity.
    pub fn try_starting_tokens(self, n: impl Into<Tokens>) -> Result<TokenBucket, InvalidPolicy> {
        let n = n.into();
        if !n.is_valid() || n.rounded_down() > self.0.policy().capacity {
            return Err(InvalidPolicy::StartingTokens);
        }
        Policy { starting: n.rounded_down(), ..*self.0.policy() }.bucket()
    }

    /// The rate at which it refills.
    pub fn rate(&self) -> Rate {
        self.0.policy().rate
    }

    /// What it holds when it is made.
    pub fn starting(&self) -> Tokens {
        self.0.policy().starting
    }

    /// A state as `(tokens, timestamp)`, for debugging and tests: what the bucket holds at `now`, and the
    /// instant at which, left alone, it is full (already was, if not after `now`); the last instant, if never.
    pub fn unpack(&self, state: Drawn, now: Timestamp) -> (Tokens, Timestamp) {
        {
            let full = self.0.until(state.0, Timestamp::ZERO);
            (self.available(&state, now), full.map_or(Timestamp::MAX, |full| Timestamp::ZERO + full))
        }
    }

    /// How much of `n`, taken at `since` from a bucket that was full, has not come back to it at `now`; rounded down.
    pub(crate) fn outstanding(&self, n: Tokens, since: Timestamp, now: Timestamp) -> Tokens {
        let come = self.0.accrued(now).saturating_sub(self.0.accrued(since));
        let units = self.0.units_down(n).saturating_sub(come);
        let parts = u128::from(units) * u128::from(Tokens::ONE) / u128::from(self.0.unit);
        if come == 0 { n } else { Tokens::from_parts(parts as u64) }
    }
}

impl Policy {
    fn bucket(self) -> Result<TokenBucket, InvalidPolicy> {
        Shared::make(self, Policy::compute).map(TokenBucket)
    }
}

impl Algorithm for TokenBucket {
    type State = Drawn;
    type Cell = Packed<Drawn>;

    #[inline]
    fn capacity(&self) -> Tokens {
        self.0.policy().capacity
    }

    fn start(&self, now: Timestamp) -> Drawn {
        let Policy { capacity, starting, .. } = *self.0.policy();
        // The capacity in units is rounded up, and full is full.
        let level = if starting < capacity { self.0.units_down(starting) } else { self.0.full };
        Drawn(self.0.accrued(now) + self.0.full - level)
    }

    fn available(&self, state: &Drawn, now: Timestamp) -> Tokens {
        let accrued = self.0.accrued(now);
        let level = (accrued + self.0.full).saturating_sub(state.0.max(accrued));
        let parts = u128::from(level) * u128::from(Tokens::ONE) / u128::from(self.0.unit);
        // The capacity in units may have been rounded up.
        Tokens::from_parts(parts as u64).min(self.capacity())
    }

    fn consume(&self, state: &Drawn, n: Tokens, now: Timestamp) -> Drawn {
        let base = state.0.max(self.0.accrued(now));
        Drawn((base + self.0.units(n)).min(FULL_WORD))
    }

    fn time_to_available(&self, state: &Drawn, n: Tokens, now: Timestamp) -> Option<Duration> {
        if n > self.capacity() {
            return None;
        }
        let base = state.0.max(self.0.accrued(now));
        self.0.wait(base, self.0.units(n), now)
    }

    fn give_back(&self, state: &Drawn, n: Tokens, now: Timestamp) -> Drawn {
        Drawn(state.0.saturating_sub(self.0.units_down(n)).max(self.0.accrued(now)))
    }

    #[inline]
    fn try_take(&self, state: &Drawn, n: Tokens, now: Timestamp) -> Result<Drawn, Option<Duration>> {
        let accrued = self.0.accrued(now);
        let base = state.0.max(accrued);
        let units = self.0.units(n);
        // No overflow: each of the four is at most 62 bits.
        match base + units <= accrued + self.0.full {
            true => Ok(Drawn(base + units)),
            false => Err(self.0.wait(base, units, now)),
        }
    }

    fn debt(&self, state: &Drawn, now: Timestamp) -> Tokens {
        let owed = state.0.saturating_sub(self.0.accrued(now) + self.0.full);
        // Up: a debt is not forgiven by rounding.
        let parts = (u128::from(owed) * u128::from(Tokens::ONE)).div_ceil(self.0.unit.into());
        Tokens::from_parts(u64::try_from(parts).unwrap_or(u64::MAX))
    }

    fn is_idle(&self, state: &Drawn, now: Timestamp) -> bool {
        state.0 <= self.0.accrued(now)
    }

    fn time_to_idle(&self, state: &Drawn, now: Timestamp) -> Option<Duration> {
        self.0.until(state.0, now)
    }

    /// In units.
    #[inline]
    fn cost(&self, n: Tokens) -> u64 {
        self.0.units(n)
    }

    /// Exact, and independent of the line's length: the sum of what is ahead is drawn first.
    fn time_to_serve(&self, state: &Drawn, ahead: Ahead<'_>, n: Tokens, now: Timestamp) -> Option<Duration> {
        let base = state.0.max(self.0.accrued(now));
        let units = ahead.cost() + u128::from(self.0.units(n));
        // More than a word of units ahead is more than a century.
        self.0.wait(base, u64::try_from(units).unwrap_or(u64::MAX), now)
    }
}

impl core::fmt::Debug for TokenBucket {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Policy { capacity, starting, rate } = self.0.policy();
        f.debug_struct("TokenBucket")
            .field("capacity", capacity)
            .field("starting", starting)
            .field("rate", rate)
            .finish()
    }
}
