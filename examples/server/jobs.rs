//! A pool of threads that work off jobs, no faster than a limit allows.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use lazy_limiter::{Limiter, TokenBucket};
use tokio::sync::oneshot;

/// How many jobs may wait for a thread.
const QUEUE: usize = 1000;

/// The pool; clones share it. Its threads end when all are gone, or its limiter is closed.
#[derive(Clone)]
pub(crate) struct Pool(SyncSender<Job>);

struct Job {
    n: u64,
    reply: oneshot::Sender<Answer>,
}

pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) expensive: bool,
}

impl Pool {
    pub(crate) fn start(workers: usize, limiter: Arc<Limiter<TokenBucket>>) -> std::io::Result<Pool> {
        let (jobs, queue) = sync_channel(QUEUE);
        let queue = Arc::new(Mutex::new(queue));
        for n in 0..workers {
            let (queue, limiter) = (queue.clone(), limiter.clone());
            thread::Builder::new().name(format!("worker {n}")).spawn(move || work_off(&queue, &limiter))?;
        }
        Ok(Pool(jobs))
    }

    /// Has a thread do the job; `None` if there are too many, or the server shuts down.
    pub(crate) async fn work(&self, n: u64) -> Option<Answer> {
        let (reply, answer) = oneshot::channel();
        self.0.try_send(Job { n, reply }).ok()?;
        answer.await.ok()
    }
}

fn work_off(queue: &Mutex<Receiver<Job>>, limiter: &Limiter<TokenBucket>) {
    loop {
        // One waits for a job, with the lock; the others wait for the lock.
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { n, reply }) = job else { return };
        // Whoever asked may have gone meanwhile: then it costs nothing.
        if reply.is_closed() {
            continue;
        }
        // A job of which there are more than the limit allows waits here, in order; the thread sleeps.
        if limiter.acquire_blocking(1).is_err() {
            return;
        }
        let divisors = (1..=n.min(1_000_000)).filter(|d| n % d == 0).count();
        let answer =
            Answer { text: format!("{n} has {divisors} divisors up to a million"), expensive: n > 100_000 };
        let _ = reply.send(answer);
    }
}
