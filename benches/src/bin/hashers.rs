//! Which hasher: a hit on a table of a thousand keys with each of several, and how keys spread that come as they do. The
//! hasher must be seeded, since keys come from attackers; one that is not is here for scale. `--smoke` for a quick look.

use std::hash::{BuildHasher, RandomState as SipHash};
use std::hint::black_box;
use std::net::IpAddr;
use std::time::Duration;

use lazy_limiter::{KeyedLimiter, MonotonicClock, Rate, TokenBucket};
use lazy_limiter_benches::args::Args;
use lazy_limiter_benches::direct::PLENTY;
use lazy_limiter_benches::keys::{Key, keys, uniform};
use lazy_limiter_benches::table::Table;
use lazy_limiter_benches::timing::{Rounds, per_call};

const KEYS: u64 = 1_000;
/// Keys that are spread over so many places, and places to a key.
const SPREAD: u64 = 1 << 16;
const NAMES: [&str; 6] = [
    "foldhash quality (the default)",
    "foldhash fast",
    "SipHash 1-3 (std)",
    "ahash",
    "rapidhash",
    "fxhash, no seed",
];

fn main() {
    let args = Args::parse();
    let mut table = Table::new();
    hits::<u64>(&args, &mut table);
    hits::<IpAddr>(&args, &mut table);
    hits::<String>(&args, &mut table);
    println!();
    table.print();
    println!(
        "\nmost keys of {SPREAD} in one of as many places: by the low bits, by the bits that choose a shard's\n"
    );
    spread(0, &lazy_limiter::RandomState::new());
    spread(1, &foldhash::fast::RandomState::default());
    spread(2, &SipHash::new());
    spread(3, &ahash::RandomState::new());
    spread(4, &rapidhash::fast::RandomState::new());
    spread(5, &rustc_hash::FxBuildHasher);
}

fn hits<K: Key>(args: &Args, table: &mut Table) {
    let keys = keys::<K>(KEYS);
    let calls = args.count_or(200_000, 2_000);
    let mut rounds = Rounds::new();
    let ours = rounds.add(NAMES[0], hit(&keys, calls, lazy_limiter::RandomState::new()));
    let others = [
        rounds.add(NAMES[1], hit(&keys, calls, foldhash::fast::RandomState::default())),
        rounds.add(NAMES[2], hit(&keys, calls, SipHash::new())),
        rounds.add(NAMES[3], hit(&keys, calls, ahash::RandomState::new())),
        rounds.add(NAMES[4], hit(&keys, calls, rapidhash::fast::RandomState::new())),
        rounds.add(NAMES[5], hit(&keys, calls, rustc_hash::FxBuildHasher)),
    ];
    rounds.run(if args.smoke { 2 } else { 25 });
    for other in others {
        table.compare(&format!("hit, {KEYS} keys ({})", K::NAME), &rounds, other, ours, None);
    }
}

/// Nanoseconds a hit.
fn hit<K: Key, S: BuildHasher + Send + Sync + 'static>(
    keys: &[K],
    calls: u64,
    hasher: S,
) -> impl FnMut() -> f64 {
    let builder = KeyedLimiter::builder().grace(Duration::from_secs(3600)).hasher(hasher);
    let limiter: KeyedLimiter<K, TokenBucket, std::convert::Infallible, MonotonicClock, S> =
        builder.build(|_| TokenBucket::new(PLENTY, Rate::per_second(PLENTY)));
    let take = move |i: u64| {
        let key = black_box(&keys[uniform(i, KEYS) as usize]);
        assert!(limiter.try_acquire::<K::Borrowed>(key.borrow(), 1).is_ok());
    };
    (0..4 * KEYS).for_each(&take);
    move || per_call(calls, &take)
}

/// How uneven some keys spread that a server may see: with a perfect hasher, about eight in the fullest place.
fn spread(name: usize, hasher: &impl BuildHasher) {
    let most = |key: &dyn Fn(u64) -> u64| {
        let fullest = |shift: u32| {
            let mut places = vec![0u32; SPREAD as usize];
            (0..SPREAD)
                .for_each(|i| places[(hasher.hash_one(key(i)) >> shift) as usize % SPREAD as usize] += 1);
            places.into_iter().max().unwrap_or(0)
        };
        format!("{} {}", fullest(0), fullest(48))
    };
    println!(
        "  {:32} in sequence {:>9}, equal low bits {:>9}, equal high bits {:>9}",
        NAMES[name],
        most(&|i| i),
        most(&|i| i << 40),
        most(&|i| i.reverse_bits() >> 40)
    );
}
