//! The checker: from the steps that were tried to the one order in which a cell went through its states.

use std::collections::{HashMap, HashSet};

use super::diary::{Act, Step};
use super::ideal::{Ideal, Policy};

/// What a cell went through, from its start on, and the questions that it was asked in between.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) steps: Vec<Step>,
}

/// Puts the steps of a run in order: a chain for each start. `last` are the numbers of the states that cells were in at
/// the end.
///
/// # Errors
///
/// The records are not those of cells that change by compare-exchange: a state has two successors, or comes from
/// nowhere.
pub(crate) fn chains(steps: &[Step], last: &[u64]) -> Result<Vec<Chain>, String> {
    let writes = |step: &&Step| step.before != step.after;
    // What a step started from was in a cell.
    let mut were: HashSet<u64> =
        steps.iter().filter(|step| step.act != Act::Start).map(|step| step.before).collect();
    were.extend(last);
    let mut next: HashMap<u64, &Step> = HashMap::new();
    for step in
        steps.iter().filter(writes).filter(|step| step.act != Act::Start && were.contains(&step.after))
    {
        if let Some(other) = next.insert(step.before, step) {
            return Err(format!("one state, two successors: {other:?} and {step:?}"));
        }
    }
    let mut asked: HashMap<u64, Vec<&Step>> = HashMap::new();
    for step in steps.iter().filter(|step| !writes(step)) {
        asked.entry(step.before).or_default().push(step);
    }
    let (mut chains, mut reached) = (Vec::new(), HashSet::new());
    for start in steps.iter().filter(|step| step.act == Act::Start && were.contains(&step.after)) {
        let (mut chain, mut at) = (vec![*start], start.after);
        loop {
            if !reached.insert(at) {
                return Err(format!("a state that comes twice: {at:x}"));
            }
            chain.extend(asked.remove(&at).into_iter().flatten());
            let Some(step) = next.remove(&at) else { break };
            chain.push(*step);
            at = step.after;
        }
        chains.push(Chain { steps: chain });
    }
    if let Some(lost) = were.iter().find(|state| !reached.contains(*state)) {
        return Err(format!("a state that comes from nowhere: {lost:x}"));
    }
    Ok(chains)
}

impl Chain {
    pub(crate) fn writes(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.before != step.after)
    }

    pub(crate) fn count(&self, act: Act) -> usize {
        self.steps.iter().filter(|step| step.act == act).count()
    }

    /// Each step is what the sequential algorithm does at its time.
    pub(crate) fn follows(&self, policy: Policy) -> Result<(), String> {
        let mut ideal = Ideal::new(policy);
        self.steps.iter().try_for_each(|step| ideal.step(step).map_err(|wrong| format!("{wrong}: {step:?}")))
    }

    /// The order agrees with real time: no change comes after one that was begun when it was over.
    pub(crate) fn agrees_with_real_time(&self) -> Result<(), String> {
        let mut latest = 0;
        for step in self.writes() {
            if step.to < latest {
                return Err(format!("over before one that came before it was begun at {latest}: {step:?}"));
            }
            latest = latest.max(step.from);
        }
        Ok(())
    }

    /// Between any two instants, no more is granted than the capacity and what accrues. For chains of grants and
    /// charges.
    pub(crate) fn stays_within(&self, Policy { capacity, each, grain }: Policy) -> Result<(), String> {
        let mut grants: Vec<_> = self.steps.iter().filter(|step| step.act == Act::Take).collect();
        grants.sort_by_key(|step| step.now);
        // In 2⁻²⁰ths of a nanosecond: what was granted less what has accrued, and the least of that so far.
        let (mut granted, mut least) = (0i128, i128::MAX);
        for step in grants {
            let accrued = i128::from(step.now / grain * grain) << 20;
            least = least.min(granted - accrued);
            granted += i128::from(step.n) * i128::from(each);
            if granted - accrued - least > i128::from(capacity * each) << 20 {
                return Err(format!("past the envelope: {step:?}"));
            }
        }
        Ok(())
    }
}
