//! [`FixedWindow`]: a counter that is zero again at each boundary.
//!
//! # One number is the whole state
//!
//! The pair "`used` in window `k`" lies on a staircase: each window brings a full capacity, and takes away what
//! the one before has left. That is the [`TokenBucket`](super::TokenBucket)'s line with steps for a slope, and
//! the same one number fixes it:
//!
//! ```text
//! opened(now)  = number of now's window × capacity     what earlier windows brought, used or not
//! base(now)    = max(drawn, opened(now))               a window that was left is used up
//! level(now)   = opened(now) + capacity − base(now)    below zero: debt
//! take n       : drawn' = base(now) + n                if that is at most opened(now) + capacity
//! ```
//!
//! So `drawn` divided by the capacity is the window, and the remainder what was used in it. A charge beyond the
//! window's end lands in the windows that follow, without a case of its own. To a `now` that is behind (threads
//! race across a boundary) the state looks like debt: it can only refuse.
//!
//! # Units
//!
//! The word has 62 bits for all windows until the clock is thirteen and a half years old, and one more capacity
//! of debt. Where they suffice, books are kept in 2⁻²⁰ths of a token and every amount is exact; else in the
//! finest 2⁻ˢ that they suffice for. Whole tokens are always exact.

use core::time::Duration;

use super::Algorithm;
use super::quota::{Quota, Units, Windows};
use super::shared::Shared;
use super::word::{Drawn, FULL_WORD, HORIZON};
use crate::kernel::Packed;
use crate::{InvalidPolicy, Timestamp, Tokens};

/// A fixed window: `capacity` tokens in each window, all there again at its beginning.
///
/// Windows are counted from the clock's origin, not from first use: window `k` covers
/// `[k × window, (k + 1) × window)`. Limiters on one clock all start afresh at the same instants.
///
/// **Envelope.** At most `capacity` tokens in each window. Over a span as long as a window, wherever it begins, at
/// most `2 × capacity`: all of one just before a boundary, all of the next just after it. Where that is too
/// much, see [`SlidingWindow`](crate::SlidingWindow) and [`SlidingWindowCounter`](crate::SlidingWindowCounter).
///
/// **Debt.** What is charged beyond a window's capacity is used up in the windows that follow.
///
/// **Cost.** One word; a grant is one division and one compare-exchange. An instance is eight bytes, and
/// instances made alike by one thread share their constants.
///
/// **Range.** Windows up to a hundred years, capacities up to 10¹² tokens and 10¹⁰ a second, and thirteen years of
/// clock (after which the last window does not end). Amounts are exact to 2⁻²⁰ of a token up to about 10,000
/// tokens a second; above that, to a half, a quarter and so on for each factor of two that is left up to 10¹⁰,
/// rounded up when taken and down when given back. Debt saturates with the word: after one window at least, and
/// for most policies after thousands of years of windows.
///
/// ```
/// use std::time::Duration;
/// use lazy_limiter::{FixedWindow, Limiter, ManualClock};
///
/// let clock = ManualClock::new();
/// let limiter = Limiter::with_clock(FixedWindow::new(5, Duration::from_secs(1)), clock.clone());
/// assert!(limiter.try_acquire(5).is_ok());
/// clock.advance(Duration::from_millis(400));
/// assert_eq!(limiter.try_acquire(1).unwrap_err().retry_after(), Some(Duration::from_millis(600)));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct FixedWindow(Shared<Quota, Staircase>);

/// What follows from a quota.
struct Staircase {
    windows: Windows,
    units: Units,
}

impl FixedWindow {
    /// `capacity` tokens each `window`.
    ///
    /// # Panics
    ///
    /// When [`try_new`](Self::try_new) would return an error.
    #[track_caller]
    pub fn new(capacity: impl Into<Tokens>, window: Duration) -> FixedWindow {
        match Self::try_new(capacity, window) {
            Ok(fixed) => fixed,
            Err(fault) => panic!("{fault}"),
        }
    }

    /// `capacity` tokens each `window`.
    ///
    /// # Errors
    ///
    /// The reason why there can be no such limit: a capacity that is not above zero, or is above 10¹² tokens or
    /// what the word can count in windows so short (never less than 10¹⁰ a second, or 10), or a window of zero or
    /// above a hundred years.
    pub fn try_new(capacity: impl Into<Tokens>, window: Duration) -> Result<FixedWindow, InvalidPolicy> {
        Shared::make(Quota::try_new(capacity, window)?, Staircase::of).map(FixedWindow)
    }

    /// The length of a window.
    pub fn window(&self) -> Duration {
        self.0.policy().window
    }
}

impl Staircase {
    fn of(quota: &Quota) -> Result<Staircase, InvalidPolicy> {
        let nanos = quota.nanos();
        // Those that end within the horizon, the one that does not, and one of debt.
        let windows = HORIZON as u64 / nanos + 2;
        let units = Units::finest(quota.capacity, FULL_WORD / windows)?;
        // The top of the last step is still within the word.
        let last = FULL_WORD / units.full - 1;
        Ok(Staircase { windows: Windows { nanos, last }, units })
    }

    /// What the windows before that of `now` have brought.
    #[inline]
    fn opened(&self, now: Timestamp) -> u64 {
        self.windows.number(now) * self.units.full
    }

    /// How long until `units` can be drawn above `base`: until the first window that reaches so far.
    fn wait(&self, base: u64, units: u64, now: Timestamp) -> Option<Duration> {
        if units > self.units.full {
            return None;
        }
        let number = (base + units).div_ceil(self.units.full).saturating_sub(1);
        Some(self.windows.start(number)?.since(now))
    }
}

impl Algorithm for FixedWindow {
    type State = Drawn;
    type Cell = Packed<Drawn>;

    #[inline]
    fn capacity(&self) -> Tokens {
        self.0.policy().capacity
    }

    fn start(&self, now: Timestamp) -> Drawn {
        Drawn(self.0.opened(now))
    }

    fn available(&self, state: &Drawn, now: Timestamp) -> Tokens {
        let opened = self.0.opened(now);
        self.0.units.tokens((opened + self.0.units.full).saturating_sub(state.0.max(opened)))
    }

    fn consume(&self, state: &Drawn, n: Tokens, now: Timestamp) -> Drawn {
        let base = state.0.max(self.0.opened(now));
        Drawn((base + self.0.units.up(n)).min(FULL_WORD))
    }

    fn time_to_available(&self, state: &Drawn, n: Tokens, now: Timestamp) -> Option<Duration> {
        self.0.wait(state.0.max(self.0.opened(now)), self.0.units.up(n), now)
    }

    fn give_back(&self, state: &Drawn, n: Tokens, now: Timestamp) -> Drawn {
        Drawn(state.0.saturating_sub(self.0.units.down(n)).max(self.0.opened(now)))
    }

    #[inline]
    fn try_take(&self, state: &Drawn, n: Tokens, now: Timestamp) -> Result<Drawn, Option<Duration>> {
        let opened = self.0.opened(now);
        let base = state.0.max(opened);
        let units = self.0.units.up(n);
        // No overflow: each of the four is at most 62 bits.
        match base + units <= opened + self.0.units.full {
            true => Ok(Drawn(base + units)),
            false => Err(self.0.wait(base, units, now)),
        }
    }

    fn debt(&self, state: &Drawn, now: Timestamp) -> Tokens {
        self.0.units.owed(state.0.saturating_sub(self.0.opened(now) + self.0.units.full))
    }

    fn is_idle(&self, state: &Drawn, now: Timestamp) -> bool {
        state.0 <= self.0.opened(now)
    }
}

impl core::fmt::Debug for FixedWindow {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.policy().show("FixedWindow", f)
    }
}
