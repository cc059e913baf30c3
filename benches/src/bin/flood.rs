//! A flood of keys, each used once, beside a few in steady use: what it costs in memory, and what the slowest calls
//! then cost. On a virtual clock, each contender in its own process.
//!
//! 5,000,000 distinct keys at 100,000 a virtual second, each used once and full again after a second; no grace. Between
//! them a call for one of 1,000 steady keys, so that each of those is used every ten milliseconds (and mostly
//! refused, which is a use).

use std::time::Duration;

use lazy_limiter_benches::args::Args;
use lazy_limiter_benches::latency::Latencies;
use lazy_limiter_benches::process::{Report, peak_resident, report, resident};
use lazy_limiter_benches::table::Table;
use lazy_limiter_benches::virtual_time::{Governor, Ours, Virtual};

const STEADY: u64 = 1_000;
const A_SECOND: u64 = 100_000;
/// What is called once more after the flood.
const AFTER: u64 = 100_000;
const STEP: Duration = Duration::from_nanos(1_000_000_000 / A_SECOND);

fn main() {
    let args = Args::parse();
    let flood = args.count_or(5_000_000, 200_000);
    match args.contender.as_deref() {
        None => parent(&args, flood),
        Some("ours") => child(&Ours::new(), flood),
        Some("sweeping") => child(&Governor::new(true), flood),
        Some(_) => child(&Governor::new(false), flood),
    }
}

fn parent(args: &Args, flood: u64) {
    let [ours, sweeping, idle] =
        ["ours", "sweeping", "plain"].map(|contender| Report::of_child(args, contender));
    println!("\n{flood} keys, {A_SECOND} a virtual second, beside {STEADY} in steady use\n");
    let mut table = Table::new();
    let megabytes = |value: f64| format!("{value:.1} MB");
    let millis = |nanos: f64| format!("{:.3} ms", nanos / 1e6);
    let mut row = |work: &str, ours: f64, theirs: f64, shown: &dyn Fn(f64) -> String, bar| {
        table.value(work, (shown(ours), shown(theirs)), ours / theirs, bar);
    };
    let (peak, sweeping_peak) = (ours.get("peak"), sweeping.get("peak"));
    row("peak resident, against governor sweeping", peak, sweeping_peak, &megabytes, Some(1.0));
    row("peak resident, against governor plain", peak, idle.get("peak"), &megabytes, None);
    let (after, steady) = (ours.get("after"), ours.get("steady"));
    row("resident after flood and calls, against before", after, steady, &megabytes, Some(4.0));
    let (fifth, slowest) = (ours.get("fifth"), sweeping.get("slowest"));
    row("5th slowest call, against governor's slowest", fifth, slowest, &millis, Some(0.1));
    let (fifth, slowest) = (ours.get("undisturbed-fifth"), sweeping.get("undisturbed-slowest"));
    row("the same, of those not preempted", fifth, slowest, &millis, None);
    table.print();
}

fn child(limiter: &impl Virtual, flood: u64) {
    let mut latencies = Latencies::new();
    let mut granted = 0u64;
    let steady = |i: u64| u64::from(limiter.take(u64::MAX - i % STEADY));

    // Steady keys alone, for a virtual second.
    for i in 0..A_SECOND {
        limiter.advance(STEP);
        granted += steady(i);
    }
    limiter.sweep();
    let before = resident();

    for i in 0..flood {
        limiter.advance(STEP);
        granted += u64::from(latencies.time(|| limiter.take(i)));
        granted += latencies.time(|| steady(i));
        if i % A_SECOND == A_SECOND - 1 {
            latencies.time(|| limiter.sweep());
        }
    }
    let (peak, flooded, held) = (peak_resident(), resident(), limiter.held());

    for i in 0..AFTER {
        limiter.advance(STEP);
        granted += latencies.time(|| steady(i));
    }
    limiter.sweep();
    let after = resident();

    println!("\n{}", limiter.name());
    println!(
        "  resident: {before:.1} MB before, {peak:.1} at most, {flooded:.1} at the end of the flood, {after:.1} after"
    );
    println!(
        "  keys held: {held} at the end of the flood, {} after; calls granted: {granted}",
        limiter.held()
    );
    println!("  99.99% of calls within {:.1} us; the slowest:", latencies.quantile(0.9999) as f64 / 1e3);
    for slow in latencies.slowest() {
        let why = if slow.preempted { " (the scheduler took the processor away)" } else { "" };
        println!("    {:.3} ms{why}", slow.nanos as f64 / 1e6);
    }
    let undisturbed = |rank| latencies.undisturbed_but(rank) as f64;
    println!("  undisturbed: {:.3} ms, the fifth {:.3} ms", undisturbed(0) / 1e6, undisturbed(4) / 1e6);
    report("steady", before);
    report("peak", peak);
    report("after", after);
    report("slowest", latencies.slowest_but(0) as f64);
    report("fifth", latencies.slowest_but(4) as f64);
    report("undisturbed-slowest", undisturbed(0));
    report("undisturbed-fifth", undisturbed(4));
}
