//! The cell behind a pointer: every state is whole when it is read, and is freed once, after its last reader.

use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use loom::cell::UnsafeCell;
use loom::thread::spawn;

use super::tokens;
use crate::harness::Model;
use crate::kernel::bucket::Bucket;
use crate::kernel::cell::Flags;
use crate::kernel::limit::{Seal, Taken};
use crate::kernel::sync::epoch;
use crate::{Algorithm, Boxed, Timestamp, Tokens};

pub(super) const MODELS: &[Model] = &[
    Model {
        name: "boxed: two takes of one token, and each state is freed once",
        preemptions: 3,
        run: two_takes,
    },
    Model { name: "boxed: a take and a retirement exclude each other", preemptions: 3, run: take_retire },
    Model { name: "boxed: what is read outlives its replacement", preemptions: 2, run: read_replace },
    Model { name: "boxed: take and give back as it is retired", preemptions: 2, run: two_steps },
];

const NOW: Timestamp = Timestamp::ZERO;

/// A state that loom watches: reading it while it is being made or dropped is a race.
struct Left(UnsafeCell<u64>);

// SAFETY: loom checks every access.
unsafe impl Send for Left {}
// SAFETY: as above.
unsafe impl Sync for Left {}

impl Left {
    fn new(left: u64) -> Left {
        LIVE.fetch_add(1, Ordering::Relaxed);
        Left(UnsafeCell::new(left))
    }

    fn get(&self) -> u64 {
        // SAFETY: checked by loom.
        self.0.with(|left| unsafe { *left })
    }
}

impl Clone for Left {
    fn clone(&self) -> Left {
        Left::new(self.get())
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        // SAFETY: checked by loom. Nobody may have a date with this memory any more.
        self.0.with_mut(|left| unsafe { *left = u64::MAX });
        assert!(LIVE.fetch_sub(1, Ordering::Relaxed) > 0, "freed twice");
    }
}

/// States that are not freed. The epochs end with the execution: none is left when the next one starts.
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// Hands out so many tokens, and never more unless they are given back.
struct Supply {
    most: u64,
}

fn bucket(most: u64) -> Arc<Bucket<Supply>> {
    assert_eq!(LIVE.load(Ordering::Relaxed), 0, "states of the execution before are left over");
    Arc::new(Bucket::new(Supply { most }, NOW, Flags::NONE))
}

impl Algorithm for Supply {
    type State = Left;
    type Cell = Boxed<Left>;

    fn capacity(&self) -> Tokens {
        tokens(self.most)
    }

    fn start(&self, _: Timestamp) -> Left {
        Left::new(self.capacity().parts())
    }

    fn available(&self, state: &Left, _: Timestamp) -> Tokens {
        Tokens::from_parts(state.get())
    }

    fn consume(&self, state: &Left, n: Tokens, _: Timestamp) -> Left {
        Left::new(state.get() - n.parts())
    }

    fn time_to_available(&self, state: &Left, n: Tokens, now: Timestamp) -> Option<Duration> {
        (n <= self.available(state, now)).then_some(Duration::ZERO)
    }

    fn give_back(&self, state: &Left, n: Tokens, _: Timestamp) -> Left {
        Left::new((state.get() + n.parts()).min(self.capacity().parts()))
    }
}

/// Lets the epochs move on, so that what was retired is freed unless somebody may still look at it.
fn collect() {
    for _ in 0..4 {
        epoch::pin().flush();
    }
}

fn two_takes() {
    let bucket = bucket(1);
    let other = bucket.clone();
    let other = spawn(move || other.take(tokens(1), NOW));
    let taken = [bucket.take(tokens(1), NOW), other.join().unwrap()];
    assert_eq!(taken.iter().filter(|&&taken| taken == Taken::Granted).count(), 1);
}

fn take_retire() {
    let bucket = bucket(1);
    let other = bucket.clone();
    let other = spawn(move || other.take(tokens(1), NOW));
    let sealed = bucket.retire(NOW, NOW);
    assert_eq!(sealed, other.join().unwrap() == Taken::Sealed);
}

fn read_replace() {
    let bucket = bucket(1);
    let other = bucket.clone();
    let other = spawn(move || other.available(NOW));
    assert_eq!(bucket.take(tokens(1), NOW), Taken::Granted);
    collect();
    assert!(other.join().unwrap() <= tokens(1));
}

fn two_steps() {
    let bucket = bucket(1);
    let other = bucket.clone();
    let user = spawn(move || {
        let taken = other.take(tokens(1), NOW);
        (taken, other.refund(tokens(1), NOW, Seal::Respected))
    });
    let sealed = bucket.retire(NOW, NOW);
    let (taken, flags) = user.join().unwrap();
    assert!(taken == Taken::Granted || sealed && flags.is_sealed());
    assert_eq!((bucket.flags().is_sealed(), bucket.available(NOW)), (sealed, tokens(1)));
}
