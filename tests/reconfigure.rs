//! Limits that change while they are in use.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Wake};
use std::thread;
use std::time::Duration;

use lazy_limiter::{
    AcquireError, Algorithm, All, Carry, KeyedLimiter, Limiter, ManualClock, Rate, RateLimiter, Timestamp,
    TokenBucket, Tokens,
};

const SECOND: Duration = Duration::from_secs(1);

fn bucket(capacity: u64, per_second: u64) -> TokenBucket {
    TokenBucket::new(capacity, Rate::per_second(per_second))
}

#[test]
fn past_time_is_priced_at_the_old_rate_and_time_to_come_at_the_new() {
    let clock = ManualClock::new();
    let limiter = Limiter::with_clock(bucket(100, 3).starting_tokens(0), clock.clone());
    clock.advance(10 * SECOND);
    limiter.reconfigure(bucket(1000, 7));
    assert_eq!(limiter.available(), Tokens::from(30));
    clock.advance(10 * SECOND);
    assert_eq!(limiter.available(), Tokens::from(100));
    // Again, and through the slower way that a reconfigured limiter has.
    limiter.reconfigure(bucket(90, 1));
    assert_eq!(limiter.available(), Tokens::from(90), "up to the new capacity");
    assert_eq!(limiter.try_acquire(90), Ok(()));
    assert_eq!(limiter.try_acquire(1), Err(AcquireError::Denied { retry_after: Some(SECOND) }));
    assert_eq!(limiter.capacity(), Tokens::from(90));
}

#[test]
fn the_caller_chooses_what_becomes_of_the_tokens() {
    let make = || {
        let limiter = Limiter::with_clock(bucket(100, 1), ManualClock::new());
        limiter.try_acquire(75).unwrap();
        limiter
    };
    for (carry, left) in [(Carry::AsIs, 25), (Carry::Proportional, 50), (Carry::Reset, 200)] {
        let limiter = make();
        limiter.reconfigure_with(bucket(200, 1), carry);
        assert_eq!(limiter.available(), Tokens::from(left), "{carry:?}");
    }
}

#[test]
fn a_debt_is_not_forgiven() {
    let clock = ManualClock::new();
    let limiter = Limiter::with_clock(bucket(10, 1), clock.clone());
    limiter.charge(40).unwrap();
    limiter.reconfigure(bucket(20, 10));
    assert_eq!(limiter.time_to_available(1), Some(3 * SECOND + SECOND / 10));
    limiter.reconfigure_with(bucket(20, 10), Carry::Reset);
    assert_eq!(limiter.available(), Tokens::from(20));
}

#[test]
fn those_who_wait_keep_their_places_and_are_timed_anew() {
    let clock = ManualClock::new();
    let limiter = Limiter::with_clock(bucket(10, 1).starting_tokens(0), clock.clone());
    thread::scope(|scope| {
        let wait_for = |n: u64, already| {
            let waiter = scope.spawn({
                let limiter = &limiter;
                move || limiter.acquire_blocking(n)
            });
            while limiter.waiting() <= already {
                thread::yield_now();
            }
            waiter
        };
        let large = wait_for(10, 0);
        let small = wait_for(2, 1);
        limiter.reconfigure(bucket(8, 4));
        assert_eq!(
            large.join().unwrap(),
            Err(AcquireError::ExceedsCapacity { requested: 10.into(), capacity: 8.into() })
        );
        assert_eq!(
            limiter.try_acquire(1),
            Err(AcquireError::Denied { retry_after: Some(Duration::from_millis(750)) })
        );
        clock.advance(Duration::from_millis(500));
        assert_eq!(small.join().unwrap(), Ok(()));
    });
    assert_eq!(limiter.available(), Tokens::ZERO);
}

#[test]
fn a_closed_limiter_stays_closed() {
    let limiter = Limiter::with_clock(bucket(1, 1), ManualClock::new());
    limiter.reconfigure(bucket(2, 1));
    limiter.close();
    limiter.reconfigure(bucket(3, 1));
    assert_eq!(limiter.try_acquire(1), Err(AcquireError::Closed));
    assert_eq!(limiter.try_acquire(0), Err(AcquireError::Closed));
    limiter.charge(2).unwrap();
    limiter.give_back(2).unwrap();
    assert_eq!(limiter.available(), Tokens::from(1), "one of two, less two, and two again");
}

#[test]
fn each_part_of_several_limits_keeps_what_it_had() {
    let clock = ManualClock::new();
    let both = |burst, daily| {
        let day = TokenBucket::new(daily, Rate::new(daily, 86_400 * SECOND));
        All((bucket(burst, 10), day))
    };
    let limiter = Limiter::with_clock(both(10, 1000), clock.clone());
    for _ in 0..90 {
        limiter.try_acquire(10).unwrap();
        clock.advance(SECOND);
    }
    // Of the day's thousand, a hundred and what came in a minute and a half are left.
    let left_today = |limiter: &Limiter<All<(TokenBucket, TokenBucket)>, _>| {
        limiter.inspect(|all, state, now| all.0.1.available(&state.1, now).as_f64())
    };
    let before = left_today(&limiter);
    assert!((101.0..101.1).contains(&before), "{before}");
    limiter.reconfigure(both(20, 1000));
    assert!((left_today(&limiter) - before).abs() < 0.001, "neither lost nor minted");
    assert_eq!(limiter.available(), Tokens::from(10));
}

#[test]
fn kinds_can_be_changed_behind_a_box() {
    let limiter: Limiter<Box<dyn RateLimiter>, _> =
        Limiter::with_clock(bucket(10, 1).boxed(), ManualClock::new());
    limiter.try_acquire(4).unwrap();
    limiter.reconfigure(bucket(100, 1).boxed());
    assert_eq!(limiter.available(), Tokens::from(6));
}

#[test]
fn a_key_is_changed_alone_and_a_policy_for_all() {
    let clock = ManualClock::new();
    let keyed = KeyedLimiter::builder().clock(clock.clone()).try_build(|key: &String| match key.as_str() {
        "refused" => Err("no"),
        _ => Ok(bucket(10, 1)),
    });
    keyed.try_acquire("a", 4).unwrap();
    keyed.try_acquire("b", 4).unwrap();
    assert!(keyed.reconfigure("a", bucket(100, 1)));
    assert!(!keyed.reconfigure("nobody", bucket(100, 1)));
    assert_eq!((keyed.capacity("a"), keyed.available("a")), (Some(100.into()), Some(6.into())));
    assert_eq!(keyed.capacity("b"), Some(10.into()));

    keyed.try_reconfigure_all(
        |key| if key == "b" { Err("not any more") } else { Ok(bucket(20, 1)) },
        Carry::AsIs,
    );
    assert_eq!((keyed.capacity("a"), keyed.available("a")), (Some(20.into()), Some(6.into())));
    assert!(!keyed.contains_key("b"));
    assert_eq!(keyed.try_acquire("b", 1), Err(AcquireError::Policy("not any more")));
    assert_eq!(keyed.try_acquire("refused", 20), Ok(()));

    keyed.reconfigure_all(|_| bucket(30, 1));
    assert_eq!((keyed.capacity("a"), keyed.available("a")), (Some(30.into()), Some(6.into())));

    // A key that was changed is reclaimed like any other.
    clock.advance(1000 * SECOND);
    assert_eq!(keyed.reclaim(), 2);
}

/// Threads take, give back and charge while the limit is replaced all the time: not one token is lost or minted.
#[test]
fn nothing_is_lost_while_a_limit_is_replaced() {
    let limiter = Limiter::new(TokenBucket::new(1_000_000_000, Rate::ZERO).starting_tokens(1_000_000));
    let keyed =
        KeyedLimiter::new(|_: &u64| TokenBucket::new(1_000_000_000, Rate::ZERO).starting_tokens(1_000_000));
    keyed.charge(&1, 0.5).unwrap();
    keyed.give_back(&1, 0.5).unwrap();
    let (taken, taken_of_key, done) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            let (limiter, keyed, taken, taken_of_key, done) =
                (&limiter, &keyed, &taken, &taken_of_key, &done);
            scope.spawn(move || {
                for round in 0..20_000_u64 {
                    let n = round % 5 + 1;
                    taken.fetch_add(n * u64::from(limiter.try_acquire(n).is_ok()), Ordering::Relaxed);
                    taken_of_key
                        .fetch_add(n * u64::from(keyed.try_acquire(&1, n).is_ok()), Ordering::Relaxed);
                    match round % 3 {
                        0 => {
                            limiter.charge(1).unwrap();
                            keyed.charge(&1, 1).unwrap();
                        }
                        1 => {
                            limiter.give_back(1).unwrap();
                            keyed.give_back(&1, 1).unwrap();
                        }
                        _ => {}
                    }
                }
                // As many gifts as charges, of twenty thousand rounds.
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
        scope.spawn(|| {
            while done.load(Ordering::Relaxed) < 3 {
                limiter.reconfigure(TokenBucket::new(1_000_000_000, Rate::ZERO));
                assert!(keyed.reconfigure(&1, TokenBucket::new(1_000_000_000, Rate::ZERO)));
            }
        });
    });
    assert_eq!(limiter.available(), Tokens::from(1_000_000) - Tokens::from(taken.into_inner()));
    assert_eq!(keyed.available(&1), Some(Tokens::from(1_000_000) - Tokens::from(taken_of_key.into_inner())));
}

/// A bucket that changes the limit of its own key when it is asked whether it is idle, once it is told to.
struct Restless(TokenBucket, Arc<AtomicBool>, Arc<OnceLock<Weak<Keys>>>);

type Keys = KeyedLimiter<u8, Restless, Infallible, ManualClock>;

impl Algorithm for Restless {
    type State = <TokenBucket as Algorithm>::State;
    type Cell = <TokenBucket as Algorithm>::Cell;

    fn capacity(&self) -> Tokens {
        self.0.capacity()
    }
    fn start(&self, now: Timestamp) -> Self::State {
        self.0.start(now)
    }
    fn available(&self, state: &Self::State, now: Timestamp) -> Tokens {
        self.0.available(state, now)
    }
    fn consume(&self, state: &Self::State, n: Tokens, now: Timestamp) -> Self::State {
        self.0.consume(state, n, now)
    }
    fn time_to_available(&self, state: &Self::State, n: Tokens, now: Timestamp) -> Option<Duration> {
        self.0.time_to_available(state, n, now)
    }
    fn give_back(&self, state: &Self::State, n: Tokens, now: Timestamp) -> Self::State {
        self.0.give_back(state, n, now)
    }
    fn is_idle(&self, state: &Self::State, now: Timestamp) -> bool {
        if self.1.swap(false, Ordering::Relaxed) {
            let keyed = self.2.get().and_then(Weak::upgrade).expect("the limiter is there");
            assert!(keyed.reconfigure(&1, Restless(self.0.clone(), self.1.clone(), self.2.clone())));
        }
        self.0.is_idle(state, now)
    }
}

/// The bucket that is being looked at is sealed because another took its place. That one must not be forgotten.
#[test]
fn a_key_that_is_reconfigured_as_it_is_reclaimed_can_still_be_reclaimed() {
    let (clock, told) = (ManualClock::new(), Arc::new(AtomicBool::new(false)));
    let itself = Arc::new(OnceLock::<Weak<Keys>>::new());
    let (armed, pointer) = (told.clone(), itself.clone());
    let policy = move |_: &u8| Restless(bucket(10, 1), armed.clone(), pointer.clone());
    let keyed: Arc<Keys> = Arc::new(KeyedLimiter::builder().clock(clock.clone()).build(policy));
    itself.set(Arc::downgrade(&keyed)).expect("set once");
    keyed.try_acquire(&1, 1).unwrap();
    clock.advance(1000 * SECOND);
    told.store(true, Ordering::Relaxed);
    assert_eq!(keyed.reclaim(), 0);
    assert!(keyed.contains_key(&1));
    clock.advance(1000 * SECOND);
    assert_eq!(keyed.reclaim(), 1);
    assert!(keyed.is_empty());
}

/// Counts how often it is woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn whoever_waits_is_woken_to_hear_of_the_new_date() {
    let slow = || TokenBucket::new(10, Rate::per_hour(1)).starting_tokens(0);
    let limiter = Arc::new(Limiter::with_clock(slow(), ManualClock::new()));
    let keyed = Arc::new(KeyedLimiter::builder().clock(ManualClock::new()).build(move |_: &u64| slow()));
    let (bell, other) = (Arc::new(Bell::default()), Arc::new(Bell::default()));
    let mut waiter = pin!(limiter.acquire(5));
    let mut of_key = pin!(keyed.acquire(&7, 5));
    assert!(waiter.as_mut().poll(&mut Context::from_waker(&bell.clone().into())).is_pending());
    assert!(of_key.as_mut().poll(&mut Context::from_waker(&other.clone().into())).is_pending());
    limiter.reconfigure(TokenBucket::new(10, Rate::per_second(1000)));
    keyed.reconfigure(&7, TokenBucket::new(10, Rate::per_second(1000)));
    assert_eq!((bell.0.load(Ordering::SeqCst), other.0.load(Ordering::SeqCst)), (1, 1));
}

#[test]
fn nobody_is_refused_what_is_there_while_it_is_handed_over() {
    let limiter = Limiter::new(TokenBucket::new(1000, Rate::ZERO));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..1_000_000 {
                limiter.reconfigure(TokenBucket::new(1000, Rate::ZERO));
            }
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            assert_eq!(limiter.try_acquire(1), Ok(()));
            limiter.give_back(1).expect("an amount");
        }
    });
    assert_eq!(limiter.available(), Tokens::from(1000));
}
