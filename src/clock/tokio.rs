//! [`TokioClock`], and alarms by tokio's timer.

use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::timers::real_time_alarm;
use super::{Alarm, Clock};
use crate::Timestamp;

/// tokio's time: real, or virtual under `tokio::time::pause` and `#[tokio::test(start_paused = true)]`, where
/// waiting takes no real time.
///
/// Tasks are woken by the timer of the runtime that polls them. Outside of a runtime it runs at the speed of
/// real time. A thread in `acquire_blocking` sleeps in real time even while tokio's is paused; it
/// looks at the clock when it wakes.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use lazy_limiter::{Limiter, Rate, TokenBucket, TokioClock};
///
/// let limiter = Limiter::with_clock(TokenBucket::new(1, Rate::per_hour(1)), TokioClock::new());
/// for _ in 0..25 {
///     limiter.acquire(1).await.unwrap(); // a day passes in no time
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TokioClock {
    origin: tokio::time::Instant,
}

impl TokioClock {
    /// A clock whose origin is tokio's current instant.
    pub fn new() -> TokioClock {
        TokioClock { origin: tokio::time::Instant::now() }
    }
}

impl Default for TokioClock {
    fn default() -> TokioClock {
        TokioClock::new()
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp::ZERO + tokio::time::Instant::now().saturating_duration_since(self.origin)
    }

    fn alarm(&self, at: Timestamp, waker: &Waker) -> Alarm {
        let wait = at.since(self.now());
        alarm(wait, waker).unwrap_or_else(|| real_time_alarm(wait, waker))
    }
}

/// How much later than tokio's timer the process's own goes off.
const BACKSTOP: Duration = Duration::from_millis(20);

/// An alarm by tokio's timer, if there is a runtime about. Real time only.
///
/// That there is a runtime does not mean that it runs: its only thread may be the one that blocks on our
/// future, in another executor's `block_on`. So the process's own timer stands behind it, a little later.
pub(super) fn alarm_with_backstop(wait: Duration, waker: &Waker) -> Option<Alarm> {
    // Relaxed: a hint; nothing is published by it.
    if NO_TIMER.load(Ordering::Relaxed) {
        return None;
    }
    let first = alarm(wait, waker)?;
    let backstop = real_time_alarm(wait.saturating_add(BACKSTOP), waker);
    Some(Alarm::new(move || drop((first, backstop))))
}

/// A runtime without a timer was met, and cannot be told from others without a panic message. Later alarms that
/// the process's own timer can serve as well are left to it.
static NO_TIMER: AtomicBool = AtomicBool::new(false);

/// An alarm by the timer of the runtime that we are in, if it has one.
fn alarm(wait: Duration, waker: &Waker) -> Option<Alarm> {
    // tokio panics when its runtime has no timer or is shutting down. Where that would abort the process,
    // its timer is not for us.
    if cfg!(not(panic = "unwind")) {
        return None;
    }
    tokio::runtime::Handle::try_current().ok()?;
    let armed = catch_unwind(AssertUnwindSafe(|| {
        // Unconstrained: a task that has used up its budget must still get its alarm.
        let mut sleep = Box::pin(tokio::task::unconstrained(tokio::time::sleep(wait)));
        match sleep.as_mut().poll(&mut Context::from_waker(waker)) {
            Poll::Ready(()) => {
                waker.wake_by_ref();
                Alarm::spent()
            }
            Poll::Pending => Alarm::new(move || drop(sleep)),
        }
    }));
    if armed.is_err() {
        NO_TIMER.store(true, Ordering::Relaxed);
    }
    armed.ok()
}
