//! Threads that take from one limit at the same time: one word for all, a word for each ([`StripedLimiter`]), and leases
//! from one word. And from the costs measured here, what more cores would make of it.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use governor::DefaultDirectRateLimiter;
use lazy_limiter::{Clock, Limiter, MonotonicClock, Rate, StripedLimiter, TokenBucket};
use lazy_limiter_benches::args::Args;
use lazy_limiter_benches::direct::{Direct, PLENTY};
use lazy_limiter_benches::timing::{Rounds, side_by_side};

/// What two threads write never shares a cache line, nor a pair of lines that are fetched together.
#[repr(align(128))]
struct Apart<T>(T);

fn main() {
    let args = Args::parse();
    // Short samples, and many: most are not interrupted.
    let calls = args.count_or(40_000, 10_000);
    let clock = MonotonicClock::new();
    let one = Apart(Limiter::with_clock(TokenBucket::new(PLENTY, Rate::per_second(PLENTY)), clock.clone()));
    let (striped, own, shared) = (two_stripes(&clock), own_words(), Apart(AtomicU64::new(0)));
    let governor = Apart(DefaultDirectRateLimiter::granting());
    let mut rounds = Rounds::new();
    let clock_one = rounds.add("the clock, 1 thread", || timed(1, calls, |_, _| read(&clock)));
    let clock_two = rounds.add("the clock, 2 threads", || timed(2, calls, |_, _| read(&clock)));
    let word_one = rounds.add("an exchange, 1 thread", || timed(1, calls, |_, _| add_one(&shared.0)));
    let word_two =
        rounds.add("an exchange on one word, 2 threads", || timed(2, calls, |_, _| add_one(&shared.0)));
    let words_two = rounds.add("an exchange on a word each, 2 threads", || {
        timed(2, calls, |thread, _| add_one(&own[thread].0))
    });
    let one_one =
        rounds.add("one bucket, 1 thread", || timed(1, calls, |_, _| assert!(one.0.try_acquire(1).is_ok())));
    let one_two =
        rounds.add("one bucket, 2 threads", || timed(2, calls, |_, _| assert!(one.0.try_acquire(1).is_ok())));
    let govs_two = rounds.add("governor, 2 threads", || timed(2, calls, |_, _| assert!(governor.0.take())));
    let striped_one = rounds
        .add("two stripes, 1 thread", || timed(1, calls, |_, _| assert!(striped.try_acquire(1).is_ok())));
    let striped_two = rounds
        .add("two stripes, 2 threads", || timed(2, calls, |_, _| assert!(striped.try_acquire(1).is_ok())));
    let leases = rounds.add("leases of 64, 2 threads", || {
        side_by_side(2, calls / 64, |_, _| {
            let mut lease = one.0.lease(64).expect("plenty");
            for _ in 0..64 {
                assert!(black_box(&mut lease).try_take(1));
            }
        }) / 64.0
    });
    rounds.run(if args.smoke { 11 } else { 501 });

    println!("| work | ns a call, the slowest thread |\n|---|---|");
    let all = [
        clock_one,
        clock_two,
        word_one,
        word_two,
        words_two,
        one_one,
        one_two,
        striped_one,
        striped_two,
        leases,
    ];
    for which in all {
        println!("| {} | {:.1} |", rounds.name(which), rounds.median(which));
    }
    let (low, ratio, high) = rounds.ratio(one_two, govs_two);
    println!("\none bucket against governor, 2 threads: {ratio:.2} ({low:.2} to {high:.2})");
    let (low, gain, high) = rounds.ratio(one_two, striped_two);
    println!("two stripes against one bucket, 2 threads: {gain:.2} times as fast ({low:.2} to {high:.2})");
    let (low, gain, high) = rounds.ratio(one_two, leases);
    println!("leases of 64 against one bucket, 2 threads: {gain:.1} times as fast ({low:.1} to {high:.1})");
    model(rounds.median(one_one), rounds.median(word_two) - rounds.median(word_one), rounds.median(leases));
}

/// A word changes hands once an exchange at the most, one after the other: `transfer` is what the second thread adds to
/// the other's exchange. A stripe never changes hands.
fn model(alone: f64, transfer: f64, lease: f64) {
    let transfer = transfer.max(0.0);
    println!(
        "\na call alone: {alone:.1} ns; for each other thread on the same word: {transfer:.1} ns more\n"
    );
    println!("| cores | one word, million calls a second | stripes | leases of 64 |\n|---|---|---|---|");
    for cores in [1.0_f64, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0] {
        let rate = |nanos: f64| cores * 1e3 / nanos;
        let on_one = rate(alone + (cores - 1.0) * transfer);
        // A lease that is used up has been to the word once.
        let leased = rate(lease).min(64.0 * on_one);
        println!("| {cores:.0} | {on_one:.0} | {:.0} | {leased:.0} |", rate(alone));
    }
}

fn timed(threads: usize, calls: u64, call: impl Fn(usize, u64) + Sync) -> f64 {
    side_by_side(threads, calls / threads as u64, call)
}

fn read(clock: &MonotonicClock) {
    black_box(black_box(clock).now());
}

fn two_stripes(clock: &MonotonicClock) -> StripedLimiter {
    let made = StripedLimiter::try_with_stripes(PLENTY, Rate::per_second(PLENTY), clock.clone(), 2);
    made.expect("a valid policy")
}

fn own_words() -> [Apart<AtomicU64>; 2] {
    [(); 2].map(|()| Apart(AtomicU64::new(0)))
}

#[inline]
fn add_one(word: &AtomicU64) {
    let mut seen = word.load(Ordering::Acquire);
    while let Err(now) = word.compare_exchange_weak(seen, seen + 1, Ordering::AcqRel, Ordering::Acquire) {
        seen = now;
    }
}
