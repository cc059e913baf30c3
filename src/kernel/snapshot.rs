//! What a bucket tells about itself in one reading.

use super::bucket::Bucket;
use super::cell::Cell;
use super::limit::{Limit, Reading};
use super::line::Line;
use crate::algorithm::Algorithm;
use crate::{Snapshot, Timestamp, Tokens};

impl<L: Limit> Bucket<L> {
    /// What one who comes now is to know, if nobody waits.
    pub(crate) fn snapshot(&self, now: Timestamp) -> Snapshot {
        let limit = self.capacity();
        let Reading { level, full_in, wait, .. } = self.limit.reading(&self.cell, one_of(limit), now);
        Snapshot { limit, remaining: level, reset_after: full_in, retry_after: wait }
    }

    /// What one who joins the line now is to know.
    pub(crate) fn snapshot_behind(&self, line: &Line, now: Timestamp) -> Snapshot {
        if line.is_empty() {
            return self.snapshot(now);
        }
        let limit = self.capacity();
        Snapshot {
            limit,
            remaining: Tokens::ZERO,
            reset_after: self.wait_behind(line, limit, now),
            retry_after: self.wait_behind(line, one_of(limit), now),
        }
    }
}

impl<A: Algorithm> Bucket<A> {
    /// Hands the algorithm and its state to `look`.
    pub(crate) fn inspect<R>(&self, look: impl FnOnce(&A, &A::State) -> R) -> R {
        self.cell.read(|state, _| look(&self.limit, state))
    }
}

/// One token, or the whole capacity if that is less.
fn one_of(capacity: Tokens) -> Tokens {
    capacity.min(Tokens::from(1))
}
