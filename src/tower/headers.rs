//! [`Headers`]: the fields that tell a client about its limits.

use core::fmt::Write as _;
use core::time::Duration;

use http::header::{HeaderName, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};

use super::entry::Entry;
use super::refusal::Refusal;
use crate::{Snapshot, Tokens};

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Which header fields tell clients about their limits. A refusal has `Retry-After` in any case, where it is known when
/// to retry.
///
/// The default is `RateLimit` and `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers-11, on every response:
///
/// ```text
/// RateLimit-Policy: "client";q=100;w=60
/// RateLimit: "client";r=50;t=30
/// ```
///
/// - `q` is the capacity, `w` the rule's [window](super::Rule::window);
/// - `r` is what is left when the response is made, rounded down;
/// - `t` is the number of seconds, rounded up, until the bucket is full again; if nothing is left, until something is;
///   in a refusal for want of tokens, the same as `Retry-After`. Where it will never be, there is no `t`.
///
/// With several rules these are lists. A rule without a limit, or from which a request took nothing, is not mentioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers {
    standard: bool,
    legacy: bool,
    on_success: bool,
}

impl Headers {
    /// `Retry-After` alone.
    pub const fn none() -> Headers {
        Headers { standard: false, legacy: false, on_success: true }
    }

    /// `RateLimit` and `RateLimit-Policy`: the default.
    pub const fn standard() -> Headers {
        Headers { standard: true, ..Headers::none() }
    }

    /// These, and the older `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset`, which can tell of
    /// one limit only: of the one that refused, or else of the one with the least left. `Reset` is in seconds from
    /// now, as `t` above.
    pub const fn with_legacy(self) -> Headers {
        Headers { legacy: true, ..self }
    }

    /// These, but only when a request is refused.
    pub const fn only_on_refusal(self) -> Headers {
        Headers { on_success: false, ..self }
    }

    /// Writes the fields for a request that these entries let through.
    pub(super) fn of_admission<'a>(self, fields: &mut HeaderMap, entries: impl Iterator<Item = &'a Entry>) {
        if self.on_success && (self.standard || self.legacy) {
            self.write(fields, entries.filter_map(Limit::of));
        }
    }

    /// Writes the fields for a request that was refused, having passed these entries but the last.
    pub(super) fn of_refusal<'a>(
        self,
        fields: &mut HeaderMap,
        refusal: &Refusal,
        entries: impl Iterator<Item = &'a Entry>,
    ) {
        if let Some(seconds) = refusal.retry_after_secs() {
            fields.entry(RETRY_AFTER).or_insert(HeaderValue::from(seconds));
        }
        if !self.standard && !self.legacy {
            return;
        }
        let limits = entries.filter_map(|entry| {
            let mut limit = Limit::of(entry)?;
            if refusal.is_by(&entry.rule) && refusal.is_for_want_of_tokens() {
                limit.reset = refusal.retry_after_secs();
                limit.refused = true;
            }
            Some(limit)
        });
        self.write(fields, limits);
    }

    fn write<'a>(self, fields: &mut HeaderMap, limits: impl Iterator<Item = Limit<'a>>) {
        let (mut policies, mut states) = (String::with_capacity(64), String::with_capacity(64));
        let mut tightest: Option<Limit<'_>> = None;
        for limit in limits {
            if self.standard {
                limit.write_policy(&mut policies);
                limit.write_state(&mut states);
            }
            if tightest.as_ref().is_none_or(|least| limit.tightness() < least.tightness()) {
                tightest = Some(limit);
            }
        }
        // Lists: an inner or outer layer may have its own line.
        for (name, list) in [(RATELIMIT_POLICY, policies), (RATELIMIT, states)] {
            if let Some(value) = HeaderValue::try_from(list).ok().filter(|value| !value.is_empty()) {
                fields.append(name, value);
            }
        }
        // Not lists: an inner layer's are left alone, being closer to the point.
        if let Some(limit) = tightest.filter(|_| self.legacy && !fields.contains_key(LIMIT)) {
            fields.insert(LIMIT, HeaderValue::from(limit.quota));
            fields.insert(REMAINING, HeaderValue::from(limit.remaining));
            if let Some(reset) = limit.reset {
                fields.insert(RESET, HeaderValue::from(reset));
            }
        }
    }
}

impl Default for Headers {
    fn default() -> Headers {
        Headers::standard()
    }
}

/// What is told of one rule.
struct Limit<'a> {
    entry: &'a Entry,
    quota: u64,
    remaining: u64,
    reset: Option<u64>,
    refused: bool,
}

impl<'a> Limit<'a> {
    fn of(entry: &'a Entry) -> Option<Limit<'a>> {
        if entry.rule.shadow {
            return None;
        }
        let Snapshot { limit, remaining, reset_after, retry_after } = entry.account.snapshot()?;
        // The capacity of what has no limit.
        if limit == Tokens::MAX {
            return None;
        }
        let whole = |tokens: Tokens| tokens.as_f64() as u64;
        let reset = if whole(remaining) == 0 { retry_after } else { reset_after };
        Some(Limit {
            entry,
            quota: whole(limit),
            remaining: whole(remaining),
            reset: reset.map(whole_seconds),
            refused: false,
        })
    }

    /// Whatever refused comes first, then what has least left.
    fn tightness(&self) -> (bool, u64) {
        (!self.refused, self.remaining)
    }

    fn write_policy(&self, list: &mut String) {
        let rule = &*self.entry.rule;
        item(list, &rule.name);
        parameter(list, "q", self.quota);
        if let Some(unit) = &rule.unit {
            list.push_str(";qu=");
            string(list, unit);
        }
        if let Some(window) = rule.window {
            parameter(list, "w", whole_seconds(window));
        }
    }

    fn write_state(&self, list: &mut String) {
        item(list, &self.entry.rule.name);
        parameter(list, "r", self.remaining);
        if let Some(reset) = self.reset {
            parameter(list, "t", reset);
        }
    }
}

/// Rounded up.
pub(super) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))
}

/// The next item of a list of Structured Fields (RFC 9651).
fn item(list: &mut String, name: &str) {
    if !list.is_empty() {
        list.push_str(", ");
    }
    string(list, name);
}

/// A string: `text` is printable ASCII.
fn string(list: &mut String, text: &str) {
    list.push('"');
    for char in text.chars() {
        if matches!(char, '"' | '\\') {
            list.push('\\');
        }
        list.push(char);
    }
    list.push('"');
}

/// An integer has at most fifteen digits.
fn parameter(list: &mut String, name: &str, value: u64) {
    let _ = write!(list, ";{name}={}", value.min(999_999_999_999_999));
}
