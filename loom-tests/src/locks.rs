//! A model checker's locks and condition variable, with the faces that the shell knows.

use core::ops::{Deref, DerefMut};
use core::time::Duration;

use crate::checker;

/// A lock that is not poisoned.
#[derive(Debug)]
pub struct Mutex<T>(checker::sync::Mutex<T>);

/// Holds a [`Mutex`]; empty only while a [`Condvar`] has it.
#[derive(Debug)]
pub struct MutexGuard<'a, T>(Option<checker::sync::MutexGuard<'a, T>>);

impl<T> Mutex<T> {
    pub fn new(value: T) -> Mutex<T> {
        Mutex(checker::sync::Mutex::new(value))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().expect("a model that panics is at its end")))
    }

    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock().ok().map(|guard| MutexGuard(Some(guard)))
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Mutex<T> {
        Mutex::new(T::default())
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().expect("only waiting empties it")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_deref_mut().expect("only waiting empties it")
    }
}

/// A lock for many readers, not poisoned either.
#[derive(Debug)]
pub struct RwLock<T>(checker::sync::RwLock<T>);

impl<T> RwLock<T> {
    pub fn new(value: T) -> RwLock<T> {
        RwLock(checker::sync::RwLock::new(value))
    }

    pub fn read(&self) -> checker::sync::RwLockReadGuard<'_, T> {
        self.0.read().expect("as in `lock`")
    }

    pub fn write(&self) -> checker::sync::RwLockWriteGuard<'_, T> {
        self.0.write().expect("as in `lock`")
    }
}

/// A condition variable that is never signalled by chance: a wake-up that is lost is a deadlock, which a
/// model checker reports.
#[derive(Debug, Default)]
pub struct Condvar(checker::sync::Condvar);

impl Condvar {
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        guard.0 = guard.0.take().map(|held| self.0.wait(held).expect("as in `lock`"));
    }

    /// No clock here follows real time.
    pub fn wait_for<T>(&self, _: &mut MutexGuard<'_, T>, _: Duration) {
        unreachable!("threads of a model sleep by alarms")
    }

    pub fn wait_while_for<T>(&self, _: &mut MutexGuard<'_, T>, _: impl FnMut(&mut T) -> bool, _: Duration) {
        unreachable!("no model runs a reclaimer's thread")
    }

    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}
