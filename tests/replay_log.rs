//! The access log parser of the replay example.

use proptest::prelude::*;

#[path = "../examples/replay/log.rs"]
mod log;

use log::{Log, Request};

fn time(stamp: &str) -> Option<i64> {
    let line = format!("192.0.2.1 - - [{stamp}] \"GET / HTTP/1.1\" 200 1");
    Request::parse(line.as_bytes()).ok().map(|request| request.time)
}

fn read(text: &[u8]) -> Log {
    Log::read(text, |_| {}).expect("memory can be read")
}

#[test]
fn lines_of_every_sort_of_client() {
    let rest = "[17/May/2015:10:05:03 +0000]";
    for (line, client) in [
        (format!(r#"192.0.2.1 - - {rest} "GET / HTTP/1.0" 200 2326"#), "192.0.2.1"),
        (format!(r#"192.0.2.1 - - {rest} "GET / HTTP/1.0" 200 2326 "http://a/" "b [c]""#), "192.0.2.1"),
        (format!(r#"2001:db8::1 - - {rest} "GET / HTTP/1.0" 200 -"#), "2001:db8::1"),
        (format!(r#"host.example.com ident user {rest} "-" 408 -"#), "host.example.com"),
        (format!(r#"[::1] - Jo [x] Doe {rest} "GET /" 200 1"#), "[::1]"),
        (format!(r#"192.0.2.1 - "" {rest} "" 400 0"#), "192.0.2.1"),
        (format!(r#"192.0.2.1 - - {rest} "\x16\x03\x01" 400 0"#), "192.0.2.1"),
        (format!(r#"192.0.2.1 - - {rest} "GET /cut off"#), "192.0.2.1"),
        (format!("192.0.2.1 - - {rest}"), "192.0.2.1"),
    ] {
        let expected = Request { client: client.as_bytes(), time: 1_431_857_103 };
        assert_eq!(Request::parse(line.as_bytes()), Ok(expected), "{line}");
    }
}

#[test]
fn what_is_no_request_says_why() {
    for (line, flaw) in [
        ("garbage", "fewer than the four fields"),
        ("192.0.2.1 - [17/May/2015:10:05:03 +0000]", "no time like"),
        ("192.0.2.1 [17/May/2015:10:05:03 +0000]", "fewer than the four fields"),
        (" - - [17/May/2015:10:05:03 +0000]", "an empty field"),
        ("192.0.2.1 - - 17/May/2015:10:05:03 +0000", "no time like"),
        ("192.0.2.1 - - [17/May/2015:10:05:03 +0000", "no time like"),
        ("192.0.2.1 - - [-] \"GET /[17/May/2015:10:05:03 +0000]\" 200 1", "no time like"),
        ("192.0.2.1 - - \"[17/May/2015:10:05:03 +0000]\" 200 1", "fewer than the four fields"),
    ] {
        let found = Request::parse(line.as_bytes()).expect_err(line);
        assert!(found.starts_with(flaw), "{line}: {found}");
    }
}

#[test]
fn times_are_utc() {
    for (stamp, seconds) in [
        ("01/Jan/1970:00:00:00 +0000", 0),
        ("17/May/2015:10:05:03 +0000", 1_431_857_103),
        ("17/May/2015:12:05:03 +0200", 1_431_857_103),
        ("17/May/2015:04:35:03 -0530", 1_431_857_103),
        ("18/may/2015:00:00:03 +1355", 1_431_857_103),
        ("29/Feb/2024:23:59:59 +0000", 1_709_251_199),
        ("31/Dec/2016:23:59:60 +0000", 1_483_228_800),
        ("31/Dec/1969:23:59:59 +0000", -1),
        ("01/Jan/0000:00:00:00 +0000", -62_167_219_200),
        ("31/Dec/9999:23:59:59 -2359", 253_402_387_139),
    ] {
        assert_eq!(time(stamp), Some(seconds), "{stamp}");
    }
}

#[test]
fn what_is_no_time() {
    for stamp in [
        "",
        "00/May/2015:10:05:03 +0000",
        "32/May/2015:10:05:03 +0000",
        "31/Jun/2015:10:05:03 +0000",
        "29/Feb/2015:10:05:03 +0000",
        "29/Feb/1900:10:05:03 +0000",
        "17/Mai/2015:10:05:03 +0000",
        "17/anF/2015:10:05:03 +0000",
        "17/May/2015:24:05:03 +0000",
        "17/May/2015:10:60:03 +0000",
        "17/May/2015:10:05:61 +0000",
        "17/May/2015:10:05:03 +2400",
        "17/May/2015:10:05:03 +0060",
        "17/May/2015:10:05:03  0000",
        "17/May/2015:10:05:03",
        "17/May/2015:10:05:03 Z",
        "17-May-2015:10:05:03 +0000",
        "17/May/15:10:05:03 +0000",
        "7/May/2015:10:05:03 +0000",
        "+7/May/2015:10:05:03 +0000",
        "17/May/2015:10:05:03 +00000",
    ] {
        assert_eq!(time(stamp), None, "{stamp}");
    }
}

/// Every day of eight hundred years is one day after the one before.
#[test]
fn the_calendar_has_no_gap() {
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut previous = time("31/Dec/1599:00:00:00 +0000").unwrap();
    let mut days = 0;
    for year in 1600..2400 {
        for month in months {
            for day in 1..=31 {
                let Some(now) = time(&format!("{day:02}/{month}/{year}:00:00:00 +0000")) else {
                    assert!(day > 28, "{day} {month} {year}");
                    continue;
                };
                assert_eq!(now, previous + 86_400, "{day} {month} {year}");
                previous = now;
                days += 1;
            }
        }
    }
    assert_eq!(days, 2 * 146_097);
}

#[test]
fn a_log_counts_what_it_skips() {
    let line = |client: &str, stamp: &str| format!("{client} - - [{stamp} +0000] \"GET /\" 200 1");
    let text = [
        line("a", "17/May/2015:10:05:05"),
        String::new(),
        "garbage".into(),
        format!("{}\r", line("b", "17/May/2015:10:05:04")),
        "more garbage".into(),
        line("a", "17/May/2015:10:05:03"),
    ]
    .join("\n");
    let log = read(text.as_bytes());
    assert_eq!(log.clients, ["a", "b"]);
    assert_eq!(log.requests, [(1_431_857_105, 0), (1_431_857_104, 1), (1_431_857_103, 0)]);
    assert_eq!(log.skipped, 2);
    assert_eq!(log.first_skipped.map(|(line, _)| line), Some(3));
}

#[test]
fn clients_that_are_no_text_stay_apart_and_are_printable() {
    let rest = b" - - [17/May/2015:10:05:03 +0000] \"GET /\" 200 1\n";
    let clients: [&[u8]; 4] = [b"\xff", b"\xfe", b"\\xff", b"\x1b[2J"];
    let text: Vec<u8> = clients.iter().flat_map(|client| [*client, rest].concat()).collect();
    assert_eq!(read(&text).clients, [r"\xff", r"\xfe", r"\\xff", r"\x1b[2J"]);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read(&bytes);
    }

    #[test]
    fn no_pieces_of_a_log_panic(pieces in prop::collection::vec(
        prop::sample::select(vec![
            "192.0.2.1", " ", "-", "[", "]", "\"", "\n", "17/May/2015:10:05:03", " +0000", "]", "99/Feb/0000",
            "17/May/2015:10:05:03 +0000]", " - - [", "é", "\0",
        ]),
        0..20,
    )) {
        let text = pieces.concat();
        let log = read(text.as_bytes());
        let lines = text.lines().filter(|line| !line.trim_ascii_end().is_empty()).count();
        prop_assert_eq!(log.requests.len() as u64 + log.skipped, lines as u64);
        prop_assert!(log.requests.iter().all(|(_, client)| *client < log.clients.len()));
    }
}
