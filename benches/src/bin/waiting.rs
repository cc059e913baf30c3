//! Waiting: 10,000 tasks on one limiter of 10,000 a second, all staying and half of them dropped; and how late a
//! single waiter wakes. Each contender in its own process.
//!
//! Built with the feature `tokio`, the library wakes tasks by tokio's timer; without it, by a thread of its own.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lazy_limiter::{Limiter, MonotonicClock, Rate, TokenBucket};
use lazy_limiter_benches::args::Args;
use lazy_limiter_benches::keys::unit;
use lazy_limiter_benches::process::{Report, processor_time, report};
use lazy_limiter_benches::table::Table;
use lazy_limiter_benches::timing::quartiles;

/// Ten milliseconds' worth: what a limiter may hand out at once if it wakes late.
const BURST: u64 = 100;
const RATE: u64 = 10_000;
/// The wait of a single waiter.
const WAIT: Duration = Duration::from_micros(5_300);

fn main() {
    let args = Args::parse();
    let tasks = args.count_or(10_000, 500);
    let samples = if args.smoke { 10 } else { 300 };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build();
    let runtime = runtime.expect("a runtime");
    match args.contender.as_deref() {
        None => parent(&args, tasks),
        Some("ours") => runtime.block_on(crowd(ours, tasks, false)),
        Some("ours-dropped") => runtime.block_on(crowd(ours, tasks, true)),
        Some("leaky") => runtime.block_on(crowd(leaky, tasks, false)),
        Some("leaky-dropped") => runtime.block_on(crowd(leaky, tasks, true)),
        Some("late-sleep") => runtime.block_on(lateness(samples, || tokio::time::sleep(WAIT))),
        Some("late-ours") => {
            let limiter = Limiter::new(single());
            runtime.block_on(lateness(samples, || wait_alone(&limiter)));
        }
        #[cfg(feature = "tokio")]
        Some("late-tokio-clock") => {
            let limiter = Limiter::with_clock(single(), lazy_limiter::TokioClock::new());
            runtime.block_on(lateness(samples, || wait_alone(&limiter)));
        }
        Some(other) => panic!("no contender {other}"),
    }
}

fn parent(args: &Args, tasks: u64) {
    let with = if cfg!(feature = "tokio") { "with" } else { "without" };
    println!("{tasks} tasks on {RATE} a second, bursts of {BURST}; {with} the feature `tokio`\n");
    let mut table = Table::new();
    let [ours, dropped, leaky, leaky_dropped] =
        ["ours", "ours-dropped", "leaky", "leaky-dropped"].map(|contender| Report::of_child(args, contender));
    for (what, ours, leaky) in [("all stay", &ours, &leaky), ("half dropped", &dropped, &leaky_dropped)] {
        let wall = |report: &Report| format!("{:.3} s", report.get("wall"));
        let ideal = |report: &Report| format!("{:.3} s, ideal", report.get("ideal"));
        let over = |report: &Report| report.get("wall") / report.get("ideal");
        table.value(&format!("wall time, {what}"), (wall(ours), ideal(ours)), over(ours), Some(1.01));
        let peer = format!("wall time of leaky-bucket, {what}");
        table.value(&peer, (wall(leaky), ideal(leaky)), over(leaky), None);
        let processor = |report: &Report| format!("{:.1} ms", report.get("processor"));
        let ratio = ours.get("processor") / leaky.get("processor");
        let work = format!("processor time, {what}, against leaky-bucket");
        table.value(&work, (processor(ours), processor(leaky)), ratio, Some(1.0));
    }
    let sleep = Report::of_child(args, "late-sleep");
    let late = |report: &Report| format!("{:.0} us", report.get("median"));
    let mut lateness = |work: &str, contender: &str| {
        let ours = Report::of_child(args, contender);
        let ratio = ours.get("median") / sleep.get("median");
        table.value(work, (late(&ours), late(&sleep)), ratio, Some(1.2));
    };
    lateness("median lateness of a wake, against tokio's sleep", "late-ours");
    if cfg!(feature = "tokio") {
        lateness("the same on `TokioClock`", "late-tokio-clock");
    }
    println!();
    table.print();
}

/// Something to wait for, one token at a time.
trait Wait: Send + Sync + 'static {
    fn wait(&self) -> impl Future<Output = ()> + Send;
}

impl Wait for Limiter<TokenBucket> {
    async fn wait(&self) {
        self.acquire(1).await.expect("a token");
    }
}

impl Wait for leaky_bucket::RateLimiter {
    async fn wait(&self) {
        self.acquire(1).await;
    }
}

fn ours() -> Limiter<TokenBucket> {
    Limiter::new(TokenBucket::new(BURST, Rate::per_second(RATE)).starting_tokens(0))
}

/// Ten tokens each millisecond: the finest it can do.
fn leaky() -> leaky_bucket::RateLimiter {
    let (burst, refill) = (BURST as usize, RATE as usize / 1000);
    let mut builder = leaky_bucket::RateLimiter::builder();
    builder.max(burst).initial(0).refill(refill).interval(Duration::from_millis(1)).build()
}

/// All tasks wait at once. Every other one, if `dropping`, gives up at a random moment of the first half of the
/// time that all of them would take.
async fn crowd<L: Wait>(make: impl FnOnce() -> L, tasks: u64, dropping: bool) {
    // The first clock of a process calibrates itself, which is not the limiter's time.
    let _ = MonotonicClock::new();
    let whole = Duration::from_secs_f64(tasks as f64 / RATE as f64);
    // Started before the limiter is made, from when on it refills.
    let (before, start) = (processor_time(), Instant::now());
    let (limiter, granted) = (Arc::new(make()), Arc::new(AtomicU64::new(0)));
    let crowd: Vec<_> = (0..tasks)
        .map(|task| {
            let (limiter, granted) = (limiter.clone(), granted.clone());
            tokio::spawn(async move {
                let wait = async {
                    limiter.wait().await;
                    granted.fetch_add(1, Ordering::Relaxed);
                };
                if dropping && task % 2 == 0 {
                    let _ = tokio::time::timeout(whole.mul_f64(unit(task) / 2.0), wait).await;
                } else {
                    wait.await;
                }
            })
        })
        .collect();
    for task in crowd {
        task.await.expect("a task");
    }
    let (wall, processor) = (start.elapsed(), processor_time() - before);
    // Those who gave up took nothing; whoever was served before did.
    let ideal = granted.load(Ordering::Relaxed) as f64 / RATE as f64;
    report("wall", wall.as_secs_f64());
    report("ideal", ideal);
    report("processor", processor.as_secs_f64() * 1e3);
}

/// A bucket of one token, empty, that refills in [`WAIT`].
fn single() -> TokenBucket {
    TokenBucket::new(1, Rate::new(1, WAIT)).starting_tokens(0)
}

async fn wait_alone<C: lazy_limiter::Clock>(limiter: &Limiter<TokenBucket, C>) {
    limiter.acquire(1).await.expect("a token");
}

/// How late each of some waits of [`WAIT`] ends.
async fn lateness<F: Future<Output = ()>>(samples: usize, mut wait: impl FnMut() -> F) {
    let mut late = Vec::with_capacity(samples);
    wait().await;
    for _ in 0..samples {
        let start = Instant::now();
        wait().await;
        late.push(start.elapsed().as_secs_f64().mul_add(1e6, -(WAIT.as_micros() as f64)));
    }
    let (low, median, high) = quartiles(late);
    report("median", median);
    report("low", low);
    report("high", high);
}
