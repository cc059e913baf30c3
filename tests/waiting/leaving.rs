//! Whoever leaves, in whatever way, leaves the limiter as if it had never come.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lazy_limiter::{AcquireError, Rate, TokenBucket};

use super::support::{MILLI, NANO, Task, TestClock, each_kind, eventually, join};

fn empty(capacity: u64) -> TokenBucket {
    TokenBucket::new(capacity, Rate::per_second(1000)).starting_tokens(0)
}

/// How a waiter goes.
type Way = (&'static str, fn(Task));

const WAYS: [Way; 2] = [
    ("dropped", drop),
    ("dropped by a panic of its task", |task| {
        let unwound = catch_unwind(AssertUnwindSafe(move || {
            let _task = task;
            std::panic::resume_unwind(Box::new("the task's own affair"));
        }));
        assert!(unwound.is_err());
    }),
];

#[test]
fn one_who_leaves_from_anywhere_in_line_might_as_well_not_have_come() {
    each_kind(|kind| {
        for (way, leave) in WAYS {
            for leaver in 0..5 {
                eprintln!("{leaver} is {way}");
                let clock = TestClock::new();
                let door = kind.open(empty(100), &clock);
                let line = [11, 13, 17, 19, 23].map(|n| (n, Task::waiting(door.acquire(n))));
                let mut line = Vec::from(line);
                clock.advance(7 * MILLI);
                let (n, task) = line.remove(leaver);
                leave(task);
                // In the middle of the wait: the hint, the length and the level are those of a line without it.
                assert_eq!(door.time_to_available(2), Some(MILLI * (83 - n as u32 + 2 - 7)));
                assert_eq!(door.try_acquire(2).unwrap_err().retry_after(), door.time_to_available(2));
                assert_eq!(door.waiting(), 4);
                assert_eq!(door.available().as_f64(), 7.0);
                let mut spent = 7;
                for (n, mut task) in line {
                    // If the head has left, whoever is next now leads: woken to find its own date.
                    assert_eq!(task.woken(), usize::from(spent == 0 || leaver == 0));
                    assert_eq!(task.poll(), None);
                    clock.advance(MILLI * n as u32 - MILLI * spent - NANO);
                    assert_eq!(task.poll(), None, "one nanosecond short");
                    let woken = task.woken();
                    clock.advance(NANO);
                    assert_eq!(task.woken(), woken + 1, "by its alarm");
                    assert_eq!(task.poll(), Some(Ok(())));
                    spent = 0;
                }
                assert_eq!(door.waiting(), 0);
                assert_eq!(clock.held(), 0);
                assert_eq!(door.try_acquire(1), Err(AcquireError::Denied { retry_after: Some(MILLI) }));
            }
        }
    });
}

#[test]
fn a_line_that_everyone_has_left_is_open_to_those_who_do_not_wait() {
    each_kind(|kind| {
        for (_, leave) in WAYS {
            let clock = TestClock::new();
            let door = kind.open(empty(100), &clock);
            let line: Vec<_> = (0..3).map(|_| Task::waiting(door.acquire(50))).collect();
            clock.advance(MILLI);
            assert!(door.try_acquire(1).is_err());
            line.into_iter().for_each(leave);
            assert_eq!(door.try_acquire(1), Ok(()));
            clock.advance(100 * MILLI);
            assert!(door.is_idle());
        }
    });
}

#[test]
fn what_was_granted_but_not_seen_goes_to_the_next() {
    each_kind(|kind| {
        for (_, leave) in WAYS {
            let clock = TestClock::new();
            let door = kind.open(empty(10), &clock);
            let granted = Task::waiting(door.acquire(5));
            let mut next = Task::waiting(door.acquire(4));
            let mut last = Task::waiting(door.acquire(4));
            clock.advance(6 * MILLI);
            assert!(door.try_acquire(1).is_err(), "coming by serves the first");
            assert_eq!((door.waiting(), door.available().as_f64()), (2, 1.0));
            assert_eq!(next.poll(), None);
            let woken = next.woken();
            leave(granted);
            assert_eq!((door.waiting(), door.available().as_f64()), (1, 2.0));
            assert_eq!(next.woken(), woken + 1);
            assert_eq!(next.poll(), Some(Ok(())));
            assert_eq!(last.poll(), None);
            clock.advance(2 * MILLI);
            assert_eq!(last.poll(), Some(Ok(())));
        }
    });
}

#[test]
fn what_was_granted_but_not_seen_goes_back_to_the_bucket_if_there_is_no_next() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(10), &clock);
        let granted = Task::waiting(door.acquire(5));
        clock.advance(5 * MILLI);
        // One who comes by takes nothing, and serves the line.
        assert!(door.try_acquire(1).is_err());
        assert_eq!((door.waiting(), door.available().as_f64()), (0, 0.0));
        drop(granted);
        assert_eq!(door.available().as_f64(), 5.0);
        assert_eq!(door.try_acquire(5), Ok(()));
    });
}

#[test]
fn what_would_have_overflowed_without_the_grant_is_not_given_back() {
    each_kind(|kind| {
        // What is taken from the bucket while the grant is not seen, and how long after it the bucket gets fuller.
        for (after, taken) in [(3, 0), (3, 3), (5, 0), (5, 5), (8, 0), (8, 8), (9, 1), (10, 10), (20, 4)] {
            let clock = TestClock::new();
            let doors = [(); 2].map(|()| kind.open(empty(10), &clock));
            let [door, other] = &doors;
            // Only one of them is waited at.
            let granted = Task::waiting(door.acquire(5));
            clock.advance(5 * MILLI);
            assert!(door.try_acquire(1).is_err());
            clock.advance(MILLI * after);
            for door in &doors {
                assert_eq!(door.try_acquire(taken), Ok(()));
            }
            clock.advance(MILLI);
            drop(granted);
            assert_eq!(door.available(), other.available(), "{after} {taken}");
            assert_eq!((door.is_idle(), door.time_to_idle()), (other.is_idle(), other.time_to_idle()));
        }
    });
}

#[test]
fn one_who_is_granted_and_sees_it_keeps_it() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(10), &clock);
        let mut task = Task::waiting(door.acquire(5));
        clock.advance(5 * MILLI);
        assert_eq!(task.poll(), Some(Ok(())));
        assert_eq!(task.poll(), None, "there is nothing more to come");
        drop(task);
        assert_eq!(door.available().as_f64(), 0.0);
    });
}

#[test]
fn a_future_that_was_never_polled_or_was_refused_leaves_nothing_either() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(10), &clock);
        drop(Task::new(door.acquire(5)));
        for refused in [door.acquire(11), door.acquire_timeout(5, MILLI)] {
            assert!(Task::new(refused).poll().unwrap().is_err());
        }
        assert_eq!(door.waiting(), 0);
        clock.advance(MILLI);
        assert_eq!(door.try_acquire(1), Ok(()));
    });
}

#[test]
fn a_thread_that_leads_hands_on_to_a_task_and_back() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(10), &clock);
        let waits = door.clone();
        let first = std::thread::spawn(move || waits.acquire_blocking(2));
        eventually(|| door.waiting() == 1);
        let mut second = Task::waiting(door.acquire(2));
        let waits = door.clone();
        let third = std::thread::spawn(move || waits.acquire_blocking(2));
        eventually(|| door.waiting() == 3);
        clock.advance(2 * MILLI);
        assert_eq!(join(first), Ok(()));
        eventually(|| second.woken() == 1);
        assert_eq!(second.poll(), None);
        assert_eq!(clock.held(), 1, "it leads");
        drop(second);
        eventually(|| clock.held() == 1);
        clock.advance(2 * MILLI);
        assert_eq!(join(third), Ok(()));
    });
}

#[test]
fn leaving_after_the_end_changes_nothing() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(10), &clock);
        let granted = Task::waiting(door.acquire(5));
        let (mut told, untold) = (Task::waiting(door.acquire(5)), Task::waiting(door.acquire(5)));
        clock.advance(5 * MILLI);
        assert!(door.try_acquire(1).is_err());
        door.close();
        assert_eq!(told.poll(), Some(Err(AcquireError::Closed)));
        assert_eq!(door.available().as_f64(), 0.0);
        drop((told, untold));
        assert_eq!(door.available().as_f64(), 0.0);
        drop(granted);
        assert_eq!(door.available().as_f64(), 5.0, "only what was granted comes back");
        clock.advance(5 * MILLI);
        assert!(door.is_idle());
    });
}
