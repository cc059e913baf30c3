//! Deadlines: refused at once if they cannot be met, and met or given up exactly when they come.

use std::time::Duration;

use lazy_limiter::{AcquireError, Rate, TokenBucket};

use super::support::{MILLI, NANO, Outcome, SECOND, Task, TestClock, each_kind, eventually, join};

fn empty(capacity: u64) -> TokenBucket {
    TokenBucket::new(capacity, Rate::per_second(1000)).starting_tokens(0)
}

fn timed_out(retry_after: Duration) -> Outcome {
    Err(AcquireError::TimedOut { retry_after: Some(retry_after) })
}

#[test]
fn a_deadline_that_cannot_be_met_is_refused_at_once_and_one_that_just_can_is_not() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(100), &clock);
        // Alone, then behind others.
        for ahead in [0, 30, 130] {
            let line = [30, 100].map(|n| (n <= ahead).then(|| Task::waiting(door.acquire(n))));
            let wait = MILLI * (ahead as u32 + 5);
            assert_eq!(door.acquire_blocking_timeout(5, wait - NANO), timed_out(wait));
            assert_eq!(Task::new(door.acquire_timeout(5, wait - NANO)).poll(), Some(timed_out(wait)));
            assert_eq!(door.waiting(), line.iter().flatten().count());
            drop(Task::waiting(door.acquire_timeout(5, wait)));
        }
        assert_eq!(door.waiting(), 0);
    });
}

#[test]
fn one_whose_tokens_come_exactly_at_its_deadline_gets_them() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(100), &clock);
        let mut first = Task::waiting(door.acquire_timeout(30, 30 * MILLI));
        let mut second = Task::waiting(door.acquire_timeout(5, 35 * MILLI));
        let waits = door.clone();
        let third = std::thread::spawn(move || waits.acquire_blocking_timeout(5, 40 * MILLI));
        eventually(|| door.waiting() == 3);
        clock.advance(30 * MILLI);
        assert_eq!(first.poll(), Some(Ok(())));
        clock.advance(5 * MILLI);
        assert_eq!(second.poll(), Some(Ok(())));
        clock.advance(5 * MILLI);
        assert_eq!(join(third), Ok(()));
    });
}

#[test]
fn a_timeout_of_zero_takes_what_is_there_or_nothing() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(10), &clock);
        clock.advance(2 * MILLI);
        assert_eq!(door.acquire_blocking_timeout(1, Duration::ZERO), Ok(()));
        assert_eq!(Task::new(door.acquire_timeout(1, Duration::ZERO)).poll(), Some(Ok(())));
        assert_eq!(door.acquire_blocking_timeout(1, Duration::ZERO), timed_out(MILLI));
        assert_eq!(Task::new(door.acquire_timeout(1, Duration::ZERO)).poll(), Some(timed_out(MILLI)));
        // Tokens that are there for somebody else are not there.
        clock.advance(MILLI);
        let _line = Task::waiting(door.acquire(5));
        assert_eq!(door.acquire_blocking_timeout(1, Duration::ZERO), timed_out(5 * MILLI));
        assert_eq!(clock.alarms(), 1, "nobody but the head of the line waited");
    });
}

#[test]
fn the_longest_timeout_is_none_at_all() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(TokenBucket::new(1, Rate::per_hour(1)).starting_tokens(0), &clock);
        let mut head = Task::waiting(door.acquire_timeout(1, Duration::MAX));
        let mut follower = Task::waiting(door.acquire_timeout(1, Duration::MAX));
        assert_eq!(clock.alarms(), 1, "the end of time needs no alarm");
        clock.advance(3600 * SECOND);
        assert_eq!(head.poll(), Some(Ok(())));
        // A charge of a thousand years delays it, but there is a thousand years' time.
        door.charge(24 * 365 * 1000);
        clock.advance(1000 * 3600 * SECOND);
        assert_eq!(follower.poll(), None);
        drop(follower);
        let waits = door.clone();
        let thread = std::thread::spawn(move || waits.acquire_blocking_timeout(1, Duration::MAX));
        eventually(|| door.waiting() == 1);
        door.close();
        assert_eq!(join(thread), Err(AcquireError::Closed));
    });
}

#[test]
fn a_follower_that_is_delayed_gives_up_at_its_deadline_as_if_it_had_never_come() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(100), &clock);
        let mut head = Task::waiting(door.acquire(10));
        let mut delayed = Task::waiting(door.acquire_timeout(20, 30 * MILLI));
        let mut last = Task::waiting(door.acquire(7));
        door.charge(5);
        clock.advance(15 * MILLI);
        assert_eq!(head.poll(), Some(Ok(())));
        assert_eq!((delayed.woken(), delayed.poll()), (1, None), "to lead");
        clock.advance(15 * MILLI - NANO);
        assert_eq!((delayed.woken(), delayed.poll()), (1, None));
        clock.advance(NANO);
        assert_eq!(delayed.woken(), 2, "by the alarm for its deadline");
        // Fifteen are there, and seven of them are spoken for by whoever is still in line.
        assert_eq!(delayed.poll(), Some(timed_out(12 * MILLI)));
        assert_eq!(last.poll(), Some(Ok(())));
        assert_eq!(door.available().as_f64(), 8.0);
    });
}

#[test]
fn a_follower_with_a_deadline_gives_up_without_ever_leading() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(100), &clock);
        let mut head = Task::waiting(door.acquire(10));
        let mut delayed = Task::waiting(door.acquire_timeout(20, 30 * MILLI));
        let mut last = Task::waiting(door.acquire(7));
        door.charge(50);
        clock.advance(30 * MILLI);
        // Twenty of debt are left, seventeen wait, and it wants twenty.
        assert_eq!((head.poll(), last.poll()), (None, None));
        assert_eq!(delayed.poll(), Some(timed_out((20 + 17 + 20) * MILLI)));
        assert_eq!(door.waiting(), 2);
        clock.advance(37 * MILLI);
        assert_eq!((head.poll(), last.poll()), (Some(Ok(())), Some(Ok(()))));
    });
}

#[test]
fn a_leader_that_is_delayed_gives_up_at_its_deadline_and_hands_on() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(100), &clock);
        let mut head = Task::waiting(door.acquire_timeout(10, 10 * MILLI));
        let mut next = Task::waiting(door.acquire(3));
        door.charge(5);
        clock.advance(10 * MILLI);
        assert_eq!(head.woken(), 1);
        assert_eq!(head.poll(), Some(timed_out(8 * MILLI)));
        assert_eq!(next.poll(), Some(Ok(())), "five were there for it all along");
    });
}

#[test]
fn a_thread_that_is_delayed_gives_up_at_its_deadline() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(100), &clock);
        let threads = [10, 3].map(|n| {
            let (place, waits) = (door.waiting(), door.clone());
            let thread = std::thread::spawn(move || waits.acquire_blocking_timeout(n, 20 * MILLI));
            eventually(|| door.waiting() == place + 1);
            thread
        });
        door.charge(50);
        // Both have an alarm for their deadline.
        eventually(|| clock.held() == 2);
        clock.advance(20 * MILLI - NANO);
        assert_eq!(door.waiting(), 2);
        clock.advance(NANO);
        for outcome in threads.map(join) {
            assert!(matches!(outcome, Err(AcquireError::TimedOut { retry_after: Some(_) })), "{outcome:?}");
        }
        assert_eq!(door.waiting(), 0);
        clock.advance(31 * MILLI);
        assert_eq!(door.try_acquire(1), Ok(()));
    });
}

#[test]
fn a_timeout_starts_when_the_future_is_first_polled() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(100), &clock);
        let mut task = Task::new(door.acquire_timeout(10, 10 * MILLI));
        door.charge(1000);
        clock.advance(1000 * MILLI);
        assert_eq!(task.poll(), None);
        clock.advance(10 * MILLI);
        assert_eq!(task.poll(), Some(Ok(())));
    });
}

#[test]
fn where_nothing_ever_comes_every_deadline_is_too_early() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(TokenBucket::new(5, Rate::ZERO).starting_tokens(0), &clock);
        let never = Err(AcquireError::TimedOut { retry_after: None });
        assert_eq!(Task::new(door.acquire_timeout(1, SECOND)).poll(), Some(never.clone()));
        assert_eq!(door.acquire_blocking_timeout(1, Duration::MAX), never);
        assert_eq!(door.waiting(), 0);
    });
}
