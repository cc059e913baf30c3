//! Runs the compositions one after the other, each under two schedulers, and counts.
//!
//! `SHUTTLE_ITERATIONS` says how many schedules of each kind (1000 by default), `SHUTTLE_SEED` which ones. When one
//! fails, shuttle prints its schedule: `shuttle-tests --replay SCHEDULE NAME` runs it again.

use core::sync::atomic::{AtomicU64, Ordering};
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};

use crate::models;

/// Some threads, and what must hold whatever the order of their steps.
pub(crate) struct Composition {
    pub(crate) name: &'static str,
    pub(crate) run: fn(),
}

static EXECUTIONS: AtomicU64 = AtomicU64::new(0);

/// Ordering constraints that PCT is to meet: most bugs need two or three.
const DEPTH: usize = 4;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().map_or(default, |text| text.parse().expect("a number"))
}

/// Runs the compositions whose names contain one of the arguments, or all.
pub fn run(arguments: impl Iterator<Item = String>) -> ExitCode {
    let mut arguments: Vec<_> = arguments.collect();
    if arguments.first().is_some_and(|option| option == "--replay") {
        return replay(&arguments[1], &arguments[2]);
    }
    arguments.retain(|argument| !argument.starts_with('-'));
    let chosen =
        |it: &&Composition| arguments.is_empty() || arguments.iter().any(|word| it.name.contains(word));
    let (iterations, seed) = (number("SHUTTLE_ITERATIONS", 1000) as usize, number("SHUTTLE_SEED", 7));
    let (mut ran, mut failed) = (0, Vec::new());
    for composition in models::all().filter(chosen) {
        let start = Instant::now();
        print!("{:66} ", composition.name);
        let _ = std::io::stdout().flush();
        let before = EXECUTIONS.load(Ordering::Relaxed);
        let result = check(composition, RandomScheduler::new_from_seed(seed, iterations))
            .and_then(|()| check(composition, PctScheduler::new_from_seed(seed, DEPTH, iterations)));
        let executions = EXECUTIONS.load(Ordering::Relaxed) - before;
        ran += 1;
        if result.is_err() {
            failed.push(composition.name);
        }
        let verdict = if result.is_ok() { "ok" } else { "FAILED" };
        println!("{verdict:6} {executions:7} executions {:6.1} s", start.elapsed().as_secs_f64());
    }
    failed.iter().for_each(|name| println!("failed: {name}"));
    println!("\n{ran} compositions, {} executions", EXECUTIONS.load(Ordering::Relaxed));
    println!("{} passed, {} failed", ran - failed.len(), failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn check(composition: &Composition, scheduler: impl Scheduler + Send + 'static) -> std::thread::Result<()> {
    let run = composition.run;
    let work = move || {
        Runner::new(scheduler, Config::new()).run(move || {
            EXECUTIONS.fetch_add(1, Ordering::Relaxed);
            run();
        });
    };
    // On a thread of its own: an execution that fails leaves things undone in the thread's locals.
    std::thread::spawn(work).join()
}

fn replay(schedule: &str, name: &str) -> ExitCode {
    let composition = models::all().find(|it| it.name == name).expect("the name of a composition");
    shuttle::replay(composition.run, schedule);
    println!("{name}: did not fail");
    ExitCode::SUCCESS
}
