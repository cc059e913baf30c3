//! One hash for a look-up: it chooses the shard, and the shard's map does not ask for another.
//!
//! A map hashes what it is given with its own hasher. Ours takes the first thing written to it, always by one of the
//! two types below, for one of two things: a hash that is there already, or the announcement of a key.

use core::cell::Cell;
use core::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use super::table::Equivalent;

/// What a key is looked up by, with its hash.
pub(super) struct Lookup<'a, Q: ?Sized> {
    pub(super) key: &'a Q,
    pub(super) hash: u64,
}

/// A key in the map, which counts how often the map asks for its hash: once to insert it, and once for each copy.
#[derive(PartialEq, Eq)]
pub(super) struct Stored<K>(pub(super) K);

/// Announces a key: no hash, since those are not negative.
const KEY: i128 = -1;

thread_local! {
    static HASHED: Cell<u32> = const { Cell::new(0) };
}

/// How many stored keys are hashed by `work`.
pub(super) fn hashed<R>(work: impl FnOnce() -> R) -> (R, u32) {
    let before = HASHED.with(Cell::get);
    let result = work();
    (result, HASHED.with(Cell::get).wrapping_sub(before))
}

impl<Q: ?Sized> Hash for Lookup<'_, Q> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_i128(i128::from(self.hash));
    }
}

impl<K, Q: Equivalent<K> + ?Sized> Equivalent<Stored<K>> for Lookup<'_, Q> {
    #[inline]
    fn equivalent(&self, stored: &Stored<K>) -> bool {
        self.key.equivalent(&stored.0)
    }
}

impl<K: Hash> Hash for Stored<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        HASHED.with(|hashed| hashed.set(hashed.get().wrapping_add(1)));
        state.write_i128(KEY);
        self.0.hash(state);
    }
}

/// The hasher of the keys, of type `S`, but for those that come with a hash.
pub(super) struct Prehashed<S>(pub(super) Arc<S>);

impl<S: BuildHasher> BuildHasher for Prehashed<S> {
    type Hasher = Either<S::Hasher>;

    #[inline]
    fn build_hasher(&self) -> Either<S::Hasher> {
        Either { hasher: self.0.build_hasher(), first: None }
    }
}

pub(super) struct Either<H> {
    /// Of no use if there is a hash.
    hasher: H,
    first: Option<i128>,
}

macro_rules! pass_on {
    ($($write:ident: $type:ty),* $(,)?) => {$(
        #[inline]
        fn $write(&mut self, value: $type) {
            self.hasher.$write(value);
        }
    )*};
}

impl<H: Hasher> Hasher for Either<H> {
    #[inline]
    fn write_i128(&mut self, value: i128) {
        match self.first {
            None => self.first = Some(value),
            // The key's own.
            Some(_) => self.hasher.write_i128(value),
        }
    }

    #[inline]
    fn finish(&self) -> u64 {
        match self.first {
            // A hash has no more bits.
            Some(hash) if hash != KEY => hash as u64,
            _ => self.hasher.finish(),
        }
    }

    // Each as it comes, not by its bytes: hashers make a difference.
    pass_on! {
        write: &[u8],
        write_u8: u8,
        write_u16: u16,
        write_u32: u32,
        write_u64: u64,
        write_u128: u128,
        write_usize: usize,
        write_i8: i8,
        write_i16: i16,
        write_i32: i32,
        write_i64: i64,
        write_isize: isize,
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, RandomState};

    use super::*;

    #[test]
    fn a_stored_key_hashes_as_it_does_by_itself_and_a_look_up_to_what_it_brings() {
        let std = Arc::new(RandomState::new());
        let ours = Prehashed(std.clone());
        // One of every kind of thing that can be written.
        let key =
            (-1i128, 1u128, "text", [1u8, 2, 3], (1u8, 2u16, 3u32, 4u64, 5usize), (1i8, 2i16, 3i32, 4i64));
        assert_eq!(ours.hash_one(Stored(key)), std.hash_one(key));
        let slices = (vec![i128::MIN, -1, 7], 6isize, Some(true));
        assert_eq!(ours.hash_one(Stored(slices.clone())), std.hash_one(slices));
        for hash in [0, 1, u64::MAX, DefaultHasher::new().finish()] {
            assert_eq!(ours.hash_one(Lookup { key: "any", hash }), hash);
        }
    }
}
