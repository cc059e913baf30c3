//! [`Current`]: the bucket that a limiter has at the moment.
//!
//! The first one lies inline, where the fast path finds it without a guard. Once it has been replaced it is sealed,
//! and the fast path, meeting the seal, looks for its successor in a map of one entry: some 5 ns, which
//! only limiters that were reconfigured pay.

use std::sync::OnceLock;

use crate::kernel::Limit;
use crate::kernel::bucket::Bucket;
use crate::kernel::sync::{AtomicU64, Ordering};
use crate::keyed::{RandomState, Table};

pub(super) struct Current<A: Limit> {
    first: Apart<Bucket<A>>,
    later: OnceLock<Table<(), Bucket<A>, RandomState>>,
    replaced: AtomicU64,
}

/// On cache lines of its own: the clock beside it is read by every call, and must not travel from core to core with the
/// word that every grant writes. Two lines, for they are fetched in pairs.
#[repr(align(128))]
struct Apart<T>(T);

impl<A: Limit> Current<A> {
    pub(super) fn new(first: Bucket<A>) -> Current<A> {
        Current { first: Apart(first), later: OnceLock::new(), replaced: AtomicU64::new(0) }
    }

    /// The first one: sealed if there is a later one, or if the limiter is closed.
    #[inline]
    pub(super) fn first(&self) -> &Bucket<A> {
        &self.first.0
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
        look(&self.first.0)
    }

    /// Puts `new` in its place and hands over. With the line locked.
    pub(super) fn replace(&self, new: Bucket<A>, hand_over: impl FnOnce(&Bucket<A>, &Bucket<A>)) {
        let later = self.later.get_or_init(|| Table::new(1, 1, RandomState::new()));
        let guard = later.guard();
        let old = later.get(&(), &guard).unwrap_or(&self.first.0);
        later.replace((), new, &guard);
        if let Some(new) = later.get(&(), &guard) {
            hand_over(old, new);
        }
        // Release: whoever reads this number finds the old bucket sealed. With the line locked, so nobody else adds.
        self.replaced.fetch_add(1, Ordering::Release);
    }

    /// How often it has been replaced. What is taken after this was read comes from that bucket or a later one.
    pub(super) fn generation(&self) -> u64 {
        // Acquire: pairs with the Release in `replace`.
        self.replaced.load(Ordering::Acquire)
    }
}
