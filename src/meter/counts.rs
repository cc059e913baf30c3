//! Counting what is granted and denied, at three instructions a call.
//!
//! Each thread counts by itself, for each name, *down*: from what it may count before it reports. That is one
//! decrement of a thread-local and one branch, with no memory that is shared. What it has counted goes to the name's
//! totals at once, as a *batch*.
//!
//! **How long that takes.** A batch is what the thread last did in a hundredth of a second, from one call up to 512.
//! So a name that is called rarely is reported call by call; and what a thread that suddenly falls silent has not
//! reported is at most what it did within about 10 ms, and at most 511 calls. It reports that with its next batch, when
//! it is asked to, or when it ends. Nothing is lost.

use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::time::Instant;

use super::names::Label;

/// What is counted in batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Granted,
    Denied,
}

const KINDS: [Kind; 2] = [Kind::Granted, Kind::Denied];
/// Labels that there are.
const LABELS: usize = Label::COUNT;
/// The largest batch.
const MOST: u32 = 512;
/// A batch is what comes in this time.
const SPAN: Duration = Duration::from_millis(10);

thread_local! {
    /// How many may be counted, by name and kind, before the one that reports.
    static LEFT: [[Cell<u16>; KINDS.len()]; LABELS] =
        const { [const { [const { Cell::new(0) }; KINDS.len()] }; LABELS] };

    static BATCHES: RefCell<Batches> = const { RefCell::new(Batches(Vec::new())) };
}

/// The batches that this thread is at, by name. Reported when it ends.
struct Batches(Vec<[Batch; KINDS.len()]>);

#[derive(Clone, Copy)]
struct Batch {
    size: u32,
    since: Option<Instant>,
}

impl Batch {
    /// The first: a single call.
    const FIRST: Batch = Batch { size: 1, since: None };

    /// The one after it.
    fn next(self, now: Instant) -> Batch {
        let size = match self.since {
            None => 1,
            Some(since) => {
                let span = now.saturating_duration_since(since).as_nanos().max(1);
                let fits = u128::from(self.size) * SPAN.as_nanos() / span;
                // Not too far by one reading.
                fits.clamp(1, (self.size * 8).min(MOST).into()) as u32
            }
        };
        Batch { size, since: Some(now) }
    }
}

impl Label {
    /// Counts one.
    #[inline(always)]
    pub(super) fn count(self, kind: Kind) {
        // Without a destructor, it is there until the thread is gone.
        let _ = LEFT.try_with(|left| {
            let left = &left[usize::from(self.0)][kind as usize];
            let (fewer, none) = left.get().overflowing_sub(1);
            left.set(fewer);
            if none {
                self.report(kind);
            }
        });
    }

    /// Reports the batch that is full by this call.
    #[cold]
    #[inline(never)]
    fn report(self, kind: Kind) {
        if self == Label::NONE {
            set_left(self, kind, u16::MAX);
            return;
        }
        let size =
            BATCHES.try_with(|batches| batches.try_borrow_mut().ok()?.turn(self, kind, Instant::now()));
        // While the thread ends, one by one.
        let size = size.ok().flatten().unwrap_or_else(|| {
            set_left(self, kind, 0);
            1
        });
        self.add(kind, size.into());
    }
}

impl Batches {
    /// The size of the batch that is full, and a new one in its place.
    fn turn(&mut self, label: Label, kind: Kind, now: Instant) -> Option<u32> {
        let at = usize::from(label.0);
        if self.0.len() <= at {
            self.0.resize(at + 1, [Batch::FIRST; KINDS.len()]);
        }
        let batch = &mut self.0.get_mut(at)?[kind as usize];
        let full = batch.size;
        *batch = batch.next(now);
        set_left(label, kind, (batch.size - 1) as u16);
        Some(full)
    }

    /// What has been counted and not reported, which it is now taken to be.
    fn drain(&mut self) -> Vec<(Label, Kind, u32)> {
        let mut drained = Vec::new();
        for (at, batches) in self.0.iter_mut().enumerate() {
            for (kind, batch) in KINDS.into_iter().zip(batches) {
                let label = Label(at as u8);
                let counted = (batch.size - 1).saturating_sub(left(label, kind));
                // The next call reports itself, and with it the batch begins anew.
                *batch = Batch { size: 1, ..*batch };
                set_left(label, kind, 0);
                if counted > 0 {
                    drained.push((label, kind, counted));
                }
            }
        }
        drained
    }
}

fn left(label: Label, kind: Kind) -> u32 {
    LEFT.try_with(|left| left[usize::from(label.0)][kind as usize].get()).unwrap_or(0).into()
}

fn set_left(label: Label, kind: Kind, fewer: u16) {
    let _ = LEFT.try_with(|left| left[usize::from(label.0)][kind as usize].set(fewer));
}

/// Reports whatever this thread has counted.
pub(super) fn flush() {
    let drained = BATCHES.try_with(|batches| Some(batches.try_borrow_mut().ok()?.drain()));
    for (label, kind, counted) in drained.ok().flatten().unwrap_or_default() {
        label.add(kind, counted.into());
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        for (label, kind, counted) in self.drain() {
            label.add(kind, counted.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_what_comes_in_its_span() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let first = Batch::FIRST.next(at(0));
        assert_eq!(first.size, 1);
        // A second apart: one by one.
        assert_eq!(first.next(at(1000)).size, 1);
        // A millisecond apart: ten, but no more than eight times what it was.
        let more = first.next(at(1));
        assert_eq!(more.size, 8);
        assert_eq!(more.next(at(1)).size, 64);
        assert_eq!(more.next(at(9)).size, 10);
        assert_eq!(Batch { size: MOST, since: Some(start) }.next(start).size, MOST);
        assert_eq!(Batch { size: MOST, since: Some(start) }.next(at(60_000)).size, 1);
    }
}
