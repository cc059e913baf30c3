//! [`SlidingWindowCounter`]: two counters that stand for a sliding window.
//!
//! # The word
//!
//! ```text
//! word = (number × base + previous) × base + current       base = capacity + 1
//! ```
//!
//! `number` is that of the window in which something was taken last, `current` what was taken in it, and
//! `previous` what was taken in the one before. Read in a later window, `current` becomes `previous`, and what is
//! two windows old is forgotten; so there is nothing to write while nothing is taken.
//!
//! # What counts
//!
//! ```text
//! counted(now) = current + ceil(previous × what is left of now's window / window)
//! take n       : current' = current + n                    if counted(now) + n is at most the capacity
//! ```
//!
//! `counted` never rises as time passes: within a window the weight of `previous` shrinks to nothing, and at the
//! boundary `current` takes its place at full weight. Each wait is therefore found by one division.
//!
//! No counter exceeds the capacity: a charge beyond that goes on in the next window, and the word's `number` is
//! then that of a window yet to come. To a `now` that is behind (threads race across a boundary) the state looks
//! the same. Nothing is granted before that window begins.
//!
//! # Units
//!
//! The word has 62 bits for two counters and for the numbers of all windows until the clock is thirteen and a
//! half years old: see [`Units`]. Whole tokens are always exact.

use core::time::Duration;

use super::Algorithm;
use super::quota::{Quota, Units, Windows};
use super::shared::Shared;
use super::word::{FULL_WORD, HORIZON};
use crate::kernel::{Pack, Packed};
use crate::{InvalidPolicy, Timestamp, Tokens};

/// A sliding window, estimated from two counters: what was granted in this window, and what was granted in the
/// window before, weighted by how much of that still lies within the last `window` of time.
///
/// It is as if the grants of the window before had been spread evenly over it. Windows are counted from the
/// clock's origin. The method is that of Cloudflare's rate limiting (J. Desgats, 2017, "How we built rate
/// limiting capable of scaling to millions of domains").
///
/// **Envelope.** At most `capacity` tokens in each counted window. Over a span as long as a window that begins at a
/// fraction `f` of a counted one, at most `capacity × (1 + f)`, so less than `2 × capacity`: the estimate misses
/// at most `f` of what the window before granted, if all of that came late in it, and counts at most `1 − f` of it
/// too much, if all came early. It errs by nothing where grants are evenly spread. To be held exactly to any
/// window, use [`SlidingWindow`](crate::SlidingWindow).
///
/// **Debt.** What is charged beyond a window's capacity is used up in the windows that follow. Giving back such a
/// charge after it has reached a later window may leave the window before this one counted as full.
///
/// **Cost.** One word; a grant is a few divisions and one compare-exchange. An instance is eight bytes, and
/// instances made alike by one thread share their constants.
///
/// **Range.** Windows up to a hundred years, and thirteen years of clock (after which the last window does not end).
/// Two counters share the word with the window's number, so the capacity is bounded:
///
/// | window | largest capacity |
/// |---|---|
/// | 1 ms | 3,289 |
/// | 1 s | 104,050 |
/// | 1 min | 805,980 |
/// | 1 h | 6,243,053 |
/// | 1 day | 30,578,650 |
///
/// Amounts are exact to the finest of 1, ½, ¼, … 2⁻²⁰ tokens in which the capacity stays below that bound, rounded up
/// when taken and down when given back: 2⁻¹⁰ for a hundred a second.
///
/// ```
/// use std::time::Duration;
/// use lazy_limiter::{Limiter, ManualClock, SlidingWindowCounter};
///
/// let clock = ManualClock::new();
/// let limiter = Limiter::with_clock(SlidingWindowCounter::new(4, Duration::from_secs(1)), clock.clone());
/// assert!(limiter.try_acquire(4).is_ok());
/// // A quarter into the next window, three quarters of those four still count.
/// clock.advance(Duration::from_millis(1250));
/// assert!(limiter.try_acquire(1).is_ok());
/// assert_eq!(limiter.try_acquire(1).unwrap_err().retry_after(), Some(Duration::from_millis(250)));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SlidingWindowCounter(Shared<Quota, Counter>);

/// The state of a [`SlidingWindowCounter`], in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted(u64);

impl Pack for Counted {
    const BITS: u32 = 62;

    #[inline]
    fn pack(&self) -> u64 {
        self.0
    }

    #[inline]
    fn unpack(bits: u64) -> Self {
        Counted(bits)
    }
}

/// What follows from a quota.
struct Counter {
    windows: Windows,
    units: Units,
}

/// What a word says, in units.
#[derive(Clone, Copy)]
struct Counts {
    number: u64,
    previous: u64,
    current: u64,
}

impl SlidingWindowCounter {
    /// About `capacity` tokens in any span of a `window`.
    ///
    /// # Panics
    ///
    /// When [`try_new`](Self::try_new) would return an error.
    #[track_caller]
    pub fn new(capacity: impl Into<Tokens>, window: Duration) -> SlidingWindowCounter {
        match Self::try_new(capacity, window) {
            Ok(sliding) => sliding,
            Err(fault) => panic!("{fault}"),
        }
    }

    /// About `capacity` tokens in any span of a `window`.
    ///
    /// # Errors
    ///
    /// The reason why there can be no such limit: a capacity that is not above zero, or is above what the word can
    /// count in windows so short (the error says how much that is), or a window of zero or above a hundred years.
    pub fn try_new(
        capacity: impl Into<Tokens>,
        window: Duration,
    ) -> Result<SlidingWindowCounter, InvalidPolicy> {
        Shared::make(Quota::try_new(capacity, window)?, Counter::of).map(SlidingWindowCounter)
    }

    /// The length of a window.
    pub fn window(&self) -> Duration {
        self.0.policy().window
    }
}

impl Counter {
    fn of(quota: &Quota) -> Result<Counter, InvalidPolicy> {
        let nanos = quota.nanos();
        // Those that end within the horizon, the one that does not, and one of debt.
        let windows = HORIZON as u64 / nanos + 2;
        let units = Units::finest(quota.capacity, (FULL_WORD / windows).isqrt() - 1)?;
        let last = FULL_WORD / (units.full + 1).pow(2) - 1;
        Ok(Counter { windows: Windows { nanos, last }, units })
    }

    /// The counts at `now`: those of its window, or of a later one.
    #[inline]
    fn counts(&self, word: Counted, now: Timestamp) -> Counts {
        let base = self.units.full + 1;
        let (rest, current) = (word.0 / base, word.0 % base);
        let (number, previous) = (rest / base, rest % base);
        let present = self.windows.number(now);
        match present.saturating_sub(number) {
            0 => Counts { number, previous, current },
            1 => Counts { number: present, previous: current, current: 0 },
            _ => Counts { number: present, previous: 0, current: 0 },
        }
    }

    #[inline]
    fn word(&self, counts: Counts) -> Counted {
        let base = self.units.full + 1;
        Counted((counts.number * base + counts.previous) * base + counts.current)
    }

    /// `total` counted in and after window `number`, of which each takes as much as it can.
    fn spread(&self, number: u64, previous: u64, total: u64) -> Counted {
        let full = self.units.full;
        let ahead = total.saturating_sub(1) / full;
        self.word(match number + ahead {
            _ if ahead == 0 => Counts { number, previous, current: total },
            number if number > self.windows.last => {
                Counts { number: self.windows.last, previous: full, current: full }
            }
            number => Counts { number, previous: full, current: total - ahead * full },
        })
    }

    /// Units that could be taken.
    #[inline]
    fn left(&self, counts: &Counts, now: Timestamp) -> u64 {
        if counts.number > self.windows.number(now) {
            return 0;
        }
        let nanos = u128::from(self.windows.nanos);
        let end = u128::from(counts.number + 1) * nanos;
        let weighted = u128::from(counts.previous) * end.saturating_sub(now.as_nanos().into());
        let counted = counts.current + weighted.div_ceil(nanos) as u64;
        self.units.full.saturating_sub(counted)
    }

    /// How long until `units` can be taken.
    fn wait(&self, counts: &Counts, units: u64, now: Timestamp) -> Option<Duration> {
        // Either the weight of the window before shrinks enough within this one, or all that was taken in this
        // one becomes such a weight, and shrinks in the next.
        let free = self.units.full.checked_sub(units)?;
        let (number, weight, room) = match free.checked_sub(counts.current) {
            Some(room) => (counts.number, counts.previous, room),
            None => (counts.number + 1, counts.current, free),
        };
        let start = self.windows.start(number)?;
        // The weight is at most `room` when at most `room / weight` of the window is left.
        let nanos = u128::from(self.windows.nanos);
        let left =
            (nanos * u128::from(room)).checked_div(weight.into()).map_or(nanos, |left| left.min(nanos));
        let instant = start.as_nanos().checked_add((nanos - left) as u64)?;
        Some(Timestamp::from_nanos(instant).since(now))
    }
}

impl Algorithm for SlidingWindowCounter {
    type State = Counted;
    type Cell = Packed<Counted>;

    #[inline]
    fn capacity(&self) -> Tokens {
        self.0.policy().capacity
    }

    fn start(&self, now: Timestamp) -> Counted {
        self.0.spread(self.0.windows.number(now), 0, 0)
    }

    fn available(&self, state: &Counted, now: Timestamp) -> Tokens {
        self.0.units.tokens(self.0.left(&self.0.counts(*state, now), now))
    }

    fn consume(&self, state: &Counted, n: Tokens, now: Timestamp) -> Counted {
        let Counts { number, previous, current } = self.0.counts(*state, now);
        self.0.spread(number, previous, current + self.0.units.up(n))
    }

    fn time_to_available(&self, state: &Counted, n: Tokens, now: Timestamp) -> Option<Duration> {
        self.0.wait(&self.0.counts(*state, now), self.0.units.up(n), now)
    }

    fn give_back(&self, state: &Counted, n: Tokens, now: Timestamp) -> Counted {
        let Counts { number, previous, current } = self.0.counts(*state, now);
        let (present, full) = (self.0.windows.number(now), self.0.units.full);
        let units = self.0.units.down(n);
        let rest = units.saturating_sub(current);
        if rest == 0 || number == present {
            let previous = previous.saturating_sub(rest);
            return self.0.word(Counts { number, previous, current: current.saturating_sub(units) });
        }
        // Back out of the later windows: those between are full, and of the one before the present, if there was
        // one, nothing is known any more.
        let before = if present > 0 { full } else { 0 };
        let between = (number - present - 1) * full + previous;
        match between.checked_sub(rest) {
            Some(total) => self.0.spread(present, before, total),
            None => self.0.spread(present, before.saturating_sub(rest - between), 0),
        }
    }

    /// What was charged beyond the window of `now`.
    fn debt(&self, state: &Counted, now: Timestamp) -> Tokens {
        let Counts { number, current, .. } = self.0.counts(*state, now);
        let full = self.0.units.full;
        let charged = (number - self.0.windows.number(now)) * full + current;
        self.0.units.owed(charged.saturating_sub(full))
    }

    #[inline]
    fn try_take(&self, state: &Counted, n: Tokens, now: Timestamp) -> Result<Counted, Option<Duration>> {
        let counts = self.0.counts(*state, now);
        let units = self.0.units.up(n);
        match units <= self.0.left(&counts, now) {
            true => Ok(self.0.word(Counts { current: counts.current + units, ..counts })),
            false => Err(self.0.wait(&counts, units, now)),
        }
    }
}

impl core::fmt::Debug for SlidingWindowCounter {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.policy().show("SlidingWindowCounter", f)
    }
}
