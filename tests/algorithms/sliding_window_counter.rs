//! [`SlidingWindowCounter`] against a table of windows, of which it weighs two.

use std::collections::BTreeMap;

use lazy_limiter::SlidingWindowCounter;
use proptest::prelude::*;

use crate::trace::{self, DAY, Oracle, Policy, SECOND, TOKEN, YEAR};

const POLICIES: &[Policy] = &[
    // 104,050 units a second.
    Policy { capacity: 4 * TOKEN, window: SECOND, unit: 1 << 6 },
    Policy { capacity: 100 * TOKEN, window: SECOND, unit: 1 << 10 },
    Policy { capacity: 104_050 * TOKEN, window: SECOND, unit: TOKEN },
    // 32,903 units.
    Policy { capacity: TOKEN * 5 / 2, window: SECOND / 10, unit: 1 << 7 },
    Policy { capacity: 5000 * TOKEN, window: 3600 * SECOND, unit: 1 << 10 },
    Policy { capacity: TOKEN / 3, window: 3 * DAY + 1, unit: 1 },
    Policy { capacity: 1000 * TOKEN, window: 7 * YEAR, unit: 1 },
    // Two units.
    Policy { capacity: 2 * TOKEN, window: 1, unit: TOKEN },
];

/// Use by window; the one before the newest counts by what is left of the newest.
struct Table {
    policy: Policy,
    used: BTreeMap<u64, u64>,
    newest: u64,
}

impl Table {
    fn used(&self, window: u64) -> u64 {
        self.used.get(&window).copied().unwrap_or(0)
    }

    fn before(&self, window: u64) -> u64 {
        window.checked_sub(1).map_or(0, |before| self.used(before))
    }
}

impl Oracle for Table {
    fn available(&self, now: u64) -> u64 {
        let (window, past) = (now / self.policy.window, now % self.policy.window);
        if window < self.newest {
            return 0;
        }
        // Over the common denominator `window`: the numerator of what counts, and of what fits above it.
        let of = u128::from(self.policy.window);
        let before = u128::from(self.before(window)) * (of - u128::from(past));
        let counted = u128::from(self.used(window)) * of + before;
        let room = (u128::from(self.policy.full()) * of).saturating_sub(counted) / of;
        self.policy.shown(room as u64)
    }

    /// Windows before the newest are taken as full.
    fn debt(&self, now: u64) -> u64 {
        let ahead = self.newest.saturating_sub(now / self.policy.window);
        (ahead * self.policy.full() + self.used(self.newest)).saturating_sub(self.policy.full())
            * self.policy.unit
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
            if rest == 0 {
                return;
            }
            if self.newest == present {
                break;
            }
            // Only two windows are remembered: what lies before them counts as full.
            self.newest -= 1;
            if let Some(before) = self.newest.checked_sub(1) {
                self.used.insert(before, self.policy.full());
            }
        }
        if let Some(before) = present.checked_sub(1) {
            self.used.insert(before, self.used(before).saturating_sub(rest));
        }
    }
}

proptest! {
    #[test]
    fn it_answers_like_a_weighted_table(policy in trace::one_of(POLICIES), steps in trace::any_steps()) {
        let algorithm = SlidingWindowCounter::new(policy.tokens(), policy.duration());
        let mut table = Table { policy, used: BTreeMap::new(), newest: 0 };
        trace::agree(&algorithm, &mut table, policy.window, &steps)?;
    }

    /// At most `capacity × (1 + f)` from fraction `f` of a window on, in integers.
    #[test]
    fn a_span_grants_at_most_the_capacity_and_the_fraction_at_which_it_begins(
        policy in trace::one_of(POLICIES),
        steps in trace::takes(),
    ) {
        let algorithm = SlidingWindowCounter::new(policy.tokens(), policy.duration());
        let grants = trace::grants(&algorithm, policy.window, &steps);
        for (from, granted) in trace::spans(&grants, policy.window) {
            let (window, past) = (u128::from(policy.window), u128::from(from % policy.window));
            let most = u128::from(policy.capacity) * (window + past);
            prop_assert!(u128::from(granted) * window <= most, "{} from {}", granted, from);
        }
    }
}
