//! [`Guard`]: keeps entries alive, also while a thread ends.
//!
//! The map's usual guards find their thread by a thread-local, and panic once that has been destroyed, which
//! aborts the process if it happens in the destructor of another one. So a thread that is about to lose it uses
//! guards that find themselves a place without it: slower, and good for the few calls that a thread makes
//! then.

use core::cell::Cell;
use core::hash::{BuildHasher, Hash};

use papaya::{HashMap, LocalGuard, OwnedGuard};
use seize::Collector;

/// Keeps entries alive. Never held across an await or a park.
pub(crate) enum Guard<'a> {
    Local(LocalGuard<'a>),
    Owned(OwnedGuard<'a>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Thread {
    /// It has had no guard yet.
    New,
    Running,
    /// Its thread-locals are being destroyed.
    Ending,
}

thread_local! {
    // No destructor: it is there to the end.
    static THREAD: Cell<Thread> = const { Cell::new(Thread::New) };
    // Registered after the map's own, and therefore destroyed before it.
    static END: End = const { End };
}

struct End;

impl Drop for End {
    fn drop(&mut self) {
        THREAD.set(Thread::Ending);
    }
}

impl Guard<'_> {
    #[inline]
    pub(super) fn new<K: Hash + Eq, V, S: BuildHasher>(map: &HashMap<K, V, S>) -> Guard<'_> {
        match THREAD.get() {
            Thread::Running => Guard::Local(map.guard()),
            Thread::Ending => Guard::Owned(map.owned_guard()),
            Thread::New => Self::first(map),
        }
    }

    #[cold]
    fn first<K: Hash + Eq, V, S: BuildHasher>(map: &HashMap<K, V, S>) -> Guard<'_> {
        // The map's thread-local first: destructors run in the reverse order of registration.
        let guard = map.guard();
        THREAD.set(if END.try_with(|_| ()).is_ok() { Thread::Running } else { Thread::Ending });
        Guard::Local(guard)
    }
}

impl papaya::Guard for Guard<'_> {
    fn refresh(&mut self) {
        match self {
            Guard::Local(guard) => guard.refresh(),
            Guard::Owned(guard) => guard.refresh(),
        }
    }

    fn flush(&self) {
        match self {
            Guard::Local(guard) => guard.flush(),
            Guard::Owned(guard) => guard.flush(),
        }
    }

    #[inline]
    fn collector(&self) -> &Collector {
        match self {
            Guard::Local(guard) => guard.collector(),
            Guard::Owned(guard) => guard.collector(),
        }
    }

    #[inline]
    fn thread_id(&self) -> usize {
        match self {
            Guard::Local(guard) => guard.thread_id(),
            // Not the guard's own: it would look for the thread-local after all. The map only spreads its counters
            // by this number.
            Guard::Owned(_) => 0,
        }
    }

    unsafe fn defer_retire<T>(&self, pointer: *mut T, reclaim: unsafe fn(*mut T, &Collector)) {
        match self {
            // SAFETY: what the caller promises us is what this asks for.
            Guard::Local(guard) => unsafe { guard.defer_retire(pointer, reclaim) },
            // SAFETY: likewise.
            Guard::Owned(guard) => unsafe { guard.defer_retire(pointer, reclaim) },
        }
    }
}
