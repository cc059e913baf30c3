//! Beyond one algorithm for all: a policy that answers with different kinds, and a limiter written from scratch.
//!
//! `cargo run --example kinds`

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lazy_limiter::{
    AcquireError, Algorithm, FixedWindow, KeyedLimiter, Limiter, Pack, Packed, Rate, RateLimiter, Timestamp,
    TokenBucket, Tokens,
};

/// The kinds that a policy may answer with. As an enum it stays an `Algorithm`, and a grant is one exchange of one
/// word; `.boxed()` is less to write and takes any kinds at all, but is slower by some three read-modify-writes.
enum Plan {
    Free(FixedWindow),
    Paid(TokenBucket),
}

/// A state of either kind. The plan knows which: a key's plan and its state are made and dropped together.
#[derive(Clone, Copy)]
struct Word(u64);

impl Pack for Word {
    const BITS: u32 = 62;

    fn pack(&self) -> u64 {
        self.0
    }

    fn unpack(bits: u64) -> Word {
        Word(bits)
    }
}

impl Word {
    fn of(state: impl Pack) -> Word {
        Word(state.pack())
    }

    fn to<S: Pack>(self) -> S {
        S::unpack(self.0)
    }
}

/// Asks whichever kind a plan is of.
macro_rules! ask {
    ($plan:expr, $kind:ident => $answer:expr) => {
        match $plan {
            Plan::Free($kind) => $answer,
            Plan::Paid($kind) => $answer,
        }
    };
}

impl Algorithm for Plan {
    type State = Word;
    type Cell = Packed<Word>;

    fn capacity(&self) -> Tokens {
        ask!(self, kind => kind.capacity())
    }

    fn start(&self, now: Timestamp) -> Word {
        ask!(self, kind => Word::of(kind.start(now)))
    }

    fn available(&self, state: &Word, now: Timestamp) -> Tokens {
        ask!(self, kind => kind.available(&state.to(), now))
    }

    fn consume(&self, state: &Word, n: Tokens, now: Timestamp) -> Word {
        ask!(self, kind => Word::of(kind.consume(&state.to(), n, now)))
    }

    fn time_to_available(&self, state: &Word, n: Tokens, now: Timestamp) -> Option<Duration> {
        ask!(self, kind => kind.time_to_available(&state.to(), n, now))
    }

    fn give_back(&self, state: &Word, n: Tokens, now: Timestamp) -> Word {
        ask!(self, kind => Word::of(kind.give_back(&state.to(), n, now)))
    }

    // What the kinds do better than the defaults:

    fn try_take(&self, state: &Word, n: Tokens, now: Timestamp) -> Result<Word, Option<Duration>> {
        ask!(self, kind => kind.try_take(&state.to(), n, now).map(Word::of))
    }

    fn debt(&self, state: &Word, now: Timestamp) -> Tokens {
        ask!(self, kind => kind.debt(&state.to(), now))
    }

    fn is_idle(&self, state: &Word, now: Timestamp) -> bool {
        ask!(self, kind => kind.is_idle(&state.to(), now))
    }

    fn time_to_idle(&self, state: &Word, now: Timestamp) -> Option<Duration> {
        ask!(self, kind => kind.time_to_idle(&state.to(), now))
    }
}

/// At most so many at once, whatever the time: what is taken is in flight until it is given back. That is no function
/// of a state and the time that refills it, and its books are one counter: a limiter from scratch.
struct InFlight {
    most: Tokens,
    /// In 2⁻²⁰ths of a token.
    taken: AtomicU64,
}

impl InFlight {
    fn new(most: u64) -> InFlight {
        InFlight { most: Tokens::from(most), taken: AtomicU64::new(0) }
    }

    // Relaxed, here and below: the counter guards nothing but itself.
    fn change(&self, next: impl Fn(u64) -> Option<u64>) -> bool {
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }
}

impl RateLimiter for InFlight {
    fn capacity(&self) -> Tokens {
        self.most
    }

    fn available(&self, _: Timestamp) -> Tokens {
        self.most - Tokens::from_parts(self.taken.load(Ordering::Relaxed))
    }

    fn try_acquire(&self, n: Tokens, _: Timestamp) -> Result<(), Option<Duration>> {
        let most = self.most.parts();
        let fits = |taken: u64| taken.checked_add(n.parts()).filter(|taken| *taken <= most);
        // Nobody can tell when: those who wait are served when some are given back.
        if self.change(fits) { Ok(()) } else { Err(None) }
    }

    fn time_to_available(&self, n: Tokens, now: Timestamp) -> Option<Duration> {
        (n <= self.available(now)).then_some(Duration::ZERO)
    }

    fn give_back(&self, n: Tokens, _: Timestamp) {
        self.change(|taken| Some(taken.saturating_sub(n.parts())));
    }

    fn charge(&self, n: Tokens, _: Timestamp) {
        self.change(|taken| Some(taken.saturating_add(n.parts())));
    }
}

fn main() -> Result<(), AcquireError> {
    println!("two kinds in one policy");
    let users = KeyedLimiter::new(|user: &String| match user.starts_with("paid-") {
        true => Plan::Paid(TokenBucket::new(20, Rate::per_second(10))),
        false => Plan::Free(FixedWindow::new(3, Duration::from_secs(3600))),
    });
    for user in ["paid-alice", "bob"] {
        let granted = (0..30).filter(|_| users.try_acquire(user, 1).is_ok()).count();
        println!("  {user}: {granted} of 30 granted");
    }

    println!("five jobs, two at once");
    let slots: Limiter<Box<dyn RateLimiter>> = Limiter::new(Box::new(InFlight::new(2)));
    std::thread::scope(|scope| {
        let job = |number| {
            slots.acquire_blocking(1)?;
            println!("  job {number} begins, {} free", slots.available());
            std::thread::sleep(Duration::from_millis(50));
            slots.give_back(1)
        };
        let jobs: Vec<_> = (1..=5).map(|number| scope.spawn(move || job(number))).collect();
        jobs.into_iter().try_for_each(|job| job.join().expect("a job does not panic"))
    })?;
    println!("done, {} free", slots.available());
    Ok(())
}
