//! The compositions.

use std::sync::Arc;

use shuttle::rand::{Rng, thread_rng};
use shuttle::thread::{spawn, yield_now};

use crate::harness::Composition;

mod closing;
mod semaphore;
mod subject;
mod timed;
mod upheaval;

pub(crate) fn all() -> impl Iterator<Item = &'static Composition> {
    [semaphore::ALL, upheaval::ALL, timed::ALL, closing::ALL].into_iter().flatten()
}

/// Runs `work`, with its number, on so many threads.
fn crowd<S: Send + Sync + 'static>(threads: u64, shared: &Arc<S>, work: fn(&Arc<S>, u64)) {
    let spawned = (0..threads).map(|thread| {
        let shared = shared.clone();
        spawn(move || work(&shared, thread))
    });
    let spawned: Vec<_> = spawned.collect();
    spawned.into_iter().for_each(|thread| thread.join().unwrap());
}

/// A number below `below`, of the schedule's choice.
fn dice(below: u64) -> u64 {
    thread_rng().gen_range(0..below)
}

/// Lets others go first, perhaps.
fn dally() {
    (0..dice(3)).for_each(|_| yield_now());
}
