//! Algorithms as pure functions, each against an oracle that was written without it in mind.

mod all;
mod fixed_window;
mod limits;
mod lines;
mod sliding_window;
mod sliding_window_counter;
mod trace;
