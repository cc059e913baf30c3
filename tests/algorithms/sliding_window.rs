//! [`SlidingWindow`] against a list of all grants.

use std::time::Duration;

use lazy_limiter::{Algorithm, SlidingWindow, Tokens};
use proptest::prelude::*;

use crate::trace::{self, DAY, Oracle, Policy, SECOND, TOKEN, YEAR};

const POLICIES: &[Policy] = &[
    Policy { capacity: 5 * TOKEN, window: SECOND, unit: 1 },
    Policy { capacity: TOKEN * 5 / 2, window: SECOND / 10, unit: 1 },
    Policy { capacity: 1000 * TOKEN, window: 60 * SECOND, unit: 1 },
    Policy { capacity: TOKEN / 3, window: 3 * DAY + 1, unit: 1 },
    Policy { capacity: 1_000_000_000_000 * TOKEN, window: 7 * YEAR, unit: 1 },
    Policy { capacity: 3 * TOKEN, window: 1, unit: 1 },
];

/// Every grant that was not given back. What had expired when anything changed is gone for good, also for those
/// whose clock is behind.
struct List {
    policy: Policy,
    grants: Vec<(u64, u64)>,
}

impl List {
    fn counts(&self, at: u64, now: u64) -> bool {
        u128::from(at) + u128::from(self.policy.window) > u128::from(now)
    }

    fn used(&self, now: u64) -> u64 {
        self.grants.iter().filter(|&&(at, _)| self.counts(at, now)).map(|&(_, n)| n).sum()
    }

    fn forget(&mut self, now: u64) {
        let all = std::mem::take(&mut self.grants);
        self.grants = all.into_iter().filter(|&(at, _)| self.counts(at, now)).collect();
    }
}

impl Oracle for List {
    fn available(&self, now: u64) -> u64 {
        self.policy.capacity.saturating_sub(self.used(now))
    }

    fn debt(&self, now: u64) -> u64 {
        self.used(now).saturating_sub(self.policy.capacity)
    }

    fn consume(&mut self, n: u64, now: u64) {
        self.forget(now);
        let at = self.grants.iter().map(|&(at, _)| at).fold(now, u64::max);
        self.grants.push((at, n));
    }

    fn give_back(&mut self, n: u64, now: u64) {
        self.forget(now);
        let mut rest = n;
        while let Some((at, granted)) = self.grants.pop() {
            if granted > rest {
                self.grants.push((at, granted - rest));
                return;
            }
            rest -= granted;
        }
    }
}

/// Memory: one entry for each instant, none that has expired.
#[test]
fn a_log_is_no_longer_than_it_must_be() {
    let algorithm = SlidingWindow::new(100, Duration::from_nanos(10));
    let mut log = algorithm.start(trace::at(0));
    let mut entries = |n: u64, now: u64| {
        log = algorithm.consume(&log, Tokens::from(n), trace::at(now));
        format!("{log:?}").matches("Grant").count()
    };
    assert_eq!(entries(1, 0), 1);
    assert_eq!(entries(2, 0), 1);
    assert_eq!(entries(1, 3), 2);
    assert_eq!(entries(1, 2), 2);
    assert_eq!(entries(1, 9), 3);
    assert_eq!(entries(1, 10), 3);
    assert_eq!(entries(1, 30), 1);
}

proptest! {
    #[test]
    fn it_answers_like_a_list_of_all_grants(policy in trace::one_of(POLICIES), steps in trace::any_steps()) {
        let algorithm = SlidingWindow::new(policy.tokens(), policy.duration());
        let mut list = List { policy, grants: Vec::new() };
        trace::agree(&algorithm, &mut list, policy.window, &steps)?;
    }

    #[test]
    fn no_span_grants_more_than_the_capacity(policy in trace::one_of(POLICIES), steps in trace::takes()) {
        let algorithm = SlidingWindow::new(policy.tokens(), policy.duration());
        let grants = trace::grants(&algorithm, policy.window, &steps);
        for (from, granted) in trace::spans(&grants, policy.window) {
            prop_assert!(granted <= policy.capacity, "{} from {}", granted, from);
        }
    }
}
