//! [`Packed`]: a cell in one `AtomicU64`.
//!
//! Word: two flag bits on top, up to 62 bits of state below.
//!
//! **Invariant.** Every word ever stored is `flags << 62 | bits` with `bits < 2^BITS`: a state that does not
//! fit is refused before it is written.
//!
//! **Lock-free.** A compare-exchange fails only because another one succeeded (or spuriously, on machines
//! whose hardware does so), so some caller always makes progress.
//!
//! What checks this: `docs/correctness.md`.

use core::marker::PhantomData;

use super::cell::{Cell, Flags, Step, sealed};
use super::sync::{AtomicU64, Ordering};

/// A state that fits, with two bits to spare, in one word.
///
/// ```
/// use lazy_limiter::Pack;
///
/// /// A counter and the number of the window it counts in.
/// #[derive(Clone, Copy)]
/// struct Window { number: u32, used: u16 }
///
/// impl Pack for Window {
///     const BITS: u32 = 48;
///     fn pack(&self) -> u64 {
///         u64::from(self.number) << 16 | u64::from(self.used)
///     }
///     fn unpack(bits: u64) -> Self {
///         Window { number: (bits >> 16) as u32, used: bits as u16 }
///     }
/// }
/// ```
///
/// One that needs more is not compiled:
///
/// ```compile_fail,E0080
/// # use std::time::Duration;
/// # use lazy_limiter::{Algorithm, Limiter, Pack, Packed, Timestamp, Tokens};
/// #[derive(Clone, Copy)]
/// struct Wide(u64);
///
/// impl Pack for Wide {
///     const BITS: u32 = 63;
///     // ...
/// #    fn pack(&self) -> u64 { self.0 }
/// #    fn unpack(bits: u64) -> Self { Wide(bits) }
/// }
/// # struct Any;
/// # impl Algorithm for Any {
/// #     type State = Wide;
/// #     type Cell = Packed<Wide>;
/// #     fn capacity(&self) -> Tokens { Tokens::from(1) }
/// #     fn start(&self, _: Timestamp) -> Wide { Wide(0) }
/// #     fn available(&self, _: &Wide, _: Timestamp) -> Tokens { Tokens::from(1) }
/// #     fn consume(&self, wide: &Wide, _: Tokens, _: Timestamp) -> Wide { *wide }
/// #     fn time_to_available(&self, _: &Wide, _: Tokens, _: Timestamp) -> Option<Duration> { None }
/// #     fn give_back(&self, wide: &Wide, _: Tokens, _: Timestamp) -> Wide { *wide }
/// # }
/// # Limiter::new(Any).try_acquire(1).ok();
/// ```
pub trait Pack: Clone + Send + Sync + 'static {
    /// How many bits [`pack`](Self::pack) uses: at most 62, which is checked when the program is compiled.
    const BITS: u32;

    /// The state as a number below 2<sup>`BITS`</sup>.
    ///
    /// One that is not below is never cut: the call that led to it is refused and changes nothing, and a
    /// bucket that would start with it panics when it is made.
    fn pack(&self) -> u64;

    /// The state that [`pack`](Self::pack) turned into `bits`.
    fn unpack(bits: u64) -> Self;
}

/// A cell in one `AtomicU64`: a grant is one compare-exchange, a refusal one load.
pub struct Packed<S> {
    word: AtomicU64,
    state: PhantomData<fn() -> S>,
}

const FLAGS_AT: u32 = u64::BITS - Flags::BITS;

/// `None`: the state does not fit.
#[inline]
fn join<S: Pack>(state: &S, flags: Flags) -> Option<u64> {
    const { assert!(S::BITS <= FLAGS_AT, "a packed state has at most 62 bits") };
    let bits = state.pack();
    (bits >> S::BITS == 0).then_some(flags.bits() << FLAGS_AT | bits)
}

#[inline]
fn split<S: Pack>(word: u64) -> (S, Flags) {
    (S::unpack(word & (u64::MAX >> Flags::BITS)), Flags::from_bits(word >> FLAGS_AT))
}

impl<S> sealed::Sealed for Packed<S> {}

impl<S: Pack> Cell for Packed<S> {
    type State = S;

    fn new(state: S, flags: Flags) -> Self {
        let word = join(&state, flags).expect("a starting state has at most `Pack::BITS` bits");
        Packed { word: AtomicU64::new(word), state: PhantomData }
    }

    #[inline]
    fn read<R>(&self, look: impl FnOnce(&S, Flags) -> R) -> R {
        // Acquire: pairs with the Release of the exchange that wrote this word, so that whoever sees
        // tokens come back also sees what was done before they were given.
        let (state, flags) = split(self.word.load(Ordering::Acquire));
        look(&state, flags)
    }

    // Always: the fast path is this loop and what is done in it, and pays for each call in between.
    #[inline(always)]
    fn update<R>(&self, mut step: impl FnMut(&S, Flags) -> Step<S, R>) -> Option<R> {
        // Acquire: as in `read`; a refusal is decided by this load alone.
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            let (state, flags) = split(word);
            let (next, result) = match step(&state, flags) {
                Step::Keep(result) => return Some(result),
                Step::Put(state, flags, result) => (join(&state, flags)?, result),
            };
            // Release: what the caller did before (giving back, joining the line) is visible to whoever
            // reads this word. Acquire, on both outcomes: as in `read`.
            match self.word.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some(result),
                Err(seen) => word = seen,
            }
        }
    }
}

impl<S: Pack + core::fmt::Debug> core::fmt::Debug for Packed<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.read(|state, flags| f.debug_tuple("Packed").field(state).field(&flags).finish())
    }
}
