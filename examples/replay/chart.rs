//! The chart: what was asked for and what was allowed over time, and who was denied most.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::report::{Client, Report};

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Drawn = Result<(), Box<dyn Error>>;

const ALLOWED: RGBColor = RGBColor(0x3b, 0x7d, 0xb8);
const DENIED: RGBColor = RGBColor(0xe0, 0x7b, 0x39);
const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);
const FAINT: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);

const WIDTH: i32 = 1000;
/// The left edge of both plots, right of their labels, and the right edge.
const LEFT: i32 = 170;
const RIGHT: i32 = WIDTH - 70;
/// From top to bottom: the plot over time, then a bar for each client.
const TOP: i32 = 90;
const BOTTOM: i32 = 380;
const BARS: i32 = 480;
const BAR: i32 = 24;

/// Draws `report` into a file of this name.
///
/// # Errors
///
/// The file cannot be written.
pub(crate) fn draw(path: &Path, title: &str, report: &Report) -> Drawn {
    let bars = report.most_denied.len() as i32;
    let height = if bars > 0 { BARS + bars * BAR + 60 } else { BOTTOM + 70 };
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH as u32, height as u32)).into_drawing_area();
        area.fill(&WHITE)?;
        text(&area, title, (20, 20), 20, (HPos::Left, VPos::Top))?;
        legend(&area)?;
        over_time(&area, &report.timeline)?;
        if bars > 0 {
            clients(&area, &report.most_denied)?;
        }
        area.present()?;
    }
    Ok(std::fs::write(path, svg)?)
}

fn text(area: &Area<'_>, words: &str, at: (i32, i32), size: i32, (h, v): (HPos, VPos)) -> Drawn {
    let style = ("sans-serif", size).into_font().color(&INK).pos(Pos::new(h, v));
    Ok(area.draw(&Text::new(words.to_owned(), at, style))?)
}

fn rectangle(area: &Area<'_>, from: (i32, i32), to: (i32, i32), color: RGBColor) -> Drawn {
    Ok(area.draw(&Rectangle::new([from, to], color.filled()))?)
}

fn line(area: &Area<'_>, from: (i32, i32), to: (i32, i32), color: RGBColor) -> Drawn {
    Ok(area.draw(&PathElement::new([from, to], color))?)
}

fn legend(area: &Area<'_>) -> Drawn {
    for (at, color, words) in [(LEFT, ALLOWED, "allowed"), (LEFT + 110, DENIED, "denied")] {
        rectangle(area, (at, 58), (at + 14, 72), color)?;
        text(area, words, (at + 22, 65), 15, (HPos::Left, VPos::Center))?;
    }
    let whole = "(both together: what was asked for)";
    text(area, whole, (LEFT + 220, 65), 15, (HPos::Left, VPos::Center))
}

/// Stacked columns: requests in each interval of the log's time.
fn over_time(area: &Area<'_>, timeline: &[(i64, bool)]) -> Drawn {
    let (Some(&(first, _)), Some(&(last, _))) = (timeline.first(), timeline.last()) else { return Ok(()) };
    let interval = nice_seconds((last - first) / 120);
    let start = first.div_euclid(interval) * interval;
    let mut columns = vec![(0_u64, 0_u64); ((last - start) / interval + 1) as usize];
    for (time, allowed) in timeline {
        let (all, denied) = &mut columns[((time - start) / interval) as usize];
        *all += 1;
        *denied += u64::from(!allowed);
    }
    let most = columns.iter().map(|(all, _)| *all).max().unwrap_or(0).max(1);
    let step = nice((most as f64 / 5.0).max(1.0)) as u64;
    let ceiling = most.div_ceil(step) * step;
    let y = |count: u64| BOTTOM - ((BOTTOM - TOP) as f64 * count as f64 / ceiling as f64).round() as i32;
    let whole = columns.len() as f64;
    let x = |column: f64| LEFT + ((RIGHT - LEFT) as f64 * column / whole).round() as i32;

    for count in (0..=ceiling).step_by(step as usize) {
        line(area, (LEFT, y(count)), (RIGHT, y(count)), FAINT)?;
        text(area, &count.to_string(), (LEFT - 8, y(count)), 14, (HPos::Right, VPos::Center))?;
    }
    for (at, (all, denied)) in columns.iter().enumerate() {
        let (from, until) = (x(at as f64), x(at as f64 + 1.0));
        // A white line between columns where they are wide enough.
        let until = if until - from > 3 { until - 1 } else { until };
        if all > denied {
            rectangle(area, (from, y(all - denied)), (until, BOTTOM), ALLOWED)?;
        }
        if *denied > 0 {
            rectangle(area, (from, y(*all)), (until, y(all - denied)), DENIED)?;
        }
    }
    line(area, (LEFT, BOTTOM), (RIGHT, BOTTOM), INK)?;

    let tick = nice_seconds((last - start) / 7);
    let end = start + columns.len() as i64 * interval;
    let mut at = start.div_euclid(tick) * tick;
    while at <= end {
        if at >= start {
            let place = x((at - start) as f64 / interval as f64);
            line(area, (place, BOTTOM), (place, BOTTOM + 5), INK)?;
            text(area, &clock(at), (place, BOTTOM + 10), 14, (HPos::Center, VPos::Top))?;
            text(area, &date(at), (place, BOTTOM + 27), 12, (HPos::Center, VPos::Top))?;
        }
        at += tick;
    }
    text(area, &format!("requests in {}", span(interval)), (20, TOP - 4), 14, (HPos::Left, VPos::Top))?;
    text(area, "UTC", (RIGHT + 12, BOTTOM + 10), 14, (HPos::Left, VPos::Top))
}

/// A bar for each: what it asked for, and how much of that was denied.
fn clients(area: &Area<'_>, clients: &[Client]) -> Drawn {
    text(area, "the most denied clients: requests, and how many were denied", (20, BARS - 40), 16, LEFT_TOP)?;
    let most = clients.iter().map(|client| client.requests).max().unwrap_or(0).max(1);
    let x = |count: u64| LEFT + ((RIGHT - LEFT - 110) as f64 * count as f64 / most as f64).round() as i32;
    for (at, Client { name, requests, denied }) in clients.iter().enumerate() {
        let (top, bottom) = (BARS + at as i32 * BAR, BARS + at as i32 * BAR + BAR - 7);
        let middle = (top + bottom) / 2;
        // Host names can be long; their ends tell most.
        let short = match name.char_indices().rev().nth(20) {
            Some((cut, _)) if cut > 0 => format!("..{}", &name[cut..]),
            _ => name.clone(),
        };
        text(area, &short, (LEFT - 8, middle), 13, (HPos::Right, VPos::Center))?;
        let allowed = requests - denied;
        rectangle(area, (LEFT, top), (x(allowed), bottom), ALLOWED)?;
        rectangle(area, (x(allowed), top), (x(*requests), bottom), DENIED)?;
        let figures = format!("{denied} of {requests} denied");
        text(area, &figures, (x(*requests) + 8, middle), 13, (HPos::Left, VPos::Center))?;
    }
    line(area, (LEFT, BARS - 6), (LEFT, BARS + clients.len() as i32 * BAR), INK)
}

const LEFT_TOP: (HPos, VPos) = (HPos::Left, VPos::Top);

/// One, two or five times a power of ten: the least that is not below.
fn nice(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 5.0].into_iter().find(|step| step * power >= least);
    step.unwrap_or(10.0) * power
}

/// An interval that clocks have, not below `least` seconds.
fn nice_seconds(least: i64) -> i64 {
    const NICE: [i64; 17] =
        [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800];
    let days = || (least as u64).div_ceil(86_400) as i64 * 86_400;
    NICE.into_iter().find(|nice| *nice >= least).unwrap_or_else(days)
}

fn span(seconds: i64) -> String {
    match seconds {
        86_400.. => format!("{} d", seconds / 86_400),
        3600.. => format!("{} h", seconds / 3600),
        60.. => format!("{} min", seconds / 60),
        _ => format!("{seconds} s"),
    }
}

fn clock(time: i64) -> String {
    let seconds = time.rem_euclid(86_400);
    match seconds % 60 {
        0 => format!("{:02}:{:02}", seconds / 3600, seconds / 60 % 60),
        rest => format!("{:02}:{:02}:{rest:02}", seconds / 3600, seconds / 60 % 60),
    }
}

/// Day and month, in the Gregorian calendar.
fn date(time: i64) -> String {
    const MONTHS: [&str; 12] = [
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
        "January",
        "February",
    ];
    // Years are counted from 1 March of the year zero, in cycles of 400 years, so that the leap day is the last of a
    // year; the months from there on are a straight line, rounded down.
    let day = (time.div_euclid(86_400) + 719_468).rem_euclid(146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    format!("{} {}", day_of_year - (153 * month + 2) / 5 + 1, MONTHS[month as usize])
}
