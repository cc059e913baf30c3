//! Everybody gives back what it took: at no instant is more out than there was, and in the end all is back.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use super::subject::{Subject, get, keyed, scratch, wide, word};
use super::{crowd, dally, dice};
use crate::Limiter;
use crate::harness::Composition;

pub(super) const ALL: &[Composition] = &[
    Composition { name: "semaphore: keys, in one word", run: || semaphore(keyed(|_| word(CAPACITY)), 2) },
    Composition {
        name: "semaphore: keys, behind a pointer",
        run: || semaphore(keyed(|_| wide(CAPACITY)), 2),
    },
    Composition { name: "semaphore: keys, from scratch", run: || semaphore(keyed(|_| scratch(CAPACITY)), 2) },
    Composition {
        name: "semaphore: one limiter, in one word",
        run: || semaphore(Limiter::new(word(CAPACITY)), 1),
    },
    Composition {
        name: "semaphore: one limiter, from scratch",
        run: || semaphore(Limiter::new(scratch(CAPACITY)), 1),
    },
    Composition { name: "a debt that is paid: keys", run: || debts() },
];

const CAPACITY: u64 = 3;

struct Room<S> {
    subject: Arc<S>,
    keys: u64,
    /// What is out. Not shuttle's: no step of its own.
    out: [AtomicU64; 2],
}

fn semaphore(subject: impl Subject, keys: u64) {
    let room = Room { subject: Arc::new(subject), keys, out: [AtomicU64::new(0), AtomicU64::new(0)] };
    let room = Arc::new(room);
    crowd(5, &room, |room, _| {
        for _ in 0..3 {
            turn(room);
        }
    });
    for key in 0..keys {
        room.subject.check_full(key as u8, CAPACITY);
    }
}

fn turn(room: &Room<impl Subject>) {
    if dice(4) == 0 {
        return room.subject.reclaim();
    }
    let (key, n) = (dice(room.keys), 1 + dice(CAPACITY));
    let out = &room.out[key as usize];
    if get(&room.subject, key as u8, n).unwrap() {
        let out_now = out.fetch_add(n, Ordering::SeqCst) + n;
        assert!(out_now <= CAPACITY, "{out_now} are out");
        dally();
        out.fetch_sub(n, Ordering::SeqCst);
        room.subject.give(key as u8, n);
    }
}

/// Some charge more than there is, and give it back later.
fn debts() {
    let subject = Arc::new(keyed(|_: &u8| word(CAPACITY)));
    crowd(5, &subject, |subject, thread| {
        for _ in 0..2 {
            let (key, n) = (dice(2) as u8, 1 + dice(CAPACITY));
            match thread {
                0 => subject.charge(&key, 2 * n).unwrap(),
                1 => {
                    subject.reclaim();
                    continue;
                }
                _ if !get(subject, key, n).unwrap() => continue,
                _ => {}
            }
            dally();
            subject.give(key, if thread == 0 { 2 * n } else { n });
        }
    });
    for key in 0..2 {
        subject.check_full(key, CAPACITY);
    }
}
