//! What a bucket's units are, found out from what it does.

use lazy_limiter::{Algorithm, Pack, Timestamp, TokenBucket, Tokens};

/// One token, in parts.
pub(crate) const ONE: u64 = 1 << 20;
/// The age of the clock for which the word has room, in nanoseconds.
pub(crate) const HORIZON: u64 = 4930 * DAY;
pub(crate) const DAY: u64 = 86_400 * 1_000_000_000;
pub(crate) const YEAR: u64 = 365 * DAY;

/// Units of one token.
pub(crate) fn unit(bucket: &TokenBucket) -> u64 {
    let start = bucket.start(Timestamp::ZERO);
    bucket.consume(&start, Tokens::from(1), Timestamp::ZERO).pack() - start.pack()
}

/// Amounts that are multiples of so many parts are whole numbers of units.
pub(crate) fn grain(unit: u64) -> u64 {
    ONE >> unit.trailing_zeros().min(20)
}

/// Whether `n` is a whole number of units.
pub(crate) fn is_whole(n: Tokens, unit: u64) -> bool {
    n.parts().is_multiple_of(grain(unit))
}

/// Whether a nanosecond brings a whole number of units, so that nothing is ever rounded in time.
pub(crate) fn is_exact(bucket: &TokenBucket) -> bool {
    let rate = bucket.rate();
    let made = u128::from(unit(bucket)) * u128::from(rate.tokens().parts());
    made.is_multiple_of(u128::from(ONE) * rate.period().as_nanos())
}

/// Whether the word has room to go on beyond `now`.
pub(crate) fn lasts(bucket: &TokenBucket, now: Timestamp) -> bool {
    bucket.start(now).pack() < bucket.start(Timestamp::MAX).pack()
}
