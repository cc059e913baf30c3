//! [`Nodes`]: the candidates themselves, in lists, without a gap in memory.
//!
//! A node is addressed by its place, and lists are doubly linked: so the last node can fill the place of one that is
//! taken out, and memory follows the number of nodes down as well as up. It comes in chunks, which never move.

use crate::Timestamp;

/// All nodes of some lists.
pub(super) struct Nodes<K> {
    /// Full but for those at the end, of which some may be empty.
    chunks: Vec<Vec<Node<K>>>,
    len: usize,
}

struct Node<K> {
    key: K,
    due: Timestamp,
    next: Place,
    /// Of the first one, [`Prev::list`].
    prev: Prev,
}

/// Where a node is; [`NONE`] is nowhere.
pub(super) type Place = u32;

pub(super) const NONE: Place = u32::MAX;

/// The place of the node before, or the list that a node is the first of, counted down from the last of numbers.
#[derive(Clone, Copy)]
struct Prev(u32);

/// A list and its first node.
pub(super) trait Heads {
    fn head(&self, list: u32) -> Place;
    fn set_head(&mut self, list: u32, head: Place);
}

/// Nodes in a chunk.
const CHUNK: usize = 4096;
/// The first chunk grows to that size from this one.
const FEW: usize = 16;
/// Lists, at the most.
const LISTS: u32 = 1024;

impl Prev {
    fn first_of(list: u32) -> Prev {
        Prev(u32::MAX - list)
    }

    fn list(self) -> Option<u32> {
        Some(u32::MAX - self.0).filter(|list| *list < LISTS)
    }
}

impl<K> Nodes<K> {
    pub(super) const fn new() -> Nodes<K> {
        Nodes { chunks: Vec::new(), len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn due(&self, at: Place) -> Timestamp {
        self.at(at).due
    }

    /// Puts a new node at the head of `list`.
    pub(super) fn push(&mut self, heads: &mut impl Heads, list: u32, key: K, due: Timestamp) {
        self.make_room(self.len + 1);
        let at = self.len as Place;
        let node = Node { key, due, next: NONE, prev: Prev::first_of(list) };
        self.chunks[self.len / CHUNK].push(node);
        self.len += 1;
        self.link(heads, list, at);
    }

    /// Moves the node at `at` to the head of `list`.
    pub(super) fn relink(&mut self, heads: &mut impl Heads, list: u32, at: Place) {
        self.unlink(heads, at);
        self.link(heads, list, at);
    }

    /// Takes out the node at `at`.
    pub(super) fn remove(&mut self, heads: &mut impl Heads, at: Place) -> Option<(K, Timestamp)> {
        self.unlink(heads, at);
        let last = self.chunks[(self.len - 1) / CHUNK].pop()?;
        self.len -= 1;
        if at as usize == self.len {
            return Some((last.key, last.due));
        }
        let (next, prev) = (last.next, last.prev);
        let Node { key, due, .. } = core::mem::replace(self.at_mut(at), last);
        // Its neighbours learn of its new place.
        match prev.list() {
            Some(list) => heads.set_head(list, at),
            None => self.at_mut(prev.0).next = at,
        }
        if next != NONE {
            self.at_mut(next).prev = Prev(at);
        }
        Some((key, due))
    }

    /// Room for so many nodes in all.
    pub(super) fn make_room(&mut self, nodes: usize) {
        while self.room() < nodes {
            match self.chunks.last_mut().filter(|chunk| chunk.capacity() < CHUNK) {
                Some(chunk) => chunk.reserve_exact((2 * chunk.capacity()).min(CHUNK) - chunk.len()),
                None => {
                    let first = self.chunks.is_empty();
                    self.chunks.push(Vec::with_capacity(if first { FEW } else { CHUNK }));
                }
            }
        }
    }

    /// Gives back what is not needed for so many, but for a chunk in reserve.
    pub(super) fn keep_room(&mut self, nodes: usize) {
        while self.chunks.len() > 1 && self.room() >= nodes + 2 * CHUNK {
            self.chunks.pop();
        }
    }

    #[cfg(test)]
    pub(super) fn chunk_count(&self) -> usize {
        self.chunks.len()
    }

    fn room(&self) -> usize {
        // All but the last are of full size.
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.capacity())
    }

    fn link(&mut self, heads: &mut impl Heads, list: u32, at: Place) {
        let next = heads.head(list);
        let node = self.at_mut(at);
        (node.next, node.prev) = (next, Prev::first_of(list));
        if next != NONE {
            self.at_mut(next).prev = Prev(at);
        }
        heads.set_head(list, at);
    }

    fn unlink(&mut self, heads: &mut impl Heads, at: Place) {
        let &Node { next, prev, .. } = self.at(at);
        match prev.list() {
            Some(list) => heads.set_head(list, next),
            None => self.at_mut(prev.0).next = next,
        }
        if next != NONE {
            self.at_mut(next).prev = prev;
        }
    }

    fn at(&self, at: Place) -> &Node<K> {
        &self.chunks[at as usize / CHUNK][at as usize % CHUNK]
    }

    fn at_mut(&mut self, at: Place) -> &mut Node<K> {
        &mut self.chunks[at as usize / CHUNK][at as usize % CHUNK]
    }
}
