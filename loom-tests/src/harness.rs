//! Runs the models one after the other, and counts.

use core::sync::atomic::{AtomicU64, Ordering};
use std::io::Write;
use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::Instant;

use crate::models;

/// A model: a few threads, and what must hold whatever the order of their steps.
pub(crate) struct Model {
    pub(crate) name: &'static str,
    /// The most preemptions of an execution; `LOOM_MAX_PREEMPTIONS` overrides it.
    pub(crate) preemptions: usize,
    pub(crate) run: fn(),
}

/// Executions of the model that is being run.
static EXECUTIONS: AtomicU64 = AtomicU64::new(0);

/// Runs the models whose names contain one of the arguments, or all; with `--fail-fast`, until one fails.
pub fn run(arguments: impl Iterator<Item = String>) -> ExitCode {
    let (options, filters): (Vec<_>, Vec<_>) = arguments.partition(|argument| argument.starts_with('-'));
    let fail_fast = options.iter().any(|option| option == "--fail-fast");
    let (mut total, mut failed) = (0, Vec::new());
    let chosen = |model: &&Model| filters.is_empty() || filters.iter().any(|f| model.name.contains(f));
    let models: Vec<_> = models::all().filter(chosen).collect();
    for model in &models {
        let (result, executions, seconds) = check(model);
        total += executions;
        if result.is_err() {
            failed.push(model.name);
        }
        let verdict = if result.is_ok() { "ok" } else { "FAILED" };
        println!("{verdict:6} {executions:9} executions {seconds:7.1} s");
        if fail_fast && result.is_err() {
            break;
        }
    }
    failed.iter().for_each(|name| println!("failed: {name}"));
    println!("\n{} models, {total} executions", models.len());
    println!("{} passed, {} failed", models.len() - failed.len(), failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn check(model: &Model) -> (std::thread::Result<()>, u64, f64) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(model.preemptions);
    // A thread that spins reaches this soon; crossbeam-epoch, working, does not.
    builder.max_branches = 20_000;
    print!("{:66} ", model.name);
    // A failed model may abort: its name is out by then.
    let _ = std::io::stdout().flush();
    let (run, start) = (model.run, Instant::now());
    EXECUTIONS.store(0, Ordering::Relaxed);
    let result = catch_unwind(move || {
        builder.check(move || {
            EXECUTIONS.fetch_add(1, Ordering::Relaxed);
            run();
        });
    });
    (result, EXECUTIONS.load(Ordering::Relaxed), start.elapsed().as_secs_f64())
}
