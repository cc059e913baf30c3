//! A hundred thousand waiters come and go, in whatever order: quickly, and without leaving memory behind.

use std::alloc::{GlobalAlloc, Layout, System};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use lazy_limiter::{AcquireError, KeyedLimiter, Limiter, ManualClock, Rate, TokenBucket};

/// Counts the bytes that are in use.
struct Counting;

static LIVE: AtomicIsize = AtomicIsize::new(0);

// SAFETY: hands everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as isize, Relaxed);
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Relaxed);
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The count is of the whole process: one test at a time, from its first line.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

const MANY: usize = 100_000;
/// Without optimization, on a busy machine: a thousand times what is needed if the work is linear, and far less
/// than if it is quadratic.
const QUICK: Duration = Duration::from_secs(20);
/// What may be left of tens of megabytes: a few things that are freed in batches.
const SLACK: isize = 32 * 1024;

type Waiting = Pin<Box<dyn Future<Output = Result<(), AcquireError>> + Send>>;

/// Has some of the waiters go, whom it gets in order of arrival.
type Go = fn(&mut Vec<Option<Waiting>>);

const ORDERS: [(&str, Go); 8] = [
    ("first come, first gone", |line| line.iter_mut().for_each(|waiter| *waiter = None)),
    ("last come, first gone", |line| line.iter_mut().rev().for_each(|waiter| *waiter = None)),
    ("every other one", |line| line.iter_mut().step_by(2).for_each(|waiter| *waiter = None)),
    ("every other one, then the rest", |line| {
        line.iter_mut().step_by(2).for_each(|waiter| *waiter = None);
        line.iter_mut().for_each(|waiter| *waiter = None);
    }),
    ("all but the head", |line| line[1..].iter_mut().for_each(|waiter| *waiter = None)),
    ("all but the last", |line| line[..MANY - 1].iter_mut().for_each(|waiter| *waiter = None)),
    ("all but the head and the last", |line| {
        line[1..MANY - 1].iter_mut().for_each(|waiter| *waiter = None);
    }),
    ("at random", |line| {
        // A step that is prime to their number visits each once, far from the last.
        (0..MANY).for_each(|turn| line[turn * 61_803 % MANY] = None);
    }),
];

fn poll(waiter: &mut Waiting) -> Poll<Result<(), AcquireError>> {
    waiter.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Lets many join and go in each order. Those who stay are served in the end.
fn come_and_go(clock: &ManualClock, waiting: impl Fn() -> usize, join: impl Fn() -> Waiting) {
    let round = |count: usize, go: Go| {
        let mut line: Vec<_> = (0..count).map(|_| Some(join())).collect();
        for waiter in line.iter_mut().flatten() {
            assert!(poll(waiter).is_pending());
        }
        assert_eq!(waiting(), count);
        let most = LIVE.load(Relaxed);
        go(&mut line);
        let left: Vec<_> = line.drain(..).flatten().collect();
        assert_eq!(waiting(), left.len());
        for mut waiter in left {
            clock.advance(Duration::from_millis(1));
            assert_eq!(poll(&mut waiter), Poll::Ready(Ok(())));
        }
        assert_eq!(waiting(), 0);
        most
    };
    // What is made once, and kept, is made now.
    round(100, |line| line.clear());
    for (order, go) in ORDERS {
        let (start, before) = (Instant::now(), LIVE.load(Relaxed));
        let most = round(MANY, go);
        let (left, took) = (LIVE.load(Relaxed) - before, start.elapsed());
        println!("{order}: {} bytes each, {left} left, {took:?}", (most - before) / MANY as isize);
        assert!(left.abs() < SLACK, "{order}: {left} bytes are left behind");
        assert!(took < QUICK, "{order}: {took:?}");
    }
}

fn bucket() -> TokenBucket {
    TokenBucket::new(1, Rate::per_second(1000)).starting_tokens(0)
}

#[test]
fn waiters_of_a_limiter_leave_no_memory_behind() {
    let _alone = alone();
    let clock = ManualClock::new();
    let limiter = Arc::new(Limiter::with_clock(bucket(), clock.clone()));
    come_and_go(&clock, || limiter.waiting(), || Box::pin(limiter.acquire_owned(1)));
}

#[test]
fn waiters_for_a_key_leave_no_memory_behind() {
    let _alone = alone();
    let clock = ManualClock::new();
    let keyed = Arc::new(KeyedLimiter::builder().clock(clock.clone()).build(|_: &u64| bucket()));
    come_and_go(&clock, || keyed.waiting(&7), || Box::pin(keyed.acquire_owned(7, 1)));
}

#[test]
fn keys_that_were_waited_for_leave_no_lines_behind() {
    let _alone = alone();
    let clock = ManualClock::new();
    let keyed = Arc::new(KeyedLimiter::builder().clock(clock.clone()).build(|_: &u64| bucket()));
    let round = |keys: u64| {
        let mut waiters: Vec<Waiting> =
            (0..keys).map(|key| Box::pin(keyed.acquire_owned(key, 1)) as Waiting).collect();
        assert!(waiters.iter_mut().all(|waiter| poll(waiter).is_pending()));
        drop(waiters);
        keyed.clear();
    };
    // Tables grow once, and are kept.
    (0..2).for_each(|_| round(10_000));
    let before = LIVE.load(Relaxed);
    (0..10).for_each(|_| round(10_000));
    let left = LIVE.load(Relaxed) - before;
    println!("{left} left after ten rounds");
    // Not a byte more for each of a hundred thousand lines, though what is freed in batches may still be to come.
    assert!(left < 4 * SLACK, "{left} bytes are left behind");
}

#[test]
fn a_line_that_shrinks_gives_its_room_back_while_some_still_wait() {
    let _alone = alone();
    let clock = ManualClock::new();
    let limiter = Arc::new(Limiter::with_clock(bucket(), clock));
    let before = LIVE.load(Relaxed);
    let mut line: Vec<Waiting> = (0..MANY).map(|_| Box::pin(limiter.acquire_owned(1)) as Waiting).collect();
    assert!(line.iter_mut().all(|waiter| poll(waiter).is_pending()));
    let last = line.pop();
    let first = line.swap_remove(0);
    drop(line);
    assert_eq!(limiter.waiting(), 2);
    let left = LIVE.load(Relaxed) - before;
    assert!(left < SLACK, "{left} bytes for two");
    drop((first, last));
}
