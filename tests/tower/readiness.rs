//! The inner service is called only when it is ready, and it is the one that was found ready that is called.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures_lite::future::poll_once;
use http::{Request, Response};
use lazy_limiter::ManualClock;
use lazy_limiter::tower::{RateLimitLayer, Rule, ThrottleLayer};
use tower::{Layer, Service, ServiceExt};

use super::support::{SECOND, get, shared};

/// Panics if it is called without having been found ready; its clones must be found ready themselves. Only one of
/// them at a time is.
struct Strict {
    ready: bool,
    places: Arc<AtomicUsize>,
}

impl Strict {
    fn new(places: usize) -> Strict {
        Strict { ready: false, places: Arc::new(AtomicUsize::new(places)) }
    }
}

impl Clone for Strict {
    fn clone(&self) -> Strict {
        Strict { ready: false, places: self.places.clone() }
    }
}

impl Drop for Strict {
    fn drop(&mut self) {
        self.places.fetch_add(usize::from(self.ready), Ordering::SeqCst);
    }
}

impl Service<Request<String>> for Strict {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        let take = |places: usize| places.checked_sub(1);
        self.ready |= self.places.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok();
        if self.ready { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn call(&mut self, _: Request<String>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without having been found ready");
        self.places.fetch_add(1, Ordering::SeqCst);
        ready(Ok(Response::new(String::new())))
    }
}

async fn is_ready<S: Service<Request<String>>>(service: &mut S) -> bool {
    poll_once(service.ready()).await.is_some()
}

#[tokio::test]
async fn not_ready_is_passed_on() {
    let clock = ManualClock::new();
    let rule = || Rule::shared("all", shared(100, &clock));
    assert!(!is_ready(&mut RateLimitLayer::new(rule()).layer(Strict::new(0))).await);
    assert!(!is_ready(&mut ThrottleLayer::new(rule(), SECOND).layer(Strict::new(0))).await);
}

#[tokio::test]
async fn the_one_that_is_ready_is_called() {
    let clock = ManualClock::new();
    let mut refusing = RateLimitLayer::new(Rule::shared("all", shared(2, &clock))).layer(Strict::new(1));
    for expected in [200, 200, 429, 429] {
        assert_eq!(refusing.ready().await.unwrap().call(get("/")).await.unwrap().status(), expected);
    }
    clock.advance(10 * SECOND);
    // What was ready when a request was refused is ready still.
    assert_eq!(refusing.ready().await.unwrap().call(get("/")).await.unwrap().status(), 200);

    let exempt = lazy_limiter::tower::Rules::new(Rule::shared("all", shared(1, &clock)))
        .exempt(|request| request.uri.path() == "/exempt");
    let mut waiting = ThrottleLayer::new(exempt, 5 * SECOND).layer(Strict::new(1));
    for (path, expected) in [("/", 200), ("/exempt", 200), ("/", 429), ("/exempt", 200), ("/", 429)] {
        assert_eq!(
            waiting.ready().await.unwrap().call(get(path)).await.unwrap().status(),
            expected,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_request_that_waits_keeps_its_place_in_the_inner_service() {
    let clock = ManualClock::new();
    let all = shared(1, &clock);
    all.try_acquire(1).unwrap();
    let mut service = ThrottleLayer::new(Rule::shared("all", all.clone()), 60 * SECOND).layer(Strict::new(1));
    assert!(is_ready(&mut service).await);
    let mut first = service.call(get("/"));
    assert!(poll_once(&mut first).await.is_none());
    // The place is taken by the one who waits, and nobody is ready in its stead.
    assert!(!is_ready(&mut service).await);
    drop(first);
    assert!(is_ready(&mut service).await);
    let mut second = service.call(get("/"));
    assert!(poll_once(&mut second).await.is_none());
    clock.advance(10 * SECOND);
    assert_eq!(second.await.unwrap().status(), 200);
}
