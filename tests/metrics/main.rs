//! What limiters did, in numbers: every call counted once, under its name, for totals and for a recorder.

mod counts;
mod recorder;
mod support;
mod waits;
