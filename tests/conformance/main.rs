//! Replays the conformance scenarios: what a limiter is asked, when, and the exact answer.
//!
//! The data lies beside this repository, or where `LAZY_LIMITER_CONFORMANCE` says; in a clone without it
//! these tests say so and pass. What ran is printed in any case.

mod data;
mod json;

mod runner;
mod scenario;
mod steps;
mod subject;
mod waiting;

use data::{Ran, directory, with_each};
use scenario::{Policy, Scenario, Step, Waiting};
use subject::On;
use waiting::Drivers;

/// A loop at one instant is spread over so many threads, where it is spread.
const THREADS: u64 = 4;

fn replay_steps(file: &str, how: &str, on: On, threads: u64) {
    with_each(file, how, scenario::steps, |scenario| {
        if on == On::Key && starts_low(scenario) {
            return Ok(Ran::Inapplicable);
        }
        let (subject, clock) = match subject::make(scenario.policy, on) {
            Ok(made) => made,
            Err(fault) => return Ok(Ran::Refused(fault)),
        };
        steps::replay(&*subject, &clock, &scenario.body, threads).map(|()| Ran::Replayed)
    });
}

/// A key that is made again starts low again: the one documented way in which reclamation shows.
fn starts_low<B>(scenario: &Scenario<B>) -> bool {
    matches!(scenario.policy, Policy::TokenBucket { starting: Some(_), .. })
}

fn try_own_hints(file: &str) {
    with_each(file, "each hint on a fresh limiter", scenario::steps, |scenario: &Scenario<Vec<Step>>| {
        if let Err(fault) = subject::make(scenario.policy, On::Limiter) {
            return Ok(Ran::Refused(fault));
        }
        let fresh = || subject::make(scenario.policy, On::Limiter).expect("it was made before");
        match steps::own_hints(&scenario.body, fresh)? {
            0 => Ok(Ran::Inapplicable),
            _ => Ok(Ran::Replayed),
        }
    });
}

fn replay_waiting(how: &str, on: On, drivers: Drivers) {
    with_each("waiting.json", how, scenario::waiting, |scenario: &Scenario<Waiting>| {
        let replay = |drivers, due: Option<&waiting::Grants>| {
            let (subject, clock) = subject::make(scenario.policy, on).map_err(|fault| fault.to_string())?;
            waiting::replay(&*subject, &clock, &scenario.body, drivers, due)
        };
        // Tasks first: they show, without any waiting, when each grant comes.
        let due = replay(Drivers::Tasks, None)?;
        if drivers != Drivers::Tasks {
            replay(drivers, Some(&due))?;
        }
        Ok(Ran::Replayed)
    });
}

#[test]
fn every_file_is_known() {
    let Some(directory) = directory() else { return };
    let entries = std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{directory:?}: {error}"));
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = names.filter(|name| name != "README.md").collect();
    files.sort();
    assert_eq!(files, ["exactness.json", "token_bucket.json", "waiting.json", "windows.json"]);
}

#[test]
fn token_buckets() {
    replay_all_ways("token_bucket.json");
}

#[test]
fn windows() {
    replay_all_ways("windows.json");
}

fn replay_all_ways(file: &str) {
    replay_steps(file, "on a limiter", On::Limiter, 1);
    replay_steps(file, "on a limiter, loops on threads", On::Limiter, THREADS);
    replay_steps(file, "on a boxed limiter", On::Boxed, 1);
    replay_steps(file, "on one key, reclaiming", On::Key, 1);
    replay_steps(file, "on one key, loops on threads", On::Key, THREADS);
    try_own_hints(file);
}

#[test]
fn exactness() {
    replay_steps("exactness.json", "on a limiter", On::Limiter, 1);
    replay_steps("exactness.json", "on a limiter, loops on threads", On::Limiter, THREADS);
}

#[test]
fn exactness_of_a_boxed_limiter() {
    replay_steps("exactness.json", "on a boxed limiter", On::Boxed, 1);
}

#[test]
fn exactness_of_a_key() {
    replay_steps("exactness.json", "on one key, reclaiming", On::Key, 1);
}

#[test]
fn exactness_of_hints() {
    try_own_hints("exactness.json");
}

#[test]
fn waiting_tasks() {
    replay_waiting("tasks", On::Limiter, Drivers::Tasks);
}

#[test]
fn waiting_threads() {
    replay_waiting("threads (tasks where one is cancelled)", On::Limiter, Drivers::Threads);
}

#[test]
fn waiting_tasks_and_threads() {
    replay_waiting("tasks and threads in turn", On::Limiter, Drivers::Mixed);
}

#[test]
fn waiting_at_a_boxed_limiter() {
    replay_waiting("tasks, on a boxed limiter", On::Boxed, Drivers::Tasks);
}

#[test]
fn waiting_for_a_key() {
    replay_waiting("tasks, on one key", On::Key, Drivers::Tasks);
    replay_waiting("tasks and threads in turn, on one key", On::Key, Drivers::Mixed);
}
