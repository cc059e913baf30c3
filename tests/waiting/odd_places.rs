//! Calls from odd places: out of wakers, and out of destructors.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};
use std::time::Duration;

use lazy_limiter::{Rate, TokenBucket};

use super::support::{Door, MILLI, Task, TestClock, each_kind, without_hanging};

fn empty(capacity: u64) -> TokenBucket {
    TokenBucket::new(capacity, Rate::per_second(1000)).starting_tokens(0)
}

/// A waker that does something.
struct Hook<F>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for Hook<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

fn hook(act: impl Fn() + Send + Sync + 'static) -> Waker {
    Arc::new(Hook(act)).into()
}

/// What a waker might do.
type Act = (&'static str, fn(&Door));

const ACTS: [Act; 9] = [
    ("tries", |door| drop(door.try_acquire(1))),
    ("gives back", |door| door.give_back(1)),
    ("charges", |door| door.charge(1)),
    ("looks", |door| assert!(door.waiting() < 4 && door.time_to_available(1).is_some())),
    ("prints", |door| drop(format!("{door:?}"))),
    ("waits for no time", |door| drop(door.acquire_blocking_timeout(1, Duration::ZERO))),
    ("joins and leaves", |door| {
        Task::new(door.acquire(1)).poll();
    }),
    ("closes", Door::close),
    ("removes the key", Door::remove),
];

/// What wakes whom waits.
type Cause = (&'static str, fn(&Door, &TestClock, Task));

const CAUSES: [Cause; 7] = [
    ("its alarm", |_, clock, _head| clock.advance(10 * MILLI)),
    ("a head that serves itself", |_, clock, mut head| {
        clock.advance(10 * MILLI);
        head.poll();
    }),
    ("giving back", |door, _, _head| door.give_back(4)),
    ("a head that leaves", |_, _, head| drop(head)),
    ("one who comes by", |door, clock, _head| {
        clock.advance(5 * MILLI);
        drop(door.try_acquire(1));
    }),
    ("one who joins", |door, clock, _head| {
        clock.advance(5 * MILLI);
        Task::new(door.acquire(1)).poll();
    }),
    ("a close", |door, _, _head| door.close()),
];

#[test]
fn a_waker_may_use_the_limiter_that_wakes_it() {
    each_kind(|kind| {
        for (cause, wake) in CAUSES {
            for (act, act_on) in ACTS {
                eprintln!("woken by {cause}, one {act}");
                without_hanging(move || {
                    let clock = TestClock::new();
                    let door = kind.open(empty(10), &clock);
                    // A waker's panic would stay its own: it is to come to its end.
                    let (started, ended) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
                    let waker = hook({
                        let (door, started, ended) = (door.clone(), started.clone(), ended.clone());
                        move || {
                            started.fetch_add(1, SeqCst);
                            act_on(&door);
                            ended.fetch_add(1, SeqCst);
                        }
                    });
                    let mut line = [5, 1, 1].map(|n| Task::new(door.acquire(n)));
                    for task in &mut line {
                        assert_eq!(task.poll_with(&waker), None);
                    }
                    let [head, mut second, mut third] = line;
                    wake(&door, &clock, head);
                    assert!(started.load(SeqCst) > 0);
                    assert_eq!(started.load(SeqCst), ended.load(SeqCst));
                    // Whatever has happened, the line goes on.
                    for task in [&mut second, &mut third] {
                        let outcome = task.poll();
                        clock.advance(40 * MILLI);
                        assert!(outcome.or_else(|| task.poll()).is_some());
                    }
                    assert_eq!(door.waiting(), 0);
                });
            }
        }
    });
}

#[test]
fn a_waker_that_panics_harms_nobody_else() {
    each_kind(|kind| {
        for (cause, wake) in CAUSES {
            eprintln!("woken by {cause}");
            let clock = TestClock::new();
            let door = kind.open(empty(10), &clock);
            let mut head = Task::new(door.acquire(5));
            let woken = Arc::new(AtomicUsize::new(0));
            let waker = hook({
                let woken = woken.clone();
                move || {
                    woken.fetch_add(1, SeqCst);
                    // Without a message.
                    std::panic::resume_unwind(Box::new("mine"));
                }
            });
            assert_eq!(head.poll_with(&waker), None);
            let mut second = Task::new(door.acquire(1));
            assert_eq!(second.poll_with(&waker), None);
            let mut third = Task::waiting(door.acquire(1));
            // Nothing is thrown at whoever does this, and the line goes on.
            wake(&door, &clock, head);
            assert!(woken.load(SeqCst) > 0);
            for task in [&mut second, &mut third] {
                let outcome = task.poll();
                clock.advance(40 * MILLI);
                assert!(outcome.or_else(|| task.poll()).is_some());
            }
            assert_eq!(door.waiting(), 0);
        }
    });
}

#[test]
fn a_waker_may_drop_other_waiters() {
    each_kind(|kind| {
        without_hanging(move || {
            let clock = TestClock::new();
            let door = kind.open(empty(10), &clock);
            let mut head = Task::new(door.acquire(5));
            let others: Arc<Mutex<Vec<Task>>> = Arc::default();
            let waker = hook({
                let others = others.clone();
                move || others.lock().unwrap().clear()
            });
            assert_eq!(head.poll_with(&waker), None);
            others.lock().unwrap().extend([1, 2].map(|n| Task::waiting(door.acquire(n))));
            assert_eq!(door.waiting(), 3);
            clock.advance(5 * MILLI);
            assert_eq!(door.waiting(), 1);
            assert_eq!(head.poll(), Some(Ok(())));
            clock.advance(MILLI);
            assert_eq!(door.try_acquire(1), Ok(()));
        });
    });
}

#[test]
fn a_waker_may_poll_at_once() {
    struct Inline(Mutex<Option<Task>>, Arc<AtomicUsize>);
    impl Wake for Inline {
        fn wake(self: Arc<Self>) {
            // Not while it is being polled, which will do.
            let Ok(mut task) = self.0.try_lock() else { return };
            if task.as_mut().and_then(|task| task.poll_with(&self.clone().into())) == Some(Ok(())) {
                self.1.fetch_add(1, SeqCst);
            }
        }
    }

    each_kind(|kind| {
        without_hanging(move || {
            let clock = TestClock::new();
            let door = kind.open(empty(10), &clock);
            let first = Task::waiting(door.acquire(1));
            let granted = Arc::new(AtomicUsize::new(0));
            let line = [(); 100].map(|()| {
                let task = Mutex::new(Some(Task::new(door.acquire(1))));
                Arc::new(Inline(task, granted.clone()))
            });
            line.iter().for_each(|task| task.clone().wake());
            assert_eq!(door.waiting(), 101);
            clock.advance(MILLI);
            // The next is served, woken and polled within this destructor.
            drop(first);
            assert_eq!(granted.load(SeqCst), 1);
            door.give_back(10);
            assert_eq!(granted.load(SeqCst), 11);
            clock.advance(5 * MILLI);
            assert_eq!(granted.load(SeqCst), 16);
            line.iter().for_each(|task| *task.0.lock().unwrap() = None);
            assert_eq!(door.waiting(), 0);
        });
    });
}

#[test]
fn dropping_a_waker_may_drop_a_waiter() {
    /// A task that lives as long as the wakers of another one.
    struct Owner(#[expect(dead_code, reason = "held to be dropped")] Mutex<Task>);
    impl Wake for Owner {
        fn wake(self: Arc<Self>) {}
    }

    each_kind(|kind| {
        type Release = fn(Task, &Door);
        let releases: [(&str, Release); 4] = [
            ("the other leaves", |task, _| drop(task)),
            ("the other is polled with another waker", |mut task, _| assert_eq!(task.poll(), None)),
            ("the other is served", |_task, door| door.give_back(10)),
            ("a close", |_task, door| door.close()),
        ];
        for (way, release) in releases {
            eprintln!("released by {way}");
            without_hanging(move || {
                let clock = TestClock::new();
                let door = kind.open(empty(10), &clock);
                let owned = Task::waiting(door.acquire(5));
                let waker = Arc::new(Owner(Mutex::new(owned))).into();
                let mut task = Task::new(door.acquire(5));
                assert_eq!(task.poll_with(&waker), None);
                drop(waker);
                assert_eq!(door.waiting(), 2);
                release(task, &door);
                assert_eq!(door.waiting(), 0);
            });
        }
    });
}

#[test]
fn the_last_pointer_to_a_limiter_may_go_inside_a_waker() {
    each_kind(|kind| {
        type Trigger = fn(&TestClock, &Mutex<Vec<Task>>);
        let triggers: [(&str, Trigger); 2] = [
            ("a destructor", |_, line| {
                let head = line.lock().unwrap().remove(0);
                drop(head);
            }),
            ("an alarm", |clock, _| clock.advance(10 * MILLI)),
        ];
        for (way, trigger) in triggers {
            eprintln!("in {way}");
            without_hanging(move || {
                let clock = TestClock::new();
                let door = kind.open(empty(10), &clock);
                let gone = door.watch();
                let line: Arc<Mutex<Vec<_>>> = Arc::default();
                line.lock().unwrap().extend([5, 1, 1].map(|n| Task::new(door.acquire(n))));
                let everything = Mutex::new(Some(door));
                let waker = hook({
                    let line = line.clone();
                    move || {
                        drop(everything.lock().unwrap().take());
                        let line = std::mem::take(&mut *line.lock().unwrap());
                        drop(line);
                    }
                });
                for task in line.lock().unwrap().iter_mut() {
                    assert_eq!(task.poll_with(&waker), None);
                }
                assert!(!gone());
                trigger(&clock, &line);
                assert!(gone());
                assert_eq!(clock.held(), 0);
            });
        }
    });
}
