//! Random traces, and how an algorithm is held against an oracle along one.
//!
//! Times are nanoseconds and amounts 2⁻²⁰ths of a token, as plain integers: oracles know nothing of the crate.

use std::time::Duration;

use lazy_limiter::{Algorithm, Timestamp, Tokens};
use proptest::prelude::*;
use proptest::sample::select;

pub(crate) const TOKEN: u64 = 1 << 20;
pub(crate) const SECOND: u64 = 1_000_000_000;
pub(crate) const DAY: u64 = 86_400 * SECOND;
pub(crate) const YEAR: u64 = 365 * DAY;

/// Policies to try: the capacity, the window, and the unit in which amounts are to be counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) capacity: u64,
    pub(crate) window: u64,
    pub(crate) unit: u64,
}

impl Policy {
    pub(crate) fn units_up(&self, n: u64) -> u64 {
        let units = n.div_ceil(self.unit);
        if n <= self.capacity { units.min(self.full()) } else { units }
    }

    pub(crate) fn full(&self) -> u64 {
        self.capacity / self.unit
    }

    /// What a level of `units` is shown as.
    pub(crate) fn shown(&self, units: u64) -> u64 {
        if units == self.full() { self.capacity } else { units * self.unit }
    }

    pub(crate) fn tokens(&self) -> Tokens {
        Tokens::from_parts(self.capacity)
    }

    pub(crate) fn duration(&self) -> Duration {
        Duration::from_nanos(self.window)
    }
}

/// The same questions, answered naively.
pub(crate) trait Oracle {
    fn available(&self, now: u64) -> u64;
    fn debt(&self, now: u64) -> u64;
    fn consume(&mut self, n: u64, now: u64);
    fn give_back(&mut self, n: u64, now: u64);
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Move {
    Stay,
    /// By so many 1000ths of a window.
    Forward(u64),
    /// To the next boundary, or a nanosecond to this side or that.
    Boundary(i64),
    Idle(u64),
    Back(u64),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Amount {
    Part,
    Token,
    /// So many 1000ths of the capacity.
    Share(u64),
    /// All that is there.
    Left,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    Take,
    /// So many times the amount.
    Charge(u64),
    GiveBack(u64),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) go: Move,
    pub(crate) amount: Amount,
    pub(crate) act: Act,
}

fn forward() -> impl Strategy<Value = Move> {
    prop_oneof![
        3 => Just(Move::Stay),
        4 => (1_u64..2500).prop_map(Move::Forward),
        3 => (-1_i64..=1).prop_map(Move::Boundary),
        1 => (1..10 * YEAR).prop_map(Move::Idle),
    ]
}

fn amount() -> impl Strategy<Value = Amount> {
    prop_oneof![
        1 => Just(Amount::Part),
        2 => Just(Amount::Token),
        4 => (0_u64..=1000).prop_map(Amount::Share),
        2 => Just(Amount::Left),
    ]
}

/// Takes only, time never going backwards: what an envelope is measured on.
pub(crate) fn takes() -> impl Strategy<Value = Vec<Step>> {
    let step = (forward(), amount()).prop_map(|(go, amount)| Step { go, amount, act: Act::Take });
    prop::collection::vec(step, 1..200)
}

/// Takes, charges and refunds, time sometimes going backwards.
pub(crate) fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let go = prop_oneof![8 => forward(), 1 => (1_u64..1500).prop_map(Move::Back)];
    let act = prop_oneof![
        8 => Just(Act::Take),
        1 => (1_u64..6).prop_map(Act::Charge),
        2 => (1_u64..3).prop_map(Act::GiveBack),
    ];
    let step = (go, amount(), act).prop_map(|(go, amount, act)| Step { go, amount, act });
    prop::collection::vec(step, 1..60)
}

pub(crate) fn one_of(policies: &'static [Policy]) -> impl Strategy<Value = Policy> {
    select(policies)
}

/// Twelve years: for so long every clock must do.
const CLOCK: u64 = 12 * YEAR;

pub(crate) fn go(step: Move, now: u64, window: u64) -> u64 {
    let share = |share: u64| (u128::from(window) * u128::from(share) / 1000) as u64;
    let at = match step {
        Move::Stay => now,
        Move::Forward(by) => now + share(by),
        Move::Boundary(by) => ((now / window + 1) * window).saturating_add_signed(by).max(now),
        Move::Idle(by) => now + by,
        Move::Back(by) => now.saturating_sub(share(by)),
    };
    // A window that is longer than the clock lasts has to be left alone.
    if at > CLOCK.max(now) { now } else { at }
}

pub(crate) fn parts(amount: Amount, capacity: u64, left: u64) -> u64 {
    match amount {
        Amount::Part => 1,
        Amount::Token => TOKEN,
        Amount::Share(share) => (u128::from(capacity) * u128::from(share) / 1000) as u64,
        Amount::Left => left,
    }
    .clamp(1, capacity)
}

pub(crate) fn at(nanos: u64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

/// Walks `algorithm` and `oracle` along `steps`: every decision, level and hint must be the oracle's.
pub(crate) fn agree<A: Algorithm>(
    algorithm: &A,
    oracle: &mut impl Oracle,
    window: u64,
    steps: &[Step],
) -> Result<(), TestCaseError> {
    let capacity = algorithm.capacity().parts();
    let mut now = 0;
    let mut state = algorithm.start(at(now));
    for step in steps {
        now = go(step.go, now, window);
        let left = oracle.available(now);
        prop_assert_eq!(algorithm.available(&state, at(now)).parts(), left, "level at {}", now);
        prop_assert_eq!(algorithm.debt(&state, at(now)).parts(), oracle.debt(now), "debt at {}", now);
        let n = parts(step.amount, capacity, left);
        check_hint(algorithm, &state, oracle, n, now)?;
        match step.act {
            Act::Take => match algorithm.try_take(&state, Tokens::from_parts(n), at(now)) {
                Ok(next) => {
                    prop_assert!(n <= left, "{} were taken of {} at {}", n, left, now);
                    oracle.consume(n, now);
                    state = next;
                }
                Err(hint) => {
                    prop_assert!(n > left, "{} were refused of {} at {}", n, left, now);
                    let alone = algorithm.time_to_available(&state, Tokens::from_parts(n), at(now));
                    prop_assert_eq!(hint, alone);
                }
            },
            // Debt over such windows outlives the clock.
            Act::Charge(_) if window > 30 * DAY => {}
            Act::Charge(times) => {
                oracle.consume(n * times, now);
                state = algorithm.consume(&state, Tokens::from_parts(n * times), at(now));
            }
            Act::GiveBack(times) => {
                oracle.give_back(n * times, now);
                state = algorithm.give_back(&state, Tokens::from_parts(n * times), at(now));
            }
        }
        check_laws(algorithm, &state, window, now)?;
    }
    Ok(())
}

/// By the oracle, `n` are there after the hint, and are not one nanosecond earlier.
fn check_hint<A: Algorithm>(
    algorithm: &A,
    state: &A::State,
    oracle: &impl Oracle,
    n: u64,
    now: u64,
) -> Result<(), TestCaseError> {
    let hint = algorithm.time_to_available(state, Tokens::from_parts(n), at(now));
    prop_assert!(hint.is_some(), "{} never come", n);
    let hint = hint.map_or(0, |hint| hint.as_nanos() as u64);
    let then = oracle.available(now + hint);
    prop_assert!(then >= n, "{} of {} after {} ns from {}", then, n, hint, now);
    if hint > 0 {
        let then = oracle.available(now + hint - 1);
        prop_assert!(then < n, "{} of {} already 1 ns before {} ns from {}", then, n, hint, now);
    }
    Ok(())
}

/// What the trait's contract says of any algorithm.
pub(crate) fn check_laws<A: Algorithm>(
    algorithm: &A,
    state: &A::State,
    window: u64,
    now: u64,
) -> Result<(), TestCaseError> {
    let level = |now: u64| algorithm.available(state, at(now));
    let capacity = algorithm.capacity();
    for by in [1, window / 3, window] {
        prop_assert!(level(now + by) >= level(now), "falls within {} ns from {}", by, now);
        prop_assert!(level(now.saturating_sub(by)) <= level(now), "more {} ns before {}", by, now);
    }
    prop_assert!(level(now) <= capacity);
    prop_assert!(algorithm.time_to_available(state, capacity + Tokens::from_parts(1), at(now)).is_none());

    let idle = algorithm.time_to_idle(state, at(now)).map_or(0, |wait| wait.as_nanos() as u64);
    prop_assert!(algorithm.is_idle(state, at(now + idle)), "not idle {} ns after {}", idle, now);
    prop_assert!(idle == 0 || !algorithm.is_idle(state, at(now + idle - 1)));
    let full = now + idle;
    prop_assert_eq!(level(full), capacity);
    same_future(algorithm, state.clone(), algorithm.start(at(full)), window, full)
}

/// A full state behaves like a new one.
fn same_future<A: Algorithm>(
    algorithm: &A,
    mut one: A::State,
    mut other: A::State,
    window: u64,
    now: u64,
) -> Result<(), TestCaseError> {
    let capacity = algorithm.capacity().parts();
    let takes = [(0, capacity / 2), (0, capacity), (window / 3, capacity / 3), (window / 2, capacity)];
    let mut now = now;
    for (by, n) in takes {
        now += by;
        let n = Tokens::from_parts(n.max(1));
        prop_assert_eq!(algorithm.available(&one, at(now)), algorithm.available(&other, at(now)));
        match (algorithm.try_take(&one, n, at(now)), algorithm.try_take(&other, n, at(now))) {
            (Ok(next), Ok(same)) => (one, other) = (next, same),
            (Err(hint), Err(same)) => prop_assert_eq!(hint, same),
            _ => prop_assert!(false, "one was granted {:?}, the other not", n),
        }
    }
    Ok(())
}

/// The grants of a trace, each with its instant.
pub(crate) fn grants<A: Algorithm>(algorithm: &A, window: u64, steps: &[Step]) -> Vec<(u64, u64)> {
    let mut granted = Vec::new();
    let mut now = 0;
    let mut state = algorithm.start(at(now));
    for step in steps {
        now = go(step.go, now, window);
        let left = algorithm.available(&state, at(now)).parts();
        let n = parts(step.amount, algorithm.capacity().parts(), left);
        if let Ok(next) = algorithm.try_take(&state, Tokens::from_parts(n), at(now)) {
            granted.push((now, n));
            state = next;
        }
    }
    granted
}

/// The most that `grants` has in any span of `length` that begins with one of them; where it begins, too.
pub(crate) fn spans(grants: &[(u64, u64)], length: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
    grants.iter().map(move |&(from, _)| {
        let within = |&&(at, _): &&(u64, u64)| at >= from && at - from < length;
        (from, grants.iter().filter(within).map(|&(_, n)| n).sum())
    })
}
