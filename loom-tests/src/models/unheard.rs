//! Grants that are never seen: what is given back is as if they had never been.

use loom::thread::spawn;

use super::{limiter, poll, tokens};
use crate::Limiter;
use crate::TokenBucket;
use crate::harness::Model;

pub(super) const MODELS: &[Model] = &[
    Model { name: "unheard: no more comes back than there was room for", preemptions: 3, run: overflow },
    Model { name: "unheard: a take in between does not make the room", preemptions: 3, run: take },
    Model { name: "unheard: seen or dropped, the mark goes with the last", preemptions: 2, run: two },
];

type Waiting = core::pin::Pin<Box<dyn Future<Output = Result<(), crate::AcquireError>>>>;

/// A limiter of two with nothing left, and one who was granted a token and has not heard.
fn granted() -> (std::sync::Arc<Limiter<TokenBucket>>, Waiting) {
    let limiter = limiter(2, 0);
    let mut waiter: Waiting = Box::pin(limiter.clone().acquire_owned(1));
    assert!(poll(&mut waiter).is_pending());
    limiter.give_back(1).unwrap();
    assert_eq!((limiter.available(), limiter.waiting()), (tokens(0), 0));
    (limiter, waiter)
}

/// No mark is left.
fn open(limiter: &Limiter<TokenBucket>) {
    limiter.give_back(2).unwrap();
    assert!(limiter.is_idle(), "marked, though all have heard");
}

fn overflow() {
    let (limiter, waiter) = granted();
    let giver = limiter.clone();
    let giver = spawn(move || giver.give_back(2).unwrap());
    drop(waiter);
    giver.join().unwrap();
    // 1 + 2, of which 2 fit.
    assert_eq!(limiter.available(), tokens(2));
    open(&limiter);
}

fn take() {
    let (limiter, waiter) = granted();
    let (giver, taker) = (limiter.clone(), limiter.clone());
    let giver = spawn(move || giver.give_back(2).unwrap());
    let taker = spawn(move || taker.try_acquire(2).is_ok());
    drop(waiter);
    giver.join().unwrap();
    // Two were there only once two were given, when the third had no room.
    let taken = if taker.join().unwrap() { 2 } else { 0 };
    assert_eq!(limiter.available(), tokens(2 - taken));
    open(&limiter);
}

fn two() {
    let (limiter, first) = granted();
    let (second, giver) = (limiter.clone(), limiter.clone());
    let second = spawn(move || second.acquire_blocking(1).unwrap());
    let giver = spawn(move || giver.give_back(1).unwrap());
    drop(first);
    giver.join().unwrap();
    second.join().unwrap();
    assert_eq!((limiter.available(), limiter.waiting()), (tokens(1), 0));
    open(&limiter);
}
