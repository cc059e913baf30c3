//! Limits that change while they are in use: nothing is lost or minted, and whoever waits is served or told.

use std::sync::Arc;

use loom::thread::spawn;

use super::gate::Slots;
use super::keyed::{KEY, absent, builder, check, empty, held};
use super::{both, poll, three, tokens};
use crate::harness::Model;
use crate::{AcquireError, Carry, Limiter, Rate, TokenBucket};

pub(super) const MODELS: &[Model] = &[
    Model { name: "hand over: a take and a give back meanwhile", preemptions: 2, run: take_give_back },
    Model { name: "hand over: a take and a charge meanwhile", preemptions: 2, run: take_charge },
    Model { name: "hand over: a take meanwhile finds what there is", preemptions: 3, run: take },
    Model { name: "hand over under a waiter, who is fed meanwhile", preemptions: 2, run: waiter },
    Model { name: "hand over to a smaller one: too much is told so", preemptions: 2, run: smaller },
    Model { name: "hand over and close: closed stays closed", preemptions: 3, run: close },
    Model { name: "gate: hand over, a take and a give back meanwhile", preemptions: 2, run: scratch },
    Model { name: "key: hand over, a take and a reclamation meanwhile", preemptions: 2, run: key },
    Model { name: "key: hand over, and tokens are given back meanwhile", preemptions: 3, run: key_given },
    Model { name: "key: hand over and remove: one line, nobody stays", preemptions: 2, run: key_removed },
    Model { name: "key: made as the policy changes: the new one holds", preemptions: 3, run: policy },
];

fn bucket(capacity: u64) -> TokenBucket {
    TokenBucket::new(capacity, Rate::ZERO)
}

/// One that has been reconfigured before: that the place for a later bucket is made once is not modelled.
fn limiter(capacity: u64, starting: u64) -> Arc<Limiter<TokenBucket>> {
    let limiter = super::limiter(capacity, starting);
    limiter.reconfigure(bucket(capacity));
    limiter
}

/// The books say `left`, nobody waits, and no mark is left.
fn settled(limiter: &Limiter<TokenBucket>, capacity: u64, left: u64) {
    assert_eq!((limiter.available(), limiter.waiting()), (tokens(left), 0));
    limiter.give_back(capacity).unwrap();
    assert!(limiter.is_idle(), "marked, though nobody waits");
    assert_eq!(limiter.try_acquire(capacity), Ok(()));
}

fn take_give_back() {
    let limiter = limiter(3, 1);
    let (taker, giver) = (limiter.clone(), limiter.clone());
    let taker = spawn(move || u64::from(taker.try_acquire(1).is_ok()));
    let giver = spawn(move || giver.give_back(1).unwrap());
    limiter.reconfigure(bucket(3));
    giver.join().unwrap();
    let taken = taker.join().unwrap();
    settled(&limiter, 3, 2 - taken);
}

fn take() {
    let limiter = limiter(3, 2);
    // From then on, whoever takes looks for the bucket of the day.
    limiter.reconfigure(bucket(3));
    let taker = limiter.clone();
    both(move || taker.try_acquire(1).unwrap(), {
        let limiter = limiter.clone();
        move || limiter.reconfigure(bucket(3))
    });
    settled(&limiter, 3, 1);
}

fn take_charge() {
    let limiter = limiter(3, 2);
    let (taker, biller) = (limiter.clone(), limiter.clone());
    let taker = spawn(move || u64::from(taker.try_acquire(1).is_ok()));
    let biller = spawn(move || biller.charge(1).unwrap());
    limiter.reconfigure(bucket(3));
    biller.join().unwrap();
    let taken = taker.join().unwrap();
    settled(&limiter, 3, 1 - taken);
}

fn waiter() {
    let limiter = limiter(2, 0);
    let (waiter, giver, other) = (limiter.clone(), limiter.clone(), limiter.clone());
    three(
        move || waiter.acquire_blocking(1).unwrap(),
        move || giver.give_back(1).unwrap(),
        move || other.reconfigure(bucket(2)),
    );
    settled(&limiter, 2, 0);
}

fn smaller() {
    let limiter = limiter(2, 0);
    let mut first = Box::pin(limiter.acquire(2));
    assert!(poll(&mut first).is_pending());
    let (second, other) = (limiter.clone(), limiter.clone());
    let second = spawn(move || second.acquire_blocking(1));
    let other = spawn(move || other.reconfigure_with(bucket(1), Carry::Reset));
    let refused = AcquireError::ExceedsCapacity { requested: tokens(2), capacity: tokens(1) };
    assert_eq!(loom::future::block_on(first), Err(refused));
    second.join().unwrap().unwrap();
    other.join().unwrap();
    settled(&limiter, 1, 0);
}

fn close() {
    let limiter = limiter(2, 1);
    let (closer, other) = (limiter.clone(), limiter.clone());
    both(move || closer.close(), move || other.reconfigure(bucket(2)));
    assert_eq!(limiter.try_acquire(1), Err(AcquireError::Closed));
    assert_eq!(limiter.available(), tokens(1));
}

fn scratch() {
    let limiter = Arc::new(Limiter::new(Slots::boxed(3, 1)));
    limiter.reconfigure(Slots::boxed(3, 3));
    let (taker, giver) = (limiter.clone(), limiter.clone());
    let taker = spawn(move || u64::from(taker.try_acquire(1).is_ok()));
    let giver = spawn(move || giver.give_back(1).unwrap());
    limiter.reconfigure(Slots::boxed(3, 3));
    giver.join().unwrap();
    let taken = taker.join().unwrap();
    assert_eq!((limiter.available(), limiter.waiting()), (tokens(2 - taken), 0));
    limiter.give_back(1 + taken).unwrap();
    assert!(limiter.is_idle(), "marked, though nobody waits");
}

fn key() {
    let keyed = held(2);
    let (taker, reclaimer) = (keyed.clone(), keyed.clone());
    let taker = spawn(move || u64::from(taker.try_acquire(&KEY, 1).is_ok()));
    let reclaimer = spawn(move || reclaimer.reclaim());
    keyed.reconfigure(&KEY, bucket(2));
    reclaimer.join().unwrap();
    let taken = taker.join().unwrap();
    // Nobody else takes: refused it cannot be.
    assert_eq!(taken, 1);
    check(&keyed, 2, 1);
}

fn key_given() {
    let keyed = empty(2);
    let (giver, other) = (keyed.clone(), keyed.clone());
    both(move || giver.give_back(&KEY, 1).unwrap(), move || assert!(other.reconfigure(&KEY, bucket(2))));
    check(&keyed, 2, 1);
}

fn key_removed() {
    let keyed = empty(1);
    let (waiter, remover, other) = (keyed.clone(), keyed.clone(), keyed.clone());
    three(
        move || waiter.acquire_blocking(&KEY, 1).unwrap(),
        move || assert!(remover.remove(&KEY)),
        // The key may be absent.
        move || {
            let _ = other.reconfigure(&KEY, bucket(1));
        },
    );
    check(&keyed, 1, 0);
}

fn policy() {
    let keyed = absent(1, builder());
    let (taker, other) = (keyed.clone(), keyed.clone());
    both(
        move || taker.try_acquire(&KEY, 1).unwrap(),
        move || other.try_reconfigure_all(|_: &u8| Ok(bucket(3)), Carry::Reset),
    );
    assert_eq!(keyed.try_acquire(&KEY, 4).unwrap_err(), exceeds(4, 3));
}

fn exceeds<E>(requested: u64, capacity: u64) -> AcquireError<E> {
    AcquireError::ExceedsCapacity { requested: tokens(requested), capacity: tokens(capacity) }
}
