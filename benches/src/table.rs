//! The table of what was to be reached and what was measured.

use crate::results::{self, Row as Result};
use crate::timing::Rounds;

/// One line.
#[derive(Debug)]
struct Row {
    work: String,
    ours: String,
    theirs: String,
    ratio: String,
    bar: String,
    verdict: &'static str,
}

/// Lines, each a ratio and the bar it should stay under.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Row>,
}

impl Table {
    /// An empty table.
    pub fn new() -> Table {
        Table::default()
    }

    /// Measurement `ours` over measurement `theirs`, which should be at most `bar` (if there is one).
    pub fn compare(&mut self, work: &str, rounds: &Rounds<'_>, ours: usize, theirs: usize, bar: Option<f64>) {
        let (low, ratio, high) = rounds.ratio(ours, theirs);
        let shown = |which| format!("{:.1} ns {}", rounds.median(which), rounds.name(which));
        for which in [ours, theirs] {
            measured(work, rounds.name(which), rounds.median(which));
        }
        let names = format!("{} / {}", rounds.name(ours), rounds.name(theirs));
        compared(work, &names, ratio, bar, format!("{}, {}", shown(ours), shown(theirs)));
        self.rows.push(Row {
            work: work.into(),
            ours: shown(ours),
            theirs: shown(theirs),
            ratio: format!("{ratio:.2} ({low:.2} to {high:.2})"),
            bar: bar.map_or("".into(), |bar| format!("{bar:.2}")),
            verdict: verdict(ratio, bar),
        });
    }

    /// A value that is not a ratio of times: `measured` should be at most `bar`, both shown as given.
    pub fn value(&mut self, work: &str, (ours, theirs): (String, String), measured: f64, bar: Option<f64>) {
        compared(work, "", measured, bar, format!("{ours}, {theirs}"));
        self.rows.push(Row {
            work: work.into(),
            ours,
            theirs,
            ratio: format!("{measured:.3}"),
            bar: bar.map_or("".into(), |bar| format!("{bar:.3}")),
            verdict: verdict(measured, bar),
        });
    }

    /// Prints it as Markdown.
    pub fn print(&self) {
        let head = ["work", "ours", "against", "ratio", "bar", ""].map(String::from);
        let cells = |row: &Row| {
            let Row { work, ours, theirs, ratio, bar, verdict } = row;
            [work.clone(), ours.clone(), theirs.clone(), ratio.clone(), bar.clone(), (*verdict).into()]
        };
        let lines: Vec<_> = std::iter::once(head).chain(self.rows.iter().map(cells)).collect();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<_> = (0..6).map(width).collect();
        for (number, line) in lines.iter().enumerate() {
            let padded = line.iter().zip(&widths).map(|(cell, width)| format!(" {cell:<width$} "));
            println!("|{}|", padded.collect::<Vec<_>>().join("|"));
            if number == 0 {
                let rules = widths.iter().map(|width| "-".repeat(width + 2));
                println!("|{}|", rules.collect::<Vec<_>>().join("|"));
            }
        }
    }
}

/// For machines: nanoseconds a call.
pub fn measured(work: &str, contender: &str, nanos: f64) {
    add(work, contender, (nanos, "ns"), None, String::new());
}

fn compared(work: &str, contender: &str, ratio: f64, bar: Option<f64>, shown: String) {
    add(work, contender, (ratio, "ratio"), bar, shown);
}

fn add(work: &str, contender: &str, (value, unit): (f64, &str), bar: Option<f64>, shown: String) {
    let (work, contender, unit) = (work.into(), contender.into(), unit.into());
    Result { program: results::program(), work, contender, value, unit, bar, shown }.add();
}

fn verdict(measured: f64, bar: Option<f64>) -> &'static str {
    match bar {
        None => "",
        Some(bar) if measured <= bar => "met",
        Some(_) => "NOT MET",
    }
}
