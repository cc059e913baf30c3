//! [`Snapshot`]: what a caller is told about a limit.

use core::time::Duration;

use crate::Tokens;

/// A limit and how much of it is left, in one consistent reading: what rate-limit headers are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// What is held when full.
    pub limit: Tokens,
    /// What one who comes now could take; nothing while others wait.
    pub remaining: Tokens,
    /// How long until it is full again and nobody waits, if nobody else comes. `None`: never.
    pub reset_after: Option<Duration>,
    /// How long until one token (or the whole capacity, if that is less) could be taken by one who comes now;
    /// zero if now. `None`: never, unless tokens are given back.
    pub retry_after: Option<Duration>,
}
