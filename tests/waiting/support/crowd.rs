//! Tasks that are polled by hand, and a crowd of them, polled in the order in which they are woken.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use super::{Future, Outcome};

/// A waker that counts.
#[derive(Debug, Default)]
pub(crate) struct Bell(AtomicUsize);

impl Bell {
    pub(crate) fn new() -> Arc<Bell> {
        Arc::default()
    }

    /// How often it has rung.
    pub(crate) fn rung(&self) -> usize {
        self.0.load(SeqCst)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// One future, polled when the test says so.
pub(crate) struct Task {
    future: Future,
    bell: Arc<Bell>,
}

impl Task {
    pub(crate) fn new(future: Future) -> Task {
        Task { future, bell: Bell::new() }
    }

    /// A future that has been polled once, and waits.
    #[track_caller]
    pub(crate) fn waiting(future: Future) -> Task {
        let mut task = Task::new(future);
        assert_eq!(task.poll(), None, "it was to wait");
        task
    }

    /// `None`: pending.
    pub(crate) fn poll(&mut self) -> Option<Outcome> {
        self.poll_with(&self.waker())
    }

    /// Its own waker.
    pub(crate) fn waker(&self) -> Waker {
        self.bell.clone().into()
    }

    pub(crate) fn poll_with(&mut self, waker: &Waker) -> Option<Outcome> {
        match self.future.as_mut().poll(&mut Context::from_waker(waker)) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }

    /// How often its own waker was called.
    pub(crate) fn woken(&self) -> usize {
        self.bell.rung()
    }
}

/// Many tasks: each is polled when it is woken, in that order.
#[derive(Default)]
pub(crate) struct Crowd {
    members: Vec<Member>,
    ready: Arc<Mutex<VecDeque<usize>>>,
    /// Those that are done, in the order in which they were.
    pub(crate) done: Vec<(usize, Outcome)>,
}

struct Member {
    future: Option<Future>,
    knock: Arc<Knock>,
    polls: usize,
}

struct Knock {
    id: usize,
    count: AtomicUsize,
    ready: Arc<Mutex<VecDeque<usize>>>,
}

impl Wake for Knock {
    fn wake(self: Arc<Self>) {
        self.count.fetch_add(1, SeqCst);
        self.ready.lock().unwrap().push_back(self.id);
    }
}

impl Crowd {
    pub(crate) fn new() -> Crowd {
        Crowd::default()
    }

    /// Adds a task and polls it once.
    pub(crate) fn add(&mut self, future: Future) -> usize {
        let id = self.members.len();
        let knock = Arc::new(Knock { id, count: AtomicUsize::new(0), ready: self.ready.clone() });
        self.members.push(Member { future: Some(future), knock, polls: 0 });
        self.poll(id);
        id
    }

    fn poll(&mut self, id: usize) {
        let member = &mut self.members[id];
        let Some(future) = &mut member.future else { return };
        member.polls += 1;
        let waker = member.knock.clone().into();
        if let Poll::Ready(outcome) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            member.future = None;
            self.done.push((id, outcome));
        }
    }

    /// Polls whoever is woken until nobody is.
    pub(crate) fn run(&mut self) {
        loop {
            let next = self.ready.lock().unwrap().pop_front();
            match next {
                Some(id) => self.poll(id),
                None => return,
            }
        }
    }

    pub(crate) fn drop_one(&mut self, id: usize) {
        self.members[id].future = None;
    }

    /// Who was granted, in order; that anybody was refused is a failure.
    #[track_caller]
    pub(crate) fn granted(&self) -> Vec<usize> {
        let ids = self.done.iter().map(|(id, outcome)| {
            assert_eq!(*outcome, Ok(()), "{id}");
            *id
        });
        ids.collect()
    }

    /// How often each was woken.
    pub(crate) fn wakes(&self) -> impl Iterator<Item = usize> + '_ {
        self.members.iter().map(|member| member.knock.count.load(SeqCst))
    }

    /// How often each was polled.
    pub(crate) fn polls(&self) -> impl Iterator<Item = usize> + '_ {
        self.members.iter().map(|member| member.polls)
    }
}
