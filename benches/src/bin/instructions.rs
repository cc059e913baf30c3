//! Instructions of each hot path, counted by callgrind: a figure that does not depend on what else the machine does.
//!
//! `instructions` prints them, `--check` holds them against the recorded ones (`benches/instructions.csv`), and
//! `--record` records them. Without valgrind nothing is counted: it says so, and ends with 77.

use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::process::ExitCode;
use std::task::{Context, Waker};
use std::time::Duration;

use foldhash::quality::FixedState;
use lazy_limiter::{
    Algorithm, Clock, CoarseClock, FixedWindow, KeyedLimiter, Limit, Limiter, MonotonicClock, Rate,
    SlidingWindow, SlidingWindowCounter, StripedLimiter, Timestamp, TokenBucket,
};
use lazy_limiter_benches::callgrind::{self, counted};

/// The paths: a name, and what makes the calls.
const PATHS: &[callgrind::Path] = &[
    ("the loop alone", || counted(|| _ = black_box(0))),
    ("default clock read", || {
        let clock = MonotonicClock::new();
        counted(|| {
            black_box(black_box(&clock).now());
        });
    }),
    ("coarse clock read", || {
        let clock = CoarseClock::new();
        counted(|| {
            black_box(black_box(&clock).now());
        });
    }),
    ("direct, granted", || granted(&one(plenty()))),
    ("direct, granted, default clock", || {
        let limiter = Limiter::new(plenty());
        counted(|| assert!(black_box(&limiter).try_acquire(1).is_ok()));
    }),
    ("direct, refused", || {
        let limiter = one(nothing());
        counted(|| assert!(black_box(&limiter).try_acquire(1).is_err()));
    }),
    ("direct, refused, hint read", || {
        let limiter = one(nothing());
        counted(|| {
            black_box(black_box(&limiter).try_acquire(1).err().and_then(|refused| refused.retry_after()));
        });
    }),
    ("acquire, at hand", || {
        let limiter = one(plenty());
        let mut context = Context::from_waker(Waker::noop());
        counted(|| {
            let acquired = std::pin::pin!(black_box(&limiter).acquire(1)).poll(&mut context);
            assert!(acquired.is_ready());
        });
    }),
    ("acquire_blocking, at hand", || {
        let limiter = one(plenty());
        counted(|| assert!(black_box(&limiter).acquire_blocking(1).is_ok()));
    }),
    ("give_back", || {
        let limiter = one(plenty());
        counted(|| assert!(black_box(&limiter).give_back(1).is_ok()));
    }),
    ("a take from a lease", || {
        let limiter = one(plenty());
        let mut lease = limiter.lease(MUCH).expect("all there is");
        counted(|| assert!(black_box(&mut lease).try_take(1)));
    }),
    ("a lease, taken and returned", || {
        let limiter = one(plenty());
        counted(|| assert!(black_box(&limiter).lease(1).is_ok()));
    }),
    ("striped, granted", || {
        let made = StripedLimiter::try_with_stripes(MUCH, Rate::per_second(MUCH), Still, 4);
        let limiter = made.expect("a valid policy");
        counted(|| assert!(black_box(&limiter).try_acquire(1).is_ok()));
    }),
    ("fixed window, granted", || granted(&one(FixedWindow::new(MUCH, HOUR)))),
    ("sliding window counter, granted", || granted(&one(SlidingWindowCounter::new(MUCH, HOUR)))),
    ("sliding window (a boxed cell), granted", || granted(&one(SlidingWindow::new(MUCH, HOUR)))),
    ("boxed bucket, granted", || granted(&one(plenty().boxed()))),
    ("boxed bucket, refused", || {
        let limiter = one(nothing().boxed());
        counted(|| assert!(black_box(&limiter).try_acquire(1).is_err()));
    }),
    ("keyed hit, granted", || hits(1)),
    ("keyed hit of 1,000, granted", || hits(1_000)),
    ("keyed hit, refused", || {
        let limiter = keys(nothing);
        let _ = limiter.try_acquire(&0, 1);
        counted(|| assert!(black_box(&limiter).try_acquire(&black_box(0), 1).is_err()));
    }),
    ("keyed acquire, at hand", || {
        let limiter = keys(plenty);
        let mut context = Context::from_waker(Waker::noop());
        counted(|| {
            let acquired = std::pin::pin!(black_box(&limiter).acquire(&0, 1)).poll(&mut context);
            assert!(acquired.is_ready());
        });
    }),
    ("keyed boxed hit, granted", || {
        let limiter = keys(|| plenty().boxed());
        counted(|| assert!(black_box(&limiter).try_acquire(&black_box(0), 1).is_ok()));
    }),
];

fn main() -> ExitCode {
    callgrind::run(PATHS)
}

const MUCH: u64 = 1_000_000;
const HOUR: Duration = Duration::from_secs(3600);

/// Time that stands still and costs next to nothing to read, so that the counts are the library's own.
#[derive(Clone, Copy, Debug)]
struct Still;

impl Clock for Still {
    #[inline]
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(black_box(1_000_000_000))
    }
}

fn plenty() -> TokenBucket {
    TokenBucket::new(MUCH, Rate::per_second(MUCH))
}

fn nothing() -> TokenBucket {
    TokenBucket::new(1, Rate::per_hour(1)).starting_tokens(0)
}

fn one<L: Limit>(limit: L) -> Limiter<L, Still> {
    Limiter::with_clock(limit, Still)
}

fn granted<L: Limit>(limiter: &Limiter<L, Still>) {
    counted(|| assert!(black_box(limiter).try_acquire(1).is_ok()));
}

/// The hasher is the default one with the same seed each time, so that keys collide alike.
type Keys<L> = KeyedLimiter<u64, L, Infallible, Still, FixedState>;

fn keys<L: Limit>(policy: impl Fn() -> L + Send + Sync + 'static) -> Keys<L> {
    let builder = KeyedLimiter::builder().clock(Still).grace(HOUR).hasher(FixedState::with_seed(0));
    builder.build(move |_: &u64| policy())
}

fn hits(count: u64) {
    let limiter = keys(plenty);
    for key in 0..count {
        assert!(limiter.try_acquire(&key, 1).is_ok());
    }
    let mut key = 0;
    counted(|| {
        key = (key + 1) % count;
        assert!(black_box(&limiter).try_acquire(black_box(&key), 1).is_ok());
    });
}
