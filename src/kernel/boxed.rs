//! [`Boxed`]: a cell behind one pointer, for states too wide for a word.
//!
//! The pointer's two low bits are the flags. A step reads the state under a pinned epoch, makes the next one
//! on the heap, and swings the pointer by compare-exchange; the old state is freed once no thread can still
//! be looking at it.
//!
//! **Invariants.** (1) The pointer is never null, and every pointer in it came from `Owned`. (2) A published
//! state is never written again. (3) A state is retired exactly once, by the thread whose exchange removed
//! it; the last one is freed by `drop`, which has the cell to itself.
//!
//! What checks this: `docs/correctness.md`.

use super::cell::{Cell, Flags, Step, sealed};
use super::sync::Ordering;
use super::sync::epoch::{self, Atomic, Guard, Owned, Shared};

/// Eight-byte alignment leaves the pointer's low bits free for the flags.
#[repr(align(8))]
struct Node<S>(S);

/// A cell that holds a state of any size: a grant is one allocation and one compare-exchange of a pointer; a
/// refusal allocates nothing.
///
/// Replaced states are freed by epoch-based reclamation (crossbeam-epoch).
pub struct Boxed<S> {
    pointer: Atomic<Node<S>>,
}

impl<S> Boxed<S> {
    #[inline]
    fn look<'g>(&self, guard: &'g Guard) -> (Shared<'g, Node<S>>, &'g S, Flags) {
        // Acquire: pairs with the Release of the exchange that published the state.
        let shared = self.pointer.load(Ordering::Acquire, guard);
        // SAFETY: never null (invariant 1), never written after publication (2), and not freed before
        // `guard` is unpinned, since whoever removes it defers that (3).
        let node = unsafe { shared.deref() };
        (shared, &node.0, Flags::from_bits(shared.tag() as u64))
    }
}

impl<S> sealed::Sealed for Boxed<S> {}

impl<S: Clone + Send + Sync + 'static> Cell for Boxed<S> {
    type State = S;

    fn new(state: S, flags: Flags) -> Self {
        Boxed { pointer: Atomic::from(Owned::new(Node(state)).with_tag(flags.bits() as usize)) }
    }

    fn read<R>(&self, look: impl FnOnce(&S, Flags) -> R) -> R {
        let guard = epoch::pin();
        let (_, state, flags) = self.look(&guard);
        look(state, flags)
    }

    fn update<R>(&self, mut step: impl FnMut(&S, Flags) -> Step<S, R>) -> Option<R> {
        let guard = epoch::pin();
        loop {
            let (seen, state, flags) = self.look(&guard);
            let (next, result) = match step(state, flags) {
                Step::Keep(result) => return Some(result),
                Step::Put(state, flags, result) => {
                    (Owned::new(Node(state)).with_tag(flags.bits() as usize), result)
                }
            };
            // Release: publishes the new state. No Acquire: this reads the pointer that `look` has read with
            // Acquire, and no other publication of it, for its address is not used again while we are pinned. On
            // failure nothing is read through: the loop loads again.
            let swung =
                self.pointer.compare_exchange(seen, next, Ordering::Release, Ordering::Relaxed, &guard);
            if swung.is_ok() {
                // SAFETY: our exchange removed `seen`, so no new reader can find it and nobody else
                // retires it (invariant 3); `S: Send + 'static` may be dropped by any thread, later.
                unsafe { guard.defer_destroy(seen) };
                return Some(result);
            }
        }
    }
}

impl<S> Drop for Boxed<S> {
    fn drop(&mut self) {
        let pointer = core::mem::replace(&mut self.pointer, Atomic::null());
        // SAFETY: `&mut self`: no other thread can reach the pointer any more; it is the last one and was
        // never retired (invariant 3).
        drop(unsafe { pointer.try_into_owned() });
    }
}

impl<S: Clone + Send + Sync + core::fmt::Debug + 'static> core::fmt::Debug for Boxed<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.read(|state, flags| f.debug_tuple("Boxed").field(state).field(&flags).finish())
    }
}
