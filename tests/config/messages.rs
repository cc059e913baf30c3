//! What is wrong is said by the field that it is in.

use lazy_limiter::config::{Plans, Policy};
use lazy_limiter::{FixedWindow, TokenBucket};

fn json(text: &str) -> String {
    serde_json::from_str::<Policy>(text).unwrap_err().to_string()
}

#[track_caller]
fn refused(text: &str, message: &str) {
    assert_eq!(json(text), message);
    // In something larger, the place is added.
    let inside = serde_json::from_str::<Vec<Policy>>(&format!("[{text}]")).unwrap_err().to_string();
    let (found, place) = inside.rsplit_once(" at line ").unwrap();
    assert_eq!((found, place.starts_with("1 column ")), (message, true));
}

#[test]
fn fields_and_reasons() {
    let units = "use ns, us, ms, s, min, h or d";
    refused(
        r#"{"capacity": 1, "rate": "3/x"}"#,
        &format!(r#"rate: invalid rate "3/x": unknown unit "x" at byte 2; {units}"#),
    );
    refused(
        r#"{"capacity": 1, "fixed_window": "3"}"#,
        &format!(
            r#"fixed_window: invalid duration "3": expected a unit of time, found nothing at byte 1; {units}"#
        ),
    );
    refused(
        r#"{"capacity": 1, "sliding_window": "day"}"#,
        r#"sliding_window: invalid duration "day": expected a number, found "day" at byte 0; write a duration like 10s or 1.5 hours"#,
    );
    refused(
        r#"{"capacity": 1, "sliding_window_counter": "0s"}"#,
        r#"sliding_window_counter: invalid duration "0s": zero period "0s" at byte 0; use one above zero"#,
    );
    refused(
        r#"{"capacity": 1, "fixed_window": "0.5ns"}"#,
        r#"fixed_window: invalid duration "0.5ns": not exact "0.5ns" at byte 0; it is kept in whole nanoseconds"#,
    );
    refused(
        r#"{"capacity": 1, "fixed_window": "1h sharp"}"#,
        r#"fixed_window: invalid duration "1h sharp": unexpected text "sharp" at byte 3; a duration ends with its unit"#,
    );
    refused(
        r#"{"capacity": 1, "fixed_window": "400_000 days"}"#,
        "fixed_window: invalid duration \"400_000 days\": period too long \"400_000 days\" at byte 0; use at most 584 years",
    );
    refused(
        r#"{"capacity": 1, "fixed_window": "90000d"}"#,
        "fixed_window: invalid window: it must be above zero and at most a hundred years, found the text \"90000d\"",
    );
    refused(
        r#"{"capacity": -1, "rate": "3/s"}"#,
        "capacity: invalid capacity: it must be a number above zero, found -1",
    );
    refused(
        r#"{"capacity": 1, "rate": "3/s", "starting_tokens": 2}"#,
        "starting_tokens: invalid starting tokens: they must be a number from zero to the capacity, found 2",
    );
    refused(
        r#"{"capacity": 1, "rate": "100000000000/s"}"#,
        "rate: invalid rate: it must be at most 10^10 tokens a second, found the text \"100000000000/s\"",
    );
    refused(
        r#"{"capacity": 1000000, "rate": "1/50000d"}"#,
        "capacity: invalid capacity for this rate: filling up would take more than a hundred years, found 1000000",
    );
    refused(r#"{"capacity": "1", "rate": "3/s"}"#, "capacity: expected a number, found the text \"1\"");
    refused(r#"{"capacity": 1, "rate": 3}"#, r#"rate: expected a text like "10/s", found 3"#);
    refused(
        r#"{"capacity": 1, "fixed_window": [1]}"#,
        r#"fixed_window: expected a text like "10s", found a list"#,
    );
}

#[test]
fn what_does_not_say_exactly_one_thing() {
    let choices = "`rate`, `fixed_window`, `sliding_window` or `sliding_window_counter`";
    refused(r#"{"rate": "3/s"}"#, "`capacity` is missing");
    refused(r#"{"capacity": 1}"#, &format!("one of {choices} is missing"));
    refused(
        r#"{"capacity": 1, "rat": "3/s"}"#,
        &format!("unknown field `rat`; the fields are `capacity`, `starting_tokens`, and one of {choices}"),
    );
    refused(r#"{"capacity": 1, "capacity": 2, "rate": "1/s"}"#, "capacity: given twice");
    refused(
        r#"{"capacity": 1, "rate": "1/s", "fixed_window": "1s"}"#,
        "`rate` and `fixed_window` cannot both be; several limits at once are a list of them",
    );
    refused(
        r#"{"capacity": 1, "starting_tokens": 1, "fixed_window": "1s"}"#,
        "starting_tokens: only a limit with a `rate` has them",
    );
    refused(r#""none""#, r#"unknown limit "none"; the only word is "unlimited""#);
    refused("[]", r#"an empty list limits nothing; write "unlimited" if that is meant"#);
    for (other, name) in [("5", "5"), ("true", "true"), ("null", "nothing"), ("-2", "-2"), ("0.5", "0.5")] {
        let rest =
            r#"is no limit; write fields like `capacity` and `rate`, a list of limits, or "unlimited""#;
        refused(other, &format!("{name} {rest}"));
    }
    refused(
        r#"["unlimited", {"capacity": 1, "rate": "3"}]"#,
        r#"part 2: rate: invalid rate "3": expected "/" or "per", found nothing at byte 1; write a rate like 10/s or 5 per hour"#,
    );
    let nested = format!("{}{}", "[".repeat(10), "]".repeat(10));
    assert!(json(&nested).contains("too many lists within lists"), "{}", json(&nested));
}

#[test]
fn toml_adds_the_place() {
    let wrong =
        "[limits]\n\"a-*\" = { capacity = 1, rate = \"1/s\" }\n\"b-*\" = { capacity = 1, rate = \"1/y\" }\n";
    #[derive(Debug, serde::Deserialize)]
    struct Config {
        #[expect(dead_code, reason = "it is never read")]
        limits: Plans,
    }
    let message = toml::from_str::<Config>(wrong).unwrap_err().to_string();
    assert!(message.contains("`b-*`: rate: invalid rate \"1/y\""), "{message}");
    assert!(message.contains("at line "), "{message}");
}

#[test]
fn of_another_kind() {
    let wrong = serde_json::from_str::<Plans<TokenBucket>>(r#"{"a": "unlimited"}"#).unwrap_err().to_string();
    assert!(
        wrong.starts_with(r#"`a`: expected a token bucket (`capacity` and `rate`), found "unlimited""#),
        "{wrong}"
    );
    let wrong = serde_json::from_str::<FixedWindow>(r#"{"capacity": 1, "rate": "1/s"}"#).unwrap_err();
    assert!(wrong.to_string().starts_with("expected a fixed window"), "{wrong}");
    let plans: Plans = serde_json::from_str(r#"{"a": {"capacity": 1, "rate": "1/s"}, "b*": []}"#)
        .map_err(|_| ())
        .or_else(|()| serde_json::from_str(r#"{"a": {"capacity": 1, "rate": "1/s"}, "b*": "unlimited"}"#))
        .unwrap();
    assert_eq!(plans.of_kind::<TokenBucket>().unwrap_err().0, "b*");
}
