//! What was counted, by name, and how it reaches the recorder of the `metrics` facade.

use core::cell::Cell;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use metrics::{Key, Label as KeyLabel, Level, Metadata, Recorder};

use super::counts::Kind;
use super::names::Label;
use crate::AcquireError;

/// Why calls are refused, in the order of [`reason`].
const REASONS: [&str; 9] = [
    "denied",
    "timed_out",
    "exceeds_capacity",
    "invalid_amount",
    "closed",
    "queue_full",
    "too_many_keys",
    "policy",
    "abandoned",
];
pub(super) const DENIED: usize = 0;
/// A wait that was dropped.
pub(super) const ABANDONED: usize = REASONS.len() - 1;

/// The number of an error's reason.
pub(super) fn reason<P>(error: &AcquireError<P>) -> usize {
    match error {
        AcquireError::Denied { .. } => DENIED,
        AcquireError::TimedOut { .. } => 1,
        AcquireError::ExceedsCapacity { .. } => 2,
        AcquireError::InvalidAmount => 3,
        AcquireError::Closed => 4,
        AcquireError::QueueFull => 5,
        AcquireError::TooManyKeys => 6,
        AcquireError::Policy(_) => 7,
    }
}

/// The names of the metrics.
pub(super) const GRANTED: &str = "lazy_limiter_granted_total";
pub(super) const REFUSED: &str = "lazy_limiter_refused_total";
pub(super) const WAITED: &str = "lazy_limiter_waited_total";
pub(super) const WAIT: &str = "lazy_limiter_wait_seconds";
pub(super) const KEYS: &str = "lazy_limiter_keys";
pub(super) const RECLAIMED: &str = "lazy_limiter_reclaimed_total";
pub(super) const WAITING: &str = "lazy_limiter_waiting";

const METADATA: Metadata<'static> = Metadata::new("lazy_limiter", Level::INFO, Some("lazy_limiter"));

/// A name and its totals. All relaxed: numbers that grow, and publish nothing.
pub(super) struct Entry {
    pub(super) name: &'static str,
    labels: &'static [KeyLabel],
    reasons: [&'static [KeyLabel]; REASONS.len()],
    granted: AtomicU64,
    refused: [AtomicU64; REASONS.len()],
    waited: AtomicU64,
    /// In nanoseconds.
    wait: AtomicU64,
}

fn label(key: &'static str, value: &'static str) -> KeyLabel {
    KeyLabel::from_static_parts(key, value)
}

impl Entry {
    /// Leaks its labels, as it will be leaked itself.
    pub(super) fn new(name: &'static str) -> Entry {
        let limiter = label("limiter", name);
        let reason = |reason| -> &'static [KeyLabel] {
            Box::leak(Box::new([limiter.clone(), label("reason", reason)]))
        };
        Entry {
            name,
            reasons: REASONS.map(reason),
            labels: Box::leak(Box::new([limiter.clone()])),
            granted: AtomicU64::new(0),
            refused: [const { AtomicU64::new(0) }; REASONS.len()],
            waited: AtomicU64::new(0),
            wait: AtomicU64::new(0),
        }
    }

    pub(super) fn granted(&self) -> u64 {
        self.granted.load(Ordering::Relaxed)
    }

    /// Reasons, and how often for each.
    pub(super) fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> {
        REASONS.into_iter().zip(self.refused.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    pub(super) fn waited(&self) -> (u64, Duration) {
        let wait = Duration::from_nanos(self.wait.load(Ordering::Relaxed));
        (self.waited.load(Ordering::Relaxed), wait)
    }

    /// Tells the recorder all that there is.
    pub(super) fn export(&self) {
        export(Key::from_static_parts(GRANTED, self.labels), self.granted());
        for (labels, (_, count)) in self.reasons.iter().zip(self.refused()) {
            if count > 0 {
                export(Key::from_static_parts(REFUSED, labels), count);
            }
        }
        export(Key::from_static_parts(WAITED, self.labels), self.waited().0);
    }

    pub(super) fn counter(&self, name: &'static str, total: u64) {
        export(Key::from_static_parts(name, self.labels), total);
    }

    pub(super) fn gauge(&self, name: &'static str, value: usize) {
        let key = Key::from_static_parts(name, self.labels);
        tell(|recorder| recorder.register_gauge(&key, &METADATA).set(value as f64));
    }

    fn add_refused(&self, reason: usize, n: u64) {
        if let (Some(count), Some(labels)) = (self.refused.get(reason), self.reasons.get(reason)) {
            let total = count.fetch_add(n, Ordering::Relaxed) + n;
            export(Key::from_static_parts(REFUSED, labels), total);
        }
    }
}

/// The total so far, not what is new: a recorder that comes late, or misses some, has all of it with the next.
fn export(key: Key, total: u64) {
    tell(|recorder| recorder.register_counter(&key, &METADATA).absolute(total));
}

thread_local! {
    static TELLING: Cell<bool> = const { Cell::new(false) };
}

/// Not while telling it something already: a recorder may itself use a limiter, and would be told of that without end.
fn tell(what: impl FnOnce(&dyn Recorder)) {
    struct Told;

    impl Drop for Told {
        fn drop(&mut self) {
            let _ = TELLING.try_with(|telling| telling.set(false));
        }
    }

    if !TELLING.try_with(|telling| telling.replace(true)).unwrap_or(false) {
        let _told = Told;
        metrics::with_recorder(what);
    }
}

impl Label {
    pub(super) fn add(self, kind: Kind, n: u64) {
        let Some(entry) = self.entry() else { return };
        match kind {
            Kind::Granted => {
                let total = entry.granted.fetch_add(n, Ordering::Relaxed) + n;
                export(Key::from_static_parts(GRANTED, entry.labels), total);
            }
            Kind::Denied => entry.add_refused(DENIED, n),
        }
    }

    #[cold]
    pub(super) fn refused(self, reason: usize) {
        if let Some(entry) = self.entry() {
            entry.add_refused(reason, 1);
        }
    }

    /// Once it has.
    #[cold]
    pub(super) fn waited(self, wait: Duration) {
        let Some(entry) = self.entry() else { return };
        let waited = entry.waited.fetch_add(1, Ordering::Relaxed) + 1;
        let nanos = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        entry.wait.fetch_add(nanos, Ordering::Relaxed);
        export(Key::from_static_parts(WAITED, entry.labels), waited);
        let key = Key::from_static_parts(WAIT, entry.labels);
        tell(|recorder| recorder.register_histogram(&key, &METADATA).record(wait.as_secs_f64()));
    }
}
