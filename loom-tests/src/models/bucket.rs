//! The fast path: what is granted, what the books say, and what a user may conclude from an answer.

use std::sync::Arc;

use loom::thread::spawn;

use super::{Data, both, limiter, three, tokens};
use crate::harness::Model;
use crate::{Limiter, TokenBucket};

pub(super) const MODELS: &[Model] = &[
    Model { name: "two takes of one token: one is granted", preemptions: 3, run: two_takes },
    Model { name: "three takes of two tokens: two are granted", preemptions: 3, run: three_takes },
    Model { name: "a large take among small ones: never more than there is", preemptions: 3, run: mixed },
    Model { name: "take, give back, charge: the books balance", preemptions: 3, run: books },
    Model { name: "one token is a lock: what it guards is never raced for", preemptions: 3, run: as_a_lock },
    Model { name: "giving back publishes to the take it enables", preemptions: 3, run: give_back_publishes },
    Model { name: "a charge publishes to the take it refuses", preemptions: 3, run: charge_publishes },
    Model { name: "giving back publishes to who sees the level", preemptions: 3, run: level_publishes },
];

type Shared = Arc<Limiter<TokenBucket>>;

/// Runs a take of each of `amounts` at once; what was granted.
fn takes(limiter: &Shared, amounts: &[u64]) -> u64 {
    let threads: Vec<_> = amounts
        .iter()
        .map(|&n| {
            let limiter = limiter.clone();
            spawn(move || if limiter.try_acquire(n).is_ok() { n } else { 0 })
        })
        .collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).sum()
}

fn two_takes() {
    assert_eq!(takes(&limiter(2, 1), &[1, 1]), 1);
}

fn three_takes() {
    let limiter = limiter(3, 2);
    assert_eq!(takes(&limiter, &[1, 1, 1]), 2);
    assert_eq!(limiter.available(), tokens(0));
}

fn mixed() {
    let limiter = limiter(3, 3);
    let granted = takes(&limiter, &[2, 2, 1]);
    assert_eq!(granted, 3, "one of the large ones and the small one, in any order");
    assert_eq!(limiter.available(), tokens(0));
}

fn books() {
    let limiter = limiter(4, 2);
    let (taker, giver, biller) = (limiter.clone(), limiter.clone(), limiter.clone());
    let taker = spawn(move || taker.try_acquire(2).is_ok());
    let giver = spawn(move || giver.give_back(1).unwrap());
    let biller = spawn(move || biller.charge(1).unwrap());
    let taken = if taker.join().unwrap() { 2 } else { 0 };
    giver.join().unwrap();
    biller.join().unwrap();
    assert_eq!(limiter.available(), tokens(2 + 1 - 1 - taken));
}

fn as_a_lock() {
    let (limiter, data) = (limiter(1, 1), Data::new());
    let worker = || {
        let (limiter, data) = (limiter.clone(), data.clone());
        move || {
            if limiter.try_acquire(1).is_ok() {
                data.write();
                limiter.give_back(1).unwrap();
            }
        }
    };
    both(worker(), worker());
    assert!(data.read() >= 1);
    assert_eq!(limiter.available(), tokens(1));
}

fn give_back_publishes() {
    let (limiter, data) = (limiter(1, 0), Data::new());
    let (taker, seen) = (limiter.clone(), data.clone());
    both(
        move || {
            data.write();
            limiter.give_back(1).unwrap();
        },
        move || {
            if taker.try_acquire(1).is_ok() {
                assert_eq!(seen.read(), 1);
            }
        },
    );
}

fn charge_publishes() {
    let (limiter, data) = (limiter(1, 1), Data::new());
    let (taker, seen) = (limiter.clone(), data.clone());
    both(
        move || {
            data.write();
            limiter.charge(1).unwrap();
        },
        move || {
            if taker.try_acquire(1).is_err() {
                assert_eq!(seen.read(), 1);
            }
        },
    );
}

fn level_publishes() {
    let (limiter, data) = (limiter(2, 0), Data::new());
    let (looker, seen) = (limiter.clone(), data.clone());
    let other = limiter.clone();
    three(
        move || {
            data.write();
            limiter.give_back(1).unwrap();
        },
        move || {
            if looker.available() >= tokens(1) {
                assert_eq!(seen.read(), 1);
            }
        },
        // A link in between changes nothing.
        move || drop(other.try_acquire(2)),
    );
}
