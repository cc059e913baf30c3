//! A from-scratch limiter: its state is its own, its flags are the gate's.

use core::time::Duration;
use std::sync::Arc;

use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread::spawn;

use super::{Data, both, poll, three, tokens};
use crate::harness::Model;
use crate::kernel::bucket::Bucket;
use crate::kernel::cell::Flags;
use crate::kernel::limit::{Seal, Taken};
use crate::{Limiter, RateLimiter, Timestamp, Tokens};

pub(super) const MODELS: &[Model] = &[
    Model { name: "gate: a take and a retirement exclude each other", preemptions: 3, run: take_retire },
    Model { name: "gate: two takes and a retirement", preemptions: 3, run: two_takes_retire },
    Model {
        name: "gate: give back and retire: sealed only when full",
        preemptions: 3,
        run: give_back_retire,
    },
    Model { name: "gate: take and give back between two looks", preemptions: 3, run: version },
    Model { name: "gate: a charge and a retirement exclude each other", preemptions: 3, run: charge_retire },
    Model { name: "gate: join or give back first", preemptions: 3, run: join_give_back },
    Model { name: "gate: a second joins as two are given back", preemptions: 3, run: second_joins },
    Model { name: "gate: one token is a lock", preemptions: 3, run: as_a_lock },
    Model { name: "gate: giving back publishes to the take it enables", preemptions: 3, run: publishes },
    Model { name: "gate: a waiter and a retirement: never both", preemptions: 3, run: join_retire },
    Model { name: "gate: a grant that is dropped unseen serves the next", preemptions: 2, run: dropped },
];

const NOW: Timestamp = Timestamp::ZERO;

/// So many at a time. Its state orders nothing by itself, so whatever order there is comes from the gate.
pub(super) struct Slots {
    free: AtomicU64,
    most: u64,
}

impl Slots {
    pub(super) fn boxed(most: u64, free: u64) -> Box<dyn RateLimiter> {
        Box::new(Slots { free: AtomicU64::new(tokens(free).parts()), most })
    }

    fn bucket(most: u64, free: u64) -> Arc<Bucket<Box<dyn RateLimiter>>> {
        Arc::new(Bucket::new(Slots::boxed(most, free), NOW, Flags::NONE))
    }

    fn limiter(most: u64, free: u64) -> Arc<Limiter<Box<dyn RateLimiter>>> {
        Arc::new(Limiter::new(Slots::boxed(most, free)))
    }
}

impl RateLimiter for Slots {
    fn capacity(&self) -> Tokens {
        tokens(self.most)
    }

    fn available(&self, _: Timestamp) -> Tokens {
        Tokens::from_parts(self.free.load(Ordering::Relaxed))
    }

    fn try_acquire(&self, n: Tokens, _: Timestamp) -> Result<(), Option<Duration>> {
        let take = |free: u64| free.checked_sub(n.parts());
        self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).map(drop).map_err(|_| None)
    }

    fn time_to_available(&self, n: Tokens, now: Timestamp) -> Option<Duration> {
        (n <= self.available(now)).then_some(Duration::ZERO)
    }

    fn give_back(&self, n: Tokens, _: Timestamp) {
        self.free.fetch_add(n.parts(), Ordering::Relaxed);
    }

    fn charge(&self, n: Tokens, _: Timestamp) {
        self.free.fetch_sub(n.parts(), Ordering::Relaxed);
    }
}

/// After a retirement nothing may be gone from the limiter: its successor is full.
fn check_sealed(bucket: &Bucket<Box<dyn RateLimiter>>, sealed: bool) {
    assert_eq!(bucket.flags().is_sealed(), sealed);
    assert!(!sealed || bucket.available(NOW) == bucket.capacity(), "sealed, but not full");
}

fn take_retire() {
    let bucket = Slots::bucket(1, 1);
    let taker = bucket.clone();
    let taker = spawn(move || taker.take(tokens(1), NOW));
    let sealed = bucket.retire(NOW, NOW);
    let taken = taker.join().unwrap();
    assert!(matches!(taken, Taken::Granted | Taken::Sealed));
    assert!(!(sealed && taken == Taken::Granted), "granted from what was dropped as full");
    check_sealed(&bucket, sealed);
}

fn two_takes_retire() {
    let bucket = Slots::bucket(2, 2);
    let (one, two) = (bucket.clone(), bucket.clone());
    let one = spawn(move || one.take(tokens(1), NOW));
    let two = spawn(move || two.take(tokens(2), NOW));
    let sealed = bucket.retire(NOW, NOW);
    let taken = [one.join().unwrap(), two.join().unwrap()];
    assert!(!sealed || !taken.contains(&Taken::Granted));
    check_sealed(&bucket, sealed);
}

fn give_back_retire() {
    let bucket = Slots::bucket(2, 0);
    let (one, two) = (bucket.clone(), bucket.clone());
    let one = spawn(move || one.refund(tokens(1), NOW, Seal::Respected));
    let two = spawn(move || two.refund(tokens(1), NOW, Seal::Respected));
    let sealed = bucket.retire(NOW, NOW);
    assert!(!one.join().unwrap().is_sealed() && !two.join().unwrap().is_sealed(), "it was never full before");
    check_sealed(&bucket, sealed);
    assert!(sealed || bucket.retire(NOW, NOW), "full and idle, or sealed already");
}

fn version() {
    let bucket = Slots::bucket(1, 1);
    let user = bucket.clone();
    let user = spawn(move || match user.take(tokens(1), NOW) {
        Taken::Granted => {
            // In and out, and in again: the number of those inside is what it was.
            user.refund(tokens(1), NOW, Seal::Respected);
            user.take(tokens(1), NOW)
        }
        other => other,
    });
    let sealed = bucket.retire(NOW, NOW);
    assert!(!(sealed && user.join().unwrap() == Taken::Granted));
    check_sealed(&bucket, sealed);
}

fn charge_retire() {
    let bucket = Slots::bucket(1, 1);
    let biller = bucket.clone();
    let biller = spawn(move || biller.debit(tokens(1), NOW, Seal::Respected));
    let sealed = bucket.retire(NOW, NOW);
    assert_eq!(sealed, biller.join().unwrap().is_sealed(), "charged, or told of the seal");
    check_sealed(&bucket, sealed);
}

fn join_give_back() {
    let limiter = Slots::limiter(1, 0);
    let (waiter, giver) = (limiter.clone(), limiter.clone());
    both(move || waiter.acquire_blocking(1).unwrap(), move || giver.give_back(1).unwrap());
    assert_eq!((limiter.available(), limiter.waiting()), (tokens(0), 0));
    limiter.give_back(1).unwrap();
    assert!(limiter.is_idle(), "marked, though nobody waits");
    assert_eq!(limiter.try_acquire(1), Ok(()), "the line is open again");
}

fn second_joins() {
    let limiter = Slots::limiter(3, 0);
    let mut first = Box::pin(limiter.acquire(2));
    assert!(poll(&mut first).is_pending());
    let (second, giver) = (limiter.clone(), limiter.clone());
    both(
        move || second.acquire_blocking(1).unwrap(),
        move || {
            giver.give_back(1).unwrap();
            giver.give_back(2).unwrap();
        },
    );
    assert!(poll(&mut first).is_ready(), "served before the second");
    assert_eq!((limiter.available(), limiter.waiting()), (tokens(0), 0));
}

fn as_a_lock() {
    let (limiter, data) = (Slots::limiter(1, 1), Data::new());
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
}

fn publishes() {
    let (limiter, data) = (Slots::limiter(1, 0), Data::new());
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

fn join_retire() {
    use crate::kernel::bucket::{Claim, Joined};
    use crate::kernel::line::{Line, Wakes};

    // One is taken while somebody comes who wants both.
    let bucket = Slots::bucket(2, 2);
    let line = Arc::new(crate::Mutex::new(Line::default()));
    let (joiner, taker, queue) = (bucket.clone(), bucket.clone(), line.clone());
    let joiner = spawn(move || {
        let claim = Claim { n: tokens(2), deadline: None, max_waiters: 1 };
        let mut wakes = Wakes::default();
        joiner.join(&mut queue.lock(), claim, NOW, core::task::Waker::noop(), &mut wakes)
    });
    let taker = spawn(move || taker.take(tokens(1), NOW));
    let sealed = bucket.retire(NOW, NOW);
    let (joined, taken) = (joiner.join().unwrap(), taker.join().unwrap());
    assert_eq!(sealed, joined == Joined::Sealed);
    assert!(!sealed || taken == Taken::Sealed);
    let waits = matches!(joined, Joined::Waiting(..));
    assert_eq!((bucket.flags().is_queued(), line.lock().len()), (waits, usize::from(waits)));
}

fn dropped() {
    let limiter = Slots::limiter(1, 0);
    let mut first = Box::pin(limiter.clone().acquire_owned(1));
    assert!(poll(&mut first).is_pending());
    let (second, giver) = (limiter.clone(), limiter.clone());
    three(
        move || second.acquire_blocking(1).unwrap(),
        move || giver.give_back(1).unwrap(),
        move || drop(first),
    );
    assert_eq!((limiter.available(), limiter.waiting()), (tokens(0), 0));
}
