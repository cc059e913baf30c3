//! The projection behind a line: by arithmetic, it says what serving the line one by one comes to.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Waker};
use core::time::Duration;

use lazy_limiter::{Algorithm, Limiter, ManualClock, Packed, Timestamp, TokenBucket, Tokens};
use proptest::prelude::*;

use super::ideal::Ideal;
use super::policies::{Share, policies};
use super::units::{YEAR, grain, is_exact, is_whole, unit};

/// The same bucket without its own projection: the provided one replays the line.
#[derive(Clone)]
struct OneByOne(TokenBucket);

impl Algorithm for OneByOne {
    type State = <TokenBucket as Algorithm>::State;
    type Cell = Packed<Self::State>;

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
}

type Waiting<'a> = Pin<Box<dyn Future<Output = Result<(), lazy_limiter::AcquireError>> + Send + 'a>>;

/// A limiter at `now` that was drained, then charged `debt`, and the hint behind `line`.
fn hint<A: Algorithm>(
    algorithm: A,
    now: u64,
    debt: Tokens,
    line: &[Tokens],
    n: Tokens,
) -> Result<Option<Duration>, TestCaseError> {
    let clock = ManualClock::new();
    let limiter = Limiter::with_clock(algorithm, clock.clone());
    clock.advance(Duration::from_nanos(now));
    limiter.charge(limiter.available()).unwrap();
    limiter.charge(debt).unwrap();
    let mut waiting: Vec<Waiting<'_>> = Vec::new();
    for n in line {
        let mut wait: Waiting<'_> = Box::pin(limiter.acquire(*n));
        prop_assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        waiting.push(wait);
    }
    prop_assert_eq!(limiter.waiting(), line.len());
    Ok(limiter.time_to_available(n))
}

fn line_shares() -> impl Strategy<Value = Vec<Share>> {
    prop::collection::vec(prop_oneof![3 => (0.0..1.0).prop_map(Share::Of), 1 => Just(Share::All)], 1..20)
}

proptest! {
    #![proptest_config(super::cases(1000))]

    #[test]
    fn the_sum_of_a_line_is_what_serving_it_comes_to(
        policy in policies(),
        now in 0..11 * YEAR,
        shares in line_shares(),
        debt in 0.0..1.0_f64,
    ) {
        let bucket = policy.bucket();
        let unit = unit(&bucket);
        let amounts = shares.iter().map(|share| share.within(policy.capacity, grain(unit)));
        let amounts: Vec<Tokens> = amounts.filter(|n| *n > Tokens::ZERO).collect();
        let Some((&n, line)) = amounts.split_last() else { return Ok(()) };
        let debt = Share::Of(debt).within(policy.capacity, grain(unit));
        let mut ideal = Ideal::new(policy.capacity, policy.rate, policy.starting);
        // Little enough that the word has room for it, and the clock for serving everyone.
        let mut drained = ideal.clone();
        drained.take(policy.capacity);
        let sum = amounts.iter().try_fold(debt, |sum, n| (sum + *n < Tokens::MAX).then_some(sum + *n));
        let Some(sum) = sum.filter(|sum| drained.may_owe(*sum)) else { return Ok(()) };

        let summed = hint(bucket.clone(), now, debt, line, n)?;
        let replayed = hint(OneByOne(bucket.clone()), now, debt, line, n)?;
        prop_assert_eq!(summed.is_none(), replayed.is_none());
        let (Some(summed), Some(replayed)) = (summed, replayed) else { return Ok(()) };
        // Served at whole nanoseconds, a bucket overflows by less than one for each that wants almost all.
        let nanosecond = policy.rate.tokens().parts() / policy.rate.period().as_nanos() as u64 + 1;
        let almost = policy.capacity - Tokens::from_parts(nanosecond);
        let overflows = line.iter().filter(|n| **n >= almost).count() as u64;
        prop_assert!(
            (summed..=summed + Duration::from_nanos(overflows)).contains(&replayed),
            "{summed:?} by adding up, {replayed:?} one by one"
        );

        // And it is the exact time, where there is one.
        if is_exact(&bucket) && is_whole(policy.capacity, unit) {
            ideal.advance(now);
            let drained = ideal.available();
            prop_assume!(is_whole(drained, unit) && ideal.amount(drained) == ideal.level());
            ideal.take(drained);
            ideal.take(sum - n);
            prop_assert_eq!(Some(summed), ideal.wait(n).map(Duration::from_nanos));
        }
    }
}
