//! Replacing a bucket while it is in use.
//!
//! With the line locked, the shell puts the new bucket in the old one's place: marked as queued, and empty. From
//! then on whoever finds the new one must come through the lock; whoever still holds the old one takes from
//! it until it is sealed. Then what was left is added to the new one, and the line is served from it.
//!
//! **Why empty, and adding.** Between the two exchanges others may give back to, or charge, either bucket. Additions
//! commute, so nothing that anybody does meanwhile is lost, and at no instant is a token in both.

use super::bucket::Bucket;
use super::limit::{Limit, Reading, Seal};
use super::line::{Line, Wakes};
use crate::{Carry, Timestamp, Tokens};

impl<L: Limit> Bucket<L> {
    /// Marks this bucket as queued, so that it is neither reclaimed nor taken from but through the lock; false if
    /// it has left service already.
    pub(crate) fn detain(&self) -> bool {
        !self.limit.queue(&self.cell).is_sealed()
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
    ) {
        self.seal();
        // Nobody writes to it any more.
        let Reading { level, debt, .. } = self.limit.reading(&self.cell, Tokens::ZERO, now);
        let share = |n| scale(n, self.capacity(), new.capacity());
        let (level, debt) = match carry {
            Carry::AsIs => (level, debt),
            Carry::Proportional => (share(level), share(debt)),
            Carry::Reset => (new.limit.fresh(now), Tokens::ZERO),
        };
        new.debit(debt, now, Seal::Ignored);
        new.refund(level, now, Seal::Ignored);
        line.reweigh(new.capacity(), |n| new.limit.weight(n), wakes);
        if line.is_empty() {
            new.limit.unqueue(&new.cell);
        }
        new.serve_and_wake_head(line, now, wakes);
    }
}

/// `n × new / old`, rounded down.
fn scale(n: Tokens, old: Tokens, new: Tokens) -> Tokens {
    let parts = u128::from(n.parts()) * u128::from(new.parts()) / u128::from(old.parts().max(1));
    Tokens::from_parts(u64::try_from(parts).unwrap_or(u64::MAX))
}
