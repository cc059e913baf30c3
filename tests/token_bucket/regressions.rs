//! Faults that once were.

use core::time::Duration;

use lazy_limiter::{Limiter, ManualClock, Rate, TokenBucket, Tokens};

fn limiter(bucket: TokenBucket) -> (Limiter<TokenBucket, ManualClock>, ManualClock) {
    let clock = ManualClock::new();
    (Limiter::with_clock(bucket, clock.clone()), clock)
}

/// A capacity below one unit was rounded down to none, and everything then cost nothing.
#[test]
fn the_smallest_capacity_at_the_fastest_rate_is_a_limit() {
    let least = Tokens::from_parts(1);
    let (limiter, clock) = limiter(TokenBucket::new(least, Rate::new(10, Duration::from_nanos(1))));
    assert_eq!(limiter.try_acquire(least), Ok(()));
    assert!(limiter.try_acquire(least).is_err());
    clock.advance(Duration::from_nanos(1));
    assert_eq!(limiter.try_acquire(least), Ok(()));
}

/// A capacity with a fraction was rounded down to whole units, and so was the price of all of it, each time.
#[test]
fn taking_all_of_a_fractional_capacity_keeps_to_the_rate() {
    let (limiter, clock) = limiter(TokenBucket::new(1000.9, Rate::new(73, Duration::from_nanos(10))));
    let capacity = limiter.capacity();
    let mut granted = 0.0;
    for _ in 0..1_000_000 {
        granted += if limiter.try_acquire(capacity).is_ok() { capacity.as_f64() } else { 0.0 };
        clock.advance(Duration::from_nanos(1));
    }
    // One more token than a unit is.
    assert!(granted <= 1000.9 + 7.3 * 999_999.0 + 1.0, "{granted}");
}

/// Nothing accrued past thirteen and a half years, but hints pointed there.
#[test]
fn a_hint_of_decades_works() {
    for (capacity, rate) in [
        (1_000_000_000_000_u64, Rate::per_second(1000)),
        (60, Rate::new(1, Duration::from_secs(365 * 86_400))),
        (72, Rate::new(1, Duration::from_secs(365 * 86_400))),
        (1_000_000_000, Rate::per_second(0.7)),
    ] {
        let (limiter, clock) = limiter(TokenBucket::new(capacity, rate));
        assert_eq!(limiter.try_acquire(capacity), Ok(()));
        clock.advance(Duration::from_secs(1));
        let hint = limiter.try_acquire(capacity).unwrap_err().retry_after().unwrap();
        clock.advance(hint - Duration::from_nanos(1));
        assert!(limiter.try_acquire(capacity).is_err(), "{capacity} at {rate}");
        clock.advance(Duration::from_nanos(1));
        assert_eq!(limiter.try_acquire(capacity), Ok(()), "{capacity} at {rate}");
    }
}
