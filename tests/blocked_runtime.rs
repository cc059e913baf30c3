//! A runtime whose only thread blocks on a wait, in another executor's `block_on`: its timer never runs, and ours
//! must wake the waiter. In a process of its own: one that has met a runtime without a timer uses its own at once.
#![cfg(feature = "tokio")]

use std::sync::mpsc;
use std::time::Duration;

use lazy_limiter::{KeyedLimiter, Limiter, Rate, TokenBucket};
use tokio::runtime::Builder;

fn bucket() -> TokenBucket {
    TokenBucket::new(4, Rate::per_second(1000)).starting_tokens(0)
}

/// What waits, one time after the other, within whatever is around it.
fn wait() {
    let limiter = Limiter::new(bucket());
    let keyed = KeyedLimiter::new(|_: &u64| bucket());
    for _ in 0..3 {
        pollster::block_on(limiter.acquire(4)).unwrap();
        futures_executor::block_on(keyed.acquire(&1, 4)).unwrap();
        futures_lite::future::block_on(limiter.acquire_timeout(4, Duration::from_secs(3600))).unwrap();
    }
}

fn without_hanging(work: impl FnOnce() + Send + 'static) {
    let (done, end) = mpsc::channel();
    std::thread::spawn(move || {
        work();
        done.send(()).unwrap();
    });
    end.recv_timeout(Duration::from_secs(60)).expect("it hangs, or has panicked");
}

#[test]
fn a_wait_within_a_runtime_that_is_blocked_by_it_ends() {
    without_hanging(|| {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { wait() });
        runtime.block_on(async { tokio::spawn(async { wait() }).await.unwrap() });
    });
}

#[test]
fn a_wait_beside_a_runtime_that_nobody_runs_ends() {
    without_hanging(|| {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let _context = runtime.enter();
        wait();
    });
}

#[test]
fn a_wait_on_the_only_worker_of_a_runtime_ends() {
    without_hanging(|| {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        runtime.block_on(async { tokio::spawn(async { wait() }).await.unwrap() });
    });
}
