//! The contract of an [`Algorithm`], as questions to a state.

use core::time::Duration;

use super::violation::{Breach, Rule};
use super::walk::{Walk, at, times};
use crate::{Ahead, Algorithm, Timestamp, Tokens};

/// One rounding to 2⁻²⁰ tokens.
const ROUNDING: u64 = 1;

/// How far an idle state is followed.
const FUTURE: u64 = 8;

type Verdict = Result<(), Breach>;

fn must(holds: bool, rule: Rule, seen: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(Breach { rule, seen: seen() }) }
}

/// Holds the state that `walk` has come to against every rule, with `n` to ask for.
pub(super) fn check<A: Algorithm>(walk: &mut Walk<'_, A>, n: Tokens) -> Verdict {
    level(walk, n)?;
    take(walk, n)?;
    hint(walk, n)?;
    let factor = 1 + walk.random.below(4);
    consume(walk, n)?;
    consume(walk, times(n, factor))?;
    give_back(walk, times(n, 1 + factor / 2))?;
    idle(walk)
}

/// What is available as time passes, and as it goes back.
fn level<A: Algorithm>(walk: &mut Walk<'_, A>, n: Tokens) -> Verdict {
    let (now, capacity) = (walk.now, walk.capacity);
    let left = walk.level(now);
    for gap in [0, 1, walk.gap(), walk.gap(), walk.scale] {
        let later = now.saturating_add(gap);
        let then = walk.level(later);
        must(then <= capacity, Rule::Capacity, || format!("{then} of {capacity} at {later} ns"))?;
        must(then >= left, Rule::Falls, || format!("{left} at {now} ns, {then} at {later} ns"))?;
    }
    let debt = walk.algorithm.debt(&walk.state, at(now));
    must(debt == Tokens::ZERO || left == Tokens::ZERO, Rule::Debt, || {
        format!("{left} are available, and {debt} owed at {now} ns")
    })?;
    let back = 1 + walk.gap();
    let earlier = now.saturating_sub(back);
    let before = walk.level(earlier);
    must(before <= left, Rule::Backward, || format!("{before} at {earlier} ns, {left} at {now} ns"))?;
    if let Ok(next) = walk.algorithm.try_take(&walk.state, n, at(earlier)) {
        let then = walk.algorithm.available(&next, at(now));
        must(then <= left, Rule::Backward, || {
            format!("{left} at {now} ns became {then} when {n} were taken at {earlier} ns")
        })?;
    }
    Ok(())
}

/// `try_take` against its parts.
fn take<A: Algorithm>(walk: &mut Walk<'_, A>, n: Tokens) -> Verdict {
    let (now, gap) = (walk.now, walk.gap());
    let left = walk.level(now);
    match walk.algorithm.try_take(&walk.state, n, at(now)) {
        Ok(next) => {
            must(n <= left, Rule::Overgrant, || format!("{n} of {left} at {now} ns"))?;
            let same = walk.algorithm.consume(&walk.state, n, at(now));
            for then in [now, now.saturating_add(gap)] {
                let [taken, consumed] = [&next, &same].map(|state| walk.algorithm.available(state, at(then)));
                must(taken == consumed, Rule::TakeDiffers, || {
                    format!("{n} at {now} ns leave {taken} if tried and {consumed} if consumed, at {then} ns")
                })?;
            }
            Ok(())
        }
        Err(refused) => {
            must(n > left, Rule::Refusal, || format!("{n} of {left} at {now} ns"))?;
            let hint = walk.algorithm.time_to_available(&walk.state, n, at(now));
            must(refused == hint, Rule::TakeDiffers, || {
                format!("{n} at {now} ns are refused for {refused:?}, and take {hint:?}")
            })
        }
    }
}

/// Waiting suffices, and is needed.
fn hint<A: Algorithm>(walk: &mut Walk<'_, A>, n: Tokens) -> Verdict {
    let (now, state) = (at(walk.now), &walk.state);
    let wait = walk.algorithm.time_to_available(state, n, now);
    let served = walk.algorithm.time_to_serve(state, Ahead::NOBODY, n, now);
    must(served == wait, Rule::ServeDiffers, || format!("{served:?} and {wait:?} for {n} at {now:?}"))?;
    if n <= walk.algorithm.available(state, now) {
        return must(wait == Some(Duration::ZERO), Rule::HintTooLong, || {
            format!("{wait:?} for {n}, which are available at {now:?}")
        });
    }
    match wait.map(|wait| (wait, now + wait)) {
        // Too far away for any clock.
        Some((_, Timestamp::MAX)) => Ok(()),
        Some((wait, then)) => {
            must(walk.algorithm.try_take(state, n, then).is_ok(), Rule::HintTooShort, || {
                let left = walk.algorithm.available(state, then);
                format!("{n} at {now:?} were to take {wait:?}, and then there are {left}")
            })
        }
        None => {
            let later = walk.now.saturating_add(walk.gap());
            let left = walk.level(later);
            must(left < n, Rule::HintTooLong, || {
                format!("{n} were never to come at {now:?}, and there are {left} at {later} ns")
            })
        }
    }
}

/// Exactly `n` go, and exactly `n` come back.
fn consume<A: Algorithm>(walk: &mut Walk<'_, A>, n: Tokens) -> Verdict {
    let now = walk.now;
    let left = walk.level(now);
    let next = walk.algorithm.consume(&walk.state, n, at(now));
    let then = walk.algorithm.available(&next, at(now));
    if walk.capacity == Tokens::MAX {
        return Ok(());
    }
    let exact = match n <= left {
        true => then.parts().abs_diff(left.parts() - n.parts()) <= ROUNDING,
        false => then == Tokens::ZERO,
    };
    must(exact, Rule::Consume, || format!("{n} taken of {left} leave {then} at {now} ns"))?;
    if n > left && !walk.exact_debt {
        return Ok(());
    }
    let back = walk.algorithm.give_back(&next, n, at(now));
    for gap in [0, walk.gap()] {
        let then = now.saturating_add(gap);
        let (before, after) = (walk.level(then), walk.algorithm.available(&back, at(then)));
        let seen = || format!("{before} became {after} at {then} ns, {n} taken and given back at {now} ns");
        must(after <= walk.capacity, Rule::Mints, seen)?;
        must(after.parts() <= before.parts() + 2 * ROUNDING, Rule::Mints, seen)?;
        must(after.parts() + 2 * ROUNDING >= before.parts(), Rule::Loses, seen)?;
    }
    Ok(())
}

/// No more than `n` come back, whether or not they were taken, and nothing goes.
fn give_back<A: Algorithm>(walk: &mut Walk<'_, A>, n: Tokens) -> Verdict {
    let now = at(walk.now);
    let next = walk.algorithm.give_back(&walk.state, n, now);
    let here = walk.algorithm.available(&next, now);
    must(here <= walk.capacity, Rule::Mints, || {
        format!("{n} given back at {now:?} make it {here} of {}", walk.capacity)
    })?;
    // A clock that has gone back may be told less than there is: the latest time knows.
    let left = walk.level(walk.newest);
    let then = walk.algorithm.available(&next, at(walk.newest));
    let seen = || format!("{left} became {then} at {} ns, {n} given back at {now:?}", walk.newest);
    let most = left.parts().saturating_add(n.parts()).saturating_add(ROUNDING);
    must(then <= walk.capacity && then.parts() <= most, Rule::Mints, seen)?;
    must(then.parts() + ROUNDING >= left.parts(), Rule::Loses, seen)
}

/// An idle state, now and when it becomes one, is as good as new.
fn idle<A: Algorithm>(walk: &mut Walk<'_, A>) -> Verdict {
    // To a clock that has gone back, a new state is one of the past.
    if walk.now < walk.newest {
        return Ok(());
    }
    let now = at(walk.now);
    let wait = walk.algorithm.time_to_idle(&walk.state, now);
    let is_idle = walk.algorithm.is_idle(&walk.state, now);
    if is_idle {
        must(wait.is_some(), Rule::IdleHint, || format!("never, but it is idle at {now:?}"))?;
        same_future(walk, now)?;
    }
    match wait.map(|wait| now + wait) {
        None | Some(Timestamp::MAX) => Ok(()),
        Some(then) => {
            must(walk.algorithm.is_idle(&walk.state, then), Rule::IdleHint, || {
                format!("at {now:?} it takes {wait:?} to be idle, and then it is not")
            })?;
            same_future(walk, then)
        }
    }
}

/// The state and a new one, from `now` on.
fn same_future<A: Algorithm>(walk: &mut Walk<'_, A>, now: Timestamp) -> Verdict {
    let algorithm = walk.algorithm;
    let (mut old, mut new) = (walk.state.clone(), algorithm.start(now));
    let (since, mut now) = (now, now);
    for _ in 0..FUTURE {
        let n = walk.amount();
        let [one, other] = [&old, &new].map(|state| algorithm.available(state, now));
        let seen = || format!("idle at {since:?}, it has {one} at {now:?}, and a new one {other}");
        must(one.parts().abs_diff(other.parts()) <= ROUNDING, Rule::IdleDiffers, seen)?;
        match (algorithm.try_take(&old, n, now), algorithm.try_take(&new, n, now)) {
            (Ok(next), Ok(same)) => (old, new) = (next, same),
            (Err(wait), Err(same)) => must(wait == same, Rule::IdleDiffers, || {
                format!("idle at {since:?}, it asks for {wait:?} at {now:?}, and a new one for {same:?}")
            })?,
            // They differ by the rounding that is allowed: the same, and no further to be compared.
            _ => return must(n.parts().abs_diff(one.parts()) <= ROUNDING, Rule::IdleDiffers, seen),
        }
        now = now + Duration::from_nanos(walk.gap());
    }
    Ok(())
}

impl<A: Algorithm> Walk<'_, A> {
    fn level(&self, now: u64) -> Tokens {
        self.algorithm.available(&self.state, at(now))
    }
}
