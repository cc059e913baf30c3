//! What is read does what the algorithm of that name does.

use std::time::Duration;

use lazy_limiter::config::Policy;
use lazy_limiter::{
    Algorithm, All, Carry, FixedWindow, Limiter, ManualClock, Rate, RateLimiter, SlidingWindow,
    SlidingWindowCounter, Timestamp, TokenBucket, Tokens, Unlimited,
};
use proptest::prelude::*;

fn toml(limit: &str) -> Policy {
    #[derive(serde::Deserialize)]
    struct Config {
        limit: Policy,
    }
    toml::from_str::<Config>(&format!("limit = {limit}")).unwrap().limit
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn each_kind_in_toml() {
    let bucket = TokenBucket::new(10, Rate::per_second(3));
    assert_eq!(toml(r#"{ capacity = 10, rate = "3/s" }"#), Policy::TokenBucket(bucket.clone()));
    assert_eq!(
        toml(r#"{ capacity = 10.5, rate = "1 per 10 seconds", starting_tokens = 0.5 }"#),
        TokenBucket::new(10.5, Rate::new(1, Duration::from_secs(10))).starting_tokens(0.5).into()
    );
    assert_eq!(toml(r#"{ capacity = 5, fixed_window = "1h" }"#), FixedWindow::new(5, HOUR).into());
    assert_eq!(toml(r#"{ capacity = 5, sliding_window = "60 min" }"#), SlidingWindow::new(5, HOUR).into());
    assert_eq!(
        toml(r#"{ capacity = 5, sliding_window_counter = "3600s" }"#),
        SlidingWindowCounter::new(5, HOUR).into()
    );
    assert_eq!(toml(r#""unlimited""#), Unlimited.into());
    assert_eq!(
        toml(r#"[{ capacity = 10, rate = "3/s" }, "unlimited"]"#),
        Policy::All(All(vec![bucket.into(), Unlimited.into()]))
    );
}

#[test]
fn each_kind_in_json() {
    let read = |text| serde_json::from_str::<Policy>(text).unwrap();
    assert_eq!(
        read(r#"{"rate": "3/s", "capacity": 10.0}"#),
        TokenBucket::new(10, Rate::per_second(3)).into()
    );
    assert_eq!(read(r#"{"capacity": 5, "fixed_window": "1h"}"#), FixedWindow::new(5, HOUR).into());
    assert_eq!(read(r#""unlimited""#), Unlimited.into());
    assert_eq!(read(r#"["unlimited"]"#), Policy::All(All(vec![Unlimited.into()])));
    let bucket: TokenBucket = serde_json::from_str(r#"{"capacity": 1, "rate": "1/d"}"#).unwrap();
    assert_eq!(bucket, TokenBucket::new(1, Rate::new(1, Duration::from_secs(86_400))));
}

#[test]
fn scalars() {
    assert_eq!(serde_json::from_str::<Rate>(r#""300/min""#).unwrap(), Rate::per_second(5));
    assert_eq!(serde_json::from_str::<Tokens>("3").unwrap(), Tokens::from(3));
    assert_eq!(serde_json::from_str::<Tokens>("0.25").unwrap(), Tokens::from(0.25));
    assert!(serde_json::from_str::<Tokens>("-1").is_err());
    assert!(serde_json::from_str::<Rate>("5").is_err());
}

/// The same kind three times: as itself, as a policy, and boxed.
fn subjects(kind: usize) -> (Box<dyn RateLimiter>, Policy) {
    let (bucket, window) = (TokenBucket::new(7, Rate::per_second(2)), Duration::from_millis(700));
    let fixed = FixedWindow::new(9, window);
    match kind {
        0 => (bucket.clone().boxed(), bucket.into()),
        1 => (fixed.clone().boxed(), fixed.into()),
        2 => (SlidingWindow::new(5, window).boxed(), SlidingWindow::new(5, window).into()),
        3 => (SlidingWindowCounter::new(5, window).boxed(), SlidingWindowCounter::new(5, window).into()),
        4 => (Unlimited.boxed(), Unlimited.into()),
        _ => (
            All((bucket.clone(), fixed.clone())).boxed(),
            Policy::All(All(vec![bucket.into(), fixed.into()])),
        ),
    }
}

proptest! {
    /// A policy answers like the algorithm that it stands for, in either cell; a list like the tuple.
    #[test]
    fn a_policy_is_what_it_stands_for(
        kind in 0..6_usize,
        calls in prop::collection::vec((0..4_u8, 0..6_u64, 0..900_u64), 1..60),
    ) {
        let (itself, policy) = subjects(kind);
        let limiters = [itself, policy.clone().boxed()];
        let clock = ManualClock::new();
        let direct = Limiter::with_clock(policy.clone(), clock.clone());
        limiters.iter().for_each(|limiter| limiter.start(Timestamp::ZERO));
        let mut now = Timestamp::ZERO;
        for (verb, n, pause) in calls {
            clock.advance(Duration::from_millis(pause));
            now = now + Duration::from_millis(pause);
            let amount = Tokens::from(n);
            let mut answers = limiters.iter().map(|limiter| {
                let taken = match verb {
                    0 => { limiter.give_back(amount, now); None }
                    1 => { limiter.charge(amount, now); None }
                    _ => (n > 0 && amount <= limiter.capacity()).then(|| limiter.try_acquire(amount, now)),
                };
                (taken, limiter.available(now), limiter.debt(now), limiter.is_idle(now), limiter.time_to_idle(now))
            });
            let (first, second) = (answers.next().unwrap(), answers.next().unwrap());
            let taken = match verb {
                0 => { direct.give_back(n).unwrap(); None }
                1 => { direct.charge(n).unwrap(); None }
                _ => (n > 0 && amount <= direct.capacity()).then(|| direct.try_acquire(n)),
            };
            let taken = taken.map(|taken| taken.map_err(|refused| refused.retry_after()));
            prop_assert_eq!(taken, first.0);
            prop_assert_eq!(direct.available(), first.1);
            prop_assert_eq!(direct.time_to_idle(), first.4);
            prop_assert_eq!(first, second);
        }
    }
}

#[test]
fn a_limit_changes_its_kind_in_use() {
    let clock = ManualClock::new();
    let limiter = Limiter::with_clock(Policy::from(TokenBucket::new(10, Rate::ZERO)), clock.clone());
    limiter.try_acquire(4).unwrap();
    limiter.reconfigure(FixedWindow::new(8, HOUR).into());
    assert_eq!(limiter.available(), Tokens::from(6));
    limiter.reconfigure(Policy::All(All(vec![
        TokenBucket::new(5, Rate::ZERO).into(),
        TokenBucket::new(100, Rate::ZERO).into(),
    ])));
    assert_eq!(limiter.available(), Tokens::from(5));
    limiter.try_acquire(1).unwrap();
    // One more part: all have what they had together.
    let parts = (0..3).map(|_| TokenBucket::new(8, Rate::ZERO).into());
    limiter.reconfigure_with(Policy::All(All(parts.collect())), Carry::Proportional);
    // Four of five, of eight.
    assert_eq!(limiter.available(), Tokens::from_parts((8 << 20) * 4 / 5));
    limiter.reconfigure_with(TokenBucket::new(3, Rate::ZERO).into(), Carry::Reset);
    assert_eq!(limiter.available(), Tokens::from(3));
}

#[test]
fn each_part_of_a_list_keeps_its_own_while_there_are_as_many() {
    let buckets = |capacities: &[u64]| {
        All(capacities.iter().map(|&capacity| TokenBucket::new(capacity, Rate::ZERO)).collect::<Vec<_>>())
    };
    let limiter = Limiter::with_clock(buckets(&[5, 9]), ManualClock::new());
    let held = || {
        limiter.inspect(|all, states, now| {
            let parts = all.0.iter().zip(states);
            parts.map(|(part, state)| part.available(state, now).as_f64()).collect::<Vec<_>>()
        })
    };
    limiter.try_acquire(1).unwrap();
    limiter.reconfigure(buckets(&[100, 100]));
    assert_eq!(held(), [4.0, 8.0]);
    limiter.reconfigure(buckets(&[100, 100, 100]));
    assert_eq!(held(), [4.0, 4.0, 4.0]);
    limiter.charge(10).unwrap();
    limiter.reconfigure(buckets(&[3, 3]));
    limiter.give_back(7).unwrap();
    assert_eq!(held(), [1.0, 1.0]);
}

#[test]
fn a_list_of_one_kind_needs_no_configuration() {
    let limiter = Limiter::with_clock(
        All(vec![TokenBucket::new(3, Rate::per_second(1)), TokenBucket::new(5, Rate::per_hour(1))]),
        ManualClock::new(),
    );
    assert_eq!(limiter.capacity(), Tokens::from(3));
    limiter.try_acquire(3).unwrap();
    assert_eq!(limiter.inspect(|all, state, now| all.limiting(state, Tokens::from(3), now)), Some(1));
    assert_eq!(limiter.try_acquire(3).unwrap_err().retry_after(), Some(HOUR));
    let nothing = Limiter::with_clock(All(Vec::<TokenBucket>::new()), ManualClock::new());
    assert!(nothing.try_acquire(1_000_000).is_ok() && nothing.is_idle());
}
