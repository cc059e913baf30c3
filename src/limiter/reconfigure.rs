//! Changing a limit while it is in use.

use super::Limiter;
use crate::kernel::Limit;
use crate::kernel::bucket::Bucket;
use crate::kernel::cell::Flags;
use crate::kernel::sync::yield_now;
use crate::{Carry, Clock};

impl<A: Limit, C: Clock> Limiter<A, C> {
    /// Replaces the algorithm by `new`, keeping the tokens held (up to the new capacity) and any debt.
    ///
    /// It is atomic: what has accrued until now has accrued at the old rate, what comes from now on comes at the new
    /// one, and no grant falls in between. Those who wait keep their places and are re-timed; one who wants more
    /// than the new capacity gets [`ExceedsCapacity`](crate::AcquireError::ExceedsCapacity). A closed limiter
    /// stays as it is.
    ///
    /// Cost: the line's lock. A limiter that was reconfigured finds its bucket through one more pointer, some 5 ns
    /// a call; one that was not pays nothing for this.
    ///
    /// ```
    /// use lazy_limiter::{Limiter, Rate, TokenBucket, Tokens};
    ///
    /// let limiter = Limiter::new(TokenBucket::new(10, Rate::ZERO));
    /// limiter.try_acquire(4)?;
    /// limiter.reconfigure(TokenBucket::new(100, Rate::ZERO));
    /// assert_eq!(limiter.available(), Tokens::from(6));
    /// # Ok::<(), lazy_limiter::AcquireError>(())
    /// ```
    pub fn reconfigure(&self, new: A) {
        self.reconfigure_with(new, Carry::AsIs);
    }

    /// As [`reconfigure`](Self::reconfigure), with a choice of what becomes of the tokens held.
    pub fn reconfigure_with(&self, new: A, carry: Carry) {
        self.with_line(|_, line, wakes| {
            if line.is_closed() {
                return;
            }
            let now = self.clock.now();
            let new = Bucket::empty(new, now, Flags::QUEUED);
            self.current.replace(new, |old, new| old.hand_over(new, carry, line, now, wakes, yield_now));
        });
    }
}
