//! gRPC calls are refused in gRPC's way.

use std::sync::Arc;

use http::{Request, StatusCode};
use lazy_limiter::tower::{MissingKey, RateLimitLayer, Rule};
use lazy_limiter::{KeyedLimiter, Limiter, ManualClock, Rate, TokenBucket};

use super::support::{Answer, SECOND, behind, keyed, send, shared};

fn call(kind: &str) -> Request<String> {
    Request::post("/service/Method").header("content-type", kind).body(String::new()).unwrap()
}

/// The answer to the last of `calls` calls.
async fn last_of(calls: usize, rule: Rule, kind: &str) -> Answer {
    let service = behind(RateLimitLayer::new(rule));
    for _ in 1..calls {
        send(&service, call(kind)).await;
    }
    send(&service, call(kind)).await
}

#[tokio::test]
async fn a_call_is_told_that_resources_are_exhausted() {
    let clock = ManualClock::new();
    for kind in ["application/grpc", "application/grpc+proto", "application/grpc-web-text"] {
        let one = shared(1, &clock);
        one.try_acquire(1).unwrap();
        clock.advance(SECOND / 1000 * 8765);
        let answer = last_of(1, Rule::shared("100% \"one\"", one), kind).await;
        // What gRPC calls a response of trailers only.
        assert_eq!((answer.status, &*answer.body), (200, ""));
        assert_eq!(answer.field("content-type"), kind);
        assert_eq!(answer.field("grpc-status"), "8");
        assert_eq!(answer.field("grpc-message"), "100%25 \"one\": Retry after 2 seconds.");
        assert_eq!(answer.field("grpc-retry-pushback-ms"), "1235");
        assert_eq!(answer.field("retry-after"), "2");
    }
    let answer = last_of(2, Rule::shared("one", shared(1, &clock)), "application/json").await;
    assert_eq!((answer.status, &*answer.field("grpc-status")), (429, ""));
}

#[tokio::test]
async fn each_cause_has_its_code() {
    let clock = ManualClock::new();
    let one = || Rule::shared("one", shared(1, &clock));
    let nobody = || Rule::keyed("nobody", keyed::<u8>(1, &clock), |_| None);
    let missing = |status| nobody().missing_key(MissingKey::Refuse(status));
    let closed = Arc::new(Limiter::new(TokenBucket::new(1, Rate::ZERO)));
    closed.close();
    let choosy = Arc::new(KeyedLimiter::try_new(|_: &u8| Err::<TokenBucket, _>("no")));
    for (rule, code) in [
        (one(), "8"),
        // The limit is still what is exhausted.
        (one().status(StatusCode::SERVICE_UNAVAILABLE), "8"),
        (one().cost(|_| 2), "3"),
        (one().cost(|_| -1.0), "13"),
        (Rule::shared("closed", closed), "14"),
        (Rule::keyed("choosy", choosy, |_| Some(1_u8)), "7"),
        (nobody(), "3"),
        (missing(StatusCode::UNAUTHORIZED), "16"),
        (missing(StatusCode::FORBIDDEN), "7"),
        (missing(StatusCode::TOO_MANY_REQUESTS), "8"),
        (missing(StatusCode::IM_A_TEAPOT), "2"),
    ] {
        let name = rule.name().to_owned();
        let answer = last_of(2, rule, "application/grpc").await;
        assert_eq!((answer.status, &*answer.field("grpc-status")), (200, code), "{name}");
    }
}
