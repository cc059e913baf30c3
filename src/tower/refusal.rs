//! [`Refusal`]: why a request was not let through, and the answer to it.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode, request};

use super::rule::{MissingKey, Rule};
use super::{Refused, response};
use crate::AcquireError;

/// Why a request was not let through, or [would not have been](Rule::shadow).
#[derive(Clone)]
pub struct Refusal {
    rule: Arc<Rule>,
    cause: Arc<Cause>,
}

/// What a [`Rule`] had against a request.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// The request has no key.
    NoKey,
    /// The limiter did not grant the tokens.
    Limiter(Refused),
}

/// An extension of requests: the [shadows](Rule::shadow) that would have refused it, if any would have.
#[derive(Clone, Debug)]
pub struct WouldRefuse(pub Arc<[Refusal]>);

impl Refusal {
    pub(super) fn new(rule: Arc<Rule>, cause: Cause) -> Refusal {
        rule.count_refused();
        Refusal { rule, cause: Arc::new(cause) }
    }

    pub(super) fn is_by(&self, rule: &Arc<Rule>) -> bool {
        Arc::ptr_eq(&self.rule, rule)
    }

    /// The name of the rule.
    pub fn rule(&self) -> &str {
        &self.rule.name
    }

    /// What it had against the request.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// Whether the rule is a shadow, and the request went on all the same.
    pub fn is_shadow(&self) -> bool {
        self.rule.shadow
    }

    /// The status to answer with.
    ///
    /// | cause | status | gRPC |
    /// |---|---|---|
    /// | [`Denied`](AcquireError::Denied), [`TimedOut`](AcquireError::TimedOut): not now, or not in time | 429, or the [rule's](Rule::status) | `RESOURCE_EXHAUSTED` |
    /// | [`ExceedsCapacity`](AcquireError::ExceedsCapacity): costs more than there ever is | 400 | `INVALID_ARGUMENT` |
    /// | [`QueueFull`](AcquireError::QueueFull), [`TooManyKeys`](AcquireError::TooManyKeys): the server is at a bound of its own | 503 | `UNAVAILABLE` |
    /// | [`Closed`](AcquireError::Closed): the server is shutting down | 503 | `UNAVAILABLE` |
    /// | [`Policy`](AcquireError::Policy): the policy refused the key | 403 | `PERMISSION_DENIED` |
    /// | [`InvalidAmount`](AcquireError::InvalidAmount): the cost was no amount | 500 | `INTERNAL` |
    /// | [`NoKey`](Cause::NoKey) | as [chosen](Rule::missing_key) | by the status |
    pub fn status(&self) -> StatusCode {
        match &*self.cause {
            Cause::NoKey => match self.rule.missing_key {
                MissingKey::Refuse(status) => status,
                MissingKey::Admit => StatusCode::BAD_REQUEST,
            },
            Cause::Limiter(error) => match error {
                AcquireError::Denied { .. } | AcquireError::TimedOut { .. } => self.rule.status,
                AcquireError::ExceedsCapacity { .. } => StatusCode::BAD_REQUEST,
                AcquireError::QueueFull | AcquireError::TooManyKeys | AcquireError::Closed => {
                    StatusCode::SERVICE_UNAVAILABLE
                }
                AcquireError::Policy(_) => StatusCode::FORBIDDEN,
                AcquireError::InvalidAmount => StatusCode::INTERNAL_SERVER_ERROR,
            },
        }
    }

    /// Whether it was for want of tokens: the same request may pass later.
    pub fn is_for_want_of_tokens(&self) -> bool {
        let want =
            |error: &Refused| matches!(error, AcquireError::Denied { .. } | AcquireError::TimedOut { .. });
        matches!(&*self.cause, Cause::Limiter(error) if want(error))
    }

    /// After how long the same request would pass this rule if nobody else came, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        match &*self.cause {
            Cause::Limiter(error) => error.retry_after(),
            Cause::NoKey => None,
        }
    }

    /// The same for the field `Retry-After`: whole seconds, rounded up, at least one.
    pub fn retry_after_secs(&self) -> Option<u64> {
        self.retry_after().map(|wait| super::headers::whole_seconds(wait).max(1))
    }

    /// The answer to `request`, unless [you give your own](super::Rules::respond): problem details as JSON
    /// (RFC 9457) or, for a gRPC call, a gRPC status. The layer adds the header fields of the limits.
    pub fn response(&self, request: &request::Parts) -> Response<Bytes> {
        response::of(self, request)
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("rule", &self.rule())
            .field("cause", &self.cause)
            .field("shadow", &self.is_shadow())
            .finish()
    }
}

/// For logs: the error of a policy is told.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.cause {
            Cause::NoKey => write!(f, "{}: the request has no key", self.rule()),
            Cause::Limiter(error) => write!(f, "{}: {error}", self.rule()),
        }
    }
}
