//! Keyed limiters: policies, keys and their reclamation, on virtual time.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use lazy_limiter::{
    AcquireError, KeyedLimiter, ManualClock, Rate, RateLimiter, Timestamp, TokenBucket, Tokens,
};

const SECOND: Duration = Duration::from_secs(1);

fn manual(
    capacity: u64,
    per_second: u64,
) -> (KeyedLimiter<String, TokenBucket, std::convert::Infallible, ManualClock>, ManualClock) {
    let clock = ManualClock::new();
    let bucket = TokenBucket::new(capacity, Rate::per_second(per_second));
    let keyed = KeyedLimiter::builder().clock(clock.clone()).build(move |_: &String| bucket.clone());
    (keyed, clock)
}

#[test]
fn each_key_has_a_bucket_of_its_own() {
    let (keyed, clock) = manual(2, 1);
    assert!(keyed.is_empty());
    assert_eq!(keyed.try_acquire("alice", 2), Ok(()));
    assert_eq!(keyed.try_acquire("alice", 1), Err(AcquireError::Denied { retry_after: Some(SECOND) }));
    assert_eq!(keyed.try_acquire("bob", 1), Ok(()));
    assert_eq!(keyed.len(), 2);
    assert_eq!(keyed.available("bob"), Some(Tokens::from(1)));
    clock.advance(SECOND);
    assert_eq!(keyed.try_acquire("alice", 1), Ok(()));
}

#[test]
fn observing_makes_no_bucket() {
    let (keyed, _) = manual(2, 1);
    assert_eq!(keyed.available("alice"), None);
    assert_eq!(keyed.capacity("alice"), None);
    assert_eq!(keyed.time_to_available("alice", 1), Some(Duration::ZERO));
    assert_eq!(keyed.time_to_idle("alice"), Some(Duration::ZERO));
    assert_eq!(keyed.waiting("alice"), 0);
    assert!(keyed.is_idle("alice"));
    assert!(!keyed.contains_key("alice"));
    assert!(!keyed.remove("alice"));
    keyed.give_back("alice", 1).unwrap();
    keyed.try_acquire("alice", 0).unwrap();
    assert!(keyed.try_acquire("alice", 3).is_err());
    assert!(keyed.is_empty());
}

#[test]
fn a_policy_may_look_at_the_key_and_refuse_it() {
    let keyed = KeyedLimiter::try_new(|key: &String| match key.split('_').next() {
        Some("free") => Ok(TokenBucket::new(5, Rate::per_second(1))),
        Some("pro") => Ok(TokenBucket::new(20, Rate::per_second(5))),
        _ => Err(format!("unknown plan: {key}")),
    });
    assert_eq!(keyed.try_acquire("pro_1", 20), Ok(()));
    assert!(matches!(keyed.try_acquire("free_1", 20), Err(AcquireError::ExceedsCapacity { .. })));
    assert_eq!(keyed.try_acquire("x", 1), Err(AcquireError::Policy("unknown plan: x".into())));
    assert_eq!(keyed.acquire_blocking("x", 1), Err(AcquireError::Policy("unknown plan: x".into())));
    assert_eq!(keyed.len(), 1);
}

#[test]
fn an_idle_key_goes_after_its_grace_and_a_busy_one_stays() {
    let (keyed, clock) = manual(2, 1);
    keyed.try_acquire("idle", 1).unwrap();
    keyed.try_acquire("debt", 1).unwrap();
    keyed.charge("debt", 100).unwrap();
    clock.advance(SECOND);
    assert_eq!(keyed.reclaim(), 0, "full, but within its grace");
    clock.advance(SECOND - Duration::from_nanos(1));
    assert_eq!(keyed.reclaim(), 0, "one nanosecond short");
    clock.advance(Duration::from_nanos(1));
    assert_eq!(keyed.reclaim(), 1);
    assert!(!keyed.contains_key("idle"));
    assert!(keyed.contains_key("debt"));
}

#[test]
fn insertions_alone_keep_the_table_small() {
    let (keyed, clock) = manual(1, 1);
    for key in 0..10_000 {
        keyed.try_acquire(&key.to_string(), 1).unwrap();
        clock.advance(Duration::from_millis(10));
    }
    // A key is worth keeping for two seconds, in which 200 others come.
    assert!(keyed.len() <= 500, "{}", keyed.len());
}

#[test]
fn removing_forgets_and_clearing_forgets_all() {
    let (keyed, _) = manual(1, 1);
    for key in ["a", "b", "c"] {
        keyed.try_acquire(key, 1).unwrap();
    }
    assert!(keyed.remove("a"));
    assert_eq!(keyed.try_acquire("a", 1), Ok(()));
    assert_eq!(keyed.clear(), 3);
    assert!(keyed.is_empty());
    assert_eq!(keyed.try_acquire("b", 1), Ok(()));
}

#[test]
fn a_removed_key_that_comes_again_leaves_no_candidate_behind() {
    let (keyed, clock) = manual(1, 1);
    for _ in 0..1000 {
        keyed.try_acquire("a", 1).unwrap();
        keyed.remove("a");
    }
    clock.advance(100 * SECOND);
    keyed.reclaim();
    assert!(keyed.is_empty());
}

#[test]
fn the_number_of_keys_is_bounded_and_those_held_are_served() {
    let clock = ManualClock::new();
    let keyed = KeyedLimiter::builder()
        .clock(clock.clone())
        .max_keys(2)
        .build(|_: &u64| TokenBucket::new(2, Rate::per_second(1)));
    keyed.try_acquire(&1, 2).unwrap();
    keyed.try_acquire(&2, 1).unwrap();
    assert_eq!(keyed.try_acquire(&3, 1), Err(AcquireError::TooManyKeys));
    assert_eq!(keyed.try_acquire(&2, 1), Ok(()));
    clock.advance(10 * SECOND);
    assert_eq!(keyed.try_acquire(&3, 1), Ok(()), "idle keys make room");
    assert!(keyed.len() <= 2);
}

#[test]
fn a_key_that_finds_no_room_leaves_the_count_as_it_was() {
    let keyed = KeyedLimiter::builder().max_keys(1).build(|_: &u64| TokenBucket::new(1, Rate::ZERO));
    keyed.try_acquire(&1, 1).unwrap();
    for _ in 0..3 {
        assert_eq!(keyed.try_acquire(&2, 1), Err(AcquireError::TooManyKeys));
    }
    assert!(keyed.remove(&1));
    assert_eq!(keyed.try_acquire(&2, 1), Ok(()), "there is room for one again");
    assert_eq!(keyed.try_acquire(&1, 1), Err(AcquireError::TooManyKeys));
}

#[test]
fn closing_refuses_but_the_books_are_kept() {
    let (keyed, _) = manual(2, 1);
    keyed.try_acquire("a", 1).unwrap();
    keyed.close();
    assert_eq!(keyed.try_acquire("a", 1), Err(AcquireError::Closed));
    assert_eq!(keyed.try_acquire("a", 0), Err(AcquireError::Closed));
    assert_eq!(keyed.acquire_blocking("b", 1), Err(AcquireError::Closed));
    keyed.give_back("a", 1).unwrap();
    assert_eq!(keyed.available("a"), Some(Tokens::from(2)));
    keyed.charge("a", 500).unwrap();
    assert_eq!(keyed.available("a"), Some(Tokens::ZERO));
}

#[test]
fn a_reclaimer_drops_idle_keys_without_any_calls() {
    let keyed = Arc::new(
        KeyedLimiter::builder()
            .grace(Duration::ZERO)
            .build(|_: &u64| TokenBucket::new(1, Rate::per_second(1000))),
    );
    for key in 0..100 {
        keyed.try_acquire(&key, 1).unwrap();
    }
    let reclaimer = keyed.reclaimer(Duration::from_millis(1));
    while !keyed.is_empty() {
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(reclaimer);
    let weak = Arc::downgrade(&keyed);
    drop(keyed);
    assert!(weak.upgrade().is_none(), "the thread holds nothing");
}

/// Two at a time; gives back by itself when told.
#[derive(Default)]
struct Concurrency(std::sync::atomic::AtomicU64);

impl RateLimiter for Concurrency {
    fn capacity(&self) -> Tokens {
        Tokens::from(2)
    }
    fn available(&self, _: Timestamp) -> Tokens {
        Tokens::from_parts(self.capacity().parts() - self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
    fn try_acquire(&self, n: Tokens, now: Timestamp) -> Result<(), Option<Duration>> {
        use std::sync::atomic::Ordering::SeqCst;
        let most = self.capacity().parts();
        let take = |used: u64| (used + n.parts() <= most).then_some(used + n.parts());
        self.0.fetch_update(SeqCst, SeqCst, take).map(drop).map_err(|_| self.time_to_available(n, now))
    }
    fn time_to_available(&self, n: Tokens, now: Timestamp) -> Option<Duration> {
        (n <= self.available(now)).then_some(Duration::ZERO)
    }
    fn give_back(&self, n: Tokens, _: Timestamp) {
        self.0.fetch_sub(n.parts(), std::sync::atomic::Ordering::SeqCst);
    }
    fn charge(&self, n: Tokens, _: Timestamp) {
        self.0.fetch_add(n.parts(), std::sync::atomic::Ordering::SeqCst);
    }
}

#[test]
fn a_limiter_from_scratch_is_waited_for_and_reclaimed_like_any() {
    let clock = ManualClock::new();
    let keyed = KeyedLimiter::builder()
        .clock(clock.clone())
        .build(|_: &u64| Box::<Concurrency>::default() as Box<dyn RateLimiter>);
    keyed.try_acquire(&1, 2).unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| keyed.acquire_blocking(&1, 1));
        while keyed.waiting(&1) == 0 {
            std::thread::yield_now();
        }
        assert_eq!(keyed.try_acquire(&1, 1), Err(AcquireError::Denied { retry_after: None }));
        keyed.give_back(&1, 1).unwrap();
        assert_eq!(waiter.join().unwrap(), Ok(()));
    });
    clock.advance(10 * SECOND);
    assert_eq!(keyed.reclaim(), 0, "two are out");
    keyed.give_back(&1, 2).unwrap();
    assert_eq!(keyed.reclaim(), 1);
}

#[test]
fn those_who_wait_for_a_removed_key_are_served_by_the_next_bucket_in_order() {
    let (keyed, clock) = manual(2, 1);
    keyed.try_acquire("a", 2).unwrap();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| keyed.acquire_blocking("a", 2));
        while keyed.waiting("a") < 1 {
            std::thread::yield_now();
        }
        let second = scope.spawn(|| keyed.acquire_blocking("a", 1));
        while keyed.waiting("a") < 2 {
            std::thread::yield_now();
        }
        assert!(keyed.remove("a"));
        assert_eq!(first.join().unwrap(), Ok(()));
        while keyed.waiting("a") < 1 {
            std::thread::yield_now();
        }
        assert!(!second.is_finished());
        clock.advance(SECOND);
        assert_eq!(second.join().unwrap(), Ok(()));
    });
}

#[tokio::test]
async fn owned_futures_can_be_spawned() {
    let keyed = Arc::new(KeyedLimiter::new(|_: &String| TokenBucket::new(1, Rate::per_second(1000))));
    let tasks: Vec<_> = (0..20).map(|_| tokio::spawn(keyed.acquire_owned("a".to_string(), 1))).collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    keyed.acquire("b", 1).await.unwrap();
    assert_eq!(keyed.acquire_timeout("c", 2, SECOND).await.unwrap_err().retry_after(), None);
}

#[test]
fn a_key_that_was_waited_for_when_all_was_closed_becomes_idle_and_goes() {
    let (keyed, clock) = manual(1, 1);
    keyed.try_acquire("a", 1).unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| keyed.acquire_blocking("a", 1));
        while keyed.waiting("a") == 0 {
            std::thread::yield_now();
        }
        keyed.close();
        assert_eq!(waiter.join().unwrap(), Err(AcquireError::Closed));
    });
    clock.advance(10 * SECOND);
    assert!(keyed.is_idle("a"));
    assert_eq!(keyed.reclaim(), 1);
}

#[test]
fn what_a_removed_bucket_granted_is_not_given_to_the_next() {
    let policy = |_: &u64| TokenBucket::new(1, Rate::ZERO).starting_tokens(0);
    let keyed = Arc::new(KeyedLimiter::builder().clock(ManualClock::new()).build(policy));
    let mut waiter = Box::pin(keyed.acquire_owned(7, 1));
    assert!(waiter.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    // Granted, but not heard of.
    keyed.give_back(&7, 1).unwrap();
    assert_eq!(keyed.waiting(&7), 0);
    assert!(keyed.remove(&7));
    assert!(keyed.try_acquire(&7, 1).is_err(), "the next one has nothing either");
    drop(waiter);
    assert_eq!(keyed.available(&7), Some(Tokens::ZERO));
}
