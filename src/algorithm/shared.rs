//! [`Shared`]: a policy and what follows from it, in one pointer.
//!
//! A key's slot holds its algorithm by value. Behind a pointer that costs eight bytes however much was worked
//! out, if all keys of a policy point to the same. A policy closure makes the same few algorithms again and
//! again, so each thread remembers those that it made last: finding one there saves the key a copy of its own
//! and the long divisions.

use core::any::Any;
use core::fmt;
use core::ops::Deref;
use std::cell::RefCell;
use std::sync::Arc;

/// A policy of type `P` and the constants of type `T` that follow from it alone. Dereferences to the constants.
pub(super) struct Shared<P, T>(Arc<Inner<P, T>>);

struct Inner<P, T> {
    policy: P,
    constants: T,
}

thread_local! {
    /// The last that this thread made, of whatever type.
    static RECENT: RefCell<Vec<Arc<dyn Any + Send + Sync>>> = const { RefCell::new(Vec::new()) };
}

/// How many are remembered for each thread.
const REMEMBERED: usize = 8;

impl<P: PartialEq + Send + Sync + 'static, T: Send + Sync + 'static> Shared<P, T> {
    /// Those of `policy` that this thread has at hand, or what `compute` makes of it.
    pub(super) fn make<E>(policy: P, compute: impl FnOnce(&P) -> Result<T, E>) -> Result<Self, E> {
        if let Some(found) = Self::find(&policy) {
            return Ok(found);
        }
        let constants = compute(&policy)?;
        let made = Arc::new(Inner { policy, constants });
        // Neither the destruction of thread-locals nor a constructor called from within another may panic.
        let _ = RECENT.try_with(|recent| {
            let Ok(mut recent) = recent.try_borrow_mut() else { return };
            if recent.len() == REMEMBERED {
                recent.remove(0);
            }
            recent.push(made.clone());
        });
        Ok(Shared(made))
    }

    fn find(policy: &P) -> Option<Self> {
        let same = |known: &&Arc<dyn Any + Send + Sync>| {
            known.downcast_ref::<Inner<P, T>>().is_some_and(|known| known.policy == *policy)
        };
        let found = RECENT
            .try_with(|recent| recent.try_borrow().ok().and_then(|recent| recent.iter().find(same).cloned()));
        found.ok()??.downcast().ok().map(Shared)
    }
}

impl<P, T> Shared<P, T> {
    pub(super) fn policy(&self) -> &P {
        &self.0.policy
    }
}

impl<P, T> Deref for Shared<P, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0.constants
    }
}

impl<P, T> Clone for Shared<P, T> {
    fn clone(&self) -> Self {
        Shared(self.0.clone())
    }
}

/// The constants follow from the policy, so that alone is compared.
impl<P: PartialEq, T> PartialEq for Shared<P, T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.policy == other.0.policy
    }
}

impl<P: Eq, T> Eq for Shared<P, T> {}

impl<P: fmt::Debug, T> fmt::Debug for Shared<P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.policy.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use core::convert::Infallible;

    use super::*;

    fn make<P: PartialEq + Send + Sync + 'static>(policy: P, computed: &mut u32) -> Shared<P, u64> {
        let compute = |_: &P| {
            *computed += 1;
            Ok::<u64, Infallible>(7)
        };
        match Shared::make(policy, compute) {
            Ok(made) => made,
        }
    }

    #[test]
    fn a_policy_that_was_just_made_is_made_once() {
        let mut computed = 0;
        let first = make(1_u32, &mut computed);
        let second = make(1_u32, &mut computed);
        assert!(Arc::ptr_eq(&first.0, &second.0));
        assert_eq!((*first, computed), (7, 1));
        // Another policy, and an equal one of another type, are others.
        assert!(first != make(2_u32, &mut computed));
        make(1_u64, &mut computed);
        assert_eq!(computed, 3);
    }

    #[test]
    fn only_so_many_are_remembered_and_a_refusal_is_not() {
        let mut computed = 0;
        let policies = 0..=REMEMBERED as u32;
        policies.clone().for_each(|policy| drop(make(policy, &mut computed)));
        make(*policies.end(), &mut computed);
        assert_eq!(computed, REMEMBERED as u32 + 1);
        make(0_u32, &mut computed);
        assert_eq!(computed, REMEMBERED as u32 + 2);

        assert_eq!(Shared::make("no", |_| Err::<u64, _>("refused")).err(), Some("refused"));
        make("no", &mut computed);
        assert_eq!(computed, REMEMBERED as u32 + 3);
    }
}
