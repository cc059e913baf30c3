//! Threads that read the clock late: a key that is made anew must not remember an earlier time than the bucket that
//! it had before.

use core::cell::Cell;
use core::convert::Infallible;
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::Waker;
use core::time::Duration;
use std::sync::Arc;

use super::both;
use super::keyed::KEY;
use crate::harness::Model;
use crate::kernel::Limit;
use crate::{Alarm, Algorithm, Clock, KeyedLimiter, Rate, Timestamp, TokenBucket};

pub(super) const MODELS: &[Model] = &[
    Model { name: "key: made anew by one who is late", preemptions: 3, run: word },
    Model { name: "key: a limiter from scratch, made anew by one who is late", preemptions: 3, run: scratch },
];

loom::thread_local! {
    static READING: Cell<u64> = Cell::new(0);
}

/// What this thread reads.
fn set(nanos: u64) {
    READING.with(|reading| reading.set(nanos));
}

struct Skewed;

impl Clock for Skewed {
    fn now(&self) -> Timestamp {
        READING.with(|reading| Timestamp::from_nanos(reading.get()))
    }

    fn alarm(&self, _: Timestamp, _: &Waker) -> Alarm {
        unreachable!("nobody waits")
    }
}

const FULL_IN: u64 = 10;

fn bucket() -> TokenBucket {
    TokenBucket::new(1, Rate::new(1, Duration::from_nanos(FULL_IN)))
}

fn word() {
    late(|_| bucket());
}

fn scratch() {
    late(|_| bucket().boxed());
}

/// One token at first, and one more by `FULL_IN`, whoever reclaims the key and makes it anew meanwhile.
fn late<A: Limit>(policy: impl Fn(&u8) -> A + Send + Sync + 'static) {
    let builder = KeyedLimiter::builder().clock(Skewed).grace(Duration::ZERO);
    let keyed: KeyedLimiter<u8, A, Infallible, Skewed> = builder.build(policy);
    keyed.try_acquire(&KEY, 1).unwrap();
    let keyed = Arc::new(keyed);
    let (reclaimer, taker) = (keyed.clone(), keyed.clone());
    // Not loom's: it orders nothing.
    let granted = Arc::new(AtomicU32::new(1));
    let taken = granted.clone();
    both(
        move || {
            set(FULL_IN);
            reclaimer.reclaim();
        },
        move || {
            set(0);
            if taker.try_acquire(&KEY, 1).is_ok() {
                taken.fetch_add(1, Ordering::Relaxed);
            }
        },
    );
    set(FULL_IN);
    while keyed.try_acquire(&KEY, 1).is_ok() {
        granted.fetch_add(1, Ordering::Relaxed);
    }
    assert_eq!(granted.load(Ordering::Relaxed), 2);
}
