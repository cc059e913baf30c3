//! What a composition works on: keys of a keyed limiter, or a limiter, whatever they are made of.

use core::convert::Infallible;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::Arc;

use shuttle::sync::atomic::{AtomicU64, Ordering};

use super::{dally, dice};
use crate::{
    AcquireError, Algorithm, All, KeyedLimiter, Limit, Limiter, MonotonicClock, Rate, RateLimiter, Timestamp,
    TokenBucket, Tokens,
};

pub(super) type Keyed<A> = KeyedLimiter<u8, A, Infallible, MonotonicClock>;
pub(super) type Waiting = Pin<Box<dyn Future<Output = Result<(), AcquireError>> + Send>>;

/// A few buckets, each of which has a number.
pub(super) trait Subject: Send + Sync + 'static {
    fn try_take(&self, key: u8, n: u64) -> bool;
    fn block(&self, key: u8, n: u64) -> Result<(), AcquireError>;
    fn wait(self: &Arc<Self>, key: u8, n: u64) -> Waiting;
    fn give(&self, key: u8, n: u64);
    fn reclaim(&self);
    /// Nobody waits, no mark is left, and `key` is full.
    fn check_full(&self, key: u8, capacity: u64);
}

impl<A: Limit> Subject for Keyed<A> {
    fn try_take(&self, key: u8, n: u64) -> bool {
        self.try_acquire(&key, n).is_ok()
    }

    fn block(&self, key: u8, n: u64) -> Result<(), AcquireError> {
        self.acquire_blocking(&key, n)
    }

    fn wait(self: &Arc<Self>, key: u8, n: u64) -> Waiting {
        Box::pin(self.acquire_owned(key, n))
    }

    fn give(&self, key: u8, n: u64) {
        self.give_back(&key, n).unwrap();
    }

    fn reclaim(&self) {
        KeyedLimiter::reclaim(self);
    }

    fn check_full(&self, key: u8, capacity: u64) {
        assert_eq!(self.waiting(&key), 0);
        assert_eq!(self.available(&key).unwrap_or(Tokens::from(capacity)), Tokens::from(capacity));
        assert!(self.is_idle(&key), "marked, though nobody waits");
        KeyedLimiter::reclaim(self);
        assert!(!self.contains_key(&key), "idle, but not reclaimed");
        assert_eq!(self.try_acquire(&key, capacity), Ok(()));
        self.give_back(&key, capacity).unwrap();
    }
}

impl<A: Limit> Subject for Limiter<A> {
    fn try_take(&self, _: u8, n: u64) -> bool {
        self.try_acquire(n).is_ok()
    }

    fn block(&self, _: u8, n: u64) -> Result<(), AcquireError> {
        self.acquire_blocking(n)
    }

    fn wait(self: &Arc<Self>, _: u8, n: u64) -> Waiting {
        Box::pin(self.acquire_owned(n))
    }

    fn give(&self, _: u8, n: u64) {
        self.give_back(n).unwrap();
    }

    fn reclaim(&self) {}

    fn check_full(&self, _: u8, capacity: u64) {
        assert_eq!(self.waiting(), 0);
        assert_eq!(self.available(), Tokens::from(capacity));
        assert!(self.is_idle(), "marked, though nobody waits");
        assert_eq!(self.try_acquire(capacity), Ok(()));
        self.give_back(capacity).unwrap();
    }
}

/// A keyed limiter without a grace: time stands still.
pub(super) fn keyed<A: Limit>(policy: impl Fn(&u8) -> A + Send + Sync + 'static) -> Keyed<A> {
    KeyedLimiter::builder().grace(Duration::ZERO).build(policy)
}

/// A bucket in one word, that never refills.
pub(super) fn word(capacity: u64) -> TokenBucket {
    TokenBucket::new(capacity, Rate::ZERO)
}

/// A bucket behind a pointer.
pub(super) fn wide(capacity: u64) -> impl Algorithm {
    All((word(capacity), word(capacity + 1)))
}

/// A limiter from scratch.
pub(super) fn scratch(capacity: u64) -> Box<dyn RateLimiter> {
    Box::new(Slots { free: AtomicU64::new(Tokens::from(capacity).parts()), most: capacity })
}

struct Slots {
    free: AtomicU64,
    most: u64,
}

impl RateLimiter for Slots {
    fn capacity(&self) -> Tokens {
        Tokens::from(self.most)
    }

    fn available(&self, _: Timestamp) -> Tokens {
        Tokens::from_parts(self.free.load(Ordering::SeqCst))
    }

    fn try_acquire(&self, n: Tokens, _: Timestamp) -> Result<(), Option<Duration>> {
        let take = |free: u64| free.checked_sub(n.parts());
        self.free.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).map(drop).map_err(|_| None)
    }

    fn time_to_available(&self, n: Tokens, now: Timestamp) -> Option<Duration> {
        (n <= self.available(now)).then_some(Duration::ZERO)
    }

    fn give_back(&self, n: Tokens, _: Timestamp) {
        let most = self.capacity().parts();
        let give = |free: u64| Some((free + n.parts()).min(most));
        let _ = self.free.fetch_update(Ordering::SeqCst, Ordering::SeqCst, give);
    }

    fn charge(&self, n: Tokens, _: Timestamp) {
        let take = |free: u64| Some(free.saturating_sub(n.parts()));
        let _ = self.free.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take);
    }
}

/// Takes `n` in one way or another; whether they were got. What is waited for to the end must come.
pub(super) fn get(subject: &Arc<impl Subject>, key: u8, n: u64) -> Result<bool, AcquireError> {
    match dice(5) {
        0 => Ok(subject.try_take(key, n)),
        1 => subject.block(key, n).map(|()| true),
        2 => shuttle::future::block_on(subject.wait(key, n)).map(|()| true),
        // Polled, and dropped, granted or not.
        3 => {
            let mut future = subject.wait(key, n);
            let got = poll(&mut future);
            dally();
            match got {
                Poll::Ready(result) => result.map(|()| true),
                Poll::Pending => Ok(false),
            }
        }
        // Polled by one, and waited for by another.
        _ => {
            let mut future = subject.wait(key, n);
            match poll(&mut future) {
                Poll::Ready(result) => result.map(|()| true),
                Poll::Pending => shuttle::future::block_on(future).map(|()| true),
            }
        }
    }
}

/// Polls once, without being woken afterwards.
pub(super) fn poll(future: &mut Waiting) -> Poll<Result<(), AcquireError>> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}
