//! [`Table`]: the concurrent map under the keys. Only this file and
//! `guard` name papaya.
//!
//! What is asked of the map: an entry stays at its address while a guard is held that was taken before it was
//! looked up; an insertion never replaces; a removal is conditional on the entry.
//!
//! # Shards
//!
//! It is several maps, each with its part of the keys, so that none is large: a map that grows, shrinks or gets rid of
//! its dead entries allocates another table in one go and frees the old one in another, and a caller waits for
//! that. A sixteenth of it, so.
//!
//! They share one collector, which is most of what an empty map takes, and one guard serves for all. Between unrelated
//! maps that is unsound with papaya 0.2.5 (its issue 102): a map that is dropped frees what every one of them has
//! retired, whoever may hold a guard. These are dropped together, and while none is held: a guard borrows the table.
//! The collector is never given to anybody else.
//!
//! How a map is made to grow in good time, and to shrink at all, is told in [`size`](super::size).

use core::hash::{BuildHasher, Hash};
use std::sync::Arc;

pub use papaya::Equivalent;
use papaya::{Guard as _, HashMap};
use seize::Collector;

pub(crate) use super::guard::Guard;
use super::prehashed::{Lookup, Prehashed, Stored, hashed};
use super::size::{Busy, COPIED, Size, Todo};

/// A lock-free map whose entries are reclaimed after the last guard that may see them.
pub(crate) struct Table<K, V, S> {
    hasher: Arc<S>,
    /// A power of two of them.
    shards: Box<[Shard<K, V, S>]>,
    busy: Busy,
}

struct Shard<K, V, S> {
    map: HashMap<Stored<K>, V, Prehashed<S>>,
    size: Size<K>,
}

/// How many shards a large table has.
pub(crate) const SHARDS: usize = if cfg!(loom) { 1 } else { 16 };

/// What stands in the map for no entry, for a moment, while it is made to shrink.
pub(crate) trait Vacant {
    fn vacant() -> Self;
    fn is_vacant(&self) -> bool;
}

impl<K: Hash + Eq + Send + 'static, V: Send + 'static, S: BuildHasher> Table<K, V, S> {
    /// A table of so many shards (a power of two), with room for so many keys.
    pub(crate) fn new(shards: usize, capacity: usize, hasher: S) -> Table<K, V, S> {
        let (hasher, collector) = (Arc::new(hasher), Arc::new(Collector::new()));
        // Some get more than their part of the keys.
        let capacity = capacity.div_ceil(shards);
        let shard = |i| Shard {
            map: HashMap::builder()
                .hasher(Prehashed(hasher.clone()))
                .capacity(capacity)
                .shared_collector(collector.clone())
                .build(),
            size: Size::new(i, capacity),
        };
        Table { shards: (0..shards).map(shard).collect(), hasher, busy: Busy::default() }
    }
}

impl<K: Hash + Eq + Clone + 'static, V: 'static, S: BuildHasher> Table<K, V, S> {
    #[inline]
    pub(crate) fn guard(&self) -> Guard<'_> {
        Guard::new(&self.shards[0].map)
    }

    #[inline]
    fn find<'q, Q: Hash + ?Sized>(&self, key: &'q Q) -> (&Shard<K, V, S>, Lookup<'q, Q>) {
        let hash = self.hasher.hash_one(key);
        // Bits of which a map does not make use, unless it is very large.
        let shard = (hash >> 48) as usize & (self.shards.len() - 1);
        (&self.shards[shard], Lookup { key, hash })
    }

    #[inline]
    pub(crate) fn get<'g, Q>(&self, key: &Q, guard: &'g Guard<'_>) -> Option<&'g V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let (shard, lookup) = self.find(key);
        shard.map.get(&lookup, guard)
    }

    pub(crate) fn get_key_value<'g, Q>(&self, key: &Q, guard: &'g Guard<'_>) -> Option<(&'g K, &'g V)>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let (shard, lookup) = self.find(key);
        shard.map.get_key_value(&lookup, guard).map(|(key, value)| (&key.0, value))
    }

    /// The entry of `key`, and whether it is `value` (else that is dropped).
    pub(crate) fn insert_if_absent<'g>(&self, key: &K, value: V, guard: &'g Guard<'_>) -> (&'g V, bool) {
        let (shard, _) = self.find(key);
        let stored = Stored(key.clone());
        let (result, hashes) = hashed(|| shard.map.try_insert(stored, value, guard));
        match result {
            Ok(inserted) => {
                if hashes > COPIED {
                    shard.size.noticed(&self.busy, || key.clone(), shard.map.len());
                }
                (inserted, true)
            }
            Err(occupied) => (occupied.current, false),
        }
    }

    /// Puts `value` in place of whatever entry `key` has.
    pub(crate) fn replace(&self, key: K, value: V, guard: &Guard<'_>) {
        self.find(&key).0.map.insert(Stored(key), value, guard);
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
        let (shard, lookup) = self.find(key);
        shard.map.remove_if(&lookup, |_, value| condition(value), guard).ok()?.map(|(_, value)| value)
    }

    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.map.len()).sum()
    }

    /// How many places it has for keys, as far as can be told.
    pub(crate) fn slots(&self) -> usize {
        self.shards.iter().map(|shard| shard.size.slots()).sum()
    }

    /// Every entry that is there throughout, at least.
    pub(crate) fn iter<'g>(&self, guard: &'g Guard<'_>) -> impl Iterator<Item = (&'g K, &'g V)> {
        self.shards.iter().flat_map(|shard| shard.map.iter(guard)).map(|(key, value)| (&key.0, value))
    }
}

impl<K: Hash + Eq + Clone + 'static, V: Vacant + 'static, S: BuildHasher> Table<K, V, S> {
    /// Whether it is on its way to another size.
    #[inline]
    pub(crate) fn is_moving(&self) -> bool {
        self.busy.any().is_some()
    }

    /// `key` has just been removed, and so many are left: time to shrink?
    #[inline]
    pub(crate) fn removed(&self, key: &K, left: usize) {
        let (shard, _) = self.find(key);
        if shard.size.is_too_large_for(left / self.shards.len()) {
            shard.size.offer(&self.busy, || key.clone());
        }
    }

    /// Moves it a bit on its way to another size; whether there is more to do.
    pub(crate) fn move_on(&self) -> bool {
        let Some(shard) = self.busy.any().and_then(|shard| self.shards.get(shard)) else { return false };
        let more = shard.size.work(
            &self.busy,
            || shard.map.len(),
            |todo| match todo {
                // A write that changes nothing.
                Todo::Help(key) => {
                    let guard = self.guard();
                    let (_, lookup) = self.find(key);
                    let (_, hashes) = hashed(|| shard.map.remove_if(&lookup, |_, _| false, &guard));
                    // The table that is left may be the last thing this thread has to free for long.
                    guard.flush();
                    Some(hashes)
                }
                Todo::Shrink(key) => self.exhaust(shard, key),
            },
        );
        more || self.is_moving()
    }

    /// Uses up every place for `key`, which must not be held, so that the map moves to another table.
    fn exhaust(&self, shard: &Shard<K, V, S>, key: &K) -> Option<u32> {
        let (_, lookup) = self.find(key);
        // The map looks at five places for each doubling.
        let places = 5 * shard.size.slots().ilog2() + 2;
        for _ in 0..places {
            let guard = self.guard();
            let stored = Stored(key.clone());
            let (result, hashes) = hashed(|| shard.map.try_insert(stored, V::vacant(), &guard));
            // Somebody has come to need it.
            result.ok()?;
            shard.map.remove_if(&lookup, |_, value| value.is_vacant(), &guard).ok()?;
            if hashes > 1 {
                break;
            }
        }
        Some(0)
    }
}
