//! [`Passage`]: a request on its way past its rules: all of them, or it leaves no trace.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use http::request;

use super::Refused;
use super::account::Account;
use super::refusal::{Cause, Refusal};
use super::rule::{MissingKey, Rule};
use crate::Tokens;

/// What a request takes by one rule.
pub(super) struct Entry {
    pub(super) rule: Arc<Rule>,
    pub(super) account: Arc<dyn Account>,
    n: Tokens,
}

impl Entry {
    fn undo(&self) {
        // What was taken was rounded up, and was an amount.
        let _ = self.account.give_back(self.n.rounded_up());
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("rule", &self.rule.name).field("n", &self.n).finish_non_exhaustive()
    }
}

/// Takes by one rule after the other. What it has taken goes back when it is dropped before the end.
pub(super) struct Passage {
    entries: Vec<Entry>,
    /// So many of the entries, from the first on, have been taken.
    taken: usize,
    would_refuse: Vec<Refusal>,
}

/// A request that did not pass.
pub(super) struct Refusing {
    pub(super) refusal: Refusal,
    /// Those that had let it pass before, and the one that refused.
    pub(super) entries: Vec<Entry>,
    /// The shadows that would have refused it before.
    pub(super) would_refuse: Vec<Refusal>,
}

/// A request that did.
pub(super) struct Passed {
    pub(super) entries: Vec<Entry>,
    pub(super) would_refuse: Vec<Refusal>,
}

impl Passage {
    /// Finds what is to be taken. Nothing is taken yet.
    pub(super) fn new(rules: &[Arc<Rule>], request: &request::Parts) -> Result<Passage, Refusing> {
        let mut passage =
            Passage { entries: Vec::with_capacity(rules.len()), taken: 0, would_refuse: Vec::new() };
        for rule in rules {
            match rule.bill(request) {
                Some((account, n)) => passage.entries.push(Entry { rule: rule.clone(), account, n }),
                None if rule.missing_key == MissingKey::Admit => {}
                None => match Refusal::new(rule.clone(), Cause::NoKey) {
                    refusal if rule.shadow => passage.would_refuse.push(refusal),
                    refusal => {
                        passage.entries.clear();
                        return Err(passage.refuse(refusal));
                    }
                },
            }
        }
        Ok(passage)
    }

    /// Takes what there is to take, now.
    pub(super) fn take_now(mut self) -> Result<Passed, Refusing> {
        while let Some(entry) = self.entries.get(self.taken) {
            let taken = entry.account.try_take(entry.n);
            if let Some(refusal) = self.note(taken) {
                return Err(self.refuse(refusal));
            }
        }
        Ok(self.pass())
    }

    /// Takes what there is to take, waiting in one line after the other, for no longer than `timeout` in all.
    pub(super) async fn take(mut self, timeout: Duration) -> Result<Passed, Refusing> {
        let mut left = timeout;
        while let Some(Entry { rule, account, n }) = self.entries.get(self.taken) {
            let taken = match rule.shadow {
                true => account.try_take(*n),
                false => {
                    let start = account.now();
                    let taken = account.take(*n, left).await;
                    left = left.saturating_sub(account.now().since(start));
                    taken
                }
            };
            if let Some(refusal) = self.note(taken) {
                return Err(self.refuse(refusal));
            }
        }
        Ok(self.pass())
    }

    /// Notes what has become of the next entry; some, if the request is refused by it.
    fn note(&mut self, taken: Result<(), Refused>) -> Option<Refusal> {
        match taken {
            Ok(()) => self.taken += 1,
            Err(error) => {
                let rule = self.entries[self.taken].rule.clone();
                let refusal = Refusal::new(rule, Cause::Limiter(error));
                if !refusal.is_shadow() {
                    return Some(refusal);
                }
                self.entries.remove(self.taken);
                self.would_refuse.push(refusal);
            }
        }
        None
    }

    fn refuse(mut self, refusal: Refusal) -> Refusing {
        let refusing = self.taken + 1;
        self.undo();
        let mut entries = core::mem::take(&mut self.entries);
        entries.truncate(refusing);
        Refusing { refusal, entries, would_refuse: core::mem::take(&mut self.would_refuse) }
    }

    fn pass(mut self) -> Passed {
        self.taken = 0;
        let entries = core::mem::take(&mut self.entries);
        entries.iter().for_each(|entry| entry.rule.count_admitted());
        Passed { entries, would_refuse: core::mem::take(&mut self.would_refuse) }
    }

    /// Gives everything back, the last first.
    fn undo(&mut self) {
        let taken = core::mem::take(&mut self.taken);
        self.entries[..taken].iter().rev().for_each(Entry::undo);
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        self.undo();
    }
}
