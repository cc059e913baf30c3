//! Policies that call the limiter that calls them.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use lazy_limiter::{AcquireError, KeyedLimiter, ManualClock, Rate, TokenBucket};

use super::support::{MILLI, Task, without_hanging};

#[test]
fn a_policy_may_use_the_limiter_for_other_keys() {
    type Users = KeyedLimiter<u64, TokenBucket, std::convert::Infallible, ManualClock>;

    without_hanging(|| {
        let clock = ManualClock::new();
        let this: Arc<OnceLock<Weak<Users>>> = Arc::default();
        let users = Arc::new(KeyedLimiter::builder().clock(clock.clone()).build({
            let this = this.clone();
            move |&key: &u64| {
                let users = this.get().and_then(Weak::upgrade).unwrap();
                if key > 0 {
                    // A key costs its predecessor a token; this makes the predecessor in turn.
                    users.acquire_blocking_timeout(&(key - 1), 1, Duration::ZERO).unwrap();
                    let mut waiter = Task::new(Box::pin(users.acquire_owned(key - 1, 10)));
                    assert_eq!(waiter.poll(), None);
                    assert_eq!(users.waiting(&(key - 1)), 1);
                }
                TokenBucket::new(10, Rate::per_second(1000))
            }
        }));
        this.set(Arc::downgrade(&users)).unwrap();
        users.acquire_blocking(&20, 1).unwrap();
        assert_eq!(users.len(), 21);
        assert!((0..=20).all(|key| users.available(&key) == Some(9.into()) && users.waiting(&key) == 0));
        // Also when it is called by one who waits, whose bucket is gone.
        let mut waiter = Task::waiting(Box::pin(users.acquire_owned(20, 10)));
        users.remove(&20);
        assert_eq!(waiter.poll(), Some(Ok(())));
        assert_eq!(users.available(&19), Some(8.into()));
        assert_eq!(users.try_acquire(&20, 1).unwrap_err(), AcquireError::Denied { retry_after: Some(MILLI) });
    });
}
