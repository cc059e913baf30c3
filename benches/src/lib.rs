//! What the benchmarks of `lazy-limiter` share: the contenders behind one trait each, honest timing, latencies
//! call by call, and the memory and processor time of a process.
//!
//! | file | what |
//! |---|---|
//! | `direct`, `keyed` | one limiter, one limiter per key: ours and its peers |
//! | `virtual_time` | keyed limiters on a clock that is moved by hand |
//! | `keys` | keys of several types, and the order in which they are used |
//! | `timing`, `table` | interleaved rounds, medians of paired ratios, and the table of what was to be reached |
//! | `latency` | a histogram, and the slowest calls with what is known of why |
//! | `process` | one process for each contender; its memory and processor time |
//! | `results` | the same for machines: one file, from which the charts are drawn |
//! | `chart` | the charts |
//! | `callgrind` | instructions of a path, counted and held against a record |

pub mod args;
pub mod callgrind;
pub mod chart;
pub mod direct;
pub mod keyed;
pub mod keys;
pub mod latency;
pub mod process;
pub mod results;
pub mod table;
pub mod timing;
pub mod virtual_time;
