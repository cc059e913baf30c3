//! Leases that are returned while others take, wait, and replace the bucket.

use std::sync::Arc;

use loom::thread::spawn;

use super::{both, limiter, tokens};
use crate::clock::Jumping;
use crate::harness::Model;
use crate::{Carry, Limiter, Rate, Timestamp, TokenBucket, Tokens};

pub(super) const MODELS: &[Model] = &[
    Model { name: "lease: a return fits into the least room there was", preemptions: 3, run: least_room },
    Model { name: "lease: two of them do not share the room", preemptions: 3, run: two },
    Model { name: "lease: a return and whoever joins the line find each other", preemptions: 3, run: wakes },
    Model { name: "lease: none is returned to a bucket that took the place", preemptions: 3, run: replaced },
];

const SECOND: u64 = 1_000_000_000;

/// A bucket of two, full, that gets a token a second.
fn two_a_second() -> (Jumping, Arc<Limiter<TokenBucket, Jumping>>) {
    let clock = Jumping::new();
    let limiter = Limiter::with_clock(TokenBucket::new(2, Rate::per_second(1)), clock.clone());
    (clock, Arc::new(limiter))
}

fn least_room() {
    let (clock, limiter) = two_a_second();
    let other = limiter.clone();
    let taken = spawn(move || {
        clock.jump(Timestamp::from_nanos(2 * SECOND));
        other.try_acquire(2).is_ok()
    });
    drop(limiter.lease(2));
    let taken = if taken.join().unwrap() { 2 } else { 0 };
    // Without the lease the bucket had been full all along.
    assert!(limiter.available() <= tokens(2 - taken), "{:?} besides {taken}", limiter.available());
}

fn two() {
    let (clock, limiter) = two_a_second();
    let (one, other) = (limiter.clone(), limiter.clone());
    both(
        move || {
            let lease = one.lease(1).unwrap();
            clock.jump(Timestamp::from_nanos(SECOND));
            drop(lease);
        },
        move || drop(other.lease(1)),
    );
    // Full at the latest after a second, and never fuller.
    assert!(limiter.available() <= tokens(2));
    let taken: u64 = (0..3).map(|_| u64::from(limiter.try_acquire(1).is_ok())).sum();
    assert!(taken <= 2, "{taken}");
}

fn wakes() {
    let limiter = limiter(2, 2);
    let (joining, leasing) = (limiter.clone(), limiter.clone());
    let waits = spawn(move || joining.acquire_blocking(2).unwrap());
    if let Ok(mut lease) = leasing.lease(1) {
        assert!(lease.try_take(0.5));
        drop(lease);
        leasing.give_back(0.5).unwrap();
    }
    waits.join().unwrap();
    assert_eq!((limiter.available(), limiter.waiting()), (Tokens::ZERO, 0));
}

fn replaced() {
    let limiter = limiter(2, 2);
    // The map of later buckets is made before threads race.
    limiter.reconfigure(TokenBucket::new(2, Rate::ZERO));
    let replacing = limiter.clone();
    let taken = spawn(move || {
        replacing.reconfigure_with(TokenBucket::new(2, Rate::ZERO), Carry::Reset);
        replacing.try_acquire(2).is_ok()
    });
    drop(limiter.lease(2));
    let taken = if taken.join().unwrap() { 2 } else { 0 };
    // The new one started full, whatever the old one had lent.
    assert!(limiter.available() <= tokens(2 - taken), "{:?} besides {taken}", limiter.available());
}
