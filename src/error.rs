//! What a call or a constructor can refuse, and what to do about it.

use core::convert::Infallible;
use core::fmt;
use core::time::Duration;

use crate::{InvalidRate, Tokens};

/// Why tokens were not granted. Nothing was taken, and no trace of the call is left.
///
/// `P` is the error of a policy that can refuse a key
/// ([`KeyedLimiter::try_new`](crate::KeyedLimiter::try_new)); everywhere else it is [`Infallible`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AcquireError<P = Infallible> {
    /// Not now.
    Denied {
        /// How long until the same call would succeed if nobody else came; everyone already waiting is
        /// counted. `None`: never, unless tokens are given back.
        retry_after: Option<Duration>,
    },
    /// The tokens would come after the deadline (known at once, without waiting), or the deadline has
    /// passed.
    TimedOut {
        /// How long until the same call without a deadline would be served; `None`: never, unless tokens
        /// are given back.
        retry_after: Option<Duration>,
    },
    /// More than the limiter ever holds: no waiting helps.
    ExceedsCapacity {
        /// What was asked for.
        requested: Tokens,
        /// What the limiter holds when full.
        capacity: Tokens,
    },
    /// The amount was made from a negative, NaN or infinite number.
    InvalidAmount,
    /// The limiter was closed.
    Closed,
    /// As many are waiting as `max_waiters` allows.
    QueueFull,
    /// As many keys are held as `max_keys` allows, none of them is idle, and there is no overflow bucket.
    TooManyKeys,
    /// The policy refused the key.
    Policy(P),
}

impl<P> AcquireError<P> {
    /// Whether this is [`Denied`](Self::Denied): the call was in order, and may succeed later.
    pub fn is_denied(&self) -> bool {
        matches!(self, AcquireError::Denied { .. })
    }

    /// After how long the same call would succeed if nobody else came, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            AcquireError::Denied { retry_after } | AcquireError::TimedOut { retry_after } => *retry_after,
            _ => None,
        }
    }
}

impl AcquireError {
    /// The same, where a policy could have refused as well.
    pub(crate) fn widen<P>(self) -> AcquireError<P> {
        match self {
            AcquireError::Denied { retry_after } => AcquireError::Denied { retry_after },
            AcquireError::TimedOut { retry_after } => AcquireError::TimedOut { retry_after },
            AcquireError::ExceedsCapacity { requested, capacity } => {
                AcquireError::ExceedsCapacity { requested, capacity }
            }
            AcquireError::InvalidAmount => AcquireError::InvalidAmount,
            AcquireError::Closed => AcquireError::Closed,
            AcquireError::QueueFull => AcquireError::QueueFull,
            AcquireError::TooManyKeys => AcquireError::TooManyKeys,
            AcquireError::Policy(never) => match never {},
        }
    }
}

impl<P: fmt::Display> fmt::Display for AcquireError<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hint = |f: &mut fmt::Formatter<'_>, what: &str, retry_after: &Option<Duration>| match retry_after
        {
            Some(wait) => write!(f, "{what}; retry after {wait:?}"),
            None => write!(f, "{what}; no tokens come unless some are given back"),
        };
        match self {
            AcquireError::Denied { retry_after } => hint(f, "rate limit reached", retry_after),
            AcquireError::TimedOut { retry_after } => hint(f, "not within the timeout", retry_after),
            AcquireError::ExceedsCapacity { requested, capacity } => {
                write!(f, "{requested} tokens requested, but the capacity is {capacity}")
            }
            AcquireError::InvalidAmount => f.write_str("the amount is negative, NaN or infinite"),
            AcquireError::Closed => f.write_str("the limiter is closed"),
            AcquireError::QueueFull => f.write_str("too many callers are waiting"),
            AcquireError::TooManyKeys => f.write_str("too many keys are in use"),
            AcquireError::Policy(error) => write!(f, "the policy refused the key: {error}"),
        }
    }
}

impl<P: core::error::Error + 'static> core::error::Error for AcquireError<P> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            AcquireError::Policy(error) => Some(error),
            _ => None,
        }
    }
}

/// Why an algorithm could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidPolicy {
    /// The capacity is zero, negative, NaN or infinite.
    Capacity,
    /// The capacity is above what the algorithm can hold exactly.
    CapacityTooLarge {
        /// The largest it can hold.
        largest: Tokens,
    },
    /// The starting level is invalid or above the capacity.
    StartingTokens,
    /// The rate is no rate.
    Rate(InvalidRate),
    /// The rate is above 10¹⁰ tokens a second.
    RateTooFast,
    /// A token takes more than a hundred years.
    RateTooSlow,
    /// From empty to full takes more than a hundred years.
    FillTooLong,
    /// The window is zero, or longer than the algorithm can count.
    Window,
}

impl fmt::Display for InvalidPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidPolicy::Capacity => f.write_str("invalid capacity: it must be a number above zero"),
            InvalidPolicy::CapacityTooLarge { largest } => {
                write!(f, "invalid capacity: it must be at most {largest}")
            }
            InvalidPolicy::StartingTokens => {
                f.write_str("invalid starting tokens: they must be a number from zero to the capacity")
            }
            InvalidPolicy::Rate(fault) => write!(f, "invalid rate: {fault}"),
            InvalidPolicy::RateTooFast => {
                f.write_str("invalid rate: it must be at most 10^10 tokens a second")
            }
            InvalidPolicy::RateTooSlow => {
                f.write_str("invalid rate: it must be at least one token in a hundred years")
            }
            InvalidPolicy::FillTooLong => {
                f.write_str("invalid capacity for this rate: filling up would take more than a hundred years")
            }
            InvalidPolicy::Window => {
                f.write_str("invalid window: it must be above zero and at most a hundred years")
            }
        }
    }
}

impl core::error::Error for InvalidPolicy {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            InvalidPolicy::Rate(fault) => Some(fault),
            _ => None,
        }
    }
}

impl From<InvalidRate> for InvalidPolicy {
    fn from(fault: InvalidRate) -> InvalidPolicy {
        InvalidPolicy::Rate(fault)
    }
}
