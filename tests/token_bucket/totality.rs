//! No input panics, whatever its bits. Debug builds check every sum and product for overflow.

use core::time::Duration;

use lazy_limiter::{
    AcquireError, Algorithm, KeyedLimiter, Limiter, ManualClock, Pack, Rate, Timestamp, TokenBucket, Tokens,
};
use proptest::prelude::*;

use super::policies::policies;

/// Amounts of all bits: numbers, fractions, infinities, nonsense; and such as are near something.
fn amounts() -> impl Strategy<Value = Tokens> {
    prop_oneof![
        any::<u64>().prop_map(Tokens::from),
        any::<u64>().prop_map(|bits| Tokens::from(f64::from_bits(bits))),
        any::<u64>().prop_map(Tokens::from_parts),
        (0_u64..100).prop_map(Tokens::from),
        (0.0..1e13_f64).prop_map(Tokens::from),
        prop::sample::select(vec![0.0, -0.0, -1.0, f64::NAN, f64::INFINITY, f64::MAX, f64::MIN_POSITIVE])
            .prop_map(Tokens::from),
        Just(Tokens::MAX),
    ]
}

fn durations() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (any::<u64>(), 0..1_000_000_000_u32).prop_map(|(secs, nanos)| Duration::new(secs, nanos)),
        any::<u64>().prop_map(Duration::from_nanos),
        (0_u32..64).prop_map(|bit| Duration::from_nanos(1 << bit)),
        Just(Duration::ZERO),
    ]
}

fn instants() -> impl Strategy<Value = Timestamp> {
    prop_oneof![any::<u64>(), 0_u64..1 << 59, (0_u32..64).prop_map(|bit| u64::MAX >> bit)]
        .prop_map(Timestamp::from_nanos)
}

/// Whatever can be made of such numbers, and what is within the range anyway.
fn buckets() -> impl Strategy<Value = TokenBucket> {
    let wild = (amounts(), amounts(), amounts(), durations()).prop_filter_map(
        "refused",
        |(capacity, starting, n, per)| {
            let bucket = TokenBucket::try_new(capacity, Rate::new(n, per)).ok()?;
            Some(bucket.clone().try_starting_tokens(starting).unwrap_or(bucket))
        },
    );
    prop_oneof![wild, policies().prop_map(|policy| policy.bucket())]
}

proptest! {
    #![proptest_config(super::cases(3000))]

    #[test]
    fn no_function_of_a_state_panics(
        bucket in buckets(), word in any::<u64>(), n in amounts(), now in instants(), start in instants(),
    ) {
        type State = <TokenBucket as Algorithm>::State;
        let fits = |state: &State| state.pack() >> <State as Pack>::BITS == 0;
        for state in [bucket.start(start), State::unpack(word >> 2), State::unpack(u64::MAX >> 2)] {
            prop_assert!(fits(&state));
            prop_assert!(bucket.available(&state, now) <= bucket.capacity());
            prop_assert!(fits(&bucket.consume(&state, n, now)));
            prop_assert!(fits(&bucket.give_back(&state, n, now)));
            let _ = (bucket.unpack(state, now), bucket.debt(&state, now), bucket.cost(n));
            let _ = (bucket.is_idle(&state, now), bucket.time_to_idle(&state, now));
            let within = Tokens::from_parts(n.parts()).min(bucket.capacity());
            for n in [n, within] {
                let _ = bucket.time_to_available(&state, n, now);
                let _ = bucket.time_to_serve(&state, lazy_limiter::Ahead::NOBODY, n, now);
                let _ = bucket.try_take(&state, n, now);
            }
            if let Ok(next) = bucket.try_take(&state, within, now) {
                prop_assert!(fits(&next));
            }
        }
    }

    #[test]
    fn no_call_panics(
        bucket in buckets(),
        calls in prop::collection::vec((0..9, amounts(), durations()), 1..30),
    ) {
        let clock = ManualClock::new();
        let capacity = bucket.capacity();
        // A key that is not held is full, so let it start full.
        let bucket = bucket.starting_tokens(capacity);
        let one = Limiter::with_clock(bucket.clone(), clock.clone());
        let keyed = KeyedLimiter::builder().clock(clock.clone()).build(move |_: &u8| bucket.clone());
        for (call, n, duration) in calls {
            match call {
                0 => clock.advance(duration),
                1 => refused_alike(n, capacity, one.try_acquire(n), keyed.try_acquire(&1, n))?,
                2 => refused_alike(n, Tokens::MAX, one.give_back(n), keyed.give_back(&1, n))?,
                3 => refused_alike(n, Tokens::MAX, one.charge(n), keyed.charge(&1, n))?,
                4 => drop((one.time_to_available(n), keyed.time_to_available(&1, n))),
                5 => drop((one.available(), keyed.available(&1), one.time_to_idle(), keyed.time_to_idle(&1))),
                6 => poll_once((one.acquire(n), keyed.acquire(&1, n))),
                7 => poll_once((one.acquire_timeout(n, duration), keyed.acquire_timeout(&1, n, duration))),
                _ => drop((one.snapshot(), keyed.snapshot(&1), keyed.reclaim(), format!("{one:?}"))),
            }
        }
    }
}

/// Amounts that are none are refused as such, and too large ones; by a key as by a limiter.
fn refused_alike(
    n: Tokens,
    capacity: Tokens,
    one: Result<(), AcquireError>,
    key: Result<(), AcquireError>,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(one == Err(AcquireError::InvalidAmount), !n.is_valid());
    let exceeds = matches!(one, Err(AcquireError::ExceedsCapacity { .. }));
    prop_assert_eq!(exceeds, n.is_valid() && n > capacity);
    prop_assert_eq!(one, key);
    Ok(())
}

fn poll_once((one, key): (impl Future, impl Future)) {
    let mut context = core::task::Context::from_waker(core::task::Waker::noop());
    let _ = core::pin::pin!(one).poll(&mut context).is_ready();
    let _ = core::pin::pin!(key).poll(&mut context).is_ready();
}
