//! One step after another.

use core::time::Duration;
use std::sync::Barrier;

use lazy_limiter::{AcquireError, Clock, ManualClock, Tokens};

use super::scenario::{Answer, Hint, Step};
use super::subject::Subject;

/// In a loop of many turns, one in so many is disturbed. A prime, to be in step with nothing.
const DISTURB_EACH: u64 = 97;
/// A library may say so much more than the exact hint.
const HINT_TOLERANCE: u64 = 2;

/// Takes all steps. A loop at one instant is spread over `threads`.
pub(crate) fn replay(
    subject: &dyn Subject,
    clock: &ManualClock,
    steps: &[Step],
    threads: u64,
) -> Result<(), String> {
    steps.iter().try_for_each(|step| {
        subject.disturb();
        take(subject, clock, step, threads).map_err(|error| format!("{step:?}: {error}"))
    })
}

fn take(subject: &dyn Subject, clock: &ManualClock, step: &Step, threads: u64) -> Result<(), String> {
    match *step {
        Step::Try { at, n, expect } => {
            advance_to(clock, at)?;
            try_acquire(subject, n, expect)
        }
        Step::Available { at, level, tolerance } => {
            advance_to(clock, at)?;
            available(subject, level, tolerance)
        }
        Step::GiveBack { at, n } => {
            advance_to(clock, at)?;
            subject.give_back(n);
            Ok(())
        }
        Step::Loop { from, every, count, n, granted, tolerance } => {
            advance_to(clock, from)?;
            let times = match every {
                0 => at_once(subject, count, n, threads)?,
                _ => one_by_one(subject, clock, (every, count), n)?,
            };
            match times.abs_diff(granted) <= tolerance {
                true => Ok(()),
                false => Err(format!("granted {times} times")),
            }
        }
    }
}

fn one_by_one(
    subject: &dyn Subject,
    clock: &ManualClock,
    (every, count): (u64, u64),
    n: Tokens,
) -> Result<u64, String> {
    let mut granted = 0;
    for turn in 0..count {
        if turn > 0 {
            clock.advance(Duration::from_nanos(every));
        }
        if turn % DISTURB_EACH == 1 {
            subject.disturb();
        }
        granted += u64::from(is_granted(subject, n)?);
    }
    Ok(granted)
}

fn at_once(subject: &dyn Subject, count: u64, n: Tokens, threads: u64) -> Result<u64, String> {
    let start = Barrier::new(threads as usize);
    let share = |thread: u64| {
        start.wait();
        (thread..count)
            .step_by(threads as usize)
            .try_fold(0, |granted, _| Ok::<u64, String>(granted + u64::from(is_granted(subject, n)?)))
    };
    std::thread::scope(|scope| {
        let shares: Vec<_> = (0..threads).map(|thread| scope.spawn(move || share(thread))).collect();
        shares.into_iter().map(|share| share.join().expect("no panic in a share")).sum()
    })
}

/// Any error but a denial is one of the replay.
fn is_granted(subject: &dyn Subject, n: Tokens) -> Result<bool, String> {
    match subject.try_acquire(n) {
        Ok(()) => Ok(true),
        Err(AcquireError::Denied { .. }) => Ok(false),
        Err(error) => Err(format!("told {error:?}")),
    }
}

/// Tries once, and compares.
pub(crate) fn try_acquire(subject: &dyn Subject, n: Tokens, expect: Answer) -> Result<(), String> {
    let ahead = subject.time_to_available(n);
    let told = subject.try_acquire(n);
    let agrees = match (&told, expect) {
        (Ok(()), Answer::Granted) => true,
        (Err(AcquireError::ExceedsCapacity { requested, .. }), Answer::ExceedsCapacity) => *requested == n,
        (Err(AcquireError::Denied { retry_after }), Answer::Denied(hint)) => {
            // Who only looks is told the same.
            *retry_after == ahead && hint_agrees(*retry_after, hint)
        }
        _ => false,
    };
    if agrees { Ok(()) } else { Err(format!("told {told:?}, and {ahead:?} when only looking")) }
}

fn hint_agrees(told: Option<Duration>, expected: Hint) -> bool {
    match (told, expected) {
        (_, Hint::Any) | (None, Hint::Never) => true,
        (Some(told), Hint::After(nanos)) => {
            (nanos..=nanos.saturating_add(HINT_TOLERANCE)).contains(&(told.as_nanos() as u64))
        }
        _ => false,
    }
}

/// Compares the level.
pub(crate) fn available(subject: &dyn Subject, level: f64, tolerance: f64) -> Result<(), String> {
    let told = subject.available().as_f64();
    if (told - level).abs() <= tolerance { Ok(()) } else { Err(format!("told {told}")) }
}

pub(crate) fn advance_to(clock: &ManualClock, at: u64) -> Result<(), String> {
    let now = clock.now().as_nanos();
    let by = at.checked_sub(now).ok_or_else(|| format!("time would go back from {now}"))?;
    clock.advance(Duration::from_nanos(by));
    Ok(())
}

/// The library's own hint must work: for each denial, on a fresh subject, that try, a wait of exactly what it
/// says, and the same try again. How many hints there were.
pub(crate) fn own_hints(
    steps: &[Step],
    fresh: impl Fn() -> (Box<dyn Subject>, ManualClock),
) -> Result<u64, String> {
    let mut hints = 0;
    for (at, step) in steps.iter().enumerate() {
        let Step::Try { at: instant, n, expect: Answer::Denied(_) } = *step else { continue };
        let (subject, clock) = fresh();
        replay(&*subject, &clock, &steps[..at], 1)?;
        advance_to(&clock, instant)?;
        let told = subject.try_acquire(n);
        let Err(AcquireError::Denied { retry_after }) = told else {
            return Err(format!("{step:?}: told {told:?}"));
        };
        let Some(hint) = retry_after else { continue };
        hints += 1;
        clock.advance(hint);
        let again = subject.try_acquire(n);
        if again != Ok(()) {
            return Err(format!("{step:?}: told to wait {hint:?}, then {again:?}"));
        }
    }
    Ok(hints)
}
