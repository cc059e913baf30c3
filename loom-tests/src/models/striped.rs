//! A limit in two stripes.

use std::sync::Arc;

use loom::thread::spawn;

use super::tokens;
use crate::clock::Jumping;
use crate::harness::Model;
use crate::{Rate, StripedLimiter, Timestamp};

pub(super) const MODELS: &[Model] = &[
    Model {
        name: "striped: what there is is granted once, from whichever stripe",
        preemptions: 3,
        run: once,
    },
    Model { name: "striped: no more than the whole rate brings", preemptions: 3, run: rate },
];

fn once() {
    let limiter = StripedLimiter::try_with_stripes(2, Rate::ZERO, Jumping::new(), 2).unwrap();
    let (limiter, mut granted) = (Arc::new(limiter), 0);
    let others: Vec<_> = (0..2)
        .map(|own| {
            let limiter = limiter.clone();
            spawn(move || u64::from(limiter.try_acquire_from(own, tokens(1)).is_ok()))
        })
        .collect();
    // Its own stripe is one of theirs.
    granted += u64::from(limiter.try_acquire_from(1, tokens(1)).is_ok());
    granted += others.into_iter().map(|other| other.join().unwrap()).sum::<u64>();
    assert_eq!((granted, limiter.available()), (2, tokens(0)));
}

fn rate() {
    const SECOND: u64 = 1_000_000_000;
    let clock = Jumping::new();
    let limiter = StripedLimiter::try_with_stripes(2, Rate::per_second(2), clock.clone(), 2).unwrap();
    let (limiter, mut granted) = (Arc::new(limiter), 0);
    let taking = limiter.clone();
    let other = spawn(move || (0..3).filter(|_| taking.try_acquire_from(0, tokens(1)).is_ok()).count());
    clock.jump(Timestamp::from_nanos(SECOND));
    granted += (0..3).filter(|_| limiter.try_acquire_from(1, tokens(1)).is_ok()).count();
    granted += other.join().unwrap();
    assert!((2..=4).contains(&granted), "{granted}");
}
