//! [`Timestamp`]: an instant, as nanoseconds since the clock's origin.

use core::ops::{Add, Sub};
use core::time::Duration;

/// An instant: whole nanoseconds since the origin of the limiter's [`Clock`](crate::Clock).
///
/// It reaches 584 years; sums saturate there. Only instants of one clock can be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The clock's origin.
    pub const ZERO: Timestamp = Timestamp(0);

    /// The last instant that can be named.
    pub const MAX: Timestamp = Timestamp(u64::MAX);

    /// The instant `nanos` nanoseconds after the clock's origin.
    #[inline]
    pub const fn from_nanos(nanos: u64) -> Timestamp {
        Timestamp(nanos)
    }

    /// Nanoseconds since the clock's origin.
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not after.
    #[inline]
    pub const fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Saturates at [`Timestamp::MAX`].
impl Add<Duration> for Timestamp {
    type Output = Timestamp;

    #[inline]
    fn add(self, later: Duration) -> Timestamp {
        Timestamp(u64::try_from(later.as_nanos()).map_or(u64::MAX, |nanos| self.0.saturating_add(nanos)))
    }
}

/// Saturates at the origin.
impl Sub<Duration> for Timestamp {
    type Output = Timestamp;

    #[inline]
    fn sub(self, earlier: Duration) -> Timestamp {
        Timestamp(u64::try_from(earlier.as_nanos()).map_or(0, |nanos| self.0.saturating_sub(nanos)))
    }
}
