//! [`Orphans`]: how many candidates of a key are left behind by buckets that were removed by name.
//!
//! The candidates of a key differ in nothing but their date: whichever is looked at next may go in the place of
//! the one that is left over. So no bucket need carry a number to be told by.
//!
//! **Invariant.** A key's candidates, in the queue and in hand, are as many as its orphans, and one more if it has a
//! bucket that is in service or was sealed by whoever has that candidate in hand. A candidate is dropped
//! only by who has retired the bucket with it in hand, or has taken an orphan for it.

use core::hash::Hash;
use std::collections::HashMap;

use parking_lot::Mutex;

use super::hasher::RandomState;
use crate::kernel::sync::{AtomicUsize, Ordering};

pub(super) struct Orphans<K> {
    /// Of all keys; to know without the lock that there are none.
    all: AtomicUsize,
    of_key: Mutex<Option<HashMap<K, usize, RandomState>>>,
}

impl<K: Hash + Eq> Orphans<K> {
    pub(super) fn new() -> Orphans<K> {
        Orphans { all: AtomicUsize::new(0), of_key: Mutex::new(None) }
    }

    /// One more of `key`: before its bucket is sealed, so that who finds that gone finds this.
    pub(super) fn add(&self, key: K) {
        // Relaxed: published by the seal, and by what the table does after it.
        self.all.fetch_add(1, Ordering::Relaxed);
        let mut of_key = self.of_key.lock();
        *of_key.get_or_insert_with(HashMap::default).entry(key).or_default() += 1;
    }

    /// One less of `key`, if there is one.
    pub(super) fn take(&self, key: &K) -> bool {
        if self.all.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let mut of_key = self.of_key.lock();
        let Some(keys) = &mut *of_key else { return false };
        let Some(orphans) = keys.get_mut(key) else { return false };
        *orphans -= 1;
        if *orphans == 0 {
            keys.remove(key);
            // What a removal of very many keys took.
            if keys.is_empty() {
                *of_key = None;
            }
        }
        self.all.fetch_sub(1, Ordering::Relaxed);
        true
    }
}
