//! Leases: what they hand out, what they return, and that neither mints tokens.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use lazy_limiter::{
    AcquireError, Carry, Clock, Lease, Limiter, ManualClock, Rate, Timestamp, TokenBucket, Tokens,
};
use proptest::prelude::*;

fn tokens(n: u64) -> Tokens {
    Tokens::from(n)
}

fn still(capacity: u64) -> Limiter<TokenBucket, ManualClock> {
    Limiter::with_clock(TokenBucket::new(capacity, Rate::ZERO), ManualClock::new())
}

/// Ten tokens, one a second.
fn ten() -> (Limiter<TokenBucket, ManualClock>, ManualClock) {
    let clock = ManualClock::new();
    (Limiter::with_clock(TokenBucket::new(10, Rate::per_second(1)), clock.clone()), clock)
}

#[test]
fn a_lease_hands_out_what_it_took_and_returns_the_rest() {
    let limiter = still(10);
    let mut lease = limiter.lease(6).unwrap();
    assert_eq!((lease.left(), limiter.available()), (tokens(6), tokens(4)));
    assert!(lease.try_take(2) && lease.try_take(0.5) && !lease.try_take(4));
    assert_eq!(lease.left(), Tokens::from(3.5));
    drop(lease);
    assert_eq!(limiter.available(), Tokens::from(7.5));

    let mut all = limiter.lease(7.5).unwrap();
    assert!(all.try_take(7.5) && !all.try_take(0.001));
    drop(all);
    assert_eq!(limiter.available(), tokens(0));
    assert!(limiter.lease(1).unwrap_err().is_denied());
}

#[test]
fn amounts_are_rounded_as_the_bucket_rounds_them() {
    let limiter = Limiter::with_clock(TokenBucket::new(0.1, Rate::ZERO), ManualClock::new());
    let mut lease = limiter.lease(0.1).unwrap();
    assert!(lease.try_take(0.1));
    assert_eq!(lease.left(), Tokens::ZERO);

    // A tenth is rounded up when it is taken, here as there: ten of them are more than one.
    let limiter = still(1);
    let mut lease = limiter.lease(1).unwrap();
    let taken = (0..10).filter(|_| lease.try_take(0.1)).count();
    assert_eq!(taken, 9);
}

#[test]
fn amounts_that_make_no_sense_change_nothing() {
    let limiter = still(10);
    assert_eq!(limiter.lease(-1.0).err(), Some(AcquireError::InvalidAmount));
    assert!(matches!(limiter.lease(11), Err(AcquireError::ExceedsCapacity { .. })));
    let mut empty = limiter.lease(0).unwrap();
    assert!(empty.try_take(0) && !empty.try_take(1));
    let mut lease = limiter.lease(3).unwrap();
    assert!(!lease.try_take(f64::NAN) && !lease.try_take(-1.0) && !lease.try_take(f64::INFINITY));
    assert_eq!((lease.left(), limiter.available()), (tokens(3), tokens(7)));
}

#[test]
fn what_has_come_back_by_itself_is_not_returned_again() {
    for (seconds, returned) in [(0, 6), (1, 5), (5, 1), (6, 0), (7, 0), (1_000_000, 0)] {
        let (limiter, clock) = ten();
        let lease = limiter.lease(6).unwrap();
        clock.advance(Duration::from_secs(seconds));
        // Whoever takes now leaves the room that a return of everything would fill.
        let there = (4 + seconds).min(10);
        limiter.try_acquire(there).unwrap();
        drop(lease);
        assert_eq!(limiter.available(), tokens(returned), "after {seconds} s");
    }
}

#[test]
fn what_was_used_does_not_lessen_what_is_returned() {
    let (limiter, clock) = ten();
    let mut lease = limiter.lease(6).unwrap();
    assert!(lease.try_take(2));
    clock.advance(Duration::from_secs(3));
    limiter.try_acquire(7).unwrap();
    // Three of the six have come back; of the other three, and of the four that are left, three fit.
    drop(lease);
    assert_eq!(limiter.available(), tokens(3));
}

#[test]
fn a_returned_lease_serves_who_waits() {
    let limiter = still(10);
    let lease = limiter.lease(10).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let mut waiter = pin!(limiter.acquire(4));
    assert!(waiter.as_mut().poll(&mut context).is_pending());
    assert!(limiter.lease(1).unwrap_err().is_denied());
    drop(lease);
    assert!(waiter.as_mut().poll(&mut context).is_ready());
    assert_eq!(limiter.available(), tokens(6));
}

#[test]
fn a_lease_outlives_the_closing_and_returns_to_the_books() {
    let limiter = still(10);
    let mut lease = limiter.lease(6).unwrap();
    limiter.close();
    assert_eq!(limiter.lease(1).err(), Some(AcquireError::Closed));
    assert_eq!(limiter.lease(0).err(), Some(AcquireError::Closed));
    assert!(lease.try_take(1));
    drop(lease);
    assert_eq!(limiter.available(), tokens(9));
}

#[test]
fn a_bucket_that_took_the_place_of_another_owes_its_leases_nothing() {
    for carry in [Carry::Reset, Carry::AsIs, Carry::Proportional] {
        let limiter = still(10);
        let lease = limiter.lease(6).unwrap();
        limiter.reconfigure_with(TokenBucket::new(10, Rate::ZERO), carry);
        let before = limiter.available();
        limiter.try_acquire(before).unwrap();
        drop(lease);
        assert_eq!(limiter.available(), Tokens::ZERO, "{carry:?}");
        // Leases of the new one are as good as any.
        limiter.give_back(10).unwrap();
        drop(limiter.lease(10).unwrap());
        assert_eq!(limiter.available(), tokens(10), "{carry:?}");
    }
}

#[test]
fn threads_with_leases_neither_mint_nor_lose() {
    const THREADS: u64 = 4;
    let (limiter, used) = (still(100_000), AtomicU64::new(0));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (limiter, used) = (&limiter, &used);
            scope.spawn(move || {
                let mut mine = 0;
                for round in 0..2000 {
                    let Ok(mut lease) = limiter.lease(1 + (round + thread) % 40) else { continue };
                    for _ in 0..round % 23 {
                        mine += u64::from(lease.try_take(1));
                    }
                }
                used.fetch_add(mine, Ordering::Relaxed);
            });
        }
    });
    assert_eq!(limiter.available(), tokens(100_000 - used.into_inner()));
}

thread_local! {
    /// What this thread was told last.
    static TOLD: Cell<u64> = const { Cell::new(0) };
}

/// A clock that remembers what it told.
#[derive(Clone)]
struct Recorder(ManualClock);

impl Clock for Recorder {
    fn now(&self) -> Timestamp {
        let now = self.0.now();
        TOLD.set(now.as_nanos());
        now
    }
}

const CAPACITY: u64 = 20;
const PER_SECOND: u64 = 2000;
const THREADS: usize = 4;

/// A lease, the step and the instant at which it was granted, and how much of it was used so far.
struct Held<'a>(Lease<'a, Recorder>, u64, u64, u64);

/// Takes now and then, and keeps a lease for some rounds, of which a part is used: `(instant, amount)` of what was
/// granted and not returned.
fn work(limiter: &Limiter<TokenBucket, Recorder>, thread: u64, barrier: &Barrier) -> Vec<(u64, u64)> {
    let (mut grants, mut held): (Vec<(u64, u64)>, Option<Held<'_>>) = (Vec::new(), None);
    for step in 0..2000_u64 {
        barrier.wait();
        for turn in 0..24 {
            let chance = (step * 701 + turn * 13 + thread * 29).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
            match chance % 8 {
                0..=2 => {
                    let n = 1 + chance / 8 % 3;
                    if limiter.try_acquire(n).is_ok() {
                        grants.push((TOLD.get(), n));
                    }
                }
                3 if (chance / 8).is_multiple_of(8) => {
                    if let Some(Held(lease, _, _, used)) = &mut held {
                        *used += u64::from(lease.try_take(1));
                    }
                }
                // Long enough for the bucket to have filled up meanwhile, now and then.
                4 => {
                    if let Some(Held(lease, _, at, used)) = held.take_if(|held| step > held.1 + 6) {
                        drop(lease);
                        grants.push((at, used));
                    }
                }
                5 if held.is_none() => {
                    let lease = limiter.lease(1 + chance / 8 % 12).ok();
                    held = lease.map(|lease| Held(lease, step, TOLD.get(), 0));
                }
                _ => {}
            }
        }
    }
    if let Some(Held(lease, _, at, used)) = held {
        drop(lease);
        grants.push((at, used));
    }
    grants
}

/// What was leased and returned is as if it had never been: the rest stays within `capacity + rate × window`.
#[test]
fn recorded_threads_with_leases_stay_within_the_envelope() {
    let clock = ManualClock::new();
    let bucket = TokenBucket::new(CAPACITY, Rate::per_second(PER_SECOND));
    let limiter = Limiter::with_clock(bucket, Recorder(clock.clone()));
    let barrier = Barrier::new(THREADS + 1);
    let mut grants: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS as u64)
            .map(|thread| {
                let (limiter, barrier) = (&limiter, &barrier);
                scope.spawn(move || work(limiter, thread, barrier))
            })
            .collect();
        for step in 0..2000 {
            barrier.wait();
            clock.advance(Duration::from_micros(if step % 10 == 9 { 30_000 } else { 777 }));
        }
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    grants.sort_unstable();
    assert!(grants.len() > 500, "the run is to be about grants: {}", grants.len());
    for (first, (start, _)) in grants.iter().enumerate() {
        let mut granted = 0;
        for (at, n) in &grants[first..] {
            granted += n;
            let most = u128::from(CAPACITY) * 1_000_000_000 + u128::from(PER_SECOND) * u128::from(at - start);
            assert!(u128::from(granted) * 1_000_000_000 <= most, "{granted} from {start} to {at}");
        }
    }
}

#[derive(Clone, Debug)]
enum Op {
    Advance(u64),
    Take(u64),
    Lease(u64),
    /// So much of the lease of this number.
    Use(usize, u64),
    Return(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        (0_u64..3_000_000_000).prop_map(Op::Advance),
        (1_u64..12).prop_map(Op::Take),
        (1_u64..12).prop_map(Op::Lease),
        (0_usize..4, 1_u64..5).prop_map(|(lease, n)| Op::Use(lease, n)),
        (0_usize..4).prop_map(Op::Return),
    ];
    proptest::collection::vec(op, 1..60)
}

proptest! {
    /// Had only what was used been taken of each lease, everybody who was granted would have been all the same.
    #[test]
    fn what_was_returned_might_as_well_never_have_been_leased(ops in ops(), rate in 1_u64..1000) {
        let rate = Rate::new(rate, Duration::from_secs(97));
        let bucket = || TokenBucket::new(11, rate);
        // What was granted: the operation, and the amount that was used in the end.
        let (clock, mut granted) = (ManualClock::new(), Vec::new());
        let limiter = Limiter::with_clock(bucket(), clock.clone());
        let mut leases: Vec<(usize, u64, Lease<'_, ManualClock>)> = Vec::new();
        for (at, op) in ops.iter().enumerate() {
            match *op {
                Op::Advance(nanos) => clock.advance(Duration::from_nanos(nanos)),
                Op::Take(n) if limiter.try_acquire(n).is_ok() => granted.push((at, n)),
                Op::Lease(n) => leases.extend(limiter.lease(n).ok().map(|lease| (at, 0, lease))),
                Op::Use(lease, n) if lease < leases.len() => {
                    let (_, used, lease) = &mut leases[lease];
                    *used += if lease.try_take(n) { n } else { 0 };
                }
                Op::Return(lease) if lease < leases.len() => {
                    let (at, used, _) = leases.remove(lease);
                    granted.push((at, used));
                }
                _ => {}
            }
        }
        granted.extend(leases.drain(..).map(|(at, used, _)| (at, used)));

        let clock = ManualClock::new();
        let limiter = Limiter::with_clock(bucket(), clock.clone());
        for (at, op) in ops.iter().enumerate() {
            if let Op::Advance(nanos) = *op {
                clock.advance(Duration::from_nanos(nanos));
            }
            for (_, n) in granted.iter().filter(|(granted, _)| *granted == at) {
                prop_assert!(limiter.try_acquire(*n).is_ok(), "{n} at {at}");
            }
        }
    }
}
