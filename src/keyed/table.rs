//! [`Table`]: the concurrent map under the keys. The only file that names papaya.
//!
//! What is asked of the map: an entry stays at its address while a guard is held that was taken before it was
//! looked up; an insertion never replaces; a removal is conditional on the entry.
//!
//! # Helping it to grow
//!
//! The map moves to a larger table bit by bit, but only when it is written to. Until that is done, a read that
//! misses the old table walks a full probe of it first: ten times and more the time of a read. So reads
//! owe some writes after a growth. An insertion lends one help for each [`LOAN`] keys; a move needs one for each 64
//! entries, most of which the insertions themselves have done.

use core::hash::{BuildHasher, Hash};
use core::sync::atomic::{AtomicUsize, Ordering};

pub use papaya::Equivalent;

/// A lock-free map whose entries are reclaimed after the last guard that may see them.
pub(crate) struct Table<K, V, S> {
    map: papaya::HashMap<K, V, S>,
    /// Insertions whose loan has not been paid back.
    lent: AtomicUsize,
}

/// Insertions for one help.
const LOAN: usize = 16;

/// Keeps entries alive. Never held across an await or a park.
pub(crate) type Guard<'a> = papaya::LocalGuard<'a>;

impl<K: Hash + Eq + 'static, V: 'static, S: BuildHasher> Table<K, V, S> {
    pub(crate) fn new(capacity: usize, hasher: S) -> Table<K, V, S> {
        Table { map: papaya::HashMap::with_capacity_and_hasher(capacity, hasher), lent: AtomicUsize::new(0) }
    }

    #[inline]
    pub(crate) fn guard(&self) -> Guard<'_> {
        self.map.guard()
    }

    #[inline]
    pub(crate) fn get<'g, Q>(&self, key: &Q, guard: &'g Guard<'_>) -> Option<&'g V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.map.get(key, guard)
    }

    pub(crate) fn get_key_value<'g, Q>(&self, key: &Q, guard: &'g Guard<'_>) -> Option<(&'g K, &'g V)>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.map.get_key_value(key, guard)
    }

    /// The entry of `key`, and whether it is `value` (else that is dropped).
    pub(crate) fn insert_if_absent<'g>(&self, key: K, value: V, guard: &'g Guard<'_>) -> (&'g V, bool) {
        match self.map.try_insert(key, value, guard) {
            Ok(inserted) => {
                // Relaxed: a rough count, which nothing depends on.
                self.lent.fetch_add(1, Ordering::Relaxed);
                (inserted, true)
            }
            Err(occupied) => (occupied.current, false),
        }
    }

    /// Puts `value` in place of whatever entry `key` has.
    pub(crate) fn replace(&self, key: K, value: V, guard: &Guard<'_>) {
        self.map.insert(key, value, guard);
    }

    /// Removes the entry of `key` if `condition` holds of it; true if this call did.
    pub(crate) fn remove_if<Q>(&self, key: &Q, condition: impl Fn(&V) -> bool, guard: &Guard<'_>) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        matches!(self.map.remove_if(key, |_, value| condition(value), guard), Ok(Some(_)))
    }

    /// Helps an unfinished growth along by a write to `key` that changes nothing, if a help is owed. Whether more
    /// are.
    pub(crate) fn help<Q>(&self, key: &Q) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        // Relaxed: as above. Racing helpers may pay twice.
        let lent = self.lent.load(Ordering::Relaxed);
        if lent < LOAN {
            return false;
        }
        // No more than a growth to the present size can leave to do, however many keys came and went.
        self.lent.store((lent - LOAN).min(self.len()), Ordering::Relaxed);
        let _ = self.map.remove_if(key, |_, _| false, &self.map.guard());
        true
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// Every entry that is there throughout, at least.
    pub(crate) fn iter<'g>(&self, guard: &'g Guard<'_>) -> impl Iterator<Item = (&'g K, &'g V)> {
        self.map.iter(guard)
    }
}
