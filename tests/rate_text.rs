//! Rates as text: what is read, what is refused and why, and what is printed.

use std::time::Duration;

use lazy_limiter::{ParseRateError, Rate, Tokens};
use proptest::prelude::*;

fn rate(text: &str) -> Rate {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn refusal(text: &str) -> ParseRateError {
    text.parse::<Rate>().expect_err(text)
}

#[test]
fn what_is_accepted() {
    let second = Duration::from_secs(1);
    for (text, tokens, period) in [
        ("10/s", 10.0, second),
        ("300/min", 300.0, 60 * second),
        ("1/10s", 1.0, 10 * second),
        ("5 per hour", 5.0, 3600 * second),
        ("0.5/s", 0.5, second),
        ("1 / 100 ms", 1.0, second / 10),
        ("3/1.5s", 3.0, 3 * second / 2),
        ("10 per 2 minutes", 10.0, 120 * second),
        ("0/s", 0.0, second),
        ("0.0/3h", 0.0, second),
        ("1_000/s", 1000.0, second),
        ("1_0.2_5/1_0s", 10.25, 10 * second),
        ("  7\tPER\n1  Day ", 7.0, 86_400 * second),
        ("5 per2hours", 5.0, 7200 * second),
        ("5per 2h", 5.0, 7200 * second),
        ("000000000000000000000000000001.50000000000000000000000000000000000000000000000/s", 1.5, second),
        // Exact only if the period is scaled.
        ("0.1/s", 1.0, 10 * second),
        ("0.35/s", 7.0, 20 * second),
        ("0.1/0.1s", 1.0, second),
        ("1/0.5ns", 2.0, Duration::from_nanos(1)),
        ("1/1.5ns", 2.0, Duration::from_nanos(3)),
        ("0.000_000_000_1/s", 1.0, Duration::from_secs(10_000_000_000)),
        // Five to the twentieth nanoseconds.
        ("0.00000000001/s", 0.5_f64.powi(20), Duration::from_nanos(95_367_431_640_625)),
        // The limits.
        ("8796093022207/s", 8_796_093_022_207.0, second),
        ("1/18446744073709551615ns", 1.0, Duration::from_nanos(u64::MAX)),
    ] {
        assert_eq!(rate(text), Rate::new(tokens, period), "{text}");
    }
}

#[test]
fn all_units_in_any_case() {
    for (names, nanos) in [
        ("ns", 1),
        ("us µs μs", 1_000),
        ("ms", 1_000_000),
        ("s sec secs second seconds", 1_000_000_000),
        ("m min mins minute minutes", 60_000_000_000),
        ("h hr hrs hour hours", 3_600_000_000_000),
        ("d day days", 86_400_000_000_000),
    ] {
        for name in names.split(' ') {
            let expected = Rate::new(3, Duration::from_nanos(nanos));
            assert_eq!(rate(&format!("3/{name}")), expected, "{name}");
            assert_eq!(rate(&format!("3 per 1 {}", name.to_ascii_uppercase())), expected, "{name}");
        }
    }
}

/// Each with the offset, and the part of the message that follows the text itself.
#[test]
fn what_is_refused_says_what_and_where() {
    let rejected = [
        ("", 0, "expected a number of tokens, found nothing at byte 0; write a rate like 10/s or 5 per hour"),
        ("   ", 3, "expected a number of tokens, found nothing at byte 3; write"),
        ("/s", 0, r#"expected a number of tokens, found "/s" at byte 0; write"#),
        ("NaN/s", 0, r#"expected a number of tokens, found "NaN/s" at byte 0; write"#),
        ("inf/s", 0, r#"expected a number of tokens, found "inf/s" at byte 0; write"#),
        ("+1/s", 0, r#"expected a number of tokens, found "+1/s" at byte 0; write"#),
        ("١/s", 0, r#"expected a number of tokens, found "١/s" at byte 0; write"#),
        ("-5/s", 0, r#"negative number "-5/s" at byte 0; use zero tokens or more"#),
        ("5/-2s", 2, r#"negative number "-2s" at byte 2; use zero tokens or more"#),
        ("5/-", 2, r#"expected a unit of time, found "-" at byte 2; use ns"#),
        ("1.2.3/s", 0, r#"malformed number "1.2.3" at byte 0; write it like 10, 0.5 or 1_000"#),
        (" .5/s", 1, r#"malformed number ".5" at byte 1; write"#),
        ("5./s", 0, r#"malformed number "5." at byte 0; write"#),
        ("_5/s", 0, r#"malformed number "_5" at byte 0; write"#),
        ("5_/s", 0, r#"malformed number "5_" at byte 0; write"#),
        ("1__0/s", 0, r#"malformed number "1__0" at byte 0; write"#),
        ("1_.5/s", 0, r#"malformed number "1_.5" at byte 0; write"#),
        ("5/1._5s", 2, r#"malformed number "1._5" at byte 2; write"#),
        ("10", 2, r#"expected "/" or "per", found nothing at byte 2; write a rate like 10/s"#),
        ("10 s", 3, r#"expected "/" or "per", found "s" at byte 3; write"#),
        ("10 perhour", 3, r#"expected "/" or "per", found "perhour" at byte 3; write"#),
        ("1e3/s", 1, r#"expected "/" or "per", found "e3/s" at byte 1; write"#),
        ("1,000/s", 1, r#"expected "/" or "per", found ",000/s" at byte 1; write"#),
        ("10/", 3, "expected a unit of time, found nothing at byte 3; use ns, us, ms, s, min, h or d"),
        ("10/ 5 ", 6, "expected a unit of time, found nothing at byte 6; use ns"),
        ("10/fortnight", 3, r#"unknown unit "fortnight" at byte 3; use ns, us, ms, s, min, h or d"#),
        ("10 per 2 µ", 9, r#"unknown unit "µ" at byte 9; use ns"#),
        ("10//s", 3, r#"unknown unit "/s" at byte 3; use ns"#),
        ("10/s/s", 4, r#"unexpected text "/s" at byte 4; a rate ends with its unit"#),
        ("10/s 5", 5, r#"unexpected text "5" at byte 5; a rate"#),
        ("10/s\0", 4, r#"unexpected text "\0" at byte 4; a rate"#),
        ("1/0s", 2, r#"zero period "0s" at byte 2; use one above zero"#),
        ("0 per 0.00 h", 6, r#"zero period "0.00 h" at byte 6; use"#),
        ("8796093022208/s", 0, r#"too many tokens "8796093022208" at byte 0; use at most 8796093022207"#),
        ("100000000000000000000000/s", 0, r#"too many tokens "100000000000000000000000" at byte 0"#),
        ("1/18446744073709551616ns", 2, r#"period too long "18446744073709551616ns" at byte 2; use at most"#),
        ("1/213504 d", 2, r#"period too long "213504 d" at byte 2; use at most 584 years"#),
        ("1/100000000000000000000000s", 2, r#"period too long "100000000000000000000000" at byte 2"#),
        (
            "0.00000000000000001/s",
            0,
            r#"not an exact ratio "0.00000000000000001/s" at byte 0; the tokens are"#,
        ),
        ("1/18446744073709551614.5ns", 0, r#"not an exact ratio "1/18446744073709551614.5ns" at byte 0"#),
        ("8000000000000/0.5ns", 0, r#"not an exact ratio "8000000000000/0.5ns" at byte 0"#),
        ("8000000000000/0.1ns", 0, r#"not an exact ratio "8000000000000/0.1ns" at byte 0"#),
    ];
    for (text, offset, message) in rejected {
        let error = refusal(text);
        let whole = error.to_string();
        let after = whole.strip_prefix(&format!("invalid rate {text:?}: "));
        assert!(after.is_some_and(|after| after.starts_with(message)), "{whole}\nexpected {message}");
        assert_eq!(error.offset(), offset, "{whole}");
    }
    // More digits than any number that is kept has.
    let fine = format!("1.{}1/s", "0".repeat(40));
    assert!(refusal(&fine).to_string().contains("not an exact ratio"));
}

#[test]
fn a_message_is_short_however_long_the_text() {
    let error = refusal(&"ß".repeat(100_000));
    assert!(error.to_string().len() < 400);
    assert!(error.to_string().contains("ßß…"));
}

#[test]
fn what_is_printed() {
    let same = ["10/s", "300/min", "1/10s", "0.5/s", "1/100ms", "5/h", "0/s", "3/2d", "1.25/7ns", "2/us"];
    for text in same {
        assert_eq!(rate(text).to_string(), text);
    }
    for (rate, text) in [
        (rate("5 per hour"), "5/h"),
        (rate("0.1/s"), "1/10s"),
        (rate("0.35/s"), "7/20s"),
        (rate("60/60s"), "60/min"),
        (rate("1/24h"), "1/d"),
        (rate("3/1.5s"), "3/1500ms"),
        (rate("0/d"), "0/s"),
        (Rate::ZERO, "0/s"),
        (Rate::per_second(0.5), "0.5/s"),
        // What the float was rounded down to, exactly.
        (Rate::per_second(0.1), "0.09999942779541015625/s"),
        (Rate::per_second(Tokens::from_parts(1)), "0.00000095367431640625/s"),
        (
            Rate::new(Tokens::from_parts(u64::MAX / 4), Duration::from_nanos(u64::MAX)),
            "4398046511103.99999904632568359375/18446744073709551615ns",
        ),
        (Rate::per_second(-1.0), "invalid"),
        (Rate::per_second(u64::MAX), "invalid"),
        (Rate::new(1, Duration::ZERO), "invalid"),
    ] {
        assert_eq!(rate.to_string(), text);
    }
    assert_eq!(format!("[{:>6}]", Rate::per_second(7)), "[   7/s]");
}

/// Amounts and periods of every size, the round ones that people write among them.
fn parts() -> impl Strategy<Value = u64> {
    prop_oneof![0..Tokens::MAX.parts(), (0..10_000_u64).prop_map(|n| n << 20), 0..100_u64]
}

fn nanos() -> impl Strategy<Value = u64> {
    let units = prop_oneof![Just(1_u64), Just(1_000_000), Just(1_000_000_000), Just(60_000_000_000)];
    prop_oneof![1..=u64::MAX, (1..100_000_u64, units).prop_map(|(n, unit)| n * unit)]
}

fn number(digits: u64, scale: usize) -> String {
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    if scale == 0 { whole.to_string() } else { format!("{whole}.{fraction}") }
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(parts in parts(), nanos in nanos()) {
        let rate = Rate::new(Tokens::from_parts(parts), Duration::from_nanos(nanos));
        prop_assert_eq!(rate.to_string().parse(), Ok(rate));
    }

    #[test]
    fn decimals_are_exact_ratios(
        digits in 0..100_000_u64,
        scale in 0..6_usize,
        count in 1..10_000_u64,
        count_scale in 0..4_usize,
    ) {
        let text = format!("{}/{}ms", number(digits, scale), number(count, count_scale));
        let rate: Rate = text.parse().unwrap();
        // Crosswise, so that nothing is divided.
        let read = u128::from(rate.tokens().parts()) * u128::from(count) * 1_000_000 * 10_u128.pow(scale as u32);
        let written = (u128::from(digits) << 20) * rate.period().as_nanos() * 10_u128.pow(count_scale as u32);
        prop_assert_eq!(read, written, "{} became {}", text, rate);
    }

    #[test]
    fn no_text_panics(text in prop_oneof![any::<String>(), "[0-9]{1,3}( |/|per)?\\PC{0,20}"]) {
        let _ = text.parse::<Rate>().map_err(|error| error.to_string());
    }

    #[test]
    fn no_text_like_a_rate_panics(pieces in prop::collection::vec(
        prop::sample::select(vec![
            "/", "per", " ", "s", "µs", "d", ".", "_", "-", "0", "1", "5", "99999999999999999999", "é", "\u{a0}",
            "00000000000000000000", "18446744073709551615", "min",
        ]),
        0..10,
    )) {
        if let Ok(rate) = pieces.concat().parse::<Rate>() {
            prop_assert_eq!(rate.to_string().parse(), Ok(rate));
        }
    }
}
