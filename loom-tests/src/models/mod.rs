//! The models. Each states its bound on preemptions beside its name.

use std::sync::Arc;

use loom::cell::UnsafeCell;

use crate::harness::Model;
use crate::{Limiter, Rate, TokenBucket, Tokens};

mod bucket;
mod line;

pub(crate) fn all() -> impl Iterator<Item = &'static Model> {
    [bucket::MODELS, line::MODELS].into_iter().flatten()
}

/// A limiter that never refills.
fn limiter(capacity: u64, starting: u64) -> Arc<Limiter<TokenBucket>> {
    Arc::new(Limiter::new(TokenBucket::new(capacity, Rate::ZERO).starting_tokens(starting)))
}

/// Runs both at once.
fn both(one: impl FnOnce() + 'static, other: impl FnOnce() + 'static) {
    let other = loom::thread::spawn(other);
    one();
    other.join().unwrap();
}

/// Runs all three at once.
fn three(one: impl FnOnce() + 'static, two: impl FnOnce() + 'static, three: impl FnOnce() + 'static) {
    let (two, three) = (loom::thread::spawn(two), loom::thread::spawn(three));
    one();
    two.join().unwrap();
    three.join().unwrap();
}

/// What a user of the limiter guards by it: loom fails a model in which two threads touch it unordered.
struct Data(UnsafeCell<u64>);

// SAFETY: what it is for: loom checks every access.
unsafe impl Send for Data {}
// SAFETY: as above.
unsafe impl Sync for Data {}

impl Data {
    fn new() -> Arc<Data> {
        Arc::new(Data(UnsafeCell::new(0)))
    }

    fn write(&self) {
        // SAFETY: checked by loom.
        self.0.with_mut(|data| unsafe { *data += 1 });
    }

    fn read(&self) -> u64 {
        // SAFETY: checked by loom.
        self.0.with(|data| unsafe { *data })
    }
}

/// How many of `results` are grants.
fn tokens(n: u64) -> Tokens {
    Tokens::from(n)
}
