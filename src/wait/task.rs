//! The driver for tasks: a future that arms the clock's alarm when it has a date to wait for.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use super::{Place, Progress, Waiter};
use crate::clock::Alarm;
use crate::{AcquireError, Clock, Timestamp};

/// The future behind every async acquire.
pub(crate) struct Acquire<P: Place> {
    // Dropped before the waiter, which wakes another to arm its own.
    alarm: Option<Alarm>,
    waiter: Waiter<P>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Waiting,
    Done,
}

impl<P: Place> Acquire<P> {
    pub(crate) fn new(waiter: Waiter<P>) -> Acquire<P> {
        Acquire { alarm: None, waiter, state: State::New }
    }

    /// Sees to it that `waker` is woken at `date`, by one alarm.
    fn sleep_until(&mut self, date: Option<Timestamp>, waker: &Waker) {
        let Some(date) = date.filter(|&date| date < Timestamp::MAX) else {
            self.alarm = None;
            return;
        };
        // Always anew: the old one may have gone off, early by its own clock, with this poll as its only trace.
        // It goes first, so that two are never armed.
        self.alarm = None;
        self.alarm = Some(self.waiter.clock().alarm(date, waker));
    }
}

impl<P: Place> Future for Acquire<P> {
    type Output = Result<(), AcquireError<P::Refusal>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        match this.state {
            State::New => {
                // Done unless told otherwise, so that an unwinding policy leaves nothing to poll again.
                this.state = State::Done;
                if this.waiter.attempt()? {
                    return Poll::Ready(Ok(()));
                }
            }
            State::Waiting => {}
            // Polled after completion: no panic, and nothing to wait for.
            State::Done => return Poll::Pending,
        }
        this.state = State::Waiting;
        let date = match this.waiter.step(cx.waker()) {
            Ok(Progress::SleepUntil(date)) => Some(date),
            Ok(Progress::SleepUntilWoken) => None,
            end => {
                (this.state, this.alarm) = (State::Done, None);
                return Poll::Ready(end.map(|_| ()));
            }
        };
        this.sleep_until(date, cx.waker());
        Poll::Pending
    }
}

/// Nothing in it is pinned: it moves between tasks and threads as it likes.
impl<P: Place> Unpin for Acquire<P> {}
