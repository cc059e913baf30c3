//! [`Candidates`]: the keys that may become idle, by the date at which each is worth a look.
//!
//! A hierarchical timing wheel (Varghese and Lauck, 1987) under a lock that is held for a few instructions, never
//! while foreign code runs. A date is a number of ticks; the wheel stands at one of them. On each level, 64 slots stand
//! for the ticks that begin with the same digits (of six bits), the one that the wheel is in and those after
//! it; each level is of one digit less. A candidate is kept on the finest level that reaches as far as its tick. When the
//! wheel comes to a slot of a coarser level, its candidates move down, one at a time: no caller pays for more than a few.
//!
//! Each slot is a list of [`nodes`]: to put one back, or to move it, allocates nothing.

use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nodes::{Heads, NONE, Nodes, Place};

use crate::Timestamp;

mod nodes;

/// A key that may become idle.
#[derive(Debug)]
pub(super) struct Candidate<K> {
    pub(super) key: K,
    /// Not worth a look before.
    pub(super) due: Timestamp,
}

/// Candidates, by date.
pub(super) struct Candidates<K>(Mutex<Wheel<K>>);

struct Wheel<K> {
    /// The tick that it stands at: none before it has candidates, but for those that are late.
    at: u64,
    nodes: Nodes<K>,
    slots: Slots,
    /// Those in the wheel and in hand.
    len: usize,
}

/// The first node of each slot, and of the list of those that are late: of a tick that the wheel has come to, which were
/// looked at before their very moment.
struct Slots {
    /// Made with the first candidate.
    levels: Option<Box<[Level; LEVELS]>>,
    late: Place,
}

#[derive(Clone, Copy)]
struct Level {
    /// A bit for each slot that is not empty.
    occupied: u64,
    heads: [Place; 1 << DIGIT],
}

/// Bits of a digit.
const DIGIT: u32 = 6;
/// Digits of a tick.
const LEVELS: usize = 8;
/// A tick is so many bits of a nanosecond count: a quarter of a millisecond.
const TICK: u32 = 18;
/// Candidates that are moved down in search of one that is due.
const MOVES: usize = 4;
/// The list of those that are late; lists are numbered by level and slot.
const LATE: u32 = (LEVELS as u32) << DIGIT;

/// The least time after which a candidate should be due again.
pub(super) const SOON: Duration = Duration::from_nanos(1 << TICK);

/// What there is to look at.
#[derive(Debug)]
pub(super) enum Next<K> {
    Due(Candidate<K>),
    /// None was found so far.
    Searching,
    Nothing,
}

impl<K> Candidates<K> {
    pub(super) const fn new() -> Candidates<K> {
        let slots = Slots { levels: None, late: NONE };
        Candidates(Mutex::new(Wheel { at: 0, nodes: Nodes::new(), slots, len: 0 }))
    }

    /// How many there are, those that are being looked at among them.
    pub(super) fn len(&self) -> usize {
        self.lock().len
    }

    /// One more.
    pub(super) fn add(&self, candidate: Candidate<K>) {
        let mut wheel = self.lock();
        wheel.len += 1;
        // For those in hand too, so that to put them back allocates nothing.
        let len = wheel.len;
        wheel.nodes.make_room(len);
        wheel.put(candidate);
    }

    /// One of them back.
    pub(super) fn put_back(&self, candidate: Candidate<K>) {
        self.lock().put(candidate);
    }

    /// One that is in hand is not put back; how many are left.
    pub(super) fn one_less(&self) -> usize {
        let mut wheel = self.lock();
        wheel.len = wheel.len.saturating_sub(1);
        let len = wheel.len;
        wheel.nodes.keep_room(len);
        len
    }

    /// One that is due, as long as it is not put back or dropped.
    pub(super) fn next_due(&self, now: Timestamp) -> Next<K> {
        self.lock().next_due(now)
    }

    /// The one that is due first, be it in the past or the future; of those of about the same date, any.
    pub(super) fn next(&self) -> Option<Candidate<K>> {
        let mut wheel = self.lock();
        let late = wheel.slots.late;
        let first = if late == NONE { wheel.first().map(|(_, list)| wheel.slots.head(list))? } else { late };
        wheel.take(first)
    }

    /// Each of those that are there now once, if nobody else takes any or puts one back.
    pub(super) fn each(&self) -> impl Iterator<Item = Candidate<K>> {
        // From the end: what is put back goes there.
        let places = (0..self.lock().nodes.len()).rev();
        places.filter_map(|place| self.lock().take(place as Place))
    }

    fn lock(&self) -> MutexGuard<'_, Wheel<K>> {
        // Nothing foreign runs under the lock: it cannot be poisoned but by a failed allocation.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K> Wheel<K> {
    fn put(&mut self, candidate: Candidate<K>) {
        let list = self.list_of(candidate.due);
        self.nodes.push(&mut self.slots, list, candidate.key, candidate.due);
    }

    fn take(&mut self, at: Place) -> Option<Candidate<K>> {
        if at as usize >= self.nodes.len() {
            return None;
        }
        self.nodes.remove(&mut self.slots, at).map(|(key, due)| Candidate { key, due })
    }

    /// The slot of the finest level that reaches as far as `due`.
    fn list_of(&self, due: Timestamp) -> u32 {
        let tick = (due.as_nanos() >> TICK).max(self.at);
        // Ticks have fewer bits than there are digits for: it is near enough on the last level, if on no other.
        let near = |level: &u32| (tick >> (level * DIGIT)) - (self.at >> (level * DIGIT)) < 1 << DIGIT;
        let level = (0..LEVELS as u32).find(near).unwrap_or(LEVELS as u32 - 1);
        level << DIGIT | digit(tick, level)
    }

    fn next_due(&mut self, now: Timestamp) -> Next<K> {
        let due = self.find_due(now);
        due.map_or_else(|nothing| nothing, |place| self.take(place).map_or(Next::Nothing, Next::Due))
    }

    fn find_due(&mut self, now: Timestamp) -> Result<Place, Next<K>> {
        let now_tick = now.as_nanos() >> TICK;
        if self.at < now_tick && self.slots.late != NONE {
            return Ok(self.slots.late);
        }
        for _ in 0..MOVES {
            let first = self.first().filter(|(start, _)| *start <= now_tick);
            let Some((start, list)) = first else { return Err(Next::Nothing) };
            self.at = self.at.max(start);
            let place = self.slots.head(list);
            let due = self.nodes.due(place);
            let to = match list >> DIGIT {
                0 if due <= now => return Ok(place),
                // Of this very tick, but of a later nanosecond.
                0 => LATE,
                _ => self.list_of(due),
            };
            self.nodes.relink(&mut self.slots, to, place);
        }
        Err(Next::Searching)
    }

    /// The slot that comes first: the tick at which it begins, and its list.
    fn first(&self) -> Option<(u64, u32)> {
        let levels = (0..LEVELS as u32).zip(self.slots.levels.as_deref()?);
        let firsts = levels.filter(|(_, slots)| slots.occupied != 0).map(|(level, slots)| {
            // In the order in which the wheel comes to them.
            let distance = slots.occupied.rotate_right(digit(self.at, level)).trailing_zeros();
            let start = ((self.at >> (level * DIGIT)) + u64::from(distance)) << (level * DIGIT);
            (start, level << DIGIT | digit(start, level))
        });
        firsts.min()
    }
}

fn digit(tick: u64, level: u32) -> u32 {
    (tick >> (level * DIGIT)) as u32 & ((1 << DIGIT) - 1)
}

impl Heads for Slots {
    fn head(&self, list: u32) -> Place {
        match self.levels.as_deref() {
            _ if list == LATE => self.late,
            Some(levels) => levels[(list >> DIGIT) as usize].heads[digit(list.into(), 0) as usize],
            None => NONE,
        }
    }

    fn set_head(&mut self, list: u32, head: Place) {
        if list == LATE {
            self.late = head;
            return;
        }
        let empty = Level { occupied: 0, heads: [NONE; 1 << DIGIT] };
        let levels = self.levels.get_or_insert_with(|| Box::new([empty; LEVELS]));
        let (level, slot) = (&mut levels[(list >> DIGIT) as usize], digit(list.into(), 0));
        level.heads[slot as usize] = head;
        level.occupied = level.occupied & !(1 << slot) | u64::from(head != NONE) << slot;
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
            queue.add(Candidate { key, due: Timestamp::from_nanos(date) });
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
    fn the_first_of_all_and_each_of_them() {
        let queue = Candidates::new();
        let second = 1_000_000_000;
        for key in (0..10_000u64).rev() {
            queue.add(Candidate { key, due: Timestamp::from_nanos(key * second) });
        }
        let first = queue.next().expect("one of many");
        assert_eq!(first.key, 0);
        queue.put_back(first);
        // Half of them are dropped.
        let mut seen = std::collections::BTreeSet::new();
        for candidate in queue.each() {
            assert!(seen.insert(candidate.key), "{} comes twice", candidate.key);
            if candidate.key % 2 == 0 {
                queue.one_less();
            } else {
                queue.put_back(candidate);
            }
        }
        assert_eq!((seen.len(), queue.len()), (10_000, 5000));
        let wheel = queue.lock();
        assert!(wheel.nodes.chunk_count() <= 3, "{} chunks for 5000 nodes", wheel.nodes.chunk_count());
        drop(wheel);
        assert_eq!(due(&queue, u64::MAX).len(), 5000);
    }
}
