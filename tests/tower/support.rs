//! Limiters on virtual time, requests, and a service that answers them.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use lazy_limiter::tower::{Body, Rule};
use lazy_limiter::{KeyedLimiter, Limiter, ManualClock, Rate, TokenBucket};
use tower::{Service, ServiceExt, service_fn};

pub(super) type Keyed<K> = Arc<KeyedLimiter<K, TokenBucket, Infallible, ManualClock>>;
pub(super) type Shared = Arc<Limiter<TokenBucket, ManualClock>>;

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// `capacity` for each key, one back every ten seconds.
pub(super) fn keyed<K>(capacity: u64, clock: &ManualClock) -> Keyed<K>
where
    K: std::hash::Hash + Eq + Clone + Send + Sync + 'static,
{
    let policy = move |_: &K| TokenBucket::new(capacity, Rate::new(1, 10 * SECOND));
    Arc::new(KeyedLimiter::<(), lazy_limiter::Unlimited>::builder().clock(clock.clone()).build(policy))
}

/// `capacity` for all, one back every ten seconds.
pub(super) fn shared(capacity: u64, clock: &ManualClock) -> Shared {
    Arc::new(Limiter::with_clock(TokenBucket::new(capacity, Rate::new(1, 10 * SECOND)), clock.clone()))
}

/// By the field `user`.
pub(super) fn by_user(name: &str, limiter: &Keyed<String>) -> Rule {
    Rule::keyed(name, limiter.clone(), |request| Some(request.headers.get("user")?.to_str().ok()?.to_owned()))
}

pub(super) fn get(path: &str) -> Request<String> {
    Request::get(path).body(String::new()).unwrap()
}

pub(super) fn from_user(user: &str) -> Request<String> {
    Request::get("/").header("user", user).body(String::new()).unwrap()
}

/// Answers anything with 200 and "served".
pub(super) fn served(_: Request<String>) -> Ready<Result<Response<String>, Infallible>> {
    ready(Ok(Response::new("served".to_owned())))
}

/// A response, all of it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: http::HeaderMap,
    pub(super) body: String,
}

impl Answer {
    /// A field's lines, joined.
    pub(super) fn field(&self, name: &str) -> String {
        let lines = self.headers.get_all(name).iter().map(|line| line.to_str().unwrap());
        lines.collect::<Vec<_>>().join(" | ")
    }
}

/// Sends `request` through a clone of `service`.
pub(super) async fn send<S>(service: &S, request: Request<String>) -> Answer
where
    S: Service<Request<String>, Response = Response<Body<String>>, Error = Infallible> + Clone,
{
    let Ok(response) = service.clone().oneshot(request).await;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: String::from_utf8(body.into()).unwrap(),
    }
}

/// The service that answers anything, behind a layer.
pub(super) fn behind<L>(layer: L) -> L::Service
where
    L: tower::Layer<
            tower::util::ServiceFn<fn(Request<String>) -> Ready<Result<Response<String>, Infallible>>>,
        >,
{
    layer.layer(service_fn(served as fn(_) -> _))
}
