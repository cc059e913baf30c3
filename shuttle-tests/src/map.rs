//! A map in the place of papaya's: the same contract and the same face, each operation one step (a look at an entry
//! that decides about its removal is a step of its own).
//!
//! An entry stays at its address until the map is dropped, which is longer than any guard.

use core::borrow::Borrow;
use core::hash::BuildHasher;
use core::marker::PhantomData;
use core::ptr;
use std::sync::Mutex;

use shuttle::sync::atomic::{AtomicU32, Ordering};

// One-slot maps and this one have the same guards.
#[path = "../../loom-tests/src/guards.rs"]
mod guards;

pub use guards::{Collector, Equivalent, Guard, LocalGuard, Occupied, OwnedGuard};

pub struct HashMap<K, V, S> {
    /// A scheduling point, for every operation.
    steps: AtomicU32,
    /// Never locked across a scheduling point.
    entries: Mutex<Entries<K, V>>,
    hasher: PhantomData<S>,
}

struct Entries<K, V> {
    live: Vec<*mut (K, V)>,
    /// All that were ever inserted.
    kept: Vec<*mut (K, V)>,
}

// SAFETY: entries are shared, and dropped with the map by whoever drops it.
unsafe impl<K: Send + Sync, V: Send + Sync, S> Send for HashMap<K, V, S> {}
// SAFETY: as above.
unsafe impl<K: Send + Sync, V: Send + Sync, S> Sync for HashMap<K, V, S> {}

impl<K, V, S> HashMap<K, V, S> {
    fn empty() -> HashMap<K, V, S> {
        let entries = Mutex::new(Entries { live: Vec::new(), kept: Vec::new() });
        HashMap { steps: AtomicU32::new(0), entries, hasher: PhantomData }
    }

    pub fn guard(&self) -> LocalGuard<'_> {
        LocalGuard::new()
    }

    pub fn owned_guard(&self) -> OwnedGuard<'_> {
        OwnedGuard::new()
    }
}

impl<K: Eq + 'static, V: 'static, S: BuildHasher> HashMap<K, V, S> {
    /// A step: works on the entries, without another.
    fn step<R>(&self, work: impl FnOnce(&mut Entries<K, V>) -> R) -> R {
        self.steps.fetch_add(1, Ordering::SeqCst);
        work(&mut self.entries.lock().expect("nothing panics under it"))
    }

    pub fn get_key_value<'g, Q>(&self, key: &Q, _: &'g impl Guard) -> Option<(&'g K, &'g V)>
    where
        Q: Equivalent<K> + ?Sized,
    {
        // SAFETY: entries live as long as the map, which a guard borrows.
        self.step(|entries| entries.find(key)).map(|(_, entry)| unsafe { (&(*entry).0, &(*entry).1) })
    }

    pub fn get<'g, Q>(&self, key: &Q, guard: &'g impl Guard) -> Option<&'g V>
    where
        Q: Equivalent<K> + ?Sized,
    {
        self.get_key_value(key, guard).map(|(_, value)| value)
    }

    pub fn try_insert<'g>(&self, key: K, value: V, _: &'g impl Guard) -> Result<&'g V, Occupied<'g, V>> {
        self.step(|entries| match entries.find(&key) {
            // SAFETY: as in `get_key_value`.
            Some((_, entry)) => Err(Occupied { current: unsafe { &(*entry).1 } }),
            None => {
                let new = entries.keep(key, value);
                entries.live.push(new);
                // SAFETY: as in `get_key_value`.
                Ok(unsafe { &(*new).1 })
            }
        })
    }

    /// Puts an entry in the place of whatever is there.
    pub fn insert<'g>(&self, key: K, value: V, _: &'g impl Guard) -> Option<&'g V> {
        self.step(|entries| {
            let at = entries.find(&key).map(|(at, _)| at);
            let new = entries.keep(key, value);
            match at {
                // SAFETY: as in `get_key_value`.
                Some(at) => Some(unsafe { &(*core::mem::replace(&mut entries.live[at], new)).1 }),
                None => {
                    entries.live.push(new);
                    None
                }
            }
        })
    }

    #[allow(clippy::type_complexity)]
    pub fn remove_if<'g, Q>(
        &self,
        key: &Q,
        condition: impl Fn(&K, &V) -> bool,
        _: &'g impl Guard,
    ) -> Result<Option<(&'g K, &'g V)>, (&'g K, &'g V)>
    where
        Q: Equivalent<K> + ?Sized,
    {
        loop {
            let Some((_, entry)) = self.step(|entries| entries.find(key)) else { return Ok(None) };
            // SAFETY: as in `get_key_value`.
            let (held, value) = unsafe { (&(*entry).0, &(*entry).1) };
            if !condition(held, value) {
                return Err((held, value));
            }
            let removed = self.step(|entries| {
                let at = entries.live.iter().position(|&live| ptr::eq(live, entry));
                at.map(|at| entries.live.swap_remove(at)).is_some()
            });
            if removed {
                return Ok(Some((held, value)));
            }
        }
    }

    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.step(|entries| entries.live.len())
    }

    pub fn iter<'g>(&self, _: &'g impl Guard) -> impl Iterator<Item = (&'g K, &'g V)> {
        let live = self.step(|entries| entries.live.clone());
        // SAFETY: as in `get_key_value`.
        live.into_iter().map(|entry| unsafe { (&(*entry).0, &(*entry).1) })
    }
}

impl<K, V> Entries<K, V> {
    fn find<Q: Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<(usize, *mut (K, V))> {
        // SAFETY: kept until the map is dropped.
        let at = self.live.iter().position(|&entry| key.equivalent(unsafe { &(*entry).0 }))?;
        Some((at, self.live[at]))
    }

    fn keep(&mut self, key: K, value: V) -> *mut (K, V) {
        let new = Box::into_raw(Box::new((key, value)));
        self.kept.push(new);
        new
    }
}

impl<K, V, S> Drop for HashMap<K, V, S> {
    fn drop(&mut self) {
        let kept = core::mem::take(&mut self.entries.get_mut().expect("nothing panics under it").kept);
        for entry in kept {
            // SAFETY: kept once, dropped once; no guard is left.
            drop(unsafe { Box::from_raw(entry) });
        }
    }
}
