//! Everything in one go: runs the other programs one after the other, keeps their results in one file, and makes of them
//! the report and the charts in `benches/results/`.
//!
//! `--smoke` runs everything briefly, into the target directory; `--charts` draws again from the results that are there.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use lazy_limiter_benches::chart;
use lazy_limiter_benches::results::{self, Row};

/// The programs, by name.
const PROGRAMS: [&str; 7] = ["compare", "keys", "growth", "flood", "churn", "waiting", "stripes"];
const LOCK: &str = include_str!("../../../Cargo.lock");
const PEERS: [&str; 7] = [
    "governor",
    "leaky-bucket",
    "ratelimit",
    "atomic_token_bucket",
    "ratelock",
    "tokio-rate-limit",
    "lazy-limiter",
];

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let (smoke, only_charts) = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => (false, false),
        ["--smoke"] => (true, false),
        ["--charts"] => (false, true),
        _ => return Err("the arguments are none, --smoke or --charts".into()),
    };
    let programs = std::env::current_exe()?.parent().map(Path::to_owned).unwrap_or_default();
    let folder = if smoke {
        programs.join("results")
    } else {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("results")
    };
    std::fs::create_dir_all(&folder)?;
    let (file, machine) = (folder.join("results.csv"), folder.join("machine.txt"));
    if !only_charts {
        let start = SystemTime::now();
        std::fs::write(&file, "program,work,contender,value,unit,bar,shown\n")?;
        let brief = if smoke { " A brief run (`--smoke`), of little precision." } else { "" };
        std::fs::write(&machine, describe()? + brief)?;
        let mut said = String::new();
        for program in PROGRAMS {
            eprintln!("== {program}");
            let mut command = Command::new(programs.join(program));
            command.args(smoke.then_some("--smoke")).env(results::FILE, &file);
            let output =
                command.output().map_err(|error| format!("{program}: {error}; build all of them first"))?;
            if !output.status.success() {
                return Err(format!("{program} failed:\n{}", String::from_utf8_lossy(&output.stderr)).into());
            }
            let words = String::from_utf8_lossy(&output.stdout);
            println!("{words}");
            write!(said, "\n## {program}\n\n{}\n", words.trim())?;
        }
        eprintln!("took {} s", start.elapsed().unwrap_or(Duration::ZERO).as_secs());
        let report = report(&results::read(&file)?, &std::fs::read_to_string(&machine)?);
        std::fs::write(folder.join("report.md"), format!("{report}{said}"))?;
        println!("{report}");
    }
    let machine = std::fs::read_to_string(&machine)?;
    draw(&folder, &results::read(&file)?, machine.trim())?;
    println!("in {}: results.csv, report.md, direct.svg, keyed.svg", folder.display());
    Ok(())
}

/// The rows that say what was to be reached.
fn report(rows: &[Row], machine: &str) -> String {
    let mut text = format!(
        "# Results\n\nMade by `cargo run --release -p lazy-limiter-benches --bin all`. {}\n\n\
         | row | measured | ratio | bar | | printed by |\n|---|---|---|---|---|---|\n",
        machine.trim()
    );
    for row in rows.iter().filter(|row| row.unit == "ratio" && row.bar.is_some()) {
        let bar = row.bar.unwrap_or(f64::NAN);
        let verdict = if row.value <= bar { "met" } else { "**not met**" };
        let Row { program, work, shown, value, .. } = row;
        let _ = writeln!(text, "| {work} | {shown} | {value:.2} | {bar:.2} | {verdict} | `{program}` |");
    }
    text
}

fn draw(folder: &Path, rows: &[Row], machine: &str) -> Result<(), Box<dyn Error>> {
    let chosen = |works: &dyn Fn(&str) -> bool| -> Vec<&Row> {
        rows.iter().filter(|row| row.unit == "ns" && row.value.is_finite() && works(&row.work)).collect()
    };
    let direct = chosen(&|work| {
        ["granted, 1", "granted, 2", "refused, asked, 1", "acquire, at hand, a task"]
            .iter()
            .any(|start| work.starts_with(start))
    });
    // The floors have rows of their own.
    let direct: Vec<_> =
        direct.into_iter().filter(|row| !matches!(&*row.contender, "clock" | "exchange")).collect();
    chart::draw(
        &folder.join("direct.svg"),
        "One limiter: nanoseconds a call, less is better",
        machine,
        &direct,
    )?;
    let keyed =
        chosen(&|work| work.starts_with("hit,") && work.contains("1 thread") && !work.contains("idle keys"));
    chart::draw(
        &folder.join("keyed.svg"),
        "One limiter per key, a hit: nanoseconds a call, less is better",
        machine,
        &keyed,
    )
}

/// When, on what, and of which versions.
fn describe() -> Result<String, Box<dyn Error>> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("an unknown processor");
    let cpu = cpu.trim_start_matches([' ', '\t', ':']);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let rustc = Command::new("rustc").arg("--version").output()?;
    let rustc = String::from_utf8_lossy(&rustc.stdout);
    let rustc = rustc.split(" (").next().unwrap_or_default().trim().to_owned();
    let versions: Vec<_> =
        PEERS.iter().filter_map(|name| Some(format!("{name} {}", version(name)?))).collect();
    Ok(format!("{}; {cores} cores of {cpu}; {rustc}; {}.", today(), versions.join(", ")))
}

/// The version that is locked.
fn version(name: &str) -> Option<&'static str> {
    let (_, after) = LOCK.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    Some(after.split_once('"')?.0)
}

/// The date, UTC.
fn today() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (mut days, mut year) = (since.as_secs() / 86_400, 1970);
    let leap = |year: u64| (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    format!("{year}-{:02}-{:02}", month + 1, days + 1)
}
