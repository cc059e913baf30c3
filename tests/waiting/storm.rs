//! Thousands of waiters with random amounts, deadlines, drops, refunds and charges, run by an executor that means
//! ill. In the end the books are exact: what was granted, and kept, and what is left are all that ever accrued.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use lazy_limiter::{AcquireError, Clock, Rate, TokenBucket, Tokens};

use super::adversary::{Adversary, Sufferer};
use super::support::{Door, MILLI, Outcome, Random, TestClock, each_kind, eventually, join};

/// So large that it is never full, and nothing is lost for want of room.
const CAPACITY: u64 = 1_000_000_000;
const PER_MILLI: u64 = 5;

fn vast() -> TokenBucket {
    TokenBucket::new(CAPACITY, Rate::per_second(PER_MILLI * 1000)).starting_tokens(0)
}

fn some_amount(random: &mut Random) -> u64 {
    // Mostly small ones, and now and then one that holds up the line.
    if random.percent(5) { 20 + random.below(80) } else { 1 + random.below(9) }
}

fn some_timeout(random: &mut Random) -> Duration {
    MILLI * random.below(200) as u32
}

/// What went in and out.
#[derive(Default)]
struct Books {
    granted: AtomicU64,
    charged: AtomicU64,
    given_back: AtomicU64,
    refused: AtomicUsize,
    dropped: AtomicUsize,
    /// The most that were ever seen waiting.
    waiting: AtomicUsize,
}

impl Books {
    fn enter(&self, n: u64, outcome: &Outcome) {
        match outcome {
            Ok(()) => drop(self.granted.fetch_add(n, SeqCst)),
            Err(AcquireError::TimedOut { .. } | AcquireError::Denied { .. }) => {
                self.refused.fetch_add(1, SeqCst);
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn charge(&self, door: &Door, n: u64) {
        door.charge(n);
        self.charged.fetch_add(n, SeqCst);
    }

    /// Gives back a part of what was granted, never more.
    fn give_back(&self, door: &Door, n: u64) {
        let can = |given: u64| (given + n <= self.granted.load(SeqCst)).then_some(given + n);
        if self.given_back.fetch_update(SeqCst, SeqCst, can).is_ok() {
            door.give_back(n);
        }
    }

    /// Once everybody has gone home.
    fn audit(&self, door: &Door, clock: &TestClock) {
        assert_eq!(door.waiting(), 0);
        assert_eq!(clock.held(), 0, "alarms that nobody waits for");
        let [granted, charged, given_back] =
            [&self.granted, &self.charged, &self.given_back].map(|sum| sum.load(SeqCst));
        // Out of debt, which reads as nothing.
        clock.advance(MILLI * (charged / PER_MILLI + 1) as u32);
        assert!(door.available() > Tokens::ZERO);
        let accrued = clock.now().as_nanos() / 1_000_000 * PER_MILLI;
        assert_eq!(door.available(), Tokens::from(accrued + given_back - granted - charged));
        // It was a storm.
        let [refused, dropped, waiting] =
            [&self.refused, &self.dropped, &self.waiting].map(|count| count.load(SeqCst));
        assert!(
            granted > 1000 && refused > 100 && dropped > 100 && waiting > 10,
            "{granted} {refused} {dropped} {waiting}"
        );
        // The line has left nothing behind that keeps it from being as good as new.
        assert!(!door.is_idle());
        clock.advance(Duration::from_millis(CAPACITY / PER_MILLI));
        assert!(door.is_idle());
        assert_eq!(door.available(), Tokens::from(CAPACITY));
    }
}

/// One random thing happens.
fn turn(door: &Door, books: &Books, adversary: &mut Adversary, random: &mut Random) {
    books.waiting.fetch_max(door.waiting(), SeqCst);
    match random.below(100) {
        0..25 => {
            let n = some_amount(random);
            let future = match random.percent(30) {
                true => door.acquire_timeout(n, some_timeout(random)),
                false => door.acquire(n),
            };
            adversary.add(Sufferer::new(future, n));
        }
        25..55 => {
            let woken = adversary.woken(random);
            let done = woken.and_then(|which| adversary.poll(which, random));
            done.iter().for_each(|(n, outcome)| books.enter(*n, outcome));
        }
        55..75 => {
            let anybody = adversary.pick(random);
            let done = anybody.and_then(|which| adversary.poll(which, random));
            done.iter().for_each(|(n, outcome)| books.enter(*n, outcome));
        }
        75..88 => {
            if let Some(which) = adversary.pick(random) {
                drop(adversary.take(which));
                books.dropped.fetch_add(1, SeqCst);
            }
        }
        88..92 => books.charge(door, 1 + random.below(10)),
        92..96 => books.give_back(door, 1 + random.below(10)),
        _ => {
            let n = some_amount(random);
            books.enter(n, &door.try_acquire(n));
        }
    }
}

/// Everybody who is woken is polled, and nobody else.
fn settle(books: &Books, adversary: &mut Adversary, random: &mut Random) {
    while let Some(which) = adversary.woken(random) {
        let done = adversary.poll(which, random);
        done.iter().for_each(|(n, outcome)| books.enter(*n, outcome));
    }
}

#[test]
fn a_storm_on_one_thread_leaves_exact_books() {
    each_kind(|kind| {
        for seed in 0..20 {
            let mut random = Random::new(seed);
            let clock = TestClock::new();
            let door = kind.open(vast(), &clock);
            let (books, mut adversary) = (Books::default(), Adversary::default());
            for _ in 0..10_000 {
                if random.percent(15) {
                    clock.advance(MILLI * random.below(4) as u32);
                }
                turn(&door, &books, &mut adversary, &mut random);
            }
            // The rest is served in peace, by its own alarms and wakers alone.
            while !adversary.sufferers.is_empty() {
                let before = adversary.sufferers.len();
                settle(&books, &mut adversary, &mut random);
                let patience = MILLI * 1000;
                clock.advance(patience);
                settle(&books, &mut adversary, &mut random);
                assert!(adversary.sufferers.len() < before, "the line has come to a halt");
            }
            books.audit(&door, &clock);
        }
    });
}

/// A thread that runs tasks, and hands some over to the next thread in the middle of their wait.
fn executor(
    seed: u64,
    door: Door,
    books: &'static Books,
    (inbox, next): (Receiver<Sufferer>, Sender<Sufferer>),
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut random = Random::new(seed);
        let mut adversary = Adversary::default();
        for _ in 0..5000 {
            turn(&door, books, &mut adversary, &mut random);
            if random.percent(10)
                && let Some(which) = adversary.pick(&mut random)
            {
                next.send(adversary.take(which)).unwrap();
            }
            inbox.try_iter().for_each(|sufferer| adversary.add(sufferer));
        }
        drop(next);
        // In peace, until the other has nothing more to send.
        loop {
            let closed = match inbox.try_recv() {
                Ok(sufferer) => {
                    adversary.add(sufferer);
                    continue;
                }
                Err(empty) => empty == TryRecvError::Disconnected,
            };
            settle(books, &mut adversary, &mut random);
            if closed && adversary.sufferers.is_empty() {
                return;
            }
            std::thread::yield_now();
        }
    })
}

/// A thread that blocks.
fn blocker(seed: u64, door: Door, books: &'static Books) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut random = Random::new(seed);
        for _ in 0..300 {
            let n = some_amount(&mut random);
            let outcome = match random.percent(50) {
                true => door.acquire_blocking_timeout(n, some_timeout(&mut random)),
                false => door.acquire_blocking(n),
            };
            books.enter(n, &outcome);
        }
    })
}

#[test]
fn a_storm_on_many_threads_leaves_exact_books() {
    each_kind(|kind| {
        for seed in 0..3 {
            let clock = TestClock::new();
            let door = kind.open(vast(), &clock);
            // For as long as the process lives: what a failing thread leaves behind is no matter here.
            let books: &Books = Box::leak(Box::default());
            let (to_first, first) = channel();
            let (to_second, second) = channel();
            let tasks = [(1, first, to_second), (2, second, to_first)].map(|(number, inbox, next)| {
                executor(seed * 10 + number, door.clone(), books, (inbox, next))
            });
            let threads = [3, 4, 5].map(|number| blocker(seed * 10 + number, door.clone(), books));
            let storm = Vec::from_iter(tasks.into_iter().chain(threads));
            let random = RefCell::new(Random::new(seed * 10));
            eventually(|| {
                let mut random = random.borrow_mut();
                // Tokens stay short: time passes when many wait for it, else slowly.
                if door.waiting() > 30 || random.percent(2) {
                    clock.advance(MILLI * random.below(4) as u32);
                }
                storm.iter().all(JoinHandle::is_finished)
            });
            storm.into_iter().for_each(join);
            books.audit(&door, &clock);
        }
    });
}
