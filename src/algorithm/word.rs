//! The one word of a state, and what it must have room for.

use crate::Tokens;
use crate::kernel::Pack;

/// What was drawn since the clock's origin, in units of the algorithm's own: the whole state, in one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn(pub(super) u64);

impl Pack for Drawn {
    const BITS: u32 = 62;

    #[inline]
    fn pack(&self) -> u64 {
        self.0
    }

    #[inline]
    fn unpack(bits: u64) -> Self {
        Drawn(bits)
    }
}

/// All that fits in the word.
pub(super) const FULL_WORD: u64 = (1 << Drawn::BITS) - 1;
/// The age of the clock for which every word has room: twelve years, and one and a half of debt. In nanoseconds.
pub(super) const HORIZON: u128 = 4930 * 86_400 * 1_000_000_000;
/// In nanoseconds.
pub(super) const HUNDRED_YEARS: u128 = 36_525 * 86_400 * 1_000_000_000;
/// The largest capacity, in 2⁻²⁰ths of a token.
pub(super) const MOST: u64 = 1_000_000_000_000 * Tokens::ONE;
