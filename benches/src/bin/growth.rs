//! Growing to a million keys: the pauses of single calls on the way, what reads cost right after it and later, and
//! what an idle key costs in memory. Each contender in its own process.

use std::hint::black_box;
use std::net::IpAddr;

use governor::DefaultKeyedRateLimiter;
use lazy_limiter_benches::args::Args;
use lazy_limiter_benches::keyed::{Keyed, Ours};
use lazy_limiter_benches::keys::{Key, uniform};
use lazy_limiter_benches::latency::Latencies;
use lazy_limiter_benches::process::{Report, report, resident};
use lazy_limiter_benches::table::Table;
use lazy_limiter_benches::timing::per_call;

/// Reads after growth, in slices that end at these multiples of the number of keys.
const SLICES: [f64; 6] = [1.0 / 64.0, 1.0 / 16.0, 0.25, 1.0, 2.0, 4.0];

fn main() {
    let args = Args::parse();
    let keys = args.count_or(1_000_000, 20_000);
    match args.contender.as_deref() {
        None => parent(&args, keys),
        Some("ours") => grow::<Ours<u64>>(Ours::granting(), keys),
        Some("roomy") => grow::<Ours<u64>>(Ours::with_room(keys).expect("a table with room"), keys),
        Some("governor") => grow(DefaultKeyedRateLimiter::<u64>::granting(), keys),
        Some("ours-u64") => idle::<u64, Ours<u64>>(keys),
        Some("ours-ip") => idle::<IpAddr, Ours<IpAddr>>(keys),
        Some("ours-string") => idle::<String, Ours<String>>(keys),
        Some("governor-u64") => idle::<u64, DefaultKeyedRateLimiter<u64>>(keys),
        Some("governor-ip") => idle::<IpAddr, DefaultKeyedRateLimiter<IpAddr>>(keys),
        Some(_) => idle::<String, DefaultKeyedRateLimiter<String>>(keys),
    }
}

fn parent(args: &Args, keys: u64) {
    println!("growing to {keys} keys");
    let [ours, roomy, governor] =
        ["ours", "roomy", "governor"].map(|contender| Report::of_child(args, contender));
    let mut table = Table::new();
    let nanos = |value: f64| format!("{value:.0} ns");
    let mut row = |work: &str, name: &str, other: &Report| {
        let (ours, theirs) = (ours.get(name), other.get(name));
        table.value(work, (nanos(ours), nanos(theirs)), ours / theirs, None);
    };
    row("an insertion, against governor", "insertion", &governor);
    row("slowest insertion that was not preempted, against governor", "slowest", &governor);
    row("5th slowest insertion of those, against governor", "fifth", &governor);
    row("99.99% of insertions within, against governor", "tail", &governor);
    row("first reads after growth, against governor", "first", &governor);
    row("later reads, against governor", "later", &governor);
    row("first reads after growth, against a table with room", "first", &roomy);
    let (later, of_roomy) = (ours.get("later"), roomy.get("later"));
    table.value(
        "reads at steady state, against a table with room",
        (nanos(later), nanos(of_roomy)),
        later / of_roomy,
        Some(1.3),
    );
    let slowest = ours.get("slowest");
    let work = "slowest insertion that was not preempted, against 2 ms";
    table.value(work, (nanos(slowest), nanos(2e6)), slowest / 2e6, Some(1.0));
    for (key, shown) in [("u64", u64::NAME), ("ip", IpAddr::NAME), ("string", String::NAME)] {
        let [ours, theirs] = ["ours", "governor"]
            .map(|contender| Report::of_child(args, &format!("{contender}-{key}")).get("bytes"));
        let bytes = |value: f64| format!("{value:.0} bytes");
        let work = format!("an idle key ({shown}), against governor");
        table.value(&work, (bytes(ours), bytes(theirs)), ours / theirs, None);
    }
    println!();
    table.print();
}

fn grow<L: Keyed<u64>>(limiter: L, keys: u64) {
    let mut latencies = Latencies::new();
    let nanos = per_call(keys, |i| {
        assert!(latencies.time(|| limiter.take(&i)));
    });
    println!("\n{}\n  {nanos:.0} ns an insertion; calls that took at most", L::NAME);
    for (at_most, calls) in latencies.by_power_of_two() {
        println!("    {at_most:>12} ns: {calls}");
    }
    report("insertion", nanos);
    report("slowest", latencies.undisturbed_but(0) as f64);
    report("fifth", latencies.undisturbed_but(4) as f64);
    report("tail", latencies.quantile(0.9999) as f64);

    let mut from = 0;
    for slice in SLICES {
        let until = (slice * keys as f64) as u64;
        let nanos = per_call(until - from, |i| {
            black_box(limiter.take(black_box(&uniform(from + i, keys))));
        });
        println!("  reads {from} to {until}: {nanos:.1} ns");
        if from == 0 {
            report("first", nanos);
        }
        report("later", nanos);
        from = until;
    }
}

fn idle<K: Key, L: Keyed<K>>(keys: u64) {
    let limiter = L::granting();
    let before = resident();
    limiter.grow(keys);
    report("bytes", (resident() - before) * 1e6 / keys as f64);
}
