//! [`Bucket`]: a limit and its cell, and every step that a caller or a waiter takes.
//!
//! # How waiting works
//!
//! The fast path ([`Bucket::take`]) needs only the cell. Everything else happens under the line's lock, which
//! the caller holds and hands in as `&mut Line`.
//!
//! *Joining* takes or marks the cell as queued in one exchange. From then on the fast path is closed, and
//! whoever gives tokens back sees the mark in the very exchange that gives them: a wake-up cannot be lost
//! between "there is not enough" and "I wait".
//!
//! *The head leads*: it alone sleeps until a date. Whoever holds the lock first serves all who can be served
//! ([`Bucket::serve`]) and wakes those and the new head; so the line moves with whatever caller comes first,
//! and nobody waits for a particular thread.
//!
//! *Leaving* is symmetric: a waiter that was granted but has not seen it gives its tokens back; if the head
//! leaves, the next is woken to lead.
//!
//! # Linearization points
//!
//! A grant, also to a waiter, is the cell's exchange. A waiter's arrival is its exchange that finds too little
//! (or, behind others, its push under the lock). Its departure is the removal under the lock.
//!
//! What checks this: `docs/correctness.md`.

use core::task::Waker;
use core::time::Duration;

use super::cell::{Cell, Flags, Step};
use super::limit::{Limit, Seal, Taken};
use super::line::{Line, Standing, Ticket, Wakes};
use crate::algorithm::Algorithm;
use crate::{Timestamp, Tokens};

/// A limit and its cell.
#[derive(Debug)]
pub(crate) struct Bucket<L: Limit> {
    pub(super) cell: L::Cell,
    pub(super) limit: L,
}

/// What a caller wants who is ready to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    pub(crate) n: Tokens,
    /// Refuse rather than be served after this.
    pub(crate) deadline: Option<Timestamp>,
    /// Refuse rather than be more than so many in line.
    pub(crate) max_waiters: usize,
}

/// The answer to a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    Granted,
    /// Its ticket, and the amount that stands in line.
    Waiting(Ticket, Tokens),
    /// Not before the deadline; the wait would be this long.
    TooLate(Option<Duration>),
    Full,
    /// More than the bucket can hold.
    Exceeds(Tokens),
    Closed,
    /// The bucket has left service: look for its successor.
    Sealed,
}

/// What a waiter does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Granted,
    /// It leads: look again at this instant, or when woken.
    SleepUntil(Timestamp),
    /// Look again when woken.
    SleepUntilWoken,
    Closed,
    /// It wants more than the bucket, not the one that it joined before, can hold. It has left.
    Exceeds(Tokens),
    /// The bucket has left service: look for its successor.
    Sealed,
}

impl<L: Limit> Bucket<L> {
    /// A new bucket, marked with `flags` from the start.
    pub(crate) fn new(limit: L, now: Timestamp, flags: Flags) -> Bucket<L> {
        Bucket { cell: limit.open(now, flags), limit }
    }

    /// A new bucket with nothing in it.
    pub(crate) fn empty(limit: L, now: Timestamp, flags: Flags) -> Bucket<L> {
        Bucket { cell: limit.open_empty(now, flags), limit }
    }

    pub(crate) fn flags(&self) -> Flags {
        self.limit.flags(&self.cell)
    }

    /// The fast path: takes `n` if nobody waits.
    #[inline(always)]
    pub(crate) fn take(&self, n: Tokens, now: Timestamp) -> Taken {
        self.limit.take(&self.cell, n, now)
    }

    /// Takes `n` if the line is empty once it has been served; a refusal counts all who stand in it.
    pub(crate) fn take_behind(&self, line: &mut Line, n: Tokens, now: Timestamp, wakes: &mut Wakes) -> Taken {
        match self.take_locked(line, n, now, wakes) {
            Taken::Queued => Taken::Refused(self.wait_behind(line, n, now)),
            taken => taken,
        }
    }

    /// Takes `n` if the line is empty once it has been served, else `Queued`.
    fn take_locked(&self, line: &mut Line, n: Tokens, now: Timestamp, wakes: &mut Wakes) -> Taken {
        if n > self.capacity() {
            return Taken::Refused(None);
        }
        if self.serve(line, now, wakes) == Taken::Sealed {
            return Taken::Sealed;
        }
        if !line.is_empty() {
            return Taken::Queued;
        }
        let taken = self.limit.serve(&self.cell, n, !line.is_unused(), now);
        self.note_taken(line, taken, n, now);
        taken
    }

    /// Takes what is claimed, or joins the line.
    pub(crate) fn join(
        &self,
        line: &mut Line,
        claim: Claim,
        now: Timestamp,
        waker: &Waker,
        wakes: &mut Wakes,
    ) -> Joined {
        // Not asked: whether the line is closed. Who closes it seals the bucket, or has closed the keys, before.
        let Some(n) = claim.n.within(self.capacity()) else { return Joined::Exceeds(self.capacity()) };
        match self.take_locked(line, n, now, wakes) {
            Taken::Granted => return Joined::Granted,
            Taken::Sealed => return Joined::Sealed,
            Taken::Refused(_) | Taken::Queued => {}
        }
        if let Some(deadline) = claim.deadline {
            // Asked only if it matters: the answer may cost a walk along the line.
            let wait = self.wait_behind(line, n, now);
            if wait.is_none_or(|wait| now + wait > deadline) {
                return Joined::TooLate(wait);
            }
        }
        if line.len() >= claim.max_waiters {
            return Joined::Full;
        }
        // Foreign code first: should it panic, nothing has been marked.
        let (cost, waker) = (self.limit.weight(n), waker.clone());
        if line.is_empty() {
            let taken = self.limit.take_or_queue(&self.cell, n, now);
            self.note_taken(line, taken, n, now);
            match taken {
                // A state that does not fit its cell cannot be marked either, and will never be granted.
                Taken::Queued => {}
                Taken::Granted => return Joined::Granted,
                Taken::Sealed => return Joined::Sealed,
                Taken::Refused(wait) => return Joined::TooLate(wait),
            }
        }
        Joined::Waiting(line.push(n, cost, waker), n)
    }

    /// Where the owner of `ticket`, who wants `n`, stands now, after serving whoever can be served. It is
    /// registered to be woken by `waker` unless this was its last look.
    pub(crate) fn step(
        &self,
        line: &mut Line,
        (ticket, n): (Ticket, Tokens),
        now: Timestamp,
        waker: &Waker,
        wakes: &mut Wakes,
    ) -> Next {
        if line.standing(ticket) == Standing::Waiting && self.serve(line, now, wakes) == Taken::Sealed {
            line.register(ticket, waker, wakes);
            return Next::Sealed;
        }
        match line.standing(ticket) {
            Standing::Granted => {
                self.release(line);
                return Next::Granted;
            }
            Standing::Closed => {
                self.release(line);
                return Next::Closed;
            }
            Standing::Waiting if n > self.capacity() => {
                self.leave(line, (ticket, n), Seal::Respected, now, wakes);
                return Next::Exceeds(self.capacity());
            }
            Standing::Waiting => line.register(ticket, waker, wakes),
        }
        match line.head() {
            Some((head, _)) if head == ticket => match self.wait_for(n, now) {
                Some(wait) => Next::SleepUntil(now + wait),
                None => Next::SleepUntilWoken,
            },
            _ => Next::SleepUntilWoken,
        }
    }

    /// `next`, put off by up to `slack` if others stand behind the head, so that one look serves several.
    pub(crate) fn patient(&self, next: Next, line: &Line, slack: Duration, now: Timestamp) -> Next {
        match next {
            Next::SleepUntil(date) if !slack.is_zero() && line.len() > 1 => {
                // Half-way to full at the most, so that nothing overflows.
                let room = self
                    .time_to_idle(now)
                    .map_or(slack, |full_in| full_in.saturating_sub(date.since(now)) / 2);
                Next::SleepUntil(date + room.min(slack))
            }
            next => next,
        }
    }

    /// The owner of `ticket`, who wanted `n`, goes, whatever has become of it.
    pub(crate) fn leave(
        &self,
        line: &mut Line,
        (ticket, n): (Ticket, Tokens),
        seal: Seal,
        now: Timestamp,
        wakes: &mut Wakes,
    ) {
        let led = line.head().is_some_and(|(head, _)| head == ticket);
        let standing = line.standing(ticket);
        match standing {
            Standing::Waiting => line.leave(ticket, wakes),
            // As if it had never come. A bucket that was sealed since is full, or was removed with its books.
            Standing::Granted => {
                self.note_room(line, now);
                self.limit.refund(&self.cell, line.refundable(ticket, n), now, seal);
            }
            Standing::Closed => {}
        }
        self.release(line);
        if led || standing == Standing::Granted {
            self.serve_and_wake_head(line, now, wakes);
        }
    }

    /// The owner of a ticket has heard what became of it.
    fn release(&self, line: &mut Line) {
        line.release();
        if line.is_unused() {
            self.limit.unqueue(&self.cell);
        }
    }

    /// Serves from the head all who can be served; the new head, if there is one, is woken to lead.
    ///
    /// `Sealed` if the bucket has left service, `Granted` if the line is empty, else what its head was told.
    pub(crate) fn serve(&self, line: &mut Line, now: Timestamp, wakes: &mut Wakes) -> Taken {
        /// Wakes the head if it is another, also if an algorithm panics half-way.
        struct Moved<'a>(&'a mut Line, &'a mut Wakes, bool);
        impl Drop for Moved<'_> {
            fn drop(&mut self) {
                if self.2 {
                    self.0.wake_head(self.1);
                }
            }
        }
        self.note_room(line, now);
        let mut pass = Moved(line, wakes, false);
        loop {
            let Some((_, n)) = pass.0.head() else { return Taken::Granted };
            // It joined another bucket, one that could hold so much. It hears of it when it looks.
            let too_much = n > self.capacity();
            pass.2 |= too_much;
            let taken =
                if too_much { Taken::Refused(None) } else { self.limit.serve(&self.cell, n, true, now) };
            if taken != Taken::Granted {
                return taken;
            }
            self.note_taken(pass.0, taken, n, now);
            pass.0.grant_head(pass.1);
            pass.2 = true;
        }
    }

    /// The same, and the head is woken even if it has not changed: its date may have.
    pub(crate) fn serve_and_wake_head(&self, line: &mut Line, now: Timestamp, wakes: &mut Wakes) {
        self.serve(line, now, wakes);
        line.wake_head(wakes);
    }

    /// Keeps account of the room that unseen grants depend on: before any is made.
    pub(crate) fn note_room(&self, line: &mut Line, now: Timestamp) {
        if line.has_unheard() {
            line.note_room(self.capacity() - self.available(now));
        }
    }

    /// The same, of the moment at which `n` were taken: what was given back just before has filled room that this
    /// take has made again.
    fn note_taken(&self, line: &mut Line, taken: Taken, n: Tokens, now: Timestamp) {
        if taken == Taken::Granted && line.has_unheard() {
            line.note_room(self.capacity() - (self.available(now) + n));
        }
    }

    /// Gives `n` back. If the flags returned are queued, the line is to be served.
    pub(crate) fn refund(&self, n: Tokens, now: Timestamp, seal: Seal) -> Flags {
        self.limit.refund(&self.cell, n, now, seal)
    }

    /// Takes `n` unconditionally.
    pub(crate) fn debit(&self, n: Tokens, now: Timestamp, seal: Seal) -> Flags {
        self.limit.debit(&self.cell, n, now, seal)
    }

    /// Takes the bucket out of service if it is idle, was so at `since`, and nobody waits; true if it was this call
    /// that did.
    pub(crate) fn retire(&self, since: Timestamp, now: Timestamp) -> bool {
        self.limit.retire(&self.cell, since, now)
    }

    /// Takes the bucket out of service; true if it was in. With the line locked.
    pub(crate) fn seal(&self) -> bool {
        self.limit.seal(&self.cell)
    }
}

impl<A: Algorithm> Bucket<A> {
    /// Gives back, in service or not, what `ask` says: the amount and the date. It is asked once the state has been
    /// read, and again whenever another was first, so that no exchange that it does not know of comes before its own.
    pub(crate) fn refund_late(&self, mut ask: impl FnMut(&A) -> (Tokens, Timestamp)) -> Flags {
        let refunded = self.cell.update(|state, flags| {
            let (n, now) = ask(&self.limit);
            Step::Put(self.limit.give_back(state, n, now), flags, flags)
        });
        refunded.unwrap_or(Flags::NONE)
    }
}
