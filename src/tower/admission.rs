//! [`Admission`]: what a handler can still change about what its request has cost.

use core::fmt;
use std::sync::Arc;

use super::Refused;
use super::entry::Entry;
use crate::{Snapshot, Tokens};

/// An extension of each request that was let through: bills what is known only later, or gives back what was not
/// needed, to the buckets that the request drew from.
///
/// Nested layers add to it: it knows the rules of all of them. Clones are alike, and outlive the request.
///
/// ```
/// use axum::{Extension, Router, routing::post};
/// use lazy_limiter::tower::Admission;
///
/// async fn complete(Extension(admission): Extension<Admission>) -> String {
///     let (text, tokens_used) = ("...".to_owned(), 512);
///     admission.charge("user", tokens_used).expect("a rule of this name");
///     text
/// }
/// let app: Router = Router::new().route("/complete", post(complete));
/// ```
#[derive(Clone, Debug)]
pub struct Admission {
    pub(super) entries: Arc<[Entry]>,
    pub(super) outer: Option<Arc<Admission>>,
}

/// Why an [`Admission`] could not be changed.
#[derive(Debug)]
#[non_exhaustive]
pub enum BillingError {
    /// The request took nothing by a rule of this name.
    NoSuchRule,
    /// The limiter refused.
    Limiter(Refused),
}

impl Admission {
    /// Takes `n` more by `rule`, unconditionally, [into debt](crate::Limiter::charge) if need be.
    ///
    /// # Errors
    ///
    /// [`NoSuchRule`](BillingError::NoSuchRule), or that `n` is no amount.
    pub fn charge(&self, rule: &str, n: impl Into<Tokens>) -> Result<(), BillingError> {
        let entry = self.find(rule).ok_or(BillingError::NoSuchRule)?;
        entry.account.charge(n.into()).map_err(BillingError::Limiter)
    }

    /// Gives `n` back by `rule`, up to its capacity.
    ///
    /// # Errors
    ///
    /// [`NoSuchRule`](BillingError::NoSuchRule), or that `n` is no amount.
    pub fn give_back(&self, rule: &str, n: impl Into<Tokens>) -> Result<(), BillingError> {
        let entry = self.find(rule).ok_or(BillingError::NoSuchRule)?;
        entry.account.give_back(n.into()).map_err(BillingError::Limiter)
    }

    /// What is left by `rule`; `None` if the request took nothing by it, or its bucket is full.
    pub fn snapshot(&self, rule: &str) -> Option<Snapshot> {
        self.find(rule)?.account.snapshot()
    }

    /// The names of the rules that the request has passed, those of the innermost layer first.
    pub fn rules(&self) -> impl Iterator<Item = &str> {
        self.entries().map(|entry| &*entry.rule.name)
    }

    fn find(&self, rule: &str) -> Option<&Entry> {
        self.entries().find(|entry| &*entry.rule.name == rule)
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        let layers = core::iter::successors(Some(self), |inner| inner.outer.as_deref());
        layers.flat_map(|layer| layer.entries.iter())
    }
}

impl fmt::Display for BillingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BillingError::NoSuchRule => f.write_str("the request took nothing by a rule of this name"),
            BillingError::Limiter(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for BillingError {}
