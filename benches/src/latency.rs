//! Latencies, call by call.

use quanta::Clock;

/// Eight sub-buckets for each power of two: an error of at most an eighth.
const FINE: u32 = 3;
/// So many of the slowest calls are kept one by one.
const KEPT: usize = 5;
/// Calls at least this long are looked into.
const SLOW: u64 = 50_000;

/// A histogram of nanoseconds, and the slowest calls. It allocates nothing after it was made.
#[derive(Debug)]
pub struct Latencies {
    clock: Clock,
    counts: Vec<u64>,
    total: u64,
    slowest: Vec<Slow>,
    undisturbed: Vec<Slow>,
    preemptions: u64,
}

/// A slow call.
#[derive(Clone, Copy, Debug)]
pub struct Slow {
    /// How long it took.
    pub nanos: u64,
    /// Whether the scheduler took the processor away since the slow call before: then the machine, and not the
    /// callee, is likely to blame.
    pub preempted: bool,
}

impl Latencies {
    /// No calls yet.
    pub fn new() -> Latencies {
        let slots = (u64::BITS as usize) << FINE;
        Latencies {
            clock: Clock::new(),
            counts: vec![0; slots],
            total: 0,
            slowest: Vec::with_capacity(KEPT + 1),
            undisturbed: Vec::with_capacity(KEPT + 1),
            preemptions: preemptions(),
        }
    }

    /// Makes a call and records how long it took.
    #[inline]
    pub fn time<R>(&mut self, call: impl FnOnce() -> R) -> R {
        let start = self.clock.raw();
        let result = call();
        let nanos = self.clock.delta_as_nanos(start, self.clock.raw());
        self.counts[slot(nanos)] += 1;
        self.total += 1;
        if nanos >= SLOW {
            self.look_into(nanos);
        }
        result
    }

    #[cold]
    fn look_into(&mut self, nanos: u64) {
        let preemptions = preemptions();
        let preempted = preemptions != self.preemptions;
        self.preemptions = preemptions;
        let slow = Slow { nanos, preempted };
        keep(&mut self.slowest, slow);
        if !preempted {
            keep(&mut self.undisturbed, slow);
        }
    }

    /// The slowest calls, slowest first; those under 50 microseconds are not among them.
    pub fn slowest(&self) -> &[Slow] {
        &self.slowest
    }

    /// The slowest call but `rank` (counted from zero), exactly if it was slow, else as the histogram has it.
    pub fn slowest_but(&self, rank: usize) -> u64 {
        match self.slowest.get(rank) {
            Some(slow) => slow.nanos,
            None => self.rank_from_top(rank as u64 + 1),
        }
    }

    /// The same of the calls during which nothing is known to have happened to this thread.
    pub fn undisturbed_but(&self, rank: usize) -> u64 {
        self.undisturbed.get(rank).map_or(SLOW, |slow| slow.nanos)
    }

    /// The duration that a share of `quantile` of all calls stays within.
    pub fn quantile(&self, quantile: f64) -> u64 {
        let above = (self.total as f64 * (1.0 - quantile)).floor() as u64;
        self.rank_from_top(above.max(1))
    }

    /// The calls of each power of two of nanoseconds, as `(at most, calls)`.
    pub fn by_power_of_two(&self) -> impl Iterator<Item = (u64, u64)> {
        let powers = self.counts.chunks(1 << FINE).enumerate();
        powers
            .map(|(power, counts)| (2u64.saturating_pow(power as u32 + 1), counts.iter().sum()))
            .filter(|&(_, count)| count > 0)
    }

    fn rank_from_top(&self, rank: u64) -> u64 {
        let mut above = 0;
        for (slot, &count) in self.counts.iter().enumerate().rev() {
            above += count;
            if above >= rank {
                return upper_bound(slot);
            }
        }
        0
    }
}

impl Default for Latencies {
    fn default() -> Latencies {
        Latencies::new()
    }
}

fn keep(slowest: &mut Vec<Slow>, slow: Slow) {
    slowest.push(slow);
    slowest.sort_by_key(|slow| std::cmp::Reverse(slow.nanos));
    slowest.truncate(KEPT);
}

fn slot(nanos: u64) -> usize {
    let nanos = nanos.max(1);
    let power = nanos.ilog2();
    let fine = if power >= FINE { nanos >> (power - FINE) } else { nanos << (FINE - power) };
    ((power << FINE) + (fine as u32 & ((1 << FINE) - 1))) as usize
}

fn upper_bound(slot: usize) -> u64 {
    let (power, fine) = (slot as u32 >> FINE, slot as u64 & ((1 << FINE) - 1));
    let steps = u128::from((1 << FINE) + fine + 1);
    u64::try_from((steps << power) >> FINE).unwrap_or(u64::MAX)
}

/// How often this thread lost its processor against its will, if the system tells.
fn preemptions() -> u64 {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"));
    line.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_covers_what_falls_into_it() {
        for nanos in (1..5_000).chain([1 << 20, (1 << 40) + 12_345, u64::MAX]) {
            let bound = upper_bound(slot(nanos));
            assert!(nanos <= bound && bound / 9 * 8 <= nanos.max(8), "{nanos} {bound}");
        }
    }

    #[test]
    fn quantiles_count_from_the_top() {
        let mut latencies = Latencies::new();
        for nanos in [8u64, 16, 32, 64] {
            latencies.counts[slot(nanos)] += 25;
            latencies.total += 25;
        }
        assert_eq!(slot(latencies.quantile(0.5) - 1), slot(32));
        assert_eq!(slot(latencies.slowest_but(4) - 1), slot(64));
    }
}
