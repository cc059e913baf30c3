//! Access logs in the common and the combined format: who asked, and when.
//!
//! `192.0.2.7 - frank [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 2326` and whatever else follows. A log
//! is bytes from anywhere, so nothing in it is trusted, not even to be UTF-8.

use std::collections::HashMap;
use std::io::{self, BufRead};

/// A log, as far as it could be read.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// The clients, in order of appearance.
    pub(crate) clients: Vec<String>,
    /// The requests in the order of the lines: when, in seconds since 1970, and the client's index.
    pub(crate) requests: Vec<(i64, usize)>,
    /// How many lines were no requests; blank lines do not count.
    pub(crate) skipped: u64,
    /// The first of them, counted from one, and what was wrong with it.
    pub(crate) first_skipped: Option<(u64, &'static str)>,
}

impl Log {
    /// Reads all lines; `progress` is told now and then how many there have been.
    ///
    /// # Errors
    ///
    /// What reading fails with. A line that is no request is none: it is counted.
    pub(crate) fn read(mut input: impl BufRead, mut progress: impl FnMut(u64)) -> io::Result<Log> {
        let mut log = Log::default();
        let mut ids = HashMap::new();
        let mut line = Vec::new();
        for number in 1_u64.. {
            line.clear();
            if input.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            if number.is_multiple_of(65_536) {
                progress(number);
            }
            let line = line.trim_ascii_end();
            if line.is_empty() {
                continue;
            }
            match Request::parse(line) {
                Ok(request) => {
                    let id = match ids.get(request.client) {
                        Some(id) => *id,
                        None => {
                            ids.insert(request.client.to_vec(), log.clients.len());
                            // Escaped, so that it is text, is safe to print, and still tells clients apart.
                            log.clients.push(request.client.escape_ascii().to_string());
                            log.clients.len() - 1
                        }
                    };
                    log.requests.push((request.time, id));
                }
                Err(flaw) => {
                    log.skipped += 1;
                    log.first_skipped.get_or_insert((number, flaw));
                }
            }
        }
        Ok(log)
    }
}

/// One line of a log.
#[derive(Debug, PartialEq)]
pub(crate) struct Request<'a> {
    /// An address or a host name, whatever it looks like.
    pub(crate) client: &'a [u8],
    /// In seconds since the start of 1970, UTC.
    pub(crate) time: i64,
}

impl<'a> Request<'a> {
    /// Reads a line, or says what is wrong with it.
    ///
    /// What follows the time is not looked at: clients put what they like into a request, and a limiter does
    /// not care.
    pub(crate) fn parse(line: &'a [u8]) -> Result<Request<'a>, &'static str> {
        // Nothing that a client wrote into its request may pass for the time. An empty user is written `""`.
        let quoted = |part: &[u8]| part.starts_with(b" \"") && !part.starts_with(b" \"\"");
        let head = line.windows(3).position(quoted).map_or(line, |quote| &line[..quote]);
        let mut fields = head.splitn(4, |byte| *byte == b' ');
        let (Some(client), Some(ident), Some(user), Some(rest)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err("fewer than the four fields: client, identity, user, [time]");
        };
        if client.is_empty() || ident.is_empty() || user.is_empty() {
            return Err("an empty field before the time");
        }
        // A user's name may have spaces in it, and brackets too.
        let mut times = rest.split(|byte| *byte == b'[').skip(1);
        let time = times.find_map(timestamp).ok_or("no time like [17/May/2015:10:05:03 +0000]")?;
        Ok(Request { client, time })
    }
}

/// Reads what stands between brackets, up to the closing one, as seconds since the start of 1970.
fn timestamp(text: &[u8]) -> Option<i64> {
    const SHAPE: &[u8; 27] = b"00/Mon/0000:00:00:00 +0000]";
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";

    let text = text.first_chunk::<27>()?;
    let fits = |(byte, shape): (&u8, &u8)| match shape {
        b'0' => byte.is_ascii_digit(),
        b'+' => matches!(byte, b'+' | b'-'),
        b'M' | b'o' | b'n' => byte.is_ascii_alphabetic(),
        _ => byte == shape,
    };
    if !text.iter().zip(SHAPE).all(fits) {
        return None;
    }
    let number =
        |from: usize, to: usize| text[from..to].iter().fold(0, |n, digit| n * 10 + i64::from(digit - b'0'));
    let (day, year) = (number(0, 2), number(7, 11));
    let (hour, minute, second) = (number(12, 14), number(15, 17), number(18, 20));
    let (offset_hours, offset_minutes) = (number(22, 24), number(24, 26));
    let month = 1 + MONTHS.chunks(3).position(|name| name.eq_ignore_ascii_case(&text[3..6]))? as i64;
    // A minute may have a leap second, which is the first of the next one.
    let in_range = (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60
        && offset_hours < 24
        && offset_minutes < 60;
    if !in_range {
        return None;
    }
    let offset = offset_hours * 3600 + offset_minutes * 60;
    let local = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    // A clock ahead of UTC, `+`, shows more than UTC does.
    Some(if text[21] == b'-' { local + offset } else { local - offset })
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1 January 1970 in the Gregorian calendar, for years from zero.
///
/// Years are counted from March, so that the leap day is the last of a year; the lengths of the months from
/// there on are a straight line, rounded down.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,468 days from 1 March of the year zero to 1 January 1970.
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}
