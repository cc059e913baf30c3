//! Looking at a limiter: none of these changes it.

use core::time::Duration;

use super::Limiter;
use crate::kernel::Limit;
use crate::kernel::bucket::Bucket;
use crate::kernel::line::Line;
use crate::wait::checked;
use crate::{Algorithm, Clock, Snapshot, Timestamp, Tokens};

impl<A: Limit, C: Clock> Limiter<A, C> {
    /// What it holds now, whoever may be waiting for it; zero while in debt.
    pub fn available(&self) -> Tokens {
        let now = self.clock.now();
        self.current.with(|bucket| bucket.available(now))
    }

    /// The clock that it goes by.
    pub fn clock(&self) -> &C {
        &self.clock
    }

    /// What it holds when full.
    pub fn capacity(&self) -> Tokens {
        self.current.with(Bucket::capacity)
    }

    /// How long until `n` could be taken by one who comes now, everyone in line served first; zero if now.
    /// `None`: never, unless tokens are given back, or `n` is above the capacity or no amount.
    pub fn time_to_available(&self, n: impl Into<Tokens>) -> Option<Duration> {
        self.time_to_serve(n.into(), self.clock.now())
    }

    pub(crate) fn time_to_serve(&self, n: Tokens, now: Timestamp) -> Option<Duration> {
        self.look(|bucket, line| match (checked::<()>(n, bucket.capacity()).ok()?, line) {
            (None, _) => Some(Duration::ZERO),
            (Some(n), Some(line)) => bucket.wait_behind(line, n, now),
            (Some(n), None) => bucket.wait_for(n, now),
        })
    }

    /// The limit, what is left of it, and when there will be more, in one consistent reading.
    pub fn snapshot(&self) -> Snapshot {
        let now = self.clock.now();
        self.look(|bucket, line| match line {
            Some(line) => bucket.snapshot_behind(line, now),
            None => bucket.snapshot(now),
        })
    }

    /// Whether it is full and nobody waits.
    pub fn is_idle(&self) -> bool {
        let now = self.clock.now();
        self.current.with(|bucket| bucket.is_idle(now))
    }

    /// How long until it [is idle](Self::is_idle) if nobody else comes; `None`: never.
    pub fn time_to_idle(&self) -> Option<Duration> {
        let now = self.clock.now();
        self.look(|bucket, line| match line {
            Some(line) => bucket.wait_behind(line, bucket.capacity(), now),
            None => bucket.time_to_idle(now),
        })
    }

    /// How many are waiting in line.
    pub fn waiting(&self) -> usize {
        self.line.lock().len()
    }

    /// Asks the algorithm something about the state that it is in now, whoever may be waiting. Changes nothing.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lazy_limiter::{All, FixedWindow, Limiter, Rate, TokenBucket, Tokens};
    ///
    /// let burst = TokenBucket::new(10, Rate::per_second(5));
    /// let day = FixedWindow::new(1000, Duration::from_secs(24 * 60 * 60));
    /// let limiter = Limiter::new(All((burst, day)));
    /// limiter.try_acquire(10)?;
    /// // Which of the two is it that refuses?
    /// let limiting = limiter.inspect(|all, state, now| all.limiting(state, Tokens::from(10), now));
    /// assert_eq!(limiting, Some(0));
    /// # Ok::<(), lazy_limiter::AcquireError>(())
    /// ```
    pub fn inspect<R>(&self, ask: impl FnOnce(&A, &A::State, Timestamp) -> R) -> R
    where
        A: Algorithm,
    {
        let now = self.clock.now();
        self.current.with(|bucket| bucket.inspect(|algorithm, state| ask(algorithm, state, now)))
    }

    /// Looks at the current bucket, and at the line if anybody may stand in it.
    fn look<R>(&self, look: impl FnOnce(&Bucket<A>, Option<&Line>) -> R) -> R {
        match self.current.with(|bucket| bucket.flags().is_queued()) {
            true => self.with_line(|bucket, line, _| look(bucket, Some(line))),
            false => self.current.with(|bucket| look(bucket, None)),
        }
    }
}
