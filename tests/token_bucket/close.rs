//! Where the word cannot hold the rate exactly, and for amounts that are no whole number of units: how far
//! from the exact answer a bucket may be. Counted in units, which are 0.1 to 0.2 ns of refill (up to 1 ns
//! where filling up takes decades):
//!
//! - above: less than 2.5. One by which what has accrued is rounded down at the start of a window and not at
//!   its end, a half at most by which the slope is rounded up over the whole life of the clock, and one by
//!   which the capacity is rounded up;
//! - below: less than 1, and 1 more for each amount since the bucket was last full that was no whole number
//!   of units.

use core::time::Duration;

use lazy_limiter::{Algorithm, Timestamp, TokenBucket, Tokens};
use proptest::prelude::*;

use super::ideal::Ideal;
use super::policies::{Share, Step, policies, spread, traces};
use super::units::{YEAR, is_whole, lasts, unit};

/// A bucket, and an ideal one from which whatever the bucket grants is taken.
struct Pair {
    bucket: TokenBucket,
    state: <TokenBucket as Algorithm>::State,
    ideal: Ideal,
    unit: u64,
    /// Units by which the bucket may lag behind.
    lag: i128,
    now: u64,
}

impl Pair {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.now)
    }

    fn rounds(&mut self, n: Tokens) {
        self.lag += i128::from(!is_whole(n, self.unit));
    }

    fn take(&mut self, n: Tokens) -> Result<(), TestCaseError> {
        let wanted = self.ideal.amount(n);
        match self.bucket.try_take(&self.state, n, self.now()) {
            Ok(state) => {
                // Two and a half units.
                let above = self.ideal.of_units(5, 2 * self.unit);
                prop_assert!(self.ideal.level() >= wanted - above, "granted {} too early", n);
                self.state = state;
                self.ideal.take(n);
                self.rounds(n);
            }
            Err(hint) => {
                // The amount itself may be rounded too.
                self.rounds(n);
                let below = self.ideal.of_units(self.lag, self.unit);
                prop_assert!(self.ideal.level() < wanted + below, "refused {}, {} units late", n, self.lag);
                self.hint_is_close(n, hint, below)?;
                self.lag -= i128::from(!is_whole(n, self.unit));
            }
        }
        Ok(())
    }

    /// It is the first instant at which the bucket grants, and close to the ideal one.
    fn hint_is_close(&self, n: Tokens, hint: Option<Duration>, below: i128) -> Result<(), TestCaseError> {
        let latest = self.ideal.wait_for(self.ideal.amount(n) + below);
        let Some(wait) = hint else {
            prop_assert_eq!(latest, None, "never {}", n);
            return Ok(());
        };
        prop_assert!(
            latest.is_none_or(|latest| wait <= Duration::from_nanos(latest)),
            "{:?} is too late",
            wait
        );
        let due = self.now() + wait;
        if !lasts(&self.bucket, due) {
            return Ok(());
        }
        prop_assert!(self.bucket.try_take(&self.state, n, due).is_ok(), "{} after {:?}", n, wait);
        let before = due - Duration::from_nanos(1);
        prop_assert!(self.bucket.try_take(&self.state, n, before).is_err(), "{} before {:?}", n, wait);
        Ok(())
    }
}

proptest! {
    #![proptest_config(super::cases(2000))]

    #[test]
    fn every_answer_is_close_and_hints_are_tight(policy in policies(), trace in traces()) {
        let bucket = policy.bucket();
        let state = bucket.start(Timestamp::ZERO);
        let ideal = Ideal::new(policy.capacity, policy.rate, policy.starting);
        let unit = unit(&bucket);
        let mut pair = Pair { bucket, state, ideal, unit, lag: 1, now: 0 };
        pair.rounds(policy.starting);
        for step in trace {
            let within = |share: Share| share.within(policy.capacity, 1);
            match step {
                Step::Wait(nanos) => pair.now += nanos,
                Step::WaitFor(share, more) => {
                    let wait = pair.ideal.wait(within(share)).unwrap_or(0);
                    pair.now = (pair.now + wait).saturating_add_signed(more).max(pair.now);
                }
                Step::Take(share) => pair.take(within(share))?,
                Step::Charge(share) => {
                    let n = within(share);
                    if pair.ideal.may_owe(n) {
                        pair.state = pair.bucket.consume(&pair.state, n, pair.now());
                        pair.ideal.take(n);
                        pair.rounds(n);
                    }
                }
                Step::GiveBack(share) => {
                    let n = within(share);
                    pair.state = pair.bucket.give_back(&pair.state, n, pair.now());
                    pair.ideal.give_back(n);
                    pair.rounds(n);
                }
            }
            if pair.now > 12 * YEAR {
                break;
            }
            pair.ideal.advance(pair.now);
            if pair.bucket.is_idle(&pair.state, pair.now()) {
                pair.lag = 1;
            }
        }
    }

    /// Over any window, however late the clock is read, at most the capacity and what the window makes.
    #[test]
    fn no_window_exceeds_the_envelope(
        policy in policies(),
        tries in prop::collection::vec((spread(0, YEAR), 0_u64..50, 0.0..1.0_f64, 0.0..1.0_f64), 1..60),
    ) {
        let bucket = policy.bucket();
        let (mut state, mut true_now) = (bucket.start(Timestamp::ZERO), 0);
        let mut grants: Vec<(u64, u64)> = Vec::new();
        for (gap, late, share, pause) in tries {
            // Mostly busy: gaps of about what the last amount takes to come back.
            let refill = bucket.time_to_idle(&state, Timestamp::from_nanos(true_now)).unwrap_or_default();
            true_now += gap.min((refill.as_nanos() as f64 * pause) as u64);
            let seen = true_now.saturating_sub(late);
            let n = Tokens::from_parts((policy.capacity.parts() as f64 * share) as u64);
            if let Ok(next) = bucket.try_take(&state, n, Timestamp::from_nanos(seen)) {
                state = next;
                grants.push((seen, n.parts()));
            }
        }
        let spare = Ideal::new(policy.capacity, policy.rate, policy.starting).of_units(5, 2 * unit(&bucket));
        let period = policy.rate.period().as_nanos() as i128;
        for &(from, _) in &grants {
            for &(to, _) in grants.iter().filter(|(to, _)| *to >= from) {
                let inside = grants.iter().filter(|(at, _)| (from..=to).contains(at));
                let admitted: i128 = inside.map(|(_, parts)| i128::from(*parts)).sum();
                let made = i128::from(to - from) * i128::from(policy.rate.tokens().parts());
                let allowed = i128::from(policy.capacity.parts()) * period + made + spare;
                prop_assert!(admitted * period <= allowed, "{} parts from {} to {}", admitted, from, to);
            }
        }
    }

    /// Also where the rate is rounded: what is due at a whole nanosecond comes then.
    #[test]
    fn whole_periods_bring_whole_amounts(policy in policies(), owed in 0.0..1.0_f64, share in 0.0..1.0_f64) {
        let (tokens, period) = (policy.rate.tokens(), policy.rate.period().as_nanos() as u64);
        prop_assume!(tokens > Tokens::ZERO && tokens <= policy.capacity);
        prop_assume!(tokens.parts().is_multiple_of(1 << 20));
        let bucket = policy.bucket().starting_tokens(0);
        // So many periods of debt, and so many to come.
        let owed = (11.0 * YEAR as f64 * owed) as u64 / period;
        let most = (policy.capacity.parts() / tokens.parts()).min(YEAR / period).max(1);
        let periods = 1 + ((most - 1) as f64 * share) as u64;
        let times = |n| tokens.parts().checked_mul(n).map(Tokens::from_parts).filter(|n| *n < Tokens::MAX);
        let (Some(owed_tokens), Some(n)) = (times(owed), times(periods)) else { return Ok(()) };
        let state = bucket.consume(&bucket.start(Timestamp::ZERO), owed_tokens, Timestamp::ZERO);
        let due = Duration::from_nanos(period * (owed + periods));
        prop_assume!(lasts(&bucket, Timestamp::ZERO + due));
        prop_assert_eq!(bucket.time_to_available(&state, n, Timestamp::ZERO), Some(due));
    }
}
