//! The runner itself: it must fail when the data says otherwise.

use lazy_limiter::Tokens;
use serde_json::{Value, json};

use super::scenario::{self, Answer, Hint, Step};
use super::subject::{self, On};
use super::waiting::Drivers;
use super::{steps, waiting};

/// Parses and replays one scenario on a bucket of 2 that refills one in 100 ns.
fn replay(steps: Value) -> Result<(), String> {
    let scenarios = scenario::file(&wrap(json!({"steps": steps})), scenario::steps)?;
    let (subject, clock) = subject::make(scenarios[0].policy, On::Limiter).unwrap();
    steps::replay(&*subject, &clock, &scenarios[0].body, 1)
}

fn replay_line(events: Value, expected: Value) -> Result<(), String> {
    let body = json!({"actors": ["a", "b"], "events": events, "end_at_ns": "1000", "expected": expected});
    let scenarios = scenario::file(&wrap(body), scenario::waiting)?;
    let replay = |drivers, due| {
        let (subject, clock) = subject::make(scenarios[0].policy, On::Limiter).unwrap();
        waiting::replay(&*subject, &clock, &scenarios[0].body, drivers, due)
    };
    let due = replay(Drivers::Tasks, None)?;
    replay(Drivers::Mixed, Some(&due)).map(drop)
}

fn wrap(mut scenario: Value) -> String {
    let policy = json!({"kind": "token_bucket", "capacity": "2", "rate": {"tokens": "1", "per_ns": "100"}});
    scenario["name"] = json!("one");
    scenario["source"] = json!("here");
    if scenario["policy"].is_null() {
        scenario["policy"] = policy;
    }
    json!({"description": "", "scenarios": [scenario]}).to_string()
}

#[test]
fn a_wrong_answer_is_noticed() {
    let taken = json!({"at_ns": "0", "try": "2", "expect": "ok"});
    let good = |step: Value| replay(json!([taken, step]));
    let bad = |step: Value| assert!(good(step.clone()).is_err(), "{step}");

    good(json!({"at_ns": "0", "try": "1", "expect": "denied", "retry_after_ns": "100"})).unwrap();
    good(json!({"at_ns": "0", "try": "1", "expect": "denied", "retry_after_ns": "98"})).unwrap();
    bad(json!({"at_ns": "0", "try": "1", "expect": "denied", "retry_after_ns": "101"}));
    bad(json!({"at_ns": "0", "try": "1", "expect": "denied", "retry_after_ns": "97"}));
    bad(json!({"at_ns": "0", "try": "1", "expect": "denied", "retry_after_ns": "never"}));
    bad(json!({"at_ns": "0", "try": "1", "expect": "ok"}));
    bad(json!({"at_ns": "0", "try": "1", "expect": "exceeds_capacity"}));
    bad(json!({"at_ns": "100", "try": "1", "expect": "denied"}));
    good(json!({"at_ns": "50", "available": "0.5", "available_tolerance": "0.000002"})).unwrap();
    bad(json!({"at_ns": "50", "available": "0.50001", "available_tolerance": "0.000002"}));
    let turns = |granted: &str, tolerance: &str| {
        json!({"from_ns": "1", "every_ns": "1", "count": "200", "try": "1", "granted": granted,
               "granted_tolerance": tolerance})
    };
    good(turns("2", "0")).unwrap();
    good(turns("3", "1")).unwrap();
    bad(turns("3", "0"));
    bad(turns("0", "1"));
}

#[test]
fn what_is_not_known_is_noticed() {
    for unknown in [
        json!({"at_ns": "0", "grab": "1"}),
        json!({"at_ns": "0", "try": "1", "expect": "maybe"}),
        json!({"at_ns": "0", "try": "1", "expect": "ok", "note": "x"}),
        json!({"at_ns": "0", "try": "1", "expect": "ok", "retry_after_ns": "1"}),
        json!({"at_ns": 0, "try": "1", "expect": "ok"}),
        json!({"at_ns": "0", "try": "-1", "expect": "ok"}),
        json!({"at_ns": "0", "try": "1"}),
    ] {
        assert!(replay(json!([unknown])).is_err(), "{unknown}");
    }
    assert!(replay(json!([])).is_err());
    let step = json!([{"at_ns": "0", "give_back": "1"}]);
    for unknown in [
        json!({"steps": step, "extra": "1"}),
        json!({"steps": step, "policy_may_be_refused": false}),
        json!({"steps": step, "policy": {"kind": "leaky_bucket", "capacity": "1"}}),
        json!({"steps": step, "policy": {"kind": "fixed_window", "capacity": "1", "window_ns": "1", "x": ""}}),
    ] {
        assert!(scenario::file(&wrap(unknown.clone()), scenario::steps).is_err(), "{unknown}");
    }
}

#[test]
fn amounts_are_read_exactly() {
    let most = i64::MAX as u64;
    let steps = json!([
        {"at_ns": "0", "try": "18446744073709551615", "expect": "exceeds_capacity"},
        {"at_ns": "0", "try": "0.5", "expect": "denied", "retry_after_ns": most.to_string()},
    ]);
    let scenarios = scenario::file(&wrap(json!({"steps": steps})), scenario::steps).unwrap();
    let tries = scenarios[0].body.iter().map(|step| match step {
        Step::Try { n, expect, .. } => (*n, *expect),
        other => panic!("{other:?}"),
    });
    let expected =
        [(u64::MAX.into(), Answer::ExceedsCapacity), (0.5.into(), Answer::Denied(Hint::After(most)))];
    assert_eq!(tries.collect::<Vec<(Tokens, Answer)>>(), expected);
}

#[test]
fn a_wrong_line_is_noticed() {
    let events = json!([{"at_ns": "0", "op": "try", "n": "2", "expect": "ok"},
                        {"at_ns": "0", "op": "acquire", "who": "a", "n": "1"},
                        {"at_ns": "0", "op": "acquire", "who": "b", "n": "2", "timeout_ns": "300"}]);
    let replay_with = |a: Value, b: Value| {
        let (mut a, mut b) = (a, b);
        (a["who"], b["who"]) = (json!("a"), json!("b"));
        replay_line(events.clone(), json!([a, b]))
    };
    let granted = |at: &str| json!({"granted_at_ns": at});
    let outcome = |what: &str| json!({"outcome": what});

    replay_with(granted("100"), granted("300")).unwrap();
    replay_with(granted("98"), granted("300")).unwrap();
    for (a, b) in [
        (granted("101"), granted("300")),
        (granted("97"), granted("300")),
        (granted("100"), granted("301")),
        (granted("100"), outcome("never")),
        (granted("100"), outcome("refused_at_once")),
        (granted("100"), outcome("exceeds_capacity")),
        (granted("100"), outcome("cancelled")),
        (granted("100"), outcome("bored")),
    ] {
        assert!(replay_with(a.clone(), b.clone()).is_err(), "{a} {b}");
    }
}
