//! Policies of any numbers whatever, and traces of calls: nothing panics, every answer is within the documented
//! distance of a bucket that is kept in exact fractions, and hints are the first instant at which a take succeeds.

#[path = "../../tests/token_bucket/ideal.rs"]
#[allow(dead_code)]
mod ideal;
#[path = "../../tests/token_bucket/units.rs"]
#[allow(dead_code)]
mod units;

use std::time::Duration;

use ideal::Ideal;
use lazy_limiter::{
    Algorithm, FixedWindow, Rate, SlidingWindow, SlidingWindowCounter, Timestamp, TokenBucket, Tokens,
};
use units::{YEAR, is_whole, lasts, unit};

/// Numbers from bytes: one that says how many more are to be read, and those.
struct Numbers<'a>(&'a [u8]);

impl Iterator for Numbers<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let (&first, rest) = self.0.split_first()?;
        let (bytes, rest) = rest.split_at(rest.len().min(usize::from(first % 9)));
        self.0 = rest;
        Some(bytes.iter().fold(u64::from(first / 9), |number, byte| number << 8 | u64::from(*byte)))
    }
}

pub(crate) fn run(data: &[u8]) {
    let mut numbers = Numbers(data);
    let mut next = || numbers.next().unwrap_or(0);
    let (capacity, tokens) = (Tokens::from_parts(next()), Tokens::from_parts(next()));
    let period = Duration::new(next() % 10_000_000_000, next() as u32 % 1_000_000_000);
    let starting = Tokens::from_parts(next());
    let trace: Vec<_> = std::iter::from_fn(|| Some((numbers.next()?, numbers.next()?))).take(200).collect();
    windows(capacity, period, &trace);
    let rate = Rate::new(tokens, period);
    let bucket = TokenBucket::try_new(capacity, rate);
    let bucket = bucket.and_then(|bucket| bucket.clone().try_starting_tokens(starting).or(Ok(bucket)));
    if let Ok(bucket) = bucket {
        nothing_panics(&bucket, &trace);
        if period.as_nanos() < 1 << 57 {
            follow(bucket, starting.min(capacity), &trace);
        }
    }
}

/// The other algorithms, which have oracles elsewhere.
fn windows(capacity: Tokens, window: Duration, trace: &[(u64, u64)]) {
    if let Ok(algorithm) = FixedWindow::try_new(capacity, window) {
        nothing_panics(&algorithm, trace);
    }
    if let Ok(algorithm) = SlidingWindowCounter::try_new(capacity, window) {
        nothing_panics(&algorithm, trace);
    }
    if let Ok(algorithm) = SlidingWindow::try_new(capacity, window) {
        nothing_panics(&algorithm, trace);
    }
}

/// With instants that go back and forth as they please.
fn nothing_panics(algorithm: &impl Algorithm, trace: &[(u64, u64)]) {
    let mut state = algorithm.start(Timestamp::ZERO);
    for &(what, number) in trace {
        let (n, now) = (Tokens::from_parts(number), Timestamp::from_nanos(what));
        match what % 4 {
            0 => state = algorithm.consume(&state, n, now),
            1 => state = algorithm.give_back(&state, n, now),
            _ => state = algorithm.try_take(&state, n, now).unwrap_or(state),
        }
        assert!(algorithm.available(&state, now) <= algorithm.capacity());
        let (hint, idle) = (algorithm.time_to_available(&state, n, now), algorithm.time_to_idle(&state, now));
        assert!(!algorithm.is_idle(&state, now) || idle == Some(Duration::ZERO));
        assert!(
            hint != Some(Duration::ZERO) || n <= algorithm.available(&state, now) || n > algorithm.capacity()
        );
        algorithm.debt(&state, now);
    }
}

/// Along with an ideal bucket, from which whatever this one grants is taken.
fn follow(bucket: TokenBucket, starting: Tokens, trace: &[(u64, u64)]) {
    let (capacity, unit) = (bucket.capacity(), unit(&bucket));
    let mut state = bucket.start(Timestamp::ZERO);
    // As it says itself: what was given as a starting level may not have been one.
    let starting = if bucket.is_idle(&state, Timestamp::ZERO) { capacity } else { starting };
    let mut ideal = Ideal::new(capacity, bucket.rate(), starting);
    // Units by which it may lag behind.
    let (mut now, mut lag) = (0_u64, 2);
    for &(what, number) in trace {
        let share = Tokens::from_parts(number % capacity.parts() + 1);
        let rounded = i128::from(!is_whole(share, unit));
        let at = Timestamp::from_nanos(now);
        match what % 8 {
            0 => now = now.saturating_add(number),
            1 => now = now.saturating_add(ideal.wait(share).unwrap_or(0)),
            2 => now = now.saturating_add(ideal.wait(share).unwrap_or(1).saturating_sub(1)),
            3 if ideal.may_owe(share) => {
                state = bucket.consume(&state, share, at);
                ideal.take(share);
                lag += rounded;
            }
            4 => {
                state = bucket.give_back(&state, share, at);
                ideal.give_back(share);
                lag += rounded;
            }
            _ => match bucket.try_take(&state, share, at) {
                Ok(next) => {
                    let above = ideal.of_units(5, 2 * unit);
                    assert!(ideal.level() >= ideal.amount(share) - above, "granted {share} too early");
                    state = next;
                    ideal.take(share);
                    lag += rounded;
                }
                Err(hint) => {
                    let below = ideal.of_units(lag + rounded, unit);
                    assert!(ideal.level() < ideal.amount(share) + below, "refused {share}, {lag} units late");
                    first_instant(&bucket, &state, share, at, hint);
                }
            },
        }
        if now > 12 * YEAR {
            return;
        }
        ideal.advance(now);
        if bucket.is_idle(&state, Timestamp::from_nanos(now)) {
            lag = 1;
        }
    }
}

/// After the hint it is granted, and a nanosecond earlier it is not.
fn first_instant(
    bucket: &TokenBucket,
    state: &<TokenBucket as Algorithm>::State,
    n: Tokens,
    now: Timestamp,
    hint: Option<Duration>,
) {
    let Some(wait) = hint else { return };
    let due = now + wait;
    if lasts(bucket, due) {
        assert!(bucket.try_take(state, n, due).is_ok(), "{n} after {wait:?}");
        assert!(bucket.try_take(state, n, due - Duration::from_nanos(1)).is_err(), "{n} before {wait:?}");
    }
}
