//! Limits and plans from configuration files.

mod kinds;
mod messages;
mod plans;
mod round_trip;
