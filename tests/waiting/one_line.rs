//! Threads and tasks stand in one line, first come, first served.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use lazy_limiter::{AcquireError, Rate, TokenBucket};

use super::support::{
    Crowd, Door, Future, MILLI, NANO, Outcome, Random, Task, TestClock, each_kind, eventually, join,
};

/// A bucket of a thousand a second that starts empty.
fn empty(capacity: u64) -> TokenBucket {
    TokenBucket::new(capacity, Rate::per_second(1000)).starting_tokens(0)
}

fn denied(retry_after: Duration) -> Outcome {
    Err(AcquireError::Denied { retry_after: Some(retry_after) })
}

/// Names, in the order in which they were served.
#[derive(Clone, Default)]
struct Order(Arc<Mutex<Vec<usize>>>);

impl Order {
    fn note(&self, name: usize) {
        self.0.lock().unwrap().push(name);
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn names(&self) -> Vec<usize> {
        self.0.lock().unwrap().clone()
    }

    /// A thread that waits `times` times for `n`, and stands in line when this returns.
    fn thread(&self, door: &Door, n: u64, name: usize, times: usize) -> JoinHandle<()> {
        let (place, door, order) = (door.waiting(), door.clone(), self.clone());
        let seen = door.clone();
        let thread = std::thread::spawn(move || {
            for _ in 0..times {
                door.acquire_blocking(n).unwrap();
                order.note(name);
            }
        });
        eventually(|| seen.waiting() == place + 1);
        thread
    }

    /// A task that does the same.
    fn task(&self, door: &Door, n: u64, name: usize, times: usize) -> Future {
        let (door, order) = (door.clone(), self.clone());
        Box::pin(async move {
            for _ in 0..times {
                door.acquire(n).await?;
                order.note(name);
            }
            Ok(())
        })
    }
}

#[test]
fn threads_and_tasks_are_served_in_the_order_in_which_they_came() {
    each_kind(|kind| {
        let (clock, order) = (TestClock::new(), Order::default());
        let door = kind.open(empty(100), &clock);
        let crowd = RefCell::new(Crowd::new());
        let mut random = Random::new(1);
        let (mut threads, mut amounts) = (Vec::new(), Vec::new());
        for name in 0..24 {
            amounts.push(1 + random.below(9));
            match random.percent(50) {
                true => threads.push(order.thread(&door, amounts[name], name, 1)),
                false => {
                    crowd.borrow_mut().add(order.task(&door, amounts[name], name, 1));
                }
            }
        }
        for (name, n) in amounts.into_iter().enumerate() {
            clock.advance(MILLI * n as u32 - NANO);
            crowd.borrow_mut().run();
            assert_eq!(order.len(), name, "one nanosecond short");
            clock.advance(NANO);
            eventually(|| {
                crowd.borrow_mut().run();
                order.len() > name
            });
        }
        assert_eq!(order.names(), Vec::from_iter(0..24));
        threads.into_iter().for_each(join);
        assert_eq!(door.waiting(), 0);
    });
}

#[test]
fn those_who_saturate_a_limiter_take_turns() {
    each_kind(|kind| {
        const ROUNDS: usize = 50;
        let (clock, order) = (TestClock::new(), Order::default());
        let door = kind.open(empty(1), &clock);
        let crowd = RefCell::new(Crowd::new());
        let mut threads = Vec::new();
        for name in 0..6 {
            match name % 2 {
                0 => threads.push(order.thread(&door, 1, name, ROUNDS)),
                _ => {
                    crowd.borrow_mut().add(order.task(&door, 1, name, ROUNDS));
                }
            }
        }
        for grant in 0..6 * ROUNDS {
            clock.advance(MILLI);
            // Whoever was served is in line again before time moves on, unless it has had its fill.
            let waiting = if grant < 6 * (ROUNDS - 1) { 6 } else { 6 * ROUNDS - grant - 1 };
            eventually(|| {
                crowd.borrow_mut().run();
                order.len() > grant && door.waiting() == waiting
            });
        }
        assert_eq!(order.names(), Vec::from_iter((0..6 * ROUNDS).map(|grant| grant % 6)));
        threads.into_iter().for_each(join);
    });
}

#[test]
fn a_large_request_is_not_overtaken_by_small_ones() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(100), &clock);
        let mut crowd = Crowd::new();
        let large = crowd.add(door.acquire(100));
        let small: Vec<_> = (0..50).map(|_| crowd.add(door.acquire(1))).collect();
        for _ in 0..99 {
            clock.advance(MILLI);
            crowd.run();
            assert_eq!(crowd.done, []);
            assert!(door.try_acquire(1).is_err());
        }
        clock.advance(MILLI);
        crowd.run();
        assert_eq!(crowd.granted(), [large]);
        clock.advance(50 * MILLI);
        crowd.run();
        assert_eq!(crowd.granted()[1..], small);
    });
}

#[test]
fn nothing_is_taken_at_once_while_anyone_waits_and_the_hint_counts_all_who_do() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(100), &clock);
        let mut crowd = Crowd::new();
        let mut ahead = 0;
        for n in [70, 1, 29, 100, 3] {
            crowd.add(door.acquire(n));
            ahead += n as u32;
            assert_eq!(door.try_acquire(7), denied(MILLI * (ahead + 7)));
            assert_eq!(door.time_to_available(7), Some(MILLI * (ahead + 7)));
            assert_eq!(door.time_to_available(0), Some(Duration::ZERO));
            assert_eq!(door.time_to_idle(), Some(MILLI * (ahead + 100)));
        }
        // There are 69 to be had, but not by us.
        clock.advance(69 * MILLI);
        crowd.run();
        assert_eq!(door.try_acquire(1), denied(MILLI * (ahead + 1 - 69)));
        assert_eq!(door.available().as_f64(), 69.0);
        assert_eq!(door.try_acquire(0), Ok(()));
        assert!(!door.is_idle());
        // The hint is kept, to the nanosecond.
        for _ in 69..ahead + 1 {
            assert!(door.try_acquire(1).is_err());
            clock.advance(MILLI - NANO);
            crowd.run();
            assert!(door.try_acquire(1).is_err());
            clock.advance(NANO);
            crowd.run();
        }
        assert_eq!(door.try_acquire(1), Ok(()));
        assert_eq!(crowd.granted(), [0, 1, 2, 3, 4]);
    });
}

#[test]
fn one_who_comes_by_serves_whoever_is_due_and_does_not_pass_them() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(10), &clock);
        let mut first = Task::waiting(door.acquire(5));
        let mut second = Task::waiting(door.acquire(5));
        clock.advance(6 * MILLI);
        // `first` is due and has not looked yet. One token is left, but `second` is next.
        assert_eq!(door.try_acquire(1), denied(5 * MILLI));
        assert_eq!(door.waiting(), 1);
        assert_eq!(second.poll(), None);
        assert_eq!(first.poll(), Some(Ok(())));
        clock.advance(4 * MILLI);
        assert_eq!(second.poll(), Some(Ok(())));
    });
}

#[test]
fn a_future_joins_the_line_when_it_is_first_polled() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(empty(10), &clock);
        let mut made_first = Task::new(door.acquire(1));
        assert_eq!(door.waiting(), 0);
        let mut polled_first = Task::waiting(door.acquire(1));
        assert_eq!(made_first.poll(), None);
        clock.advance(MILLI);
        assert_eq!(made_first.poll(), None);
        assert_eq!(polled_first.poll(), Some(Ok(())));
    });
}
