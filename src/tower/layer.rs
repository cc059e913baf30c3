//! [`RateLimitLayer`]: refuses.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::admission::Admission;
use super::body::{Body, Meter};
use super::rules::Rules;

/// Lets requests through that pass its [`Rules`], and answers the others itself, at once.
///
/// Cost: that of [`try_acquire`](crate::KeyedLimiter::try_acquire) and of a look for the header fields for each rule,
/// and a few small allocations.
#[derive(Clone, Debug)]
pub struct RateLimitLayer {
    rules: Rules,
}

impl RateLimitLayer {
    /// A layer that goes by `rules`, or by one [`Rule`](super::Rule).
    pub fn new(rules: impl Into<Rules>) -> RateLimitLayer {
        RateLimitLayer { rules: rules.into() }
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> RateLimit<S> {
        RateLimit { inner, rules: self.rules.clone() }
    }
}

/// The service that a [`RateLimitLayer`] makes. Clones draw from the same limits.
#[derive(Clone, Debug)]
pub struct RateLimit<S> {
    inner: S,
    rules: Rules,
}

impl<S, B, R> Service<Request<B>> for RateLimit<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<Body<R>>;
    type Error = S::Error;
    type Future = Responding<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut request, body) = request.into_parts();
        let settlement = match self.rules.passage(&request) {
            None => None,
            Some(passage) => match passage.and_then(|passage| passage.take_now()) {
                Ok(passed) => Some((self.rules.clone(), self.rules.admit(passed, &mut request))),
                Err(refusing) => return Responding::refused(self.rules.refuse(refusing, &request)),
            },
        };
        Responding::to(self.inner.call(Request::from_parts(request, body)), settlement)
    }
}

pin_project! {
    /// The response to a request that was let through, or refused.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the inner service's future. The request was let through, and what it took is spent.
    #[derive(Debug)]
    pub struct Responding<F> {
        #[pin]
        kind: Kind<F>,
    }
}

pin_project! {
    #[project = KindProjection]
    #[derive(Debug)]
    enum Kind<F> {
        Inner { #[pin] future: F, settlement: Option<(Rules, Admission)> },
        Refused { response: Option<Response<Bytes>> },
    }
}

impl<F> Responding<F> {
    pub(super) fn to(future: F, settlement: Option<(Rules, Admission)>) -> Responding<F> {
        Responding { kind: Kind::Inner { future, settlement } }
    }

    pub(super) fn refused(response: Response<Bytes>) -> Responding<F> {
        Responding { kind: Kind::Refused { response: Some(response) } }
    }
}

impl<F, R, E> Future for Responding<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<Body<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            KindProjection::Inner { future, settlement } => {
                let (mut response, body) = ready!(future.poll(cx))?.into_parts();
                let meter = match settlement.take() {
                    Some((rules, admission)) => rules.settle(&admission, &mut response),
                    None => Meter::default(),
                };
                Poll::Ready(Ok(Response::from_parts(response, Body::inner(body, meter))))
            }
            // A future is not polled again when it is done; if it is, it stays silent.
            KindProjection::Refused { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response.map(Body::refusal))),
                None => Poll::Pending,
            },
        }
    }
}
