//! [`SlidingWindow`]: a log of what was granted within the last window.

use core::iter::once;
use core::mem::replace;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use super::quota::Quota;
use super::shared::Shared;
use super::{Ahead, Algorithm};
use crate::kernel::Boxed;
use crate::{InvalidPolicy, Timestamp, Tokens};

/// An exact sliding window: what is granted at `t` counts until `t + window`, and no longer at that instant.
///
/// **Envelope.** Over any span as long as a window, wherever it begins, at most `capacity` tokens.
///
/// **Debt.** A charge counts like a grant, in full and for one window; nothing of it is left after that. What is
/// charged within one window saturates at 1.7 × 10¹³ tokens.
///
/// **Cost.** The state is the log: sixteen bytes for each instant within the last window at which something was
/// granted (so at most `capacity` entries where whole tokens are taken). A grant copies it once; a refusal, a
/// hint or a look is a binary search and copies nothing. What has expired is dropped at the next grant. For
/// thousands of grants a window prefer [`SlidingWindowCounter`](crate::SlidingWindowCounter), which is one word.
/// An instance is eight bytes, and instances made alike by one thread share them.
///
/// **Range.** Capacities up to 10¹² tokens, windows up to a hundred years; amounts are exact.
///
/// **Giving back** takes from the newest grants first, so that what remains counted expires no later than it
/// would have.
///
/// ```
/// use std::time::Duration;
/// use lazy_limiter::{Limiter, ManualClock, SlidingWindow};
///
/// let clock = ManualClock::new();
/// let logins = Limiter::with_clock(SlidingWindow::new(3, Duration::from_secs(60)), clock.clone());
/// assert!(logins.try_acquire(1).is_ok());
/// clock.advance(Duration::from_secs(20));
/// assert!(logins.try_acquire(2).is_ok());
/// assert_eq!(logins.try_acquire(1).unwrap_err().retry_after(), Some(Duration::from_secs(40)));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SlidingWindow(Shared<Quota, ()>);

/// Grants within a window, oldest first, at rising instants.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<[Grant]>);

#[derive(Clone, Copy, Debug)]
struct Grant {
    at: Timestamp,
    /// The sum of this grant and all before it in the log, in 2⁻²⁰ths of a token: what lies between any two is
    /// one subtraction.
    total: u64,
}

impl SlidingWindow {
    /// `capacity` tokens in any span of a `window`.
    ///
    /// # Panics
    ///
    /// When [`try_new`](Self::try_new) would return an error.
    #[track_caller]
    pub fn new(capacity: impl Into<Tokens>, window: Duration) -> SlidingWindow {
        match Self::try_new(capacity, window) {
            Ok(sliding) => sliding,
            Err(fault) => panic!("{fault}"),
        }
    }

    /// `capacity` tokens in any span of a `window`.
    ///
    /// # Errors
    ///
    /// The reason why there can be no such limit: a capacity that is not above zero or above 10¹² tokens, or a
    /// window of zero or above a hundred years.
    pub fn try_new(capacity: impl Into<Tokens>, window: Duration) -> Result<SlidingWindow, InvalidPolicy> {
        Shared::make(Quota::try_new(capacity, window)?, |_| Ok(())).map(SlidingWindow)
    }

    /// The length of the window.
    pub fn window(&self) -> Duration {
        self.0.policy().window
    }

    /// The grants that count at `now`.
    fn live<'a>(&self, log: &'a Log, now: Timestamp) -> Live<'a> {
        let window = self.0.policy().nanos();
        let age = |grant: &Grant| now.as_nanos().saturating_sub(grant.at.as_nanos());
        let expired = log.0.partition_point(|grant| age(grant) >= window);
        let (before, grants) = log.0.split_at(expired);
        Live { grants, before: before.last().map_or(0, |grant| grant.total) }
    }

    /// How much may be in use beside `n`; `None` if `n` is above the capacity.
    fn room(&self, n: Tokens) -> Option<u64> {
        self.capacity().parts().checked_sub(n.parts())
    }

    /// When a grant at `at` counts no longer; `None` if that never comes.
    fn expiry(&self, at: Timestamp) -> Option<Timestamp> {
        at.as_nanos().checked_add(self.0.policy().nanos()).map(Timestamp::from_nanos)
    }
}

/// The end of a log.
struct Live<'a> {
    grants: &'a [Grant],
    /// The total of what has expired.
    before: u64,
}

impl Live<'_> {
    fn used(&self) -> u64 {
        self.grants.last().map_or(0, |grant| grant.total - self.before)
    }

    /// How many of the grants, oldest first, come to less than `total`.
    fn below(&self, total: u64) -> usize {
        self.grants.partition_point(|grant| grant.total - self.before < total)
    }

    /// The grants, with totals that begin here.
    fn rebased(&self) -> impl Iterator<Item = Grant> {
        self.grants.iter().map(|grant| Grant { total: grant.total - self.before, ..*grant })
    }

    /// The grants, each with its own amount.
    fn amounts(&self) -> impl Iterator<Item = (Timestamp, u64)> {
        let mut sum = self.before;
        self.grants.iter().map(move |grant| (grant.at, grant.total - replace(&mut sum, grant.total)))
    }
}

impl Algorithm for SlidingWindow {
    type State = Log;
    type Cell = Boxed<Log>;

    fn capacity(&self) -> Tokens {
        self.0.policy().capacity
    }

    fn start(&self, _now: Timestamp) -> Log {
        Log::default()
    }

    fn available(&self, log: &Log, now: Timestamp) -> Tokens {
        self.capacity() - Tokens::from_parts(self.live(log, now).used())
    }

    fn consume(&self, log: &Log, n: Tokens, now: Timestamp) -> Log {
        let live = self.live(log, now);
        // A `now` behind the last grant's is taken for that instant: what is granted counts longer, not shorter.
        let at = live.grants.last().map_or(now, |last| last.at.max(now));
        let earlier = live.grants.partition_point(|grant| grant.at < at);
        let grant = Grant { at, total: live.used().saturating_add(n.parts()) };
        Log(live.rebased().take(earlier).chain(once(grant)).collect())
    }

    fn time_to_available(&self, log: &Log, n: Tokens, now: Timestamp) -> Option<Duration> {
        let live = self.live(log, now);
        let room = self.room(n)?;
        match live.used().saturating_sub(room) {
            0 => Some(Duration::ZERO),
            excess => Some(self.expiry(live.grants.get(live.below(excess))?.at)?.since(now)),
        }
    }

    fn give_back(&self, log: &Log, n: Tokens, now: Timestamp) -> Log {
        let live = self.live(log, now);
        match live.used().saturating_sub(n.parts()) {
            0 => Log::default(),
            left => {
                let cut = |grant: Grant| Grant { total: grant.total.min(left), ..grant };
                Log(live.rebased().take(live.below(left) + 1).map(cut).collect())
            }
        }
    }

    fn debt(&self, log: &Log, now: Timestamp) -> Tokens {
        Tokens::from_parts(self.live(log, now).used()) - self.capacity()
    }

    /// The line is replayed without a copy of the log: as many grants expire as the next in line needs.
    fn time_to_serve(&self, log: &Log, ahead: Ahead<'_>, n: Tokens, now: Timestamp) -> Option<Duration> {
        let live = self.live(log, now);
        let mut counted = live.amounts();
        let mut served = VecDeque::new();
        let (mut used, mut at) = (live.used(), now);
        for n in ahead.chain(once(n)) {
            let room = self.room(n)?;
            while used > room {
                let (granted, parts) = counted.next().or_else(|| served.pop_front())?;
                used -= parts;
                // Behind the log's last grant, those who are served count from that on.
                at = at.max(self.expiry(granted)?);
            }
            used += n.parts();
            served.push_back((at, n.parts()));
        }
        Some(at.since(now))
    }
}

impl core::fmt::Debug for SlidingWindow {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.policy().show("SlidingWindow", f)
    }
}
