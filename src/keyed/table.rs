//! [`Table`]: the concurrent map under the keys. Only this file and
//! `guard` name papaya.
//!
//! What is asked of the map: an entry stays at its address while a guard is held that was taken before it was
//! looked up; an insertion never replaces; a removal is conditional on the entry.
//!
//! How it is made to grow in good time, and to shrink at all, is told in [`size`](super::size).

use core::hash::{BuildHasher, Hash, Hasher};

pub use papaya::Equivalent;
use papaya::Guard as _;

pub(crate) use super::guard::Guard;
use super::size::{COPIED, Size, Stored, Todo, hashed};

/// A lock-free map whose entries are reclaimed after the last guard that may see them.
pub(crate) struct Table<K, V, S> {
    map: papaya::HashMap<Stored<K>, V, S>,
    size: Size<K>,
}

/// What stands in the map for no entry, for a moment, while it is made to shrink.
pub(crate) trait Vacant {
    fn vacant() -> Self;
    fn is_vacant(&self) -> bool;
}

/// What a key is looked up by.
struct Lookup<'a, Q: ?Sized>(&'a Q);

impl<Q: Hash + ?Sized> Hash for Lookup<'_, Q> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K, Q: Equivalent<K> + ?Sized> Equivalent<Stored<K>> for Lookup<'_, Q> {
    #[inline]
    fn equivalent(&self, key: &Stored<K>) -> bool {
        self.0.equivalent(&key.0)
    }
}

impl<K: Hash + Eq + Clone + 'static, V: 'static, S: BuildHasher> Table<K, V, S> {
    pub(crate) fn new(capacity: usize, hasher: S) -> Table<K, V, S> {
        Table { map: papaya::HashMap::with_capacity_and_hasher(capacity, hasher), size: Size::new(capacity) }
    }

    #[inline]
    pub(crate) fn guard(&self) -> Guard<'_> {
        Guard::new(&self.map)
    }

    #[inline]
    pub(crate) fn get<'g, Q>(&self, key: &Q, guard: &'g Guard<'_>) -> Option<&'g V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.map.get(&Lookup(key), guard)
    }

    pub(crate) fn get_key_value<'g, Q>(&self, key: &Q, guard: &'g Guard<'_>) -> Option<(&'g K, &'g V)>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.map.get_key_value(&Lookup(key), guard).map(|(key, value)| (&key.0, value))
    }

    /// The entry of `key`, and whether it is `value` (else that is dropped).
    pub(crate) fn insert_if_absent<'g>(&self, key: &K, value: V, guard: &'g Guard<'_>) -> (&'g V, bool) {
        let stored = Stored(key.clone());
        let (result, hashes) = hashed(|| self.map.try_insert(stored, value, guard));
        match result {
            Ok(inserted) => {
                if hashes > COPIED {
                    self.size.noticed(|| key.clone(), self.len());
                }
                (inserted, true)
            }
            Err(occupied) => (occupied.current, false),
        }
    }

    /// Puts `value` in place of whatever entry `key` has.
    pub(crate) fn replace(&self, key: K, value: V, guard: &Guard<'_>) {
        self.map.insert(Stored(key), value, guard);
    }

    /// Removes the entry of `key` if `condition` holds of it, and returns it if this call did.
    pub(crate) fn remove_if<'g, Q>(
        &self,
        key: &Q,
        condition: impl Fn(&V) -> bool,
        guard: &'g Guard<'_>,
    ) -> Option<&'g V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.map.remove_if(&Lookup(key), |_, value| condition(value), guard).ok()?.map(|(_, value)| value)
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// How many places it has for keys, as far as can be told.
    pub(crate) fn slots(&self) -> usize {
        self.size.slots()
    }

    /// Every entry that is there throughout, at least.
    pub(crate) fn iter<'g>(&self, guard: &'g Guard<'_>) -> impl Iterator<Item = (&'g K, &'g V)> {
        self.map.iter(guard).map(|(key, value)| (&key.0, value))
    }
}

impl<K: Hash + Eq + Clone + 'static, V: Vacant + 'static, S: BuildHasher> Table<K, V, S> {
    /// Whether it is on its way to another size.
    #[inline]
    pub(crate) fn is_moving(&self) -> bool {
        self.size.is_busy()
    }

    /// `key` has just been removed, and so many are left: time to shrink?
    #[inline]
    pub(crate) fn removed(&self, key: &K, left: usize) {
        if self.size.is_too_large_for(left) && !self.size.is_busy() {
            self.size.offer(|| key.clone());
        }
    }

    /// Moves it a bit on its way to another size; whether there is more to do.
    pub(crate) fn move_on(&self) -> bool {
        self.size.work(
            || self.len(),
            |todo| match todo {
                // A write that changes nothing.
                Todo::Help(key) => {
                    let guard = self.guard();
                    let (_, hashes) = hashed(|| self.map.remove_if(&Lookup(key), |_, _| false, &guard));
                    // The table that is left may be the last thing this thread has to free for long.
                    guard.flush();
                    Some(hashes)
                }
                Todo::Shrink(key) => self.exhaust(key),
            },
        )
    }

    /// Uses up every place for `key`, which must not be held, so that the map moves to another table.
    fn exhaust(&self, key: &K) -> Option<u32> {
        // The map looks at five places for each doubling.
        let places = 5 * self.slots().ilog2() + 2;
        for _ in 0..places {
            let guard = self.guard();
            let stored = Stored(key.clone());
            let (result, hashes) = hashed(|| self.map.try_insert(stored, V::vacant(), &guard));
            // Somebody has come to need it.
            result.ok()?;
            self.map.remove_if(&Lookup(key), |_, value| value.is_vacant(), &guard).ok()?;
            if hashes > 1 {
                break;
            }
        }
        Some(0)
    }
}
