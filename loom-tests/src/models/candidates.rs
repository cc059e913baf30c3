//! Candidates for reclamation: whatever becomes of a key's buckets, it has one candidate as long as it is held, and none
//! once it is not.

use std::sync::Arc;

use super::keyed::{KEY, Keyed, held};
use super::{both, three};
use crate::harness::Model;

pub(super) const MODELS: &[Model] = &[
    Model { name: "candidate: removed or reclaimed", preemptions: 3, run: remove_reclaim },
    Model {
        name: "candidate: removed or reclaimed, and made anew",
        preemptions: 2,
        run: remove_reclaim_take,
    },
    Model {
        name: "candidate: removed or reclaimed, and made anew by who reclaims",
        preemptions: 3,
        run: remove_reclaim_then_take,
    },
    Model { name: "candidate: removed twice, and made anew", preemptions: 2, run: remove_twice },
    Model { name: "candidate: cleared or removed, and made anew", preemptions: 2, run: clear_remove },
];

/// If the key is held still it can be found, and nothing else is there to be looked at.
fn check(keyed: &Keyed) {
    keyed.give_back(&KEY, 10).unwrap();
    keyed.reclaim();
    assert!(keyed.is_empty(), "held, and no candidate for it");
    let looks = keyed.stats().inspections;
    keyed.reclaim();
    assert_eq!(keyed.stats().inspections, looks, "not held, and a candidate for it");
}

fn take(keyed: &Keyed) {
    let _ = keyed.try_acquire(&KEY, 1);
}

fn remove(keyed: &Keyed) {
    keyed.remove(&KEY);
}

fn reclaim(keyed: &Keyed) {
    keyed.reclaim();
}

fn remove_reclaim() {
    let keyed = held(1);
    let (remover, reclaimer) = (keyed.clone(), keyed.clone());
    both(move || remove(&remover), move || reclaim(&reclaimer));
    check(&keyed);
}

fn remove_reclaim_take() {
    let keyed = held(1);
    let (remover, reclaimer, taker) = (keyed.clone(), keyed.clone(), keyed.clone());
    three(move || remove(&remover), move || reclaim(&reclaimer), move || take(&taker));
    check(&keyed);
}

fn remove_reclaim_then_take() {
    let keyed = held(1);
    let (remover, other) = (keyed.clone(), keyed.clone());
    both(
        move || remove(&remover),
        move || {
            other.reclaim();
            take(&other);
            other.reclaim();
        },
    );
    check(&keyed);
}

fn remove_twice() {
    let keyed = held(1);
    let remover = |keyed: &Arc<Keyed>| {
        let keyed = keyed.clone();
        move || {
            keyed.remove(&KEY);
            take(&keyed);
        }
    };
    both(remover(&keyed), remover(&keyed));
    check(&keyed);
}

fn clear_remove() {
    let keyed = held(1);
    let (clearer, remover) = (keyed.clone(), keyed.clone());
    both(
        move || {
            clearer.clear();
        },
        move || {
            remover.remove(&KEY);
            take(&remover);
        },
    );
    check(&keyed);
}
