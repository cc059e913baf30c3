//! What the stand-ins for papaya's map have in common: its traits, its guards and its
//! builder.

use core::borrow::Borrow;
use core::marker::PhantomData;
use std::sync::Arc;

use super::HashMap;

/// Papaya's trait.
pub trait Equivalent<K: ?Sized> {
    fn equivalent(&self, key: &K) -> bool;
}

impl<K: ?Sized + Borrow<Q>, Q: ?Sized + Eq> Equivalent<K> for Q {
    fn equivalent(&self, key: &K) -> bool {
        self == key.borrow()
    }
}

/// What the shell's guards are made of. Entries outlive every guard here, so that none has anything to do.
pub trait Guard {
    fn refresh(&mut self);
    fn flush(&self);
    fn collector(&self) -> &Collector;
    fn thread_id(&self) -> usize;
    /// # Safety
    ///
    /// None is called.
    unsafe fn defer_retire<T>(&self, pointer: *mut T, reclaim: unsafe fn(*mut T, &Collector));
}

/// Seize's type. Nothing is retired here.
#[derive(Debug, Default)]
pub struct Collector;

impl Collector {
    pub fn new() -> Collector {
        Collector
    }
}

/// Makes a map: of a hasher and whatever else, which none here has a use for.
pub struct HashMapBuilder<K, V, S>(PhantomData<(K, V, S)>);

impl<K, V> HashMap<K, V, ()> {
    pub fn builder() -> HashMapBuilder<K, V, ()> {
        HashMapBuilder(PhantomData)
    }
}

impl<K, V, S> HashMapBuilder<K, V, S> {
    pub fn hasher<T>(self, _: T) -> HashMapBuilder<K, V, T> {
        HashMapBuilder(PhantomData)
    }

    pub fn capacity(self, _: usize) -> Self {
        self
    }

    pub fn shared_collector(self, _: Arc<Collector>) -> Self {
        self
    }

    pub fn build(self) -> HashMap<K, V, S> {
        HashMap::empty()
    }
}

macro_rules! guards {
    ($($name:ident)*) => {$(
        pub struct $name<'a>(PhantomData<&'a ()>);

        impl $name<'_> {
            pub(crate) fn new() -> Self {
                $name(PhantomData)
            }

            pub fn refresh(&mut self) {}

            pub fn flush(&self) {}

            pub fn collector(&self) -> &Collector {
                unreachable!("the map of the models has none")
            }

            pub fn thread_id(&self) -> usize {
                0
            }

            /// # Safety
            ///
            /// Not called.
            pub unsafe fn defer_retire<T>(&self, _: *mut T, _: unsafe fn(*mut T, &Collector)) {}
        }

        /// As a real one has: the shell lets it go by dropping it.
        impl Drop for $name<'_> {
            fn drop(&mut self) {}
        }
    )*};
}

guards! { LocalGuard OwnedGuard }

#[derive(Debug)]
pub struct Occupied<'g, V> {
    pub current: &'g V,
}
