//! Taking without waiting, giving back, removing, closing.

use core::hash::{BuildHasher, Hash};

use super::candidates::Candidate;
use super::reclaim::InHand;
use super::table::Guard;
use super::{Equivalent, KeyedLimiter};
use crate::kernel::Limit;
use crate::kernel::bucket::Bucket;
use crate::kernel::limit::{Seal, Taken};
use crate::kernel::line::{Line, Wakes};
use crate::kernel::sync::{Ordering, fence};
use crate::meter::Meter;
use crate::wait::{checked, valid};
use crate::{AcquireError, Clock, Timestamp, Tokens};

impl<K, A, E, C, S> KeyedLimiter<K, A, E, C, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    A: Limit,
    C: Clock,
    S: BuildHasher,
{
    /// Takes `n` of `key`'s tokens now, or refuses. Never waits, and never passes those who do.
    ///
    /// Cost on a key that is held: one read of the clock, one look-up and one compare-exchange, and an inspection
    /// of some other key now and then; nothing is allocated. A refusal writes nothing. While others
    /// wait for this key, its line's lock.
    ///
    /// # Errors
    ///
    /// As [`Limiter::try_acquire`](crate::Limiter::try_acquire); and, for a key that is not held,
    /// [`Policy`](AcquireError::Policy) or [`TooManyKeys`](AcquireError::TooManyKeys).
    #[inline]
    pub fn try_acquire<Q>(&self, key: &Q, n: impl Into<Tokens>) -> Result<(), AcquireError<E>>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        let (n, now) = (n.into(), self.clock.now());
        match self.take_held(key, n, now) {
            Some(Taken::Granted) => {
                self.meter.granted();
                Ok(())
            }
            Some(Taken::Refused(retry_after)) => {
                self.meter.denied();
                if Meter::is_wanted() {
                    self.tell_denied(key, n, now);
                }
                Err(AcquireError::Denied { retry_after })
            }
            _ => self.try_acquire_slow(key, n, now),
        }
    }

    #[cold]
    fn try_acquire_slow<Q>(&self, key: &Q, n: Tokens, now: Timestamp) -> Result<(), AcquireError<E>>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        self.try_acquire_now(key, n, now).inspect_err(|error| self.meter.refused(error, || now))?;
        self.meter.granted();
        Ok(())
    }

    fn try_acquire_now<Q>(&self, key: &Q, n: Tokens, now: Timestamp) -> Result<(), AcquireError<E>>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        let result = self.take(key, n, now).and_then(|taken| match taken {
            Taken::Granted => Ok(()),
            Taken::Refused(retry_after) => Err(AcquireError::Denied { retry_after }),
            Taken::Queued | Taken::Sealed => self.try_acquire_behind(key, n, now),
        });
        self.or_overflow(result, |overflow| overflow.try_acquire_now(n))
    }

    /// With a hint of its own: the caller's is worked out only if the caller looks at it.
    #[cold]
    #[inline(never)]
    fn tell_denied<Q>(&self, key: &Q, n: Tokens, now: Timestamp)
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let retry_after = self.time_to_serve(key, n, now);
        self.meter.tell(&AcquireError::<E>::Denied { retry_after }, now);
    }

    /// The fast path: takes from a key that is held, if the amount is in order. `None`: it is for the slow path.
    #[inline]
    fn take_held<Q>(&self, key: &Q, n: Tokens, now: Timestamp) -> Option<Taken>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let up = n.rounded_up();
        // Relaxed: an acquire that races with `close` may come before it.
        if up == Tokens::ZERO || self.closed.load(Ordering::Relaxed) {
            return None;
        }
        let guard = self.table.guard();
        let bucket = self.held(key, &guard).filter(|bucket| up <= bucket.capacity())?;
        let taken = bucket.take(up, self.not_before_retired(now));
        drop(guard);
        if taken == Taken::Sealed {
            return None;
        }
        self.inspect_now_and_then(now);
        Some(taken)
    }

    /// Takes without the line's lock, and makes the bucket if there is none; `Queued` if there is a line.
    pub(super) fn take<Q>(&self, key: &Q, n: Tokens, now: Timestamp) -> Result<Taken, AcquireError<E>>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        match self.take_held(key, n, now) {
            Some(taken) => Ok(taken),
            None => self.take_slow(key, n, now),
        }
    }

    /// When the key is not held, the limiter is closed, or the amount is out of the ordinary.
    #[cold]
    fn take_slow<Q>(&self, key: &Q, n: Tokens, now: Timestamp) -> Result<Taken, AcquireError<E>>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        if !n.is_valid() {
            return Err(AcquireError::InvalidAmount);
        }
        if self.closed.load(Ordering::Relaxed) {
            return Err(AcquireError::Closed);
        }
        if n == Tokens::ZERO {
            return Ok(Taken::Granted);
        }
        self.with_bucket(
            key,
            now,
            |capacity| checked(n, capacity).map(drop),
            |bucket, now| match n.within(bucket.capacity()).map(|n| bucket.take(n, now)) {
                None | Some(Taken::Sealed) => None,
                taken => taken,
            },
        )
    }

    #[cold]
    fn try_acquire_behind<Q>(&self, key: &Q, n: Tokens, now: Timestamp) -> Result<(), AcquireError<E>>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        let behind = |line: &mut Line, wakes: &mut Wakes| {
            let guard = self.table.guard();
            let Some(bucket) = self.held(key, &guard) else { return Ok(Taken::Sealed) };
            match checked(n, bucket.capacity())? {
                Some(n) => Ok(bucket.take_behind(line, n, self.not_before_retired(now), wakes)),
                None => Ok(Taken::Granted),
            }
        };
        let taken = loop {
            // Without a line to be found, one is made: it sets the mark right, should that be wrong.
            let found = self.lines.with_found(key, behind);
            match found
                .unwrap_or_else(|| self.lines.with(&key.to_owned(), |_, line, wakes| behind(line, wakes)))?
            {
                // The bucket has been replaced: from the top.
                Taken::Sealed | Taken::Queued => match self.take(key, n, now)? {
                    Taken::Queued | Taken::Sealed => {}
                    taken => break taken,
                },
                taken => break taken,
            }
        };
        match taken {
            Taken::Refused(retry_after) => Err(AcquireError::Denied { retry_after }),
            _ => Ok(()),
        }
    }

    /// Gives `n` back to `key`, up to its capacity, and serves its line with it. A key that is not held is full:
    /// nothing happens. Works on a closed limiter too.
    ///
    /// # Errors
    ///
    /// [`InvalidAmount`](AcquireError::InvalidAmount).
    pub fn give_back<Q>(&self, key: &Q, n: impl Into<Tokens>) -> Result<(), AcquireError<E>>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let n = valid(n.into())?.rounded_down();
        if n == Tokens::ZERO {
            return Ok(());
        }
        let now = self.clock.now();
        loop {
            let guard = self.table.guard();
            let Some(bucket) = self.held(key, &guard) else { return Ok(()) };
            let flags = bucket.refund(n, now, Seal::Respected);
            if flags.is_sealed() {
                self.unlink(key, &guard);
                continue;
            }
            drop(guard);
            if flags.is_queued() {
                self.serve(key, now);
            }
            return Ok(());
        }
    }

    /// Takes `n` of `key`'s tokens unconditionally, into debt if need be: for costs that are known only
    /// afterwards. It may exceed the capacity, passes whoever waits, and delays them. Works on a closed limiter
    /// too.
    ///
    /// # Errors
    ///
    /// [`InvalidAmount`](AcquireError::InvalidAmount); for a key that is not held, also
    /// [`Policy`](AcquireError::Policy) or [`TooManyKeys`](AcquireError::TooManyKeys).
    pub fn charge<Q>(&self, key: &Q, n: impl Into<Tokens>) -> Result<(), AcquireError<E>>
    where
        Q: Hash + Equivalent<K> + ToOwned<Owned = K> + ?Sized,
    {
        let n = valid(n.into())?.rounded_up();
        if n == Tokens::ZERO {
            return Ok(());
        }
        let now = self.clock.now();
        let result = self.with_bucket(
            key,
            now,
            |_| Ok(()),
            |bucket, now| {
                if bucket.flags().is_queued() {
                    self.lines.with_found(key, |line, _| {
                        // Not if it has been replaced meanwhile: the line is another bucket's then.
                        if !bucket.flags().is_sealed() {
                            bucket.note_room(line, now);
                        }
                    });
                }
                (!bucket.debit(n, now, Seal::Respected).is_sealed()).then_some(())
            },
        );
        self.or_overflow(result, |overflow| overflow.charge(n))
    }

    /// Removes `key`, whatever its state: it is as good as new. True if it was held.
    ///
    /// Those who wait for it keep their order, and are served by the bucket that the policy makes for it next
    /// (with the policy's error, each of them, if it now refuses the key).
    pub fn remove<Q>(&self, key: &Q) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let guard = self.table.guard();
        let Some((key, _)) = self.table.get_key_value(key, &guard) else { return false };
        self.orphans.add(key.clone());
        let live = self.seal(key, &guard);
        if !live && !self.orphans.take(key) {
            // A candidate was dropped on our word, which we do not keep: here is another.
            self.candidates.add(Candidate { key: key.clone(), due: self.clock.now() + self.grace });
        }
        live
    }

    /// Takes `key`'s bucket out of service and out of the table; whether it was this call that did.
    fn seal(&self, key: &K, guard: &Guard<'_>) -> bool {
        // Sealed under the line's lock: what was granted from this bucket is told from what its successor
        // grants.
        let live = self.lines.with(key, |_, line, wakes| {
            // Looked up again: it may have been reconfigured before we had the lock.
            let live = self.held(key, guard).is_some_and(Bucket::seal);
            if live {
                line.forget_grants();
                line.wake_head(wakes);
            }
            live
        });
        self.unlink(key, guard);
        live
    }

    /// Removes every key that is held when it is called, as by [`remove`](Self::remove); how many there were.
    pub fn clear(&self) -> usize {
        let mut removed = 0;
        // Most are found by way of their candidates, one at a time, so that memory is freed in passing.
        for candidate in self.candidates.each() {
            let key = candidate.key.clone();
            let mut candidate = InHand::from_queue(&self.candidates, candidate);
            let sealed = self.seal(&key, &self.table.guard());
            removed += usize::from(sealed);
            if sealed || self.orphans.take(&key) {
                self.dropped(&mut candidate);
            }
        }
        // The others were being inspected meanwhile.
        let guard = self.table.guard();
        let removed = removed + self.table.iter(&guard).filter(|(key, _)| self.remove(*key)).count();
        drop(guard);
        self.shrink();
        removed
    }

    /// Closes it: everyone in line, for any key, is woken with [`Closed`](AcquireError::Closed), and so is
    /// every later acquire refused. [`give_back`](Self::give_back) and [`charge`](Self::charge) still keep
    /// the books.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        // SeqCst: pairs with the fence in `join`. Either we find the line of who joins, or it finds us closed.
        fence(Ordering::SeqCst);
        self.lines.all().iter().for_each(|line| line.close());
        self.overflow.iter().for_each(|overflow| overflow.close());
    }
}
