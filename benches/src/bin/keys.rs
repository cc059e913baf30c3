//! Keys of several types and in several orders, ours against its peers: hits on a settled table, by one, two and four
//! threads, and keys that are new. `--smoke` for a quick look.

use std::hint::black_box;
use std::net::IpAddr;

use governor::DefaultKeyedRateLimiter;
use lazy_limiter_benches::args::Args;
use lazy_limiter_benches::keyed::{HashingGovernor, Keyed, Ours};
use lazy_limiter_benches::keys::{Key, keys, uniform, zipf};
use lazy_limiter_benches::table::Table;
use lazy_limiter_benches::timing::{Rounds, per_call, slowest_per_call};

const THREADS: [usize; 3] = [1, 2, 4];
const DRAWN: usize = 1 << 18;

fn main() {
    let args = Args::parse();
    let mut table = Table::new();
    hits::<u64>(&args, 1, &mut table, |_| {});
    hits::<IpAddr>(&args, 100_000, &mut table, |peers| {
        peers.add::<atomic_token_bucket::KeyedRateLimiter<IpAddr>>();
    });
    hits::<String>(&args, 100_000, &mut table, |peers| {
        peers.add::<atomic_token_bucket::KeyedRateLimiter<String>>();
        peers.add::<tokio_rate_limit::RateLimiter>();
    });
    by_zipf(&args, 1_000_000, &mut table);
    new_keys::<u64>(&args, &mut table);
    new_keys::<String>(&args, &mut table);
    println!();
    table.print();
}

/// Takes for the key of a number, on a table that holds it.
type Hit<'a> = Box<dyn Fn(u64) + Sync + 'a>;

/// Contenders on the same keys, each grown to all of them and settled.
struct Peers<'a, K> {
    keys: &'a [K],
    hits: Vec<(&'static str, Hit<'a>)>,
}

impl<'a, K: Key> Peers<'a, K> {
    fn new(keys: &'a [K]) -> Peers<'a, K> {
        let mut peers = Peers { keys, hits: Vec::new() };
        peers.add::<Ours<K>>();
        peers.add::<DefaultKeyedRateLimiter<K>>();
        peers.add::<HashingGovernor<K>>();
        peers
    }

    fn add<L: Keyed<K> + 'a>(&mut self) {
        let (keys, count) = (self.keys, self.keys.len() as u64);
        let limiter = L::grown(count);
        let hit = move |number: u64| {
            assert!(limiter.take(black_box(&keys[number as usize])), "{} refused a key", L::NAME);
        };
        (0..4 * count).for_each(|i| hit(uniform(i, count)));
        self.hits.push((L::NAME, Box::new(hit)));
    }
}

fn count(args: &Args, full: u64) -> u64 {
    if args.smoke { full.min(2_000) } else { full }
}

fn hits<K: Key>(args: &Args, full: u64, table: &mut Table, more: impl FnOnce(&mut Peers<'_, K>)) {
    let keys = keys::<K>(count(args, full));
    let mut peers = Peers::new(&keys);
    more(&mut peers);
    let count = keys.len() as u64;
    let number = |thread: usize, i: u64| uniform((thread as u64) << 40 | i, count);
    measure(args, &format!("hit, {count} keys ({})", K::NAME), &peers, table, number);
}

fn by_zipf(args: &Args, full: u64, table: &mut Table) {
    let count = count(args, full);
    let (keys, drawn) = (keys::<u64>(count), zipf(count, DRAWN));
    let peers = Peers::new(&keys);
    // Threads start apart.
    let number = |thread: usize, i: u64| drawn[(i as usize + thread * (DRAWN / 4)) % DRAWN].into();
    measure(args, &format!("hit, {count} keys by Zipf (u64)"), &peers, table, number);
}

fn measure<K>(
    args: &Args,
    work: &str,
    peers: &Peers<'_, K>,
    table: &mut Table,
    number: impl Fn(usize, u64) -> u64 + Sync,
) {
    let calls = args.count_or(100_000, 5_000);
    for threads in THREADS {
        let each = |hit: &Hit<'_>| {
            slowest_per_call(threads, calls / threads as u64, |thread, i| hit(number(thread, i)))
        };
        let mut rounds = Rounds::new();
        for (name, hit) in &peers.hits {
            rounds.add(*name, || each(hit));
        }
        rounds.run(if args.smoke { 2 } else { 25 });
        let work = format!("{work}, {threads} {}", if threads == 1 { "thread" } else { "threads" });
        let bar = if threads < 4 { Some(0.8) } else { None };
        table.compare(&work, &rounds, 0, 1, bar);
        (2..peers.hits.len()).for_each(|peer| table.compare(&work, &rounds, 0, peer, None));
    }
}

/// Calls for keys that are not held, on tables of up to 100,000.
fn new_keys<K: Key>(args: &Args, table: &mut Table) {
    let keys = keys::<K>(count(args, 100_000));
    let mut rounds = Rounds::new();
    let ours = rounds.add("lazy-limiter", || misses::<K, Ours<K>>(&keys));
    let theirs = rounds.add("governor", || misses::<K, DefaultKeyedRateLimiter<K>>(&keys));
    rounds.run(if args.smoke { 2 } else { 15 });
    table.compare(&format!("a new key ({}), up to {}", K::NAME, keys.len()), &rounds, ours, theirs, None);
}

fn misses<K: Key, L: Keyed<K>>(keys: &[K]) -> f64 {
    let limiter = L::granting();
    per_call(keys.len() as u64, |i| assert!(limiter.take(&keys[i as usize])))
}
