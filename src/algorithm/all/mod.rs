//! [`All`]: several limits as one.

use core::time::Duration;

use super::Algorithm;
use crate::kernel::Boxed;
use crate::{Carry, Timestamp, Tokens};

mod list;

/// Several limits as one: all of them grant, in one atomic step, or nothing is taken from any.
///
/// It is made of a tuple of one to eight [`Algorithm`]s, of whatever kinds, another `All` among them; or of a `Vec` of
/// any number of one kind. (Of none: everything is granted.)
///
/// **Capacity** is the smallest of the parts', and what is available is the smallest that is available in a part. It
/// [is idle](Algorithm::is_idle) when every part is: a part may still remember use that the smallest does not show.
///
/// **Envelope.** That of every part.
///
/// **Hints** are those of the part that takes longest, and exact: while nothing is taken no part's level falls
/// (that is in the [contract](Algorithm#contract) of an algorithm), so the others still have enough by then. If
/// one part never will have, the answer is never.
///
/// **Giving back** and **charging** reach every part, each up to its own capacity or into its own debt.
///
/// **Cost.** The states of the parts side by side, [`Boxed`](crate::Boxed): a grant asks each part and makes one
/// allocation (and those of its parts) and one compare-exchange; a refusal allocates nothing.
///
/// ```
/// use std::time::Duration;
/// use lazy_limiter::{All, FixedWindow, Limiter, Rate, TokenBucket};
///
/// // Bursts of 10 at 5 a second, and no more than 1000 a day.
/// let limiter = Limiter::new(All((
///     TokenBucket::new(10, Rate::per_second(5)),
///     FixedWindow::new(1000, Duration::from_secs(24 * 60 * 60)),
/// )));
/// assert!(limiter.try_acquire(10).is_ok());
/// assert!(limiter.try_acquire(1).unwrap_err().is_denied());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct All<T>(pub T);

impl<T: Parts> All<T> {
    /// Which part keeps `n` from being taken at `now`: the one that takes longest until they are available, counted
    /// from zero, the first of several. `None`: nothing does.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lazy_limiter::{Algorithm, All, FixedWindow, SlidingWindow, Timestamp, Tokens};
    ///
    /// let minute = FixedWindow::new(5, Duration::from_secs(60));
    /// let hour = SlidingWindow::new(20, Duration::from_secs(3600));
    /// let (both, now) = (All((minute, hour)), Timestamp::ZERO);
    /// let state = both.consume(&both.start(now), Tokens::from(4), now);
    /// assert_eq!(both.limiting(&state, Tokens::from(1), now), None);
    /// assert_eq!(both.limiting(&state, Tokens::from(2), now), Some(0));
    /// ```
    pub fn limiting(&self, state: &T::States, n: Tokens, now: Timestamp) -> Option<usize> {
        self.0.limiting(state, n, now)
    }
}

impl<T: Parts> Algorithm for All<T> {
    type State = T::States;
    type Cell = Boxed<T::States>;

    fn capacity(&self) -> Tokens {
        self.0.capacity()
    }

    fn start(&self, now: Timestamp) -> T::States {
        self.0.start(now)
    }

    fn available(&self, state: &T::States, now: Timestamp) -> Tokens {
        self.0.available(state, now)
    }

    fn consume(&self, state: &T::States, n: Tokens, now: Timestamp) -> T::States {
        self.0.consume(state, n, now)
    }

    fn time_to_available(&self, state: &T::States, n: Tokens, now: Timestamp) -> Option<Duration> {
        self.0.time_to_available(state, n, now)
    }

    fn give_back(&self, state: &T::States, n: Tokens, now: Timestamp) -> T::States {
        self.0.give_back(state, n, now)
    }

    fn debt(&self, state: &T::States, now: Timestamp) -> Tokens {
        self.0.debt(state, now)
    }

    fn empty(&self, now: Timestamp) -> T::States {
        self.0.empty(now)
    }

    fn inherit(
        &self,
        state: &T::States,
        old: &Self,
        left: &T::States,
        carry: Carry,
        now: Timestamp,
    ) -> T::States {
        self.0.inherit(state, &old.0, left, carry, now)
    }

    fn is_idle(&self, state: &T::States, now: Timestamp) -> bool {
        self.0.is_idle(state, now)
    }

    fn time_to_idle(&self, state: &T::States, now: Timestamp) -> Option<Duration> {
        self.0.time_to_idle(state, now)
    }
}

/// The parts of an [`All`]: a tuple of one to eight [`Algorithm`]s, or a `Vec` of them.
///
/// This trait is sealed: these are all there is.
#[diagnostic::on_unimplemented(
    message = "`All` takes a tuple of one to eight algorithms or a `Vec` of one kind, which `{Self}` is not",
    note = "a single algorithm is a tuple with a comma after it: `All((algorithm,))`"
)]
pub trait Parts: Send + Sync + sealed::Sealed + 'static {
    /// The state of each.
    type States: Clone + Send + Sync + 'static;

    #[doc(hidden)]
    fn capacity(&self) -> Tokens;
    #[doc(hidden)]
    fn start(&self, now: Timestamp) -> Self::States;
    #[doc(hidden)]
    fn available(&self, states: &Self::States, now: Timestamp) -> Tokens;
    #[doc(hidden)]
    fn consume(&self, states: &Self::States, n: Tokens, now: Timestamp) -> Self::States;
    #[doc(hidden)]
    fn time_to_available(&self, states: &Self::States, n: Tokens, now: Timestamp) -> Option<Duration>;
    #[doc(hidden)]
    fn limiting(&self, states: &Self::States, n: Tokens, now: Timestamp) -> Option<usize>;
    #[doc(hidden)]
    fn give_back(&self, states: &Self::States, n: Tokens, now: Timestamp) -> Self::States;
    #[doc(hidden)]
    fn debt(&self, states: &Self::States, now: Timestamp) -> Tokens;
    #[doc(hidden)]
    fn empty(&self, now: Timestamp) -> Self::States;
    #[doc(hidden)]
    fn inherit(
        &self,
        states: &Self::States,
        old: &Self,
        left: &Self::States,
        carry: Carry,
        now: Timestamp,
    ) -> Self::States;
    #[doc(hidden)]
    fn is_idle(&self, states: &Self::States, now: Timestamp) -> bool;
    #[doc(hidden)]
    fn time_to_idle(&self, states: &Self::States, now: Timestamp) -> Option<Duration>;
}

mod sealed {
    /// Keeps `Parts` to tuples and `Vec`s.
    pub trait Sealed {}
}

/// The longest of `waits`; never is longer than any.
fn longest(waits: impl IntoIterator<Item = Option<Duration>>) -> Option<Duration> {
    waits.into_iter().try_fold(Duration::ZERO, |longest, wait| Some(longest.max(wait?)))
}

/// The index of the first of the longest, unless none is above zero.
fn longest_of(waits: &[Option<Duration>]) -> Option<usize> {
    let longest = longest(waits.iter().copied());
    if longest == Some(Duration::ZERO) { None } else { waits.iter().position(|wait| *wait == longest) }
}

/// `$part` names the type of a part, `$at` is its place.
macro_rules! parts {
    ($($part:ident $at:tt),+) => {
        impl<$($part: Algorithm),+> sealed::Sealed for ($($part,)+) {}

        impl<$($part: Algorithm),+> Parts for ($($part,)+) {
            type States = ($($part::State,)+);

            fn capacity(&self) -> Tokens {
                Tokens::MAX$(.min(self.$at.capacity()))+
            }

            fn start(&self, now: Timestamp) -> Self::States {
                ($(self.$at.start(now),)+)
            }

            fn available(&self, states: &Self::States, now: Timestamp) -> Tokens {
                Tokens::MAX$(.min(self.$at.available(&states.$at, now)))+
            }

            fn consume(&self, states: &Self::States, n: Tokens, now: Timestamp) -> Self::States {
                ($(self.$at.consume(&states.$at, n, now),)+)
            }

            fn time_to_available(&self, states: &Self::States, n: Tokens, now: Timestamp) -> Option<Duration> {
                longest([$(self.$at.time_to_available(&states.$at, n, now)),+])
            }

            fn limiting(&self, states: &Self::States, n: Tokens, now: Timestamp) -> Option<usize> {
                longest_of(&[$(self.$at.time_to_available(&states.$at, n, now)),+])
            }

            fn give_back(&self, states: &Self::States, n: Tokens, now: Timestamp) -> Self::States {
                ($(self.$at.give_back(&states.$at, n, now),)+)
            }

            fn debt(&self, states: &Self::States, now: Timestamp) -> Tokens {
                Tokens::ZERO$(.max(self.$at.debt(&states.$at, now)))+
            }

            fn empty(&self, now: Timestamp) -> Self::States {
                ($(self.$at.empty(now),)+)
            }

            fn inherit(
                &self,
                states: &Self::States,
                old: &Self,
                left: &Self::States,
                carry: Carry,
                now: Timestamp,
            ) -> Self::States {
                ($(self.$at.inherit(&states.$at, &old.$at, &left.$at, carry, now),)+)
            }

            fn is_idle(&self, states: &Self::States, now: Timestamp) -> bool {
                $(self.$at.is_idle(&states.$at, now))&&+
            }

            fn time_to_idle(&self, states: &Self::States, now: Timestamp) -> Option<Duration> {
                longest([$(self.$at.time_to_idle(&states.$at, now)),+])
            }
        }
    };
}

parts!(A 0);
parts!(A 0, B 1);
parts!(A 0, B 1, C 2);
parts!(A 0, B 1, C 2, D 3);
parts!(A 0, B 1, C 2, D 3, E 4);
parts!(A 0, B 1, C 2, D 3, E 4, F 5);
parts!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
parts!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
