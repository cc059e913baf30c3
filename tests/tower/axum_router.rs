//! Behind axum's router.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Extension, Router};
use http_body_util::BodyExt;
use lazy_limiter::tower::{Admission, ClientAddress, RateLimitLayer, Rule, ThrottleLayer};
use lazy_limiter::{KeyedLimiter, Limiter, ManualClock, Rate, TokenBucket};
use tower::{Layer, ServiceExt};

use super::support::{SECOND, shared};

fn request(path: &str, peer: &str) -> Request {
    let peer: SocketAddr = peer.parse().unwrap();
    axum::http::Request::get(path).extension(ConnectInfo(peer)).body(Body::empty()).unwrap()
}

fn by_peer() -> Rule {
    let peer = ClientAddress::with_peer(|request| {
        request.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip())
    });
    Rule::per_client("client", Arc::new(KeyedLimiter::new(|_: &_| TokenBucket::new(2, Rate::ZERO))), peer)
}

#[tokio::test]
async fn a_router_can_be_limited() {
    let app: Router = Router::new()
        .route("/", get(|Extension(admission): Extension<Admission>| async move { format!("{admission:?}") }))
        .layer(RateLimitLayer::new(by_peer()));
    let ask = async |peer: &str| app.clone().oneshot(request("/", peer)).await.unwrap();
    assert_eq!(ask("192.0.2.1:1000").await.status(), 200);
    assert_eq!(ask("192.0.2.1:2000").await.status(), 200);
    let refusal = ask("192.0.2.1:3000").await;
    assert_eq!(refusal.status(), 429);
    let body = refusal.into_body().collect().await.unwrap().to_bytes();
    assert!(body.starts_with(b"{\"type\":\"https://iana.org/"), "{body:?}");
    assert_eq!(ask("[2001:db8::1]:1").await.status(), 200);
    assert_eq!(ask("[2001:db8::2]:1").await.status(), 200);
    assert_eq!(ask("[2001:db8::3]:1").await.status(), 429);
    assert_eq!(ask("[::ffff:192.0.2.1]:1").await.status(), 429);
    // Not found is not free.
    let app = app.layer(tower::util::MapResponseLayer::new(|response| response));
    assert_eq!(app.oneshot(request("/nowhere", "192.0.2.9:1")).await.unwrap().status(), 404);
}

#[tokio::test]
async fn one_limit_holds_for_all_routes_that_a_layer_is_put_on() {
    let clock = ManualClock::new();
    let layer = RateLimitLayer::new(Rule::shared("all", shared(3, &clock)));
    let app: Router = Router::new()
        .route("/a", get(|| async { "a" }).layer(layer.clone()))
        .route("/b", get(|| async { "b" }).layer(layer.clone()))
        .nest("/c", Router::new().route("/d", get(|| async { "d" })).route_layer(layer.clone()))
        .fallback_service(layer.layer(tower::service_fn(async |_: Request| {
            Ok::<_, std::convert::Infallible>(axum::response::Response::new(Body::empty()))
        })));
    let mut statuses = Vec::new();
    for path in ["/a", "/b", "/c/d", "/e", "/a"] {
        statuses.push(app.clone().oneshot(request(path, "192.0.2.1:1")).await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
}

#[tokio::test]
async fn layers_nest_with_each_other_and_with_others() {
    let free = || Rule::shared("free", Arc::new(Limiter::new(TokenBucket::new(5, Rate::ZERO))));
    let layers =
        tower::layer::util::Stack::new(ThrottleLayer::new(free(), SECOND), RateLimitLayer::new(by_peer()));
    let app: Router = Router::new()
        .route("/", get(|| async { "a" }))
        .layer(layers)
        .layer(axum::middleware::from_fn(async |request: Request, next: axum::middleware::Next| {
            next.run(request).await
        }))
        .layer(RateLimitLayer::new(free()));
    assert_eq!(app.oneshot(request("/", "192.0.2.1:1")).await.unwrap().status(), StatusCode::OK);
}
