//! A line of waiters: tasks, threads, or both.
//!
//! The clock stops where the data says, and at each stop everything that can happen has happened before
//! anything is compared. Tasks are polled when they are woken and not otherwise, so a wake that is lost is a
//! grant that never comes. What threads do is waited for, within a limit that only a fault reaches.

use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::{Arc, Mutex};
use std::task::Wake;
use std::thread::{Scope, sleep};
use std::time::Instant;

use lazy_limiter::{AcquireError, ManualClock, Tokens};

use super::scenario::{Event, Outcome, Waiting};
use super::steps::{advance_to, available, try_acquire};
use super::subject::{Subject, Wait};

/// A grant may come so much after the exact instant, rounded up to a whole nanosecond.
const LATEST: u64 = 2;
/// How long threads may take to do what they are to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the actors are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Drivers {
    Tasks,
    /// But for those who are cancelled: a thread that blocks cannot be.
    Threads,
    /// Every other one a thread.
    Mixed,
}

/// When each actor was granted, if it was. Given as `due` to a later replay, threads are waited for at these
/// instants.
pub(crate) type Grants = Vec<Option<u64>>;

/// Replays `scenario`, comparing all the way.
pub(crate) fn replay(
    subject: &dyn Subject,
    clock: &ManualClock,
    scenario: &Waiting,
    drivers: Drivers,
    due: Option<&Grants>,
) -> Result<Grants, String> {
    std::thread::scope(|scope| {
        // Threads that wait for ever are sent home at the end, also at a bad one.
        let _close = CloseOnDrop(subject);
        let actors = scenario.actors.iter().map(|_| Actor::Absent).collect();
        let mut run = Run { subject, clock, scenario, drivers, due, scope, actors, now: 0, settled: false };
        run.play()
    })
}

struct CloseOnDrop<'a>(&'a dyn Subject);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

enum Actor<'a> {
    /// Not come yet, or gone.
    Absent,
    Task(Wait<'a>, Arc<Woken>),
    Thread(Arc<Mutex<Option<Result<(), AcquireError>>>>),
    Served(u64),
    Refused,
}

impl Actor<'_> {
    fn is_pending(&self) -> bool {
        matches!(self, Actor::Task(..) | Actor::Thread(_))
    }
}

/// Whether a task is to be polled.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

struct Run<'s, 'e> {
    subject: &'e dyn Subject,
    clock: &'e ManualClock,
    scenario: &'e Waiting,
    drivers: Drivers,
    due: Option<&'e Grants>,
    scope: &'s Scope<'s, 'e>,
    actors: Vec<Actor<'e>>,
    now: u64,
    /// All events of this instant have been.
    settled: bool,
}

impl<'e> Run<'_, 'e> {
    fn play(&mut self) -> Result<Grants, String> {
        let scenario = self.scenario;
        let events = &scenario.events;
        for (i, (at, event)) in events.iter().enumerate() {
            self.go_to(*at)?;
            self.settled = events.get(i + 1).is_none_or(|(next, _)| next > at);
            self.take(event).map_err(|error| format!("{at} {event:?}: {error}"))?;
        }
        self.go_to(scenario.end)?;
        let grants = self.actors.iter().map(|actor| match actor {
            Actor::Served(at) => Some(*at),
            _ => None,
        });
        Ok(grants.collect())
    }

    /// Moves to `at`, stopping around every grant on the way.
    fn go_to(&mut self, at: u64) -> Result<(), String> {
        let scenario = self.scenario;
        let by_event = |grant: &u64| scenario.events.iter().any(|(at, _)| at == grant);
        let grants = scenario.expected.iter().filter_map(|outcome| match outcome {
            Outcome::GrantedAt(at) if !by_event(at) => Some(*at),
            _ => None,
        });
        let mut stops: Vec<u64> = grants.flat_map(|grant| grant.saturating_sub(1)..=grant + LATEST).collect();
        stops.push(at);
        stops.retain(|stop| (self.now + 1..=at).contains(stop));
        stops.sort_unstable();
        stops.dedup();
        for stop in stops {
            advance_to(self.clock, stop)?;
            (self.now, self.settled) = (stop, false);
            self.subject.disturb();
            self.settle()?;
        }
        Ok(())
    }

    fn take(&mut self, event: &Event) -> Result<(), String> {
        match *event {
            Event::Acquire { who, n, timeout } => self.start(who, n, timeout)?,
            Event::Try { n, expect } => try_acquire(self.subject, n, expect)?,
            Event::GiveBack { n } => self.subject.give_back(n),
            Event::Available { level, tolerance } => available(self.subject, level, tolerance)?,
            Event::Cancel { who } => {
                let Actor::Task(..) = core::mem::replace(&mut self.actors[who], Actor::Absent) else {
                    return Err("it was not waiting".into());
                };
            }
        }
        self.settle()
    }

    fn start(&mut self, who: usize, n: Tokens, timeout: Option<Duration>) -> Result<(), String> {
        let subject = self.subject;
        let thread = match self.drivers {
            _ if self.scenario.expected[who] == Outcome::Cancelled => false,
            Drivers::Tasks => false,
            Drivers::Threads => true,
            Drivers::Mixed => who % 2 == 1,
        };
        if thread {
            let report = Arc::new(Mutex::new(None));
            self.actors[who] = Actor::Thread(report.clone());
            self.scope.spawn(move || {
                let result = subject.acquire_blocking(n, timeout);
                *report.lock().unwrap() = Some(result);
            });
        } else {
            // Its first poll is owed to it.
            self.actors[who] = Actor::Task(subject.acquire(n, timeout), Arc::new(Woken(true.into())));
        }
        Ok(())
    }

    /// Until everything that can happen at this instant has happened.
    fn settle(&mut self) -> Result<(), String> {
        let began = Instant::now();
        loop {
            self.look_after_actors()?;
            let Err(missing) = self.is_settled() else { return Ok(()) };
            let threads = self.actors.iter().any(|actor| matches!(actor, Actor::Thread(_)));
            if !threads || began.elapsed() > PATIENCE {
                return Err(format!("at {}: {missing}", self.now));
            }
            sleep(Duration::from_micros(20));
        }
    }

    /// Polls whoever is woken until nobody is, and hears what the threads report.
    fn look_after_actors(&mut self) -> Result<(), String> {
        let mut quiet = false;
        while !quiet {
            quiet = true;
            for who in 0..self.actors.len() {
                let result = match &mut self.actors[who] {
                    Actor::Task(wait, woken) if woken.0.swap(false, Ordering::Acquire) => {
                        quiet = false;
                        let waker = Waker::from(woken.clone());
                        match wait.as_mut().poll(&mut Context::from_waker(&waker)) {
                            Poll::Ready(result) => Some(result),
                            Poll::Pending => None,
                        }
                    }
                    Actor::Thread(report) => report.lock().unwrap().take(),
                    _ => None,
                };
                if let Some(result) = result {
                    self.actors[who] = self.judge(who, result)?;
                }
            }
        }
        Ok(())
    }

    /// Whether `who` was told what it was to be told, now.
    fn judge(&self, who: usize, result: Result<(), AcquireError>) -> Result<Actor<'e>, String> {
        match (&result, self.scenario.expected[who]) {
            (Ok(()), Outcome::GrantedAt(at)) if (at..=at + LATEST).contains(&self.now) => {
                Ok(Actor::Served(self.now))
            }
            (Err(AcquireError::TimedOut { .. }), Outcome::RefusedAtOnce) => Ok(Actor::Refused),
            (Err(AcquireError::ExceedsCapacity { .. }), Outcome::ExceedsCapacity) => Ok(Actor::Refused),
            _ => Err(format!("at {}: {} was told {result:?}", self.now, self.scenario.actors[who])),
        }
    }

    fn is_settled(&self) -> Result<(), String> {
        let pending = self.actors.iter().filter(|actor| actor.is_pending()).count();
        // Also how a thread is seen to have joined the line.
        let waiting = self.subject.waiting();
        if waiting != pending {
            return Err(format!("{waiting} stand in line, but {pending} have come and heard nothing"));
        }
        for who in (0..self.actors.len()).filter(|&who| self.actors[who].is_pending()) {
            let name = &self.scenario.actors[who];
            match self.scenario.expected[who] {
                Outcome::GrantedAt(at) => {
                    let by_event = self.scenario.events.iter().any(|(event, _)| *event == at);
                    let due = match self.due {
                        _ if by_event => at,
                        Some(due) => due[who].unwrap_or(at),
                        None => at + LATEST,
                    };
                    if self.now > due || self.now == due && (self.settled || !by_event) {
                        return Err(format!("{name} has not been granted"));
                    }
                }
                Outcome::RefusedAtOnce | Outcome::ExceedsCapacity => {
                    return Err(format!("{name} is left to wait"));
                }
                Outcome::Cancelled | Outcome::Never => {}
            }
        }
        Ok(())
    }
}
