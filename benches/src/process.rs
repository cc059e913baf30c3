//! One process for each contender, so that none inherits another's heap; and what a process has used.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::args::Args;

/// What a child measured, by name.
#[derive(Clone, Debug, Default)]
pub struct Report(BTreeMap<String, f64>);

impl Report {
    /// Runs this program again, as `contender`; what it reports with [`report`]. Its other output is passed on.
    pub fn of_child(args: &Args, contender: &str) -> Report {
        let program = std::env::current_exe().expect("the path of this program");
        let output = Command::new(program).args(args.for_child(contender)).output();
        let output = output.expect("this program, started again");
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "the process of {contender} failed");
        let mut report = Report::default();
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            match line.strip_prefix('@').and_then(|line| line.split_once(' ')) {
                Some((name, value)) => {
                    report.0.insert(name.into(), value.parse().unwrap_or(f64::NAN));
                }
                None => println!("{line}"),
            }
        }
        report
    }

    /// The value of this name; not a number if the child did not report it.
    pub fn get(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(f64::NAN)
    }
}

/// Reports a value to the parent. The name is one word.
pub fn report(name: &str, value: f64) {
    println!("@{name} {value}");
}

/// Resident memory now, in MB (10⁶ bytes).
pub fn resident() -> f64 {
    status("VmRSS:")
}

/// The most resident memory that there ever was, in MB.
pub fn peak_resident() -> f64 {
    status("VmHWM:")
}

fn status(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib * 1024.0 / 1e6)
}

/// Processor time of all threads so far, in user and system mode.
pub fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
