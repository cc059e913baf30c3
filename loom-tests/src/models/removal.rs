//! Keys that are removed by name while others wait for them, take from them or give back.
//!
//! Invariant 4 of the line is checked at the end of each: a bucket is marked exactly if somebody waits or has yet to hear.

use core::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use loom::thread::spawn;

use super::gate::Slots;
use super::keyed::{KEY, Keyed, absent, builder, check, check_books, empty};
use super::{both, poll, three, tokens};
use crate::harness::Model;
use crate::{AcquireError, KeyedLimiter, MonotonicClock, Rate, RateLimiter, TokenBucket};

pub(super) const MODELS: &[Model] = &[
    Model { name: "key: removed under a waiter", preemptions: 3, run: remove_waiter },
    Model { name: "key: removed and taken anew as somebody joins", preemptions: 2, run: remove_take_join },
    Model {
        name: "key: removed under two waiters, the first of whom leaves",
        preemptions: 3,
        run: remove_leave,
    },
    Model { name: "key: a late bucket finds the line", preemptions: 3, run: late_insert },
    Model {
        name: "key: a late bucket with nothing in it finds the line",
        preemptions: 3,
        run: late_and_empty,
    },
    Model { name: "key: a grant of a removed bucket is not given back", preemptions: 3, run: forgotten },
    Model { name: "key: removed twice under a waiter", preemptions: 2, run: remove_twice },
    Model {
        name: "key: removed as tokens are given back to a waiter",
        preemptions: 2,
        run: remove_give_back,
    },
    Model {
        name: "key: removed, and the policy refuses the first in line",
        preemptions: 3,
        run: policy_refuses,
    },
    Model {
        name: "key: removed, and the new bucket is too small for the first",
        preemptions: 3,
        run: too_small,
    },
    Model { name: "key: removed under a try that goes through the line", preemptions: 3, run: remove_behind },
    Model {
        name: "key: a limiter from scratch is removed under a waiter",
        preemptions: 2,
        run: remove_scratch,
    },
    Model {
        name: "key: a limiter from scratch is reclaimed under takes",
        preemptions: 2,
        run: reclaim_scratch,
    },
];

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

fn late_and_empty() {
    let policy = |_: &u8| TokenBucket::new(1, Rate::ZERO).starting_tokens(0);
    let keyed = Arc::new(builder().build(policy));
    // The table of lines is there, and the key is not.
    assert!(poll(&mut Box::pin(keyed.acquire(&KEY, 1))).is_pending());
    assert!(keyed.remove(&KEY));
    let (late, user) = (keyed.clone(), keyed.clone());
    let waiter = spawn(move || {
        let mut future = Box::pin(user.acquire_owned(KEY, 1));
        assert!(poll(&mut future).is_pending());
        user.remove(&KEY);
        // Sees to it that there is a bucket again.
        assert!(poll(&mut future).is_pending());
        future
    });
    assert!(late.try_acquire(&KEY, 1).is_err());
    let waiter = waiter.join().unwrap();
    assert_eq!(keyed.waiting(&KEY), 1);
    keyed.give_back(&KEY, 1).unwrap();
    assert_eq!(keyed.waiting(&KEY), 0, "given back, but not to the one who waits");
    drop(waiter);
    check_books(&keyed, 1, 1);
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

fn remove_twice() {
    let keyed = empty(1);
    let (waiter, one, two) = (keyed.clone(), keyed.clone(), keyed.clone());
    let remover = |keyed: Arc<Keyed>| {
        // The second may find the key absent.
        move || {
            let _ = keyed.remove(&KEY);
        }
    };
    three(move || waiter.acquire_blocking(&KEY, 1).unwrap(), remover(one), remover(two));
    // Served by a bucket that was removed afterwards, or by one that is still there.
    let left = keyed.available(&KEY).unwrap_or(tokens(1));
    assert!(left <= tokens(1));
    assert_eq!(keyed.waiting(&KEY), 0);
    keyed.give_back(&KEY, 1).unwrap();
    assert!(keyed.is_idle(&KEY));
}

fn remove_give_back() {
    let keyed = empty(1);
    let (waiter, remover, giver) = (keyed.clone(), keyed.clone(), keyed.clone());
    three(
        move || waiter.acquire_blocking(&KEY, 1).unwrap(),
        move || assert!(remover.remove(&KEY)),
        move || giver.give_back(&KEY, 1).unwrap(),
    );
    // Given back to the old bucket, or to the new one: before or after the waiter took from that.
    assert_eq!(keyed.waiting(&KEY), 0);
    keyed.give_back(&KEY, 1).unwrap();
    assert!(keyed.is_idle(&KEY), "marked, though nobody waits");
}

type Choosy = KeyedLimiter<u8, TokenBucket, &'static str, MonotonicClock>;

/// A key with nothing left, whose policy makes `later` of it once it is told.
fn replaced(later: Result<TokenBucket, &'static str>) -> (Arc<Choosy>, Arc<AtomicBool>) {
    let told = Arc::new(AtomicBool::new(false));
    let asked = told.clone();
    let keyed = builder().try_build(move |_: &u8| match asked.load(Ordering::Relaxed) {
        true => later.clone(),
        false => Ok(TokenBucket::new(2, Rate::ZERO)),
    });
    keyed.try_acquire(&KEY, 2).unwrap();
    (Arc::new(keyed), told)
}

fn policy_refuses() {
    let (keyed, told) = replaced(Err("no more"));
    let mut first = Box::pin(keyed.acquire(&KEY, 2));
    assert!(poll(&mut first).is_pending());
    told.store(true, Ordering::Relaxed);
    let (second, remover) = (keyed.clone(), keyed.clone());
    let second = spawn(move || second.acquire_blocking(&KEY, 1));
    assert!(remover.remove(&KEY));
    // Whoever is told leaves, and the next one is told.
    assert_eq!(loom::future::block_on(first), Err(AcquireError::Policy("no more")));
    assert_eq!(second.join().unwrap(), Err(AcquireError::Policy("no more")));
    assert_eq!((keyed.waiting(&KEY), keyed.len()), (0, 0));
}

fn too_small() {
    let (keyed, told) = replaced(Ok(TokenBucket::new(1, Rate::ZERO)));
    let mut first = Box::pin(keyed.acquire(&KEY, 2));
    assert!(poll(&mut first).is_pending());
    told.store(true, Ordering::Relaxed);
    let (second, remover) = (keyed.clone(), keyed.clone());
    let second = spawn(move || second.acquire_blocking(&KEY, 1));
    assert!(remover.remove(&KEY));
    let refused = AcquireError::ExceedsCapacity { requested: tokens(2), capacity: tokens(1) };
    assert_eq!(loom::future::block_on(first), Err(refused));
    second.join().unwrap().unwrap();
    assert_eq!((keyed.waiting(&KEY), keyed.available(&KEY)), (0, Some(tokens(0))));
}

fn remove_behind() {
    let keyed = empty(1);
    let mut first = Box::pin(keyed.acquire_owned(KEY, 1));
    assert!(poll(&mut first).is_pending());
    let (trier, remover) = (keyed.clone(), keyed.clone());
    let trier = spawn(move || trier.try_acquire(&KEY, 1).is_ok());
    assert!(remover.remove(&KEY));
    loom::future::block_on(first).unwrap();
    assert!(!trier.join().unwrap(), "it came after the one in line");
    check(&keyed, 1, 0);
}

type Scratch = KeyedLimiter<u8, Box<dyn RateLimiter>, Infallible, MonotonicClock>;

fn scratch(taken: u64) -> Arc<Scratch> {
    let keyed = builder().build(|_: &u8| Slots::boxed(1, 1));
    keyed.try_acquire(&KEY, 1).unwrap();
    assert!(poll(&mut Box::pin(keyed.acquire(&KEY, 1))).is_pending());
    keyed.give_back(&KEY, 1 - taken).unwrap();
    Arc::new(keyed)
}

fn remove_scratch() {
    let keyed = scratch(1);
    let (waiter, remover) = (keyed.clone(), keyed.clone());
    both(move || waiter.acquire_blocking(&KEY, 1).unwrap(), move || assert!(remover.remove(&KEY)));
    assert_eq!((keyed.waiting(&KEY), keyed.available(&KEY)), (0, Some(tokens(0))));
    keyed.give_back(&KEY, 1).unwrap();
    assert!(keyed.is_idle(&KEY), "marked, though nobody waits");
}

fn reclaim_scratch() {
    let keyed = scratch(0);
    let (one, two) = (keyed.clone(), keyed.clone());
    let one = spawn(move || one.try_acquire(&KEY, 1).is_ok());
    let two = spawn(move || two.try_acquire(&KEY, 1).is_ok());
    keyed.reclaim();
    assert!(one.join().unwrap() ^ two.join().unwrap());
    assert_eq!(keyed.available(&KEY), Some(tokens(0)));
}
