//! A limiter of your own in some thirty lines: a fixed window over the two fields that it naturally has.
//!
//! `cargo run --example custom_window`
//!
//! What is written here is arithmetic. That it is lock-free, that callers can wait in line for it, and that a key's
//! window is made when first needed and dropped when idle, comes with the library.

use std::thread;
use std::time::{Duration, Instant};

use lazy_limiter::{AcquireError, Algorithm, Boxed, KeyedLimiter, Limiter, Timestamp, Tokens};

/// Up to `capacity` requests each window; none is left over for the next.
#[derive(Clone, Debug)]
struct Window {
    capacity: Tokens,
    nanos: u64,
}

#[derive(Clone, Debug)]
struct Used {
    number: u64,
    used: Tokens,
}

impl Window {
    fn new(capacity: u64, length: Duration) -> Window {
        Window { capacity: capacity.into(), nanos: length.as_nanos() as u64 }
    }

    /// What is used of the present window. One that is still to come (another thread's clock was read later) counts
    /// as present, so that nobody takes twice.
    fn present(&self, state: &Used, now: Timestamp) -> Used {
        let start = self.start(now);
        if state.number >= start.number { state.clone() } else { start }
    }
}

impl Algorithm for Window {
    type State = Used;
    type Cell = Boxed<Used>;

    fn capacity(&self) -> Tokens {
        self.capacity
    }

    // Counted from the clock's origin, not from the first request: a full window is then as good as a new one.
    fn start(&self, now: Timestamp) -> Used {
        Used { number: now.as_nanos() / self.nanos, used: Tokens::ZERO }
    }

    fn available(&self, state: &Used, now: Timestamp) -> Tokens {
        self.capacity - self.present(state, now).used
    }

    fn consume(&self, state: &Used, n: Tokens, now: Timestamp) -> Used {
        let Used { number, used } = self.present(state, now);
        Used { number, used: used + n }
    }

    fn time_to_available(&self, state: &Used, n: Tokens, now: Timestamp) -> Option<Duration> {
        if n <= self.available(state, now) {
            return Some(Duration::ZERO);
        }
        let next = (self.present(state, now).number + 1).saturating_mul(self.nanos);
        Some(Timestamp::from_nanos(next).since(now))
    }

    fn give_back(&self, state: &Used, n: Tokens, now: Timestamp) -> Used {
        let Used { number, used } = self.present(state, now);
        Used { number, used: used - n }
    }
}

fn main() -> Result<(), AcquireError> {
    let began = Instant::now();
    let since = || began.elapsed().as_secs_f64();

    println!("12 requests on 3 threads, 5 each 500 ms");
    let limiter = Limiter::new(Window::new(5, Duration::from_millis(500)));
    thread::scope(|scope| {
        let ask = |worker| {
            for request in 0..4 {
                limiter.acquire_blocking(1)?;
                println!("{:7.3} s  thread {worker}: request {request}", since());
            }
            Ok::<_, AcquireError>(())
        };
        let workers: Vec<_> = (0..3).map(|worker| scope.spawn(move || ask(worker))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("a worker does not panic"))
    })?;

    println!("one for each user");
    let users = KeyedLimiter::new(|_: &String| Window::new(5, Duration::from_secs(60)));
    for user in ["alice", "bob"] {
        let granted = (0..8).filter(|_| users.try_acquire(user, 1).is_ok()).count();
        println!("{:7.3} s  {user}: {granted} of 8 granted, {:?}", since(), users.try_acquire(user, 1));
    }
    Ok(())
}
