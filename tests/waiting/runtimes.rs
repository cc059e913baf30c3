//! Any executor will do: on the default clock a waiting task is woken with or without a runtime around it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use lazy_limiter::{AcquireError, KeyedLimiter, Limiter, Rate, TokenBucket};
use tokio::runtime::{Builder, Runtime};

use super::support::{Door, Future, MILLI, Outcome, Task, TestClock, each_kind, eventually, without_hanging};

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap()
}

fn timeless() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

fn smol(future: Future) -> Outcome {
    let executor = async_executor::Executor::new();
    let task = executor.spawn(future);
    futures_lite::future::block_on(executor.run(task))
}

/// Runs a future to its end.
type Executor = (&'static str, fn(Future) -> Outcome);

const EXECUTORS: [Executor; 15] = [
    ("pollster", |future| pollster::block_on(future)),
    ("futures", |future| futures_executor::block_on(future)),
    ("futures-lite", |future| futures_lite::future::block_on(future)),
    ("smol", smol),
    ("tokio on one thread", |future| current_thread().block_on(future)),
    ("a task of tokio on one thread", |future| {
        current_thread().block_on(async { tokio::spawn(future).await.unwrap() })
    }),
    ("tokio on many threads", |future| multi_thread().block_on(future)),
    ("a task of tokio on many threads", |future| {
        multi_thread().block_on(async { tokio::spawn(future).await.unwrap() })
    }),
    ("tokio without a timer", |future| timeless().block_on(future)),
    ("a task of tokio without a timer", |future| {
        timeless().block_on(async { tokio::spawn(future).await.unwrap() })
    }),
    // Its timer goes off at once, that is, too early.
    ("tokio while it is paused", |future| {
        let mut builder = Builder::new_current_thread();
        builder.enable_time().start_paused(true).build().unwrap().block_on(future)
    }),
    // The runtime's only thread is the one that blocks: its timer never runs.
    ("pollster in tokio", |future| current_thread().block_on(async { pollster::block_on(future) })),
    ("futures in a task of tokio", |future| {
        current_thread()
            .block_on(async { tokio::spawn(async { futures_executor::block_on(future) }).await.unwrap() })
    }),
    ("smol in tokio", |future| multi_thread().block_on(async { smol(future) })),
    ("pollster beside a runtime that does not run", |future| {
        let runtime = current_thread();
        let _context = runtime.enter();
        pollster::block_on(future)
    }),
];

/// Two tokens a millisecond.
fn bucket() -> TokenBucket {
    TokenBucket::new(4, Rate::per_second(2000)).starting_tokens(0)
}

#[test]
fn any_executor_runs_a_wait_to_its_end() {
    for (executor, run) in EXECUTORS {
        eprintln!("in {executor}");
        without_hanging(move || {
            let limiter = Arc::new(Limiter::new(bucket()));
            let keyed = Arc::new(KeyedLimiter::new(|_: &u64| bucket()));
            for n in [4, 1, 3] {
                assert_eq!(run(Box::pin(limiter.acquire_owned(n))), Ok(()));
                assert_eq!(run(Box::pin(keyed.acquire_owned(1, n))), Ok(()));
                assert_eq!(run(Box::pin(limiter.acquire_owned_timeout(n, 3600 * 1000 * MILLI))), Ok(()));
            }
            // One that is delayed ends by its deadline.
            let late = keyed.acquire_owned_timeout(2, 4, 20 * MILLI);
            let delayed = keyed.clone();
            let outcome = run(Box::pin(async move {
                let mut late = std::pin::pin!(late);
                let first = poll_fn(|cx| Poll::Ready(late.as_mut().poll(cx))).await;
                // On a machine that takes a nap here it has been granted already.
                delayed.charge(&2, 1_000_000).unwrap();
                match first {
                    Poll::Ready(outcome) => outcome,
                    Poll::Pending => late.await,
                }
            }));
            assert!(matches!(outcome, Ok(()) | Err(AcquireError::TimedOut { .. })), "{outcome:?}");
            // And one that can only be given what it waits for is woken by whoever gives it.
            let rare = Arc::new(Limiter::new(TokenBucket::new(1, Rate::ZERO).starting_tokens(0)));
            let giver = rare.clone();
            let giver = std::thread::spawn(move || {
                eventually(|| giver.waiting() == 1);
                giver.give_back(1).unwrap();
            });
            assert_eq!(run(Box::pin(rare.acquire_owned(1))), Ok(()));
            giver.join().unwrap();
        });
    }
}

#[test]
fn all_executors_together_share_one_line() {
    without_hanging(|| {
        let start = std::time::Instant::now();
        let limiter = Arc::new(Limiter::new(bucket()));
        let threads = EXECUTORS.map(|(_, run)| {
            let limiter = limiter.clone();
            std::thread::spawn(move || {
                for _ in 0..10 {
                    assert_eq!(run(Box::pin(limiter.acquire_owned(1))), Ok(()));
                    assert_eq!(limiter.acquire_blocking(1), Ok(()));
                }
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        // Never faster than the rate.
        assert!(start.elapsed() >= (20 * EXECUTORS.len() as u32) * MILLI / 2);
        assert_eq!(limiter.waiting(), 0);
    });
}

#[test]
fn a_runtime_that_is_shut_down_takes_its_waiters_with_it() {
    type End = fn(Runtime);
    let ends: [End; 3] =
        [drop, |runtime| runtime.shutdown_timeout(Duration::ZERO), Runtime::shutdown_background];
    for end in ends {
        for make in [current_thread, multi_thread, timeless] {
            without_hanging(move || {
                let limiter =
                    Arc::new(Limiter::new(TokenBucket::new(100, Rate::per_hour(1)).starting_tokens(0)));
                let runtime = make();
                for n in 1..=100 {
                    runtime.spawn(limiter.acquire_owned(n));
                }
                runtime.block_on(async {
                    while limiter.waiting() < 100 {
                        tokio::task::yield_now().await;
                    }
                });
                let mut outsider = Task::waiting(Box::pin(limiter.acquire_owned(1)));
                end(runtime);
                eventually(|| limiter.waiting() == 1);
                limiter.give_back(1).unwrap();
                assert_eq!(outsider.poll(), Some(Ok(())));
            });
        }
    }
}

#[test]
fn a_future_may_move_between_runtimes_while_it_waits() {
    without_hanging(|| {
        let limiter = Arc::new(Limiter::new(bucket()));
        // Puts its date off by a quarter of an hour, until it has been everywhere.
        limiter.charge(2_000_000).unwrap();
        let mut future: Future = Box::pin(limiter.acquire_owned(4));
        for make in [current_thread, multi_thread, timeless, current_thread] {
            let runtime = make();
            let task = runtime.spawn(async move {
                let _ = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
                (future,)
            });
            (future,) = runtime.block_on(task).unwrap();
            // The runtime, its timer and the task's waker are gone.
        }
        assert_eq!(limiter.waiting(), 1);
        limiter.give_back(1_999_990).unwrap();
        assert_eq!(multi_thread().block_on(future), Ok(()));
    });
}

#[test]
fn only_the_last_waker_is_relied_on() {
    type Due = fn(&Door, &TestClock);
    let dues: [(&str, Due); 3] = [
        ("the clock", |_, clock| clock.advance(2 * MILLI)),
        ("giving back", |door, _| door.give_back(4)),
        ("a close", |door, _| door.close()),
    ];
    each_kind(|kind| {
        for (way, due) in dues {
            eprintln!("due by {way}");
            let clock = TestClock::new();
            let door = kind.open(bucket(), &clock);
            let mut line = [1, 1, 1].map(|n| Task::new(door.acquire(n)));
            for task in &mut line {
                // These will never do anything.
                assert_eq!(task.poll_with(Waker::noop()), None);
                assert_eq!(task.poll_with(&Task::new(door.acquire(1)).waker()), None);
                assert_eq!(task.poll(), None);
            }
            due(&door, &clock);
            assert_eq!(line[0].woken(), 1);
            assert!(line[0].poll().is_some());
            // By the first, who serves them, if not by what is due itself.
            for task in &mut line[1..] {
                assert_eq!(task.woken(), 1);
                assert!(task.poll().is_some());
            }
        }
    });
}

#[test]
fn a_loop_that_selects_may_poll_the_same_future_again_and_again() {
    each_kind(|kind| {
        let clock = TestClock::new();
        let door = kind.open(bucket(), &clock);
        let _ahead = Task::waiting(door.acquire(4));
        let mut future = door.acquire(4);
        let mut context = Context::from_waker(Waker::noop());
        for round in 0..1000 {
            // One turn of a loop: the other branch is ready, and this one is not, but its place is kept.
            let select = futures_lite::future::or(async { Some((&mut future).await) }, async { None });
            let Poll::Ready(outcome) = std::pin::pin!(select).poll(&mut context) else { unreachable!() };
            assert_eq!(outcome, None);
            assert_eq!(door.waiting(), 2, "{round}");
        }
        assert_eq!(clock.most_held(), 1);
        door.give_back(8);
        assert_eq!(Pin::new(&mut future).poll(&mut context), Poll::Pending, "the first has taken its four");
        door.give_back(4);
        assert_eq!(Pin::new(&mut future).poll(&mut context), Poll::Ready(Ok(())));
    });
}
