//! [`Rules`]: what a layer goes by.

use core::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Response, request, response};

use super::admission::Admission;
use super::body::Meter;
use super::entry::{Entry, Passage, Passed, Refusing};
use super::headers::Headers;
use super::refusal::{Refusal, WouldRefuse};
use super::rule::Rule;

/// One or more [`Rule`]s that a request must pass, and what to say about it.
///
/// A request takes by all of them or by none: they are asked in order, and when one refuses, what the request has taken
/// by those before it is given back. For that moment others may find those tokens gone, and be refused. If
/// this matters, and the limits go by the same key, make them one limiter of [`All`](crate::All), which takes
/// from several in one atomic step. Two layers, one around the other, are independent: what the outer one took is spent.
///
/// A keyed limiter with an [overflow](crate::KeyedBuilder::overflow) belongs last: what a request took from the overflow
/// is not given back when a later rule refuses.
///
/// ```
/// use std::sync::Arc;
/// use lazy_limiter::tower::{ClientAddress, Headers, RateLimitLayer, Rule, Rules};
/// use lazy_limiter::{KeyedLimiter, Limiter, Rate, TokenBucket};
///
/// let clients = Arc::new(KeyedLimiter::new(|_: &_| TokenBucket::new(20, Rate::per_second(5))));
/// let everyone = Arc::new(Limiter::new(TokenBucket::new(1000, Rate::per_second(500))));
/// let rules = Rules::new(Rule::per_client("client", clients, ClientAddress::new()))
///     .and(Rule::shared("everyone", everyone).status(http::StatusCode::SERVICE_UNAVAILABLE))
///     .exempt(|request| request.uri.path() == "/health")
///     .headers(Headers::standard().with_legacy());
/// let layer = RateLimitLayer::new(rules);
/// ```
#[derive(Clone)]
pub struct Rules(Arc<Config>);

/// Behind one pointer: each request that is let through has a clone until it is answered.
#[derive(Clone)]
struct Config {
    rules: Vec<Arc<Rule>>,
    exempt: Option<Exempt>,
    headers: Headers,
    respond: Option<Respond>,
    on_refusal: Option<Tell>,
}

type Exempt = Arc<dyn Fn(&request::Parts) -> bool + Send + Sync>;
type Respond = Arc<dyn Fn(&Refusal, &request::Parts) -> Response<Bytes> + Send + Sync>;
type Tell = Arc<dyn Fn(&Refusal, &request::Parts) + Send + Sync>;

impl Rules {
    /// One rule.
    pub fn new(rule: Rule) -> Rules {
        Rules(Arc::new(Config {
            rules: vec![Arc::new(rule)],
            exempt: None,
            headers: Headers::standard(),
            respond: None,
            on_refusal: None,
        }))
    }

    /// And another, which is asked after those before it.
    pub fn and(mut self, rule: Rule) -> Rules {
        self.config().rules.push(Arc::new(rule));
        self
    }

    /// Requests that pass by all rules: health checks, say. They get no header fields.
    pub fn exempt(mut self, exempt: impl Fn(&request::Parts) -> bool + Send + Sync + 'static) -> Rules {
        self.config().exempt = Some(Arc::new(exempt));
        self
    }

    /// Makes all rules [shadows](Rule::shadow): nothing is refused.
    pub fn shadow(mut self) -> Rules {
        for rule in &mut self.config().rules {
            *rule = Arc::new(Rule::clone(rule).shadow());
        }
        self
    }

    /// Which header fields tell clients about their limits.
    pub fn headers(mut self, headers: Headers) -> Rules {
        self.config().headers = headers;
        self
    }

    /// The answer to a request that is refused, instead of [`Refusal::response`]. The header fields of the limits are
    /// added to it; a `Retry-After` of its own is kept. Where gRPC calls come too, let [`Refusal::response`] answer them.
    pub fn respond<B: Into<Bytes>>(
        mut self,
        respond: impl Fn(&Refusal, &request::Parts) -> Response<B> + Send + Sync + 'static,
    ) -> Rules {
        let respond = move |refusal: &_, request: &_| respond(refusal, request).map(Into::into);
        self.config().respond = Some(Arc::new(respond));
        self
    }

    /// Called with each refusal, that of a [shadow](Rule::shadow) too: for logs and metrics.
    pub fn on_refusal(mut self, tell: impl Fn(&Refusal, &request::Parts) + Send + Sync + 'static) -> Rules {
        self.config().on_refusal = Some(Arc::new(tell));
        self
    }

    /// Clones that were made before do not change.
    fn config(&mut self) -> &mut Config {
        Arc::make_mut(&mut self.0)
    }

    /// The way of a request past the rules; `None` if it is exempt.
    pub(super) fn passage(&self, request: &request::Parts) -> Option<Result<Passage, Refusing>> {
        let exempt = self.0.exempt.as_ref().is_some_and(|exempt| exempt(request));
        (!exempt).then(|| Passage::new(&self.0.rules, request))
    }

    /// Labels a request that has passed.
    pub(super) fn admit(&self, passed: Passed, request: &mut request::Parts) -> Admission {
        let Passed { entries, would_refuse } = passed;
        self.tell(&would_refuse, request);
        if !would_refuse.is_empty() {
            request.extensions.insert(WouldRefuse(would_refuse.into()));
        }
        let outer = request.extensions.remove::<Admission>().map(Arc::new);
        let admission = Admission { entries: entries.into(), outer };
        request.extensions.insert(admission.clone());
        admission
    }

    /// Answers a request that has not.
    pub(super) fn refuse(&self, refusing: Refusing, request: &request::Parts) -> Response<Bytes> {
        let Refusing { refusal, entries, would_refuse } = refusing;
        self.tell(would_refuse.iter().chain([&refusal]), request);
        let mut response = match &self.0.respond {
            Some(respond) => respond(&refusal, request),
            None => refusal.response(request),
        };
        self.0.headers.of_refusal(response.headers_mut(), &refusal, entries.iter());
        response
    }

    /// Settles the bill of a request when it is answered, as far as it is known then.
    pub(super) fn settle(&self, admission: &Admission, response: &mut response::Parts) -> Meter {
        for Entry { rule, account, .. } in admission.entries.iter() {
            // What is no amount changes nothing.
            if let Some(cost) = &rule.charge_after {
                let _ = account.charge(cost(response));
            }
            if let Some(refund) = &rule.give_back_after {
                let _ = account.give_back(refund(response));
            }
        }
        self.0.headers.of_admission(&mut response.headers, admission.entries.iter());
        Meter::new(admission)
    }

    fn tell<'a>(&self, refusals: impl IntoIterator<Item = &'a Refusal>, request: &request::Parts) {
        if let Some(tell) = &self.0.on_refusal {
            refusals.into_iter().for_each(|refusal| tell(refusal, request));
        }
    }
}

impl From<Rule> for Rules {
    fn from(rule: Rule) -> Rules {
        Rules::new(rule)
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("rules", &self.0.rules)
            .field("headers", &self.0.headers)
            .finish_non_exhaustive()
    }
}
