//! [`Diary`]: an algorithm that writes down every step that is tried on its states.
//!
//! A step may be tried in vain, when another thread is first. Which steps came to pass is for the checker to find out:
//! every state has a number, a state that a later step starts from was in the cell, and so was the last one.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lazy_limiter::{Ahead, Algorithm, Boxed, Pack, Packed, Timestamp, Tokens};

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Start,
    Take,
    Refuse,
    Charge,
    GiveBack,
    /// Asked whether it is idle.
    Look,
}

/// One step. Amounts are 2⁻²⁰ths of a token, times are nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) act: Act,
    pub(crate) n: u64,
    /// The limiter's time.
    pub(crate) now: u64,
    /// The number of the state that it started from, and of the one that came of it.
    pub(crate) before: u64,
    pub(crate) after: u64,
    /// Of the watch that all threads share: not later than the step, and not earlier.
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// All that was written down, by thread.
#[derive(Debug)]
pub(crate) struct Log {
    watch: Instant,
    threads: Vec<Mutex<Vec<Step>>>,
}

thread_local! {
    static THREAD: Cell<usize> = const { Cell::new(0) };
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// Steps that a thread writes down, at the most.
const ROOM: usize = 4_000_000;

impl Log {
    pub(crate) fn new(threads: usize) -> Arc<Log> {
        let threads = (0..threads).map(|_| Mutex::default()).collect();
        Arc::new(Log { watch: Instant::now(), threads })
    }

    /// From now on this thread writes in the part that has this number.
    pub(crate) fn enter(&self, thread: usize) {
        THREAD.set(thread);
    }

    pub(crate) fn clock(&self) -> u64 {
        self.watch.elapsed().as_nanos() as u64
    }

    pub(crate) fn is_full(&self) -> bool {
        self.threads[THREAD.get()].lock().expect("nothing panics under it").len() > ROOM
    }

    /// The call that this thread has made is over, and with it what it has written down.
    pub(crate) fn done(&self) {
        let to = self.clock();
        let mut steps = self.threads[THREAD.get()].lock().expect("nothing panics under it");
        steps.iter_mut().rev().take_while(|step| step.to == u64::MAX).for_each(|step| step.to = to);
    }

    /// The same of a call that makes one step: what it tried before its last was in vain. Without numbers of their
    /// own, states that never were cannot be told from those that were.
    pub(crate) fn done_at_last(&self) {
        let mut steps = self.threads[THREAD.get()].lock().expect("nothing panics under it");
        let tried = steps.iter().rev().take_while(|step| step.to == u64::MAX).count();
        let first = steps.len() - tried;
        steps.drain(first..first + tried.saturating_sub(1));
        drop(steps);
        self.done();
    }

    fn write(&self, act: Act, n: Tokens, now: Timestamp, before: u64, after: u64) {
        let from = self.clock();
        let step = Step { act, n: n.parts(), now: now.as_nanos(), before, after, from, to: u64::MAX };
        self.threads[THREAD.get()].lock().expect("nothing panics under it").push(step);
    }

    pub(crate) fn steps(&self) -> Vec<Step> {
        self.threads.iter().flat_map(|steps| steps.lock().expect("nothing panics under it").clone()).collect()
    }
}

/// How states are told apart.
pub(crate) trait Tag<S>: Send + Sync + 'static {
    type State: Clone + Send + Sync + 'static;
    type Cell: lazy_limiter::Cell<State = Self::State>;
    fn tag(state: S) -> Self::State;
    fn bare(state: &Self::State) -> &S;
    fn number(state: &Self::State) -> u64;
}

/// By themselves: for words that only rise.
pub(crate) struct Plain;

impl<S: Pack> Tag<S> for Plain {
    type State = S;
    type Cell = Packed<S>;

    fn tag(state: S) -> S {
        state
    }
    fn bare(state: &S) -> &S {
        state
    }
    fn number(state: &S) -> u64 {
        state.pack()
    }
}

/// A state with a number of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbered<S>(pub(crate) S, pub(crate) u64);

/// A number that no other state has: 4 bits for the thread, 26 to count in.
fn number() -> u64 {
    COUNT.set(COUNT.get() + 1);
    assert!(COUNT.get() < 1 << 26, "a run that is too long for its numbers");
    (THREAD.get() as u64) << 26 | COUNT.get()
}

/// By a number, behind a pointer.
pub(crate) struct Wide;

impl<S: Clone + Send + Sync + 'static> Tag<S> for Wide {
    type State = Numbered<S>;
    type Cell = Boxed<Numbered<S>>;

    fn tag(state: S) -> Numbered<S> {
        Numbered(state, number())
    }
    fn bare(state: &Numbered<S>) -> &S {
        &state.0
    }
    fn number(state: &Numbered<S>) -> u64 {
        state.1
    }
}

/// By a number beside a small state, in one word.
pub(crate) struct Narrow;

impl<S: Pack> Pack for Numbered<S> {
    const BITS: u32 = S::BITS + 30;

    fn pack(&self) -> u64 {
        self.0.pack() << 30 | self.1
    }
    fn unpack(bits: u64) -> Self {
        Numbered(S::unpack(bits >> 30), bits & ((1 << 30) - 1))
    }
}

impl<S: Pack> Tag<S> for Narrow {
    type State = Numbered<S>;
    type Cell = Packed<Numbered<S>>;

    fn tag(state: S) -> Numbered<S> {
        Numbered(state, number())
    }
    fn bare(state: &Numbered<S>) -> &S {
        &state.0
    }
    fn number(state: &Numbered<S>) -> u64 {
        state.1
    }
}

/// `A`, and a log of what is tried on its states.
#[derive(Debug)]
pub(crate) struct Diary<A, T> {
    algorithm: A,
    log: Arc<Log>,
    tag: PhantomData<fn() -> T>,
}

impl<A: Algorithm, T: Tag<A::State>> Diary<A, T> {
    pub(crate) fn new(algorithm: A, log: &Arc<Log>) -> Diary<A, T> {
        Diary { algorithm, log: log.clone(), tag: PhantomData }
    }

    fn write(&self, act: Act, n: Tokens, now: Timestamp, before: &T::State, after: A::State) -> T::State {
        let after = T::tag(after);
        self.log.write(act, n, now, T::number(before), T::number(&after));
        after
    }

    fn first(&self, now: Timestamp, state: A::State) -> T::State {
        let state = T::tag(state);
        self.log.write(Act::Start, Tokens::ZERO, now, 0, T::number(&state));
        state
    }
}

impl<A: Algorithm, T: Tag<A::State>> Algorithm for Diary<A, T> {
    type State = T::State;
    type Cell = T::Cell;

    fn capacity(&self) -> Tokens {
        self.algorithm.capacity()
    }

    fn start(&self, now: Timestamp) -> T::State {
        self.first(now, self.algorithm.start(now))
    }

    fn available(&self, state: &T::State, now: Timestamp) -> Tokens {
        self.algorithm.available(T::bare(state), now)
    }

    fn consume(&self, state: &T::State, n: Tokens, now: Timestamp) -> T::State {
        self.write(Act::Charge, n, now, state, self.algorithm.consume(T::bare(state), n, now))
    }

    fn time_to_available(&self, state: &T::State, n: Tokens, now: Timestamp) -> Option<Duration> {
        self.algorithm.time_to_available(T::bare(state), n, now)
    }

    fn give_back(&self, state: &T::State, n: Tokens, now: Timestamp) -> T::State {
        self.write(Act::GiveBack, n, now, state, self.algorithm.give_back(T::bare(state), n, now))
    }

    fn try_take(&self, state: &T::State, n: Tokens, now: Timestamp) -> Result<T::State, Option<Duration>> {
        match self.algorithm.try_take(T::bare(state), n, now) {
            Ok(after) => Ok(self.write(Act::Take, n, now, state, after)),
            Err(hint) => {
                self.log.write(Act::Refuse, n, now, T::number(state), T::number(state));
                Err(hint)
            }
        }
    }

    fn is_idle(&self, state: &T::State, now: Timestamp) -> bool {
        self.log.write(Act::Look, Tokens::ZERO, now, T::number(state), T::number(state));
        self.algorithm.is_idle(T::bare(state), now)
    }

    fn cost(&self, n: Tokens) -> u64 {
        self.algorithm.cost(n)
    }

    fn time_to_serve(
        &self,
        state: &T::State,
        ahead: Ahead<'_>,
        n: Tokens,
        now: Timestamp,
    ) -> Option<Duration> {
        self.algorithm.time_to_serve(T::bare(state), ahead, n, now)
    }
}
