//! The token bucket's pure functions.

mod regressions;
