//! Ours against its peers, in one run: contenders take turns, ratios are taken round by round, and one table says
//! what was to be reached and what was. `--smoke` for a quick look.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use governor::clock::DefaultClock;
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter};
use lazy_limiter::{Clock, CoarseClock, MonotonicClock};
use lazy_limiter_benches::args::Args;
use lazy_limiter_benches::direct::{self, Direct, hint_of_governor, hint_of_ours};
use lazy_limiter_benches::keyed::{self, Keyed};
use lazy_limiter_benches::keys::uniform;
use lazy_limiter_benches::table::{self, Table};
use lazy_limiter_benches::timing::{Rounds, per_call, ready, side_by_side, slowest, slowest_per_call};

fn main() {
    let args = Args::parse();
    let mut table = Table::new();
    one_limiter(&args, &mut table);
    let sizes = if args.smoke { [1_000, 5_000, 20_000] } else { [1_000, 100_000, 1_000_000] };
    for keys in sizes {
        many_keys(&args, keys, &mut table);
    }
    println!();
    table.print();
    println!("{NOTES}");
}

const NOTES: &str = "
Times are medians over all rounds, for the slowest thread; ratios are medians of the ratios within one round (in
brackets the quartiles). Every contender is at its defaults:
  lazy-limiter         quanta 0.13; keys: papaya, the hasher of `KeyedLimiter::new`
  governor             quanta 0.12; keys: dashmap, the standard library's SipHash 1-3; its refusal holds no hint until
                       it is given the time, ours holds one
  leaky-bucket         tokio's clock (the operating system's) under a lock; no hint
  ratelimit            the operating system's clock, two words, refilled at most once a microsecond
  atomic_token_bucket  the operating system's clock, four words, whole microseconds; no hint
  ratelock             the operating system's clock, two words; no hint
A sample of two threads counts if they ran side by side: else nobody contends with anybody. Four threads have two cores
here. `floor` rows are no limiters: nothing that reads the clock, or writes one word, can be faster.
`asked` keeps only whether the call was granted; `kept` keeps the whole answer in memory; `hint read` also asks how
long to wait. `right after growth`: the first calls on a table that has just grown by ordinary insertions, one a
key on average; `later`: once as many as four a key have been made. Buckets of a token a nanosecond are idle as
soon as they are used: ours have a grace of an hour there, so that hits stay hits. `idle keys`: ours with its default
grace of a second, after which it drops such keys beside the calls that are timed, and makes them again.";

/// One limiter: granted and refused, one thread and two.
fn one_limiter(args: &Args, table: &mut Table) {
    // Short samples, and many: most are not interrupted.
    let calls = args.count_or(100_000, 20_000);
    let rounds_wanted = if args.smoke { 3 } else { 61 };
    let (clock, word) = (MonotonicClock::new(), AtomicU64::new(0));
    let fair = Contender::<direct::Ours>::new();
    let coarse = Contender::<direct::Ours<CoarseClock>>::new();
    let governor = Contender::<DefaultDirectRateLimiter>::new();
    let leaky = Contender::<leaky_bucket::RateLimiter>::new();
    let ratelimit = Contender::<ratelimit::Ratelimiter>::new();
    let atomic = Contender::<atomic_token_bucket::TokenBucket>::new();
    let ratelock = Contender::<ratelock::RateLimiter<ratelock::StdClock>>::new();
    let upkept = Contender::<direct::UpkeptGovernor>::new();
    let governors_clock = DefaultClock::default();

    let mut rounds = Rounds::new();
    let read_clock = rounds.add("clock", || {
        per_call(calls, |_| {
            black_box(black_box(&clock).now());
        })
    });
    let exchange = rounds.add("exchange", || per_call(calls, |_| add_one(black_box(&word))));
    let exchange_by_two =
        rounds.add("exchange", || side_by_side(2, calls / 2, |_, _| add_one_surely(black_box(&word))));
    let ours = fair.measure(&mut rounds, calls);
    let on_coarse = coarse.measure(&mut rounds, calls);
    let govs = governor.measure(&mut rounds, calls);
    let govs_upkept = upkept.measure(&mut rounds, calls);
    let others = [
        leaky.measure(&mut rounds, calls),
        ratelimit.measure(&mut rounds, calls),
        atomic.measure(&mut rounds, calls),
        ratelock.measure(&mut rounds, calls),
    ];
    let our_hint = rounds.add("lazy-limiter", || {
        per_call(calls, |_| {
            black_box(hint_of_ours(black_box(&fair.refusing)));
        })
    });
    let govs_hint = rounds.add("governor", || {
        per_call(calls, |_| {
            black_box(hint_of_governor(black_box(&governor.refusing), black_box(&governors_clock)));
        })
    });
    let at_hand = at_hand(&mut rounds, calls, (&fair.granting, &governor.granting, &leaky.granting));
    rounds.run(rounds_wanted);

    for (floor, work) in [
        (read_clock, "floor: reading the clock, 1 thread"),
        (exchange, "floor: an exchange, 1 thread"),
        (exchange_by_two, "floor: an exchange on one word, 2 threads"),
    ] {
        println!("{work}: {:.1} ns", rounds.median(floor));
        table::measured(work, rounds.name(floor), rounds.median(floor));
    }
    table.compare("granted, 1 thread", &rounds, ours.granted, govs.granted, Some(1.05));
    table.compare("granted, 1 thread", &rounds, ours.granted, read_clock, Some(1.15));
    table.compare("granted, 1 thread, coarse clock", &rounds, on_coarse.granted, govs.granted, Some(0.45));
    table.compare("granted, 1 thread, coarse clock", &rounds, on_coarse.granted, govs_upkept.granted, None);
    table.compare("granted, 1 thread, coarse clock", &rounds, on_coarse.granted, exchange, None);
    table.compare("granted, 2 threads", &rounds, ours.granted_by_two, govs.granted_by_two, Some(1.0));
    table.compare("granted, 2 threads", &rounds, ours.granted_by_two, exchange_by_two, None);
    table.compare("granted, 4 threads", &rounds, ours.granted_by_four, govs.granted_by_four, None);
    table.compare("refused, asked, 1 thread", &rounds, ours.refused, govs.refused, Some(1.05));
    table.compare("refused, kept, 1 thread", &rounds, ours.answered, govs.answered, Some(1.05));
    table.compare("refused, hint read, 1 thread", &rounds, our_hint, govs_hint, Some(1.05));
    table.compare("refused, asked, 2 threads", &rounds, ours.refused_by_two, govs.refused_by_two, Some(1.05));
    table.compare("refused, 2 threads over 1", &rounds, ours.refused_by_two, ours.refused, Some(1.15));
    let [our_task, govs_task, leaky_task, our_thread] = at_hand;
    table.compare("acquire, at hand, a task", &rounds, our_task, govs_task, None);
    table.compare("acquire, at hand, a task", &rounds, our_task, leaky_task, None);
    table.compare("acquire, at hand, a thread", &rounds, our_thread, ours.granted, None);
    for other in others {
        table.compare("granted, 1 thread", &rounds, ours.granted, other.granted, None);
        table.compare("granted, 2 threads", &rounds, ours.granted_by_two, other.granted_by_two, None);
        table.compare("refused, asked, 1 thread", &rounds, ours.refused, other.refused, None);
    }
}

/// The least that a grant can write.
#[inline]
fn add_one(word: &AtomicU64) {
    let seen = word.load(Ordering::Acquire);
    let _ = word.compare_exchange_weak(seen, seen + 1, Ordering::AcqRel, Ordering::Acquire);
}

/// The same by one who does not give up.
#[inline]
fn add_one_surely(word: &AtomicU64) {
    let mut seen = word.load(Ordering::Acquire);
    while let Err(now) = word.compare_exchange_weak(seen, seen + 1, Ordering::AcqRel, Ordering::Acquire) {
        seen = now;
    }
}

/// Acquiring what is there already, by those who would wait if it were not.
fn at_hand<'a>(
    rounds: &mut Rounds<'a>,
    calls: u64,
    (ours, governor, leaky): (&'a direct::Ours, &'a DefaultDirectRateLimiter, &'a leaky_bucket::RateLimiter),
) -> [usize; 4] {
    let our_task = rounds
        .add("lazy-limiter", move || per_call(calls, |_| assert!(ready(black_box(ours).acquire(1)).is_ok())));
    let govs = rounds.add("governor", move || per_call(calls, |_| ready(black_box(governor).until_ready())));
    let leaky = rounds.add("leaky-bucket", move || per_call(calls, |_| ready(black_box(leaky).acquire(1))));
    let our_thread = rounds.add("lazy-limiter", move || {
        per_call(calls, |_| assert!(black_box(ours).acquire_blocking(1).is_ok()))
    });
    [our_task, govs, leaky, our_thread]
}

/// A limiter that grants and one that refuses, each in memory of its own.
struct Contender<L> {
    granting: Box<L>,
    refusing: Box<L>,
}

/// The numbers of its measurements.
struct Measured {
    granted: usize,
    granted_by_two: usize,
    granted_by_four: usize,
    refused: usize,
    refused_by_two: usize,
    answered: usize,
}

impl<L: Direct> Contender<L> {
    fn new() -> Contender<L> {
        Contender { granting: Box::new(L::granting()), refusing: Box::new(L::refusing()) }
    }

    fn measure<'a>(&'a self, rounds: &mut Rounds<'a>, calls: u64) -> Measured {
        let (granting, refusing) = (&*self.granting, &*self.refusing);
        let grant = |limiter: &L| assert!(limiter.take(), "{} refused what it was to grant", L::NAME);
        Measured {
            granted: rounds.add(L::NAME, move || per_call(calls, |_| grant(black_box(granting)))),
            granted_by_two: rounds
                .add(L::NAME, move || side_by_side(2, calls / 2, |_, _| grant(black_box(granting)))),
            granted_by_four: rounds
                .add(L::NAME, move || slowest_per_call(4, calls / 4, |_, _| grant(black_box(granting)))),
            refused: rounds.add(L::NAME, move || {
                per_call(calls, |_| {
                    black_box(black_box(refusing).take());
                })
            }),
            refused_by_two: rounds.add(L::NAME, move || {
                side_by_side(2, calls / 2, |_, _| {
                    black_box(black_box(refusing).take());
                })
            }),
            answered: rounds.add(L::NAME, move || per_call(calls, |_| black_box(refusing).answer())),
        }
    }
}

/// Hits, right after growth and later, by one thread and two.
fn many_keys(args: &Args, keys: u64, table: &mut Table) {
    // Small tables are grown again and again, so that each sample is long enough to be timed.
    let (rounds_wanted, tables) = match keys {
        _ if args.smoke => (1, 1),
        1_000 => (15, 40),
        100_000 => (15, 1),
        _ => (9, 1),
    };
    for threads in [1, 2] {
        let mut rounds = Rounds::new();
        let [ours, ours_later] =
            rounds.add_all("lazy-limiter", || hits::<keyed::Ours<u64>>(keys, threads, tables));
        let [govs, govs_later] =
            rounds.add_all("governor", || hits::<DefaultKeyedRateLimiter<u64>>(keys, threads, tables));
        let [_, reclaiming] =
            rounds.add_all("lazy-limiter", || hits::<keyed::Reclaiming<u64>>(keys, threads, tables));
        rounds.run(rounds_wanted);
        let work = |when| format!("hit, {keys} keys, {threads} threads, {when}");
        table.compare(&work("right after growth"), &rounds, ours, govs, Some(0.8));
        table.compare(&work("later"), &rounds, ours_later, govs_later, Some(0.8));
        table.compare(&work("later, idle keys"), &rounds, reclaiming, govs_later, None);
    }
}

/// Nanoseconds a hit right after growth, and of one later.
fn hits<L: Keyed<u64>>(keys: u64, threads: usize, tables: u64) -> [f64; 2] {
    let hit = |limiter: &L, thread: usize, i: u64| {
        let key = uniform((thread as u64) << 40 | i, keys);
        assert!(black_box(limiter).take(black_box(&key)), "{} refused a key", L::NAME);
    };
    let mut nanos = 0.0;
    let mut grow_and_hit = || {
        let limiter = L::grown(keys);
        nanos += slowest(threads, keys, |thread, i| hit(&limiter, thread, i)).as_nanos() as f64;
        limiter
    };
    for _ in 1..tables {
        grow_and_hit();
    }
    let limiter = grow_and_hit();
    let calls = keys.max(100_000);
    slowest(threads, 4 * calls / threads as u64, |thread, i| hit(&limiter, thread, calls + i));
    let later = slowest_per_call(threads, calls, |thread, i| hit(&limiter, thread, 9 * calls + i));
    [nanos / (tables * keys) as f64, later]
}
