//! Waiting in line, up to a deadline. Time is tokio's, paused.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_lite::future::poll_once;
use http::{Request, Response, StatusCode};
use lazy_limiter::tower::{Admission, RateLimitLayer, Rule, Rules, ThrottleLayer};
use lazy_limiter::{KeyedLimiter, Limiter, Rate, TokenBucket, Tokens, TokioClock};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::support::{SECOND, behind, get, send};

type Shared = Arc<Limiter<TokenBucket, TokioClock>>;

/// One a second, one at once.
fn one_a_second() -> Shared {
    Arc::new(Limiter::with_clock(TokenBucket::new(1, Rate::per_second(1)), TokioClock::new()))
}

#[tokio::test(start_paused = true)]
async fn requests_are_let_through_one_by_one_in_order() {
    let all = one_a_second();
    let start = Instant::now();
    let order = Arc::new(Mutex::new(Vec::new()));
    let log = order.clone();
    let handler = service_fn(move |request: Request<String>| {
        log.lock().unwrap().push((request.uri().path().to_owned(), start.elapsed()));
        std::future::ready(Ok::<_, Infallible>(Response::new(String::new())))
    });
    let service = ThrottleLayer::new(Rule::shared("all", all.clone()), 60 * SECOND).layer(handler);
    let tasks: Vec<_> = (0..10)
        .map(|n| {
            let service = service.clone();
            tokio::spawn(async move { send(&service, get(&format!("/{n}"))).await.status })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 200);
    }
    let order = order.lock().unwrap();
    for (n, (path, at)) in order.iter().enumerate() {
        assert_eq!(*path, format!("/{n}"));
        // tokio's timer is exact to the millisecond.
        let due = SECOND * n as u32;
        assert!((due..due + Duration::from_millis(2)).contains(at), "{path} at {at:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_would_be_late_is_told_at_once() {
    let service = behind(ThrottleLayer::new(Rule::shared("all", one_a_second()), 3 * SECOND));
    let start = Instant::now();
    let mut waiting = Vec::new();
    let mut refused = Vec::new();
    for _ in 0..6 {
        let mut request = Box::pin(service.clone().oneshot(get("/")));
        match poll_once(&mut request).await {
            None => waiting.push(request),
            Some(response) => {
                let response = response.unwrap();
                refused.push((response.status().as_u16(), response.headers().get("retry-after").cloned()));
            }
        }
    }
    // The first is through, three can be in time, and two cannot: their turn would come after four and five seconds,
    // the second's as if the first had never been.
    assert_eq!(start.elapsed(), Duration::ZERO);
    let four = Some(http::HeaderValue::from_static("4"));
    assert_eq!(refused, [(200, None), (429, four.clone()), (429, four)]);
    for request in waiting {
        assert_eq!(request.await.unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test(start_paused = true)]
async fn one_who_leaves_the_line_was_never_there() {
    let all = one_a_second();
    let service = behind(ThrottleLayer::new(Rule::shared("all", all.clone()), 60 * SECOND));
    send(&service, get("/")).await;
    let start = Instant::now();
    let mut requests: Vec<_> = (0..8).map(|_| Box::pin(service.clone().oneshot(get("/")))).collect();
    for request in &mut requests {
        assert!(poll_once(request).await.is_none());
    }
    assert_eq!(all.waiting(), 8);
    // All but the second and the last go: the leader, some in the middle.
    let mut keep = [false, true, false, false, false, false, false, true].into_iter();
    requests.retain(|_| keep.next().unwrap());
    assert_eq!(all.waiting(), 2);
    for (n, request) in requests.into_iter().enumerate() {
        assert_eq!(request.await.unwrap().status(), 200);
        let due = SECOND * (n as u32 + 1);
        assert!((due..due + Duration::from_millis(2)).contains(&start.elapsed()), "{:?}", start.elapsed());
    }
    assert_eq!(all.waiting(), 0);
    tokio::time::sleep(2 * SECOND).await;
    assert!(all.is_idle());
}

#[tokio::test(start_paused = true)]
async fn one_who_leaves_when_already_granted_gives_back() {
    let all = one_a_second();
    let service = behind(ThrottleLayer::new(Rule::shared("all", all.clone()), 60 * SECOND));
    send(&service, get("/")).await;
    let mut granted = Box::pin(service.clone().oneshot(get("/")));
    assert!(poll_once(&mut granted).await.is_none());
    all.give_back(1).unwrap();
    assert_eq!((all.waiting(), all.available()), (0, Tokens::ZERO));
    drop(granted);
    assert_eq!(all.available(), Tokens::from(1));
}

#[tokio::test(start_paused = true)]
async fn one_who_leaves_the_second_line_gives_back_what_the_first_gave() {
    let (first, second) = (one_a_second(), one_a_second());
    let rules =
        || Rules::new(Rule::shared("first", first.clone())).and(Rule::shared("second", second.clone()));
    let service = behind(ThrottleLayer::new(rules(), 60 * SECOND));
    second.try_acquire(1).unwrap();
    let mut request = Box::pin(service.clone().oneshot(get("/")));
    assert!(poll_once(&mut request).await.is_none());
    assert_eq!((first.available(), second.waiting()), (Tokens::ZERO, 1));
    drop(request);
    assert_eq!((first.available(), second.waiting()), (Tokens::from(1), 0));
    // Nor is anything left of one whom the second line would keep for too long.
    second.charge(100).unwrap();
    let answer = send(&service, get("/")).await;
    assert_eq!((answer.status, &*answer.field("retry-after")), (429, "101"));
    assert_eq!(answer.field("ratelimit"), "\"first\";r=1;t=0, \"second\";r=0;t=101");
    assert_eq!(first.available(), Tokens::from(1));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_for_all_lines_together() {
    let (first, second) = (one_a_second(), one_a_second());
    let rules = Rules::new(Rule::shared("first", first.clone())).and(Rule::shared("second", second.clone()));
    let service = behind(ThrottleLayer::new(rules, 5 * SECOND));
    // Three seconds in the first line, and then three more in the second, which has been charged meanwhile.
    first.charge(3).unwrap();
    let mut request = pin!(service.clone().oneshot(get("/")));
    assert!(poll_once(&mut request).await.is_none());
    second.charge(6).unwrap();
    let start = Instant::now();
    let response = request.await.unwrap();
    assert_eq!(response.status(), 429);
    // Told when it has its turn in the second line, three seconds on: two are left, and three would be needed.
    assert!(
        (3 * SECOND..3 * SECOND + Duration::from_millis(2)).contains(&start.elapsed()),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(response.headers()["retry-after"], "3");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_of_zero_waits_for_nothing() {
    let all = one_a_second();
    let service = behind(ThrottleLayer::new(Rule::shared("all", all.clone()), Duration::ZERO));
    assert_eq!(send(&service, get("/")).await.status, 200);
    assert_eq!(send(&service, get("/")).await.status, 429);
}

#[tokio::test(start_paused = true)]
async fn lines_have_bounds_and_close() {
    let bounded = Limiter::builder().clock(TokioClock::new()).max_waiters(1);
    let all = Arc::new(bounded.build(TokenBucket::new(1, Rate::per_second(1))));
    let service = behind(ThrottleLayer::new(Rule::shared("all", all.clone()), 60 * SECOND));
    send(&service, get("/")).await;
    let mut request = Box::pin(service.clone().oneshot(get("/")));
    assert!(poll_once(&mut request).await.is_none());
    let answer = send(&service, get("/")).await;
    assert_eq!((answer.status, &*answer.field("retry-after")), (503, ""));
    // Whoever waits when the limiter is closed is told so.
    all.close();
    assert_eq!(request.await.unwrap().status(), 503);
    assert_eq!(send(&service, get("/")).await.status, 503);
}

#[tokio::test(start_paused = true)]
async fn keys_have_lines_of_their_own() {
    let users = KeyedLimiter::<(), lazy_limiter::Unlimited>::builder()
        .clock(TokioClock::new())
        .build(|_: &String| TokenBucket::new(1, Rate::per_second(1)));
    let users = Arc::new(users);
    let rule = Rule::keyed("user", users.clone(), |request| Some(request.uri.path().to_owned()));
    let service = behind(ThrottleLayer::new(rule, 60 * SECOND));
    send(&service, get("/a")).await;
    let mut waiting = Box::pin(service.clone().oneshot(get("/a")));
    assert!(poll_once(&mut waiting).await.is_none());
    assert_eq!(users.waiting("/a"), 1);
    assert_eq!(send(&service, get("/b")).await.status, 200);
    drop(waiting);
    assert_eq!(users.waiting("/a"), 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_passes_those_who_wait() {
    let all = one_a_second();
    let rule = Rule::shared("all", all.clone());
    let waits = behind(ThrottleLayer::new(rule.clone(), 60 * SECOND));
    let refuses = behind(RateLimitLayer::new(rule));
    send(&waits, get("/")).await;
    let mut waiting = Box::pin(waits.clone().oneshot(get("/")));
    assert!(poll_once(&mut waiting).await.is_none());
    tokio::time::advance(Duration::from_millis(500)).await;
    let answer = send(&refuses, get("/")).await;
    // The one in line is served after half a second, the next one a second later.
    assert_eq!((answer.status, &*answer.field("retry-after")), (429, "2"));
    assert_eq!(waiting.await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_has_waited_is_labelled_and_told_of_its_limits() {
    let all = one_a_second();
    let handler = service_fn(async |request: Request<String>| {
        let admission = request.extensions().get::<Admission>().unwrap();
        Ok::<_, Infallible>(Response::new(admission.rules().collect::<String>()))
    });
    let mut service = ThrottleLayer::new(Rule::shared("all", all), 60 * SECOND).layer(handler);
    service.ready().await.unwrap().call(get("/")).await.unwrap();
    let answer = send(&service, get("/")).await;
    assert_eq!((answer.status, &*answer.body), (200, "all"));
    assert_eq!(answer.field("ratelimit"), "\"all\";r=0;t=1");
}

#[test]
fn its_futures_can_be_spawned() {
    fn spawnable<T: Send + 'static>(_: &T) {}
    let mut service = behind(ThrottleLayer::new(
        Rule::shared("all", Arc::new(Limiter::new(lazy_limiter::Unlimited))),
        SECOND,
    ));
    spawnable(&service);
    spawnable(&service.call(get("/")));
}
