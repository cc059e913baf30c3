//! [`Gate`]: the flags of a from-scratch [`RateLimiter`], which has no word to put them in.
//!
//! Word: the two flags on top, then a version, then the number of callers inside.
//!
//! Everyone who may change the limiter enters (one more inside) and exits (one less, the next version). A
//! reclaimer reads the word, asks the limiter whether it is idle, and seals by compare-exchange from the word
//! that it read.
//!
//! **Invariant.** If that exchange succeeds and nobody was inside, then nobody entered between the two: whoever
//! did has changed the count or the version. So the limiter was idle when it was sealed. (A version comes
//! round after 2³⁰ calls within one look.) Nobody ever waits for anybody: callers only add to the word.
//!
//! **Waiting.** A caller that is about to wait marks the word and then tries once more; one that gives back
//! exits after giving. Both are read-modify-writes of one word, so one of them comes second and sees the
//! other: either the waiter sees the tokens, or the giver sees the mark and serves the line.
//!
//! What checks this: `docs/correctness.md`.

use alloc::boxed::Box;
use core::time::Duration;

use super::cell::Flags;
use super::limit::{Limit, Reading, Seal, Taken};
use super::sync::{AtomicU64, Ordering};
use crate::algorithm::Ahead;
use crate::{Carry, RateLimiter, Timestamp, Tokens};

/// Flags and traffic of one from-scratch limiter.
#[derive(Debug)]
pub struct Gate(AtomicU64);

const FLAGS_AT: u32 = u64::BITS - Flags::BITS;
const INSIDE: u64 = u32::MAX as u64;
const VERSION: u64 = INSIDE + 1;
const VERSIONS: u64 = (1 << FLAGS_AT) - 1 - INSIDE;

fn flags(word: u64) -> Flags {
    Flags::from_bits(word >> FLAGS_AT)
}

fn bits(flags: Flags) -> u64 {
    flags.bits() << FLAGS_AT
}

impl Gate {
    fn new(flags: Flags) -> Gate {
        Gate(AtomicU64::new(bits(flags)))
    }

    /// Replaces the word by `next`'s of it; the old one.
    fn update(&self, next: impl FnMut(u64) -> Option<u64>) -> Result<u64, u64> {
        // AcqRel on success and Acquire on failure: whoever follows in the word's modification order sees
        // all that its predecessors did to the limiter.
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, next)
    }

    /// Enters, does `inside`, and exits, unless `admit` refuses the flags. The flags at the exit.
    fn pass<R>(
        &self,
        admit: impl Fn(Flags) -> bool,
        inside: impl FnOnce() -> R,
    ) -> Result<(R, Flags), Flags> {
        self.update(|word| admit(flags(word)).then_some(word + 1)).map_err(flags)?;
        // Exits on unwinding too: a limiter that panics must not keep its key for ever.
        let exit = Exit(self);
        let result = inside();
        let left = exit.leave();
        Ok((result, left))
    }

    fn exit(&self) -> Flags {
        let left = self.update(|word| {
            let version = (word & VERSIONS).wrapping_add(VERSION) & VERSIONS;
            Some((word & !VERSIONS | version) - 1)
        });
        flags(left.unwrap_or_else(|word| word))
    }

    fn mark(&self, flags: Flags) -> Flags {
        // AcqRel: the mark is one half of the exchange described at the top.
        Flags::from_bits(self.0.fetch_or(bits(flags), Ordering::AcqRel) >> FLAGS_AT)
    }

    fn unmark(&self, flags: Flags) {
        // AcqRel: keeps the word one chain of read-modify-writes.
        self.0.fetch_and(!bits(flags), Ordering::AcqRel);
    }
}

struct Exit<'a>(&'a Gate);

impl Exit<'_> {
    fn leave(self) -> Flags {
        let gate = self.0;
        core::mem::forget(self);
        gate.exit()
    }
}

impl Drop for Exit<'_> {
    fn drop(&mut self) {
        self.0.exit();
    }
}

fn taken(refusal: Result<(), Option<Duration>>) -> Taken {
    refusal.map_or_else(Taken::Refused, |()| Taken::Granted)
}

/// The flags to report of a change: sealed only if it was turned away. One that was inside as the bucket was sealed
/// is done, and must not be done again elsewhere.
fn done(passed: Result<((), Flags), Flags>) -> Flags {
    passed.map_or_else(|flags| flags, |((), flags)| flags.without(Flags::SEALED))
}

fn barred(flags: Flags) -> Taken {
    if flags.is_sealed() { Taken::Sealed } else { Taken::Queued }
}

impl Limit for Box<dyn RateLimiter> {
    type Cell = Gate;

    fn most(&self) -> Tokens {
        self.capacity()
    }

    fn open(&self, now: Timestamp, flags: Flags) -> Gate {
        self.start(now);
        Gate::new(flags)
    }

    /// One level and one debt. A limiter from scratch cannot be asked for another that is new: to start anew is to be
    /// full.
    fn take_over(&self, gate: &Gate, old: &Self, _left: &Gate, carry: Carry, now: Timestamp) {
        let share = |n| carry.share(n, old.capacity(), self.capacity());
        let (level, debt) = match carry {
            Carry::Reset => (self.capacity(), Tokens::ZERO),
            _ => (share(old.available(now)), share(old.debt(now))),
        };
        if debt > Tokens::ZERO {
            self.debit(gate, debt, now, Seal::Ignored);
        } else {
            self.refund(gate, level, now, Seal::Ignored);
        }
    }

    fn open_empty(&self, now: Timestamp, flags: Flags) -> Gate {
        self.start(now);
        self.charge(self.available(now), now);
        Gate::new(flags)
    }

    fn flags(&self, gate: &Gate) -> Flags {
        // Acquire: as in `Gate::update`.
        flags(gate.0.load(Ordering::Acquire))
    }

    fn take(&self, gate: &Gate, n: Tokens, now: Timestamp) -> Taken {
        match gate.pass(Flags::is_none, || self.try_acquire(n, now)) {
            Ok((refusal, _)) => taken(refusal),
            Err(flags) => barred(flags),
        }
    }

    fn take_or_queue(&self, gate: &Gate, n: Tokens, now: Timestamp) -> Taken {
        let before = self.queue(gate);
        match gate.pass(|flags| !flags.is_sealed(), || self.try_acquire(n, now)) {
            Ok((Ok(()), _)) => {
                if before.is_none() {
                    gate.unmark(Flags::QUEUED);
                }
                Taken::Granted
            }
            Ok((Err(_), _)) => Taken::Queued,
            Err(_) => Taken::Sealed,
        }
    }

    fn serve(&self, gate: &Gate, n: Tokens, queued: bool, now: Timestamp) -> Taken {
        if queued && !self.flags(gate).is_queued() {
            gate.mark(Flags::QUEUED);
        }
        match gate.pass(|flags| !flags.is_sealed(), || self.try_acquire(n, now)) {
            Ok((refusal, flags)) => {
                if !queued && flags.is_queued() {
                    gate.unmark(Flags::QUEUED);
                }
                taken(refusal)
            }
            Err(_) => Taken::Sealed,
        }
    }

    fn queue(&self, gate: &Gate) -> Flags {
        let before = gate.mark(Flags::QUEUED);
        if before.is_sealed() {
            gate.unmark(Flags::QUEUED);
        }
        before
    }

    fn unqueue(&self, gate: &Gate) {
        gate.unmark(Flags::QUEUED);
    }

    fn refund(&self, gate: &Gate, n: Tokens, now: Timestamp, seal: Seal) -> Flags {
        let admit = |flags: Flags| !flags.is_sealed() || seal == Seal::Ignored;
        done(gate.pass(admit, || self.give_back(n, now)))
    }

    fn debit(&self, gate: &Gate, n: Tokens, now: Timestamp, seal: Seal) -> Flags {
        let admit = |flags: Flags| !flags.is_sealed() || seal == Seal::Ignored;
        done(gate.pass(admit, || self.charge(n, now)))
    }

    fn retire(&self, gate: &Gate, since: Timestamp, now: Timestamp) -> bool {
        // Acquire: whoever exited before this load has its changes seen by `is_idle`.
        let word = gate.0.load(Ordering::Acquire);
        if !flags(word).is_none() || word & INSIDE != 0 || !self.is_idle_since(since, now) {
            return false;
        }
        // AcqRel: the seal is a link of the word's chain; failure decides nothing more.
        let sealed = word | bits(Flags::SEALED);
        gate.0.compare_exchange(word, sealed, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    fn seal(&self, gate: &Gate) -> bool {
        let live = !gate.mark(Flags::SEALED).is_sealed();
        gate.unmark(Flags::QUEUED);
        live
    }

    fn is_quiet(&self, gate: &Gate) -> bool {
        // Acquire: what those who were inside did is seen by whoever reads the limiter next.
        gate.0.load(Ordering::Acquire) & INSIDE == 0
    }

    fn level(&self, _gate: &Gate, now: Timestamp) -> Tokens {
        self.available(now)
    }

    fn wait_for(&self, _gate: &Gate, ahead: Ahead<'_>, n: Tokens, now: Timestamp) -> Option<Duration> {
        self.time_to_serve(ahead, n, now)
    }

    fn is_full(&self, _gate: &Gate, now: Timestamp) -> bool {
        self.is_idle(now)
    }

    fn wait_for_full(&self, _gate: &Gate, now: Timestamp) -> Option<Duration> {
        self.time_to_idle(now)
    }

    fn weight(&self, n: Tokens) -> u64 {
        self.cost(n)
    }

    /// As consistent as its methods are between themselves.
    fn reading(&self, _gate: &Gate, n: Tokens, now: Timestamp) -> Reading {
        Reading {
            level: self.available(now),
            debt: self.debt(now),
            full_in: self.time_to_idle(now),
            wait: self.time_to_available(n, now),
        }
    }
}
