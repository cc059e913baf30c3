//! [`Line`]: those who wait for one bucket, first in, first out.
//!
//! A line lives under a lock (the shell's) that only those take who wait or wake.
//!
//! # Invariants
//!
//! 1. Entries stand in order of their tickets, and tickets are given out in order of arrival.
//! 2. Grants follow that order without exception. So one number tells what became of a ticket that is no
//!    longer in line: **below `served` it was granted**; otherwise the line was closed. Nothing is stored for a
//!    waiter once it has been granted.
//! 3. The first and the last entry are occupied; an entry in between whose owner has left is vacant until the
//!    line closes up. Vacant entries are at most half of a long line, so a line takes room for those who stand in
//!    it, and leaving costs O(1) amortised beside the look-up (at once by arithmetic where nobody has left
//!    the middle, else by binary search).
//! 4. When the lock is released, and unless the bucket is sealed, the bucket is marked as queued exactly if the
//!    line is [in use](Line::is_unused): somebody stands in it, or has yet to hear of a grant.
//!
//! # A grant that is never seen
//!
//! If its owner goes, its tokens are given back as if it had never come. But had it never come, the bucket would
//! have been fuller by them all along, and might have overflowed. So what can be given back is bounded by the
//! least room that the bucket has had since the grant. The mark of invariant 4 makes every call come through the
//! lock meanwhile, so that no moment of least room is missed.
//!
//! What checks this: `docs/correctness.md`.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::task::Waker;

use crate::Tokens;
use crate::algorithm::Ahead;

/// A waiter's number, in order of arrival.
pub(crate) type Ticket = u64;

/// Vacant entries that are always tolerated.
const FEW: usize = 32;

#[derive(Debug)]
struct Entry {
    ticket: Ticket,
    n: Tokens,
    cost: u64,
    /// Called when the waiter is granted, or must look again.
    waker: Option<Waker>,
    vacant: bool,
}

/// Those who wait, in order.
#[derive(Debug, Default)]
pub(crate) struct Line {
    entries: VecDeque<Entry>,
    vacant: usize,
    next: Ticket,
    /// All tickets below were granted, unless their owners left before.
    served: Ticket,
    /// Those of them below were granted by a bucket that has been removed since.
    forgotten: Ticket,
    /// Sum of the costs of those in line.
    cost: u128,
    closed: bool,
    /// Tickets whose owners have not heard yet what became of them.
    held: usize,
    /// The least room in the bucket since each grant that has not been heard of: rising from the oldest on.
    unheard: VecDeque<Room>,
}

/// The least room since the grants of tickets up to `upto`.
#[derive(Clone, Copy, Debug)]
struct Room {
    upto: Ticket,
    room: Tokens,
}

/// How many are told apart; beyond that, the oldest are taken together.
const ROOMS: usize = 64;

/// What became of a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Waiting,
    Granted,
    Closed,
}

impl Line {
    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.vacant
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether nobody stands in it and nobody has yet to hear of a grant.
    pub(crate) fn is_unused(&self) -> bool {
        self.held == 0
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// The ticket at the head, and its amount.
    pub(crate) fn head(&self) -> Option<(Ticket, Tokens)> {
        self.entries.front().map(|head| (head.ticket, head.n))
    }

    /// The line as [`Ahead`] of somebody.
    pub(crate) fn ahead<R>(&self, look: impl FnOnce(Ahead<'_>) -> R) -> R {
        let mut amounts = self.entries.iter().filter(|entry| !entry.vacant).map(|entry| entry.n);
        look(Ahead::new(self.cost, &mut amounts))
    }

    /// Joins the tail.
    pub(crate) fn push(&mut self, n: Tokens, cost: u64, waker: Waker) -> Ticket {
        let ticket = self.next;
        self.next += 1;
        self.held += 1;
        self.cost += u128::from(cost);
        self.entries.push_back(Entry { ticket, n, cost, waker: Some(waker), vacant: false });
        ticket
    }

    pub(crate) fn standing(&self, ticket: Ticket) -> Standing {
        match ticket < self.served {
            true => Standing::Granted,
            false if self.closed => Standing::Closed,
            false => Standing::Waiting,
        }
    }

    /// The owner of `ticket` has heard what became of it.
    pub(crate) fn release(&mut self) {
        self.held -= 1;
        if !self.has_unheard() {
            self.unheard.clear();
        }
        if self.held == 0 {
            (self.entries, self.unheard) = (VecDeque::new(), VecDeque::new());
        }
    }

    /// Whether somebody was granted and does not know.
    pub(crate) fn has_unheard(&self) -> bool {
        self.held > self.len()
    }

    /// The bucket has room for so much now.
    pub(crate) fn note_room(&mut self, room: Tokens) {
        let mut upto = None;
        while let Some(last) = self.unheard.back().filter(|last| last.room >= room) {
            upto = upto.or(Some(last.upto));
            self.unheard.pop_back();
        }
        self.unheard.extend(upto.map(|upto| Room { upto, room }));
    }

    /// How much of the `n` that were granted to `ticket` can be given back: none if the bucket that granted them
    /// was removed since.
    pub(crate) fn refundable(&self, ticket: Ticket, n: Tokens) -> Tokens {
        if ticket < self.forgotten {
            return Tokens::ZERO;
        }
        let at = self.unheard.partition_point(|room| room.upto < ticket);
        self.unheard.get(at).map_or(n, |room| n.min(room.room))
    }

    /// The head was granted: it leaves, and `wakes` will tell it.
    pub(crate) fn grant_head(&mut self, wakes: &mut Wakes) {
        if let Some(head) = self.entries.pop_front() {
            self.served = head.ticket + 1;
            self.cost -= u128::from(head.cost);
            wakes.wake(head.waker);
            self.close_up();
            match self.unheard.back_mut() {
                Some(last) if last.room == Tokens::MAX => last.upto = head.ticket,
                _ => self.unheard.push_back(Room { upto: head.ticket, room: Tokens::MAX }),
            }
            if self.unheard.len() > ROOMS {
                // The older has the less room: the next one makes do with it.
                let oldest = self.unheard.pop_front();
                if let (Some(oldest), Some(next)) = (oldest, self.unheard.front_mut()) {
                    next.room = oldest.room;
                }
            }
        }
    }

    /// The head must look at the clock again, or for the first time.
    pub(crate) fn wake_head(&mut self, wakes: &mut Wakes) {
        if let Some(head) = self.entries.front_mut() {
            // Taken, not cloned: it registers again when it looks, and is not woken twice until then.
            wakes.wake(head.waker.take());
        }
    }

    /// The owner of `ticket` goes, if it still stands in line.
    pub(crate) fn leave(&mut self, ticket: Ticket, wakes: &mut Wakes) {
        let Some(at) = self.position(ticket) else { return };
        let entry = &mut self.entries[at];
        entry.vacant = true;
        wakes.discard(entry.waker.take());
        self.cost -= u128::from(entry.cost);
        self.vacant += 1;
        self.close_up();
    }

    /// Everyone goes; each is woken to hear of it.
    pub(crate) fn close(&mut self, wakes: &mut Wakes) {
        self.closed = true;
        self.entries.drain(..).for_each(|entry| wakes.wake(entry.waker));
        self.entries = VecDeque::new();
        (self.vacant, self.cost) = (0, 0);
    }

    /// What was granted so far came from a bucket that is no more.
    pub(crate) fn forget_grants(&mut self) {
        self.forgotten = self.served;
    }

    /// The bucket is another: costs are weighed anew, and those who want more than `most` are woken to hear that
    /// they wait in vain.
    pub(crate) fn reweigh(&mut self, most: Tokens, weigh: impl Fn(Tokens) -> u64, wakes: &mut Wakes) {
        self.cost = 0;
        for entry in self.entries.iter_mut().filter(|entry| !entry.vacant) {
            entry.cost = weigh(entry.n);
            self.cost += u128::from(entry.cost);
            if entry.n > most {
                wakes.wake(entry.waker.take());
            }
        }
    }

    /// Registers `waker` for `ticket`.
    pub(crate) fn register(&mut self, ticket: Ticket, waker: &Waker, wakes: &mut Wakes) {
        let Some(at) = self.position(ticket) else { return };
        let known = &mut self.entries[at].waker;
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            wakes.discard(known.replace(waker.clone()));
        }
    }

    fn position(&self, ticket: Ticket) -> Option<usize> {
        let first = self.entries.front()?.ticket;
        // Exact while nobody in front has left and been closed up; it can only be too far back otherwise.
        let guess = usize::try_from(ticket.checked_sub(first)?).ok()?;
        match self.entries.get(guess) {
            Some(entry) if entry.ticket == ticket => Some(guess),
            _ => self.entries.binary_search_by_key(&ticket, |entry| entry.ticket).ok(),
        }
    }

    /// Restores invariant 3.
    fn close_up(&mut self) {
        while self.entries.front().is_some_and(|entry| entry.vacant) {
            self.entries.pop_front();
            self.vacant -= 1;
        }
        while self.entries.back().is_some_and(|entry| entry.vacant) {
            self.entries.pop_back();
            self.vacant -= 1;
        }
        if self.vacant > FEW && self.vacant > self.entries.len() / 2 {
            self.entries.retain(|entry| !entry.vacant);
            self.vacant = 0;
        }
        // Amortised by the entries that have gone since the buffer was filled.
        if self.entries.capacity() > FEW && self.entries.len() < self.entries.capacity() / 4 {
            self.entries.shrink_to(self.entries.len() * 2);
        }
    }
}

/// Wakers, to be dealt with once the line's lock is released: they are foreign code, and may call back into the
/// limiter, even when they are only dropped.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Wakes {
    /// To be woken, in order.
    pub(crate) due: Vec<Waker>,
    /// To be dropped.
    pub(crate) stale: Vec<Waker>,
}

impl Wakes {
    pub(crate) fn wake(&mut self, waker: Option<Waker>) {
        self.due.extend(waker);
    }

    fn discard(&mut self, waker: Option<Waker>) {
        self.stale.extend(waker);
    }
}
