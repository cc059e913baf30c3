//! Keys are removed, cleared and reconfigured under those who use and wait for them: everybody who waits is served,
//! and nothing is left behind.

use std::sync::Arc;

use super::subject::{Keyed, Subject, get, keyed, scratch, wide, word};
use super::{crowd, dally, dice};
use crate::harness::Composition;
use crate::{AcquireError, KeyedLimiter, Limit, Limiter, Tokens};

pub(super) const ALL: &[Composition] = &[
    Composition { name: "removed and cleared: keys, in one word", run: || removed(|_| word(LEAST)) },
    Composition { name: "removed and cleared: keys, behind a pointer", run: || removed(|_| wide(LEAST)) },
    Composition { name: "removed and cleared: keys, from scratch", run: || removed(|_| scratch(LEAST)) },
    Composition { name: "reconfigured: keys, in one word", run: || reconfigured(word) },
    Composition { name: "reconfigured: keys, from scratch", run: || reconfigured(scratch) },
    Composition { name: "reconfigured: one limiter", run: limiter },
    Composition { name: "another policy: every key has the new one in the end", run: policy },
    Composition { name: "a bound on keys: it holds, and is not used up", run: bound },
];

/// Nobody wants more than the smallest bucket can hold.
const LEAST: u64 = 2;

fn use_it(subject: &Arc<impl Subject>) {
    let (key, n) = (dice(2) as u8, 1 + dice(LEAST));
    if get(subject, key, n).unwrap() {
        dally();
        subject.give(key, n);
    }
}

/// Takes what there is, fills up, and sees that nothing is left behind.
fn check(keyed: &Keyed<impl Limit>) {
    for key in 0..2u8 {
        assert_eq!(keyed.waiting(&key), 0);
        keyed.give_back(&key, 10).unwrap();
        assert!(keyed.is_idle(&key), "marked, though nobody waits");
    }
    keyed.reclaim();
    assert!(keyed.is_empty(), "idle, but not reclaimed");
    for key in 0..2u8 {
        assert_eq!(keyed.try_acquire(&key, LEAST), Ok(()));
    }
}

fn removed<A: Limit>(policy: fn(&u8) -> A) {
    let subject = Arc::new(keyed(policy));
    crowd(6, &subject, |subject, thread| {
        for _ in 0..3 {
            match thread {
                0 => _ = subject.remove(&(dice(2) as u8)),
                1 if dice(2) == 0 => _ = subject.clear(),
                1 => _ = subject.reclaim(),
                _ => use_it(subject),
            }
        }
    });
    check(&subject);
}

fn reconfigured<A: Limit>(of: fn(u64) -> A) {
    let subject = Arc::new((keyed(move |_: &u8| of(LEAST)), of));
    crowd(5, &subject, |shared, thread| {
        let (keyed, of) = &**shared;
        for _ in 0..2 {
            let key = dice(2) as u8;
            match thread {
                0 => _ = keyed.reconfigure(&key, of(LEAST + dice(2))),
                1 if dice(2) == 0 => _ = keyed.remove(&key),
                1 => _ = keyed.reclaim(),
                _ => {
                    if keyed.acquire_blocking(&key, 1 + dice(LEAST)).is_ok() {
                        dally();
                        keyed.give_back(&key, LEAST).unwrap();
                    }
                }
            }
        }
    });
    check(&subject.0);
}

fn limiter() {
    let subject = Arc::new(Limiter::new(word(LEAST)));
    crowd(5, &subject, |subject, thread| {
        for _ in 0..3 {
            match thread {
                0 => subject.reconfigure(word(LEAST + dice(2))),
                _ => use_it(subject),
            }
        }
    });
    assert_eq!(subject.waiting(), 0);
    subject.give_back(10).unwrap();
    assert!(subject.is_idle());
}

fn policy() {
    let subject = Arc::new(keyed(|_: &u8| word(LEAST)));
    crowd(5, &subject, |subject, thread| match thread {
        0 => subject.reconfigure_all(|_| word(LEAST + 1)),
        1 => _ = (subject.remove(&0), subject.reclaim()),
        _ => (0..2).for_each(|_| use_it(subject)),
    });
    for key in 0..2u8 {
        assert!(subject.capacity(&key).is_none_or(|capacity| capacity == Tokens::from(LEAST + 1)));
    }
    check(&subject);
}

fn bound() {
    const MOST: usize = 2;
    let builder = KeyedLimiter::builder().grace(core::time::Duration::ZERO).max_keys(MOST);
    let subject: Arc<Keyed<_>> = Arc::new(builder.build(|_: &u8| word(1)));
    crowd(5, &subject, |subject, thread| {
        for _ in 0..2 {
            let key = dice(3) as u8;
            match subject.try_acquire(&key, 1) {
                Ok(()) => {
                    dally();
                    subject.give_back(&key, 1).unwrap();
                }
                Err(AcquireError::Denied { .. } | AcquireError::TooManyKeys) => {}
                Err(error) => panic!("{error}"),
            }
            if thread == 0 {
                subject.remove(&key);
            }
        }
    });
    // Not before: shards are counted one after the other.
    assert!(subject.len() <= MOST);
    subject.clear();
    assert!(subject.is_empty());
    for key in 0..MOST as u8 {
        assert_eq!(subject.try_acquire(&key, 1), Ok(()), "the bound was used up");
    }
    assert_eq!(subject.try_acquire(&9, 1), Err(AcquireError::TooManyKeys));
}
