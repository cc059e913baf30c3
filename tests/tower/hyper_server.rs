//! A real server: the peer's address, and one limit for all connections.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::{Router, routing::get};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use lazy_limiter::tower::{ClientAddress, ForwardHeader, Network, PeerAddress, RateLimitLayer, Rule};
use lazy_limiter::{KeyedLimiter, Rate, TokenBucket};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer, ServiceExt, service_fn};

/// Two for each client, forever.
fn rule(address: ClientAddress) -> Rule {
    Rule::per_client("client", Arc::new(KeyedLimiter::new(|_: &_| TokenBucket::new(2, Rate::ZERO))), address)
}

/// A hyper server behind one layer.
async fn hyper_server(layer: RateLimitLayer) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, peer) = listener.accept().await.unwrap();
            let hello = service_fn(async |_: Request<Incoming>| {
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"hello"))))
            });
            let service = layer.layer(hello).map_request(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(PeerAddress(peer));
                request
            });
            let http = hyper::server::conn::http1::Builder::new();
            tokio::spawn(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)));
        }
    });
    address
}

/// An axum server behind one layer.
async fn axum_server(layer: RateLimitLayer) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app: Router = Router::new().route("/", get(|| async { "hello" })).layer(layer);
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
    address
}

fn by_connect_info() -> ClientAddress {
    ClientAddress::with_peer(|request| {
        request.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip())
    })
}

/// The statuses of requests with these fields, over one new connection.
async fn ask(server: SocketAddr, fields: &[Option<(&'static str, &str)>]) -> Vec<u16> {
    let stream = TcpStream::connect(server).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut statuses = Vec::new();
    for field in fields {
        let mut request = Request::get("/").header("host", "localhost");
        if let Some((name, value)) = field {
            request = request.header(*name, *value);
        }
        sender.ready().await.unwrap();
        let response = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
        statuses.push(response.status().as_u16());
        response.into_body().collect().await.unwrap();
    }
    statuses
}

async fn is_limited_over_all_connections(server: SocketAddr) {
    // The field that nobody was told to believe is one request's disguise, and does not help.
    let disguised = |value| Some(("x-forwarded-for", value));
    assert_eq!(ask(server, &[None]).await, [200]);
    assert_eq!(ask(server, &[disguised("192.0.2.1")]).await, [200]);
    assert_eq!(ask(server, &[disguised("192.0.2.2"), None]).await, [429, 429]);
    assert_eq!(ask(server, &[None]).await, [429]);
}

#[tokio::test]
async fn hyper_connections_share_one_limit() {
    let server = hyper_server(RateLimitLayer::new(rule(ClientAddress::new()))).await;
    is_limited_over_all_connections(server).await;
}

#[tokio::test]
async fn axum_connections_share_one_limit() {
    let server = axum_server(RateLimitLayer::new(rule(by_connect_info()))).await;
    is_limited_over_all_connections(server).await;
}

#[tokio::test]
async fn a_trusted_proxy_is_believed() {
    let trusted: [Network; 1] = ["127.0.0.0/8".parse().unwrap()];
    for (header, name, prefix) in [
        (ForwardHeader::XForwardedFor, "x-forwarded-for", ""),
        (ForwardHeader::Forwarded, "forwarded", "for="),
    ] {
        let address = by_connect_info().behind(trusted, header);
        let server = axum_server(RateLimitLayer::new(rule(address))).await;
        let from = |client: &str| format!("{prefix}198.51.100.7, {prefix}{client}");
        let (one, two) = (from("192.0.2.1"), from("192.0.2.2"));
        let (one, two) = (Some((name, &*one)), Some((name, &*two)));
        assert_eq!(
            ask(server, &[one, one, one, two, two, two, one]).await,
            [200, 200, 429, 200, 200, 429, 429]
        );
        // In whose name the client spoke does not matter; the other field says nothing.
        let other = if name == "forwarded" { "x-forwarded-for" } else { "forwarded" };
        assert_eq!(ask(server, &[Some((other, "for=9.9.9.9")); 3]).await, [200, 200, 429]);
    }
}
