//! [`Carry`]: what becomes of the tokens held when a limit changes.

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
