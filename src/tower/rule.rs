//! [`Rule`]: a limiter, and what of a request it looks at.

use core::fmt;
use core::hash::{BuildHasher, Hash};
use core::net::IpAddr;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Arc;

use http::{StatusCode, request, response};

use super::account::{Account, OfKey, Only};
use super::{BoxError, ClientAddress};
use crate::{Clock, KeyedLimiter, Limit, Limiter, Tokens};

/// One limit on requests: a limiter, whose bucket of it a request draws from, and how much.
///
/// The limiter is shared: through every clone of the rule, of its layer and of the services that the layer makes,
/// all connections draw from the same buckets. Clones share their [`counts`](Self::counts) too.
///
/// ```
/// use std::sync::Arc;
/// use lazy_limiter::tower::{MissingKey, Rule};
/// use lazy_limiter::{KeyedLimiter, Rate, TokenBucket};
///
/// // By user and path; a search costs five.
/// let users = KeyedLimiter::new(|_: &(String, String)| TokenBucket::new(50, Rate::per_second(10)));
/// let rule = Rule::keyed("user", Arc::new(users), |request| {
///     let user = request.headers.get("x-user")?.to_str().ok()?;
///     Some((user.to_owned(), request.uri.path().to_owned()))
/// })
/// .cost(|request| if request.uri.path() == "/search" { 5 } else { 1 })
/// .missing_key(MissingKey::Refuse(http::StatusCode::UNAUTHORIZED));
/// ```
#[derive(Clone)]
pub struct Rule {
    pub(super) name: Arc<str>,
    accounts: Accounts,
    cost: Arc<dyn Fn(&request::Parts) -> Tokens + Send + Sync>,
    pub(super) missing_key: MissingKey,
    pub(super) status: StatusCode,
    pub(super) shadow: bool,
    pub(super) window: Option<Duration>,
    pub(super) unit: Option<Arc<str>>,
    pub(super) charge_after: Option<AfterResponse>,
    pub(super) give_back_after: Option<AfterResponse>,
    pub(super) charge_bytes: Option<OfBytes>,
    counters: Arc<Counters>,
}

type Accounts = Arc<dyn Fn(&request::Parts) -> Option<Arc<dyn Account>> + Send + Sync>;
pub(super) type AfterResponse = Arc<dyn Fn(&response::Parts) -> Tokens + Send + Sync>;
pub(super) type OfBytes = Arc<dyn Fn(u64) -> Tokens + Send + Sync>;

/// What becomes of a request that has no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingKey {
    /// The rule does not apply to it.
    Admit,
    /// It is refused with this status.
    Refuse(StatusCode),
}

/// What a [`Rule`] has done so far; see [`Rule::counts`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Requests that this rule and all others beside it let pass.
    pub admitted: u64,
    /// Requests that this rule refused.
    pub refused: u64,
    /// Requests that this rule would have refused, had it not been a [shadow](Rule::shadow).
    pub would_refuse: u64,
}

#[derive(Default)]
struct Counters {
    admitted: AtomicU64,
    refused: AtomicU64,
    would_refuse: AtomicU64,
}

impl Rule {
    /// A bucket for each key, which is what `key` finds in a request: an address, a header field, a path, a
    /// user that an outer layer left in the extensions, or several of these in a tuple.
    ///
    /// A request in which it finds none is refused with 400, unless you [choose otherwise](Self::missing_key), or have
    /// `key` answer with one that all such requests share.
    ///
    /// `name` is how the rule is called in header fields and counts. There it is printable ASCII; any other character
    /// becomes `?`. Give each rule its own.
    pub fn keyed<K, A, E, C, S>(
        name: &str,
        limiter: Arc<KeyedLimiter<K, A, E, C, S>>,
        key: impl Fn(&request::Parts) -> Option<K> + Send + Sync + 'static,
    ) -> Rule
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        A: Limit,
        E: Into<BoxError> + 'static,
        C: Clock,
        S: BuildHasher + Send + Sync + 'static,
    {
        Rule::new(
            name,
            Arc::new(move |request| Some(Arc::new(OfKey { limiter: limiter.clone(), key: key(request)? }))),
        )
    }

    /// A bucket for each client, by its address.
    ///
    /// A request whose peer is not known is refused with 500, since the server does not tell this rule what it needs.
    pub fn per_client<A, E, C, S>(
        name: &str,
        limiter: Arc<KeyedLimiter<IpAddr, A, E, C, S>>,
        address: ClientAddress,
    ) -> Rule
    where
        A: Limit,
        E: Into<BoxError> + 'static,
        C: Clock,
        S: BuildHasher + Send + Sync + 'static,
    {
        let rule = Rule::keyed(name, limiter, move |request| address.of(request));
        rule.missing_key(MissingKey::Refuse(StatusCode::INTERNAL_SERVER_ERROR))
    }

    /// One bucket for all requests.
    pub fn shared<A: Limit, C: Clock>(name: &str, limiter: Arc<Limiter<A, C>>) -> Rule {
        let account: Arc<dyn Account> = Arc::new(Only(limiter));
        Rule::new(name, Arc::new(move |_| Some(account.clone())))
    }

    fn new(name: &str, accounts: Accounts) -> Rule {
        Rule {
            name: printable(name),
            accounts,
            cost: Arc::new(|_| Tokens::from(1)),
            missing_key: MissingKey::Refuse(StatusCode::BAD_REQUEST),
            status: StatusCode::TOO_MANY_REQUESTS,
            shadow: false,
            window: None,
            unit: None,
            charge_after: None,
            give_back_after: None,
            charge_bytes: None,
            counters: Arc::default(),
        }
    }

    /// How many tokens a request takes. The default is one. One that costs nothing always passes.
    pub fn cost<N: Into<Tokens>>(
        mut self,
        cost: impl Fn(&request::Parts) -> N + Send + Sync + 'static,
    ) -> Rule {
        self.cost = Arc::new(move |request| cost(request).into());
        self
    }

    /// What becomes of a request in which no key is found.
    pub fn missing_key(mut self, choice: MissingKey) -> Rule {
        self.missing_key = choice;
        self
    }

    /// The status of a refusal for want of tokens. The default is 429; for a limit that is not the client's own, 503
    /// may say it better. The others are [fixed](super::Refusal::status).
    pub fn status(mut self, status: StatusCode) -> Rule {
        self.status = status;
        self
    }

    /// Refuse nothing, only find out what would be: a request that this rule would refuse passes, without having taken
    /// from it. It is counted, told to [`on_refusal`](super::Rules::on_refusal), and carries the extension
    /// [`WouldRefuse`](super::WouldRefuse). Header fields do not mention the rule, and it never makes anybody wait.
    pub fn shadow(mut self) -> Rule {
        self.shadow = true;
        self
    }

    /// The time window to advertise in `RateLimit-Policy`: that in which a client may use the whole capacity once. For
    /// a token bucket, how long it takes to fill up. Without it, no window is advertised.
    pub fn window(mut self, window: Duration) -> Rule {
        self.window = Some(window);
        self
    }

    /// The unit to advertise in `RateLimit-Policy`: `content-bytes`, say. Without it, clients assume `requests`.
    pub fn unit(mut self, unit: &str) -> Rule {
        self.unit = Some(printable(unit));
        self
    }

    /// Bills what a response shows to have been its cost, [into debt](crate::Limiter::charge) if need be, in addition
    /// to what the request took. What is no amount is not billed.
    ///
    /// Debt refuses those who come later, unless they [cost](Self::cost) nothing: where all is billed afterwards, let a
    /// request take a little at first. For what only the handler knows there is
    /// [`Admission::charge`](super::Admission::charge).
    pub fn charge_after<N: Into<Tokens>>(
        mut self,
        cost: impl Fn(&response::Parts) -> N + Send + Sync + 'static,
    ) -> Rule {
        self.charge_after = Some(Arc::new(move |response| cost(response).into()));
        self
    }

    /// Gives back what a response shows not to have been needed: everything, say, unless a login has failed.
    pub fn give_back_after<N: Into<Tokens>>(
        mut self,
        refund: impl Fn(&response::Parts) -> N + Send + Sync + 'static,
    ) -> Rule {
        self.give_back_after = Some(Arc::new(move |response| refund(response).into()));
        self
    }

    /// Bills the bytes of the response's body, each piece as it is sent: a response that is cut short is billed for what
    /// went out. `cost` says what so many bytes cost.
    pub fn charge_bytes<N: Into<Tokens>>(mut self, cost: impl Fn(u64) -> N + Send + Sync + 'static) -> Rule {
        self.charge_bytes = Some(Arc::new(move |bytes| cost(bytes).into()));
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it has done so far, in all its clones.
    pub fn counts(&self) -> Counts {
        // Relaxed, here and below: statistics, which publish nothing.
        Counts {
            admitted: self.counters.admitted.load(Ordering::Relaxed),
            refused: self.counters.refused.load(Ordering::Relaxed),
            would_refuse: self.counters.would_refuse.load(Ordering::Relaxed),
        }
    }

    /// Where a request takes how much; `None`: it has no key.
    pub(super) fn bill(&self, request: &request::Parts) -> Option<(Arc<dyn Account>, Tokens)> {
        Some(((self.accounts)(request)?, (self.cost)(request)))
    }

    pub(super) fn count_admitted(&self) {
        self.counters.admitted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_refused(&self) {
        let counters = &*self.counters;
        let counter = if self.shadow { &counters.would_refuse } else { &counters.refused };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a string in a structured field may hold (RFC 9651, section 3.3.3).
fn printable(text: &str) -> Arc<str> {
    let printable = |char| if matches!(char, ' '..='~') { char } else { '?' };
    text.chars().map(printable).collect::<String>().into()
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("name", &self.name)
            .field("missing_key", &self.missing_key)
            .field("status", &self.status)
            .field("shadow", &self.shadow)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}
