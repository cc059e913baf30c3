//! What the tests of waiting share.

mod clock;
mod crowd;
mod door;
mod random;

use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub(crate) use clock::TestClock;
pub(crate) use crowd::{Crowd, Task};
pub(crate) use door::{Door, Future, Outcome, each_kind};
pub(crate) use random::Random;

pub(crate) const MILLI: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const NANO: Duration = Duration::from_nanos(1);

/// Far longer than anything here takes; only what hangs meets it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for other threads to bring `condition` about.
#[track_caller]
pub(crate) fn eventually(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "this never comes about");
        std::thread::yield_now();
    }
}

/// The result of a thread that must end.
#[track_caller]
pub(crate) fn join<T>(thread: JoinHandle<T>) -> T {
    eventually(|| thread.is_finished());
    thread.join().unwrap()
}

/// Does what must not hang on a thread of its own.
#[track_caller]
pub(crate) fn without_hanging<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, end) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let _ = done.send(work());
    });
    match end.recv_timeout(PATIENCE) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(mpsc::RecvTimeoutError::Disconnected) => match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => unreachable!("it has sent its result"),
        },
    }
}
