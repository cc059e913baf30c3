//! Counting instructions under callgrind, and holding the counts against recorded ones.
//!
//! A program that counts starts itself again under valgrind, once for each path, and only what [`counted`] does is
//! counted. The counts repeat to the instruction on one machine with one compiler; another compiler makes other
//! code, so a record names the compiler it was made with and is held against no other.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

/// What is counted: a name, and a function that calls [`counted`] once.
pub type Path = (&'static str, fn());

/// By how much a count may differ from the recorded one.
const TOLERANCE: f64 = 0.03;
/// Counted calls.
const CALLS: u64 = 2_048;
/// Calls before, that do what only first calls do.
const WARM: u64 = 512;
/// The exit code of a check that could not be made.
const SKIPPED: u8 = 77;
const RECORD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.csv");
const AGAIN: &str = "cargo run --release -p lazy-limiter-benches --bin instructions -- --record";

/// Makes the calls, and counts the instructions of most of them.
pub fn counted(mut call: impl FnMut()) {
    (0..WARM).for_each(|_| call());
    counted_by_callgrind(&mut call);
}

/// By this name callgrind knows where to count.
#[inline(never)]
fn counted_by_callgrind(call: &mut impl FnMut()) {
    for _ in 0..CALLS {
        call();
    }
}

/// The program: without arguments it prints what it counts, with `--check` it holds that against the record, and with
/// `--record` it makes one.
pub fn run(paths: &[Path]) -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--path", name] => {
            let (_, path) = paths.iter().find(|(known, _)| *known == name).expect("a path of this name");
            path();
            ExitCode::SUCCESS
        }
        [] | ["--check"] | ["--record"] if !have_valgrind() => {
            eprintln!("NOT COUNTED: there is no valgrind here");
            ExitCode::from(SKIPPED)
        }
        [] | ["--check"] | ["--record"] => match count_all(paths) {
            Ok(counts) => conclude(words.first().map(String::as_str), &counts),
            Err(why) => {
                eprintln!("{why}");
                ExitCode::FAILURE
            }
        },
        _ => {
            eprintln!("the arguments are none, --check or --record");
            ExitCode::from(2)
        }
    }
}

fn conclude(mode: Option<&str>, counts: &[(&str, f64)]) -> ExitCode {
    let recorded = Record::read();
    for (name, count) in counts {
        let known = recorded.counts.get(*name);
        let known = known.map_or("new".into(), |known| format!("recorded {known:.1}"));
        println!("{name:<44} {count:>8.1}   {known}");
    }
    match mode {
        Some("--check") => check(&recorded, counts),
        Some(_) => {
            Record { compiler: compiler(), counts: counts.iter().map(|&(n, c)| (n.into(), c)).collect() }
                .write(counts);
            println!("\nrecorded in {RECORD}");
            ExitCode::SUCCESS
        }
        None => ExitCode::SUCCESS,
    }
}

fn check(recorded: &Record, counts: &[(&str, f64)]) -> ExitCode {
    if recorded.compiler != compiler() {
        eprintln!(
            "NOT CHECKED: the record is of `{}`, and this is `{}`. To record with this one:\n  {AGAIN}",
            recorded.compiler,
            compiler()
        );
        return ExitCode::from(SKIPPED);
    }
    let mut wrong = Vec::new();
    for (name, count) in counts {
        match recorded.counts.get(*name) {
            None => wrong.push(format!("`{name}` is not recorded")),
            Some(known) if (count / known - 1.0).abs() > TOLERANCE => wrong.push(format!(
                "`{name}` takes {count:.1} instructions, {known:.1} are recorded: {:+.1}%",
                (count / known - 1.0) * 100.0
            )),
            Some(_) => {}
        }
    }
    let gone = recorded.counts.keys().filter(|name| counts.iter().all(|(known, _)| known != name));
    wrong.extend(gone.map(|name| format!("`{name}` is recorded, but is not counted any more")));
    if wrong.is_empty() {
        println!("\nall within {:.0}% of the record, of {}", TOLERANCE * 100.0, recorded.compiler);
        return ExitCode::SUCCESS;
    }
    eprintln!(
        "\n{}\nIf that is as it should be, say why in the commit, and record it:\n  {AGAIN}",
        wrong.join("\n")
    );
    ExitCode::FAILURE
}

fn have_valgrind() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|said| said.status.success())
}

fn count_all<'a>(paths: &[(&'a str, fn())]) -> Result<Vec<(&'a str, f64)>, String> {
    paths.iter().map(|(name, _)| Ok((*name, count(name)?))).collect()
}

/// Instructions a call of this path.
fn count(name: &str) -> Result<f64, String> {
    let out = std::env::temp_dir().join(format!("callgrind.{}", std::process::id()));
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--toggle-collect=*counted_by_callgrind*"]);
    valgrind.arg(format!("--callgrind-out-file={}", out.display()));
    valgrind.arg(program).args(["--path", name]).stdin(Stdio::null());
    let ran = valgrind.output().map_err(|error| format!("valgrind cannot be run: {error}"))?;
    let profile = std::fs::read_to_string(&out).unwrap_or_default();
    let _ = std::fs::remove_file(&out);
    let said = String::from_utf8_lossy(&ran.stderr);
    if !ran.status.success() {
        return Err(format!("`{name}` failed under valgrind:\n{said}"));
    }
    let total = profile.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse::<u64>().ok());
    match total {
        Some(total) if total > 0 => Ok(total as f64 / CALLS as f64),
        _ => Err(format!("callgrind counted nothing of `{name}`:\n{said}")),
    }
}

/// The compiler and the target, which decide what code there is to count.
fn compiler() -> String {
    let said = Command::new("rustc").arg("--version").output();
    let version = said.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned());
    format!("{}, {}-{}", version.unwrap_or_default(), std::env::consts::ARCH, std::env::consts::OS)
}

/// What was counted before.
#[derive(Debug, Default)]
struct Record {
    compiler: String,
    counts: BTreeMap<String, f64>,
}

impl Record {
    /// An empty one if there is none.
    fn read() -> Record {
        let text = std::fs::read_to_string(PathBuf::from(RECORD)).unwrap_or_default();
        let mut record = Record::default();
        for line in text.lines() {
            match (line.strip_prefix("# compiler: "), line.rsplit_once(',')) {
                (Some(compiler), _) => record.compiler = compiler.into(),
                (None, Some((name, count))) => {
                    if let Ok(count) = count.parse() {
                        record.counts.insert(name.trim_matches('"').into(), count);
                    }
                }
                (None, None) => {}
            }
        }
        record
    }

    fn write(&self, order: &[(&str, f64)]) {
        let mut text = format!("# Instructions a call, by callgrind. To record anew:\n# {AGAIN}\n");
        text += &format!("# compiler: {}\npath,instructions\n", self.compiler);
        for (name, count) in order {
            text += &format!("\"{name}\",{count:.1}\n");
        }
        std::fs::write(RECORD, text).expect("the record can be written");
    }
}
