//! What the fast paths must not do: allocate. And a refusal must change nothing.
//!
//! A binary of its own, for the allocator that counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use lazy_limiter::{KeyedLimiter, Limiter, ManualClock, Rate, TokenBucket, Tokens};

struct Counting;

thread_local! {
    /// Allocations of this thread. Other threads of the test harness do not disturb it.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

fn count_one() {
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every call is passed on to `System` as it came; the counter does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count_one();
        // SAFETY: the caller's promise about `layout`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count_one();
        // SAFETY: the caller's promise about `layout`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count_one();
        // SAFETY: the caller's promises about all three.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises about both.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many allocations this thread makes during `work`.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

const CALLS: u64 = 10_000;

/// Never refills within a test.
fn bucket(capacity: u64) -> TokenBucket {
    TokenBucket::new(capacity, Rate::ZERO)
}

#[test]
fn the_allocator_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
    assert_eq!(allocations(|| drop(std::hint::black_box(Vec::<u8>::new()))), 0);
}

#[test]
fn neither_a_grant_nor_a_refusal_allocates() {
    let limiter = Limiter::new(bucket(CALLS));
    let granted = || (0..CALLS).for_each(|_| limiter.try_acquire(1).unwrap());
    assert_eq!(allocations(granted), 0);
    let refused = || (0..CALLS).for_each(|_| assert!(limiter.try_acquire(1).is_err()));
    assert_eq!(allocations(refused), 0);
    let others = || {
        assert!(limiter.try_acquire(CALLS + 1).is_err() && limiter.try_acquire(-1.0).is_err());
        assert!(limiter.try_acquire(0).is_ok() && limiter.give_back(1).is_ok() && limiter.charge(1).is_ok());
        let _ = (limiter.available(), limiter.time_to_available(1), limiter.snapshot());
    };
    assert_eq!(allocations(others), 0);
}

/// Once its thread counts at all.
#[test]
fn one_that_is_counted_does_not_either() {
    let limiter = Limiter::builder().name("counted").build(bucket(CALLS));
    let refused = Limiter::builder().name("counted too").build(bucket(1));
    for limiter in [&limiter, &refused] {
        limiter.try_acquire(1).unwrap();
    }
    refused.try_acquire(1).unwrap_err();
    let calls = || {
        (1..CALLS).for_each(|_| assert!(limiter.try_acquire(1).is_ok() && refused.try_acquire(1).is_err()))
    };
    assert_eq!(allocations(calls), 0);
}

#[test]
fn a_granted_wait_that_need_not_wait_allocates_nothing() {
    let limiter = Limiter::new(bucket(CALLS));
    let granted = || {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        for _ in 0..CALLS / 2 {
            assert!(std::pin::pin!(limiter.acquire(1)).poll(&mut context).is_ready());
            limiter.acquire_blocking(1).unwrap();
        }
    };
    assert_eq!(allocations(granted), 0);
}

/// Also not the calls, one in 32, that inspect a candidate for reclamation.
#[test]
fn an_existing_key_allocates_nothing() {
    let keys = KeyedLimiter::new(|_: &u64| bucket(CALLS));
    // Makes the key, and what the map keeps for each thread.
    keys.try_acquire(&1, 1).unwrap();
    let granted = || (1..CALLS).for_each(|_| keys.try_acquire(&1, 1).unwrap());
    let refused = || (0..CALLS).for_each(|_| assert!(keys.try_acquire(&1, 1).is_err()));
    let counts = [allocations(granted), allocations(refused)];
    assert_eq!(counts, [0, 0]);
}

#[test]
fn a_hit_that_inspects_others_allocates_nothing() {
    let clock = ManualClock::new();
    let builder = KeyedLimiter::builder().clock(clock.clone()).grace(Duration::ZERO);
    let keys = builder.build(|_: &u64| TokenBucket::new(100, Rate::per_second(200)));
    (0..100).for_each(|key| keys.try_acquire(&key, 90).unwrap());
    let before = keys.stats();
    // Each is looked at about when it would be full again, and is not, because it is in use.
    let hits = || {
        (0..CALLS).for_each(|call| {
            let _ = keys.try_acquire(&(call % 100), 50);
            clock.advance(Duration::from_millis(2));
        });
    };
    assert_eq!(allocations(hits), 0);
    let after = keys.stats();
    assert!(after.inspections > before.inspections + 100, "{after:?}: too few to show anything");
    assert_eq!((after.len, after.reclaimed), (100, 0));
}

#[test]
fn a_string_key_looked_up_by_a_slice_makes_no_string() {
    let keys = KeyedLimiter::new(|_: &String| bucket(CALLS));
    keys.try_acquire("a key", 1).unwrap();
    let granted = || (1..CALLS).for_each(|_| keys.try_acquire("a key", 1).unwrap());
    let refused = || (0..CALLS).for_each(|_| assert!(keys.try_acquire("a key", 1).is_err()));
    let counts = [allocations(granted), allocations(refused)];
    assert_eq!(counts, [0, 0]);
    let looks = || assert!(keys.contains_key("a key") && keys.available("a key") == Some(Tokens::ZERO));
    assert_eq!(allocations(looks), 0);
}

#[test]
fn a_refusal_changes_nothing() {
    let clock = ManualClock::new();
    let rate = Rate::per_second(7);
    let limiter = Limiter::with_clock(TokenBucket::new(10, rate), clock.clone());
    let keys = KeyedLimiter::builder().clock(clock.clone()).build(move |_: &u8| TokenBucket::new(10, rate));
    limiter.charge(8.5).unwrap();
    keys.charge(&1, 8.5).unwrap();
    for step in 0..1000 {
        let state = || (limiter.snapshot(), limiter.time_to_idle(), keys.snapshot(&1), keys.time_to_idle(&1));
        let before = state();
        for n in [2.0, 3.25, 9.99, 10.0, 10.01, -1.0, f64::NAN] {
            assert!(limiter.try_acquire(n).is_err(), "{n} in step {step}");
            assert_eq!(limiter.try_acquire(n), keys.try_acquire(&1, n));
            let _ = limiter.acquire_blocking_timeout(n, Duration::ZERO);
            let _ = keys.acquire_blocking_timeout(&1, n, Duration::ZERO);
            assert_eq!(state(), before, "{n} in step {step}");
        }
        // Up to a level of 1.999 tokens.
        clock.advance(Duration::from_micros(71));
    }
}
