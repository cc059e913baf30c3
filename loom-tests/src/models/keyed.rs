//! Keys: reclamation is invisible, and whoever waits for a key is served whatever becomes of its bucket.

use core::convert::Infallible;
use std::sync::Arc;

use loom::thread::spawn;

use super::{Data, both, poll, three, tokens};
use crate::harness::Model;
use crate::keyed::KeyedBuilder;
use crate::{AcquireError, KeyedLimiter, MonotonicClock, Rate, TokenBucket};

pub(super) const MODELS: &[Model] = &[
    Model { name: "key: two takes and a reclamation: one is granted", preemptions: 3, run: takes_reclaim },
    Model { name: "key: two find it absent: one bucket", preemptions: 3, run: two_insert },
    Model {
        name: "key: take, give back, reclaim: as if never dropped",
        preemptions: 3,
        run: give_back_reclaim,
    },
    Model { name: "key: a charge is never lost with a bucket", preemptions: 3, run: charge_reclaim },
    Model { name: "key: join and reclaim: served or still in line", preemptions: 3, run: join_reclaim },
    Model { name: "key: join or give back first", preemptions: 3, run: join_give_back },
    Model {
        name: "key: a grant that is dropped unseen, and a reclamation",
        preemptions: 3,
        run: dropped_reclaim,
    },
    Model { name: "key: close and join: nobody stays", preemptions: 3, run: close_join },
    Model { name: "key: the bound on keys holds, and is not used up", preemptions: 2, run: max_keys },
];

pub(super) type Keyed = KeyedLimiter<u8, TokenBucket, Infallible, MonotonicClock>;

pub(super) const KEY: u8 = 7;

pub(super) fn builder() -> KeyedBuilder {
    // No grace: time stands still.
    KeyedLimiter::builder().grace(core::time::Duration::ZERO)
}

/// The key is absent. The table of lines is there: that it is made once is not modelled.
pub(super) fn absent(capacity: u64, builder: KeyedBuilder) -> Arc<Keyed> {
    let keyed = builder.build(move |_: &u8| TokenBucket::new(capacity, Rate::ZERO));
    keyed.try_acquire(&KEY, capacity).unwrap();
    assert!(poll(&mut Box::pin(keyed.acquire(&KEY, 1))).is_pending());
    assert!(keyed.remove(&KEY));
    // Its candidate is stale.
    assert_eq!(keyed.reclaim(), 0);
    Arc::new(keyed)
}

/// The key is held, and full.
pub(super) fn held(capacity: u64) -> Arc<Keyed> {
    let keyed = absent(capacity, builder());
    keyed.try_acquire(&KEY, capacity).unwrap();
    keyed.give_back(&KEY, capacity).unwrap();
    assert!(keyed.contains_key(&KEY) && keyed.is_idle(&KEY));
    keyed
}

/// The key is held, and has nothing left.
pub(super) fn empty(capacity: u64) -> Arc<Keyed> {
    let keyed = held(capacity);
    keyed.try_acquire(&KEY, capacity).unwrap();
    keyed
}

/// Nobody waits, no mark is left, the books say `left`, and the key goes once it is idle.
pub(super) fn check(keyed: &Keyed, capacity: u64, left: u64) {
    check_books(keyed, capacity, left);
    keyed.give_back(&KEY, capacity).unwrap();
    keyed.reclaim();
    assert!(!keyed.contains_key(&KEY), "idle, but not reclaimed");
}

/// The same of a key whose candidate was in the hands of several threads: their queue's lock is not modelled, and one
/// of them may not have found in the table what another had put there.
pub(super) fn check_books(keyed: &Keyed, capacity: u64, left: u64) {
    assert_eq!(keyed.available(&KEY).unwrap_or(tokens(capacity)), tokens(left));
    assert_eq!(keyed.waiting(&KEY), 0);
    // Whatever the debt.
    keyed.give_back(&KEY, 10 * capacity).unwrap();
    assert!(keyed.is_idle(&KEY), "marked, though nobody waits");
    assert_eq!(keyed.try_acquire(&KEY, capacity), Ok(()));
}

fn takes_reclaim() {
    let keyed = held(1);
    let (one, two) = (keyed.clone(), keyed.clone());
    let one = spawn(move || one.try_acquire(&KEY, 1).is_ok());
    let two = spawn(move || two.try_acquire(&KEY, 1).is_ok());
    keyed.reclaim();
    assert!(one.join().unwrap() ^ two.join().unwrap());
    check(&keyed, 1, 0);
}

fn two_insert() {
    let keyed = absent(1, builder());
    let (one, two) = (keyed.clone(), keyed.clone());
    let one = spawn(move || one.try_acquire(&KEY, 1).is_ok());
    let two = spawn(move || two.try_acquire(&KEY, 1).is_ok());
    assert!(one.join().unwrap() ^ two.join().unwrap());
    check(&keyed, 1, 0);
}

fn give_back_reclaim() {
    let (keyed, data) = (held(1), Data::new());
    let worker = |reclaims: bool| {
        let (keyed, data) = (keyed.clone(), data.clone());
        move || {
            if keyed.try_acquire(&KEY, 1).is_ok() {
                data.write();
                keyed.give_back(&KEY, 1).unwrap();
            }
            if reclaims {
                keyed.reclaim();
            }
        }
    };
    // One token is a lock, over any number of buckets.
    both(worker(true), worker(false));
    assert!(data.read() >= 1);
    check(&keyed, 1, 1);
}

/// A charge is never lost: not even where it makes a debt, which shows once it is paid.
fn charge_reclaim() {
    let keyed = held(2);
    let (biller, taker) = (keyed.clone(), keyed.clone());
    let biller = spawn(move || biller.charge(&KEY, 1).unwrap());
    let taker = spawn(move || taker.try_acquire(&KEY, 2).is_ok());
    keyed.reclaim();
    biller.join().unwrap();
    if taker.join().unwrap() {
        // In debt by one.
        keyed.give_back(&KEY, 1).unwrap();
        check(&keyed, 2, 0);
    } else {
        check(&keyed, 2, 1);
    }
}

fn join_reclaim() {
    let keyed = held(2);
    let (waiter, taker) = (keyed.clone(), keyed.clone());
    three(
        move || waiter.acquire_blocking(&KEY, 2).unwrap(),
        move || {
            if taker.try_acquire(&KEY, 1).is_ok() {
                taker.give_back(&KEY, 1).unwrap();
            }
        },
        {
            let keyed = keyed.clone();
            move || assert!(keyed.reclaim() <= 1)
        },
    );
    check(&keyed, 2, 0);
}

fn join_give_back() {
    let keyed = empty(1);
    let (waiter, giver) = (keyed.clone(), keyed.clone());
    both(move || waiter.acquire_blocking(&KEY, 1).unwrap(), move || giver.give_back(&KEY, 1).unwrap());
    check(&keyed, 1, 0);
}

fn dropped_reclaim() {
    let keyed = empty(1);
    let mut waiter = Box::pin(keyed.acquire_owned(KEY, 1));
    assert!(poll(&mut waiter).is_pending());
    let (giver, reclaimer) = (keyed.clone(), keyed.clone());
    three(
        move || drop(waiter),
        move || giver.give_back(&KEY, 1).unwrap(),
        move || assert!(reclaimer.reclaim() <= 1),
    );
    check(&keyed, 1, 1);
}

fn close_join() {
    let keyed = empty(1);
    let (waiter, closer) = (keyed.clone(), keyed.clone());
    both(
        move || assert_eq!(waiter.acquire_blocking(&KEY, 1), Err(AcquireError::Closed)),
        move || closer.close(),
    );
    assert_eq!(keyed.waiting(&KEY), 0);
    keyed.give_back(&KEY, 1).unwrap();
    assert!(keyed.is_idle(&KEY), "marked, though nobody waits");
}

fn max_keys() {
    let keyed = absent(1, builder().max_keys(1));
    let (one, two) = (keyed.clone(), keyed.clone());
    let (one, two) = (
        spawn(move || one.try_acquire(&KEY, 1)),
        spawn(move || {
            let taken = two.try_acquire(&KEY, 1);
            two.remove(&KEY);
            taken
        }),
    );
    // A racing insertion may be refused for want of room, but leaves none behind.
    let _ = (one.join().unwrap(), two.join().unwrap());
    keyed.remove(&KEY);
    assert_eq!(keyed.try_acquire(&KEY, 1), Ok(()));
    assert_eq!(keyed.len(), 1);
}
