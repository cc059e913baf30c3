//! The kernel: one bucket's cell and its waiting line.
//!
//! Everything here knows atomics and locks through [`sync`] alone, and time as a number that is handed in:
//! no clocks, no maps, no runtimes. The same files are compiled against a model checker's types in
//! `loom-tests`, which is why no other path to a primitive may be named here (a test sees to that).
//!
//! | file | holds |
//! |---|---|
//! | `cell` | what a cell is: a state and two flags that change together |
//! | `packed` | a cell in one `AtomicU64` |
//! | `boxed` | a cell behind one pointer, for states of any size |
//! | `limit` | what a limiter is made of; an `Algorithm` with its cell is one |
//! | `gate` | the flags of a from-scratch `RateLimiter`, which has a state of its own |
//! | `line` | who waits, in order |
//! | `bucket` | a limit and its cell, and every step that a caller or a waiter takes |
//! | `handover` | replacing a bucket while it is in use |
//! | `snapshot` | what a bucket tells about itself |
//!
//! What holds, at which instant each operation takes effect, and what each ordering pairs with, side by side and with what
//! would notice: `docs/correctness.md`.

pub(crate) mod boxed;
pub(crate) mod bucket;
pub(crate) mod cell;
pub(crate) mod gate;
pub(crate) mod handover;
pub(crate) mod limit;
pub(crate) mod line;
pub(crate) mod packed;
pub(crate) mod snapshot;
pub(crate) mod sync;

pub use boxed::Boxed;
pub use cell::Cell;
pub use limit::Limit;
pub use packed::{Pack, Packed};
