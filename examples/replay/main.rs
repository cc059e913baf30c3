//! Replays an access log through one bucket per client, on the log's own time: whom would a limit turn away?
//!
//! `cargo run --release --example replay -- --capacity 5 --rate 1/10s access.log`

use std::env;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use lazy_limiter::{KeyedLimiter, ManualClock, TokenBucket};

mod chart;
mod log;
mod options;
mod report;

use log::Log;
use options::{Command, Options, Source};
use report::{Client, Report};

const SYNTHETIC: &[u8] = include_bytes!("synthetic.log");

fn main() -> ExitCode {
    let done = match Command::parse(env::args_os().skip(1)) {
        Ok(Command::Help) => print(|out| out.write_all(options::USAGE.as_bytes())),
        Ok(Command::Replay(options)) => run(&options),
        Err(wrong) => {
            complain(&format!("{wrong}; --help shows the usage"));
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure);
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    let progress = Progress::new();
    let lines = |n| progress.show(&format!("{n} lines read"));
    let (name, log) = match &options.source {
        Source::Synthetic => ("the synthetic log".into(), Log::read(SYNTHETIC, lines)),
        Source::Stdin => ("standard input".into(), Log::read(io::stdin().lock(), lines)),
        Source::File(path) => {
            let log = File::open(path).and_then(|file| Log::read(BufReader::new(file), lines));
            (path.display().to_string(), log)
        }
    };
    progress.clear();
    let log = log.map_err(|error| format!("cannot read {name}: {error}"))?;
    if let Some((line, flaw)) = log.first_skipped {
        let lines = if log.skipped == 1 { "line" } else { "lines" };
        complain(&format!("skipped {} {lines} of {name}, the first is line {line}: {flaw}", log.skipped));
    }
    if log.requests.is_empty() {
        return Err(format!("{name} has no request in it"));
    }
    let report = replay(log, &options.bucket, options.top, &progress);
    progress.clear();
    if let Some(path) = &options.svg {
        let name = Path::new(&name).file_name().map_or(name.clone().into(), |name| name.to_string_lossy());
        let title = format!("{name}, each client: {}", options.limit);
        chart::draw(path, &title, &report)
            .map_err(|error| format!("cannot draw {}: {error}", path.display()))?;
    }
    let synthetic = matches!(options.source, Source::Synthetic);
    if options.json {
        if synthetic {
            complain("these are the figures of a synthetic log, made up for this example");
        }
        return print(|out| report.print_json(out));
    }
    print(|out| {
        if synthetic {
            writeln!(out, "This log is synthetic: made up for this example, not anybody's traffic.\n")?;
        }
        writeln!(out, "Each client: {}\n", options.limit)?;
        report.print(out)
    })
}

/// Each request takes one token from its client's bucket, at the time that the log says.
fn replay(mut log: Log, bucket: &TokenBucket, top: usize, progress: &Progress) -> Report {
    // Stable: what happened within a second stays in the order of the lines.
    log.requests.sort_by_key(|(time, _)| *time);
    let clock = ManualClock::new();
    let bucket = bucket.clone();
    let keyed = KeyedLimiter::builder().clock(clock.clone()).build(move |_client: &String| bucket.clone());
    let mut clients: Vec<Client> =
        log.clients.into_iter().map(|name| Client { name, requests: 0, denied: 0 }).collect();
    let mut report = Report { keys: clients.len(), ..Report::default() };
    let mut now = log.requests.first().map_or(0, |(time, _)| *time);
    for (time, client) in log.requests {
        let seconds = time.abs_diff(now);
        now = time;
        clock.advance(Duration::from_secs(seconds));
        let client = &mut clients[client];
        let granted = keyed.try_acquire(client.name.as_str(), 1).is_ok();
        report.requests += 1;
        report.timeline.push((time, granted));
        report.seconds += seconds;
        report.allowed += u64::from(granted);
        report.denied += u64::from(!granted);
        report.peak_buckets = report.peak_buckets.max(keyed.len());
        client.requests += 1;
        client.denied += u64::from(!granted);
        if report.requests.is_multiple_of(65_536) {
            progress.show(&format!("{} requests replayed", report.requests));
        }
    }
    clients.retain(|client| client.denied > 0);
    // Stable here too: among equals, whoever came first.
    clients.sort_by_key(|client| std::cmp::Reverse(client.denied));
    clients.truncate(top);
    report.most_denied = clients;
    report
}

/// Prints to standard output. A reader that has seen enough and closes it (`head`) is no failure.
fn print(
    write: impl FnOnce(&mut BufWriter<io::StdoutLock<'static>>) -> io::Result<()>,
) -> Result<(), String> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("cannot write: {error}")),
        _ => Ok(()),
    }
}

/// Says something on standard error; if even that is closed, nobody is there to be told.
fn complain(what: &str) {
    let _ = writeln!(io::stderr(), "replay: {what}");
}

/// A line that is written over again and again, for people; programs that read standard error do not get it.
struct Progress {
    visible: bool,
}

impl Progress {
    fn new() -> Progress {
        Progress { visible: io::stderr().is_terminal() }
    }

    fn show(&self, what: &str) {
        if self.visible {
            let _ = write!(io::stderr(), "\r\x1b[K{what}");
        }
    }

    fn clear(&self) {
        self.show("");
    }
}
