#![no_main]

#[path = "../bodies/rate_text.rs"]
mod rate_text;

libfuzzer_sys::fuzz_target!(|data: &[u8]| rate_text::run(data));
