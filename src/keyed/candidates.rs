//! [`Candidates`]: the keys that may become idle, by the date at which each is worth a look.
//!
//! A hierarchical timing wheel (Varghese and Lauck, 1987) under a lock that is held for a few instructions, never
//! while foreign code runs. A date is a number of ticks; the wheel stands at one of them. A candidate is kept at the
//! level of the highest digit (of six bits) in which its tick differs from that of the wheel, in the slot that this
//! digit names. When the wheel comes to a slot of a higher level, its candidates move down, one at a time: no
//! caller ever pays for more than a few.
//!
//! Each slot is a chain through the candidates themselves: to put one back, or to move it, allocates nothing, and one
//! that is dropped is memory given back.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Timestamp;

/// A key that may become idle.
#[derive(Debug)]
pub(super) struct Candidate<K> {
    pub(super) key: K,
    /// Not worth a look before.
    pub(super) due: Timestamp,
    next: Option<Box<Candidate<K>>>,
}

/// Candidates, by date.
pub(super) struct Candidates<K>(Mutex<Wheel<K>>);

struct Wheel<K> {
    /// The tick that it stands at: none before it has candidates, but for those in `late`.
    at: u64,
    /// Made with the first candidate, so that moving one never allocates.
    levels: Option<Box<[Level<K>; LEVELS]>>,
    /// Those of a tick that the wheel has come to, which were looked at before their very moment.
    late: Chain<K>,
    /// Those in the wheel and in hand.
    len: usize,
}

struct Level<K> {
    /// A bit for each slot that is not empty.
    occupied: u64,
    slots: [Chain<K>; 1 << DIGIT],
}

/// A last-in-first-out list.
struct Chain<K>(Option<Box<Candidate<K>>>);

/// Bits of a digit.
const DIGIT: u32 = 6;
/// Digits of a tick.
const LEVELS: usize = 8;
/// A tick is so many bits of a nanosecond count: a quarter of a millisecond.
const TICK: u32 = 18;
/// Candidates that are moved down in search of one that is due.
const MOVES: usize = 4;

/// The least time after which a candidate should be due again.
pub(super) const SOON: core::time::Duration = core::time::Duration::from_nanos(1 << TICK);

/// What there is to look at.
#[derive(Debug)]
pub(super) enum Next<K> {
    Due(Box<Candidate<K>>),
    /// None was found so far.
    Searching,
    Nothing,
}

impl<K> Candidate<K> {
    pub(super) fn new(key: K, due: Timestamp) -> Box<Candidate<K>> {
        Box::new(Candidate { key, due, next: None })
    }
}

impl<K> Candidates<K> {
    pub(super) const fn new() -> Candidates<K> {
        Candidates(Mutex::new(Wheel { at: 0, levels: None, late: Chain(None), len: 0 }))
    }

    /// How many there are, those that are being looked at among them.
    pub(super) fn len(&self) -> usize {
        self.lock().len
    }

    /// One more.
    pub(super) fn add(&self, candidate: Box<Candidate<K>>) {
        let mut wheel = self.lock();
        wheel.len += 1;
        wheel.put(candidate);
    }

    /// One of them back.
    pub(super) fn put_back(&self, candidate: Box<Candidate<K>>) {
        self.lock().put(candidate);
    }

    /// One that is in hand is not put back; how many are left.
    pub(super) fn one_less(&self) -> usize {
        let mut wheel = self.lock();
        wheel.len = wheel.len.saturating_sub(1);
        wheel.len
    }

    /// One that is due, as long as it is not put back or dropped.
    pub(super) fn next_due(&self, now: Timestamp) -> Next<K> {
        self.lock().next_due(now)
    }

    /// The one that is due first, be it in the past or the future; of those of about the same date, any.
    pub(super) fn next(&self) -> Option<Box<Candidate<K>>> {
        let mut wheel = self.lock();
        if let Some(late) = wheel.late.pop() {
            return Some(late);
        }
        let levels = wheel.levels.as_deref_mut()?;
        levels.iter_mut().find_map(|level| level.pop(level.occupied.trailing_zeros()))
    }

    /// All of the slots' candidates, a slot at a time. Those that are put back meanwhile may come again.
    pub(super) fn slots(&self) -> impl Iterator<Item = Taken<'_, K>> {
        let late = core::iter::once_with(|| core::mem::replace(&mut self.lock().late, Chain(None)));
        let slots = (0..LEVELS << DIGIT).map(|i| {
            let mut wheel = self.lock();
            let level = wheel.levels.as_deref_mut().map(|levels| &mut levels[i >> DIGIT]);
            level.map_or(Chain(None), |level| level.take_all((i & ((1 << DIGIT) - 1)) as u32))
        });
        late.chain(slots).map(|chain| Taken { chain, from: self })
    }

    fn lock(&self) -> MutexGuard<'_, Wheel<K>> {
        // Nothing foreign runs under the lock: it cannot be poisoned but by a failed allocation.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Some that were taken out; they return when this is dropped.
pub(super) struct Taken<'a, K> {
    chain: Chain<K>,
    from: &'a Candidates<K>,
}

impl<K> Iterator for Taken<'_, K> {
    type Item = Box<Candidate<K>>;

    fn next(&mut self) -> Option<Box<Candidate<K>>> {
        self.chain.pop()
    }
}

impl<K> Drop for Taken<'_, K> {
    fn drop(&mut self) {
        while let Some(candidate) = self.chain.pop() {
            self.from.put_back(candidate);
        }
    }
}

impl<K> Wheel<K> {
    fn put(&mut self, candidate: Box<Candidate<K>>) {
        let tick = (candidate.due.as_nanos() >> TICK).max(self.at);
        let differing = self.at ^ tick;
        // The digit of the highest bit that differs.
        let level = differing.checked_ilog2().unwrap_or(0) / DIGIT;
        let levels = self.levels.get_or_insert_with(|| Box::new([const { Level::EMPTY }; LEVELS]));
        // Ticks have fewer bits than there are digits for.
        if let Some(at) = levels.get_mut(level as usize) {
            at.push(digit(tick, level), candidate);
        }
    }

    fn next_due(&mut self, now: Timestamp) -> Next<K> {
        let now_tick = now.as_nanos() >> TICK;
        if self.at < now_tick
            && let Some(late) = self.late.pop()
        {
            return Next::Due(late);
        }
        for _ in 0..MOVES {
            // Of a slot that the wheel stands at, on whatever level.
            let Some(levels) = self.levels.as_deref_mut() else { return Next::Nothing };
            let here = (0..LEVELS as u32).rev().find_map(|level| {
                let candidate = levels[level as usize].pop(digit(self.at, level))?;
                Some((level, candidate))
            });
            match here {
                Some((0, candidate)) if candidate.due <= now => return Next::Due(candidate),
                // Of this very tick, but of a later nanosecond.
                Some((0, candidate)) => self.late.push(candidate),
                Some((_, candidate)) => self.put(candidate),
                None => match next_slot(levels, self.at) {
                    Some(start) if start <= now_tick => self.at = start,
                    _ => return Next::Nothing,
                },
            }
        }
        Next::Searching
    }
}

/// The tick at which the next slot begins that is not empty.
fn next_slot<K>(levels: &[Level<K>; LEVELS], at: u64) -> Option<u64> {
    // A slot of a lower level comes before all of those above.
    (0..LEVELS as u32).zip(levels).find_map(|(level, slots)| {
        let later = slots.occupied & (u64::MAX << digit(at, level));
        let slot = (later != 0).then(|| u64::from(later.trailing_zeros()))?;
        let above = u64::MAX.checked_shl((level + 1) * DIGIT).unwrap_or(0);
        Some(at & above | slot << (level * DIGIT))
    })
}

fn digit(tick: u64, level: u32) -> u32 {
    (tick >> (level * DIGIT)) as u32 & ((1 << DIGIT) - 1)
}

impl<K> Level<K> {
    const EMPTY: Level<K> = Level { occupied: 0, slots: [const { Chain(None) }; 1 << DIGIT] };

    fn push(&mut self, slot: u32, candidate: Box<Candidate<K>>) {
        self.occupied |= 1 << slot;
        self.slots[slot as usize].push(candidate);
    }

    /// One of `slot`, if there is such a slot and one in it.
    fn pop(&mut self, slot: u32) -> Option<Box<Candidate<K>>> {
        let chain = self.slots.get_mut(slot as usize)?;
        let candidate = chain.pop()?;
        if chain.0.is_none() {
            self.occupied &= !(1 << slot);
        }
        Some(candidate)
    }

    fn take_all(&mut self, slot: u32) -> Chain<K> {
        self.occupied &= !(1 << slot);
        core::mem::replace(&mut self.slots[slot as usize], Chain(None))
    }
}

impl<K> Chain<K> {
    fn push(&mut self, mut candidate: Box<Candidate<K>>) {
        candidate.next = self.0.take();
        self.0 = Some(candidate);
    }

    fn pop(&mut self) -> Option<Box<Candidate<K>>> {
        let mut candidate = self.0.take()?;
        self.0 = candidate.next.take();
        Some(candidate)
    }
}

impl<K> Drop for Chain<K> {
    /// One by one: a long chain dropped as a whole would recurse as deep.
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(candidate: &Candidate<u64>) -> u64 {
        candidate.due.as_nanos()
    }

    /// Every one that is due at `now`, in whatever order.
    fn due(queue: &Candidates<u64>, now: u64) -> Vec<u64> {
        let mut keys = Vec::new();
        loop {
            match queue.next_due(Timestamp::from_nanos(now)) {
                Next::Due(candidate) => {
                    assert!(nanos(&candidate) <= now, "{} comes early at {now}", nanos(&candidate));
                    keys.push(candidate.key);
                    queue.one_less();
                }
                Next::Searching => {}
                Next::Nothing => return keys,
            }
        }
    }

    #[test]
    fn each_comes_once_not_before_its_date_and_within_a_tick_of_it() {
        let queue = Candidates::new();
        // Dates of every size, from a generator that every run repeats.
        let mut random = 1u64;
        let mut next = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            random >> 1
        };
        let (mut now, mut waiting) = (0u64, std::collections::BTreeMap::new());
        for key in 0..20_000u64 {
            let date = now.saturating_add(next() >> (next() % 50 + 14));
            queue.add(Candidate::new(key, Timestamp::from_nanos(date)));
            waiting.insert(key, date);
            if next().is_multiple_of(8) {
                now = now.saturating_add(next() >> (next() % 50 + 14));
                for key in due(&queue, now) {
                    assert!(waiting.remove(&key).is_some(), "{key} comes twice");
                }
                let tick = 1 << TICK;
                let missed = waiting.values().find(|date| **date / tick < now / tick);
                assert_eq!(missed, None, "at {now}");
            }
            assert_eq!(queue.len(), waiting.len());
        }
        assert_eq!(due(&queue, u64::MAX).len(), waiting.len());
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn the_first_of_all_and_all_of_them_slot_by_slot() {
        let queue = Candidates::new();
        let second = 1_000_000_000;
        for key in (0..1000u64).rev() {
            queue.add(Candidate::new(key, Timestamp::from_nanos(key * second)));
        }
        let first = queue.next().expect("one of a thousand");
        assert_eq!(first.key, 0);
        queue.put_back(first);
        // Half of them are dropped; the rest returns when the iterator that holds it does.
        let mut seen = 0;
        for mut slot in queue.slots() {
            while let Some(candidate) = slot.next() {
                seen += 1;
                if candidate.key % 2 == 0 {
                    queue.one_less();
                } else {
                    queue.put_back(candidate);
                }
            }
        }
        assert_eq!((seen, queue.len()), (1000, 500));
        for mut slot in queue.slots() {
            if let Some(candidate) = slot.next() {
                queue.put_back(candidate);
            }
        }
        assert_eq!(due(&queue, u64::MAX).len(), 500);
    }

    #[test]
    fn a_long_chain_is_dropped_without_recursion() {
        let queue = Candidates::new();
        (0..1_000_000u64).for_each(|key| queue.add(Candidate::new(key, Timestamp::ZERO)));
        drop(queue);
    }
}
