//! The default answers: problem details, and gRPC statuses.

use core::fmt::Write as _;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Response, StatusCode, request};

use super::refusal::{Cause, Refusal};
use crate::AcquireError;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// How long a gRPC client waits before it tries again by itself; see gRPC's proposal A6 on retries.
const GRPC_RETRY_PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

pub(super) fn of(refusal: &Refusal, request: &request::Parts) -> Response<Bytes> {
    match request.headers.get(CONTENT_TYPE).filter(|kind| kind.as_bytes().starts_with(b"application/grpc")) {
        Some(kind) => grpc(refusal, kind.clone()),
        None => problem(refusal),
    }
}

/// What a client may know of the cause. The error of a policy is the server's own affair.
fn detail(refusal: &Refusal) -> String {
    match refusal.cause() {
        Cause::NoKey => "What this limit goes by is missing.".into(),
        Cause::Limiter(error) => match error {
            AcquireError::Denied { .. } | AcquireError::TimedOut { .. } => match refusal.retry_after_secs() {
                Some(1) => "Retry after 1 second.".into(),
                Some(seconds) => format!("Retry after {seconds} seconds."),
                None => "It is not known when there will be more.".into(),
            },
            AcquireError::ExceedsCapacity { requested, capacity } => {
                format!("This costs {requested}, and there are never more than {capacity}.")
            }
            AcquireError::Closed => "The server is shutting down.".into(),
            AcquireError::QueueFull => "Too many are waiting.".into(),
            AcquireError::TooManyKeys => "There are too many clients.".into(),
            AcquireError::Policy(_) => "There is no limit for this key.".into(),
            AcquireError::InvalidAmount => "The cost of this request is no number.".into(),
        },
    }
}

/// RFC 9457, with the problem type that draft-ietf-httpapi-ratelimit-headers-11 (section 5) defines for an exceeded
/// quota.
fn problem(refusal: &Refusal) -> Response<Bytes> {
    let (status, rule) = (refusal.status(), json(refusal.rule()));
    let detail = json(&detail(refusal));
    let body = if refusal.is_for_want_of_tokens() {
        let kind = "https://iana.org/assignments/http-problem-types#quota-exceeded";
        let title = "Request cannot be satisfied as assigned quota has been exceeded";
        let status = status.as_u16();
        format!(
            r#"{{"type":"{kind}","title":"{title}","status":{status},"detail":{detail},"violated-policies":[{rule}]}}"#
        )
    } else {
        let title = json(status.canonical_reason().unwrap_or("Refused"));
        let status = status.as_u16();
        format!(
            r#"{{"type":"about:blank","title":{title},"status":{status},"detail":{detail},"policy":{rule}}}"#
        )
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

/// A response of headers alone, in the content type of the request, so that gRPC-Web understands it too.
fn grpc(refusal: &Refusal, kind: HeaderValue) -> Response<Bytes> {
    let code = match refusal.status() {
        _ if refusal.is_for_want_of_tokens() => 8, // RESOURCE_EXHAUSTED
        StatusCode::TOO_MANY_REQUESTS => 8,        // RESOURCE_EXHAUSTED
        StatusCode::BAD_REQUEST => 3,              // INVALID_ARGUMENT
        StatusCode::FORBIDDEN => 7,                // PERMISSION_DENIED
        StatusCode::UNAUTHORIZED => 16,            // UNAUTHENTICATED
        StatusCode::SERVICE_UNAVAILABLE => 14,     // UNAVAILABLE
        StatusCode::INTERNAL_SERVER_ERROR => 13,   // INTERNAL
        _ => 2,                                    // UNKNOWN
    };
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, kind);
    headers.insert(GRPC_STATUS, HeaderValue::from(code));
    // Printable ASCII but for the percent sign, which is what gRPC escapes with.
    let message = format!("{}: {}", refusal.rule().replace('%', "%25"), detail(refusal));
    if let Ok(message) = HeaderValue::try_from(message) {
        headers.insert(GRPC_MESSAGE, message);
    }
    if let Some(wait) = refusal.retry_after() {
        let millis = u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        headers.insert(GRPC_RETRY_PUSHBACK, HeaderValue::from(millis.max(1)));
    }
    response
}

/// `text` as a string of JSON.
fn json(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => json.extend(['\\', char]),
            '\0'..' ' => drop(write!(json, "\\u{:04x}", u32::from(char))),
            _ => json.push(char),
        }
    }
    json.push('"');
    json
}
