//! Giving back brings the head's date nearer, charging puts it off; the head sleeps until the date that holds.

use lazy_limiter::{AcquireError, Rate, TokenBucket};

use super::support::{MILLI, NANO, Task, TestClock, each_kind, eventually, join};

fn empty(capacity: u64) -> TokenBucket {
    TokenBucket::new(capacity, Rate::per_second(1000)).starting_tokens(0)
}

#[test]
fn giving_back_serves_all_it_can_at_once() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(100), &clock);
        let mut line = [10, 20, 30].map(|n| Task::waiting(door.acquire(n)));
        door.give_back(35);
        assert_eq!(door.waiting(), 1, "served before anybody looks");
        assert_eq!(door.available().as_f64(), 5.0);
        assert_eq!(line.each_ref().map(Task::woken), [1, 1, 1]);
        assert_eq!(line[0].poll(), Some(Ok(())));
        assert_eq!(line[1].poll(), Some(Ok(())));
        assert_eq!(line[2].poll(), None);
        clock.advance(25 * MILLI - NANO);
        assert_eq!(line[2].poll(), None);
        clock.advance(NANO);
        assert_eq!(line[2].woken(), 2, "by an alarm for the new date");
        assert_eq!(line[2].poll(), Some(Ok(())));
    });
}

#[test]
fn giving_back_too_little_brings_the_date_of_the_head_nearer() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(100), &clock);
        let mut head = Task::waiting(door.acquire(10));
        let follower = Task::waiting(door.acquire(10));
        door.give_back(4);
        assert_eq!((head.woken(), follower.woken()), (1, 0));
        assert_eq!(head.poll(), None);
        assert_eq!((clock.alarms(), clock.held()), (2, 1));
        clock.advance(6 * MILLI - NANO);
        assert_eq!(head.woken(), 1);
        clock.advance(NANO);
        assert_eq!(head.woken(), 2);
        assert_eq!(head.poll(), Some(Ok(())));
    });
}

#[test]
fn a_head_that_is_woken_twice_before_it_looks_finds_the_latest_date() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(100), &clock);
        let mut head = Task::waiting(door.acquire(10));
        door.give_back(3);
        door.give_back(3);
        assert_eq!(head.woken(), 1, "once is enough");
        assert_eq!(head.poll(), None);
        clock.advance(4 * MILLI);
        assert_eq!(head.woken(), 2);
        assert_eq!(head.poll(), Some(Ok(())));
    });
}

#[test]
fn giving_back_to_a_thread_that_waits_serves_it() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(100), &clock);
        let waits = door.clone();
        let thread = std::thread::spawn(move || waits.acquire_blocking(10));
        eventually(|| clock.alarms() == 1);
        door.give_back(4);
        eventually(|| clock.alarms() == 2 && clock.held() == 1);
        clock.advance(5 * MILLI);
        assert_eq!(door.waiting(), 1);
        door.give_back(1);
        assert_eq!(join(thread), Ok(()));
        assert_eq!(clock.held(), 0);
    });
}

#[test]
fn a_charge_delays_the_line_and_the_head_sets_its_alarm_anew() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(10), &clock);
        let mut head = Task::waiting(door.acquire(10));
        let mut follower = Task::waiting(door.acquire(1));
        // More than it could ever hold.
        door.charge(25);
        assert_eq!(door.available().as_f64(), 0.0);
        assert_eq!(door.try_acquire(1), Err(AcquireError::Denied { retry_after: Some(37 * MILLI) }));
        assert_eq!(head.woken(), 0, "the old date is soon enough to find the new one");
        clock.advance(10 * MILLI);
        assert_eq!((head.woken(), head.poll()), (1, None));
        assert_eq!((clock.alarms(), clock.held()), (2, 1));
        clock.advance(25 * MILLI - NANO);
        assert_eq!((head.woken(), head.poll()), (1, None));
        clock.advance(NANO);
        assert_eq!((head.woken(), head.poll()), (2, Some(Ok(()))));
        assert_eq!(follower.poll(), None);
        clock.advance(MILLI);
        assert_eq!(follower.poll(), Some(Ok(())));
    });
}

#[test]
fn a_charge_delays_a_thread_by_as_much() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(10), &clock);
        let waits = door.clone();
        let thread = std::thread::spawn(move || waits.acquire_blocking(10));
        eventually(|| clock.alarms() == 1);
        door.charge(5);
        clock.advance(10 * MILLI);
        eventually(|| clock.alarms() == 2 && clock.held() == 1);
        clock.advance(5 * MILLI - NANO);
        assert_eq!(door.waiting(), 1);
        assert!(!thread.is_finished());
        clock.advance(NANO);
        assert_eq!(join(thread), Ok(()));
    });
}

#[test]
fn what_is_charged_and_given_back_while_some_wait_changes_nothing() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(100), &clock);
        let mut head = Task::waiting(door.acquire(10));
        for n in [1, 99, 100] {
            door.charge(n);
            door.give_back(n);
        }
        clock.advance(10 * MILLI - NANO);
        assert_eq!(head.poll(), None);
        clock.advance(NANO);
        assert_eq!(head.poll(), Some(Ok(())));
        assert_eq!(door.available().as_f64(), 0.0);
    });
}

#[test]
fn an_alarm_that_goes_off_too_early_is_armed_again() {
    use std::task::Waker;
    use std::time::Duration;

    use lazy_limiter::{Alarm, Clock, Limiter, ManualClock, Timestamp};

    /// Its alarms run a tenth fast, as where two hardware clocks are not quite of one mind.
    struct Hasty(ManualClock);
    impl Clock for Hasty {
        fn now(&self) -> Timestamp {
            self.0.now()
        }
        fn alarm(&self, at: Timestamp, waker: &Waker) -> Alarm {
            let wait = at.since(self.now());
            self.0.alarm(self.now() + wait * 9 / 10, waker)
        }
        fn sleep(&self, _: Timestamp) -> Option<Duration> {
            None
        }
    }

    let clock = ManualClock::new();
    let limiter = std::sync::Arc::new(Limiter::with_clock(empty(10), Hasty(clock.clone())));
    let mut task = Task::waiting(Box::pin(limiter.acquire_owned(10)));
    clock.advance(9 * MILLI);
    assert_eq!((task.woken(), task.poll()), (1, None));
    clock.advance(MILLI);
    assert_eq!(task.woken(), 2);
    assert_eq!(task.poll(), Some(Ok(())));
}

#[test]
fn tokens_that_come_between_the_look_and_the_sleep_are_not_slept_over() {
    use std::sync::{Arc, Mutex};
    use std::task::Waker;
    use std::time::Duration;

    use lazy_limiter::{Alarm, Clock, Limiter, ManualClock, Timestamp};

    /// Time stands still; but whoever is about to sleep has been given what it waits for by then.
    #[derive(Clone, Default)]
    struct Meddler(ManualClock, Arc<Mutex<Option<Act>>>);
    type Act = Box<dyn FnOnce() + Send>;
    impl Meddler {
        fn meddle(&self) {
            let act = self.1.lock().unwrap().take();
            act.into_iter().for_each(|act| act());
        }
    }
    impl Clock for Meddler {
        fn now(&self) -> Timestamp {
            self.0.now()
        }
        fn alarm(&self, at: Timestamp, waker: &Waker) -> Alarm {
            self.meddle();
            self.0.alarm(at, waker)
        }
        fn sleep(&self, _: Timestamp) -> Option<Duration> {
            self.meddle();
            None
        }
    }

    let clock = Meddler::default();
    let limiter = Arc::new(Limiter::with_clock(empty(10), clock.clone()));
    let meddle = || {
        let limiter = limiter.clone();
        let act: Act = Box::new(move || limiter.give_back(5).unwrap());
        *clock.1.lock().unwrap() = Some(act);
    };
    meddle();
    let waits = limiter.clone();
    assert_eq!(join(std::thread::spawn(move || waits.acquire_blocking(5))), Ok(()));
    meddle();
    let mut task = Task::waiting(Box::pin(limiter.acquire_owned(5)));
    assert_eq!(task.woken(), 1);
    assert_eq!(task.poll(), Some(Ok(())));
}
