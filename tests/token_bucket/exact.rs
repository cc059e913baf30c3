//! Where the rate is a whole number of units a nanosecond: every answer is the exact one.

use core::time::Duration;

use lazy_limiter::{Algorithm, Timestamp, TokenBucket, Tokens};
use proptest::prelude::*;

use super::ideal::Ideal;
use super::policies::{Policy, Share, Step, policies, traces};
use super::units::{HORIZON, YEAR, grain, is_exact, is_whole, unit};

/// The units that the documentation promises: `c = q × m` wherever the word has room for it.
fn is_promised_exact(policy: &Policy) -> bool {
    let (mut p, mut q) = (u128::from(policy.rate.tokens().parts()), policy.rate.period().as_nanos() << 20);
    let (mut a, mut b) = (p, q);
    while a != 0 {
        (a, b) = (b % a, a);
    }
    (p, q) = (p / b, q / b);
    let filled = u128::from(policy.capacity.parts()).checked_mul(q).map(|filled| filled.div_ceil(1 << 20));
    match (filled, p.checked_mul(HORIZON.into())) {
        (Some(filled), Some(made)) => filled.saturating_add(made) < 1 << 62,
        _ => false,
    }
}

struct Pair {
    bucket: TokenBucket,
    state: <TokenBucket as Algorithm>::State,
    ideal: Ideal,
    now: u64,
}

impl Pair {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.now)
    }

    fn take(&mut self, n: Tokens) -> Result<(), TestCaseError> {
        let told = self.bucket.try_take(&self.state, n, self.now());
        match self.ideal.holds(n) {
            true => {
                self.state = told.map_err(|hint| TestCaseError::fail(format!("refused {n}: {hint:?}")))?;
                self.ideal.take(n);
            }
            false => {
                let wait = self.ideal.wait(n).map(Duration::from_nanos);
                prop_assert_eq!(told, Err(wait), "asked for {}", n);
            }
        }
        Ok(())
    }

    fn agrees(&self) -> Result<(), TestCaseError> {
        let Pair { bucket, state, ideal, .. } = self;
        let idle = ideal.wait(bucket.capacity());
        prop_assert_eq!(bucket.available(state, self.now()), ideal.available());
        prop_assert_eq!(bucket.is_idle(state, self.now()), idle == Some(0));
        prop_assert_eq!(bucket.time_to_idle(state, self.now()), idle.map(Duration::from_nanos));
        Ok(())
    }
}

proptest! {
    #![proptest_config(super::cases(2000))]

    #[test]
    fn every_answer_is_the_exact_one(policy in policies(), trace in traces()) {
        let bucket = policy.bucket();
        let unit = unit(&bucket);
        prop_assume!(is_exact(&bucket) && is_whole(policy.capacity, unit));
        let starting = Tokens::from_parts(policy.starting.parts() / grain(unit) * grain(unit));
        let bucket = bucket.starting_tokens(starting);
        let state = bucket.start(Timestamp::ZERO);
        let ideal = Ideal::new(policy.capacity, policy.rate, starting);
        let mut pair = Pair { bucket, state, ideal, now: 0 };
        for step in trace {
            let amount = |share: Share| share.within(policy.capacity, grain(unit));
            match step {
                Step::Wait(nanos) => pair.now += nanos,
                Step::WaitFor(share, more) => {
                    let wait = pair.ideal.wait(amount(share)).unwrap_or(0);
                    pair.now = (pair.now + wait).saturating_add_signed(more).max(pair.now);
                }
                Step::Take(share) => pair.take(amount(share))?,
                Step::Charge(share) => {
                    let n = amount(share);
                    if pair.ideal.may_owe(n) {
                        pair.state = pair.bucket.consume(&pair.state, n, pair.now());
                        pair.ideal.take(n);
                    }
                }
                Step::GiveBack(share) => {
                    let n = amount(share);
                    pair.state = pair.bucket.give_back(&pair.state, n, pair.now());
                    pair.ideal.give_back(n);
                }
            }
            if pair.now > 12 * YEAR {
                break;
            }
            pair.ideal.advance(pair.now);
            pair.agrees()?;
        }
    }

    #[test]
    fn a_rate_that_fits_is_exact(policy in policies()) {
        prop_assume!(is_promised_exact(&policy));
        prop_assert!(is_exact(&policy.bucket()));
    }
}
