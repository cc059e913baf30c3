//! Only the head of a line watches the clock, and nobody is woken for nothing.

use lazy_limiter::{Rate, TokenBucket};

use super::support::{Crowd, MILLI, SECOND, Task, TestClock, each_kind, eventually, join};

const MANY: usize = 10_000;

fn empty(capacity: u64) -> TokenBucket {
    TokenBucket::new(capacity, Rate::per_second(1000)).starting_tokens(0)
}

#[test]
fn a_line_that_is_served_one_by_one_has_one_alarm_and_wakes_each_waiter_a_few_times() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(1), &clock);
        let mut crowd = Crowd::new();
        for _ in 0..MANY {
            crowd.add(door.acquire(1));
        }
        assert_eq!((clock.alarms(), clock.held()), (1, 1), "followers have none");
        for served in 1..=MANY {
            clock.advance(MILLI);
            crowd.run();
            assert_eq!(crowd.done.len(), served);
        }
        assert_eq!(crowd.granted(), Vec::from_iter(0..MANY));
        assert_eq!((clock.most_held(), clock.held()), (1, 0));
        assert_eq!(clock.alarms(), MANY, "one for each who came to lead");
        // To lead, by its alarm, and when it was granted.
        assert!(crowd.wakes().all(|wakes| wakes <= 3), "{:?}", crowd.wakes().max());
        assert!(crowd.polls().all(|polls| polls <= 3), "{:?}", crowd.polls().max());
    });
}

#[test]
fn a_line_that_is_served_in_bulk_has_one_alarm_and_wakes_each_waiter_once() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(MANY as u64), &clock);
        let mut crowd = Crowd::new();
        for _ in 0..MANY {
            crowd.add(door.acquire(1));
        }
        clock.advance(10 * SECOND);
        crowd.run();
        assert_eq!(crowd.granted(), Vec::from_iter(0..MANY));
        assert_eq!((clock.most_held(), clock.held(), clock.alarms()), (1, 0, 1));
        assert!(crowd.wakes().skip(1).all(|wakes| wakes == 1), "{:?}", crowd.wakes().max());
        assert!(crowd.polls().all(|polls| polls == 2), "{:?}", crowd.polls().max());
    });
}

#[test]
fn a_line_that_is_served_in_gulps_wakes_nobody_twice_for_nothing() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(100), &clock);
        let mut crowd = Crowd::new();
        for _ in 0..MANY {
            crowd.add(door.acquire(1));
        }
        for gulp in 1..=MANY / 100 {
            // A little late, so that the head serves many behind it.
            clock.advance(100 * MILLI);
            crowd.run();
            assert_eq!(crowd.done.len(), gulp * 100);
        }
        assert_eq!((clock.most_held(), clock.held(), clock.alarms()), (1, 0, MANY / 100));
        let wakes: usize = crowd.wakes().sum();
        // Once each, and twice more for each head.
        assert!(wakes <= MANY + 2 * MANY / 100, "{wakes}");
        assert!(crowd.wakes().all(|wakes| wakes <= 3), "{:?}", crowd.wakes().max());
    });
}

#[test]
fn a_line_that_is_left_by_each_head_in_turn_has_one_alarm() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(1), &clock);
        let mut crowd = Crowd::new();
        for _ in 0..MANY {
            crowd.add(door.acquire(1));
        }
        for id in 0..MANY {
            assert_eq!(clock.held(), 1);
            crowd.drop_one(id);
            crowd.run();
        }
        assert_eq!((clock.most_held(), clock.held(), clock.alarms()), (1, 0, MANY));
        assert!(crowd.wakes().all(|wakes| wakes <= 1), "{:?}", crowd.wakes().max());
        assert_eq!(door.waiting(), 0);
    });
}

#[test]
fn one_who_leaves_disarms_its_alarm_before_another_is_woken_to_arm_one() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::task::Wake;

    /// Notes how many alarms there are when it is woken.
    struct Look(TestClock, AtomicUsize);
    impl Wake for Look {
        fn wake(self: Arc<Self>) {
            self.1.store(self.0.held(), SeqCst);
        }
    }

    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(1), &clock);
        let head = Task::waiting(door.acquire(1));
        let mut next = Task::new(door.acquire(1));
        let look = Arc::new(Look(clock.clone(), AtomicUsize::new(usize::MAX)));
        assert_eq!(next.poll_with(&look.clone().into()), None);
        assert_eq!(clock.held(), 1);
        drop(head);
        assert_eq!(look.1.load(SeqCst), 0);
    });
}

#[test]
fn of_threads_too_only_the_head_has_an_alarm() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(8), &clock);
        let threads: Vec<_> = (0..8)
            .map(|place| {
                let waits = door.clone();
                let thread = std::thread::spawn(move || waits.acquire_blocking(1));
                eventually(|| door.waiting() == place + 1);
                thread
            })
            .collect();
        eventually(|| clock.held() == 1);
        assert_eq!((clock.alarms(), clock.sleeps()), (1, 1), "followers do not ask the time");
        clock.advance(8 * MILLI);
        threads.into_iter().for_each(|thread| assert_eq!(join(thread), Ok(())));
        assert_eq!((clock.most_held(), clock.held(), clock.alarms()), (1, 0, 1));
    });
}

#[test]
fn spurious_polls_never_arm_two_and_wake_nobody() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(10), &clock);
        let mut head = Task::waiting(door.acquire(10));
        let mut follower = Task::waiting(door.acquire(1));
        for _ in 0..9 {
            clock.advance(MILLI);
            assert_eq!(head.poll(), None);
            assert_eq!(follower.poll(), None);
            assert_eq!(clock.held(), 1);
        }
        assert_eq!(clock.most_held(), 1);
        assert_eq!((head.woken(), follower.woken()), (0, 0));
        clock.advance(MILLI);
        assert_eq!((head.woken(), follower.woken()), (1, 0));
        assert_eq!(head.poll(), Some(Ok(())));
    });
}
