//! [`FixedWindow`] against a table of windows and what was used in each.

use std::collections::BTreeMap;

use lazy_limiter::FixedWindow;
use proptest::prelude::*;

use crate::trace::{self, DAY, Oracle, Policy, SECOND, TOKEN, YEAR};

const POLICIES: &[Policy] = &[
    Policy { capacity: 5 * TOKEN, window: SECOND, unit: 1 },
    Policy { capacity: TOKEN * 5 / 2, window: SECOND / 10, unit: 1 },
    Policy { capacity: 1000 * TOKEN, window: 60 * SECOND, unit: 1 },
    Policy { capacity: TOKEN / 3, window: 3 * DAY + 1, unit: 1 },
    Policy { capacity: 1_000_000_000_000 * TOKEN, window: YEAR, unit: 1 << 2 },
    // Where the word is short: up to 10,826,773 units a millisecond, and 10 a nanosecond.
    Policy { capacity: 10_826 * TOKEN, window: 1_000_000, unit: 1 << 11 },
    Policy { capacity: 10_000_000 * TOKEN + 5, window: 1_000_000, unit: TOKEN },
    Policy { capacity: 7 * TOKEN, window: 1, unit: TOKEN },
    Policy { capacity: TOKEN * 3 / 4, window: 1, unit: 1 << 17 },
];

/// Use by window. A window is closed once another is written to: what is left in it is gone.
struct Table {
    policy: Policy,
    used: BTreeMap<u64, u64>,
    newest: u64,
}

impl Table {
    fn used(&self, window: u64) -> u64 {
        match window < self.newest {
            true => self.policy.full(),
            false => self.used.get(&window).copied().unwrap_or(0),
        }
    }
}

impl Oracle for Table {
    fn available(&self, now: u64) -> u64 {
        self.policy.shown(self.policy.full() - self.used(now / self.policy.window))
    }

    fn debt(&self, now: u64) -> u64 {
        let used: u64 = (now / self.policy.window..=self.newest).map(|window| self.used(window)).sum();
        used.saturating_sub(self.policy.full()) * self.policy.unit
    }

    fn consume(&mut self, n: u64, now: u64) {
        let mut rest = self.policy.units_up(n);
        self.newest = self.newest.max(now / self.policy.window);
        loop {
            let used = self.used(self.newest);
            let fits = rest.min(self.policy.full() - used);
            self.used.insert(self.newest, used + fits);
            rest -= fits;
            if rest == 0 {
                return;
            }
            self.newest += 1;
        }
    }

    fn give_back(&mut self, n: u64, now: u64) {
        let mut rest = n / self.policy.unit;
        let present = now / self.policy.window;
        self.newest = self.newest.max(present);
        loop {
            let used = self.used(self.newest);
            let fits = rest.min(used);
            self.used.insert(self.newest, used - fits);
            rest -= fits;
            if rest == 0 || self.newest == present {
                return;
            }
            // The one before was closed, and is open again.
            self.newest -= 1;
            self.used.insert(self.newest, self.policy.full());
        }
    }
}

proptest! {
    #[test]
    fn it_answers_like_a_table_of_windows(policy in trace::one_of(POLICIES), steps in trace::any_steps()) {
        let algorithm = FixedWindow::new(policy.tokens(), policy.duration());
        let mut table = Table { policy, used: BTreeMap::new(), newest: 0 };
        trace::agree(&algorithm, &mut table, policy.window, &steps)?;
    }

    #[test]
    fn no_window_grants_more_than_the_capacity_and_no_span_twice_that(
        policy in trace::one_of(POLICIES),
        steps in trace::takes(),
    ) {
        let algorithm = FixedWindow::new(policy.tokens(), policy.duration());
        let grants = trace::grants(&algorithm, policy.window, &steps);
        let mut windows = BTreeMap::<u64, u64>::new();
        for &(at, n) in &grants {
            *windows.entry(at / policy.window).or_default() += n;
        }
        for (window, granted) in windows {
            prop_assert!(granted <= policy.capacity, "{} in window {}", granted, window);
        }
        for (from, granted) in trace::spans(&grants, policy.window) {
            prop_assert!(granted <= 2 * policy.capacity, "{} from {}", granted, from);
        }
    }
}
