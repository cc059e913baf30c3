//! Keys of several types, and the order in which they are used.

use std::borrow::Borrow;
use std::fmt::Debug;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr};

/// A type of key, of which there is one for each number.
pub trait Key: Borrow<Self::Borrowed> + Hash + Eq + Clone + Send + Sync + Debug + 'static {
    /// What it is looked up by where a borrowed form is allowed.
    type Borrowed: Hash + Eq + ToOwned<Owned = Self> + Sync + ?Sized;
    /// What it is called in reports.
    const NAME: &'static str;
    /// The key of this number.
    fn number(number: u64) -> Self;
}

impl Key for u64 {
    type Borrowed = u64;
    const NAME: &'static str = "u64";

    fn number(number: u64) -> u64 {
        number
    }
}

impl Key for IpAddr {
    type Borrowed = IpAddr;
    const NAME: &'static str = "IpAddr";

    fn number(number: u64) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number as u32))
    }
}

impl Key for String {
    type Borrowed = str;
    const NAME: &'static str = "String";

    fn number(number: u64) -> String {
        format!("customer-{number:08}")
    }
}

/// The keys of the numbers below `count`.
pub fn keys<K: Key>(count: u64) -> Vec<K> {
    (0..count).map(K::number).collect()
}

/// The `i`th of a sequence of numbers below `bound`, evenly spread: wyrand's mixing, about a nanosecond.
#[inline]
pub fn uniform(i: u64, bound: u64) -> u64 {
    let x = i.wrapping_add(1).wrapping_mul(0xa076_1d64_78bd_642f);
    let mixed = u128::from(x) * u128::from(x ^ 0xe703_7ed1_a0b4_28db);
    let random = (mixed >> 64) as u64 ^ mixed as u64;
    ((u128::from(random) * u128::from(bound)) >> 64) as u64
}

/// A uniform number between zero and one.
pub fn unit(i: u64) -> f64 {
    uniform(i, 1 << 53) as f64 / (1u64 << 53) as f64
}

/// Numbers below `bound` by Zipf's law (exponent one): the first key is used twice as often as the second,
/// three times as often as the third. Drawn beforehand, `length` (a power of two) of them.
pub fn zipf(bound: u64, length: usize) -> Vec<u32> {
    let mut sums = Vec::with_capacity(bound as usize);
    let mut sum = 0.0;
    for rank in 1..=bound {
        sum += 1.0 / rank as f64;
        sums.push(sum);
    }
    // Popular keys are spread over the table, not its first entries.
    let place = |rank: u64| (rank.wrapping_mul(0x9e37_79b9_7f4a_7c15) % bound) as u32;
    let draw = |i: u64| place(sums.partition_point(|&s| s < unit(i) * sum).min(bound as usize - 1) as u64);
    (0..length as u64).map(draw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uniform_numbers_are_evenly_spread() {
        let mut counts = [0u32; 16];
        (0..160_000).for_each(|i| counts[uniform(i, 16) as usize] += 1);
        assert!(counts.iter().all(|&count| (9_500..10_500).contains(&count)), "{counts:?}");
    }

    #[test]
    fn zipf_prefers_a_few() {
        let drawn = zipf(1000, 1 << 16);
        let mut counts = vec![0u32; 1000];
        drawn.iter().for_each(|&key| counts[key as usize] += 1);
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let first = f64::from(counts[0]) / drawn.len() as f64;
        assert!((0.12..0.15).contains(&first), "{first}"); // 1 / H(1000) = 0.134
    }
}
