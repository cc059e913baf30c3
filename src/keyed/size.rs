//! [`Size`]: what is known from outside of the size of a map, and of its move to another size.
//!
//! The map moves its entries to another table bit by bit, but only when it is written to, and then only by writes of
//! a key that had to go on to the new table. Until the move is done, reads that miss the old table walk a
//! full probe of it first: ten times and more the time of a read. And it never shrinks unless an insertion finds no
//! place for its key; if few keys are left by then, to half its size.
//!
//! Both can be had by ordinary writes of the right key, the *lever*:
//!
//! - **Helping.** An insertion that copied entries did so because the old table had no place for its key. Until
//!   the move is done, every later write to that key has to go on to the new table as well, and copies a piece.
//! - **Shrinking.** A place once used for a key is not used again before the next move. So a key that is not held is
//!   inserted and removed, again and again, until the old table has no place for it: not much more than a hundred times. Its
//!   entry is *vacant*, which everybody takes for none. This starts a move to half the size, and makes the key its lever.
//!
//! Nothing here is needed for the map to be right, and all sizes are estimates: the map does not tell. An estimate
//! that is too high makes for a move to the same size, at worst; one that is too low, for memory that is given back
//! later, after the next growth.

use core::sync::atomic::{AtomicUsize, Ordering};

use std::sync::{Mutex, MutexGuard, TryLockError};

/// Hashes by an insertion that tell that it has copied entries, rather than met another insertion at one place.
pub(super) const COPIED: u32 = 4;
/// Entries that one help copies.
const PIECE: usize = 64;
/// A table that holds so few of what it has places for should be half the size. The map wants an eighth.
const SPARSE: usize = 16;
/// Tables of so few places are small enough.
const SMALL: usize = 1024;

/// What is known of the size of one shard's map.
pub(super) struct Size<K> {
    /// The places of the table, or of the one that entries are moved to.
    slots: AtomicUsize,
    moving: Mutex<Moving<K>>,
    least: usize,
    /// This shard's bit.
    bit: usize,
}

struct Moving<K> {
    lever: Option<K>,
    /// Pieces to copy.
    left: usize,
}

/// What there is to do for a map.
pub(super) enum Todo<'a, K> {
    Help(&'a K),
    Shrink(&'a K),
}

/// A bit for each shard for which there is something to do. A bit changes under the lock of its shard.
#[derive(Default)]
pub(super) struct Busy(AtomicUsize);

// Relaxed, here and below: hints. What they are about is guarded by a lock, or by the map.
impl Busy {
    #[inline]
    pub(super) fn any(&self) -> Option<usize> {
        self.0.load(Ordering::Relaxed).checked_ilog2().map(|shard| shard as usize)
    }

    fn set(&self, bit: usize) {
        self.0.fetch_or(bit, Ordering::Relaxed);
    }

    fn clear(&self, bit: usize) {
        self.0.fetch_and(!bit, Ordering::Relaxed);
    }
}

impl<K> Size<K> {
    /// The size of shard number `shard`, made for so many keys.
    pub(super) fn new(shard: usize, capacity: usize) -> Size<K> {
        // As the map reckons it, 32 places unless more are asked for.
        let slots =
            (capacity.saturating_mul(8) / 6).checked_next_power_of_two().unwrap_or(usize::MAX).max(32);
        Size {
            slots: AtomicUsize::new(slots),
            moving: Mutex::new(Moving { lever: None, left: 0 }),
            least: slots.max(SMALL),
            bit: 1 << shard,
        }
    }

    fn try_lock(&self) -> Option<MutexGuard<'_, Moving<K>>> {
        match self.moving.try_lock() {
            Ok(moving) => Some(moving),
            // A key's `Hash` panicked: what is known is as good as before.
            Err(TryLockError::Poisoned(moving)) => Some(moving.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    pub(super) fn slots(&self) -> usize {
        self.slots.load(Ordering::Relaxed)
    }

    /// An insertion of `key`, of which there are now `keys`, has copied entries.
    #[cold]
    pub(super) fn noticed(&self, busy: &Busy, key: impl FnOnce() -> K, keys: usize) {
        let Some(mut moving) = self.try_lock() else { return };
        if moving.left > 0 {
            moving.left -= 1;
            return;
        }
        let slots = self.slots();
        let next = match keys {
            many if many >= slots / 2 => slots.saturating_mul(2),
            few if few <= slots / 8 => (slots / 2).max(self.least),
            _ => slots,
        };
        *moving = Moving { lever: Some(key()), left: slots / PIECE + 1 };
        self.slots.store(next, Ordering::Relaxed);
        busy.set(self.bit);
    }

    /// Whether a table that holds so many keys should shrink.
    pub(super) fn is_too_large_for(&self, keys: usize) -> bool {
        let slots = self.slots();
        keys <= slots / SPARSE && slots > self.least
    }

    /// `key` is not held: it may serve to shrink the table.
    #[cold]
    pub(super) fn offer(&self, busy: &Busy, key: impl FnOnce() -> K) {
        let Some(mut moving) = self.try_lock() else { return };
        if moving.lever.is_none() {
            moving.lever = Some(key());
            busy.set(self.bit);
        }
    }

    /// Does what there is to do, unless somebody else is at it; whether there is more. `work` returns how many
    /// entries it has copied; nothing, if the key does not serve.
    pub(super) fn work(
        &self,
        busy: &Busy,
        keys: impl Fn() -> usize,
        work: impl FnOnce(Todo<'_, K>) -> Option<u32>,
    ) -> bool {
        // Whoever is at it does not wait, and neither do we.
        let Some(mut moving) = self.try_lock() else { return true };
        let more = match &mut *moving {
            Moving { lever: None, .. } => false,
            // Done with the last move, if there was one.
            Moving { lever: Some(key), left: left @ 0 } if self.is_too_large_for(keys()) => {
                let slots = self.slots();
                let started = work(Todo::Shrink(key)).is_some();
                if started {
                    self.slots.store((slots / 2).max(self.least), Ordering::Relaxed);
                    *left = slots / PIECE + 1;
                }
                started
            }
            Moving { left: 0, .. } => false,
            Moving { lever: Some(key), left } => {
                let copied = work(Todo::Help(key)).unwrap_or(0);
                *left -= 1;
                // Not done, whatever was reckoned, if there still was something to copy.
                *left = (*left).max(usize::from(copied > 0));
                true
            }
        };
        if !more {
            *moving = Moving { lever: None, left: 0 };
            busy.clear(self.bit);
        }
        more
    }
}
