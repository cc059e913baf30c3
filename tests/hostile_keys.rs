//! Keys that an attacker chooses, and keys as they come: the table does not notice.

use std::convert::Infallible;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr};

use lazy_limiter::{KeyedLimiter, ManualClock, Rate, TokenBucket};

const KEYS: u64 = 1_000_000;

/// Places in the table for each key, and looks at a key for each insertion: what any keys at all would take.
fn is_at_ease<K>(name: &str, count: u64, key: impl Fn(u64) -> K)
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
{
    let builder = KeyedLimiter::builder().clock(ManualClock::new());
    let keyed: KeyedLimiter<K, TokenBucket, Infallible, ManualClock> =
        builder.build(|_| TokenBucket::new(1, Rate::per_second(1)));
    for i in 0..count {
        keyed.try_acquire(&key(i), 1).unwrap_or_else(|refused| panic!("{name}: key {i}: {refused}"));
    }
    let stats = keyed.stats();
    assert_eq!(stats.len as u64, count, "{name}: some keys are the same");
    // A table has between one place and four for each key.
    assert!(stats.capacity as u64 <= 4 * count.next_power_of_two(), "{name}: {stats:?}");
    assert!((0..count).step_by(997).all(|i| keyed.contains_key(&key(i))), "{name}");
}

#[test]
fn keys_in_sequence_and_keys_with_equal_low_or_high_bits() {
    is_at_ease("in sequence", 200_000, |i| i);
    is_at_ease("equal low bits", 200_000, |i| i << 32);
    is_at_ease("multiples of a large power of two", 60_000, |i| i << 48);
    is_at_ease("bits reversed", 200_000, u64::reverse_bits);
    is_at_ease("addresses of one network", 200_000, |i| {
        IpAddr::V6(Ipv6Addr::from(0x2001_0db8_u128 << 96 | u128::from(i)))
    });
    is_at_ease("texts of one length that differ at the end", 200_000, |i| format!("{:>40}", i));
}

/// A hasher without a seed, as is in wide use for its speed: it multiplies.
#[derive(Default)]
struct Multiplying(u64);

const FACTOR: u64 = 0x517c_c1b7_2722_0a95;

impl Hasher for Multiplying {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// What undoes the multiplication.
fn inverse() -> u64 {
    // Newton's iteration doubles the bits that are right.
    (0..6).fold(FACTOR, |x, _| x.wrapping_mul(2u64.wrapping_sub(FACTOR.wrapping_mul(x))))
}

#[test]
fn a_million_keys_that_were_chosen_against_a_hasher_without_a_seed() {
    let inverse = inverse();
    // Their hashes differ in twenty high bits only: all would want the same place of any table.
    let chosen = |i: u64| (i << 44 | 0x123_4567_89ab).wrapping_mul(inverse);
    let weak = BuildHasherDefault::<Multiplying>::default();
    assert!((0..1000).all(|i| weak.hash_one(chosen(i)) & 0xfff_ffff_ffff == 0x123_4567_89ab));
    is_at_ease("chosen", KEYS, chosen);
}

#[test]
fn no_two_limiters_hash_alike() {
    let states = [(); 2].map(|()| lazy_limiter::RandomState::new());
    let differ = (0..64u64).filter(|key| states[0].hash_one(key) != states[1].hash_one(key)).count();
    assert!(differ >= 60, "{differ} of 64 hashes differ");
}
