//! [`ThrottleLayer`]: makes wait.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::body::Body;
use super::entry::{Passed, Refusing};
use super::layer::Responding;
use super::rules::Rules;

/// Makes requests wait in line until they pass its [`Rules`], and lets them through then, in order of arrival. Those that
/// could not pass before a deadline are answered at once, without waiting.
///
/// With several rules a request waits in one line after the other, and has what it took in the first while it
/// stands in the second; the deadline is for all. How many may wait is bounded by the limiters' own `max_waiters`.
///
/// A limiter may be shared with a [`RateLimitLayer`](super::RateLimitLayer), with tasks and with threads: there is one
/// line.
#[derive(Clone, Debug)]
pub struct ThrottleLayer {
    rules: Rules,
    deadline: Duration,
}

impl ThrottleLayer {
    /// A layer that goes by `rules`, or by one [`Rule`](super::Rule), where a request waits for no longer than
    /// `deadline`, by the limiters' clocks. Zero is allowed: nothing waits, but the order is kept.
    pub fn new(rules: impl Into<Rules>, deadline: Duration) -> ThrottleLayer {
        ThrottleLayer { rules: rules.into(), deadline }
    }
}

impl<S> Layer<S> for ThrottleLayer {
    type Service = Throttle<S>;

    fn layer(&self, inner: S) -> Throttle<S> {
        Throttle { inner, rules: self.rules.clone(), deadline: self.deadline }
    }
}

/// The service that a [`ThrottleLayer`] makes. Clones stand in the same lines.
///
/// It is ready when the inner service is, and a request that waits keeps the readiness that it found: around a service
/// with bounded concurrency, those who wait in line count as well.
#[derive(Clone, Debug)]
pub struct Throttle<S> {
    inner: S,
    rules: Rules,
    deadline: Duration,
}

impl<S, B, R> Service<Request<B>> for Throttle<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<Body<R>>;
    type Error = S::Error;
    type Future = Waiting<S, B, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (request, body) = request.into_parts();
        let passage = match self.rules.passage(&request) {
            None => {
                let future = self.inner.call(Request::from_parts(request, body));
                return Waiting::over(Responding::to(future, None));
            }
            Some(Err(refusing)) => {
                return Waiting::over(Responding::refused(self.rules.refuse(refusing, &request)));
            }
            Some(Ok(passage)) => passage,
        };
        // The service that was found ready is the one to call; its clone may not be.
        let clone = self.inner.clone();
        let inner = core::mem::replace(&mut self.inner, clone);
        let request = Request::from_parts(request, body);
        let turn = Turn(Box::pin(passage.take(self.deadline)));
        Waiting { stage: Stage::InLine { turn, call: Some((inner, request)), rules: self.rules.clone() } }
    }
}

/// The wait.
struct Turn(Pin<Box<dyn Future<Output = Result<Passed, Refusing>> + Send>>);

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").finish_non_exhaustive()
    }
}

pin_project! {
    /// The response to a request that waits in line, and is let through, or refused.
    ///
    /// # Cancel safety
    ///
    /// The request joins the line when this is first polled. Dropping it while it waits leaves the limiters as if it had
    /// never come; dropping it later drops the inner service's future, and what the request took is spent.
    #[derive(Debug)]
    pub struct Waiting<S, B, F> {
        #[pin]
        stage: Stage<S, B, F>,
    }
}

pin_project! {
    #[project = StageProjection]
    #[derive(Debug)]
    enum Stage<S, B, F> {
        InLine { turn: Turn, call: Option<(S, Request<B>)>, rules: Rules },
        Over { #[pin] future: Responding<F> },
    }
}

impl<S, B, F> Waiting<S, B, F> {
    fn over(future: Responding<F>) -> Waiting<S, B, F> {
        Waiting { stage: Stage::Over { future } }
    }
}

impl<S, B, R> Future for Waiting<S, B, S::Future>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Output = Result<Response<Body<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut stage = self.project().stage;
        loop {
            let over = match stage.as_mut().project() {
                StageProjection::Over { future } => return future.poll(cx),
                StageProjection::InLine { turn, call, rules } => {
                    let outcome = ready!(turn.0.as_mut().poll(cx));
                    // Taken once: the stage ends here.
                    let Some((mut inner, request)) = call.take() else { return Poll::Pending };
                    let (mut request, body) = request.into_parts();
                    match outcome {
                        Err(refusing) => Responding::refused(rules.refuse(refusing, &request)),
                        Ok(passed) => {
                            let admission = rules.admit(passed, &mut request);
                            let future = inner.call(Request::from_parts(request, body));
                            Responding::to(future, Some((rules.clone(), admission)))
                        }
                    }
                }
            };
            stage.set(Stage::Over { future: over });
        }
    }
}
