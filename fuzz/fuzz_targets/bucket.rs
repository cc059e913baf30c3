#![no_main]

#[path = "../bodies/bucket.rs"]
mod bucket;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bucket::run(data));
