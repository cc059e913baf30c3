//! What a bucket tells about itself.

use core::time::Duration;

use super::bucket::Bucket;
use super::cell::Cell;
use super::limit::{Limit, Reading};
use super::line::Line;
use crate::algorithm::{Ahead, Algorithm};
use crate::{Snapshot, Timestamp, Tokens};

impl<L: Limit> Bucket<L> {
    pub(crate) fn capacity(&self) -> Tokens {
        self.limit.most()
    }

    pub(crate) fn available(&self, now: Timestamp) -> Tokens {
        self.limit.level(&self.cell, now)
    }

    /// How long until `n` are there, if nobody waits.
    pub(crate) fn wait_for(&self, n: Tokens, now: Timestamp) -> Option<Duration> {
        self.limit.wait_for(&self.cell, Ahead::NOBODY, n, now)
    }

    /// How long until `n` are served to one who joins the line now.
    pub(crate) fn wait_behind(&self, line: &Line, n: Tokens, now: Timestamp) -> Option<Duration> {
        line.ahead(|ahead| self.limit.wait_for(&self.cell, ahead, n, now))
    }

    /// Whether it is full and nobody waits.
    pub(crate) fn is_idle(&self, now: Timestamp) -> bool {
        !self.flags().is_queued() && self.limit.is_full(&self.cell, now)
    }

    pub(crate) fn time_to_idle(&self, now: Timestamp) -> Option<Duration> {
        self.limit.wait_for_full(&self.cell, now)
    }

    /// What one who comes now is to know, in one reading, if nobody waits.
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
