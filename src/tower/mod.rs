//! Middleware for servers: limits as [tower](https://docs.rs/tower) layers over any `http` request, for axum, hyper
//! and tonic. Feature `tower`.
//!
//! - [`RateLimitLayer`] refuses, with 429 and `Retry-After`.
//! - [`ThrottleLayer`] makes requests wait in line, up to a deadline.
//!
//! Both go by [`Rules`]: one or more [`Rule`]s, each a limiter, what of a request is its key, and how much it costs.
//!
//! # axum
//!
//! ```
//! use std::net::SocketAddr;
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use axum::extract::ConnectInfo;
//! use axum::{Router, routing::get};
//! use lazy_limiter::tower::{ClientAddress, RateLimitLayer, Rule, Rules, ThrottleLayer};
//! use lazy_limiter::{KeyedLimiter, Limiter, Rate, TokenBucket};
//!
//! let client = ClientAddress::with_peer(|request| {
//!     request.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip())
//! });
//! let clients = KeyedLimiter::new(|_: &_| TokenBucket::new(20, Rate::per_second(5)));
//! let everyone = Limiter::new(TokenBucket::new(1000, Rate::per_second(500)));
//! let reports = Limiter::new(TokenBucket::new(1, Rate::per_second(2)));
//!
//! // 20 at once and 5 a second for each client, 500 a second for all together; else 429.
//! let rules = Rules::new(Rule::per_client("client", Arc::new(clients), client).window(Duration::from_secs(4)))
//!     .and(Rule::shared("everyone", Arc::new(everyone)))
//!     .exempt(|request| request.uri.path() == "/health");
//! // Reports are made one after the other; a request waits for its turn for up to 10 seconds.
//! let turns = ThrottleLayer::new(Rule::shared("reports", Arc::new(reports)), Duration::from_secs(10));
//!
//! let app: Router = Router::new()
//!     .route("/report", get(|| async { "a report" }).layer(turns))
//!     .route("/health", get(|| async { "well" }))
//!     .layer(RateLimitLayer::new(rules));
//!
//! # async fn serve(app: Router) -> std::io::Result<()> {
//! let listener = tokio::net::TcpListener::bind("[::]:8080").await?;
//! // This is where the peer's address comes from.
//! axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await
//! # }
//! ```
//!
//! # hyper
//!
//! The layers go around any service. Insert the peer's address as [`PeerAddress`]:
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use http::{Request, Response};
//! use hyper::body::Incoming;
//! use hyper_util::rt::TokioIo;
//! use hyper_util::service::TowerToHyperService;
//! use lazy_limiter::tower::{ClientAddress, PeerAddress, RateLimitLayer, Rule};
//! use lazy_limiter::{KeyedLimiter, Rate, TokenBucket};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
//! let clients = KeyedLimiter::new(|_: &_| TokenBucket::new(20, Rate::per_second(5)));
//! // Outside of the loop: one limiter for all connections.
//! let layer = RateLimitLayer::new(Rule::per_client("client", Arc::new(clients), ClientAddress::new()));
//!
//! let listener = tokio::net::TcpListener::bind("[::]:8080").await?;
//! loop {
//!     let (stream, peer) = listener.accept().await?;
//!     let hello = service_fn(async |_: Request<Incoming>| Ok::<_, hyper::Error>(Response::new("hello".to_owned())));
//!     let service = layer.layer(hello).map_request(move |mut request: Request<Incoming>| {
//!         request.extensions_mut().insert(PeerAddress(peer));
//!         request
//!     });
//!     let http = hyper::server::conn::http1::Builder::new();
//!     tokio::spawn(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)));
//! }
//! # }
//! ```
//!
//! # tonic
//!
//! `Server::builder().layer(RateLimitLayer::new(rules))`. A call that is refused, which is one whose content type
//! begins with `application/grpc`, is answered with a gRPC status: `RESOURCE_EXHAUSTED` where others get 429. For the
//! peer, `ClientAddress::with_peer(|call| call.extensions.get::<TcpConnectInfo>()?.remote_addr().map(|peer| peer.ip()))`.
//!
//! # What is shared
//!
//! A limiter is given to a rule in an `Arc`; the rule, its layer, the services that it makes, and all their clones
//! draw from that one. Layers may be applied many times, once for each route or connection: there is one limit. Two
//! limiters are two limits, so make them once, not where connections are accepted.
//!
//! # Who is asked, and who pays
//!
//! | a request that | pays |
//! |---|---|
//! | is admitted | its [cost](Rule::cost), by every rule |
//! | is refused by one of several rules | nothing; what it took by those before is given back |
//! | is dropped while it waits | nothing |
//! | is dropped while it is served, or fails | its cost, unless you [give it back](Rule::give_back_after) |
//! | turns out to cost more | what you charge: by the [response](Rule::charge_after), by its [bytes](Rule::charge_bytes), or [in the handler](Admission::charge) |
//! | is [exempt](Rules::exempt) | nothing |
//! | has [no key](MissingKey) | nothing; it is refused, or by choice admitted |
//!
//! Which status goes with which refusal: [`Refusal::status`]. The answer can be [your own](Rules::respond).
//!
//! # Trying a limit out
//!
//! A rule in the [shadow](Rule::shadow) refuses nothing. It [counts](Rule::counts), tells [`Rules::on_refusal`], and labels
//! the request with [`WouldRefuse`].

use std::error::Error;

use crate::AcquireError;

mod account;
mod admission;
mod body;
mod client_address;
mod entry;
mod headers;
mod layer;
mod refusal;
mod response;
mod rule;
mod rules;
mod throttle;

pub use admission::{Admission, BillingError};
pub use body::Body;
pub use client_address::{ClientAddress, ForwardHeader, InvalidNetwork, Network, PeerAddress};
pub use headers::Headers;
pub use layer::{RateLimit, RateLimitLayer, Responding};
pub use refusal::{Cause, Refusal, WouldRefuse};
pub use rule::{Counts, MissingKey, Rule};
pub use rules::Rules;
pub use throttle::{Throttle, ThrottleLayer, Waiting};

/// Any error: that of a policy, whatever its type was.
pub type BoxError = Box<dyn Error + Send + Sync>;

type Refused = AcquireError<BoxError>;
