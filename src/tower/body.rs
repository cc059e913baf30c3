//! [`Body`]: the body of a response that may be a refusal.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;

use super::account::Account;
use super::admission::Admission;
use super::rule::OfBytes;

pin_project! {
    /// The body of a response that may be a refusal: the inner service's, or some bytes.
    ///
    /// It is a [`Body`](http_body::Body) wherever the inner one is and its data can be made of [`Bytes`] (as those of
    /// axum, hyper and tonic are).
    #[derive(Debug)]
    pub struct Body<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    #[derive(Debug)]
    enum Kind<B> {
        Inner { #[pin] body: B, meter: Meter },
        Refusal { bytes: Bytes },
    }
}

impl<B> Body<B> {
    pub(super) fn inner(body: B, meter: Meter) -> Body<B> {
        Body { kind: Kind::Inner { body, meter } }
    }

    pub(super) fn refusal(bytes: Bytes) -> Body<B> {
        Body { kind: Kind::Refusal { bytes } }
    }
}

impl<B> http_body::Body for Body<B>
where
    B: http_body::Body,
    B::Data: From<Bytes>,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        match self.project().kind.project() {
            KindProjection::Inner { body, meter } => {
                let frame = ready!(body.poll_frame(cx));
                if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
                    meter.count(data.remaining());
                }
                Poll::Ready(frame)
            }
            KindProjection::Refusal { bytes } => {
                let bytes = core::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes.into()))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body, .. } => body.is_end_stream(),
            Kind::Refusal { bytes } => bytes.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body, .. } => body.size_hint(),
            Kind::Refusal { bytes } => SizeHint::with_exact(bytes.len() as u64),
        }
    }
}

/// An empty body, which nobody is billed for.
impl<B: Default> Default for Body<B> {
    fn default() -> Body<B> {
        Body::inner(B::default(), Meter::default())
    }
}

/// Bills the bytes that pass.
#[derive(Default)]
pub(super) struct Meter(Vec<(Arc<dyn Account>, OfBytes)>);

impl Meter {
    pub(super) fn new(admission: &Admission) -> Meter {
        let metered = admission.entries.iter().filter_map(|entry| {
            let cost = entry.rule.charge_bytes.clone()?;
            Some((entry.account.clone(), cost))
        });
        Meter(metered.collect())
    }

    fn count(&self, bytes: usize) {
        for (account, cost) in &self.0 {
            // What is no amount changes nothing.
            let _ = account.charge(cost(bytes as u64));
        }
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").finish_non_exhaustive()
    }
}
