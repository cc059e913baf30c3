//! Each call once.

use std::sync::Arc;
use std::thread;

use lazy_limiter::{AcquireError, KeyedLimiter, Limiter, ManualClock, Rate, TokenBucket, Unlimited};

use crate::support::totals;

#[test]
fn threads_that_end_leave_nothing_uncounted() {
    const CALLS: u64 = 20_011;
    let one = Arc::new(Limiter::builder().name("ends/one").build(TokenBucket::new(CALLS, Rate::ZERO)));
    let keys = Arc::new(KeyedLimiter::builder().name("ends/keys").build(|_: &u64| Unlimited));
    let threads: Vec<_> = (0..4_u64)
        .map(|thread| {
            let (one, keys) = (one.clone(), keys.clone());
            thread::spawn(move || {
                let granted = (0..CALLS).filter(|_| one.try_acquire(1).is_ok()).count() as u64;
                (0..CALLS * thread).for_each(|call| keys.try_acquire(&(call % 7), 1).unwrap());
                granted
            })
        })
        .collect();
    let granted: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(granted, CALLS);
    let one = totals("ends/one");
    assert_eq!((one.granted, one.refused()), (CALLS, 3 * CALLS));
    let keys = totals("ends/keys");
    assert_eq!((keys.granted, keys.refused()), (CALLS * 6, 0));
}

#[test]
fn calls_while_a_thread_ends_are_counted_too() {
    struct Late(Arc<Limiter<Unlimited>>);
    impl Drop for Late {
        fn drop(&mut self) {
            (0..1_000).for_each(|_| self.0.try_acquire(1).unwrap());
        }
    }
    thread_local! {
        static BEFORE: std::cell::RefCell<Option<Late>> = const { std::cell::RefCell::new(None) };
        static AFTER: std::cell::RefCell<Option<Late>> = const { std::cell::RefCell::new(None) };
    }
    let limiter = Arc::new(Limiter::builder().name("late").build(Unlimited));
    let mine = limiter.clone();
    // One is destroyed before what the thread counted, and one after it, whatever the order is.
    thread::spawn(move || {
        BEFORE.with(|late| *late.borrow_mut() = Some(Late(mine.clone())));
        (0..1_000).for_each(|_| mine.try_acquire(1).unwrap());
        AFTER.with(|late| *late.borrow_mut() = Some(Late(mine)));
    })
    .join()
    .unwrap();
    assert_eq!(totals("late").granted, 3_000);
}

#[test]
fn what_a_living_thread_has_not_reported_is_bounded() {
    let limiter = Limiter::builder().name("bounded").build(Unlimited);
    let read =
        || lazy_limiter::metrics::totals().into_iter().find(|totals| totals.name == "bounded").unwrap();
    limiter.try_acquire(1).unwrap();
    assert_eq!(read().granted, 1, "the first is reported at once");
    let mut late = 0;
    for call in 2..100_000 {
        limiter.try_acquire(1).unwrap();
        late = late.max(call - read().granted);
    }
    // How much is not known: it depends on how fast this thread is.
    assert!(late < 512, "{late}");
    assert_eq!(totals("bounded").granted, 99_999);
    // Reported once.
    assert_eq!(totals("bounded").granted, 99_999);
    limiter.try_acquire(1).unwrap();
    assert_eq!(totals("bounded").granted, 100_000);
}

#[test]
fn names_are_shared_and_kept_apart() {
    let limiter = |name| Limiter::builder().name(name).clock(ManualClock::new()).build(Unlimited);
    let (a, also_a, b) = (limiter("shared/a"), limiter("shared/a"), limiter("shared/b"));
    let unnamed = Limiter::new(Unlimited);
    for call in 0..999 {
        a.try_acquire(1).unwrap();
        b.try_acquire(1).unwrap();
        if call % 3 == 0 {
            also_a.try_acquire(1).unwrap();
            unnamed.try_acquire(1).unwrap();
        }
    }
    (0..200_000).for_each(|_| unnamed.try_acquire(1).unwrap());
    assert_eq!((totals("shared/a").granted, totals("shared/b").granted), (999 + 333, 999));
    assert!(format!("{a:?}").contains(r#"name: Some("shared/a")"#), "{a:?}");
}

#[test]
fn each_reason_by_name() {
    let one = Limiter::builder()
        .name("reasons/one")
        .clock(ManualClock::new())
        .max_waiters(0)
        .build(TokenBucket::new(2, Rate::per_second(1)).starting_tokens(0));
    let nobody = std::time::Duration::ZERO;
    one.try_acquire(1).unwrap_err();
    one.try_acquire(3).unwrap_err();
    one.try_acquire(f64::NAN).unwrap_err();
    one.acquire_blocking(3).unwrap_err();
    one.acquire_blocking_timeout(1, nobody).unwrap_err();
    one.acquire_blocking(1).unwrap_err();
    one.close();
    one.try_acquire(1).unwrap_err();
    one.acquire_blocking(1).unwrap_err();
    let expected = vec![
        ("denied", 1),
        ("timed_out", 1),
        ("exceeds_capacity", 2),
        ("invalid_amount", 1),
        ("closed", 2),
        ("queue_full", 1),
    ];
    assert_eq!(totals("reasons/one").refused_by, expected);
    assert_eq!((totals("reasons/one").granted, totals("reasons/one").waited), (0, 0));

    let policy = |key: &u8| if *key == 0 { Err("zero") } else { Ok(TokenBucket::new(1, Rate::ZERO)) };
    let keys = KeyedLimiter::builder().name("reasons/keys").max_keys(1).try_build(policy);
    assert_eq!(keys.try_acquire(&0, 1), Err(AcquireError::Policy("zero")));
    keys.try_acquire(&1, 1).unwrap();
    keys.try_acquire(&1, 1).unwrap_err();
    keys.try_acquire(&2, 1).unwrap_err();
    keys.acquire_blocking(&2, 1).unwrap_err();
    keys.acquire_blocking(&0, 1).unwrap_err();
    let expected = vec![("denied", 1), ("too_many_keys", 2), ("policy", 2)];
    assert_eq!((totals("reasons/keys").granted, totals("reasons/keys").refused_by), (1, expected));
}

#[test]
fn a_key_without_room_is_counted_once_under_the_keys_name() {
    let keys = KeyedLimiter::builder()
        .name("overflow")
        .max_keys(1)
        .overflow(TokenBucket::new(2, Rate::ZERO))
        .build(|_: &u8| TokenBucket::new(1, Rate::ZERO));
    keys.try_acquire(&1, 1).unwrap();
    keys.try_acquire(&2, 1).unwrap();
    keys.acquire_blocking(&3, 1).unwrap();
    keys.try_acquire(&4, 1).unwrap_err();
    keys.acquire_blocking_timeout(&4, 1, std::time::Duration::ZERO).unwrap_err();
    let now = totals("overflow");
    assert_eq!((now.granted, now.refused_by), (3, vec![("denied", 1), ("timed_out", 1)]));
}
