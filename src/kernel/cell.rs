//! A cell: one bucket's whole state and two flags, read and replaced as one value.
//!
//! **Invariant.** All that decides a grant (the state, whether anybody waits, whether the bucket is sealed)
//! changes in one compare-exchange. Therefore, in the cell's modification order, no grant passes a waiter
//! that is already in line, and none comes after the seal.
//!
//! **Linearization point** of every operation: the successful compare-exchange, or the load that decided not
//! to write.
//!
//! What checks this: `docs/correctness.md`.

/// The two marks that share a cell with the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(u64);

impl Flags {
    /// Nobody waits and the bucket is live: the only flags under which the fast path takes.
    pub(crate) const NONE: Flags = Flags(0);
    /// Somebody stands in the line.
    pub(crate) const QUEUED: Flags = Flags(1);
    /// The bucket has left service: nothing is taken from it again.
    pub(crate) const SEALED: Flags = Flags(2);

    /// How many bits they fill.
    pub(crate) const BITS: u32 = 2;

    #[inline]
    pub(crate) const fn from_bits(bits: u64) -> Flags {
        Flags(bits & 3)
    }

    #[inline]
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    #[inline]
    pub(crate) const fn is_none(self) -> bool {
        self.0 == 0
    }

    #[inline]
    pub(crate) const fn is_queued(self) -> bool {
        self.0 & Self::QUEUED.0 != 0
    }

    #[inline]
    pub(crate) const fn is_sealed(self) -> bool {
        self.0 & Self::SEALED.0 != 0
    }

    #[inline]
    pub(crate) const fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    #[inline]
    pub(crate) const fn without(self, other: Flags) -> Flags {
        Flags(self.0 & !other.0)
    }
}

/// What to do with a state that was looked at.
#[derive(Debug)]
pub enum Step<S, R> {
    /// Leave it, without a write.
    Keep(R),
    /// Replace it, if it is still the same.
    Put(S, Flags, R),
}

/// Where a bucket keeps its state: [`Packed`](crate::Packed) or [`Boxed`](crate::Boxed).
///
/// This trait is sealed; an [`Algorithm`](crate::Algorithm) names one of the two.
pub trait Cell: Send + Sync + Sized + sealed::Sealed + 'static {
    /// The state it holds.
    type State: Clone;

    /// A cell that holds `state`.
    #[doc(hidden)]
    fn new(state: Self::State, flags: Flags) -> Self;

    /// Looks at the state.
    #[doc(hidden)]
    fn read<R>(&self, look: impl FnOnce(&Self::State, Flags) -> R) -> R;

    /// Replaces the state by what `step` says, looking again each time another thread was first.
    /// `None`: the new state does not fit, and nothing has changed.
    #[doc(hidden)]
    fn update<R>(&self, step: impl FnMut(&Self::State, Flags) -> Step<Self::State, R>) -> Option<R>;
}

pub(crate) mod sealed {
    /// Keeps `Cell` to the two kinds of this crate.
    pub trait Sealed {}
}
