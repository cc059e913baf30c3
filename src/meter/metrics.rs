//! What limiters did, in numbers: with the feature `metrics`, for the recorder of the
//! [`metrics`](https://docs.rs/metrics) facade, or for a text of your own.
//!
//! Give a limiter a name, and it is counted:
//!
//! ```
//! use lazy_limiter::{Limiter, Rate, TokenBucket, metrics};
//!
//! let api = Limiter::builder().name("api").build(TokenBucket::new(1, Rate::per_second(1)));
//! let _ = (api.try_acquire(1), api.try_acquire(1));
//!
//! metrics::flush();
//! let totals = metrics::totals();
//! let api = totals.iter().find(|totals| totals.name == "api").expect("a limiter of that name");
//! assert_eq!((api.granted, api.refused()), (1, 1));
//! ```
//!
//! | metric | kind | labels | |
//! |---|---|---|---|
//! | `lazy_limiter_granted_total` | counter | `limiter` | calls that were granted, at once or in line |
//! | `lazy_limiter_refused_total` | counter | `limiter`, `reason` | calls that were not |
//! | `lazy_limiter_waited_total` | counter | `limiter` | calls that stood in line, and no longer do |
//! | `lazy_limiter_wait_seconds` | histogram | `limiter` | how long, by the limiter's clock |
//! | `lazy_limiter_waiting` | gauge | `limiter` | calls in line, as of [`record_gauges`](crate::Limiter::record_gauges) |
//! | `lazy_limiter_keys` | gauge | `limiter` | keys held, as of [`record_gauges`](crate::KeyedLimiter::record_gauges) |
//! | `lazy_limiter_reclaimed_total` | counter | `limiter` | keys dropped because they were idle, as of the same |
//!
//! A `reason` is `denied`, `timed_out`, `exceeds_capacity`, `invalid_amount`, `closed`, `queue_full`, `too_many_keys`,
//! `policy`, or `abandoned` (the future was dropped in line). These are calls, not tokens. Giving back and charging are
//! not counted.
//!
//! # Whose number it is
//!
//! That of the limiter's name. Limiters of one name are counted as one (and the gauges are those of the last that
//! recorded them). Keys are not told apart: there is no end to them. A limiter without a name is not counted. There is
//! room for 254 names; later ones share the name `others`.
//!
//! # How late it is
//!
//! Refusals other than `denied`, and waits, are reported at once. What is granted and denied is counted by each thread
//! for itself, at three instructions a call, and reported in batches of what the thread last did in about ten
//! milliseconds (from one call to 512). So nothing is late while calls are rare or steady. What a thread that suddenly
//! falls silent has not reported is at most what it did within about 10 ms, and at most 511 calls of each kind; it
//! reports them with its next batch, in [`flush`], or when it ends. In the end, every call is counted exactly once.
//!
//! The recorder is told totals, not what is new: one that is installed late, or for some threads alone, has all of it
//! with the next report.

use core::time::Duration;
use std::hash::{BuildHasher, Hash};

use super::{counts, names, totals};
use crate::kernel::Limit;
use crate::{Clock, KeyedLimiter, Limiter};

/// What limiters of one name did since the program began.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// The name.
    pub name: &'static str,
    /// Calls that were granted.
    pub granted: u64,
    /// Calls that were not, by reason; those reasons that there were.
    pub refused_by: Vec<(&'static str, u64)>,
    /// Calls that stood in line, and no longer do.
    pub waited: u64,
    /// How long all of these stood there, together.
    pub wait: Duration,
}

impl Totals {
    /// Calls that were refused for whatever reason.
    pub fn refused(&self) -> u64 {
        self.refused_by.iter().map(|(_, count)| count).sum()
    }
}

/// What was reported so far, by name, in the order in which the names came: for whoever writes a text of it without a
/// recorder. See [the module](self) for what may be missing yet.
///
/// The numbers are read one after the other while calls go on, and may be of slightly different moments.
pub fn totals() -> Vec<Totals> {
    let read = |entry: &'static totals::Entry| {
        let (waited, wait) = entry.waited();
        let refused_by = entry.refused().filter(|(_, count)| *count > 0).collect();
        Totals { name: entry.name, granted: entry.granted(), refused_by, waited, wait }
    };
    names::entries().into_iter().map(read).collect()
}

/// Reports what this thread has counted and not yet reported, and tells the recorder all totals.
///
/// For a thread that is about to fall silent for long, and for tests. Other threads' counts stay where they are.
pub fn flush() {
    counts::flush();
    names::entries().into_iter().for_each(totals::Entry::export);
}

/// Tells the recorder what the metrics mean. Call it once, when the recorder is installed.
pub fn describe() {
    use ::metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

    describe_counter!(totals::GRANTED, Unit::Count, "Calls that were granted, at once or in line");
    describe_counter!(totals::REFUSED, Unit::Count, "Calls that were refused, by reason");
    describe_counter!(totals::WAITED, Unit::Count, "Calls that stood in line, and no longer do");
    describe_histogram!(totals::WAIT, Unit::Seconds, "How long calls stood in line");
    describe_gauge!(totals::WAITING, Unit::Count, "Calls in line");
    describe_gauge!(totals::KEYS, Unit::Count, "Keys held");
    describe_counter!(totals::RECLAIMED, Unit::Count, "Keys dropped because they were idle");
}

impl<A: Limit, C: Clock> Limiter<A, C> {
    /// Tells the recorder how many are waiting, under this limiter's name: call it every few seconds, or when asked for
    /// metrics. Without a name it does nothing.
    pub fn record_gauges(&self) {
        if let Some(entry) = self.meter().label().entry() {
            entry.gauge(totals::WAITING, self.waiting());
        }
    }
}

impl<K, A, E, C, S> KeyedLimiter<K, A, E, C, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    A: Limit,
    C: Clock,
    S: BuildHasher,
{
    /// Tells the recorder how many keys are held and were reclaimed, under this limiter's name: call it every few
    /// seconds, or when asked for metrics. Without a name it does nothing.
    pub fn record_gauges(&self) {
        if let Some(entry) = self.meter().label().entry() {
            let stats = self.stats();
            entry.gauge(totals::KEYS, stats.len);
            entry.counter(totals::RECLAIMED, stats.reclaimed);
        }
    }
}
