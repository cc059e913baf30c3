//! An executor that means ill: it polls at random, with stale wakers, for no reason or not at all, has a task sit in
//! one place after another, and drops it in the middle. It keeps to one rule: whoever was woken by its last
//! waker is polled at some time, or dropped.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake};

use super::support::{Future, Outcome, Random};

/// One place in which a future was polled. It tells its future only if it was the last one.
struct Place {
    serial: u64,
    /// The serial of the place in which the future is now.
    current: Arc<Mutex<u64>>,
    woken: Arc<AtomicBool>,
}

impl Wake for Place {
    fn wake(self: Arc<Self>) {
        // A stale place is deaf: who relies on it waits for ever.
        if *self.current.lock().unwrap() == self.serial {
            self.woken.store(true, SeqCst);
        }
    }
}

/// A future, with what the executor knows of it.
pub(crate) struct Sufferer {
    future: Future,
    /// What it asked for.
    pub(crate) n: u64,
    place: Option<Arc<Place>>,
    current: Arc<Mutex<u64>>,
    woken: Arc<AtomicBool>,
    serial: u64,
}

impl Sufferer {
    pub(crate) fn new(future: Future, n: u64) -> Sufferer {
        // Not polled yet, which is as good as woken.
        let (current, woken) = (Arc::default(), Arc::new(AtomicBool::new(true)));
        Sufferer { future, n, place: None, current, woken, serial: 0 }
    }

    pub(crate) fn is_woken(&self) -> bool {
        self.woken.load(SeqCst)
    }

    /// Polls it, perhaps in another place than the last time.
    pub(crate) fn poll(&mut self, random: &mut Random) -> Option<Outcome> {
        if self.place.is_none() || random.percent(30) {
            self.serial += 1;
            *self.current.lock().unwrap() = self.serial;
            self.place = Some(Arc::new(Place {
                serial: self.serial,
                current: self.current.clone(),
                woken: self.woken.clone(),
            }));
        }
        self.woken.store(false, SeqCst);
        let waker = self.place.clone().unwrap().into();
        match self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }
}

/// Those who are at the executor's mercy.
#[derive(Default)]
pub(crate) struct Adversary {
    pub(crate) sufferers: Vec<Sufferer>,
}

impl Adversary {
    pub(crate) fn add(&mut self, sufferer: Sufferer) {
        self.sufferers.push(sufferer);
    }

    /// Anybody, for no reason.
    pub(crate) fn pick(&self, random: &mut Random) -> Option<usize> {
        (!self.sufferers.is_empty()).then(|| random.index(self.sufferers.len()))
    }

    /// Somebody who was woken, if there is anybody: not the first, nor the one who has waited longest.
    pub(crate) fn woken(&self, random: &mut Random) -> Option<usize> {
        let start = self.pick(random)?;
        let (before, after) = self.sufferers.split_at(start);
        let found = after.iter().chain(before).position(Sufferer::is_woken)?;
        Some((start + found) % self.sufferers.len())
    }

    /// Polls one, who leaves if it is done: its amount, and what became of it.
    pub(crate) fn poll(&mut self, which: usize, random: &mut Random) -> Option<(u64, Outcome)> {
        let outcome = self.sufferers[which].poll(random)?;
        let sufferer = self.sufferers.swap_remove(which);
        Some((sufferer.n, outcome))
    }

    /// Drops one, or hands it out.
    pub(crate) fn take(&mut self, which: usize) -> Sufferer {
        self.sufferers.swap_remove(which)
    }
}
