//! [`Ticks`]: a bucket on coarse ticks, so small that its state leaves room in a word for a number.

use std::time::Duration;

use lazy_limiter::{Algorithm, Pack, Packed, Timestamp, Tokens};

/// Refills at a token each `each` ticks of a microsecond.
#[derive(Clone, Debug)]
pub(crate) struct Ticks {
    pub(crate) capacity: u64,
    pub(crate) each: u64,
}

/// The tick at which it is full.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FullAt(u32);

impl Pack for FullAt {
    const BITS: u32 = 32;

    fn pack(&self) -> u64 {
        self.0.into()
    }
    fn unpack(bits: u64) -> FullAt {
        FullAt(bits as u32)
    }
}

pub(crate) const TICK: u64 = 1000;
/// Parts of a token.
const ONE: u64 = 1 << 20;

fn tick(now: Timestamp) -> u64 {
    now.as_nanos() / TICK
}

impl Ticks {
    fn ticks(&self, n: Tokens, up: bool) -> u64 {
        let ticks = n.parts() * self.each;
        if up { ticks.div_ceil(ONE) } else { ticks / ONE }
    }

    fn at(&self, tick: u64) -> FullAt {
        FullAt(u32::try_from(tick).expect("an hour of ticks"))
    }
}

impl Algorithm for Ticks {
    type State = FullAt;
    type Cell = Packed<FullAt>;

    fn capacity(&self) -> Tokens {
        Tokens::from(self.capacity)
    }
    fn start(&self, now: Timestamp) -> FullAt {
        self.at(tick(now))
    }
    fn available(&self, state: &FullAt, now: Timestamp) -> Tokens {
        let missing = u64::from(state.0).saturating_sub(tick(now));
        let level = (self.capacity * self.each).saturating_sub(missing);
        Tokens::from_parts(level * ONE / self.each)
    }
    fn consume(&self, state: &FullAt, n: Tokens, now: Timestamp) -> FullAt {
        self.at(u64::from(state.0).max(tick(now)) + self.ticks(n, true))
    }
    fn time_to_available(&self, state: &FullAt, n: Tokens, now: Timestamp) -> Option<Duration> {
        let due = (u64::from(state.0).max(tick(now)) + self.ticks(n, true))
            .saturating_sub(self.capacity * self.each);
        (n <= self.capacity()).then(|| Timestamp::from_nanos(due * TICK).since(now))
    }
    fn give_back(&self, state: &FullAt, n: Tokens, now: Timestamp) -> FullAt {
        self.at(u64::from(state.0).saturating_sub(self.ticks(n, false)).max(tick(now)))
    }
}
