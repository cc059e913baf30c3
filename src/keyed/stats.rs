//! [`KeyedStats`]: what a keyed limiter holds, and what it has reclaimed.

use core::hash::{BuildHasher, Hash};
use core::mem::size_of;
use core::sync::atomic::{AtomicU64, Ordering};

use super::candidates::Candidate;
use super::{KeyedLimiter, Slot};
use crate::Clock;
use crate::kernel::Limit;

/// What a [`KeyedLimiter`](crate::KeyedLimiter) holds and has done, for a metrics endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyedStats {
    /// Keys that are held.
    pub len: usize,
    /// Keys that were dropped because they were idle, ever. Those that were removed by name do not count.
    pub reclaimed: u64,
    /// Looks at a key to see whether it is idle, ever.
    pub inspections: u64,
    /// Places for keys in the table: about as many as were held at most lately. An estimate; it differs from the true
    /// number by a factor of two at times.
    pub capacity: usize,
    /// Memory for the keys, in bytes: the table's and theirs, but not what keys and policies point to. An estimate.
    pub bytes: usize,
}

/// What is counted as it happens. Relaxed throughout: counts, nothing more.
#[derive(Debug, Default)]
pub(super) struct Counts {
    reclaimed: AtomicU64,
    inspections: AtomicU64,
}

impl Counts {
    pub(super) fn reclaimed(&self) {
        self.reclaimed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn inspection(&self) {
        self.inspections.fetch_add(1, Ordering::Relaxed);
    }
}

impl<K, A, E, C, S> KeyedLimiter<K, A, E, C, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    A: Limit,
    C: Clock,
    S: BuildHasher,
{
    /// How many keys are held, how many were reclaimed, and how much memory that takes, about.
    ///
    /// The numbers are read one after the other, while other threads go on. Cost: a few reads, and one for each
    /// processor; a hit on a key keeps no count.
    pub fn stats(&self) -> KeyedStats {
        let (len, capacity) = (self.len(), self.table.slots());
        // Each key has an entry and a candidate of its own.
        let key = allocated(size_of::<(K, Slot<A>)>()) + size_of::<Candidate<K>>() + size_of::<u64>();
        KeyedStats {
            len,
            reclaimed: self.counts.reclaimed.load(Ordering::Relaxed),
            inspections: self.counts.inspections.load(Ordering::Relaxed),
            capacity,
            // A place is a pointer and a byte of the hash.
            bytes: capacity * (size_of::<usize>() + 1) + len * key,
        }
    }
}

/// What a usual allocator takes for so many bytes: a word more, in steps of two.
fn allocated(bytes: usize) -> usize {
    (bytes + size_of::<usize>()).next_multiple_of(2 * size_of::<usize>())
}
