//! A key that is dropped and made anew answers as one that was kept: for every algorithm, along random traces.

use std::time::Duration;

use lazy_limiter::{
    Algorithm, All, Boxed, FixedWindow, KeyedLimiter, Limit, ManualClock, Rate, RateLimiter, SlidingWindow,
    SlidingWindowCounter, Timestamp, TokenBucket, Tokens,
};
use proptest::prelude::*;

const CAPACITY: u64 = 6;
const WINDOW: Duration = Duration::from_millis(60);

fn bucket() -> TokenBucket {
    TokenBucket::new(CAPACITY, Rate::new(CAPACITY, WINDOW))
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Take(u64),
    GiveBack(u64),
    Charge(u64),
}

#[derive(Clone, Copy, Debug)]
struct Turn {
    key: u8,
    act: Act,
    /// How far time moves afterwards, in microseconds, and whether what is idle is dropped then.
    pause: u64,
    reclaim: bool,
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let act = prop_oneof![
        4 => (1..=CAPACITY).prop_map(Act::Take),
        1 => (1..=CAPACITY).prop_map(Act::GiveBack),
        1 => (1..=2 * CAPACITY).prop_map(Act::Charge),
    ];
    let pause = prop_oneof![Just(0), 0_u64..10_000, 0_u64..100_000, Just(60_000), Just(300_000)];
    let turn = (0_u8..3, act, pause, any::<bool>());
    prop::collection::vec(
        turn.prop_map(|(key, act, pause, reclaim)| Turn { key, act, pause, reclaim }),
        1..120,
    )
}

/// Half a token each 10 ms, up to six, in a state that fits no word: an algorithm as a user would write it.
struct Leaky;

#[derive(Clone)]
struct Level {
    halves: [u64; 1],
    since: Timestamp,
}

const STEP: Duration = Duration::from_millis(10);

impl Leaky {
    fn halves(&self, state: &Level, now: Timestamp) -> u64 {
        let steps = now.since(state.since).as_nanos() / STEP.as_nanos();
        (state.halves[0] + steps as u64).min(12)
    }

    fn with(&self, state: &Level, halves: u64, now: Timestamp) -> Level {
        // Steps are counted from the clock's origin, so that a full state is like a new one.
        let into = now.as_nanos() % STEP.as_nanos() as u64;
        Level { halves: [halves], since: Timestamp::from_nanos(now.as_nanos() - into).max(state.since) }
    }
}

impl Algorithm for Leaky {
    type State = Level;
    type Cell = Boxed<Level>;

    fn capacity(&self) -> Tokens {
        CAPACITY.into()
    }

    fn start(&self, now: Timestamp) -> Level {
        self.with(&Level { halves: [12], since: Timestamp::ZERO }, 12, now)
    }

    fn available(&self, state: &Level, now: Timestamp) -> Tokens {
        (self.halves(state, now) as f64 / 2.0).into()
    }

    fn consume(&self, state: &Level, n: Tokens, now: Timestamp) -> Level {
        let taken = (n.as_f64() * 2.0).ceil() as u64;
        self.with(state, self.halves(state, now).saturating_sub(taken), now)
    }

    fn time_to_available(&self, state: &Level, n: Tokens, now: Timestamp) -> Option<Duration> {
        let wanted = (n.as_f64() * 2.0).ceil() as u64;
        let missing = wanted.saturating_sub(self.halves(state, now));
        let due = state.since + STEP * (wanted.saturating_sub(state.halves[0])) as u32;
        Some(if missing == 0 { Duration::ZERO } else { due.since(now) })
    }

    fn give_back(&self, state: &Level, n: Tokens, now: Timestamp) -> Level {
        let given = (n.as_f64() * 2.0).floor() as u64;
        self.with(state, (self.halves(state, now) + given).min(12), now)
    }
}

/// The same trace through a limiter that drops keys as soon as it can, and through one that never does.
fn is_invisible<A: Limit>(policy: fn(&u8) -> A, trace: &[Turn]) -> Result<usize, TestCaseError> {
    let clock = ManualClock::new();
    let keyed = |grace| KeyedLimiter::builder().clock(clock.clone()).grace(grace).build(policy);
    let (hasty, keeping) = (keyed(Duration::ZERO), keyed(Duration::MAX));
    let mut dropped = 0;
    for Turn { key, act, pause, reclaim } in trace.iter().copied() {
        match act {
            Act::Take(n) => prop_assert_eq!(hasty.try_acquire(&key, n), keeping.try_acquire(&key, n)),
            Act::GiveBack(n) => prop_assert_eq!(hasty.give_back(&key, n), keeping.give_back(&key, n)),
            Act::Charge(n) => prop_assert_eq!(hasty.charge(&key, n), keeping.charge(&key, n)),
        }
        clock.advance(Duration::from_micros(pause));
        if reclaim {
            dropped += hasty.reclaim();
            prop_assert_eq!(keeping.reclaim(), 0);
        }
        for key in 0..3 {
            let of = |keyed: &KeyedLimiter<u8, A, _, _>| {
                let (full, one) = (keyed.is_idle(&key), keyed.time_to_available(&key, 1));
                (full, one, keyed.time_to_available(&key, CAPACITY), keyed.time_to_idle(&key))
            };
            prop_assert_eq!(of(&hasty), of(&keeping));
        }
    }
    Ok(dropped)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 200 }))]

    #[test]
    fn of_every_algorithm(trace in turns()) {
        is_invisible(|_| bucket(), &trace)?;
        is_invisible(|_| FixedWindow::new(CAPACITY, WINDOW), &trace)?;
        is_invisible(|_| SlidingWindow::new(CAPACITY, WINDOW), &trace)?;
        is_invisible(|_| SlidingWindowCounter::new(CAPACITY, WINDOW), &trace)?;
        is_invisible(|_| All((bucket(), SlidingWindow::new(CAPACITY, WINDOW))), &trace)?;
        is_invisible(|_| Leaky, &trace)?;
        let kinds = |key: &u8| -> Box<dyn RateLimiter> {
            match key {
                0 => Leaky.boxed(),
                1 => FixedWindow::new(CAPACITY, WINDOW).boxed(),
                _ => bucket().boxed(),
            }
        };
        is_invisible(kinds, &trace)?;
    }
}

#[test]
fn and_keys_are_dropped_on_the_way() {
    let turn = Turn { key: 0, act: Act::Take(1), pause: 300_000, reclaim: true };
    assert_eq!(is_invisible(|_| bucket(), &[turn; 10]).unwrap(), 10);
}
