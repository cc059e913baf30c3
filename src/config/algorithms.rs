//! Single kinds: a [`Policy`] as one of them, and each read by itself.

use core::fmt;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use super::Policy;
use crate::algorithm::{FixedWindow, SlidingWindow, SlidingWindowCounter, TokenBucket, Unlimited};

/// A [`Policy`] is of another kind than was wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongKind {
    wanted: &'static str,
    found: &'static str,
}

impl fmt::Display for WrongKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, found {}", self.wanted, self.found)
    }
}

impl core::error::Error for WrongKind {}

impl Policy {
    fn kind(&self) -> &'static str {
        match self {
            Policy::TokenBucket(_) => TOKEN_BUCKET,
            Policy::FixedWindow(_) => FIXED_WINDOW,
            Policy::SlidingWindow(_) => SLIDING_WINDOW,
            Policy::SlidingWindowCounter(_) => SLIDING_WINDOW_COUNTER,
            Policy::Unlimited(_) => UNLIMITED,
            Policy::All(_) => "a list of limits",
        }
    }
}

const TOKEN_BUCKET: &str = "a token bucket (`capacity` and `rate`)";
const FIXED_WINDOW: &str = "a fixed window (`capacity` and `fixed_window`)";
const SLIDING_WINDOW: &str = "a sliding window (`capacity` and `sliding_window`)";
const SLIDING_WINDOW_COUNTER: &str = "a sliding window's counter (`capacity` and `sliding_window_counter`)";
const UNLIMITED: &str = "\"unlimited\"";

macro_rules! kind {
    ($kind:ident, $name:expr) => {
        impl TryFrom<Policy> for $kind {
            type Error = WrongKind;

            fn try_from(policy: Policy) -> Result<$kind, WrongKind> {
                match policy {
                    Policy::$kind(it) => Ok(it),
                    other => Err(WrongKind { wanted: $name, found: other.kind() }),
                }
            }
        }

        impl From<$kind> for Policy {
            fn from(it: $kind) -> Policy {
                Policy::$kind(it)
            }
        }

        /// As a [`Policy`](crate::config::Policy) of this kind is written.
        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$kind, D::Error> {
                Policy::deserialize(deserializer)?.try_into().map_err(D::Error::custom)
            }
        }

        /// As a [`Policy`](crate::config::Policy) of this kind is written.
        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Policy::from(self.clone()).serialize(serializer)
            }
        }
    };
}

kind!(TokenBucket, TOKEN_BUCKET);
kind!(FixedWindow, FIXED_WINDOW);
kind!(SlidingWindow, SLIDING_WINDOW);
kind!(SlidingWindowCounter, SLIDING_WINDOW_COUNTER);
kind!(Unlimited, UNLIMITED);
