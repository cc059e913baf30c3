//! The line of one limiter: nobody is stranded, nobody passes, nothing is lost or minted.
//!
//! A wake-up that is lost leaves a thread asleep for ever, which loom reports as a deadlock.

use core::task::Waker;
use core::time::Duration;
use std::sync::Arc;

use loom::thread::spawn;

use super::{Data, both, limiter, poll, three, tokens};
use crate::clock::{Clock, Jumping};
use crate::harness::Model;
use crate::kernel::bucket::{Bucket, Claim, Joined};
use crate::kernel::cell::Flags;
use crate::kernel::limit::Seal;
use crate::kernel::line::{Line, Wakes};
use crate::{AcquireError, Limiter, Rate, Timestamp, TokenBucket};

pub(super) const MODELS: &[Model] = &[
    Model { name: "join or give back first: no wake-up is lost", preemptions: 3, run: join_give_back },
    Model { name: "two join, two give back: both are served", preemptions: 3, run: two_join },
    Model { name: "a task joins, a thread gives back", preemptions: 3, run: task },
    Model { name: "giving back publishes to the waiter it serves", preemptions: 3, run: publishes },
    Model { name: "a take passes nobody who is in line", preemptions: 3, run: no_barging },
    Model { name: "a take passes nobody as the line moves", preemptions: 3, run: no_barging_between },
    Model { name: "the head leaves as a follower joins", preemptions: 3, run: head_leaves },
    Model { name: "the head leaves: the next one watches the clock", preemptions: 3, run: next_leads },
    Model { name: "two wait for a refill: both lead in turn", preemptions: 3, run: refill },
    Model { name: "a waiter and a retirement: never both", preemptions: 3, run: join_retire },
    Model { name: "a grant that is dropped unseen serves the next", preemptions: 3, run: dropped_grant },
    Model { name: "dropped or granted: the token is somewhere", preemptions: 3, run: drop_or_grant },
    Model { name: "close and join: nobody stays", preemptions: 3, run: close_join },
    Model { name: "close and give back: granted or closed", preemptions: 3, run: close_give_back },
    Model { name: "a timeout and a grant: one or the other", preemptions: 3, run: timeout },
];

const SECOND: Duration = Duration::from_secs(1);

/// A limiter that refills by one token a second, and its clock, which moves when somebody sleeps.
fn dated(capacity: u64) -> (Arc<Limiter<TokenBucket, Jumping>>, Jumping) {
    let clock = Jumping::new();
    let bucket = TokenBucket::new(capacity, Rate::per_second(1)).starting_tokens(0);
    (Arc::new(Limiter::with_clock(bucket, clock.clone())), clock)
}

fn join_give_back() {
    let limiter = limiter(1, 0);
    let giver = limiter.clone();
    let waiter = limiter.clone();
    both(move || waiter.acquire_blocking(1).unwrap(), move || giver.give_back(1).unwrap());
    assert_eq!(limiter.available(), tokens(0));
    assert_eq!(limiter.waiting(), 0);
    limiter.give_back(1).unwrap();
    assert_eq!(limiter.try_acquire(1), Ok(()), "the line is open again");
}

fn two_join() {
    let limiter = limiter(3, 0);
    let (one, two, giver) = (limiter.clone(), limiter.clone(), limiter.clone());
    three(
        move || one.acquire_blocking(2).unwrap(),
        move || two.acquire_blocking(1).unwrap(),
        move || {
            giver.give_back(1).unwrap();
            giver.give_back(2).unwrap();
        },
    );
    assert_eq!(limiter.available(), tokens(0));
    assert_eq!(limiter.waiting(), 0);
}

fn task() {
    let limiter = limiter(1, 0);
    let giver = limiter.clone();
    let waiter = limiter.clone();
    both(move || loom::future::block_on(waiter.acquire(1)).unwrap(), move || giver.give_back(1).unwrap());
    assert_eq!(limiter.available(), tokens(0));
}

fn publishes() {
    let (limiter, data) = (limiter(1, 0), Data::new());
    let (waiter, seen) = (limiter.clone(), data.clone());
    both(
        move || {
            waiter.acquire_blocking(1).unwrap();
            assert_eq!(seen.read(), 1);
        },
        move || {
            data.write();
            limiter.give_back(1).unwrap();
        },
    );
}

fn no_barging() {
    let limiter = limiter(2, 1);
    let mut large = Box::pin(limiter.acquire(2));
    assert!(poll(&mut large).is_pending());
    let (giver, taker) = (limiter.clone(), limiter.clone());
    let taker = spawn(move || taker.try_acquire(1).is_ok());
    giver.give_back(1).unwrap();
    assert!(!taker.join().unwrap(), "it came after the one who waits for two");
    assert!(poll(&mut large).is_ready());
}

fn no_barging_between() {
    let limiter = limiter(3, 0);
    let (mut first, mut second) = (Box::pin(limiter.acquire(1)), Box::pin(limiter.acquire(2)));
    assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
    let taker = limiter.clone();
    let taker = spawn(move || taker.try_acquire(1).is_ok());
    // For the first, and half of what the second waits for.
    limiter.give_back(2).unwrap();
    assert!(!taker.join().unwrap(), "it came after the second");
    assert!(poll(&mut first).is_ready() && poll(&mut second).is_pending());
    limiter.give_back(1).unwrap();
    assert!(poll(&mut second).is_ready());
}

fn head_leaves() {
    let limiter = limiter(2, 1);
    let owner = limiter.clone();
    let mut head = Box::pin(owner.acquire_owned(2));
    assert!(poll(&mut head).is_pending());
    let follower = limiter.clone();
    both(move || follower.acquire_blocking(1).unwrap(), move || drop(head));
    assert_eq!((limiter.available(), limiter.waiting()), (tokens(0), 0));
    limiter.give_back(1).unwrap();
    assert_eq!(limiter.try_acquire(1), Ok(()));
}

fn next_leads() {
    let (limiter, _) = dated(2);
    let mut head = Box::pin(limiter.clone().acquire_owned(1));
    assert!(poll(&mut head).is_pending());
    let follower = limiter.clone();
    // Nobody gives anything back: a follower that nobody tells to lead sleeps for ever.
    both(move || follower.acquire_blocking(2).unwrap(), move || drop(head));
    assert_eq!(limiter.waiting(), 0);
}

fn refill() {
    let (limiter, clock) = dated(2);
    let (one, two) = (limiter.clone(), limiter.clone());
    both(move || one.acquire_blocking(1).unwrap(), move || two.acquire_blocking(2).unwrap());
    assert_eq!((limiter.available(), limiter.waiting()), (tokens(0), 0));
    assert_eq!(clock.now(), Timestamp::ZERO + 3 * SECOND);
}

fn join_retire() {
    let bucket = TokenBucket::new(1, Rate::ZERO).starting_tokens(0);
    let bucket = Arc::new(Bucket::new(bucket, Timestamp::ZERO, Flags::NONE));
    let line = Arc::new(crate::Mutex::new(Line::default()));
    let now = Timestamp::ZERO;
    let (joiner, giver, queue) = (bucket.clone(), bucket.clone(), line.clone());
    let joiner = spawn(move || {
        let claim = Claim { n: tokens(1), deadline: None, max_waiters: 1 };
        joiner.join(&mut queue.lock(), claim, now, Waker::noop(), &mut Wakes::default())
    });
    // Nobody serves the line here, so that whoever joins in time still stands in it.
    let giver = spawn(move || giver.refund(tokens(1), now, Seal::Respected));
    let sealed = bucket.retire(now, now);
    giver.join().unwrap();
    match joiner.join().unwrap() {
        Joined::Waiting(..) => assert!(!sealed && bucket.flags().is_queued() && !bucket.retire(now, now)),
        Joined::Granted => assert!(!sealed && !bucket.flags().is_queued()),
        joined => assert!(sealed && joined == Joined::Sealed),
    }
}

fn dropped_grant() {
    let limiter = limiter(1, 0);
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

fn drop_or_grant() {
    let limiter = limiter(1, 0);
    let mut waiter = Box::pin(limiter.clone().acquire_owned(1));
    assert!(poll(&mut waiter).is_pending());
    let (giver, taker) = (limiter.clone(), limiter.clone());
    let giver = spawn(move || giver.give_back(1).unwrap());
    let taker = spawn(move || taker.try_acquire(1).is_ok());
    drop(waiter);
    giver.join().unwrap();
    let taken = u64::from(taker.join().unwrap());
    assert_eq!((limiter.available(), limiter.waiting()), (tokens(1 - taken), 0));
    assert_eq!(limiter.try_acquire(1).is_ok(), taken == 0, "the line is open again");
}

fn close_join() {
    let limiter = limiter(1, 0);
    let (waiter, closer) = (limiter.clone(), limiter.clone());
    both(move || assert_eq!(waiter.acquire_blocking(1), Err(AcquireError::Closed)), move || closer.close());
    assert_eq!(limiter.waiting(), 0);
}

fn close_give_back() {
    let limiter = limiter(1, 0);
    let (waiter, closer, giver) = (limiter.clone(), limiter.clone(), limiter.clone());
    let waiter = spawn(move || waiter.acquire_blocking(1));
    let giver = spawn(move || giver.give_back(1).unwrap());
    closer.close();
    giver.join().unwrap();
    let left = match waiter.join().unwrap() {
        Ok(()) => 0,
        Err(error) => {
            assert_eq!(error, AcquireError::Closed);
            1
        }
    };
    assert_eq!((limiter.available(), limiter.waiting()), (tokens(left), 0));
}

fn timeout() {
    let (limiter, clock) = dated(4);
    let (waiter, other) = (limiter.clone(), limiter.clone());
    let waiter = spawn(move || waiter.acquire_blocking_timeout(1, SECOND));
    // Moves the date past the deadline, or comes too late for that; and back again.
    other.charge(1).unwrap();
    other.give_back(1).unwrap();
    let granted = waiter.join().unwrap().is_ok();
    clock.jump(Timestamp::ZERO + 2 * SECOND);
    assert_eq!((limiter.available(), limiter.waiting()), (tokens(2 - u64::from(granted)), 0));
}
