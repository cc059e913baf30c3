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
    Model { name: "key: removed under a waiter", preemptions: 3, run: remove_waiter },
    Model { name: "key: removed and taken anew as somebody joins", preemptions: 2, run: remove_take_join },
    Model {
        name: "key: removed under two waiters, the first of whom leaves",
        preemptions: 3,
        run: remove_leave,
    },
    Model { name: "key: a late bucket finds the line", preemptions: 3, run: late_insert },
    Model { name: "key: a grant of a removed bucket is not given back", preemptions: 3, run: forgotten },
    Model {
        name: "key: a grant that is dropped unseen, and a reclamation",
        preemptions: 3,
        run: dropped_reclaim,
    },
    Model { name: "key: close and join: nobody stays", preemptions: 3, run: close_join },
    Model { name: "key: the bound on keys holds, and is not used up", preemptions: 3, run: max_keys },
];

type Keyed = KeyedLimiter<u8, TokenBucket, Infallible, MonotonicClock>;

const KEY: u8 = 7;

fn builder() -> KeyedBuilder {
    // No grace: time stands still.
    KeyedLimiter::builder().grace(core::time::Duration::ZERO)
}

/// The key is absent. The table of lines is there: that it is made once is not modelled.
fn absent(capacity: u64, builder: KeyedBuilder) -> Arc<Keyed> {
    let keyed = builder.build(move |_: &u8| TokenBucket::new(capacity, Rate::ZERO));
    keyed.try_acquire(&KEY, capacity).unwrap();
    assert!(poll(&mut Box::pin(keyed.acquire(&KEY, 1))).is_pending());
    assert!(keyed.remove(&KEY));
    // Its candidate is stale.
    assert_eq!(keyed.reclaim(), 0);
    Arc::new(keyed)
}

/// The key is held, and full.
fn held(capacity: u64) -> Arc<Keyed> {
    let keyed = absent(capacity, builder());
    keyed.try_acquire(&KEY, capacity).unwrap();
    keyed.give_back(&KEY, capacity).unwrap();
    assert!(keyed.contains_key(&KEY) && keyed.is_idle(&KEY));
    keyed
}

/// The key is held, and has nothing left.
fn empty(capacity: u64) -> Arc<Keyed> {
    let keyed = held(capacity);
    keyed.try_acquire(&KEY, capacity).unwrap();
    keyed
}

/// Nobody waits, no mark is left, and the books say `left`.
fn check(keyed: &Keyed, capacity: u64, left: u64) {
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

fn charge_reclaim() {
    let keyed = held(2);
    let (biller, taker) = (keyed.clone(), keyed.clone());
    let biller = spawn(move || biller.charge(&KEY, 1).unwrap());
    let taker = spawn(move || taker.try_acquire(&KEY, 2).is_ok());
    keyed.reclaim();
    biller.join().unwrap();
    // In debt, or refused.
    check(&keyed, 2, if taker.join().unwrap() { 0 } else { 1 });
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

fn remove_waiter() {
    let keyed = empty(1);
    let (waiter, remover) = (keyed.clone(), keyed.clone());
    // Whichever comes first, a full bucket follows, and nothing else feeds the waiter.
    both(move || waiter.acquire_blocking(&KEY, 1).unwrap(), move || assert!(remover.remove(&KEY)));
    check(&keyed, 1, 0);
}

fn remove_take_join() {
    let keyed = empty(1);
    let (waiter, remover, taker) = (keyed.clone(), keyed.clone(), keyed.clone());
    three(
        move || waiter.acquire_blocking(&KEY, 1).unwrap(),
        move || assert!(remover.remove(&KEY)),
        move || {
            if taker.try_acquire(&KEY, 1).is_ok() {
                taker.give_back(&KEY, 1).unwrap();
            }
        },
    );
    check(&keyed, 1, 0);
}

fn remove_leave() {
    let keyed = empty(2);
    let mut first = Box::pin(keyed.acquire_owned(KEY, 2));
    assert!(poll(&mut first).is_pending());
    let (second, remover) = (keyed.clone(), keyed.clone());
    three(
        move || second.acquire_blocking(&KEY, 1).unwrap(),
        move || assert!(remover.remove(&KEY)),
        move || drop(first),
    );
    check(&keyed, 2, 1);
}

fn late_insert() {
    let keyed = absent(1, builder());
    let (late, waiter) = (keyed.clone(), keyed.clone());
    // Absent at first; made by whoever comes first, emptied, waited for and removed while another makes it too.
    both(
        move || {
            if late.try_acquire(&KEY, 1).is_ok() {
                late.give_back(&KEY, 1).unwrap();
            }
        },
        move || {
            waiter.charge(&KEY, 1).unwrap();
            let mut future = Box::pin(waiter.acquire(&KEY, 1));
            let served = poll(&mut future).is_ready();
            waiter.remove(&KEY);
            // Woken or not, it is served in the end: by the bucket that follows.
            assert!(served || loom::future::block_on(future).is_ok());
        },
    );
    assert_eq!(keyed.waiting(&KEY), 0);
}

fn forgotten() {
    let keyed = empty(1);
    let mut waiter = Box::pin(keyed.acquire_owned(KEY, 1));
    assert!(poll(&mut waiter).is_pending());
    // Granted, and not seen.
    keyed.give_back(&KEY, 1).unwrap();
    let remover = keyed.clone();
    both(
        move || {
            assert!(remover.remove(&KEY));
            assert_eq!(remover.try_acquire(&KEY, 1), Ok(()), "it is as good as new");
        },
        move || drop(waiter),
    );
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
