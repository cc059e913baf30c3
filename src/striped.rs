//! [`StripedLimiter`]: one limit, divided over several words.
//!
//! Threads that take from one word at the same time wait for each other's cache line: measured with two of them, a
//! take costs four to six times what it costs alone. With a word each they do not notice one another.
//!
//! **Why it never over-admits.** Capacity and rate are divided exactly, in 2⁻²⁰ths of a token and as a ratio. Each stripe
//! is a token bucket of its own and keeps to `capacity/k + rate/k × window`, whoever takes from it; the sum
//! over the stripes is the envelope of the whole. No token ever moves from one stripe to another, so there is nothing to
//! lose or to mint in between.
//!
//! **Why there is no more to it.** A line in strict order needs one place where "nobody waits" and "taken" are decided in
//! one exchange, and a debt must keep everybody out; so must a new rate begin everywhere at once. All three
//! are one word's work. What waits, owes, or changes is a [`Limiter`](crate::Limiter)'s.

use core::cell::Cell;
use core::fmt;
use core::num::NonZeroUsize;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::kernel::bucket::Bucket;
use crate::kernel::cell::Flags;
use crate::kernel::limit::Taken;
use crate::wait::checked;
use crate::{AcquireError, Clock, InvalidPolicy, MonotonicClock, Rate, Timestamp, TokenBucket, Tokens};

/// A token bucket divided into stripes, for many threads that take from one limit at the same time: each takes from a
/// stripe of its own, and from the others before it is refused.
///
/// ```
/// use lazy_limiter::{Rate, StripedLimiter};
///
/// let packets = StripedLimiter::new(10_000, Rate::per_second(1_000_000));
/// assert!(packets.try_acquire(1).is_ok());
/// ```
///
/// # Guarantee
///
/// Never over-admits: over any window at most `capacity + rate × window` tokens are granted, as with one
/// [`TokenBucket`]. It may refuse where one bucket would grant: `n` are refused when no stripe has `n` by itself, that is,
/// when fewer than `stripes × n` are left in all. And a stripe that nobody takes from is full, and gets no more, while
/// others refill: the whole rate is used only while the others run empty and are helped out.
///
/// It refuses or grants; it does not wait, give back, or change. For that, and wherever threads seldom meet, a
/// [`Limiter`](crate::Limiter) is the better choice; where they meet all the time and a little staleness does no harm, so is
/// a [`lease`](crate::Limiter::lease) from one.
///
/// # Cost
///
/// A grant: one read of the clock and one compare-exchange on a word that is this thread's most of the time; a refusal
/// looks at every stripe. 128 bytes a stripe.
pub struct StripedLimiter<C = MonotonicClock> {
    /// A power of two of them.
    stripes: Box<[Stripe]>,
    clock: C,
    capacity: Tokens,
    /// The capacity of the smallest.
    most: Tokens,
}

/// On cache lines of its own: two, for they are fetched in pairs.
#[repr(align(128))]
struct Stripe(Bucket<TokenBucket>);

impl StripedLimiter {
    /// `capacity` tokens in all, refilled at `rate`, on a [`MonotonicClock`]; full at first.
    ///
    /// There are as many stripes as the machine has threads of execution, rounded up to a power of two; fewer, where
    /// that would leave less than one token for each.
    ///
    /// # Panics
    ///
    /// When [`try_with_stripes`](Self::try_with_stripes) would return an error.
    #[track_caller]
    pub fn new(capacity: impl Into<Tokens>, rate: Rate) -> StripedLimiter {
        StripedLimiter::with_clock(capacity, rate, MonotonicClock::new())
    }
}

impl<C: Clock> StripedLimiter<C> {
    /// As [`new`](StripedLimiter::new), on `clock`.
    ///
    /// # Panics
    ///
    /// When [`try_with_stripes`](Self::try_with_stripes) would return an error.
    #[track_caller]
    pub fn with_clock(capacity: impl Into<Tokens>, rate: Rate, clock: C) -> StripedLimiter<C> {
        let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        match Self::try_with_stripes(capacity, rate, clock, threads) {
            Ok(limiter) => limiter,
            Err(fault) => panic!("{fault}"),
        }
    }

    /// As [`new`](StripedLimiter::new), on `clock`, with so many stripes, rounded up to a power of two. There are fewer
    /// where that would leave less than one token, or a rate too slow to count, for each.
    ///
    /// # Errors
    ///
    /// Those of [`TokenBucket::try_new`].
    pub fn try_with_stripes(
        capacity: impl Into<Tokens>,
        rate: Rate,
        clock: C,
        stripes: usize,
    ) -> Result<StripedLimiter<C>, InvalidPolicy> {
        let capacity = capacity.into();
        // What is wrong with the whole is to be said of the whole.
        let capacity = TokenBucket::try_new(capacity, rate).map(|_| capacity.rounded_down())?;
        let mut count = stripes.clamp(1, MOST).next_power_of_two() as u64;
        let buckets = loop {
            let fits = capacity.parts() / count >= Tokens::ONE;
            match divide(capacity, rate, count) {
                Ok(buckets) if fits || count == 1 => break buckets,
                Err(fault) if count == 1 => return Err(fault),
                _ => count /= 2,
            }
        };
        let now = clock.now();
        let stripes =
            buckets.into_iter().map(|bucket| Stripe(Bucket::new(bucket, now, Flags::NONE))).collect();
        let most = Tokens::from_parts(capacity.parts() / count);
        Ok(StripedLimiter { stripes, clock, capacity, most })
    }

    /// Takes `n` now, or refuses.
    ///
    /// # Errors
    ///
    /// [`Denied`](AcquireError::Denied) with the time until some stripe has `n`;
    /// [`ExceedsCapacity`](AcquireError::ExceedsCapacity) for more than [`most`](Self::most), or
    /// [`InvalidAmount`](AcquireError::InvalidAmount).
    #[inline]
    pub fn try_acquire(&self, n: impl Into<Tokens>) -> Result<(), AcquireError> {
        self.try_acquire_from(own(), n.into())
    }

    #[inline]
    pub(crate) fn try_acquire_from(&self, own: usize, n: Tokens) -> Result<(), AcquireError> {
        let (up, now) = (n.rounded_up(), self.clock.now());
        let own = own & (self.stripes.len() - 1);
        if up > Tokens::ZERO && up <= self.most && self.stripes[own].0.take(up, now) == Taken::Granted {
            return Ok(());
        }
        self.take_from_any(own, n, now)
    }

    /// When its own stripe has too little, or the amount is out of the ordinary.
    #[cold]
    fn take_from_any(&self, own: usize, n: Tokens, now: Timestamp) -> Result<(), AcquireError> {
        let Some(n) = checked(n, self.most)? else { return Ok(()) };
        let mut wait = None;
        for step in 0..self.stripes.len() {
            match self.stripes[(own + step) & (self.stripes.len() - 1)].0.take(n, now) {
                Taken::Granted => return Ok(()),
                Taken::Refused(other) => wait = wait.into_iter().chain(other).min(),
                // The marks of these buckets are never set.
                Taken::Queued | Taken::Sealed => {}
            }
        }
        Err(AcquireError::Denied { retry_after: wait })
    }

    /// What all stripes hold, each at the moment when it is looked at.
    pub fn available(&self) -> Tokens {
        let now = self.clock.now();
        self.stripes.iter().fold(Tokens::ZERO, |sum, stripe| sum + stripe.0.available(now))
    }

    /// What all stripes hold when full.
    pub fn capacity(&self) -> Tokens {
        self.capacity
    }

    /// The most that one call can take: what the smallest stripe holds when full.
    pub fn most(&self) -> Tokens {
        self.most
    }

    /// How many stripes there are.
    pub fn stripes(&self) -> usize {
        self.stripes.len()
    }
}

/// More than this are of no use to anybody.
const MOST: usize = 1024;

/// `count` buckets that are `capacity` and `rate` together, exactly; the larger ones first.
fn divide(capacity: Tokens, rate: Rate, count: u64) -> Result<Vec<TokenBucket>, InvalidPolicy> {
    let period = rate.period().saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
    let share = Rate::new(rate.tokens(), period);
    let (each, more) = (capacity.parts() / count, capacity.parts() % count);
    let capacities = (0..count).map(|stripe| Tokens::from_parts(each + u64::from(stripe < more)));
    capacities.map(|capacity| TokenBucket::try_new(capacity, share)).collect()
}

thread_local! {
    /// This thread's number, once it has one.
    static NUMBER: Cell<u32> = const { Cell::new(u32::MAX) };
}

/// The next thread's number.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// Which stripe this thread takes from: threads are numbered as they come.
#[inline]
fn own() -> usize {
    // A thread that is about to end may have lost its number.
    match NUMBER.try_with(Cell::get) {
        Ok(u32::MAX) => number(),
        Ok(number) => number as usize,
        Err(_) => 0,
    }
}

#[cold]
fn number() -> usize {
    // Relaxed: a number that differs, nothing more.
    let number = NEXT.fetch_add(1, Ordering::Relaxed) & 0xffff;
    let _ = NUMBER.try_with(|own| own.set(number as u32));
    number
}

impl<C: Clock> fmt::Debug for StripedLimiter<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StripedLimiter")
            .field("available", &self.available())
            .field("capacity", &self.capacity)
            .field("stripes", &self.stripes.len())
            .finish()
    }
}
