//! On a clock that jumps to the date of whoever sleeps: deadlines, drops and reclamation under a rate.

use core::convert::Infallible;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Arc;

use super::subject::poll;
use super::{crowd, dally, dice};
use crate::clock::{Clock, Jumping};
use crate::harness::Composition;
use crate::{AcquireError, Algorithm, All, KeyedLimiter, Limit, Rate, TokenBucket, Tokens};

pub(super) const ALL: &[Composition] = &[
    Composition { name: "timed: keys, in one word", run: || timed(|_| bucket()) },
    Composition { name: "timed: keys, behind a pointer", run: || timed(|_| All((bucket(), bucket()))) },
    Composition { name: "timed: keys, from scratch", run: || timed(|_| bucket().boxed()) },
];

const CAPACITY: u64 = 3;
/// Nanoseconds a token.
const EACH: u64 = 10;

fn bucket() -> TokenBucket {
    TokenBucket::new(CAPACITY, Rate::new(1, Duration::from_nanos(EACH)))
}

struct Room<A: Limit> {
    keyed: Arc<KeyedLimiter<u8, A, Infallible, Jumping>>,
    clock: Jumping,
    granted: [AtomicU64; 2],
}

fn timed<A: Limit>(policy: fn(&u8) -> A) {
    let clock = Jumping::new();
    let grace = Duration::from_nanos(dice(2) * EACH);
    let keyed = KeyedLimiter::builder().clock(clock.clone()).grace(grace).build(policy);
    let room = Room { keyed: Arc::new(keyed), clock, granted: [AtomicU64::new(0), AtomicU64::new(0)] };
    let room = Arc::new(room);
    crowd(5, &room, |room, _| (0..3).for_each(|_| turn(room)));
    let now = room.clock.now().as_nanos();
    for key in 0..2u8 {
        let granted = room.granted[usize::from(key)].load(Ordering::SeqCst);
        assert!(granted * EACH <= CAPACITY * EACH + now, "{granted} granted by {now}");
        assert_eq!(room.keyed.waiting(&key), 0);
    }
    // All that is idle is dropped, at the latest when everything is full again.
    room.clock.jump(room.clock.now() + Duration::from_nanos(10 * CAPACITY * EACH));
    for key in 0..2u8 {
        assert!(room.keyed.is_idle(&key), "marked, though nobody waits");
        assert!(room.keyed.available(&key).is_none_or(|level| level == Tokens::from(CAPACITY)));
    }
    room.keyed.reclaim();
    assert!(room.keyed.is_empty());
}

fn turn<A: Limit>(room: &Room<A>) {
    let (keyed, key, n) = (&room.keyed, dice(2) as u8, 1 + dice(CAPACITY));
    let timeout = Duration::from_nanos(EACH * dice(8));
    let result = match dice(6) {
        0 => keyed.try_acquire(&key, n),
        1 => keyed.acquire_blocking_timeout(&key, n, timeout),
        2 => shuttle::future::block_on(keyed.acquire_owned_timeout(key, n, timeout)),
        3 => keyed.acquire_blocking(&key, n),
        4 => {
            let mut future: super::subject::Waiting = Box::pin(keyed.acquire_owned(key, n));
            let result = poll(&mut future);
            dally();
            match result {
                core::task::Poll::Ready(result) => result,
                core::task::Poll::Pending => return,
            }
        }
        _ => {
            room.clock.jump(room.clock.now() + Duration::from_nanos(EACH * dice(3)));
            keyed.reclaim();
            return;
        }
    };
    match result {
        Ok(()) => _ = room.granted[usize::from(key)].fetch_add(n, Ordering::SeqCst),
        Err(AcquireError::Denied { .. } | AcquireError::TimedOut { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}
