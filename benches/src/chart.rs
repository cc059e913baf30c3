//! Charts of the results: bars, grouped by what was done, drawn as SVG.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::results::Row;

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Drawn = Result<(), Box<dyn Error>>;

const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);
const FAINT: RGBColor = RGBColor(0xe2, 0xe2, 0xe2);
const OURS: RGBColor = RGBColor(0x3b, 0x7d, 0xb8);
const OURS_TOO: RGBColor = RGBColor(0x9c, 0xc3, 0xe0);
const GOVERNOR: RGBColor = RGBColor(0xe0, 0x7b, 0x39);
const OTHERS: RGBColor = RGBColor(0xb5, 0xb5, 0xb5);

const WIDTH: i32 = 1000;
const LEFT: i32 = 230;
const RIGHT: i32 = WIDTH - 110;
const TOP: i32 = 104;
const BAR: i32 = 20;
/// The head of a group, and the room before the next.
const HEAD: i32 = 26;
const GAP: i32 = 14;

/// Draws the nanoseconds of `rows`, grouped by their work, shortest first.
///
/// # Errors
///
/// The file cannot be written.
pub fn draw(path: &Path, title: &str, below: &str, rows: &[&Row]) -> Drawn {
    let groups = group(rows);
    let height = groups.iter().map(|(_, bars)| HEAD + bars.len() as i32 * BAR + GAP).sum::<i32>() + TOP + 40;
    let longest = groups.iter().flat_map(|(_, bars)| bars).map(|(_, nanos)| *nanos).fold(1.0, f64::max);
    let x = |nanos: f64| LEFT + ((RIGHT - LEFT) as f64 * nanos / longest).round() as i32;
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH as u32, height as u32)).into_drawing_area();
        area.fill(&WHITE)?;
        text(&area, title, (20, 18), 21, (HPos::Left, VPos::Top))?;
        for (at, line) in (0..).zip(lines(below)) {
            text(&area, &line, (20, 46 + 17 * at), 13, (HPos::Left, VPos::Top))?;
        }
        let step = nice(longest / 6.0);
        for tick in 0..=(longest / step) as u32 {
            let at = x(f64::from(tick) * step);
            area.draw(&PathElement::new([(at, TOP), (at, height - 34)], FAINT))?;
            let label = format!("{} ns", f64::from(tick) * step);
            text(&area, &label, (at, height - 28), 13, (HPos::Center, VPos::Top))?;
        }
        let mut top = TOP;
        for (work, bars) in &groups {
            text(&area, work, (20, top + HEAD / 2), 15, (HPos::Left, VPos::Center))?;
            top += HEAD;
            for (contender, nanos) in bars {
                let middle = top + BAR / 2 - 2;
                text(&area, contender, (LEFT - 8, middle), 13, (HPos::Right, VPos::Center))?;
                let bar = Rectangle::new(
                    [(LEFT, top), (x(*nanos).max(LEFT + 1), top + BAR - 4)],
                    color(contender).filled(),
                );
                area.draw(&bar)?;
                let label = format!("{nanos:.1} ns");
                text(&area, &label, (x(*nanos) + 6, middle), 13, (HPos::Left, VPos::Center))?;
                top += BAR;
            }
            top += GAP;
        }
        area.present()?;
    }
    Ok(std::fs::write(path, svg)?)
}

/// Broken between words, so that each is narrower than the chart.
fn lines(words: &str) -> Vec<String> {
    const LONGEST: usize = 120;
    let mut lines = vec![String::new()];
    for word in words.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < LONGEST => line.push_str(&format!("{word} ")),
            _ => lines.push(format!("{word} ")),
        }
    }
    lines
}

type Bars = Vec<(String, f64)>;

/// By work, in order of appearance; a contender that was measured twice counts once.
fn group(rows: &[&Row]) -> Vec<(String, Bars)> {
    let mut groups: Vec<(String, Bars)> = Vec::new();
    for row in rows {
        let at = groups.iter().position(|(work, _)| *work == row.work).unwrap_or_else(|| {
            groups.push((row.work.clone(), Vec::new()));
            groups.len() - 1
        });
        let bars = &mut groups[at].1;
        if bars.iter().all(|(contender, _)| *contender != row.contender) {
            bars.push((row.contender.clone(), row.value));
        }
    }
    groups.iter_mut().for_each(|(_, bars)| bars.sort_by(|a, b| a.1.total_cmp(&b.1)));
    groups
}

fn color(contender: &str) -> RGBColor {
    match contender {
        "lazy-limiter" => OURS,
        "governor" => GOVERNOR,
        ours if ours.starts_with("lazy-limiter") => OURS_TOO,
        _ => OTHERS,
    }
}

fn text(area: &Area<'_>, words: &str, at: (i32, i32), size: i32, (h, v): (HPos, VPos)) -> Drawn {
    let style = ("sans-serif", size).into_font().color(&INK).pos(Pos::new(h, v));
    Ok(area.draw(&Text::new(words.to_owned(), at, style))?)
}

/// One, two or five times a power of ten: the least that is not below.
fn nice(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 5.0].into_iter().find(|step| step * power >= least);
    step.unwrap_or(10.0) * power
}
