//! Wakers and from-scratch limiters are foreign code: they may call back, and they may panic.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, Weak, mpsc};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use lazy_limiter::{
    AcquireError, KeyedLimiter, Limiter, ManualClock, Rate, RateLimiter, Timestamp, TokenBucket, Tokens,
};

/// Fails, rather than hangs, when `work` never ends.
fn ends<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(work()));
    receiver.recv_timeout(Duration::from_secs(20)).expect("it hangs, or has panicked")
}

/// A task at whose end, when its last waker goes, something else is done with the limiter.
struct Task(Arc<Limiter<TokenBucket>>);

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.waiting();
    }
}

fn poll<F: Future>(future: Pin<&mut F>, waker: &Waker) {
    assert!(future.poll(&mut Context::from_waker(waker)).is_pending());
}

#[test]
fn a_waker_whose_drop_calls_back_is_not_dropped_under_the_lock() {
    ends(|| {
        let limiter = Arc::new(Limiter::new(TokenBucket::new(1, Rate::ZERO)));
        limiter.try_acquire(1).unwrap();
        let task = || Waker::from(Arc::new(Task(limiter.clone())));
        {
            let mut first = pin!(limiter.acquire(1));
            let mut second = Box::pin(limiter.acquire(1));
            poll(first.as_mut(), &task());
            poll(second.as_mut(), &task());
            // A future that moves to another task: the old one ends.
            poll(first.as_mut(), &task());
            // One that leaves, from the middle of the line.
            drop(second);
        }
        limiter.close();
    });
}

/// Refuses twice, panics once, and grants from then on: the third attempt is that of one who joins the line.
#[derive(Default)]
struct Shaky(AtomicU32);

impl RateLimiter for Shaky {
    fn capacity(&self) -> Tokens {
        Tokens::from(1)
    }
    fn available(&self, _: Timestamp) -> Tokens {
        Tokens::from(1)
    }
    fn try_acquire(&self, _: Tokens, _: Timestamp) -> Result<(), Option<Duration>> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => Err(None),
            2 => panic!("as it was told to"),
            _ => Ok(()),
        }
    }
    fn time_to_available(&self, _: Tokens, _: Timestamp) -> Option<Duration> {
        None
    }
    fn give_back(&self, _: Tokens, _: Timestamp) {}
    fn charge(&self, _: Tokens, _: Timestamp) {}
}

#[test]
fn a_limiter_that_panics_once_is_not_marked_as_waited_for_ever_after() {
    ends(|| {
        let limiter = Limiter::new(Box::<Shaky>::default() as Box<dyn RateLimiter>);
        catch_unwind(AssertUnwindSafe(|| limiter.acquire_blocking(1))).unwrap_err();
        assert_eq!(limiter.try_acquire(1), Ok(()));
    });
    ends(|| {
        let keyed = KeyedLimiter::new(|_: &u8| Box::<Shaky>::default() as Box<dyn RateLimiter>);
        catch_unwind(AssertUnwindSafe(|| keyed.acquire_blocking(&1, 1))).unwrap_err();
        assert_eq!(keyed.try_acquire(&1, 1), Ok(()));
    });
}

type FromScratch = Limiter<Box<dyn RateLimiter>>;

/// Closes whatever it is part of while tokens are given back to it.
#[derive(Default)]
struct Closing {
    held: AtomicU32,
    within: Arc<OnceLock<Weak<FromScratch>>>,
}

impl RateLimiter for Closing {
    fn capacity(&self) -> Tokens {
        Tokens::from(9)
    }
    fn available(&self, _: Timestamp) -> Tokens {
        Tokens::from(u64::from(self.held.load(Ordering::SeqCst)))
    }
    fn try_acquire(&self, _: Tokens, _: Timestamp) -> Result<(), Option<Duration>> {
        Err(None)
    }
    fn time_to_available(&self, _: Tokens, _: Timestamp) -> Option<Duration> {
        None
    }
    fn give_back(&self, _: Tokens, _: Timestamp) {
        self.held.fetch_add(1, Ordering::SeqCst);
        self.within.get().and_then(Weak::upgrade).unwrap().close();
    }
    fn charge(&self, _: Tokens, _: Timestamp) {}
}

#[test]
fn what_is_given_back_as_the_limiter_closes_is_given_back_once() {
    ends(|| {
        let closing = Closing::default();
        let within = closing.within.clone();
        let limiter = Arc::new(Limiter::new(Box::new(closing) as Box<dyn RateLimiter>));
        within.set(Arc::downgrade(&limiter)).unwrap();
        limiter.give_back(1).unwrap();
        assert_eq!(limiter.available(), Tokens::from(1));
    });
}

#[test]
fn a_key_whose_limiter_panics_at_once_is_counted_and_reclaimed_all_the_same() {
    let clock = ManualClock::new();
    let keyed = KeyedLimiter::builder().clock(clock.clone()).max_keys(1).build(|_: &u8| {
        // The next attempt is the one that panics.
        Box::new(Shaky(AtomicU32::new(2))) as Box<dyn RateLimiter>
    });
    catch_unwind(AssertUnwindSafe(|| keyed.try_acquire(&1, 1))).unwrap_err();
    assert!(keyed.contains_key(&1));
    assert_eq!(keyed.try_acquire(&2, 1), Err(AcquireError::TooManyKeys));
    clock.advance(Duration::from_secs(10));
    assert_eq!(keyed.reclaim(), 1);
}
