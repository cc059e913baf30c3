//! A map with room for one key, in the place of papaya's: the same contract and the same face.
//!
//! What [`table`](crate::keyed) asks: an entry stays at its address while a guard lives that was taken before it
//! was looked up (here: until the map is dropped); an insertion never replaces; a removal is conditional on the
//! entry.

use core::hash::BuildHasher;
use core::marker::PhantomData;
use core::ptr;

use loom::sync::atomic::{AtomicPtr, Ordering};

#[path = "guards.rs"]
mod guards;

pub use guards::{Collector, Equivalent, Guard, LocalGuard, Occupied, OwnedGuard};

pub struct HashMap<K, V, S> {
    entry: AtomicPtr<(K, V)>,
    /// All that were ever inserted.
    kept: std::sync::Mutex<Vec<*mut (K, V)>>,
    hasher: PhantomData<S>,
}

// SAFETY: entries are shared, and dropped with the map by whoever drops it.
unsafe impl<K: Send + Sync, V: Send + Sync, S> Send for HashMap<K, V, S> {}
// SAFETY: as above.
unsafe impl<K: Send + Sync, V: Send + Sync, S> Sync for HashMap<K, V, S> {}

impl<K, V, S> HashMap<K, V, S> {
    fn empty() -> HashMap<K, V, S> {
        HashMap { entry: AtomicPtr::default(), kept: std::sync::Mutex::default(), hasher: PhantomData }
    }

    pub fn guard(&self) -> LocalGuard<'_> {
        LocalGuard::new()
    }

    pub fn owned_guard(&self) -> OwnedGuard<'_> {
        OwnedGuard::new()
    }
}

impl<K: Eq + 'static, V: 'static, S: BuildHasher> HashMap<K, V, S> {
    fn found(&self) -> Option<&(K, V)> {
        // Acquire, as in any map: an entry that is found is whole.
        // SAFETY: null, or from a `Box` that lives as long as the map.
        unsafe { self.entry.load(Ordering::Acquire).as_ref() }
    }

    pub fn get_key_value<'g, Q>(&self, key: &Q, _: &'g impl Guard) -> Option<(&'g K, &'g V)>
    where
        Q: Equivalent<K> + ?Sized,
    {
        let (held, value) = self.found()?;
        assert!(key.equivalent(held), "a model has one key");
        // SAFETY: what a guard is for: it borrows the map, and entries live as long as that.
        Some(unsafe { (&*ptr::from_ref(held), &*ptr::from_ref(value)) })
    }

    pub fn get<'g, Q>(&self, key: &Q, guard: &'g impl Guard) -> Option<&'g V>
    where
        Q: Equivalent<K> + ?Sized,
    {
        self.get_key_value(key, guard).map(|(_, value)| value)
    }

    pub fn try_insert<'g>(&self, key: K, value: V, _: &'g impl Guard) -> Result<&'g V, Occupied<'g, V>> {
        let new = Box::into_raw(Box::new((key, value)));
        // AcqRel: publishes the entry; on failure, the one that is there.
        match self.entry.compare_exchange(ptr::null_mut(), new, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                self.kept.lock().expect("nothing panics under it").push(new);
                // SAFETY: just made, and kept.
                Ok(unsafe { &(*new).1 })
            }
            Err(current) => {
                // SAFETY: `new` was never shared; `current` is not null, and is kept.
                unsafe {
                    drop(Box::from_raw(new));
                    Err(Occupied { current: &(*current).1 })
                }
            }
        }
    }

    /// Puts an entry in the place of whatever is there.
    pub fn insert<'g>(&self, key: K, value: V, _: &'g impl Guard) -> Option<&'g V> {
        let new = Box::into_raw(Box::new((key, value)));
        self.kept.lock().expect("nothing panics under it").push(new);
        // AcqRel: publishes the new entry, and gives the old one whole.
        let old = self.entry.swap(new, Ordering::AcqRel);
        // SAFETY: null, or kept.
        unsafe { old.as_ref() }.map(|(_, value)| value)
    }

    #[allow(clippy::type_complexity)]
    pub fn remove_if<'g, Q>(
        &self,
        _: &Q,
        condition: impl Fn(&K, &V) -> bool,
        _: &'g impl Guard,
    ) -> Result<Option<(&'g K, &'g V)>, (&'g K, &'g V)>
    where
        Q: Equivalent<K> + ?Sized,
    {
        loop {
            let seen = self.entry.load(Ordering::Acquire);
            // SAFETY: null, or kept.
            let Some((key, value)) = (unsafe { seen.as_ref() }) else { return Ok(None) };
            if !condition(key, value) {
                return Err((key, value));
            }
            // AcqRel: whoever finds the key absent sees what was done to the entry before.
            let removal =
                self.entry.compare_exchange(seen, ptr::null_mut(), Ordering::AcqRel, Ordering::Acquire);
            if removal.is_ok() {
                return Ok(Some((key, value)));
            }
        }
    }

    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        usize::from(self.found().is_some())
    }

    pub fn iter<'g>(&self, _: &'g impl Guard) -> impl Iterator<Item = (&'g K, &'g V)> {
        // SAFETY: as in `get_key_value`.
        let found =
            self.found().map(|(key, value)| unsafe { (&*ptr::from_ref(key), &*ptr::from_ref(value)) });
        found.into_iter()
    }
}

impl<K, V, S> Drop for HashMap<K, V, S> {
    fn drop(&mut self) {
        for entry in self.kept.get_mut().expect("nothing panics under it").drain(..) {
            // SAFETY: kept once, dropped once; no guard is left.
            drop(unsafe { Box::from_raw(entry) });
        }
    }
}
