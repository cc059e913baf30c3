//! Waiting: what the library claims of it, by subject. On virtual time wherever that can be; real time appears
//! only as bounds that a busy machine cannot trip.

mod adversary;
mod bounds;
mod deadlines;
mod idle_threads;
mod leaving;
mod moving_the_date;
mod odd_places;
mod one_line;
mod one_watcher;
mod policies;
mod runtimes;
mod storm;
mod support;
mod thread_exit;
#[cfg(feature = "tokio")]
mod tokio_clock;
