//! Runs of several threads and tasks, recorded, and checked when they are over.
//!
//! `envelope` looks at what callers were told. The other files look inside: an algorithm that keeps a diary is given
//! to limiters of the library, so that every exchange of a cell leaves a record, and the checker puts these in the
//! one order that the cell had.
//!
//! Each run takes a few tenths of a second; `RECORDED_SECONDS=60` makes it a minute.

mod broken;
mod chain;
mod diary;
mod envelope;
mod ideal;
mod narrow;
mod runs;
