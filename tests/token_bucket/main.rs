//! The token bucket's pure functions, against a bucket kept in exact fractions.
//!
//! Everything here goes through the [`Algorithm`](lazy_limiter::Algorithm) trait, as a limiter does. Policies are
//! drawn from the whole documented range, instants from all twelve years of clock.

mod close;
mod exact;
mod ideal;
mod laws;
mod lines;
mod policies;
mod range;
mod regressions;
mod totality;
mod units;
