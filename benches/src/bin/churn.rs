//! Churn: 50,000,000 distinct keys, each used once, 100,000 a virtual second. Memory must stay flat.
//!
//! `--count N` for another number of keys.

use std::time::{Duration, Instant};

use lazy_limiter_benches::args::Args;
use lazy_limiter_benches::process::{Report, report, resident};
use lazy_limiter_benches::table::Table;
use lazy_limiter_benches::virtual_time::{Ours, Virtual};

const A_SECOND: u64 = 100_000;
const SAMPLES: u64 = 20;

fn main() {
    let args = Args::parse();
    let keys = args.count_or(50_000_000, 1_000_000);
    if args.contender.is_some() {
        child(keys);
        return;
    }
    let ours = Report::of_child(&args, "ours");
    let shown = |name: &str| format!("{:.1} MB", ours.get(name));
    let mut table = Table::new();
    let growth = ours.get("late") / ours.get("early");
    let work = "most resident, second half against first half";
    table.value(work, (shown("late"), shown("early")), growth, Some(1.1));
    table.print();
}

fn child(keys: u64) {
    let limiter = Ours::new();
    let step = Duration::from_nanos(1_000_000_000 / A_SECOND);
    let every = (keys / SAMPLES).max(1);
    let (mut early, mut late, mut start) = (0f64, 0f64, Instant::now());
    println!("{keys} keys, {A_SECOND} a virtual second\n\n    keys used  held  resident  a call");
    for i in 0..keys {
        limiter.advance(step);
        limiter.take(i);
        if (i + 1) % every == 0 {
            let (now, nanos) = (resident(), start.elapsed().as_nanos() as f64 / every as f64);
            println!("{:>13} {:>6}  {now:>5.1} MB  {nanos:>3.0} ns", i + 1, limiter.held());
            let half = if i < keys / 2 { &mut early } else { &mut late };
            *half = half.max(now);
            start = Instant::now();
        }
    }
    println!();
    report("early", early);
    report("late", late);
}
