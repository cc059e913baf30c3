//! [`Lines`]: the waiting lines of those keys that have one.
//!
//! A line belongs to its key, not to the bucket that the key has at the moment: it outlives a bucket that is
//! removed, and a bucket carries nothing for it but the mark in its word.
//!
//! **Invariant.** A line in the table is used (somebody stands in it, or has yet to hear of a grant), or is
//! locked by somebody who is about to use it or to discard it. One that was discarded is marked `gone` under
//! its lock, and is never used again.

use core::hash::Hash;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::hasher::RandomState;
use super::table::{Equivalent, Table, Vacant};
use crate::kernel::line::{Line, Wakes};
use crate::wait::wake::Later;

/// One key's line.
#[derive(Debug, Default)]
pub(crate) struct KeyLine(Mutex<Place>);

#[derive(Debug, Default)]
struct Place {
    line: Line,
    gone: bool,
}

/// Lines by key; not even the map is made before somebody waits.
pub(crate) struct Lines<K> {
    table: OnceLock<Table<K, Arc<KeyLine>, RandomState>>,
}

impl<K: Hash + Eq + Clone + Send + 'static> Lines<K> {
    pub(crate) const fn new() -> Lines<K> {
        Lines { table: OnceLock::new() }
    }

    /// The line of `key`, if it has one.
    pub(crate) fn find<Q>(&self, key: &Q) -> Option<Arc<KeyLine>>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let table = self.table.get()?;
        table.get(key, &table.guard()).cloned()
    }

    /// Works on the line of `key`, which is made if there is none and discarded again if it stays unused.
    pub(crate) fn with<R>(&self, key: &K, work: impl FnOnce(&Arc<KeyLine>, &mut Line, &mut Wakes) -> R) -> R {
        let table = self.table.get_or_init(|| Table::new(1, 0, RandomState::new()));
        loop {
            let line = match self.find(key) {
                Some(line) => line,
                None => table.insert_if_absent(key, Arc::default(), &table.guard()).0.clone(),
            };
            let mut wakes = Later::default();
            let mut place = line.0.lock();
            if place.gone {
                // Discarded since it was found: its table entry is gone too.
                continue;
            }
            let result = work(&line, &mut place.line, &mut wakes);
            self.discard_if_unused(key, &line, &mut place);
            drop(place);
            drop(wakes);
            return result;
        }
    }

    /// Works on a line that is held by one of its tickets.
    pub(crate) fn with_held<R>(
        &self,
        key: &K,
        line: &Arc<KeyLine>,
        work: impl FnOnce(&mut Line, &mut Wakes) -> R,
    ) -> R {
        let mut wakes = Later::default();
        let mut place = line.0.lock();
        let result = work(&mut place.line, &mut wakes);
        self.discard_if_unused(key, line, &mut place);
        drop(place);
        drop(wakes);
        result
    }

    /// Works on the line of `key`, if it has one.
    pub(crate) fn with_found<Q, R>(&self, key: &Q, work: impl FnOnce(&mut Line, &mut Wakes) -> R) -> Option<R>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let line = self.find(key)?;
        let mut wakes = Later::default();
        let mut place = line.0.lock();
        // Nobody is in a line that is gone, and whoever came since is in another, served by who joined it.
        let result = (!place.gone).then(|| work(&mut place.line, &mut wakes));
        drop(place);
        drop(wakes);
        result
    }

    /// Every line that is there throughout, at least.
    pub(crate) fn all(&self) -> Vec<Arc<KeyLine>> {
        let Some(table) = self.table.get() else { return Vec::new() };
        let guard = table.guard();
        table.iter(&guard).map(|(_, line)| line.clone()).collect()
    }

    fn discard_if_unused(&self, key: &K, line: &Arc<KeyLine>, place: &mut Place) {
        if place.line.is_unused() && !place.gone {
            place.gone = true;
            if let Some(table) = self.table.get() {
                table.remove_if(key, |entry| Arc::ptr_eq(entry, line), &table.guard());
                // What very many lines at once took.
                table.removed(key, table.len());
                if table.is_moving() {
                    table.move_on();
                }
            }
        }
    }
}

/// One that is gone already.
impl Vacant for Arc<KeyLine> {
    fn vacant() -> Arc<KeyLine> {
        Arc::new(KeyLine(Mutex::new(Place { line: Line::default(), gone: true })))
    }

    fn is_vacant(&self) -> bool {
        self.0.lock().gone
    }
}

impl KeyLine {
    /// Closes it: everyone in it is woken to hear of it.
    pub(crate) fn close(&self) {
        let mut wakes = Later::default();
        self.0.lock().line.close(&mut wakes);
        drop(wakes);
    }
}
