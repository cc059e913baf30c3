//! The models. Each states its bound on preemptions beside its name.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::sync::Arc;

use loom::cell::UnsafeCell;

use crate::harness::Model;
use crate::{Limiter, Rate, TokenBucket, Tokens};

mod boxed;
mod bucket;
mod candidates;
mod gate;
mod handover;
mod keyed;
mod late;
mod lease;
mod line;
mod removal;
mod striped;
mod unheard;

pub(crate) fn all() -> impl Iterator<Item = &'static Model> {
    let kernel =
        [bucket::MODELS, line::MODELS, unheard::MODELS, gate::MODELS, boxed::MODELS, handover::MODELS];
    let keyed = [keyed::MODELS, removal::MODELS, late::MODELS, candidates::MODELS];
    let shell = [lease::MODELS, striped::MODELS];
    kernel.into_iter().chain(keyed).chain(shell).flatten()
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

/// Polls once, without being woken afterwards.
fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
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

fn tokens(n: u64) -> Tokens {
    Tokens::from(n)
}
