//! While a thread's locals are being destroyed, limiters work as ever.

use std::cell::RefCell;
use std::sync::{Arc, mpsc};

use lazy_limiter::{AcquireError, KeyedLimiter, Limiter, Rate, TokenBucket};

use super::support::{Future, MILLI, Task, TestClock, each_kind, eventually, join, without_hanging};

/// Does something when its thread ends.
#[derive(Default)]
struct AtExit(RefCell<Option<Box<dyn FnOnce()>>>);

impl Drop for AtExit {
    fn drop(&mut self) {
        if let Some(act) = self.0.take() {
            act();
        }
    }
}

thread_local! {
    // One is used before anything of the library's is, the other after: whichever way destructors run, one
    // of them finds the library's own locals gone.
    static EARLY: AtExit = AtExit::default();
    static LATE: AtExit = AtExit::default();
}

/// Does `act` in the destructor of a thread-local, before and after those of the library, on a thread that has
/// done `before`.
fn at_exit<T: Send + 'static>(before: impl Fn() + Send + 'static, act: fn() -> T) -> [T; 2] {
    let (results, done) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let later = |results: mpsc::Sender<T>| Box::new(move || results.send(act()).unwrap());
        EARLY.with(|exit| *exit.0.borrow_mut() = Some(later(results.clone())));
        before();
        LATE.with(|exit| *exit.0.borrow_mut() = Some(later(results)));
    });
    let outcomes = without_hanging(move || [done.recv().unwrap(), done.recv().unwrap()]);
    join(thread);
    outcomes
}

fn bucket() -> TokenBucket {
    TokenBucket::new(10, Rate::per_second(1000)).starting_tokens(0)
}

/// All kinds of calls, on virtual time.
fn calls() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(bucket(), &clock);
        clock.advance(5 * MILLI);
        assert_eq!(door.try_acquire(1), Ok(()));
        assert_eq!(door.acquire_blocking(1), Ok(()));
        assert_eq!(door.acquire_blocking_timeout(1, MILLI), Ok(()));
        assert!(door.acquire_blocking_timeout(10, MILLI).is_err());
        let mut task = Task::waiting(door.acquire(10));
        drop(Task::waiting(door.acquire_timeout(1, 100 * MILLI)));
        assert!(door.try_acquire(1).is_err());
        clock.advance(8 * MILLI);
        assert_eq!(task.poll(), Some(Ok(())));
        let waiting = Task::waiting(door.acquire(1));
        door.close();
        drop(waiting);
        assert_eq!(door.acquire_blocking(1), Err(AcquireError::Closed));
    });
}

/// What really waits, in real time, as a thread and as a task.
fn waits() {
    let limiter = Limiter::new(bucket());
    limiter.acquire_blocking(2).unwrap();
    limiter.acquire_blocking_timeout(2, 10_000 * MILLI).unwrap();
    run(Box::pin(Arc::new(limiter).acquire_owned(2)));
    let keyed = KeyedLimiter::new(|_: &u64| bucket());
    keyed.acquire_blocking(&1, 2).unwrap();
    keyed.acquire_blocking_timeout(&1, 2, 10_000 * MILLI).unwrap();
    run(Box::pin(Arc::new(keyed).acquire_owned(2, 2)));
}

/// An executor that needs nothing of its thread.
fn run(future: Future) {
    let mut task = Task::new(future);
    loop {
        let woken = task.woken();
        if let Some(outcome) = task.poll() {
            return outcome.unwrap();
        }
        eventually(|| task.woken() > woken);
    }
}

#[test]
fn all_calls_work_on_a_thread_that_ends() {
    at_exit(calls, calls);
    // Also if it is the first that the thread has to do with the library.
    at_exit(|| (), calls);
}

#[test]
fn a_thread_that_ends_can_wait() {
    at_exit(waits, waits);
    at_exit(|| (), waits);
}

#[test]
fn a_future_that_is_dropped_with_its_thread_leaves_the_line() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(bucket(), &clock);
        let waits = door.clone();
        join(std::thread::spawn(move || {
            let task = Task::waiting(waits.acquire(10));
            EARLY.with(|exit| *exit.0.borrow_mut() = Some(Box::new(move || drop(task))));
            assert_eq!(waits.waiting(), 1);
        }));
        assert_eq!(door.waiting(), 0);
        clock.advance(MILLI);
        assert_eq!(door.try_acquire(1), Ok(()));
    });
}
