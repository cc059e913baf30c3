//! What must hold for every policy, exact or not.

use lazy_limiter::{Algorithm, Pack, Timestamp, TokenBucket, Tokens};
use proptest::prelude::*;

use super::policies::{Policy, Share, Step, policies, spread, traces};
use super::units::{YEAR, grain, is_whole, unit};

type State = <TokenBucket as Algorithm>::State;

/// A state that the bucket can come to, and when.
fn reach(bucket: &TokenBucket, trace: &[Step]) -> (State, Timestamp) {
    let (mut state, mut now) = (bucket.start(Timestamp::ZERO), 0);
    for step in trace {
        let at = Timestamp::from_nanos(now);
        let within = |share: Share| share.within(bucket.capacity(), 1);
        match *step {
            Step::Wait(nanos) => now = (now + nanos).min(12 * YEAR),
            Step::WaitFor(share, _) => {
                let wait = bucket.time_to_available(&state, within(share), at).unwrap_or_default();
                now = (now + wait.as_nanos() as u64).min(12 * YEAR);
            }
            Step::Take(share) => state = bucket.try_take(&state, within(share), at).unwrap_or(state),
            Step::Charge(share) => state = bucket.consume(&state, within(share), at),
            Step::GiveBack(share) => state = bucket.give_back(&state, within(share), at),
        }
    }
    (state, Timestamp::from_nanos(now))
}

/// What is drawn at `now`, clamped as every answer clamps it.
fn base(bucket: &TokenBucket, state: &State, now: Timestamp) -> u64 {
    // Giving nothing back is exactly that.
    bucket.give_back(state, Tokens::ZERO, now).pack()
}

/// One that starts full.
fn full(policy: Policy) -> TokenBucket {
    Policy { starting: policy.capacity, ..policy }.bucket()
}

fn both(old: &State, new: &State, step: impl Fn(&State) -> State) -> (State, State) {
    (step(old), step(new))
}

proptest! {
    #![proptest_config(super::cases(1000))]

    #[test]
    fn try_take_agrees_with_its_parts(policy in policies(), trace in traces(), share in 0.0..1.0_f64) {
        let bucket = policy.bucket();
        let (state, now) = reach(&bucket, &trace);
        // Nothing at all is for the limiter to grant, also in debt.
        let n = Share::Of(share).within(policy.capacity, 1).max(Tokens::from_parts(1));
        let there = bucket.available(&state, now) >= n;
        let wait = bucket.time_to_available(&state, n, now);
        prop_assert_eq!(there, wait == Some(core::time::Duration::ZERO));
        match bucket.try_take(&state, n, now) {
            Ok(next) => prop_assert!(there && next == bucket.consume(&state, n, now)),
            Err(told) => prop_assert!(!there && told == wait),
        }
    }

    #[test]
    fn what_is_charged_and_given_back_was_never_taken(
        policy in policies(), trace in traces(), share in 0.0..3.0_f64,
    ) {
        let bucket = policy.bucket();
        let (state, now) = reach(&bucket, &trace);
        let n = Tokens::from_parts((policy.capacity.parts() as f64 * share) as u64);
        let charged = bucket.consume(&state, n, now);
        prop_assume!(charged.pack() < (1 << 62) - 1);
        let given_back = bucket.give_back(&charged, n, now);
        let (before, after) = (base(&bucket, &state, now), base(&bucket, &given_back, now));
        // What is no whole number of units is rounded against who takes and who gives; the capacity is what it is.
        let rounded = n != bucket.capacity() && !is_whole(n, unit(&bucket));
        prop_assert_eq!(after.checked_sub(before), Some(u64::from(rounded)));
    }

    #[test]
    fn giving_back_stops_at_full(policy in policies(), trace in traces(), n in spread(1, u64::MAX >> 1)) {
        let bucket = policy.bucket();
        let (state, now) = reach(&bucket, &trace);
        let n = Tokens::from_parts(n).max(policy.capacity);
        let owed = bucket.available(&state, now) == Tokens::ZERO;
        let given = bucket.give_back(&state, n, now);
        prop_assert!(bucket.available(&given, now) <= policy.capacity);
        // But for a debt, and for what is rounded off it is full again.
        let missing = bucket.capacity() - bucket.available(&given, now);
        prop_assert!(owed || missing <= Tokens::from_parts(1 + (1 << 20) / unit(&bucket)), "{missing}");
    }

    #[test]
    fn a_full_state_behaves_like_a_new_one(policy in policies(), trace in traces(), later in traces()) {
        let bucket = full(policy);
        let (state, now) = reach(&bucket, &trace);
        let Some(idle) = bucket.time_to_idle(&state, now) else { return Ok(()) };
        let now = now + idle;
        prop_assume!(now.as_nanos() <= 12 * YEAR);
        prop_assert!(bucket.is_idle(&state, now));
        if !idle.is_zero() {
            prop_assert!(!bucket.is_idle(&state, now - core::time::Duration::from_nanos(1)));
        }
        prop_assert_eq!(bucket.available(&state, now), policy.capacity);
        let (mut old, mut new, mut at) = (state, bucket.start(now), now);
        for step in later {
            let within = |share: Share| share.within(policy.capacity, 1);
            match step {
                Step::Wait(nanos) => at = at + core::time::Duration::from_nanos(nanos),
                Step::WaitFor(share, _) => {
                    let waits = [&old, &new].map(|state| bucket.time_to_available(state, within(share), at));
                    prop_assert_eq!(waits[0], waits[1]);
                    at = at + waits[0].unwrap_or_default();
                }
                Step::Take(share) => {
                    let told = [&old, &new].map(|state| bucket.try_take(state, within(share), at));
                    prop_assert_eq!(told[0], told[1]);
                    if let [Ok(a), Ok(b)] = told {
                        (old, new) = (a, b);
                    }
                }
                Step::Charge(share) => {
                    (old, new) = both(&old, &new, |state| bucket.consume(state, within(share), at));
                }
                Step::GiveBack(share) => {
                    (old, new) = both(&old, &new, |state| bucket.give_back(state, within(share), at));
                }
            }
            prop_assert_eq!(bucket.available(&old, at), bucket.available(&new, at));
            prop_assert_eq!(bucket.time_to_idle(&old, at), bucket.time_to_idle(&new, at));
        }
    }

    #[test]
    fn many_takes_cost_what_one_of_their_sum_does(
        policy in policies(), trace in traces(), times in 1_u64..300, parts in spread(1, 1 << 40),
    ) {
        let bucket = policy.bucket();
        let (state, now) = reach(&bucket, &trace);
        let grain = grain(unit(&bucket));
        let each = (parts / grain).max(1) * grain;
        let one = bucket.consume(&state, Tokens::from_parts(each * times), now);
        let many = (0..times).fold(state, |state, _| bucket.consume(&state, Tokens::from_parts(each), now));
        prop_assert_eq!(one, many);
    }

    #[test]
    fn an_earlier_now_grants_no_more(
        policy in policies(), trace in traces(), share in 0.0..1.0_f64, late in spread(1, YEAR),
    ) {
        let bucket = policy.bucket();
        let (state, now) = reach(&bucket, &trace);
        let earlier = now - core::time::Duration::from_nanos(late);
        let n = Share::Of(share).within(policy.capacity, 1);
        prop_assert!(bucket.available(&state, earlier) <= bucket.available(&state, now));
        if bucket.try_take(&state, n, earlier).is_ok() {
            prop_assert!(bucket.try_take(&state, n, now).is_ok());
        }
    }

    #[test]
    fn a_debt_has_room_for_a_year_and_a_half(policy in policies(), trace in traces()) {
        let bucket = policy.bucket();
        let (state, now) = reach(&bucket, &trace);
        let owing = bucket.consume(&state, Tokens::MAX, now);
        prop_assert_eq!(bucket.available(&owing, now), Tokens::ZERO);
        // The largest amount is some 8.8e12 tokens: at high rates less than that.
        let made = |years: f64| policy.rate.as_f64() * years * YEAR as f64 / 1e9;
        let wait = bucket.time_to_available(&owing, Tokens::from_parts(1), now);
        match policy.rate.tokens() {
            Tokens::ZERO => prop_assert_eq!(wait, None),
            _ if made(1.5) + policy.capacity.as_f64() < 8e12 => {
                prop_assert!(wait.is_some_and(|wait| wait.as_nanos() > u128::from(YEAR) * 3 / 2), "{wait:?}");
            }
            _ => prop_assert!(wait.is_some()),
        }
    }
}
