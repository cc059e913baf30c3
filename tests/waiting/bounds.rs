//! Bounds of a wait: a line that is full, a limiter that closes, tokens that never come.

use std::time::Duration;

use lazy_limiter::{AcquireError, Rate, TokenBucket};

use super::support::{MILLI, SECOND, Task, TestClock, each_kind, eventually, join};

fn empty(capacity: u64) -> TokenBucket {
    TokenBucket::new(capacity, Rate::per_second(1000)).starting_tokens(0)
}

#[test]
fn one_too_many_is_refused_at_once_and_one_who_leaves_makes_room() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open_for(2, empty(10), &clock);
        let first = Task::waiting(door.acquire(1));
        let waits = door.clone();
        let second = std::thread::spawn(move || waits.acquire_blocking(1));
        eventually(|| door.waiting() == 2);
        let full = Err(AcquireError::QueueFull);
        assert_eq!(Task::new(door.acquire(1)).poll(), Some(full.clone()));
        assert_eq!(Task::new(door.acquire_timeout(1, SECOND)).poll(), Some(full.clone()));
        assert_eq!(door.acquire_blocking(1), full);
        assert_eq!(door.acquire_blocking_timeout(1, SECOND), full);
        assert_eq!(door.waiting(), 2);
        drop(first);
        let mut third = Task::waiting(door.acquire(1));
        assert_eq!(door.acquire_blocking(1), full);
        clock.advance(MILLI);
        assert_eq!(join(second), Ok(()));
        clock.advance(MILLI);
        assert_eq!(third.poll(), Some(Ok(())));
    });
}

#[test]
fn those_who_are_due_are_served_before_one_is_turned_away() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open_for(1, empty(10), &clock);
        let mut first = Task::waiting(door.acquire(1));
        clock.advance(MILLI);
        let mut second = Task::waiting(door.acquire(1));
        assert_eq!(first.poll(), Some(Ok(())));
        clock.advance(MILLI);
        assert_eq!(second.poll(), Some(Ok(())));
    });
}

#[test]
fn where_nobody_may_wait_what_is_there_is_still_given() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open_for(0, empty(10), &clock);
        clock.advance(2 * MILLI);
        assert_eq!(door.acquire_blocking(1), Ok(()));
        assert_eq!(Task::new(door.acquire(1)).poll(), Some(Ok(())));
        assert_eq!(door.acquire_blocking(1), Err(AcquireError::QueueFull));
        assert_eq!(Task::new(door.acquire(1)).poll(), Some(Err(AcquireError::QueueFull)));
        assert_eq!(door.waiting(), 0);
    });
}

#[test]
fn closing_wakes_all_who_wait_and_refuses_all_who_come() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(10), &clock);
        let mut tasks: Vec<_> = (0..3).map(|_| Task::waiting(door.acquire(1))).collect();
        tasks.push(Task::waiting(door.acquire_timeout(1, SECOND)));
        let waits = door.clone();
        let thread = std::thread::spawn(move || waits.acquire_blocking(1));
        eventually(|| door.waiting() == 5);
        let closed = Err(AcquireError::Closed);
        door.close();
        assert_eq!(join(thread), closed);
        for mut task in tasks {
            assert_eq!((task.woken(), task.poll()), (1, Some(closed.clone())));
        }
        assert_eq!(door.waiting(), 0);
        for n in [0, 1] {
            assert_eq!(door.try_acquire(n), closed);
            assert_eq!(Task::new(door.acquire(n)).poll(), Some(closed.clone()));
            assert_eq!(Task::new(door.acquire_timeout(n, SECOND)).poll(), Some(closed.clone()));
            assert_eq!(door.acquire_blocking(n), closed);
            assert_eq!(door.acquire_blocking_timeout(n, SECOND), closed);
        }
        // A second time is as good as once.
        door.close();
        assert_eq!(door.try_acquire(1), closed);
    });
}

#[test]
fn one_who_was_granted_before_the_close_is_told_so() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(10), &clock);
        let mut granted = Task::waiting(door.acquire(1));
        let mut waiting = Task::waiting(door.acquire(1));
        clock.advance(MILLI);
        assert!(door.try_acquire(1).is_err());
        door.close();
        assert_eq!(granted.poll(), Some(Ok(())));
        assert_eq!(waiting.poll(), Some(Err(AcquireError::Closed)));
    });
}

#[test]
fn a_closed_one_is_idle_again_once_it_is_full() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(10), &clock);
        let waiter = Task::waiting(door.acquire(1));
        door.close();
        drop(waiter);
        assert!(!door.is_idle());
        assert_eq!(door.time_to_idle(), Some(10 * MILLI));
        clock.advance(10 * MILLI);
        assert!(door.is_idle());
        assert_eq!(door.time_to_idle(), Some(Duration::ZERO));
    });
}

#[test]
fn what_never_refills_is_waited_for_until_it_is_given_back_or_closed() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(TokenBucket::new(5, Rate::ZERO), &clock);
        assert_eq!(door.try_acquire(5), Ok(()));
        let mut task = Task::waiting(door.acquire(2));
        let waits = door.clone();
        let thread = std::thread::spawn(move || waits.acquire_blocking(3));
        eventually(|| door.waiting() == 2);
        assert_eq!(door.try_acquire(1), Err(AcquireError::Denied { retry_after: None }));
        assert_eq!(door.time_to_idle(), None);
        clock.advance(100 * 365 * 86_400 * SECOND);
        assert_eq!((task.woken(), task.poll()), (0, None));
        assert_eq!(clock.alarms(), 0, "there is no date to wait for");
        door.give_back(1);
        assert_eq!(task.poll(), None);
        door.give_back(3);
        assert_eq!(task.poll(), Some(Ok(())));
        assert_eq!(door.waiting(), 1);
        door.give_back(1);
        assert_eq!(join(thread), Ok(()));
        let waits = door.clone();
        let thread = std::thread::spawn(move || waits.acquire_blocking(1));
        eventually(|| door.waiting() == 1);
        door.close();
        assert_eq!(join(thread), Err(AcquireError::Closed));
    });
}
