//! Where states are kept: that replaced ones are freed, and what becomes of those that do not fit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use lazy_limiter::{AcquireError, Algorithm, Boxed, Limiter, ManualClock, Pack, Packed, Timestamp, Tokens};

/// Ten in all, and the states that hold them are counted.
struct Counting {
    live: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

struct Counted {
    left: Tokens,
    live: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Counted {
    fn new(left: Tokens, live: &Arc<AtomicUsize>, most: &Arc<AtomicUsize>) -> Counted {
        most.fetch_max(live.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        Counted { left, live: live.clone(), most: most.clone() }
    }
}

impl Clone for Counted {
    fn clone(&self) -> Counted {
        Counted::new(self.left, &self.live, &self.most)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.live.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Algorithm for Counting {
    type State = Counted;
    type Cell = Boxed<Counted>;

    fn capacity(&self) -> Tokens {
        Tokens::from(10)
    }

    fn start(&self, _: Timestamp) -> Counted {
        Counted::new(self.capacity(), &self.live, &self.most)
    }

    fn available(&self, state: &Counted, _: Timestamp) -> Tokens {
        state.left
    }

    fn consume(&self, state: &Counted, n: Tokens, _: Timestamp) -> Counted {
        Counted::new(state.left - n, &self.live, &self.most)
    }

    fn time_to_available(&self, state: &Counted, n: Tokens, _: Timestamp) -> Option<Duration> {
        (n <= state.left).then_some(Duration::ZERO)
    }

    fn give_back(&self, state: &Counted, n: Tokens, _: Timestamp) -> Counted {
        Counted::new(self.capacity().min(state.left + n), &self.live, &self.most)
    }
}

#[test]
fn boxed_states_are_freed_once_nobody_can_look_at_them() {
    const THREADS: usize = 4;
    let turns = if cfg!(miri) { 50 } else { 20_000 };
    let (live, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let limiter =
        Limiter::with_clock(Counting { live: live.clone(), most: most.clone() }, ManualClock::new());
    let churn = || {
        for _ in 0..turns {
            if limiter.try_acquire(1).is_ok() {
                limiter.give_back(1).unwrap();
            }
            limiter.charge(1).unwrap();
            limiter.give_back(1).unwrap();
        }
    };
    // Alone, nobody holds up what is to be freed: it is freed as the next come.
    churn();
    let (most, made) = (most.load(Ordering::SeqCst), 4 * turns);
    assert!(cfg!(miri) || most < made / 10, "{most} of {made} states at once");
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(churn);
        }
    });
    drop(limiter);
    // What threads that are gone have left is freed by whoever comes by.
    for _ in 0..100_000 {
        if live.load(Ordering::SeqCst) == 0 {
            return;
        }
        crossbeam_epoch::pin().flush();
        thread::yield_now();
    }
    panic!("{} states are left", live.load(Ordering::SeqCst));
}

/// Counts what is taken in whole tokens, in eight bits, from `first` on; there is no end of them.
struct Narrow {
    first: u64,
}

#[derive(Clone, Debug)]
struct Eight(u64);

impl Pack for Eight {
    const BITS: u32 = 8;

    fn pack(&self) -> u64 {
        self.0
    }

    fn unpack(bits: u64) -> Self {
        Eight(bits)
    }
}

impl Algorithm for Narrow {
    type State = Eight;
    type Cell = Packed<Eight>;

    fn capacity(&self) -> Tokens {
        Tokens::from(1000)
    }

    fn start(&self, _: Timestamp) -> Eight {
        Eight(self.first)
    }

    fn available(&self, state: &Eight, _: Timestamp) -> Tokens {
        self.capacity() - Tokens::from(state.0)
    }

    fn consume(&self, state: &Eight, n: Tokens, _: Timestamp) -> Eight {
        Eight(state.0 + n.as_f64() as u64)
    }

    fn time_to_available(&self, state: &Eight, n: Tokens, now: Timestamp) -> Option<Duration> {
        (n <= self.available(state, now)).then_some(Duration::ZERO)
    }

    fn give_back(&self, state: &Eight, n: Tokens, _: Timestamp) -> Eight {
        Eight(state.0.saturating_sub(n.as_f64() as u64))
    }
}

#[test]
fn what_leads_to_a_state_that_does_not_fit_is_refused_and_changes_nothing() {
    let limiter = Limiter::with_clock(Narrow { first: 0 }, ManualClock::new());
    limiter.try_acquire(200).unwrap();
    // 256 take nine bits.
    assert_eq!(limiter.try_acquire(56), Err(AcquireError::Denied { retry_after: None }));
    assert_eq!(limiter.available(), Tokens::from(800));
    limiter.charge(56).unwrap();
    limiter.charge(u64::MAX).unwrap();
    assert_eq!(limiter.available(), Tokens::from(800));
    // Nor would waiting help: it is not even in line.
    let timeout = Duration::from_secs(1);
    assert!(limiter.acquire_blocking_timeout(56, timeout).is_err());
    assert_eq!(limiter.waiting(), 0);
    assert_eq!(limiter.try_acquire(55), Ok(()));
    limiter.give_back(255).unwrap();
    assert_eq!(limiter.available(), limiter.capacity());
}

#[test]
fn a_start_that_just_fits_does() {
    let limiter = Limiter::with_clock(Narrow { first: 255 }, ManualClock::new());
    assert_eq!(limiter.available(), Tokens::from(745));
}

#[test]
#[should_panic(expected = "a starting state has at most `Pack::BITS` bits")]
fn a_start_that_does_not_fit_panics_when_the_limiter_is_made() {
    let _ = Limiter::with_clock(Narrow { first: 256 }, ManualClock::new());
}
