//! In the place of crossbeam-epoch: a pointer on shuttle's atomics, whose garbage is freed when nobody is pinned.
//!
//! Shuttle runs all its threads on one of the system's, so what is thread-local here is shared by them.

use core::cell::{Cell, RefCell};
use core::marker::PhantomData;

use shuttle::sync::atomic::{AtomicUsize, Ordering};

std::thread_local! {
    static PINNED: Cell<usize> = const { Cell::new(0) };
    static GARBAGE: RefCell<Vec<Box<dyn FnOnce()>>> = const { RefCell::new(Vec::new()) };
}

pub(crate) struct Guard(());

pub(crate) fn pin() -> Guard {
    PINNED.set(PINNED.get() + 1);
    Guard(())
}

impl Guard {
    /// # Safety
    ///
    /// `shared` cannot be found any more by who pins from now on, and is handed in once.
    pub(crate) unsafe fn defer_destroy<T: 'static>(&self, shared: Shared<'_, T>) {
        let pointer = address::<T>(shared.bits) as *mut T;
        // SAFETY: from `Owned`, and nobody who could look at it is left.
        GARBAGE.with_borrow_mut(|garbage| {
            garbage.push(Box::new(move || drop(unsafe { Box::from_raw(pointer) })))
        });
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        PINNED.set(PINNED.get() - 1);
        if PINNED.get() == 0 {
            GARBAGE.take().into_iter().for_each(|free| free());
        }
    }
}

const fn address<T>(bits: usize) -> usize {
    bits & !(align_of::<T>() - 1)
}

pub(crate) struct Owned<T> {
    bits: usize,
    owns: PhantomData<T>,
}

impl<T> Owned<T> {
    pub(crate) fn new(value: T) -> Owned<T> {
        Owned { bits: Box::into_raw(Box::new(value)) as usize, owns: PhantomData }
    }

    pub(crate) fn with_tag(mut self, tag: usize) -> Owned<T> {
        self.bits = address::<T>(self.bits) | tag;
        self
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: from a `Box`, and not published.
        drop(unsafe { Box::from_raw(address::<T>(self.bits) as *mut T) });
    }
}

pub(crate) struct Shared<'g, T> {
    bits: usize,
    pinned: PhantomData<(&'g (), *const T)>,
}

impl<'g, T> Shared<'g, T> {
    /// # Safety
    ///
    /// Not null, and not freed before the guard is let go.
    pub(crate) unsafe fn deref(&self) -> &'g T {
        // SAFETY: as above.
        unsafe { &*(address::<T>(self.bits) as *const T) }
    }

    pub(crate) fn tag(&self) -> usize {
        self.bits & (align_of::<T>() - 1)
    }
}

pub(crate) struct Atomic<T> {
    bits: AtomicUsize,
    holds: PhantomData<T>,
}

// SAFETY: it hands out `&T` to all, and `T` to whoever frees it.
unsafe impl<T: Send + Sync> Send for Atomic<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Atomic<T> {}

impl<T> From<Owned<T>> for Atomic<T> {
    fn from(owned: Owned<T>) -> Atomic<T> {
        let bits = owned.bits;
        core::mem::forget(owned);
        Atomic { bits: AtomicUsize::new(bits), holds: PhantomData }
    }
}

impl<T> Atomic<T> {
    pub(crate) fn null() -> Atomic<T> {
        Atomic { bits: AtomicUsize::new(0), holds: PhantomData }
    }

    pub(crate) fn load<'g>(&self, ordering: Ordering, _: &'g Guard) -> Shared<'g, T> {
        Shared { bits: self.bits.load(ordering), pinned: PhantomData }
    }

    pub(crate) fn compare_exchange(
        &self,
        seen: Shared<'_, T>,
        next: Owned<T>,
        success: Ordering,
        failure: Ordering,
        _: &Guard,
    ) -> Result<(), Owned<T>> {
        match self.bits.compare_exchange(seen.bits, next.bits, success, failure) {
            Ok(_) => {
                core::mem::forget(next);
                Ok(())
            }
            Err(_) => Err(next),
        }
    }

    /// # Safety
    ///
    /// Nobody else has it.
    pub(crate) unsafe fn try_into_owned(self) -> Option<Owned<T>> {
        let bits = self.bits.into_inner();
        (address::<T>(bits) != 0).then_some(Owned { bits, owns: PhantomData })
    }
}

impl<T> Clone for Shared<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<'_, T> {}
