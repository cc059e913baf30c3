//! Results for machines: one CSV file that every program adds to, if the environment names one.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// The variable that names the file. `bench` sets it for the programs that it runs.
pub const FILE: &str = "LAZY_LIMITER_RESULTS";

/// One measurement, or one ratio of two.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The program that measured it.
    pub program: String,
    /// What was done.
    pub work: String,
    /// By whom; for a ratio, `ours / theirs`.
    pub contender: String,
    /// Nanoseconds a call, or a ratio.
    pub value: f64,
    /// `ns` or `ratio`.
    pub unit: String,
    /// What a ratio should be at the most; empty if nothing is said.
    pub bar: Option<f64>,
    /// The two measurements as they are shown, for a ratio.
    pub shown: String,
}

impl Row {
    /// Adds it to the file, if there is one.
    pub fn add(&self) {
        let Some(path) = std::env::var_os(FILE) else { return };
        let bar = self.bar.map_or(String::new(), |bar| bar.to_string());
        let Row { program, work, contender, value, unit, shown, .. } = self;
        let line = format!("\"{program}\",\"{work}\",\"{contender}\",{value},{unit},{bar},\"{shown}\"\n");
        let file = OpenOptions::new().append(true).create(true).open(path);
        file.and_then(|mut file| file.write_all(line.as_bytes()))
            .expect("the file of results can be written");
    }
}

/// The name of this program.
pub fn program() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    path.file_stem().map_or(String::new(), |name| name.to_string_lossy().into_owned())
}

/// The rows of such a file.
pub fn read(path: &Path) -> std::io::Result<Vec<Row>> {
    Ok(std::fs::read_to_string(path)?.lines().filter_map(parse).collect())
}

fn parse(line: &str) -> Option<Row> {
    let quoted = line.split('"').collect::<Vec<_>>();
    let [_, program, _, work, _, contender, numbers, shown, _] = quoted[..] else { return None };
    let mut numbers = numbers.trim_matches(',').split(',');
    let value = numbers.next()?.parse().ok()?;
    let (unit, bar) = (numbers.next()?.to_owned(), numbers.next().and_then(|bar| bar.parse().ok()));
    let text = |words: &str| words.to_owned();
    Some(Row {
        program: text(program),
        work: text(work),
        contender: text(contender),
        value,
        unit,
        bar,
        shown: text(shown),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back() {
        let line =
            r#""compare","granted, 1 thread","lazy-limiter / governor",0.98,ratio,1.05,"9.1 ns, 9.2 ns""#;
        let row = parse(line).expect("a row");
        assert_eq!((row.work.as_str(), row.value, row.bar), ("granted, 1 thread", 0.98, Some(1.05)));
        let row = parse(r#""compare","granted, 1 thread","governor",9.2,ns,,"""#).expect("a row");
        assert_eq!((row.unit.as_str(), row.bar), ("ns", None));
    }
}
