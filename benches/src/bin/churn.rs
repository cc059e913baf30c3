//! Churn: 50,000,000 distinct keys, each used once, 100,000 a virtual second. Memory must stay flat. Beside it governor
//! that sweeps each second, on as many keys, and one that does not on a tenth of them: its memory has no end. Each in its
//! own process.
//!
//! `--count N` for another number of keys.

use std::time::{Duration, Instant};

use lazy_limiter_benches::args::Args;
use lazy_limiter_benches::process::{Report, report, resident};
use lazy_limiter_benches::table::Table;
use lazy_limiter_benches::virtual_time::{Governor, Ours, Virtual};

const A_SECOND: u64 = 100_000;
const SAMPLES: u64 = 20;

fn main() {
    let args = Args::parse();
    let keys = args.count_or(50_000_000, 1_000_000);
    match args.contender.as_deref() {
        None => parent(&args),
        Some("ours") => child(&Ours::new(), keys),
        Some("sweeping") => child(&Governor::new(true), keys),
        Some(_) => child(&Governor::new(false), keys / 10),
    }
}

fn parent(args: &Args) {
    let [ours, sweeping, plain] =
        ["ours", "sweeping", "plain"].map(|contender| Report::of_child(args, contender));
    let mut table = Table::new();
    let megabytes = |value: f64| format!("{value:.1} MB");
    let mut row = |work: &str, ours: f64, theirs: f64, bar| {
        table.value(work, (megabytes(ours), megabytes(theirs)), ours / theirs, bar);
    };
    let (early, late) = (ours.get("early"), ours.get("late"));
    row("most resident, second half against first half", late, early, Some(1.1));
    row("most resident, against governor sweeping", late, sweeping.get("late"), None);
    row("most resident, against governor plain, on a tenth of the keys", late, plain.get("late"), None);
    let nanos = |report: &Report| format!("{:.0} ns", report.get("call"));
    let ratio = ours.get("call") / sweeping.get("call");
    table.value("a call, against governor sweeping", (nanos(&ours), nanos(&sweeping)), ratio, None);
    table.print();
}

fn child(limiter: &impl Virtual, keys: u64) {
    let step = Duration::from_nanos(1_000_000_000 / A_SECOND);
    let every = (keys / SAMPLES).max(1);
    let (mut early, mut late, began) = (0f64, 0f64, Instant::now());
    let mut start = began;
    println!(
        "\n{}\n{keys} keys, {A_SECOND} a virtual second\n\n    keys used  held  resident  a call",
        limiter.name()
    );
    for i in 0..keys {
        limiter.advance(step);
        limiter.take(i);
        if i % A_SECOND == A_SECOND - 1 {
            limiter.sweep();
        }
        if (i + 1) % every == 0 {
            let (now, nanos) = (resident(), start.elapsed().as_nanos() as f64 / every as f64);
            println!("{:>13} {:>6}  {now:>5.1} MB  {nanos:>3.0} ns", i + 1, limiter.held());
            let half = if i < keys / 2 { &mut early } else { &mut late };
            *half = half.max(now);
            start = Instant::now();
        }
    }
    report("call", began.elapsed().as_nanos() as f64 / keys as f64);
    println!();
    report("early", early);
    report("late", late);
}
