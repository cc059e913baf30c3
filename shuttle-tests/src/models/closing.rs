//! Closing under a crowd: nobody waits for ever, and nothing is granted that was not there.

use std::sync::Arc;

use super::subject::{Subject, get, keyed, scratch, word};
use super::{crowd, dally, dice};
use crate::harness::Composition;
use crate::{AcquireError, Limit, Limiter};

pub(super) const ALL: &[Composition] = &[
    Composition { name: "closed under a crowd: keys, in one word", run: || keys(|_| word(2)) },
    Composition { name: "closed under a crowd: keys, from scratch", run: || keys(|_| scratch(2)) },
    Composition { name: "closed under a crowd: one limiter", run: limiter },
];

/// Gives back only now and then: without the end, some would wait for ever.
fn turn(subject: &Arc<impl Subject>) {
    let key = dice(2) as u8;
    match get(subject, key, 1 + dice(2)) {
        Ok(true) if dice(2) == 0 => {
            dally();
            subject.give(key, 1);
        }
        Ok(_) | Err(AcquireError::Closed) => {}
        Err(error) => panic!("{error}"),
    }
}

fn keys<A: Limit>(policy: fn(&u8) -> A) {
    let subject = Arc::new(keyed(policy));
    crowd(6, &subject, |subject, thread| match thread {
        0 => subject.close(),
        1 => _ = (subject.reclaim(), subject.remove(&(dice(2) as u8))),
        _ => (0..2).for_each(|_| turn(subject)),
    });
    for key in 0..2u8 {
        assert_eq!(subject.waiting(&key), 0);
        assert_eq!(subject.try_acquire(&key, 1), Err(AcquireError::Closed));
        subject.give_back(&key, 10).unwrap();
        assert!(subject.is_idle(&key), "marked, though nobody waits");
    }
}

fn limiter() {
    let subject = Arc::new(Limiter::new(word(2)));
    crowd(5, &subject, |subject, thread| match thread {
        0 => {
            dally();
            subject.close();
        }
        1 => subject.reconfigure(word(3)),
        _ => (0..2).for_each(|_| turn(subject)),
    });
    assert_eq!(subject.waiting(), 0);
    assert_eq!(subject.try_acquire(1), Err(AcquireError::Closed));
}
