//! Which plan is for which key.

use std::collections::BTreeMap;

use lazy_limiter::config::{NoPlan, Plans, Policy};
use lazy_limiter::{AcquireError, Carry, KeyedLimiter, ManualClock, Rate, TokenBucket, Tokens};
use proptest::prelude::*;

const PLANS: &str = r#"
    "*" = { capacity = 1, rate = "1/s" }
    "pro-*" = { capacity = 2, rate = "1/s" }
    "pro-eu-*" = { capacity = 3, rate = "1/s" }
    "pro-eu-acme" = { capacity = 4, rate = "1/s" }
    "pro-" = { capacity = 5, rate = "1/s" }
"#;

#[test]
fn the_most_specific_wins() {
    let plans: Plans<TokenBucket> = toml::from_str(PLANS).unwrap();
    let users = KeyedLimiter::try_new(plans.policy::<String>());
    for (key, capacity) in [
        ("anybody", 1),
        ("", 1),
        ("pro", 1),
        ("pro-7", 2),
        ("pro-eu", 2),
        ("pro-eu-7", 3),
        ("pro-eu-acme", 4),
        ("pro-eu-acme2", 3),
        ("pro-", 5),
        ("pro-é", 2),
    ] {
        users.try_acquire(key, 1).unwrap();
        assert_eq!(users.capacity(key), Some(Tokens::from(capacity)), "{key}");
    }
}

#[test]
fn without_a_plan_a_key_is_refused_and_not_held() {
    let plans: Plans = serde_json::from_str(r#"{"a*": "unlimited"}"#).unwrap();
    let users = KeyedLimiter::try_new(plans.boxed::<String>());
    users.try_acquire("abc", 1_000).unwrap();
    let refused = users.try_acquire("b", 1).unwrap_err();
    let AcquireError::Policy(no_plan) = &refused else { panic!("{refused:?}") };
    assert_eq!(no_plan.key(), "b");
    assert_eq!(refused.to_string(), r#"the policy refused the key: no plan for "b""#);
    assert_eq!(users.len(), 1);
    assert!(Plans::<Policy>::default().get("").is_none());
}

#[test]
fn a_changed_file_is_loaded_in_use() {
    let read = |text| toml::from_str::<Plans<TokenBucket>>(text).unwrap();
    let old = read(r#"a = { capacity = 10, rate = "0/s" }"#);
    let users: KeyedLimiter<String, TokenBucket, NoPlan, _> =
        KeyedLimiter::builder().clock(ManualClock::new()).try_build(old.policy());
    users.try_acquire("a", 4).unwrap();
    let new = read(r#""*" = { capacity = 100, rate = "0/s" }"#);
    users.try_reconfigure_all(new.policy(), Carry::AsIs);
    assert_eq!(users.available("a"), Some(Tokens::from(6)));
    assert!(users.try_acquire("b", 100).is_ok());
}

#[test]
fn patterns_that_are_none() {
    let read = |text: &str| serde_json::from_str::<Plans>(text).unwrap_err().to_string();
    for pattern in ["a*b", "*a", "**", "a**"] {
        let message = read(&format!(r#"{{"{pattern}": "unlimited"}}"#));
        let expected = format!("`{pattern}`: `*` stands only at the end of a pattern");
        assert!(message.starts_with(&expected), "{message}");
    }
    assert!(read(r#"{"a": "unlimited", "a": "unlimited"}"#).starts_with("`a`: given twice"));
    assert!(read(r#"{"a*": "unlimited", "a*": "unlimited"}"#).starts_with("`a*`: given twice"));
    assert!(read("[]").contains("a table from patterns"));
    let mut plans = Plans::new();
    plans.insert("a*", 1).unwrap();
    plans.insert("a", 2).unwrap();
    assert!(plans.insert("a*", 3).is_err());
    assert_eq!((plans.get("a"), plans.get("ab")), (Some(&2), Some(&1)));
}

#[test]
fn a_type_of_ones_own() {
    #[derive(Debug, PartialEq)]
    struct Burst(u64);
    impl TryFrom<Policy> for Burst {
        type Error = &'static str;
        fn try_from(policy: Policy) -> Result<Burst, &'static str> {
            match policy {
                Policy::TokenBucket(bucket) if bucket.rate() == Rate::ZERO => Ok(Burst(1)),
                _ => Err("only bursts"),
            }
        }
    }
    let read = |text: &str| serde_json::from_str::<Plans<Burst>>(text);
    let plans = read(r#"{"a": {"capacity": 1, "rate": "0/s"}}"#).unwrap();
    assert_eq!(plans.get("a"), Some(&Burst(1)));
    let wrong = read(r#"{"a": "unlimited"}"#).unwrap_err().to_string();
    assert!(wrong.starts_with("`a`: only bursts"), "{wrong}");
}

/// Patterns and keys of few letters, so that they meet; one of them is wide.
const KEY: &str = "[abé]{0,5}";

proptest! {
    /// Against the rule as it is written: of all patterns that fit, the longest; without a star before with one.
    #[test]
    fn against_the_rule(
        patterns in prop::collection::btree_map((KEY, any::<bool>()), any::<u32>(), 0..12),
        keys in prop::collection::vec(KEY, 1..20),
    ) {
        let mut plans = Plans::new();
        for ((name, star), plan) in &patterns {
            plans.insert(&format!("{name}{}", if *star { "*" } else { "" }), *plan).unwrap();
        }
        for key in keys {
            let fits = patterns.iter().filter(|((name, star), _)| if *star { key.starts_with(name) } else { key == *name });
            let expected = fits.max_by_key(|((name, star), _)| (!star, name.len())).map(|(_, plan)| plan);
            prop_assert_eq!(plans.get(&key), expected);
        }
        let listed: BTreeMap<_, _> = plans.iter().collect();
        prop_assert_eq!(listed.len(), patterns.len());
    }
}
