//! Bodies of all sorts pass unchanged.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use lazy_limiter::ManualClock;
use lazy_limiter::tower::{Body, RateLimitLayer, Rule};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::support::{get, shared};

/// The responses to two requests, of which the second is refused.
async fn two<B: http_body::Body>(body: B) -> [Response<Body<B>>; 2] {
    let clock = ManualClock::new();
    let mut body = Some(body);
    let handler = service_fn(move |_: Request<String>| {
        std::future::ready(Ok::<_, Infallible>(Response::new(body.take().expect("one request"))))
    });
    let mut service = RateLimitLayer::new(Rule::shared("one", shared(1, &clock))).layer(handler);
    let first = service.ready().await.unwrap().call(get("/")).await.unwrap();
    [first, service.ready().await.unwrap().call(get("/")).await.unwrap()]
}

#[tokio::test]
async fn sizes_are_told() {
    let [first, refusal] = two(Full::new(Bytes::from_static(b"12345"))).await;
    assert_eq!(first.body().size_hint().exact(), Some(5));
    assert!(!first.body().is_end_stream());
    let told = refusal.body().size_hint().exact().unwrap();
    assert!(!refusal.body().is_end_stream());
    assert_eq!(first.into_body().collect().await.unwrap().to_bytes(), "12345");
    let mut body = refusal.into_body();
    let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(data.len() as u64, told);
    assert!(body.is_end_stream() && body.size_hint().exact() == Some(0));
    assert!(body.frame().await.is_none() && body.frame().await.is_none());
    let [first, _] = two(Empty::<Bytes>::new()).await;
    assert!(first.body().is_end_stream());
}

#[tokio::test]
async fn trailers_and_errors_pass() {
    let mut trailers = HeaderMap::new();
    trailers.insert("checksum", "7".parse().unwrap());
    let frames = [Ok(Frame::data(Bytes::from_static(b"1"))), Ok(Frame::trailers(trailers)), Err("broken")];
    let [first, _] = two(StreamBody::new(futures_lite::stream::iter(frames))).await;
    let mut body = first.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "1");
    assert_eq!(body.frame().await.unwrap().unwrap().into_trailers().unwrap()["checksum"], "7");
    assert_eq!(body.frame().await.unwrap().unwrap_err(), "broken");
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn data_that_can_be_made_of_bytes_will_do() {
    #[derive(Debug)]
    struct Mine(Bytes);
    impl From<Bytes> for Mine {
        fn from(bytes: Bytes) -> Mine {
            Mine(bytes)
        }
    }
    impl bytes::Buf for Mine {
        fn remaining(&self) -> usize {
            self.0.remaining()
        }
        fn chunk(&self) -> &[u8] {
            self.0.chunk()
        }
        fn advance(&mut self, n: usize) {
            self.0.advance(n);
        }
    }
    let [_, refusal] = two(Full::new(Mine(Bytes::new()))).await;
    assert!(refusal.into_body().collect().await.unwrap().to_bytes().starts_with(b"{"));
}

#[test]
fn a_default_body_is_the_inner_one() {
    assert_eq!(Body::<Full<Bytes>>::default().size_hint().exact(), Some(0));
}
