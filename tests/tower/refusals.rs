//! Who is refused, and how that is answered.

use std::net::IpAddr;
use std::sync::Arc;

use http::{Response, StatusCode};
use lazy_limiter::tower::{Cause, ClientAddress, MissingKey, RateLimitLayer, Refusal, Rule, Rules};
use lazy_limiter::{AcquireError, KeyedLimiter, Limiter, ManualClock, Rate, TokenBucket};

use super::support::{SECOND, behind, by_user, from_user, get, keyed, send, shared};

#[tokio::test]
async fn so_many_pass_and_no_more_until_there_are_more() {
    let clock = ManualClock::new();
    let service = behind(RateLimitLayer::new(by_user("user", &keyed(3, &clock))));
    for _ in 0..3 {
        assert_eq!(send(&service, from_user("ann")).await.status, 200);
    }
    for _ in 0..5 {
        assert_eq!(send(&service, from_user("ann")).await.status, 429);
    }
    assert_eq!(send(&service, from_user("bob")).await.status, 200);
    clock.advance(10 * SECOND);
    assert_eq!(send(&service, from_user("ann")).await.status, 200);
    assert_eq!(send(&service, from_user("ann")).await.status, 429);
}

#[tokio::test]
async fn a_refusal_is_told_as_problem_details() {
    let clock = ManualClock::new();
    let service = behind(RateLimitLayer::new(Rule::shared("a \"rule\"\u{1}é", shared(1, &clock))));
    send(&service, get("/")).await;
    // A nanosecond is enough to be rounded up: 9.999999999 s left are ten.
    clock.advance(SECOND / 1_000_000_000);
    let answer = send(&service, get("/")).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.field("content-type"), "application/problem+json");
    assert_eq!(answer.field("retry-after"), "10");
    let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let expected = serde_json::json!({
        "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
        "title": "Request cannot be satisfied as assigned quota has been exceeded",
        "status": 429,
        "detail": "Retry after 10 seconds.",
        "violated-policies": ["a \"rule\"??"],
    });
    assert_eq!(problem, expected);
}

#[tokio::test]
async fn retry_after_is_rounded_up_and_never_zero() {
    for (waited, expected) in
        [(0, "10"), (1, "10"), (999, "10"), (1000, "9"), (9000, "1"), (9001, "1"), (9999, "1")]
    {
        let clock = ManualClock::new();
        let service = behind(RateLimitLayer::new(Rule::shared("one", shared(1, &clock))));
        send(&service, get("/")).await;
        clock.advance(SECOND * waited / 1000);
        let answer = send(&service, get("/")).await;
        assert_eq!((answer.status, &*answer.field("retry-after")), (429, expected), "{waited} ms");
    }
    // What never refills does not say when to retry.
    let never = Arc::new(Limiter::new(TokenBucket::new(1, Rate::ZERO)));
    let service = behind(RateLimitLayer::new(Rule::shared("never", never)));
    send(&service, get("/")).await;
    let answer = send(&service, get("/")).await;
    assert_eq!((answer.status, &*answer.field("retry-after")), (429, ""));
    assert_eq!(answer.field("ratelimit"), "\"never\";r=0");
}

/// A rule that answers the second request (the first, where that is in error) as the case asks.
async fn second(rule: Rule) -> (u16, String) {
    let service = behind(RateLimitLayer::new(rule));
    send(&service, from_user("ann")).await;
    let answer = send(&service, from_user("bob")).await;
    (answer.status, answer.field("content-type"))
}

#[tokio::test]
async fn each_cause_has_its_status() {
    let clock = ManualClock::new();
    let problem = |status| (status, "application/problem+json".to_owned());
    let one = || Rule::shared("one", shared(1, &clock));
    assert_eq!(second(one()).await, problem(429));
    assert_eq!(second(one().status(StatusCode::SERVICE_UNAVAILABLE)).await, problem(503));
    assert_eq!(second(one().cost(|_| 2)).await, problem(400));
    for nonsense in [f64::NAN, f64::INFINITY, -1.0] {
        assert_eq!(second(one().cost(move |_| nonsense)).await, problem(500));
    }
    let closed = shared(1, &clock);
    closed.close();
    assert_eq!(second(Rule::shared("closed", closed)).await, problem(503));

    let crowded = KeyedLimiter::<(), lazy_limiter::Unlimited>::builder()
        .max_keys(1)
        .build(|_: &String| TokenBucket::new(1, Rate::ZERO));
    let key = |request: &http::request::Parts| Some(request.headers["user"].to_str().unwrap().to_owned());
    assert_eq!(second(Rule::keyed("crowded", Arc::new(crowded), key)).await, problem(503));

    // Policies with all sorts of errors.
    let choosy = KeyedLimiter::try_new(|_: &String| Err::<TokenBucket, _>("unknown: secret"));
    assert_eq!(second(Rule::keyed("choosy", Arc::new(choosy), key)).await, problem(403));
    let choosy = KeyedLimiter::try_new(|_: &String| Err::<TokenBucket, _>(String::from("unknown")));
    assert_eq!(second(Rule::keyed("choosy", Arc::new(choosy), key)).await, problem(403));
    let choosy = KeyedLimiter::try_new(|_: &String| TokenBucket::try_new(0, Rate::ZERO));
    assert_eq!(second(Rule::keyed("choosy", Arc::new(choosy), key)).await, problem(403));

    let nobody = || Rule::keyed("nobody", keyed::<u8>(1, &clock), |_| None);
    assert_eq!(second(nobody()).await, problem(400));
    let choice = MissingKey::Refuse(StatusCode::UNAUTHORIZED);
    assert_eq!(second(nobody().missing_key(choice)).await, problem(401));
    assert_eq!(second(nobody().missing_key(MissingKey::Admit)).await, (200, String::new()));
    let peerless = Rule::per_client("peerless", keyed::<IpAddr>(1, &clock), ClientAddress::new());
    assert_eq!(second(peerless).await, problem(500));
}

#[tokio::test]
async fn the_error_of_a_policy_is_for_the_server_alone() {
    let choosy = KeyedLimiter::try_new(|_: &u8| Err::<TokenBucket, _>("secret"));
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = told.clone();
    let rules = Rules::new(Rule::keyed("choosy", Arc::new(choosy), |_| Some(7_u8))).on_refusal(
        move |refusal: &Refusal, request: &http::request::Parts| {
            let Cause::Limiter(AcquireError::Policy(error)) = refusal.cause() else { panic!("{refusal:?}") };
            log.lock().unwrap().push(format!("{} {error} | {refusal}", request.uri));
        },
    );
    let answer = send(&behind(RateLimitLayer::new(rules)), get("/path")).await;
    assert_eq!(answer.status, 403);
    assert!(!answer.body.contains("secret"), "{}", answer.body);
    let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(problem["type"], "about:blank");
    assert_eq!(problem["policy"], "choosy");
    assert_eq!(*told.lock().unwrap(), ["/path secret | choosy: the policy refused the key: secret"]);
}

#[tokio::test]
async fn the_answer_can_be_ones_own() {
    let clock = ManualClock::new();
    let rules = Rules::new(Rule::shared("one", shared(1, &clock))).respond(|refusal, request| {
        let text = format!("{} {:?}", request.uri.path(), refusal.retry_after());
        Response::builder().status(418).header("x-mine", refusal.rule()).body(text).unwrap()
    });
    let service = behind(RateLimitLayer::new(rules));
    send(&service, get("/")).await;
    let answer = send(&service, get("/tea")).await;
    assert_eq!((answer.status, &*answer.body), (418, "/tea Some(10s)"));
    assert_eq!(answer.field("x-mine"), "one");
    // The fields are added.
    assert_eq!(answer.field("retry-after"), "10");
    assert_eq!(answer.field("ratelimit"), "\"one\";r=0;t=10");

    let rules = Rules::new(Rule::shared("one", shared(1, &clock)))
        .respond(|_, _| Response::builder().status(429).header("retry-after", "3600").body("").unwrap());
    let service = behind(RateLimitLayer::new(rules));
    send(&service, get("/")).await;
    assert_eq!(send(&service, get("/")).await.field("retry-after"), "3600");
}
