//! [`Candidates`]: the queue of keys that may become idle.
//!
//! A queue under a lock that is held for a few instructions, never while foreign code runs. It takes its memory in
//! chunks and keeps one in reserve: going round, as inspections make it do, allocates nothing; growing moves
//! nothing; and what a flood has filled is freed again as it empties.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Timestamp;

/// A key that may become idle.
#[derive(Debug)]
pub(super) struct Candidate<K> {
    pub(super) key: K,
    /// Which of the key's buckets was meant: a later one has a candidate of its own.
    pub(super) stamp: u32,
    /// Not worth a look before.
    pub(super) due: Timestamp,
}

/// Candidates, first in, first out.
pub(super) struct Candidates<K>(Mutex<Chunks<K>>);

struct Chunks<K> {
    chunks: VecDeque<VecDeque<Candidate<K>>>,
    spare: Option<VecDeque<Candidate<K>>>,
    len: usize,
}

/// Candidates in a chunk.
const CHUNK: usize = 256;

impl<K> Candidates<K> {
    pub(super) const fn new() -> Candidates<K> {
        Candidates(Mutex::new(Chunks { chunks: VecDeque::new(), spare: None, len: 0 }))
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len
    }

    pub(super) fn push(&self, candidate: Candidate<K>) {
        let mut this = self.lock();
        if this.chunks.back().is_none_or(|chunk| chunk.len() == CHUNK) {
            let chunk = this.spare.take().unwrap_or_else(|| VecDeque::with_capacity(CHUNK));
            this.chunks.push_back(chunk);
        }
        if let Some(chunk) = this.chunks.back_mut() {
            chunk.push_back(candidate);
        }
        this.len += 1;
    }

    pub(super) fn pop(&self) -> Option<Candidate<K>> {
        let mut this = self.lock();
        let candidate = this.chunks.front_mut()?.pop_front()?;
        this.len -= 1;
        // The last chunk stays: it is written to next.
        let emptied = this.chunks.len() > 1 && this.chunks.front().is_some_and(VecDeque::is_empty);
        if emptied {
            let chunk = this.chunks.pop_front();
            if this.spare.is_none() {
                this.spare = chunk;
            }
            // What a flood took for the list of chunks.
            if this.chunks.capacity() > CHUNK && this.chunks.len() < this.chunks.capacity() / 4 {
                let room = this.chunks.len() * 2;
                this.chunks.shrink_to(room);
            }
        }
        Some(candidate)
    }

    fn lock(&self) -> MutexGuard<'_, Chunks<K>> {
        // Nothing foreign runs under the lock: it cannot be poisoned but by a failed allocation.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_in_first_out_across_chunks_and_no_more_memory_than_it_holds() {
        let queue = Candidates::new();
        let candidate = |key| Candidate { key, stamp: 0, due: Timestamp::ZERO };
        (0..3000).for_each(|key| queue.push(candidate(key)));
        // Once round, then out.
        for key in 0..3000 {
            let first = queue.pop().map(|first| first.key);
            assert_eq!(first, Some(key));
            queue.push(candidate(key));
        }
        assert_eq!(queue.len(), 3000);
        for key in 0..3000 {
            assert_eq!(queue.pop().map(|first| first.key), Some(key));
        }
        assert!(queue.pop().is_none());
        assert_eq!((queue.len(), queue.lock().chunks.len()), (0, 1));
    }
}
