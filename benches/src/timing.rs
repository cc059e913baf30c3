//! Timing: threads that start together, and contenders that take turns.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// Nanoseconds a call, over `calls` calls on this thread.
#[inline]
pub fn per_call(calls: u64, mut call: impl FnMut(u64)) -> f64 {
    let start = Instant::now();
    for i in 0..calls {
        call(i);
    }
    start.elapsed().as_nanos() as f64 / calls as f64
}

/// Polls a future that is ready at once.
#[inline]
pub fn ready<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a future that was to be ready waits"),
    }
}

/// How long the slowest of `threads` threads takes for `calls` calls, all of them starting together. `call` is
/// given the thread's number and the call's.
///
/// The slowest, because a limiter that serves one core and starves the other would look fast on average.
pub fn slowest(threads: usize, calls: u64, call: impl Fn(usize, u64) + Sync) -> Duration {
    spans(threads, calls, &call).into_iter().map(|span| span.took()).max().unwrap_or_default()
}

/// The same in nanoseconds a call (of one thread), of a run in which the threads ran side by side: on a machine with
/// other things to do one may well get a processor when the other is done, and then nobody contends with anybody. A run
/// that was not side by side is made again, a few times; not a number, if none of them was.
pub fn side_by_side(threads: usize, calls: u64, call: impl Fn(usize, u64) + Sync) -> f64 {
    let runs = (0..TRIES).map(|_| spans(threads, calls, &call));
    let run = runs.into_iter().find(|spans| overlap(spans) > SIDE_BY_SIDE);
    let slowest = run.and_then(|spans| spans.into_iter().map(|span| span.took()).max());
    slowest.map_or(f64::NAN, |slowest| slowest.as_nanos() as f64 / calls as f64)
}

/// How often a run is made again, and the share of the longest span in which all were running that is asked for.
const TRIES: usize = 8;
const SIDE_BY_SIDE: f64 = 0.8;

/// From when to when a thread ran.
#[derive(Clone, Copy, Debug)]
struct Span(Instant, Instant);

impl Span {
    fn took(self) -> Duration {
        self.1 - self.0
    }
}

/// The share of the longest span in which all were running.
fn overlap(spans: &[Span]) -> f64 {
    let (from, until) = (spans.iter().map(|span| span.0).max(), spans.iter().map(|span| span.1).min());
    let longest = spans.iter().map(|span| span.took()).max();
    match (from, until, longest) {
        (Some(from), Some(until), Some(longest)) if longest > Duration::ZERO => {
            until.saturating_duration_since(from).as_secs_f64() / longest.as_secs_f64()
        }
        _ => 1.0,
    }
}

fn spans(threads: usize, calls: u64, call: &(impl Fn(usize, u64) + Sync)) -> Vec<Span> {
    let run = |thread| {
        let start = Instant::now();
        for i in 0..calls {
            call(thread, i);
        }
        Span(start, Instant::now())
    };
    if threads == 1 {
        return vec![run(0)];
    }
    let gate = Gate::new(threads);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| {
                let (gate, run) = (&gate, &run);
                scope.spawn(move || {
                    gate.pass();
                    run(thread)
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().expect("a measured call panicked")).collect()
    })
}

/// Nanoseconds a call (of one thread), for the slowest of the threads.
pub fn slowest_per_call(threads: usize, calls: u64, call: impl Fn(usize, u64) + Sync) -> f64 {
    slowest(threads, calls, call).as_nanos() as f64 / calls as f64
}

/// A barrier that spins: a sleeping one lets threads go some tens of microseconds apart.
#[derive(Debug)]
struct Gate {
    missing: AtomicUsize,
}

impl Gate {
    fn new(threads: usize) -> Gate {
        Gate { missing: AtomicUsize::new(threads) }
    }

    fn pass(&self) {
        self.missing.fetch_sub(1, Ordering::AcqRel);
        let mut spins = 0u32;
        while self.missing.load(Ordering::Acquire) > 0 {
            spins += 1;
            // There may be more threads than cores.
            if spins.is_multiple_of(1024) {
                std::thread::yield_now();
            } else {
                std::hint::spin_loop();
            }
        }
    }
}

/// Measurements that take turns: each round takes one sample of each, so that whatever disturbs the machine
/// disturbs all alike, and two of them are compared round by round.
#[derive(Default)]
pub struct Rounds<'a> {
    names: Vec<String>,
    samples: Vec<Vec<f64>>,
    turns: Vec<Turn<'a>>,
}

/// Takes one sample of each of some measurements, from the first of this number on.
type Turn<'a> = (usize, Box<dyn FnMut() -> Vec<f64> + 'a>);

impl<'a> Rounds<'a> {
    /// No measurements yet.
    pub fn new() -> Rounds<'a> {
        Rounds::default()
    }

    /// One more measurement, in nanoseconds. Returns its number.
    pub fn add(&mut self, name: impl Into<String>, mut measure: impl FnMut() -> f64 + 'a) -> usize {
        self.add_all(&name.into(), move || [measure()])[0]
    }

    /// Some more measurements of one contender, taken in one go. Returns their numbers.
    pub fn add_all<const N: usize>(
        &mut self,
        name: &str,
        mut measure: impl FnMut() -> [f64; N] + 'a,
    ) -> [usize; N] {
        let first = self.names.len();
        self.names.extend(std::iter::repeat_n(name.to_owned(), N));
        self.samples.extend(std::iter::repeat_n(Vec::new(), N));
        self.turns.push((first, Box::new(move || measure().into())));
        std::array::from_fn(|n| first + n)
    }

    /// Takes `rounds` samples of each, after one that does not count. Every other round runs backwards, so that
    /// nobody always follows the same other.
    pub fn run(&mut self, rounds: usize) {
        for round in 0..=rounds {
            for (first, measure) in &mut self.turns {
                for (sample, samples) in measure().into_iter().zip(&mut self.samples[*first..]) {
                    if round > 0 {
                        samples.push(sample);
                    }
                }
            }
            self.turns.reverse();
        }
    }

    /// What the measurement is called.
    pub fn name(&self, which: usize) -> &str {
        &self.names[which]
    }

    /// Its median.
    pub fn median(&self, which: usize) -> f64 {
        quartiles(self.samples[which].clone()).1
    }

    /// One measurement over another, round by round: first quartile, median and third quartile.
    pub fn ratio(&self, one: usize, other: usize) -> (f64, f64, f64) {
        quartiles(self.samples[one].iter().zip(&self.samples[other]).map(|(a, b)| a / b).collect())
    }
}

impl std::fmt::Debug for Rounds<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.names.iter().zip(&self.samples)).finish()
    }
}

/// First quartile, median, third quartile of those that are numbers.
pub fn quartiles(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.retain(|value| !value.is_nan());
    if values.is_empty() {
        return (f64::NAN, f64::NAN, f64::NAN);
    }
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    (at(0.25), at(0.5), at(0.75))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(quartiles(vec![5.0, 1.0, 4.0, f64::NAN, 2.0, 3.0]), (2.0, 3.0, 4.0));
        assert!(quartiles(vec![f64::NAN]).1.is_nan());
    }

    #[test]
    fn rounds_take_turns_and_ratios_are_paired() {
        let (mut a, mut b) = (0.0, 0.0);
        let mut rounds = Rounds::new();
        let one = rounds.add("one", || {
            a += 1.0;
            a
        });
        let two = rounds.add("two", || {
            b += 2.0;
            b
        });
        rounds.run(3);
        assert_eq!(rounds.ratio(two, one), (2.0, 2.0, 2.0));
        assert_eq!(rounds.median(one), 3.0);
    }
}
