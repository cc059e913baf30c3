//! The limits, and what they are put around.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Path};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Extension, Router};
use lazy_limiter::tower::{
    Admission, ClientAddress, ForwardHeader, Headers, RateLimitLayer, Rule, Rules, ThrottleLayer,
};
use lazy_limiter::{KeyedLimiter, Limiter, TokenBucket};

use crate::jobs::Pool;
use crate::metrics;
use crate::options::Options;

/// All the limits of this server. Made once; everything else has clones.
#[derive(Clone)]
pub(crate) struct Limits {
    pub(crate) clients: Arc<KeyedLimiter<IpAddr, TokenBucket>>,
    pub(crate) everyone: Arc<Limiter<TokenBucket>>,
    pub(crate) slow: Arc<Limiter<TokenBucket>>,
    pub(crate) jobs: Arc<Limiter<TokenBucket>>,
}

impl Limits {
    pub(crate) fn new(options: &Options) -> Limits {
        let client = options.client.clone();
        let one = |bucket: &TokenBucket| Arc::new(Limiter::new(bucket.clone()));
        let slow = Limiter::builder().max_waiters(1000).build(options.slow.clone());
        Limits {
            clients: Arc::new(KeyedLimiter::new(move |_: &IpAddr| client.clone())),
            everyone: one(&options.everyone),
            slow: Arc::new(slow),
            jobs: one(&options.jobs),
        }
    }

    pub(crate) fn close(&self) {
        self.clients.close();
        self.everyone.close();
        self.slow.close();
        self.jobs.close();
    }
}

pub(crate) fn router(options: &Options, limits: &Limits, pool: Pool) -> Router {
    let peer = ClientAddress::with_peer(|request| {
        request.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip())
    });
    let client = Rule::per_client(
        "client",
        limits.clients.clone(),
        peer.behind(options.trust.iter().copied(), ForwardHeader::XForwardedFor),
    );
    // Not the client's own fault: 503.
    let everyone = Rule::shared("everyone", limits.everyone.clone()).status(StatusCode::SERVICE_UNAVAILABLE);
    let slow = Rule::shared("slow", limits.slow.clone());
    let rules = [client.clone(), everyone.clone(), slow.clone()];

    let refuse = RateLimitLayer::new(
        Rules::new(client)
            .and(everyone)
            .exempt(|request| request.uri.path() == "/metrics")
            .headers(Headers::standard().with_legacy()),
    );
    let wait = ThrottleLayer::new(slow, options.patience);

    let limits = limits.clone();
    Router::new()
        .route("/", get(|| async { "hello\n" }))
        .route("/slow", get(|| async { "that took a while\n" }).layer(wait))
        .route("/job/{n}", get(move |n, admission| job(pool.clone(), n, admission)))
        .route("/metrics", get(move || std::future::ready(metrics::response(&limits, &rules))))
        .layer(refuse)
}

/// Has a thread work for it, and bills the client for what it cost.
async fn job(
    pool: Pool,
    Path(n): Path<u64>,
    Extension(admission): Extension<Admission>,
) -> Result<String, StatusCode> {
    let answer = pool.work(n).await.ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
    if answer.expensive {
        // Known only now: it goes into debt, if need be. There is a rule of this name: it let us in.
        let _ = admission.charge("client", 4);
    }
    Ok(format!("{}\n", answer.text))
}
