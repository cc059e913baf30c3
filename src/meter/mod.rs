//! [`Meter`]: where a limiter reports what became of its calls. Without the features `metrics` and `tracing` it is a
//! name, and reporting to it is nothing.

use core::fmt;

use crate::{AcquireError, Timestamp};

#[cfg(feature = "metrics")]
mod counts;
#[cfg(feature = "tracing")]
mod events;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "metrics")]
mod names;
#[cfg(feature = "metrics")]
mod totals;

/// What a limiter has to report to.
pub(crate) struct Meter {
    name: Option<&'static str>,
    #[cfg(feature = "metrics")]
    label: names::Label,
    #[cfg(feature = "tracing")]
    events: events::Events,
}

/// When a wait in line began; nothing, if nobody wants to know.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Since(#[cfg(feature = "metrics")] Timestamp);

impl Since {
    #[cfg_attr(not(feature = "metrics"), allow(unused_variables))]
    pub(crate) fn new(now: Timestamp) -> Since {
        Since(
            #[cfg(feature = "metrics")]
            now,
        )
    }
}

#[cfg_attr(not(feature = "metrics"), allow(unused_variables))]
impl Meter {
    pub(crate) fn new(name: Option<&'static str>) -> Meter {
        Meter {
            name,
            #[cfg(feature = "metrics")]
            label: names::Label::of(name),
            #[cfg(feature = "tracing")]
            events: events::Events::new(),
        }
    }

    pub(crate) fn name(&self) -> Option<&'static str> {
        self.name
    }

    /// A call was granted.
    #[inline(always)]
    pub(crate) fn granted(&self) {
        #[cfg(feature = "metrics")]
        self.label.count(counts::Kind::Granted);
    }

    /// A call was [denied](AcquireError::Denied), on the fast path. Who does so then says why, if it is
    /// [wanted](Self::is_wanted).
    #[inline(always)]
    pub(crate) fn denied(&self) {
        #[cfg(feature = "metrics")]
        self.label.count(counts::Kind::Denied);
    }

    /// Whether anybody listens to events. False, as a constant, if nobody can.
    #[inline(always)]
    pub(crate) fn is_wanted() -> bool {
        #[cfg(feature = "tracing")]
        return events::wanted();
        #[cfg(not(feature = "tracing"))]
        false
    }

    /// A call was refused at `now`, which was counted.
    #[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
    pub(crate) fn tell<P>(&self, error: &AcquireError<P>, now: Timestamp) {
        #[cfg(feature = "tracing")]
        self.events.refused(self.name, error, now);
    }

    /// A call was refused, on a slow path.
    #[inline]
    pub(crate) fn refused<P>(&self, error: &AcquireError<P>, now: impl FnOnce() -> Timestamp) {
        #[cfg(feature = "metrics")]
        match totals::reason(error) {
            totals::DENIED => self.denied(),
            reason => self.label.refused(reason),
        }
        if Self::is_wanted() {
            self.tell(error, now());
        }
    }

    /// A wait in line ended, however it did.
    pub(crate) fn waited(&self, since: Since, now: Timestamp) {
        #[cfg(feature = "metrics")]
        self.label.waited(now.since(since.0));
    }

    /// A call was dropped in line.
    pub(crate) fn abandoned(&self) {
        #[cfg(feature = "metrics")]
        self.label.refused(totals::ABANDONED);
    }
}

#[cfg(feature = "metrics")]
impl Meter {
    pub(crate) fn label(&self) -> names::Label {
        self.label
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}
