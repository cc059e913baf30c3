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
//!
//! # Choosing `c`
//!
//! The word has 62 bits for the capacity and for all that accrues until the clock is thirteen and a half years
//! old. For a rate of `p / q` tokens a nanosecond in lowest terms, `c = q × m` with the largest `m` that
//! fits makes `p × m` units a nanosecond: every instant is exact. Where not even `m = 1` fits, `c` is the largest
//! whole number that does, a unit is about 0.1 ns of refill, and the slope is rounded up in its 63rd
//! significant bit: less than one unit over the clock's whole life.

use core::time::Duration;
use std::cell::RefCell;
use std::sync::Arc;

use super::{Ahead, Algorithm};
use crate::kernel::{Pack, Packed};
use crate::rate::gcd;
use crate::{InvalidPolicy, Rate, Timestamp, Tokens};

/// What was drawn from a [`TokenBucket`], in its units: the whole state, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn(u64);

impl Pack for Drawn {
    const BITS: u32 = 62;

    #[inline]
    fn pack(&self) -> u64 {
        self.0
    }

    #[inline]
    fn unpack(bits: u64) -> Self {
        Drawn(bits)
    }
}

/// All that fits in the word.
const FULL_WORD: u64 = (1 << Drawn::BITS) - 1;
/// The age of the clock for which every bucket has room: twelve years, and one and a half of debt.
const HORIZON: u128 = 4930 * 86_400 * 1_000_000_000;
const HUNDRED_YEARS: u128 = 36_525 * 86_400 * 1_000_000_000;
const MOST: u64 = 1_000_000_000_000 * Tokens::ONE;

/// A token bucket: holds up to `capacity` tokens and refills continuously at `rate`.
///
/// **Envelope.** Over any window, at most `capacity + rate × window` tokens are granted (plus at most one unit,
/// about 0.1 ns of refill, for rates that 62 bits cannot hold exactly).
///
/// **Cost.** One word a bucket; a grant is one multiplication and one compare-exchange. An instance is eight
/// bytes, and instances made alike by one thread share their constants.
///
/// **Range.** Rates of zero ([`Rate::ZERO`] never refills) or up to 10¹⁰ tokens a second, capacities up to 10¹²
/// tokens, a hundred years from empty to full, thirteen years of clock. Debt saturates at what
/// one and a half years refill, or more.
///
/// ```
/// use lazy_limiter::{Limiter, Rate, TokenBucket};
///
/// let limiter = Limiter::new(TokenBucket::new(10, Rate::per_second(3)));
/// assert!(limiter.try_acquire(10).is_ok());
/// assert!(limiter.try_acquire(1).unwrap_err().is_denied());
/// ```
#[derive(Clone)]
pub struct TokenBucket(Arc<Constants>);

/// What a policy says, and what follows from it.
struct Constants {
    policy: Policy,
    /// The capacity in units.
    full: u64,
    /// Units of one token.
    unit: u64,
    /// Units a nanosecond, times 2^`shift`, rounded up; zero for a rate of zero.
    slope: u64,
    shift: u32,
    /// The instant after which nothing accrues any more, for want of room in the word.
    horizon: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Policy {
    capacity: Tokens,
    starting: Tokens,
    rate: Rate,
}

thread_local! {
    /// The policies that this thread made last. A per-key policy closure makes the same few again and again;
    /// finding them here saves each key its own copy and the long divisions.
    static RECENT: RefCell<Vec<Arc<Constants>>> = const { RefCell::new(Vec::new()) };
}

/// How many are kept for each thread.
const RECENT_POLICIES: usize = 4;

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
        Policy { capacity, starting: capacity, rate }.constants().map(TokenBucket)
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
        if !n.is_valid() || n.rounded_down() > self.0.policy.capacity {
            return Err(InvalidPolicy::StartingTokens);
        }
        Policy { starting: n.rounded_down(), ..self.0.policy }.constants().map(TokenBucket)
    }

    /// The rate at which it refills.
    pub fn rate(&self) -> Rate {
        self.0.policy.rate
    }

    /// A state as `(tokens, timestamp)`, for debugging and tests: what the bucket holds at `now`, and the
    /// instant at which, left alone, it is full (already was, if not after `now`); the last instant, if never.
    pub fn unpack(&self, state: Drawn, now: Timestamp) -> (Tokens, Timestamp) {
        (self.available(&state, now), self.0.instant_of(state.0.into()).unwrap_or(Timestamp::MAX))
    }
}

impl Policy {
    /// The constants of this policy: those that this thread has at hand, or new ones.
    fn constants(self) -> Result<Arc<Constants>, InvalidPolicy> {
        // Neither the destruction of thread-locals nor a constructor called from within this one may panic.
        let found = RECENT.try_with(|recent| {
            recent.try_borrow().ok().and_then(|recent| recent.iter().find(|c| c.policy == self).cloned())
        });
        if let Ok(Some(constants)) = found {
            return Ok(constants);
        }
        let constants = Arc::new(self.compute()?);
        let _ = RECENT.try_with(|recent| {
            let Ok(mut recent) = recent.try_borrow_mut() else { return };
            if recent.len() == RECENT_POLICIES {
                recent.remove(0);
            }
            recent.push(constants.clone());
        });
        Ok(constants)
    }

    fn compute(self) -> Result<Constants, InvalidPolicy> {
        let (parts, nanos) = self.rate.ratio()?;
        let held = match self.capacity.parts() {
            0 => return Err(InvalidPolicy::Capacity),
            parts if parts > MOST => {
                return Err(InvalidPolicy::CapacityTooLarge { largest: Tokens::from_parts(MOST) });
            }
            parts => parts,
        };
        let Scale { unit, slope, shift } = Scale::choose(held, parts, nanos)?;
        let full = (u128::from(held) * u128::from(unit) / u128::from(Tokens::ONE)) as u64;
        let horizon = match slope {
            0 => u64::MAX,
            slope => {
                let room = (u128::from(FULL_WORD - full) << shift) / u128::from(slope);
                u64::try_from(room).unwrap_or(u64::MAX)
            }
        };
        Ok(Constants { policy: self, full, unit, slope, shift, horizon })
    }
}

impl Constants {
    /// Units made since the origin.
    #[inline]
    fn accrued(&self, now: Timestamp) -> u64 {
        let nanos = now.as_nanos().min(self.horizon);
        // `slope` is below 2^63 and `shift` below 64 by construction; the result fits because `nanos` is
        // within the horizon. The mask tells the compiler what it cannot know.
        ((u128::from(nanos) * u128::from(self.slope)) >> (self.shift & 63)) as u64
    }

    /// The first instant at which `units` have accrued: exact, since `floor(x) ≥ k` exactly when `x ≥ k`.
    fn instant_of(&self, units: u128) -> Option<Timestamp> {
        if units == 0 {
            return Some(Timestamp::ZERO);
        }
        let instant = match u64::try_from(units) {
            _ if self.slope == 0 => return None,
            Ok(units) => (u128::from(units) << self.shift).div_ceil(u128::from(self.slope)),
            // More than a word of units ahead in line: some 146 years and up.
            Err(_) => units.saturating_mul(1 << self.shift).div_ceil(u128::from(self.slope)),
        };
        Some(Timestamp::from_nanos(u64::try_from(instant).unwrap_or(u64::MAX)))
    }

    /// Units to take for `n`: rounded up. Beyond the word (a charge) it saturates.
    #[inline]
    fn units(&self, n: Tokens) -> u64 {
        let product = u128::from(n.parts()) * u128::from(self.unit);
        let units = (product + u128::from(Tokens::ONE - 1)) / u128::from(Tokens::ONE);
        if units > u128::from(FULL_WORD) { FULL_WORD } else { units as u64 }
    }

    /// Units to give for `n`: rounded down, and at most a full word.
    fn units_down(&self, n: Tokens) -> u64 {
        let units = u128::from(n.parts()) * u128::from(self.unit) / u128::from(Tokens::ONE);
        units.min(FULL_WORD.into()) as u64
    }

    /// Units to take for an `n` of at most the capacity.
    #[inline]
    fn cost(&self, n: Tokens) -> u64 {
        // A capacity with a fraction may come to less, rounded down, than the same amount rounded up.
        let product = u128::from(n.parts()) * u128::from(self.unit);
        (((product + u128::from(Tokens::ONE - 1)) / u128::from(Tokens::ONE)) as u64).min(self.full)
    }

    /// How long until a level of `units`, with `base` drawn, is reached.
    fn wait(&self, base: u64, units: u128, now: Timestamp) -> Option<Duration> {
        let target = (u128::from(base) + units).saturating_sub(self.full.into());
        Some(self.instant_of(target)?.since(now))
    }
}

impl Algorithm for TokenBucket {
    type State = Drawn;
    type Cell = Packed<Drawn>;

    #[inline]
    fn capacity(&self) -> Tokens {
        self.0.policy.capacity
    }

    fn start(&self, now: Timestamp) -> Drawn {
        let level = self.0.units_down(self.0.policy.starting).min(self.0.full);
        Drawn(self.0.accrued(now) + self.0.full - level)
    }

    fn available(&self, state: &Drawn, now: Timestamp) -> Tokens {
        let (this, accrued) = (&*self.0, self.0.accrued(now));
        let level = (accrued + this.full).saturating_sub(state.0.max(accrued));
        if level == this.full {
            // The capacity in units may have been rounded down; full is full.
            return this.policy.capacity;
        }
        Tokens::from_parts((u128::from(level) * u128::from(Tokens::ONE) / u128::from(this.unit)) as u64)
    }

    fn consume(&self, state: &Drawn, n: Tokens, now: Timestamp) -> Drawn {
        let base = state.0.max(self.0.accrued(now));
        let units = if n <= self.capacity() { self.0.cost(n) } else { self.0.units(n) };
        Drawn((base + units).min(FULL_WORD))
    }

    fn time_to_available(&self, state: &Drawn, n: Tokens, now: Timestamp) -> Option<Duration> {
        let base = state.0.max(self.0.accrued(now));
        self.0.wait(base, self.0.cost(n).into(), now)
    }

    fn give_back(&self, state: &Drawn, n: Tokens, now: Timestamp) -> Drawn {
        Drawn(state.0.saturating_sub(self.0.units_down(n)).max(self.0.accrued(now)))
    }

    #[inline]
    fn try_take(&self, state: &Drawn, n: Tokens, now: Timestamp) -> Result<Drawn, Option<Duration>> {
        let accrued = self.0.accrued(now);
        let base = state.0.max(accrued);
        let units = self.0.cost(n);
        // No overflow: each of the four is at most 62 bits.
        match base + units <= accrued + self.0.full {
            true => Ok(Drawn(base + units)),
            false => Err(self.0.wait(base, units.into(), now)),
        }
    }

    fn is_idle(&self, state: &Drawn, now: Timestamp) -> bool {
        state.0 <= self.0.accrued(now)
    }

    fn time_to_idle(&self, state: &Drawn, now: Timestamp) -> Option<Duration> {
        Some(self.0.instant_of(state.0.into())?.since(now))
    }

    /// In units.
    #[inline]
    fn cost(&self, n: Tokens) -> u64 {
        self.0.cost(n)
    }

    /// Exact, and independent of the line's length: the sum of what is ahead is drawn first.
    fn time_to_serve(&self, state: &Drawn, ahead: Ahead<'_>, n: Tokens, now: Timestamp) -> Option<Duration> {
        let base = state.0.max(self.0.accrued(now));
        self.0.wait(base, ahead.cost() + u128::from(self.0.cost(n)), now)
    }
}

impl PartialEq for TokenBucket {
    fn eq(&self, other: &TokenBucket) -> bool {
        self.0.policy == other.0.policy
    }
}

impl Eq for TokenBucket {}

impl core::fmt::Debug for TokenBucket {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Policy { capacity, starting, rate } = &self.0.policy;
        f.debug_struct("TokenBucket")
            .field("capacity", capacity)
            .field("starting", starting)
            .field("rate", rate)
            .finish()
    }
}

/// Units of a token, and the slope at which they accrue.
struct Scale {
    unit: u64,
    slope: u64,
    shift: u32,
}

impl Scale {
    /// For a capacity of `held` parts and a rate of `parts` each `nanos`.
    fn choose(held: u64, parts: u64, nanos: u64) -> Result<Scale, InvalidPolicy> {
        let (held, parts, nanos, one) =
            (u128::from(held), u128::from(parts), u128::from(nanos), u128::from(Tokens::ONE));
        if parts == 0 {
            // Nothing accrues: parts themselves are units, and nothing is ever rounded.
            return Ok(Scale { unit: Tokens::ONE, slope: 0, shift: 0 });
        }
        // 10^10 a second is ten a nanosecond.
        if parts > 10 * one * nanos {
            return Err(InvalidPolicy::RateTooFast);
        }
        if held * nanos / parts > HUNDRED_YEARS {
            return Err(InvalidPolicy::FillTooLong);
        }
        let divisor = gcd(parts, one * nanos);
        let (p, q) = (parts / divisor, one * nanos / divisor);
        let word = u128::from(FULL_WORD);
        // Exact: c = q × m. Rounding the capacity's share up keeps the sum within the word.
        let exact = || {
            let share = held.checked_mul(q)?.div_ceil(one).checked_add(p.checked_mul(HORIZON)?)?;
            let unit = q.checked_mul(word / share)?;
            (unit > 0 && unit <= word).then_some(unit)
        };
        // Otherwise c = floor(word / (capacity + rate × horizon)), over the common denominator `one × nanos`.
        let inexact = || {
            let demand = held * nanos + HORIZON * parts;
            let unit = mul_shift_div(nanos, Tokens::ONE.ilog2() + Drawn::BITS, demand);
            unit.clamp(1, word)
        };
        let unit = exact().unwrap_or_else(inexact);
        let (slope, shift) = slope(unit * parts, one * nanos);
        Ok(Scale { unit: unit as u64, slope, shift })
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

/// `n / d` as a multiplier of 63 significant bits, rounded up, and the shift that goes with it (at most 63).
fn slope(n: u128, d: u128) -> (u64, u32) {
    let (mut slope, mut rest, mut shift) = (n / d, n % d, 0);
    while slope < 1 << 62 && shift < 63 {
        (slope, rest, shift) = (slope << 1, rest << 1, shift + 1);
        if rest >= d {
            (slope, rest) = (slope | 1, rest - d);
        }
    }
    (slope as u64 + u64::from(rest > 0), shift)
}
