//! [`Current`]: the bucket that a limiter has at the moment.
//!
//! The first one lies inline, where the fast path finds it without a guard. Once it has been replaced it is sealed,
//! and the fast path, meeting the seal, looks for its successor in a map of one entry: some 5 ns, which
//! only limiters that were reconfigured pay.

use std::sync::OnceLock;

use crate::kernel::Limit;
use crate::kernel::bucket::Bucket;
use crate::keyed::{RandomState, Table};

pub(super) struct Current<A: Limit> {
    first: Bucket<A>,
    later: OnceLock<Table<(), Bucket<A>, RandomState>>,
}

impl<A: Limit> Current<A> {
    pub(super) fn new(first: Bucket<A>) -> Current<A> {
        Current { first, later: OnceLock::new() }
    }

    /// The first one: sealed if there is a later one, or if the limiter is closed.
    #[inline]
    pub(super) fn first(&self) -> &Bucket<A> {
        &self.first
    }

    /// Looks at the current one. It can be replaced meanwhile, and is sealed then; but not while the line is
    /// locked.
    pub(super) fn with<R>(&self, look: impl FnOnce(&Bucket<A>) -> R) -> R {
        if let Some(later) = self.later.get() {
            let guard = later.guard();
            if let Some(bucket) = later.get(&(), &guard) {
                return look(bucket);
            }
        }
        look(&self.first)
    }

    /// Puts `new` in its place and hands over. With the line locked.
    pub(super) fn replace(&self, new: Bucket<A>, hand_over: impl FnOnce(&Bucket<A>, &Bucket<A>)) {
        let later = self.later.get_or_init(|| Table::new(1, 1, RandomState::new()));
        let guard = later.guard();
        let old = later.get(&(), &guard).unwrap_or(&self.first);
        later.replace((), new, &guard);
        if let Some(new) = later.get(&(), &guard) {
            hand_over(old, new);
        }
    }
}
