//! The scenarios, typed. Whatever is not known here is an error: no scenario is half understood.

use core::time::Duration;

use lazy_limiter::{Rate, Tokens};
use serde_json::Value;

use super::json::Fields;

/// A scenario of any file; `B` is what happens in it.
pub(crate) struct Scenario<B> {
    pub(crate) name: String,
    pub(crate) policy: Policy,
    pub(crate) may_be_refused: bool,
    pub(crate) body: B,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Policy {
    TokenBucket { capacity: Tokens, rate: Rate, starting: Option<Tokens> },
    FixedWindow { capacity: Tokens, window: Duration },
    SlidingWindowLog { capacity: Tokens, window: Duration },
}

/// One step; instants are nanoseconds.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Try { at: u64, n: Tokens, expect: Answer },
    Available { at: u64, level: f64, tolerance: f64 },
    GiveBack { at: u64, n: Tokens },
    Loop { from: u64, every: u64, count: u64, n: Tokens, granted: u64, tolerance: u64 },
}

/// What a try is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Answer {
    Granted,
    Denied(Hint),
    ExceedsCapacity,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Hint {
    /// Not to be named in 63 bits: any will do.
    Any,
    Never,
    After(u64),
}

/// What happens around a line. Actors are known by their place in `actors`.
pub(crate) struct Waiting {
    pub(crate) actors: Vec<String>,
    pub(crate) events: Vec<(u64, Event)>,
    pub(crate) end: u64,
    /// One for each actor.
    pub(crate) expected: Vec<Outcome>,
}

#[derive(Clone, Debug)]
pub(crate) enum Event {
    Acquire { who: usize, n: Tokens, timeout: Option<Duration> },
    Try { n: Tokens, expect: Answer },
    Cancel { who: usize },
    GiveBack { n: Tokens },
    Available { level: f64, tolerance: f64 },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outcome {
    GrantedAt(u64),
    RefusedAtOnce,
    ExceedsCapacity,
    Cancelled,
    Never,
}

/// Reads a whole file.
pub(crate) fn file<B>(
    text: &str,
    body: fn(&mut Fields) -> Result<B, String>,
) -> Result<Vec<Scenario<B>>, String> {
    let value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut fields = Fields::new(value, "file")?;
    fields.text("description")?;
    let scenarios = fields.list("scenarios")?.into_iter().map(|value| scenario(value, body)).collect();
    fields.finish()?;
    scenarios
}

fn scenario<B>(value: Value, body: fn(&mut Fields) -> Result<B, String>) -> Result<Scenario<B>, String> {
    let name = value["name"].as_str().unwrap_or("a scenario without a name").to_owned();
    let mut fields = Fields::new(value, &name)?;
    fields.text("name")?;
    fields.text("source")?;
    let policy = policy(fields.value("policy")?, &name)?;
    // The one value that is not a string.
    let may_be_refused =
        match fields.has("policy_may_be_refused").then(|| fields.value("policy_may_be_refused")) {
            None => false,
            Some(Ok(Value::Bool(true))) => true,
            Some(other) => return Err(format!("{name}: policy_may_be_refused: {other:?}")),
        };
    let body = body(&mut fields)?;
    fields.finish()?;
    Ok(Scenario { name, policy, may_be_refused, body })
}

fn policy(value: Value, of: &str) -> Result<Policy, String> {
    let mut fields = Fields::new(value, format!("{of}: policy"))?;
    let kind = fields.text("kind")?;
    let capacity = fields.amount("capacity")?;
    let policy = match kind.as_str() {
        "token_bucket" => {
            let mut rate = Fields::new(fields.value("rate")?, format!("{of}: rate"))?;
            let (tokens, per) = (rate.amount("tokens")?, rate.number("per_ns")?);
            rate.finish()?;
            let rate = Rate::new(tokens, Duration::from_nanos(per));
            Policy::TokenBucket { capacity, rate, starting: fields.amount_if_any("starting")? }
        }
        "fixed_window" => {
            Policy::FixedWindow { capacity, window: Duration::from_nanos(fields.number("window_ns")?) }
        }
        "sliding_window_log" => {
            Policy::SlidingWindowLog { capacity, window: Duration::from_nanos(fields.number("window_ns")?) }
        }
        other => return Err(format!("{of}: unknown kind of policy {other:?}")),
    };
    fields.finish()?;
    Ok(policy)
}

/// The body of all files but `waiting.json`.
pub(crate) fn steps(fields: &mut Fields) -> Result<Vec<Step>, String> {
    let steps = fields.list("steps")?;
    if steps.is_empty() {
        return Err(fields.error("steps", "none"));
    }
    steps.into_iter().map(step).collect()
}

fn step(value: Value) -> Result<Step, String> {
    let mut fields = Fields::new(value.clone(), format!("step {value}"))?;
    let step = if fields.has("from_ns") {
        Step::Loop {
            from: fields.number("from_ns")?,
            every: fields.number("every_ns")?,
            count: fields.number("count")?,
            n: fields.amount("try")?,
            granted: fields.number("granted")?,
            tolerance: fields.number("granted_tolerance")?,
        }
    } else {
        let at = fields.number("at_ns")?;
        if fields.has("try") {
            Step::Try { at, n: fields.amount("try")?, expect: answer(&mut fields)? }
        } else if fields.has("available") {
            let (level, tolerance) = (fields.decimal("available")?, fields.decimal("available_tolerance")?);
            Step::Available { at, level, tolerance }
        } else {
            Step::GiveBack { at, n: fields.amount("give_back")? }
        }
    };
    fields.finish()?;
    Ok(step)
}

fn answer(fields: &mut Fields) -> Result<Answer, String> {
    Ok(match fields.text("expect")?.as_str() {
        "ok" => Answer::Granted,
        "exceeds_capacity" => Answer::ExceedsCapacity,
        "denied" if !fields.has("retry_after_ns") => Answer::Denied(Hint::Any),
        "denied" => Answer::Denied(match fields.text("retry_after_ns")?.as_str() {
            "never" => Hint::Never,
            nanos => Hint::After(nanos.parse().map_err(|_| fields.error("retry_after_ns", nanos))?),
        }),
        other => return Err(fields.error("expect", other)),
    })
}

/// The body of `waiting.json`.
pub(crate) fn waiting(fields: &mut Fields) -> Result<Waiting, String> {
    let text = |value: Value| value.as_str().map(str::to_owned).ok_or_else(|| format!("no name: {value}"));
    let actors = fields.list("actors")?.into_iter().map(text).collect::<Result<Vec<_>, _>>()?;
    let find = |fields: &mut Fields| {
        let who = fields.text("who")?;
        actors.iter().position(|actor| *actor == who).ok_or_else(|| fields.error("who", who))
    };
    let events = fields.list("events")?.into_iter().map(|value| event(value, &find));
    let events = events.collect::<Result<Vec<_>, _>>()?;
    let mut outcomes = vec![None; actors.len()];
    for value in fields.list("expected")? {
        let (who, outcome) = expected(value, &find)?;
        if outcomes[who].replace(outcome).is_some() {
            return Err(format!("{} is expected twice", actors[who]));
        }
    }
    let expected = outcomes.into_iter().collect::<Option<Vec<_>>>().ok_or("an actor without expectation")?;
    for (who, actor) in actors.iter().enumerate() {
        let acquires = |event: &&(u64, Event)| matches!(event.1, Event::Acquire { who: w, .. } if w == who);
        if events.iter().filter(acquires).count() != 1 {
            return Err(format!("{actor} does not acquire once"));
        }
    }
    Ok(Waiting { end: fields.number("end_at_ns")?, actors, events, expected })
}

type Find<'a> = dyn Fn(&mut Fields) -> Result<usize, String> + 'a;

fn event(value: Value, find: &Find<'_>) -> Result<(u64, Event), String> {
    let mut fields = Fields::new(value.clone(), format!("event {value}"))?;
    let at = fields.number("at_ns")?;
    let event = match fields.text("op")?.as_str() {
        "acquire" => Event::Acquire {
            who: find(&mut fields)?,
            n: fields.amount("n")?,
            timeout: fields.number_if_any("timeout_ns")?.map(Duration::from_nanos),
        },
        "try" => Event::Try { n: fields.amount("n")?, expect: answer(&mut fields)? },
        "cancel" => Event::Cancel { who: find(&mut fields)? },
        "give_back" => Event::GiveBack { n: fields.amount("n")? },
        "available" => {
            Event::Available { level: fields.decimal("level")?, tolerance: fields.decimal("tolerance")? }
        }
        other => return Err(fields.error("op", other)),
    };
    fields.finish()?;
    Ok((at, event))
}

fn expected(value: Value, find: &Find<'_>) -> Result<(usize, Outcome), String> {
    let mut fields = Fields::new(value.clone(), format!("expected {value}"))?;
    let who = find(&mut fields)?;
    let outcome = match fields.number_if_any("granted_at_ns")? {
        Some(at) => Outcome::GrantedAt(at),
        None => match fields.text("outcome")?.as_str() {
            "refused_at_once" => Outcome::RefusedAtOnce,
            "exceeds_capacity" => Outcome::ExceedsCapacity,
            "cancelled" => Outcome::Cancelled,
            "never" => Outcome::Never,
            other => return Err(fields.error("outcome", other)),
        },
    };
    fields.finish()?;
    Ok((who, outcome))
}
