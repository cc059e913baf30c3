//! Replacing a bucket while it is in use.
//!
//! With the line locked, the shell puts the new bucket in the old one's place: marked as queued, and empty. From
//! then on whoever finds the new one must come through the lock; whoever still holds the old one takes from
//! it until it is sealed. Then what was left is added to the new one, and the line is served from it.
//!
//! **Why empty, and adding.** Between the two exchanges others may give back to, or charge, either bucket. Additions
//! commute, so nothing that anybody does meanwhile is lost, and at no instant is a token in both.
//!
//! What checks this: `docs/correctness.md`.

use super::bucket::Bucket;
use super::limit::Limit;
use super::line::{Line, Wakes};
use crate::{Carry, Timestamp};

impl<L: Limit> Bucket<L> {
    /// Marks this bucket as queued, so that it is neither reclaimed nor taken from but through the lock; false if
    /// it has left service already.
    pub(crate) fn detain(&self) -> bool {
        !self.limit.queue(&self.cell).is_sealed()
    }

    /// Takes over a line from an earlier bucket, which may have been of another limit.
    pub(crate) fn adopt(&self, line: &mut Line, wakes: &mut Wakes) {
        line.reweigh(self.capacity(), |n| self.limit.weight(n), wakes);
    }

    /// Takes this bucket out of service and hands over to `new`, which stands in its place already, empty and
    /// marked as queued.
    pub(crate) fn hand_over(
        &self,
        new: &Bucket<L>,
        carry: Carry,
        line: &mut Line,
        now: Timestamp,
        wakes: &mut Wakes,
        pause: impl Fn(),
    ) {
        self.seal();
        // A cell is quiet at once; a limiter from scratch, when those have left it who were inside.
        while !self.limit.is_quiet(&self.cell) {
            pause();
        }
        new.limit.take_over(&new.cell, &self.limit, &self.cell, carry, now);
        new.adopt(line, wakes);
        if line.is_unused() {
            new.limit.unqueue(&new.cell);
        }
        new.serve_and_wake_head(line, now, wakes);
    }
}
