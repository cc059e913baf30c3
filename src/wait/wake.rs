//! [`Later`]: wakers called once no lock is held.

use core::ops::{Deref, DerefMut};
use core::task::Waker;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::kernel::line::Wakes;

/// Wakes, in order, when it is dropped. Declare it before the guard of the lock.
#[derive(Debug, Default)]
pub(crate) struct Later(Wakes);

/// Wakes `waker`. A panic of its is reported where it happens, and stays there: others are still to be woken, and
/// the caller has nothing to do with it.
pub(crate) fn wake(waker: Waker) {
    let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
}

impl Drop for Later {
    fn drop(&mut self) {
        self.0.due.drain(..).for_each(wake);
        for stale in self.0.stale.drain(..) {
            let _ = catch_unwind(AssertUnwindSafe(|| drop(stale)));
        }
    }
}

impl Deref for Later {
    type Target = Wakes;

    fn deref(&self) -> &Wakes {
        &self.0
    }
}

impl DerefMut for Later {
    fn deref_mut(&mut self) -> &mut Wakes {
        &mut self.0
    }
}
