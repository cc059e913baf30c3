//! The harness for algorithms of one's own: what conforms passes, and what does not is caught by the right rule.

use std::time::Duration;

use lazy_limiter::testing::{self, Harness, Rule};
use lazy_limiter::{
    Algorithm, All, Boxed, FixedWindow, Rate, SlidingWindow, SlidingWindowCounter, Timestamp, TokenBucket,
    Tokens, Unlimited,
};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

fn passes<A: Algorithm>(harness: impl Fn() -> Harness<A>) {
    for seed in 0..4 {
        harness().seed(seed).assert_conforms();
    }
}

#[test]
fn token_buckets_conform() {
    passes(|| Harness::new(TokenBucket::new(10, Rate::per_second(3))));
    passes(|| Harness::new(TokenBucket::new(2.5, Rate::per_second(1000))));
    passes(|| Harness::new(TokenBucket::new(5, Rate::new(1, DAY))));
    passes(|| Harness::new(TokenBucket::new(5, Rate::ZERO)));
}

#[test]
fn windows_conform() {
    passes(|| Harness::new(FixedWindow::new(10, SECOND)));
    passes(|| Harness::new(FixedWindow::new(0.75, 3 * DAY)));
    passes(|| Harness::new(SlidingWindow::new(10, SECOND)));
    passes(|| Harness::new(SlidingWindow::new(2.5, DAY)));
}

/// It counts in 2⁻¹⁴ of a token here, and of a debt it remembers the amount, not what came before.
#[test]
fn a_window_counter_conforms_but_for_debt_that_is_given_back() {
    let counter = || Harness::new(SlidingWindowCounter::new(4, SECOND)).unit(Tokens::from_parts(1 << 6));
    passes(|| counter().rough_debt());
    assert_eq!(counter().check().unwrap_err().rule(), Rule::Loses);
}

#[test]
fn what_is_made_of_others_or_of_nothing_conforms() {
    passes(|| Harness::new(Unlimited));
    passes(|| {
        Harness::new(All((TokenBucket::new(10, Rate::per_second(3)), FixedWindow::new(20, 5 * SECOND))))
    });
    passes(|| Harness::new(All((SlidingWindow::new(7, SECOND), Unlimited))));
}

/// That of the README.
struct Window {
    capacity: Tokens,
    nanos: u64,
}

#[derive(Clone)]
struct Used {
    window: u64,
    used: Tokens,
}

impl Algorithm for Window {
    type State = Used;
    type Cell = Boxed<Used>;

    fn capacity(&self) -> Tokens {
        self.capacity
    }

    fn start(&self, now: Timestamp) -> Used {
        Used { window: now.as_nanos() / self.nanos, used: Tokens::ZERO }
    }

    fn available(&self, state: &Used, now: Timestamp) -> Tokens {
        match now.as_nanos() / self.nanos > state.window {
            true => self.capacity,
            false => self.capacity - state.used,
        }
    }

    fn consume(&self, state: &Used, n: Tokens, now: Timestamp) -> Used {
        let new = self.start(now);
        let state = if new.window > state.window { &new } else { state };
        Used { window: state.window, used: state.used + n }
    }

    fn time_to_available(&self, state: &Used, n: Tokens, now: Timestamp) -> Option<Duration> {
        if n <= self.available(state, now) {
            return Some(Duration::ZERO);
        }
        Some(Timestamp::from_nanos((state.window + 1) * self.nanos).since(now))
    }

    fn give_back(&self, state: &Used, n: Tokens, now: Timestamp) -> Used {
        if now.as_nanos() / self.nanos > state.window {
            return self.start(now);
        }
        Used { window: state.window, used: state.used - n }
    }
}

#[test]
fn the_readmes_window_conforms() {
    passes(|| Harness::new(Window { capacity: 5.into(), nanos: 1_000_000_000 }));
}

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    GrantsOneMore,
    HintsANanosecondShort,
    StartsWithHalf,
    GivesNothingBack,
}

/// A token bucket, but for its fault.
struct Bent(TokenBucket, Fault);

impl Bent {
    fn new(fault: Fault) -> Bent {
        Bent(TokenBucket::new(10, Rate::per_second(3)), fault)
    }
}

impl Algorithm for Bent {
    type State = <TokenBucket as Algorithm>::State;
    type Cell = <TokenBucket as Algorithm>::Cell;

    fn capacity(&self) -> Tokens {
        self.0.capacity()
    }

    fn start(&self, now: Timestamp) -> Self::State {
        match self.1 {
            Fault::StartsWithHalf => self.0.consume(&self.0.start(now), Tokens::from(5), now),
            _ => self.0.start(now),
        }
    }

    fn available(&self, state: &Self::State, now: Timestamp) -> Tokens {
        self.0.available(state, now)
    }

    fn consume(&self, state: &Self::State, n: Tokens, now: Timestamp) -> Self::State {
        self.0.consume(state, n, now)
    }

    fn time_to_available(&self, state: &Self::State, n: Tokens, now: Timestamp) -> Option<Duration> {
        let short = Duration::from_nanos(u64::from(self.1 == Fault::HintsANanosecondShort));
        Some(self.0.time_to_available(state, n, now)?.saturating_sub(short))
    }

    fn give_back(&self, state: &Self::State, n: Tokens, now: Timestamp) -> Self::State {
        if self.1 == Fault::GivesNothingBack { *state } else { self.0.give_back(state, n, now) }
    }

    fn try_take(
        &self,
        state: &Self::State,
        n: Tokens,
        now: Timestamp,
    ) -> Result<Self::State, Option<Duration>> {
        let more = Tokens::from(u64::from(self.1 == Fault::GrantsOneMore));
        match n <= self.available(state, now) + more {
            true => Ok(self.consume(state, n, now)),
            false => Err(self.time_to_available(state, n, now)),
        }
    }
}

#[test]
fn each_fault_is_caught_by_its_rule() {
    let rows = [
        (Fault::GrantsOneMore, Rule::Overgrant),
        (Fault::HintsANanosecondShort, Rule::HintTooShort),
        (Fault::StartsWithHalf, Rule::IdleDiffers),
        (Fault::GivesNothingBack, Rule::Loses),
    ];
    testing::assert_conforms(Bent::new(Fault::None));
    for seed in 0..4 {
        for (fault, rule) in rows {
            let found = Harness::new(Bent::new(fault)).seed(seed).check();
            assert_eq!(found.as_ref().map_err(|found| found.rule()), Err(rule), "{fault:?}: {found:?}");
        }
    }
}

/// Ten in all. What is given back is not held to that; or it is, but all of it goes bad after a second.
struct Purse {
    goes_bad: bool,
}

#[derive(Clone)]
struct Held {
    tokens: Tokens,
    since: Timestamp,
}

impl Algorithm for Purse {
    type State = Held;
    type Cell = Boxed<Held>;

    fn capacity(&self) -> Tokens {
        Tokens::from(10)
    }

    fn start(&self, now: Timestamp) -> Held {
        Held { tokens: self.capacity(), since: now }
    }

    fn available(&self, held: &Held, now: Timestamp) -> Tokens {
        match self.goes_bad && now.since(held.since) >= SECOND {
            true => Tokens::ZERO,
            false => held.tokens,
        }
    }

    fn consume(&self, held: &Held, n: Tokens, _: Timestamp) -> Held {
        Held { tokens: held.tokens - n, ..*held }
    }

    fn time_to_available(&self, held: &Held, n: Tokens, now: Timestamp) -> Option<Duration> {
        (n <= self.available(held, now)).then_some(Duration::ZERO)
    }

    fn give_back(&self, held: &Held, n: Tokens, _: Timestamp) -> Held {
        let most = if self.goes_bad { self.capacity() } else { Tokens::MAX };
        Held { tokens: most.min(held.tokens + n), ..*held }
    }
}

#[test]
fn minting_is_caught() {
    assert_eq!(testing::check(Purse { goes_bad: false }).unwrap_err().rule(), Rule::Mints);
}

#[test]
fn what_falls_with_time_is_caught() {
    assert_eq!(testing::check(Purse { goes_bad: true }).unwrap_err().rule(), Rule::Falls);
}

#[test]
fn a_violation_names_its_seed_and_step_and_is_found_there_again() {
    let harness = || Harness::new(Bent::new(Fault::HintsANanosecondShort)).seed(7);
    let found = harness().check().unwrap_err();
    assert_eq!(found.seed(), 7);
    assert_eq!(harness().check(), Err(found.clone()));
    assert_eq!(harness().steps(found.step()).check(), Ok(()));
    let shown = found.to_string();
    assert!(shown.contains(&format!("(seed 7, step {})", found.step())), "{shown}");
}
