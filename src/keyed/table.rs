//! [`Table`]: the concurrent map under the keys. The only file that names papaya.
//!
//! What is asked of the map: an entry stays at its address while a guard is held that was taken before it was
//! looked up; an insertion never replaces; a removal is conditional on the entry.

use core::hash::{BuildHasher, Hash};

pub use papaya::Equivalent;

/// A lock-free map whose entries are reclaimed after the last guard that may see them.
pub(crate) struct Table<K, V, S> {
    map: papaya::HashMap<K, V, S>,
}

/// Keeps entries alive. Never held across an await or a park.
pub(crate) type Guard<'a> = papaya::LocalGuard<'a>;

impl<K: Hash + Eq + 'static, V: 'static, S: BuildHasher> Table<K, V, S> {
    pub(crate) fn new(capacity: usize, hasher: S) -> Table<K, V, S> {
        Table { map: papaya::HashMap::with_capacity_and_hasher(capacity, hasher) }
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
            Ok(inserted) => (inserted, true),
            Err(occupied) => (occupied.current, false),
        }
    }

    /// Removes the entry of `key` if `condition` holds of it; true if this call did.
    pub(crate) fn remove_if<Q>(&self, key: &Q, condition: impl Fn(&V) -> bool, guard: &Guard<'_>) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        matches!(self.map.remove_if(key, |_, value| condition(value), guard), Ok(Some(_)))
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// Every entry that is there throughout, at least.
    pub(crate) fn iter<'g>(&self, guard: &'g Guard<'_>) -> impl Iterator<Item = (&'g K, &'g V)> {
        self.map.iter(guard)
    }
}
