//! The kernel's own files, and a door that opens on shuttle.

#[path = "../../src/kernel/boxed.rs"]
pub(crate) mod boxed;
#[path = "../../src/kernel/bucket.rs"]
pub(crate) mod bucket;
#[path = "../../src/kernel/cell.rs"]
pub(crate) mod cell;
#[path = "../../src/kernel/gate.rs"]
pub(crate) mod gate;
#[path = "../../src/kernel/handover.rs"]
pub(crate) mod handover;
#[path = "../../src/kernel/limit.rs"]
pub(crate) mod limit;
#[path = "../../src/kernel/line.rs"]
pub(crate) mod line;
#[path = "../../src/kernel/packed.rs"]
pub(crate) mod packed;
#[path = "../../src/kernel/snapshot.rs"]
pub(crate) mod snapshot;

/// The door.
pub(crate) mod sync {
    pub(crate) use crate::epoch;
    pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
    pub(crate) use shuttle::thread::yield_now;
}

pub use boxed::Boxed;
pub use cell::Cell;
pub use limit::Limit;
pub use packed::{Pack, Packed};
