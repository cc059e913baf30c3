//! The server example as a program, driven over loopback by a real client.

#![cfg(unix)]

mod client;
mod limits;
mod lines;
#[cfg(target_os = "linux")]
mod memory;
mod process;
