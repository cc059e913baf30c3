//! The edges of the documented range.

use core::time::Duration;

use lazy_limiter::{InvalidPolicy, Rate, Timestamp, TokenBucket, Tokens};
use proptest::prelude::*;

use super::policies::policies;
use super::units::{HORIZON, YEAR, lasts};

proptest! {
    #![proptest_config(super::cases(5000))]

    #[test]
    fn what_is_documented_can_be_made(policy in policies()) {
        prop_assert!(TokenBucket::try_new(policy.capacity, policy.rate).is_ok());
    }

    #[test]
    fn every_bucket_refills_for_thirteen_and_a_half_years(policy in policies()) {
        prop_assume!(policy.rate != Rate::ZERO);
        prop_assert!(lasts(&policy.bucket(), Timestamp::from_nanos(HORIZON)));
    }
}

#[test]
fn what_lies_outside_is_refused_with_the_reason() {
    let per = |n: u64, nanos: u64| Rate::new(n, Duration::from_nanos(nanos));
    let refused = |capacity: Tokens, rate| TokenBucket::try_new(capacity, rate).unwrap_err();
    let largest = Tokens::from(1_000_000_000_000);

    assert!(TokenBucket::try_new(largest, per(10, 1)).is_ok());
    assert_eq!(refused(1.into(), per(11, 1)), InvalidPolicy::RateTooFast);
    assert_eq!(refused(1.into(), per(10_000_000_001, 1_000_000_000)), InvalidPolicy::RateTooFast);
    let more = Tokens::from_parts(largest.parts() + 1);
    assert_eq!(refused(more, Rate::ZERO), InvalidPolicy::CapacityTooLarge { largest });
    assert_eq!(refused(Tokens::ZERO, per(1, 1)), InvalidPolicy::Capacity);
    assert_eq!(refused((-1.0).into(), per(1, 1)), InvalidPolicy::Capacity);
    assert_eq!(refused(f64::NAN.into(), per(1, 1)), InvalidPolicy::Capacity);
    assert!(TokenBucket::try_new(100, per(1, YEAR)).is_ok());
    assert_eq!(refused(101.into(), per(1, YEAR)), InvalidPolicy::FillTooLong);
    assert!(matches!(refused(1.into(), Rate::per_second(-1.0)), InvalidPolicy::Rate(_)));
    let bucket = TokenBucket::new(10, per(1, 1));
    assert_eq!(bucket.clone().try_starting_tokens(11).unwrap_err(), InvalidPolicy::StartingTokens);
    assert_eq!(bucket.try_starting_tokens(-1.0).unwrap_err(), InvalidPolicy::StartingTokens);
}
