//! [`Unlimited`]: no limit at all.

use core::time::Duration;

use super::Algorithm;
use crate::kernel::{Pack, Packed};
use crate::{Timestamp, Tokens};

/// Always grants, up to [`Tokens::MAX`] at once: for the keys that have no limit.
///
/// **Envelope.** None. **Cost.** One compare-exchange that changes nothing; the instance takes no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unlimited;

/// The state of what remembers nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nothing;

impl Pack for Nothing {
    const BITS: u32 = 0;

    fn pack(&self) -> u64 {
        0
    }

    fn unpack(_: u64) -> Self {
        Nothing
    }
}

impl Algorithm for Unlimited {
    type State = Nothing;
    type Cell = Packed<Nothing>;

    fn capacity(&self) -> Tokens {
        Tokens::MAX
    }

    fn start(&self, _now: Timestamp) -> Nothing {
        Nothing
    }

    fn available(&self, _: &Nothing, _now: Timestamp) -> Tokens {
        Tokens::MAX
    }

    fn consume(&self, _: &Nothing, _n: Tokens, _now: Timestamp) -> Nothing {
        Nothing
    }

    fn time_to_available(&self, _: &Nothing, _n: Tokens, _now: Timestamp) -> Option<Duration> {
        Some(Duration::ZERO)
    }

    fn give_back(&self, _: &Nothing, _n: Tokens, _now: Timestamp) -> Nothing {
        Nothing
    }
}
