//! Calls in a loop, for their instructions to be counted: `scripts/recording-cost` runs it under callgrind with the
//! features `metrics` and `tracing` off and on.
//!
//! `recording WHAT CALLS`, where `WHAT` is `grant`, `refusal`, `acquire`, `hit` or `keyed-refusal`. What is to be counted
//! is inside of `measured`.

use std::hint::black_box;

use lazy_limiter::{KeyedLimiter, Limiter, ManualClock, Rate, TokenBucket};

/// More than is taken.
const PLENTY: u64 = 1_000_000_000;

type One = Limiter<TokenBucket, ManualClock>;
type Keyed = KeyedLimiter<u64, TokenBucket, std::convert::Infallible, ManualClock>;

#[inline(never)]
fn try_one(limiter: &One) -> bool {
    limiter.try_acquire(1).is_ok()
}

#[inline(never)]
fn acquire_one(limiter: &One) -> bool {
    limiter.acquire_blocking(1).is_ok()
}

#[inline(never)]
fn try_key(limiter: &Keyed) -> bool {
    limiter.try_acquire(&7, 1).is_ok()
}

#[inline(never)]
fn measured<L>(limiter: &L, call: fn(&L) -> bool, calls: u64) -> u64 {
    (0..calls).map(|_| u64::from(call(black_box(limiter)))).sum()
}

fn main() {
    let mut words = std::env::args().skip(1);
    let what = words.next().unwrap_or_default();
    let calls = words.next().and_then(|word| word.parse().ok()).unwrap_or(1_000_u64);
    let tokens = if what.ends_with("refusal") { 0 } else { PLENTY };
    let bucket = move || TokenBucket::new(PLENTY, Rate::ZERO).starting_tokens(tokens);
    let one = || Limiter::builder().clock(ManualClock::new()).name("bench").build(bucket());
    let keyed =
        || KeyedLimiter::builder().clock(ManualClock::new()).name("bench").build(move |_: &u64| bucket());
    let granted = match what.as_str() {
        "grant" | "refusal" => measured(&one(), try_one, calls),
        "acquire" => measured(&one(), acquire_one, calls),
        "hit" | "keyed-refusal" => measured(&keyed(), try_key, calls),
        _ => panic!("usage: recording grant|refusal|acquire|hit|keyed-refusal CALLS"),
    };
    println!("{granted} of {calls} granted");
}
