//! The hot paths one by one, ours and its peers', under criterion. Each is timed for the slowest of its threads.
//!
//! `cargo bench -p lazy-limiter-benches -- hit/u64` runs those of that name; `-- --test` runs each once.

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter};
use lazy_limiter::{Clock, CoarseClock, MonotonicClock};
use lazy_limiter_benches::direct::{self, Direct};
use lazy_limiter_benches::keyed::{self, Keyed};
use lazy_limiter_benches::keys::{Key, keys, uniform, zipf};
use lazy_limiter_benches::timing::{ready, slowest};

const THREADS: [usize; 3] = [1, 2, 4];
const SIZES: [u64; 4] = [1, 1_000, 100_000, 1_000_000];

criterion_group! {
    name = hot;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20);
    targets = one_limiter, at_hand, hits, after_growth, misses
}
criterion_main!(hot);

/// Under `--test` everything runs once, and there is no point in large tables.
fn small(keys: u64) -> u64 {
    let testing = std::env::args().any(|word| word == "--test");
    if testing { keys.min(1_000) } else { keys }
}

type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// Times `call`, which is given a thread's number and a call's, on so many threads.
fn bench(group: &mut Group<'_>, name: &str, threads: usize, call: impl Fn(usize, u64) + Sync) {
    let id = BenchmarkId::new(name, format!("{threads} threads"));
    group.bench_function(id, |bencher| bencher.iter_custom(|calls| slowest(threads, calls, &call)));
}

fn one_limiter(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("direct");
    let clock = MonotonicClock::new();
    bench(&mut group, "floor: the clock", 1, |_, _| {
        black_box(black_box(&clock).now());
    });
    direct::<direct::Ours>(&mut group);
    direct::<direct::Ours<CoarseClock>>(&mut group);
    direct::<DefaultDirectRateLimiter>(&mut group);
    direct::<leaky_bucket::RateLimiter>(&mut group);
    direct::<ratelimit::Ratelimiter>(&mut group);
    direct::<atomic_token_bucket::TokenBucket>(&mut group);
    direct::<ratelock::RateLimiter<ratelock::StdClock>>(&mut group);
}

fn direct<L: Direct>(group: &mut Group<'_>) {
    for threads in THREADS {
        let granting = Box::new(L::granting());
        bench(group, &format!("granted/{}", L::NAME), threads, |_, _| {
            assert!(black_box(&granting).take());
        });
        let refusing = Box::new(L::refusing());
        bench(group, &format!("refused/{}", L::NAME), threads, |_, _| {
            black_box(black_box(&refusing).take());
        });
    }
}

/// Acquiring what is there already, by those who would wait if it were not.
fn at_hand(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("at hand");
    let ours = <direct::Ours as Direct>::granting();
    let governor = DefaultDirectRateLimiter::granting();
    let leaky = leaky_bucket::RateLimiter::granting();
    for threads in THREADS {
        bench(&mut group, "task/lazy-limiter", threads, |_, _| {
            assert!(ready(black_box(&ours).acquire(1)).is_ok())
        });
        bench(&mut group, "task/governor", threads, |_, _| ready(black_box(&governor).until_ready()));
        bench(&mut group, "task/leaky-bucket", threads, |_, _| ready(black_box(&leaky).acquire(1)));
        bench(&mut group, "thread/lazy-limiter", threads, |_, _| {
            assert!(black_box(&ours).acquire_blocking(1).is_ok());
        });
    }
}

fn hits(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hit");
    for count in SIZES {
        uniform_hits::<u64, keyed::Ours<u64>>(&mut group, count);
        uniform_hits::<u64, DefaultKeyedRateLimiter<u64>>(&mut group, count);
    }
    uniform_hits::<IpAddr, keyed::Ours<IpAddr>>(&mut group, 100_000);
    uniform_hits::<IpAddr, DefaultKeyedRateLimiter<IpAddr>>(&mut group, 100_000);
    uniform_hits::<IpAddr, atomic_token_bucket::KeyedRateLimiter<IpAddr>>(&mut group, 100_000);
    uniform_hits::<String, keyed::Ours<String>>(&mut group, 100_000);
    uniform_hits::<String, DefaultKeyedRateLimiter<String>>(&mut group, 100_000);
    uniform_hits::<String, tokio_rate_limit::RateLimiter>(&mut group, 100_000);
    for count in [100_000, 1_000_000] {
        zipf_hits::<keyed::Ours<u64>>(&mut group, count);
        zipf_hits::<DefaultKeyedRateLimiter<u64>>(&mut group, count);
    }
}

/// A table of ours or of a peer and its keys, grown when first used: benchmarks that are filtered out make none.
struct Grown<K, L> {
    count: u64,
    grown: OnceLock<(L, Vec<K>)>,
}

impl<K: Key, L: Keyed<K>> Grown<K, L> {
    fn new(count: u64) -> Grown<K, L> {
        Grown { count: small(count), grown: OnceLock::new() }
    }

    fn take(&self, number: u64) {
        let (limiter, keys) = self.grown.get_or_init(|| (L::grown(self.count), keys(self.count)));
        assert!(limiter.take(black_box(&keys[number as usize])), "{} refused a key", L::NAME);
    }
}

fn uniform_hits<K: Key, L: Keyed<K>>(group: &mut Group<'_>, count: u64) {
    let grown = Grown::<K, L>::new(count);
    for threads in THREADS {
        bench(group, &format!("{}/{count} keys/{}", K::NAME, L::NAME), threads, |thread, i| {
            grown.take(uniform((thread as u64) << 40 | i, grown.count));
        });
    }
}

fn zipf_hits<L: Keyed<u64>>(group: &mut Group<'_>, count: u64) {
    const DRAWN: usize = 1 << 18;
    let (grown, drawn) = (Grown::<u64, L>::new(count), zipf(small(count), DRAWN));
    for threads in THREADS {
        bench(group, &format!("zipf/{count} keys/{}", L::NAME), threads, |thread, i| {
            // Threads start apart.
            let place = i as usize + thread * (DRAWN / 4);
            grown.take(drawn[place % DRAWN].into());
        });
    }
}

/// The first hits, one a key on average, on a table that has just grown by ordinary calls.
fn after_growth(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hit after growth");
    group.sample_size(10).warm_up_time(Duration::from_millis(50));
    for count in SIZES {
        fresh_hits::<keyed::Ours<u64>>(&mut group, count);
        fresh_hits::<DefaultKeyedRateLimiter<u64>>(&mut group, count);
    }
}

fn fresh_hits<L: Keyed<u64>>(group: &mut Group<'_>, count: u64) {
    let keys = small(count);
    for threads in THREADS {
        let id = BenchmarkId::new(format!("{count} keys/{}", L::NAME), format!("{threads} threads"));
        group.bench_function(id, |bencher| {
            bencher.iter_custom(|calls| {
                let hits = |left: u64| {
                    let limiter = L::grown(keys);
                    slowest(threads, left.min(keys), |thread, i| {
                        assert!(limiter.take(black_box(&uniform((thread as u64) << 40 | i, keys))));
                    })
                };
                (0..calls).step_by(keys as usize).map(|done| hits(calls - done)).sum()
            });
        });
    }
}

/// Calls for keys that are not held, on tables of up to 100,000.
fn misses(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("miss");
    group.sample_size(10);
    new_keys::<u64, keyed::Ours<u64>>(&mut group);
    new_keys::<u64, DefaultKeyedRateLimiter<u64>>(&mut group);
    new_keys::<String, keyed::Ours<String>>(&mut group);
    new_keys::<String, DefaultKeyedRateLimiter<String>>(&mut group);
    new_keys::<String, tokio_rate_limit::RateLimiter>(&mut group);
}

fn new_keys<K: Key, L: Keyed<K>>(group: &mut Group<'_>) {
    let most = small(100_000);
    let made = OnceLock::new();
    for threads in THREADS {
        let id = BenchmarkId::new(format!("{}/{}", K::NAME, L::NAME), format!("{threads} threads"));
        group.bench_function(id, |bencher| {
            let keys = made.get_or_init(|| keys::<K>(most));
            let each = most / threads as u64;
            bencher.iter_custom(|calls| {
                let miss = |left: u64| {
                    let limiter = L::granting();
                    slowest(threads, left.min(each), |thread, i| {
                        assert!(limiter.take(&keys[(thread as u64 * each + i) as usize]));
                    })
                };
                (0..calls).step_by(each as usize).map(|done| miss(calls - done)).sum()
            });
        });
    }
}
