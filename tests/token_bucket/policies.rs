//! Policies and traces to try.

use core::time::Duration;

use lazy_limiter::{Rate, TokenBucket, Tokens};
use proptest::prelude::*;

use super::units::{ONE, YEAR};

const HUNDRED_YEARS: u128 = 36_525 * 86_400 * 1_000_000_000;
const MOST: u64 = 1_000_000_000_000 * ONE;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) capacity: Tokens,
    pub(crate) rate: Rate,
    pub(crate) starting: Tokens,
}

impl Policy {
    /// It lies within the documented range, so this succeeds.
    pub(crate) fn bucket(&self) -> TokenBucket {
        let bucket = TokenBucket::try_new(self.capacity, self.rate);
        bucket
            .and_then(|bucket| bucket.try_starting_tokens(self.starting))
            .expect("a policy within the range")
    }
}

/// A number from `low` to `high`, each order of magnitude as likely as the others.
pub(crate) fn spread(low: u64, high: u64) -> impl Strategy<Value = u64> + Clone {
    (low.max(1).ilog2()..=high.ilog2(), 0.0..1.0)
        .prop_map(move |(bits, more)| ((1_u64 << bits) as f64 * (1.0 + more)) as u64)
        .prop_map(move |n| n.clamp(low, high))
}

/// From one token a year to 10¹⁰ a second: as people write them, as awkward fractions, slow and fast.
fn rates() -> impl Strategy<Value = Rate> {
    let second = 1_000_000_000;
    let periods = [1_000_000, second, 60 * second, 3600 * second, 86_400 * second, YEAR];
    let written = (spread(1, 1_000_000_000), prop::sample::select(periods.to_vec()))
        .prop_map(|(n, per)| Rate::new(n, Duration::from_nanos(per)));
    let decimal = (1_u32..1_000_000, 0_i32..6, prop::sample::select(periods.to_vec()))
        .prop_map(|(n, point, per)| Rate::new(f64::from(n) / 10_f64.powi(point), Duration::from_nanos(per)));
    let few = (1_u64..=10, spread(1, YEAR)).prop_map(|(n, per)| Rate::new(n, Duration::from_nanos(per)));
    let odd = (spread(1, MOST * 8), spread(1, 1 << 57))
        .prop_map(|(parts, per)| Rate::new(Tokens::from_parts(parts | 1), Duration::from_nanos(per | 1)));
    prop_oneof![3 => written, 2 => decimal, 3 => few, 3 => odd, 1 => Just(Rate::ZERO)].prop_filter(
        "out of range",
        |rate| {
            let (parts, nanos) = (u128::from(rate.tokens().parts()), rate.period().as_nanos());
            let one = u128::from(ONE);
            parts == 0 && *rate == Rate::ZERO
                || parts > 0 && parts <= 10 * one * nanos && one * nanos / parts <= YEAR.into()
        },
    )
}

/// The largest capacity that fills up in time, in parts.
fn most(rate: Rate) -> u64 {
    match (u128::from(rate.tokens().parts()), rate.period().as_nanos()) {
        (0, _) => MOST,
        // Without the remainder a little less than allowed.
        (parts, nanos) => ((HUNDRED_YEARS / nanos).max(1) * parts + HUNDRED_YEARS % nanos * parts / nanos)
            .min(HUNDRED_YEARS * parts / nanos)
            .min(MOST.into()) as u64,
    }
}

/// The whole documented range.
pub(crate) fn policies() -> impl Strategy<Value = Policy> {
    rates().prop_flat_map(|rate| {
        let whole = spread(1, (most(rate) / ONE).max(1)).prop_map(Tokens::from);
        let parts = spread(1, most(rate)).prop_map(Tokens::from_parts);
        (Just(rate), prop_oneof![2 => whole, 1 => parts], prop_oneof![2 => Just(1.0), 1 => 0.0..1.0])
            .prop_map(|(rate, capacity, share)| {
                let capacity = capacity.min(Tokens::from_parts(most(rate)));
                let starting = Tokens::from_parts((capacity.parts() as f64 * share) as u64).min(capacity);
                Policy { capacity, rate, starting }
            })
    })
}

/// A step of a trace, before it is known what it is taken on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Wait(u64),
    /// Until so much is there, and so many nanoseconds more or less.
    WaitFor(Share, i64),
    Take(Share),
    Charge(Share),
    GiveBack(Share),
}

/// An amount in relation to a capacity.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Share {
    Of(f64),
    All,
    Tokens(u64),
    Parts(u64),
}

impl Share {
    /// At most `capacity`, and a multiple of `grain` parts.
    pub(crate) fn within(self, capacity: Tokens, grain: u64) -> Tokens {
        let parts = match self {
            Share::Of(share) => (capacity.parts() as f64 * share) as u64,
            Share::All => capacity.parts(),
            Share::Tokens(n) => n * ONE,
            Share::Parts(n) => n,
        };
        let parts = parts.min(capacity.parts());
        Tokens::from_parts(parts - parts % grain)
    }
}

fn shares() -> impl Strategy<Value = Share> {
    prop_oneof![
        3 => (0.0..1.0).prop_map(Share::Of),
        2 => Just(Share::All),
        3 => spread(1, 1000).prop_map(Share::Tokens),
        1 => spread(1, ONE).prop_map(Share::Parts),
    ]
}

/// Up to twelve years of use.
pub(crate) fn traces() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => spread(0, 10 * YEAR).prop_map(Step::Wait),
        4 => (shares(), -2_i64..=2).prop_map(|(n, more)| Step::WaitFor(n, more)),
        8 => shares().prop_map(Step::Take),
        1 => shares().prop_map(Step::Charge),
        1 => shares().prop_map(Step::GiveBack),
    ];
    prop::collection::vec(step, 1..60)
}
