//! Policies that change their mind: what they make next may hold less.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Weak};
use std::task::{Context, Waker};
use std::time::Duration;

use lazy_limiter::{AcquireError, KeyedLimiter, ManualClock, Rate, TokenBucket, Tokens};

#[test]
fn a_new_bucket_that_is_smaller_grants_nobody_more_than_it_holds() {
    let capacity = Arc::new(AtomicU64::new(2));
    let policy = capacity.clone();
    let keyed = KeyedLimiter::new(move |_: &u8| TokenBucket::new(policy.load(SeqCst), Rate::ZERO));
    keyed.try_acquire(&1, 2).unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| keyed.acquire_blocking(&1, 2));
        while keyed.waiting(&1) == 0 {
            std::thread::yield_now();
        }
        capacity.store(1, SeqCst);
        assert!(keyed.remove(&1));
        assert!(matches!(waiter.join().unwrap(), Err(AcquireError::ExceedsCapacity { .. })));
    });
    assert_eq!(keyed.available(&1), Some(Tokens::from(1)));
}

#[test]
fn when_a_smaller_bucket_is_made_meanwhile_nobody_is_granted_more_than_it_holds() {
    let keyed = Arc::new_cyclic(|keyed: &Weak<KeyedLimiter<u8, TokenBucket>>| {
        let (keyed, nested) = (keyed.clone(), AtomicBool::new(false));
        KeyedLimiter::new(move |key: &u8| {
            // The first to be asked is overtaken while it answers.
            match nested.swap(true, SeqCst) {
                true => TokenBucket::new(1, Rate::ZERO),
                false => {
                    keyed.upgrade().unwrap().try_acquire(key, 0.5).unwrap();
                    TokenBucket::new(2, Rate::ZERO)
                }
            }
        })
    });
    assert!(matches!(keyed.try_acquire(&1, 2), Err(AcquireError::ExceedsCapacity { .. })));
    assert_eq!(keyed.available(&1), Some(Tokens::from(0.5)));
}

#[test]
fn a_line_is_weighed_anew_by_the_bucket_that_follows() {
    let clock = ManualClock::new();
    let slow = AtomicBool::new(true);
    let keyed = KeyedLimiter::builder().clock(clock.clone()).build(move |_: &u8| {
        let rate = if slow.swap(false, SeqCst) { Rate::per_hour(1) } else { Rate::per_second(3) };
        TokenBucket::new(10, rate).starting_tokens(1)
    });
    let mut waiter = pin!(keyed.acquire(&1, 10));
    let mut poll = || waiter.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll().is_pending());
    assert_eq!(keyed.time_to_available(&1, 2), Some(Duration::from_secs(11 * 3600)));
    assert!(keyed.remove(&1));
    assert!(poll().is_pending(), "it has made the next bucket");
    // Nine for the one in line, and two: at three a second.
    assert_eq!(keyed.time_to_available(&1, 2), Some(Duration::from_nanos(3_666_666_667)));
}
