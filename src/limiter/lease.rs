//! [`Lease`]: tokens taken from a token bucket in one go, and handed out by one thread without atomics.
//!
//! # Why returning what is left mints nothing
//!
//! Had the tokens not been taken, the bucket would have been fuller by them all along, and might have overflowed: as
//! with a grant that is never seen, no more may come back than there has been room for at every moment since. Noting the
//! least room as a line does would make every call of everybody else come through the lock while there are leases. So
//! a lease returns what time alone leaves of it. Of `n` taken at `t`,
//!
//! ```text
//! v(now) = max(0, n - accrued(t to now))
//! ```
//!
//! has not come back at `now` even to a bucket that was full but for the lease, and at most that is returned.
//!
//! **Claim.** `level + sum of v over all leases <= capacity`, always. Taking a lease moves `n` from the first term to the
//! second. Other takes lower the first. While time passes the first rises by what accrues, and each `v` that is not zero
//! falls by as much; once all are zero the level is bounded by the capacity alone. Returning a lease moves at most
//! `v` from the second term to the first. So the room, `capacity - level`, has been at least this lease's `v` at every
//! moment, and `v` falls: what is returned fits into the least room there has been. A waiter's unseen grant (see
//! `kernel::line`) adds its amount to the room when it is made, and is bounded by the least room since: its share and that
//! of the leases do not overlap.
//!
//! The date is read between the load and the exchange that returns: whoever clamped the level at a later date before
//! the load had read its clock before, and whoever did after makes the exchange fail.
//!
//! [`give_back`](Limiter::give_back) alone may raise the level beside all this. It is the caller's word for what was
//! not used, and counts on top of the envelope, with a lease as without.

use core::fmt;

use super::Limiter;
use crate::{AcquireError, Clock, MonotonicClock, Timestamp, TokenBucket, Tokens};

/// Tokens taken from a [`Limiter`] in one go, to be handed out by one thread: a take is a comparison and a
/// subtraction, without atomics and without a look at the clock. For loops so hot that one word for all is too slow.
///
/// ```
/// use lazy_limiter::{Limiter, Rate, TokenBucket};
///
/// let limiter = Limiter::new(TokenBucket::new(1000, Rate::per_second(1_000_000)));
/// let mut lease = limiter.lease(100)?;
/// for _packet in 0..250 {
///     while !lease.try_take(1) {
///         lease = limiter.lease(100)?;
///     }
/// }
/// # Ok::<(), lazy_limiter::AcquireError>(())
/// ```
///
/// # Staleness
///
/// To the limiter, all `n` are granted when the lease is taken, and **grants stay within its envelope exactly**. Their
/// *use* may come later, by as much as the lease is old. Over any window, what is used is at most
/// `capacity + rate × (window + age)`, where no lease is used at a greater age; and at most
/// `capacity + rate × window` plus what is held in leases as the window begins. Keep leases small and short.
///
/// # Returning
///
/// Dropping a lease returns what is left, or as much of it as has not come back to the bucket by itself since the lease
/// was taken: tokens that the bucket would have had no room for, had they stayed there, are lost. So they are if the
/// limiter was reconfigured meanwhile. What is returned serves those who wait. It costs the line's lock.
#[must_use = "dropping a lease returns its tokens"]
pub struct Lease<'a, C: Clock = MonotonicClock> {
    limiter: &'a Limiter<TokenBucket, C>,
    /// In 2⁻²⁰ths of a token.
    left: u64,
    taken: Tokens,
    /// Not after the tokens were taken.
    since: Timestamp,
    /// Not after that either: how often the limiter had been reconfigured.
    generation: u64,
}

impl<C: Clock> Limiter<TokenBucket, C> {
    /// Takes `n` now, all or none, to be handed out without atomics by whoever holds the [`Lease`].
    ///
    /// # Errors
    ///
    /// Those of [`try_acquire`](Self::try_acquire).
    pub fn lease(&self, n: impl Into<Tokens>) -> Result<Lease<'_, C>, AcquireError> {
        let n = n.into();
        let (generation, since) = (self.current.generation(), self.clock.now());
        self.try_acquire(n)?;
        let taken = n.within(self.capacity()).unwrap_or(n.rounded_down());
        Ok(Lease { limiter: self, left: taken.parts(), taken, since, generation })
    }
}

impl<C: Clock> Lease<'_, C> {
    /// Takes `n` of what is left; false if less is left, or if `n` is no amount. Nothing has changed then.
    #[inline]
    pub fn try_take(&mut self, n: impl Into<Tokens>) -> bool {
        let n = n.into();
        // What is no amount has more parts than any.
        let fits = n.parts() <= self.left;
        if fits {
            self.left -= n.rounded_up().parts().min(self.left);
        }
        fits
    }

    /// What is left.
    pub fn left(&self) -> Tokens {
        Tokens::from_parts(self.left)
    }
}

impl<C: Clock> Drop for Lease<'_, C> {
    fn drop(&mut self) {
        if self.left == 0 {
            return;
        }
        let limiter = self.limiter;
        limiter.with_line(|bucket, line, wakes| {
            // Under the lock the bucket stays what it is. Another one owes this lease nothing.
            if limiter.current.generation() != self.generation {
                return;
            }
            bucket.note_room(line, limiter.clock.now());
            let mut now = Timestamp::ZERO;
            let flags = bucket.refund_late(|algorithm| {
                now = limiter.clock.now();
                (self.left().min(algorithm.outstanding(self.taken, self.since, now)), now)
            });
            if flags.is_queued() {
                bucket.serve_and_wake_head(line, now, wakes);
            }
        });
    }
}

impl<C: Clock> fmt::Debug for Lease<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("left", &self.left())
            .field("taken", &self.taken)
            .finish_non_exhaustive()
    }
}
