//! What is written reads back as the same.

use std::time::Duration;

use lazy_limiter::config::{Plans, Policy};
use lazy_limiter::{
    All, FixedWindow, Rate, SlidingWindow, SlidingWindowCounter, TokenBucket, Tokens, Unlimited,
};
use proptest::prelude::*;

/// Capacities, whole and not.
fn amount() -> impl Strategy<Value = Tokens> {
    prop_oneof![(1..1_000_000_u64).prop_map(Tokens::from), (1..1_u64 << 40).prop_map(Tokens::from_parts)]
}

fn period() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (1..1_000_u64).prop_map(Duration::from_secs),
        (1..1_000_u64).prop_map(|days| Duration::from_secs(days * 86_400)),
        (1_000_000..u64::MAX / 1_000).prop_map(Duration::from_nanos),
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    let bucket = (amount(), 1..1_000_u64, period(), 0..=4_u64).prop_filter_map(
        "a bucket",
        |(capacity, n, per, quarters)| {
            let bucket = TokenBucket::try_new(capacity, Rate::new(n, per)).ok()?;
            let starting = Tokens::from_parts(capacity.parts() / 4 * quarters);
            Some(bucket.try_starting_tokens(starting).ok()?.into())
        },
    );
    let window = (0..3, amount(), period()).prop_filter_map("a window", |(kind, capacity, window)| {
        Some(match kind {
            0 => FixedWindow::try_new(capacity, window).ok()?.into(),
            1 => SlidingWindow::try_new(capacity, window).ok()?.into(),
            _ => SlidingWindowCounter::try_new(capacity, window).ok()?.into(),
        })
    });
    let leaf = prop_oneof![4 => bucket, 3 => window, 1 => Just(Policy::from(Unlimited))];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop::collection::vec(inner, 1..4).prop_map(|parts| Policy::All(All(parts)))
    })
}

proptest! {
    #[test]
    fn plans(plans in prop::collection::btree_map("[a-z]{0,4}-?", policy(), 0..5)) {
        let mut table = Plans::new();
        for (at, (name, plan)) in plans.into_iter().enumerate() {
            table.insert(&format!("{name}{}", if at % 2 == 0 { "*" } else { "" }), plan).unwrap();
        }
        let json = serde_json::to_string(&table).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Plans>(&json).unwrap(), &table, "{}", json);
        let toml = toml::to_string(&table).unwrap();
        prop_assert_eq!(&toml::from_str::<Plans>(&toml).unwrap(), &table, "{}", toml);
    }
}

#[test]
fn as_one_would_write_it() {
    let plan = TokenBucket::new(10, Rate::per_minute(300));
    assert_eq!(serde_json::to_string(&plan).unwrap(), r#"{"capacity":10,"rate":"300/min"}"#);
    let plan = plan.starting_tokens(0.5);
    assert_eq!(
        serde_json::to_string(&plan).unwrap(),
        r#"{"capacity":10,"rate":"300/min","starting_tokens":0.5}"#
    );
    let window = FixedWindow::new(1.5, Duration::from_secs(86_400));
    assert_eq!(serde_json::to_string(&window).unwrap(), r#"{"capacity":1.5,"fixed_window":"1d"}"#);
    assert_eq!(serde_json::to_string(&Unlimited).unwrap(), r#""unlimited""#);
}

#[test]
fn what_would_not_read_back_is_an_error() {
    assert!(serde_json::to_string(&Rate::per_second(-1.0)).is_err());
    assert!(serde_json::to_string(&Tokens::from(-1.0)).is_err());
    assert!(serde_json::to_string(&Tokens::from_parts((1 << 60) + 1)).is_err());
    assert_eq!(serde_json::to_string(&Tokens::from_parts(1 << 60)).unwrap(), (1_u64 << 40).to_string());
}
