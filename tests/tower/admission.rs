//! Costs that are known only afterwards.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, StreamBody};
use lazy_limiter::tower::{Admission, BillingError, RateLimitLayer, Rule, Rules};
use lazy_limiter::{AcquireError, ManualClock, Tokens};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::support::{behind, by_user, from_user, get, keyed, send, shared};

#[tokio::test]
async fn a_handler_bills_and_gives_back() {
    let clock = ManualClock::new();
    let (users, all) = (keyed(10, &clock), shared(10, &clock));
    let handler = service_fn(async |request: Request<String>| {
        let admission = request.extensions().get::<Admission>().unwrap();
        assert_eq!(admission.rules().collect::<Vec<_>>(), ["user", "all", "outer"]);
        admission.charge("user", 4).unwrap();
        admission.give_back("all", 1).unwrap();
        admission.charge("outer", 100).unwrap();
        assert!(matches!(admission.charge("other", 1), Err(BillingError::NoSuchRule)));
        let nonsense = admission.charge("user", f64::NAN);
        assert!(matches!(nonsense, Err(BillingError::Limiter(AcquireError::InvalidAmount))), "{nonsense:?}");
        assert_eq!(admission.snapshot("user").unwrap().remaining, Tokens::from(5));
        Ok::<_, Infallible>(Response::new(String::new()))
    });
    let outer = shared(10, &clock);
    let rules = Rules::new(by_user("user", &users)).and(Rule::shared("all", all.clone()));
    let inner = RateLimitLayer::new(rules).layer(handler);
    let service = RateLimitLayer::new(Rule::shared("outer", outer.clone())).layer(inner);
    service.oneshot(from_user("ann")).await.unwrap();
    assert_eq!(users.available("ann"), Some(Tokens::from(5)));
    assert_eq!(all.available(), Tokens::from(10));
    // Into debt: 91 more must come before anything is available.
    assert_eq!(outer.time_to_available(1).unwrap().as_secs(), 920);
}

#[tokio::test]
async fn a_response_tells_what_it_has_cost() {
    let clock = ManualClock::new();
    let users = keyed(10, &clock);
    let cost = |response: &http::response::Parts| {
        response.headers.get("x-cost").and_then(|cost| cost.to_str().ok()?.parse().ok()).unwrap_or(0.0)
    };
    let handler = service_fn(async |request: Request<String>| {
        let path = request.uri().path()[1..].to_owned();
        Ok::<_, Infallible>(Response::builder().header("x-cost", path).body(String::new()).unwrap())
    });
    let service = RateLimitLayer::new(by_user("user", &users).charge_after(cost)).layer(handler);
    let ask = async |path: &str| {
        send(&service, Request::get(path).header("user", "ann").body(String::new()).unwrap()).await
    };
    assert_eq!(ask("/2.5").await.field("ratelimit"), "\"user\";r=6;t=35");
    assert_eq!(users.available("ann"), Some(Tokens::from(6.5)));
    // What is no amount is not billed.
    ask("/-3").await;
    ask("/NaN").await;
    assert_eq!(users.available("ann"), Some(Tokens::from(4.5)));
    ask("/100").await;
    assert_eq!(ask("/0").await.status, 429);
}

#[tokio::test]
async fn only_failures_can_be_counted() {
    let clock = ManualClock::new();
    let users = keyed(2, &clock);
    let handler = service_fn(async |request: Request<String>| {
        let status = if request.uri().path() == "/wrong" { 401 } else { 200 };
        Ok::<_, Infallible>(Response::builder().status(status).body(String::new()).unwrap())
    });
    let rule = by_user("login", &users).give_back_after(|response| u64::from(response.status.is_success()));
    let service = RateLimitLayer::new(rule).layer(handler);
    let login = async |path: &str| {
        send(&service, Request::get(path).header("user", "ann").body(String::new()).unwrap()).await.status
    };
    for _ in 0..10 {
        assert_eq!(login("/right").await, 200);
    }
    assert_eq!(login("/wrong").await, 401);
    assert_eq!(login("/right").await, 200);
    assert_eq!(login("/wrong").await, 401);
    assert_eq!(login("/right").await, 429);
}

#[tokio::test]
async fn bytes_are_billed_as_they_are_sent() {
    let clock = ManualClock::new();
    let all = shared(1000, &clock);
    let handler = service_fn(async |_: Request<String>| {
        let pieces = [100, 0, 250, 1]
            .map(|length| Ok::<_, Infallible>(http_body::Frame::data(Bytes::from(vec![0_u8; length]))));
        let trailers = Ok(http_body::Frame::trailers(http::HeaderMap::new()));
        let frames = pieces.into_iter().chain([trailers]);
        Ok::<_, Infallible>(Response::new(StreamBody::new(futures_lite::stream::iter(frames))))
    });
    let rule = Rule::shared("all", all.clone()).charge_bytes(|bytes| bytes as f64 / 2.0);
    let mut service = RateLimitLayer::new(rule).layer(handler);
    let mut body = service.ready().await.unwrap().call(get("/")).await.unwrap().into_body();
    let mut left = vec![all.available().as_f64()];
    while let Some(frame) = body.frame().await {
        frame.unwrap();
        left.push(all.available().as_f64());
    }
    assert_eq!(left, [999.0, 949.0, 949.0, 824.0, 823.5, 823.5]);
    // One that is cut short is billed for what was sent.
    let mut body = service.ready().await.unwrap().call(get("/")).await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    assert_eq!(all.available().as_f64(), 772.5);
    // A refusal is not billed.
    all.charge(772.5).unwrap();
    let refusal = service.ready().await.unwrap().call(get("/")).await.unwrap();
    assert_eq!(refusal.status(), 429);
    assert!(!refusal.into_body().collect().await.unwrap().to_bytes().is_empty());
    assert_eq!(all.time_to_available(1).unwrap().as_secs(), 10);
}

#[tokio::test]
async fn an_admission_outlives_its_request() {
    let clock = ManualClock::new();
    let all = shared(10, &clock);
    let (send_admission, admissions) = std::sync::mpsc::channel();
    let handler = service_fn(move |request: Request<String>| {
        send_admission.send(request.extensions().get::<Admission>().unwrap().clone()).unwrap();
        std::future::ready(Ok::<_, Infallible>(Response::new(String::new())))
    });
    let service = RateLimitLayer::new(Rule::shared("all", all.clone())).layer(handler);
    service.oneshot(get("/")).await.unwrap();
    admissions.recv().unwrap().charge("all", 3).unwrap();
    assert_eq!(all.available(), Tokens::from(6));
}

#[tokio::test]
async fn a_handler_that_fails_has_spent_what_it_took() {
    let clock = ManualClock::new();
    let all = shared(10, &clock);
    let handler = service_fn(async |_: Request<String>| Err::<Response<String>, _>("broken"));
    let service = RateLimitLayer::new(Rule::shared("all", all.clone())).layer(handler);
    assert_eq!(service.oneshot(get("/")).await.unwrap_err(), "broken");
    assert_eq!(all.available(), Tokens::from(9));
    // A panic in a closure of the user's gives everything back.
    let rules =
        Rules::new(Rule::shared("all", all.clone())).and(Rule::shared("odd", all.clone()).cost(|request| {
            match request.uri.path() {
                "/panic" => panic!("a cost that panics"),
                _ => 1,
            }
        }));
    let service = behind(RateLimitLayer::new(rules));
    let task = tokio::spawn(async move { send(&service, get("/panic")).await });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(all.available(), Tokens::from(9));
}
