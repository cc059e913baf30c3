//! The token bucket's pure functions, against a bucket kept in exact fractions.
//!
//! Everything here goes through the [`Algorithm`](lazy_limiter::Algorithm) trait, as a limiter does. Policies
//! are drawn from the whole documented range, instants from all twelve years of clock.

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

/// As many cases, unless `PROPTEST_CASES` says otherwise.
fn cases(cases: u32) -> proptest::test_runner::Config {
    let default = proptest::test_runner::Config {
        max_global_rejects: 1_000_000,
        max_local_rejects: 1_000_000,
        ..Default::default()
    };
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { cases };
    proptest::test_runner::Config { cases, ..default }
}
