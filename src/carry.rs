//! [`Carry`]: what becomes of the tokens held when a limit changes.

use crate::Tokens;

/// What becomes of the tokens that a limiter holds when it is reconfigured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Carry {
    /// They stay as they are, up to the new capacity; so does a debt. The default.
    #[default]
    AsIs,
    /// The same share of the new capacity as it was of the old one; a debt likewise.
    Proportional,
    /// The limiter starts anew, as one that was just made.
    Reset,
}

impl Carry {
    /// What remains of `n` when a capacity of `old` becomes one of `new`, rounded down.
    pub(crate) fn share(self, n: Tokens, old: Tokens, new: Tokens) -> Tokens {
        if self != Carry::Proportional {
            return n;
        }
        let parts = u128::from(n.parts()) * u128::from(new.parts()) / u128::from(old.parts().max(1));
        Tokens::from_parts(u64::try_from(parts).unwrap_or(u64::MAX))
    }
}
