//! A tonic server with a layer, and a tonic client that is told when it is refused.
//!
//! The service is written by hand and its messages are bytes, so that no compiler of protocol buffers is needed.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use lazy_limiter::tower::{ClientAddress, RateLimitLayer, Rule, Rules, ThrottleLayer};
use lazy_limiter::{KeyedLimiter, Limiter, Rate, TokenBucket};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::client::Grpc as Client;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::server::TcpConnectInfo;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Response, Status};

/// Messages that are bytes.
#[derive(Clone, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// Sends back what it is sent.
#[derive(Clone)]
struct Echo;

impl NamedService for Echo {
    const NAME: &'static str = "test.Echo";
}

impl UnaryService<Bytes> for Echo {
    type Response = Bytes;
    type Future = std::future::Ready<Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        std::future::ready(Ok(Response::new(request.into_inner())))
    }
}

impl tower::Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async { Ok(Grpc::new(Raw).unary(Echo, request).await) })
    }
}

/// Three for each peer, so many for all, and one after the other.
async fn serve(all: u64) -> SocketAddr {
    let peer = ClientAddress::with_peer(|call| {
        call.extensions.get::<TcpConnectInfo>()?.remote_addr().map(|peer| peer.ip())
    });
    let peers = KeyedLimiter::new(|_: &_| TokenBucket::new(3, Rate::per_hour(1)));
    let all = Limiter::new(TokenBucket::new(all, Rate::ZERO));
    let rules =
        Rules::new(Rule::per_client("peer", Arc::new(peers), peer)).and(Rule::shared("all", Arc::new(all)));
    let turns = Limiter::new(TokenBucket::new(1, Rate::per_second(1000)));
    let turns = ThrottleLayer::new(Rule::shared("turns", Arc::new(turns)), Duration::from_secs(60));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder().layer(RateLimitLayer::new(rules)).layer(turns).add_service(Echo);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    address
}

async fn call(server: SocketAddr) -> Result<Response<Bytes>, Status> {
    let channel = Channel::from_shared(format!("http://{server}")).unwrap().connect().await.unwrap();
    let mut client = Client::new(channel);
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/test.Echo/Echo");
    client.unary(Request::new(Bytes::from_static(b"hello")), path, Raw).await
}

#[tokio::test]
async fn calls_pass_and_are_refused_with_a_status() {
    let server = serve(100).await;
    for left in ["2", "1", "0"] {
        let response = call(server).await.unwrap();
        let told =
            response.metadata().get_all("ratelimit").iter().map(|line| line.to_str().unwrap().to_owned());
        let told = told.collect::<Vec<_>>().join(", ");
        assert!(told.contains(&format!("\"peer\";r={left};t=")), "{told}");
        assert_eq!(response.into_inner(), "hello");
    }
    // Each call is a connection of its own: they share the limit.
    for _ in 0..3 {
        let status = call(server).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(status.message().starts_with("peer: Retry after "), "{status:?}");
        let pushback = status.metadata().get("grpc-retry-pushback-ms").unwrap().to_str().unwrap();
        assert!((1..=3_600_000).contains(&pushback.parse::<u64>().unwrap()), "{pushback}");
        assert!(status.metadata().contains_key("retry-after"));
    }
}

#[tokio::test]
async fn a_limit_that_never_refills_does_not_tell_when_to_retry() {
    let server = serve(1).await;
    call(server).await.unwrap();
    let status = call(server).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::ResourceExhausted, "all: It is not known when there will be more.")
    );
    assert!(!status.metadata().contains_key("grpc-retry-pushback-ms"));
}
