//! What can be made, what is refused and why, and that no input makes any of it panic.

use std::time::Duration;

use lazy_limiter::{
    Algorithm, All, FixedWindow, InvalidPolicy, Pack, Rate, SlidingWindow, SlidingWindowCounter, Timestamp,
    TokenBucket, Tokens,
};
use proptest::prelude::*;

use crate::trace::{DAY, YEAR, at};

const SECOND: Duration = Duration::from_secs(1);
const NANO: Duration = Duration::from_nanos(1);
const HUNDRED_YEARS: Duration = Duration::from_secs(36_525 * 86_400);

type Made = Result<Tokens, InvalidPolicy>;
type Make = fn(Tokens, Duration) -> Made;

fn fixed(capacity: impl Into<Tokens>, window: Duration) -> Made {
    FixedWindow::try_new(capacity, window).map(|made| made.capacity())
}

fn sliding(capacity: impl Into<Tokens>, window: Duration) -> Made {
    SlidingWindow::try_new(capacity, window).map(|made| made.capacity())
}

fn counter(capacity: impl Into<Tokens>, window: Duration) -> Made {
    SlidingWindowCounter::try_new(capacity, window).map(|made| made.capacity())
}

#[test]
fn what_is_no_quota_is_refused_with_the_reason() {
    let makers: [Make; 3] = [fixed, sliding, counter];
    for make in makers {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-9] {
            assert_eq!(make(bad.into(), SECOND), Err(InvalidPolicy::Capacity), "{bad}");
        }
        assert_eq!(make(1.into(), Duration::ZERO), Err(InvalidPolicy::Window));
        assert_eq!(make(1.into(), HUNDRED_YEARS + NANO), Err(InvalidPolicy::Window));
        assert_eq!(make(1.into(), Duration::MAX), Err(InvalidPolicy::Window));
        for (capacity, window) in [(1.0, HUNDRED_YEARS), (1.0, NANO), (0.5, NANO), (1e-6, NANO)] {
            let capacity = Tokens::from(capacity);
            assert!(make(capacity, window).is_ok_and(|made| made <= capacity), "{capacity} in {window:?}");
        }
    }
}

#[test]
fn a_capacity_is_refused_above_what_the_error_says_and_not_below() {
    // What the word has room for, worked out by hand.
    let rows: [(Make, Duration, u64); 11] = [
        (fixed, NANO, 10),
        (fixed, Duration::from_millis(1), 10_826_773),
        (fixed, SECOND, 10_826_773_901),
        (fixed, HUNDRED_YEARS, 1_000_000_000_000),
        (sliding, NANO, 1_000_000_000_000),
        (counter, NANO, 2),
        (counter, Duration::from_millis(1), 3_289),
        (counter, SECOND, 104_050),
        (counter, Duration::from_secs(60), 805_980),
        (counter, Duration::from_secs(3600), 6_243_053),
        (counter, Duration::from_nanos(DAY), 30_578_650),
    ];
    for (make, window, most) in rows {
        let largest = Tokens::from(most);
        assert_eq!(make(largest, window), Ok(largest), "{most} in {window:?}");
        let above = largest + Tokens::from_parts(1);
        assert_eq!(make(above, window), Err(InvalidPolicy::CapacityTooLarge { largest }), "{window:?}");
    }
    let most = Tokens::from(1_000_000_000_000);
    assert_eq!(counter(Tokens::MAX, SECOND), Err(InvalidPolicy::CapacityTooLarge { largest: most }));
}

#[test]
#[should_panic(expected = "invalid window")]
fn a_fixed_window_of_no_length_panics() {
    FixedWindow::new(1, Duration::ZERO);
}

#[test]
#[should_panic(expected = "invalid capacity")]
fn a_sliding_window_of_nothing_panics() {
    SlidingWindow::new(0, SECOND);
}

#[test]
#[should_panic(expected = "it must be at most 104050")]
fn a_sliding_window_counter_that_does_not_fit_panics() {
    SlidingWindowCounter::new(200_000, SECOND);
}

#[test]
fn an_algorithm_is_a_pointer_and_says_what_it_is() {
    assert_eq!(size_of::<TokenBucket>(), 8);
    assert_eq!(size_of::<FixedWindow>(), 8);
    assert_eq!(size_of::<SlidingWindow>(), 8);
    assert_eq!(size_of::<SlidingWindowCounter>(), 8);
    let (one, other) = (FixedWindow::new(5, SECOND), FixedWindow::new(6, SECOND));
    assert!(one == one.clone() && one == FixedWindow::new(5, SECOND) && one != other);
    assert_eq!(one.window(), SECOND);
    assert_eq!(format!("{one:?}"), "FixedWindow { capacity: Tokens(5), window: 1s }");
}

/// Ten years idle: full, and as good as new, to the nanosecond at which it must be.
#[test]
fn ten_years_make_no_difference() {
    fn check<A: Algorithm>(algorithm: &A) {
        let full = algorithm.capacity();
        let state = algorithm.consume(&algorithm.start(at(0)), full, at(0));
        let later = at(10 * YEAR);
        assert_eq!(algorithm.available(&state, later), full);
        assert!(algorithm.is_idle(&state, later));
        let state = algorithm.consume(&state, full, later);
        assert_eq!(algorithm.available(&state, later), Tokens::ZERO);
        let back = algorithm.time_to_idle(&state, later).unwrap();
        assert!(algorithm.is_idle(&state, later + back));
        assert!(!algorithm.is_idle(&state, later + back - NANO));
        assert!(back <= 2 * SECOND);
    }
    for window in [NANO, Duration::from_micros(7), SECOND] {
        check(&FixedWindow::new(10, window));
        check(&SlidingWindow::new(10, window));
        check(&SlidingWindowCounter::new(2, window));
    }
}

/// One of anything: any time a `u64` can say, any amount that is one.
fn wild() -> impl Strategy<Value = Vec<(u64, u64, u8)>> {
    let time = prop_oneof![0..10_u64, 0..20 * YEAR, any::<u64>(), u64::MAX - 10..=u64::MAX];
    let n = prop_oneof![1..10_u64, 1..=u64::MAX, 1..1_u64 << 40];
    prop::collection::vec((time, n, 0..3_u8), 1..30)
}

/// A state that is packed must fit its word, or the library would refuse the call that led to it.
fn fits<S: Pack>(state: &S) -> bool {
    state.pack() >> S::BITS == 0
}

fn survive<A: Algorithm>(
    algorithm: &A,
    fits: fn(&A::State) -> bool,
    steps: &[(u64, u64, u8)],
) -> Result<(), TestCaseError> {
    let mut state = algorithm.start(at(0));
    for &(now, n, act) in steps {
        let (now, n) = (at(now), Tokens::from_parts(n));
        let level = algorithm.available(&state, now);
        prop_assert!(level <= algorithm.capacity());
        match algorithm.time_to_available(&state, n, now) {
            Some(Duration::ZERO) => prop_assert!(n <= level),
            Some(wait) => prop_assert!(n <= algorithm.available(&state, now + wait)),
            // Never: not at the last instant that there is.
            None => prop_assert!(n > algorithm.available(&state, Timestamp::MAX)),
        }
        algorithm.time_to_idle(&state, now);
        state = match act {
            0 => algorithm.consume(&state, n, now),
            1 => algorithm.give_back(&state, n, now),
            _ => algorithm.try_take(&state, n, now).unwrap_or(state),
        };
        prop_assert!(fits(&state));
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_input_panics_and_every_hint_holds(
        steps in wild(),
        window in prop_oneof![1..10_u64, 1..HUNDRED_YEARS.as_nanos() as u64],
        share in 1..=1000_u64,
    ) {
        let window = Duration::from_nanos(window);
        let of = |largest: Tokens| Tokens::from_parts((largest.parts() / 1000 * share).max(1));
        let limit = |refused: Option<InvalidPolicy>| match refused {
            Some(InvalidPolicy::CapacityTooLarge { largest }) => largest,
            _ => Tokens::from(1_000_000_000_000),
        };
        let trillion = Tokens::from(1_000_000_000_000);
        let fixed = FixedWindow::new(of(limit(FixedWindow::try_new(trillion, window).err())), window);
        let counter = of(limit(SlidingWindowCounter::try_new(trillion, window).err()));
        let counter = SlidingWindowCounter::new(counter, window);
        let sliding = SlidingWindow::new(of(trillion), window);
        survive(&fixed, fits, &steps)?;
        survive(&sliding, |_| true, &steps)?;
        survive(&counter, fits, &steps)?;
        survive(&All((fixed, sliding, counter, TokenBucket::new(5, Rate::ZERO))), |_| true, &steps)?;
    }
}
