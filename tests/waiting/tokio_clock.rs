//! tokio's own time, also while it is paused.

use std::sync::Arc;
use std::time::Duration;

use lazy_limiter::{AcquireError, KeyedLimiter, Limiter, Rate, TokenBucket, TokioClock};
use tokio::time::Instant;

use super::support::{MILLI, SECOND, without_hanging};

const HOUR: Duration = Duration::from_secs(3600);

fn hourly(capacity: u64) -> Arc<Limiter<TokenBucket, TokioClock>> {
    let bucket = TokenBucket::new(capacity, Rate::per_hour(1)).starting_tokens(0);
    Arc::new(Limiter::with_clock(bucket, TokioClock::new()))
}

#[tokio::test(start_paused = true)]
async fn waiting_takes_no_real_time_while_tokio_is_paused() {
    let start = Instant::now();
    let limiter = hourly(1);
    let tasks: Vec<_> = (0..50).map(|_| tokio::spawn(limiter.acquire_owned(1))).collect();
    for (served, task) in (1..).zip(tasks) {
        assert_eq!(task.await.unwrap(), Ok(()));
        assert_eq!(start.elapsed().as_secs(), served * HOUR.as_secs());
    }
    let keyed = KeyedLimiter::builder()
        .clock(TokioClock::new())
        .build(|_: &u64| TokenBucket::new(1, Rate::per_hour(1)).starting_tokens(0));
    for _ in 0..50 {
        assert_eq!(keyed.acquire(&1, 1).await, Ok(()));
    }
    assert_eq!(start.elapsed().as_secs(), 100 * HOUR.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_paused_deadline_ends_a_wait() {
    let start = Instant::now();
    let limiter = hourly(5);
    let late = tokio::spawn(limiter.acquire_owned_timeout(2, 3 * HOUR));
    tokio::task::yield_now().await;
    limiter.charge(5).unwrap();
    assert_eq!(late.await.unwrap(), Err(AcquireError::TimedOut { retry_after: Some(4 * HOUR) }));
    assert_eq!(start.elapsed().as_secs(), 3 * HOUR.as_secs());
    let refused = limiter.acquire_timeout(2, 3 * HOUR).await;
    assert_eq!(refused, Err(AcquireError::TimedOut { retry_after: Some(4 * HOUR) }));
    assert_eq!(start.elapsed().as_secs(), 3 * HOUR.as_secs(), "at once");
}

#[tokio::test(start_paused = true)]
async fn a_select_loop_keeps_its_place_in_line() {
    let start = Instant::now();
    let limiter = hourly(5);
    let mut wait = std::pin::pin!(limiter.acquire(3));
    let mut minutes = tokio::time::interval(60 * SECOND);
    let mut turns = 0;
    loop {
        tokio::select! {
            outcome = &mut wait => break assert_eq!(outcome, Ok(())),
            _ = minutes.tick() => turns += 1,
        }
    }
    assert_eq!(start.elapsed().as_secs(), 3 * HOUR.as_secs());
    assert!(turns >= 180, "{turns}");
}

#[tokio::test(start_paused = true)]
async fn an_outer_timeout_leaves_no_trace() {
    let limiter = hourly(5);
    let behind = {
        let mut wait = Box::pin(tokio::time::timeout(2 * HOUR, limiter.acquire_owned(4)));
        assert!(futures_lite::future::poll_once(&mut wait).await.is_none());
        let behind = tokio::spawn(limiter.acquire_owned(3));
        assert!(wait.await.is_err());
        behind
    };
    let start = Instant::now();
    assert_eq!(behind.await.unwrap(), Ok(()));
    assert_eq!(start.elapsed().as_secs(), HOUR.as_secs());
}

/// tokio gives each poll of a task a budget; a timer that is polled when it is spent arms nothing, and has the
/// task polled again.
#[tokio::test(start_paused = true)]
async fn a_task_that_has_spent_its_budget_is_woken_when_its_tokens_are_due() {
    let start = Instant::now();
    let limiter = hourly(1);
    let mut wait = std::pin::pin!(limiter.acquire(1));
    let (messages, mut inbox) = tokio::sync::mpsc::unbounded_channel();
    (0..200).for_each(|n| messages.send(n).unwrap());
    // In one poll: as much of the inbox as the budget allows, and the wait.
    let outcome = std::future::poll_fn(|cx| {
        while inbox.poll_recv(cx).is_ready() {}
        wait.as_mut().poll(cx)
    });
    assert_eq!(tokio::time::timeout(10 * HOUR, outcome).await, Ok(Ok(())));
    assert_eq!(start.elapsed().as_secs(), HOUR.as_secs());
}

#[test]
fn a_runtime_without_a_timer_does_not_spoil_those_with_one() {
    without_hanging(|| {
        let timeless = tokio::runtime::Builder::new_current_thread().build().unwrap();
        timeless.block_on(async {
            // By the process's own timer.
            let limiter = Limiter::new(TokenBucket::new(1, Rate::per_second(1000)).starting_tokens(0));
            limiter.acquire(1).await.unwrap();
            let bucket = TokenBucket::new(1, Rate::per_second(1000)).starting_tokens(0);
            Limiter::with_clock(bucket, TokioClock::new()).acquire(1).await.unwrap();
        });
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let paused = builder.enable_time().start_paused(true).build().unwrap();
        paused.block_on(async { assert_eq!(hourly(1).acquire(1).await, Ok(())) });
    });
}

#[test]
fn a_future_that_outlives_the_runtime_of_its_timer_is_woken_all_the_same() {
    without_hanging(|| {
        let bucket = TokenBucket::new(10, Rate::per_second(1000)).starting_tokens(0);
        let limiter = Limiter::with_clock(bucket, TokioClock::new());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mut wait = Box::pin(limiter.acquire(10));
        let thread = std::thread::current();
        let waker = waker_of(thread);
        let mut context = std::task::Context::from_waker(&waker);
        {
            let _inside = runtime.enter();
            assert!(wait.as_mut().poll(&mut context).is_pending());
        }
        // Its alarm goes with it.
        drop(runtime);
        while wait.as_mut().poll(&mut context).is_pending() {
            std::thread::park();
        }
        assert_eq!(limiter.waiting(), 0);
    });
}

/// The same waker from beginning to end, as an executor's task has it.
fn waker_of(thread: std::thread::Thread) -> std::task::Waker {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    Arc::new(Unpark(thread)).into()
}

#[tokio::test(start_paused = true)]
async fn a_clock_in_a_paused_runtime_counts_from_where_it_was_made() {
    tokio::time::advance(10 * HOUR).await;
    let limiter = hourly(1);
    let start = Instant::now();
    assert_eq!(limiter.try_acquire(1).unwrap_err().retry_after(), Some(HOUR));
    tokio::time::advance(HOUR - MILLI).await;
    assert!(limiter.try_acquire(1).is_err());
    tokio::time::advance(MILLI).await;
    assert_eq!(limiter.try_acquire(1), Ok(()));
    assert_eq!(start.elapsed(), HOUR);
}
