//! Several rules at once, keys and costs.

use std::sync::Arc;

use lazy_limiter::tower::{RateLimitLayer, Rule, Rules};
use lazy_limiter::{Limiter, ManualClock, Rate, TokenBucket, Tokens};

use super::support::{SECOND, behind, by_user, from_user, get, keyed, send, shared};

#[tokio::test]
async fn what_one_rule_took_goes_back_when_the_next_refuses() {
    let clock = ManualClock::new();
    let (users, all) = (keyed(5, &clock), shared(3, &clock));
    let first = by_user("user", &users);
    let second = Rule::shared("all", all.clone());
    let service = behind(RateLimitLayer::new(Rules::new(first.clone()).and(second.clone())));
    for _ in 0..3 {
        assert_eq!(send(&service, from_user("ann")).await.status, 200);
    }
    for _ in 0..10 {
        let answer = send(&service, from_user("ann")).await;
        assert_eq!(answer.status, 429);
        assert!(answer.body.contains(r#""violated-policies":["all"]"#), "{}", answer.body);
        // The user's own limit is as it was; the one that refused says when.
        assert_eq!(answer.field("ratelimit"), "\"user\";r=2;t=30, \"all\";r=0;t=10");
        assert_eq!(answer.field("retry-after"), "10");
    }
    assert_eq!(users.available("ann"), Some(Tokens::from(2)));
    assert_eq!((first.counts().admitted, first.counts().refused), (3, 0));
    assert_eq!((second.counts().admitted, second.counts().refused), (3, 10));
    // Nor does a refusal by the first touch the second.
    all.give_back(3).unwrap();
    for _ in 0..2 {
        assert_eq!(send(&service, from_user("ann")).await.status, 200);
    }
    assert_eq!(send(&service, from_user("ann")).await.status, 429);
    assert_eq!(all.available(), Tokens::from(1));
    assert_eq!((second.counts().admitted, second.counts().refused), (5, 10));
    assert_eq!((first.counts().admitted, first.counts().refused), (5, 1));
}

#[tokio::test]
async fn a_fraction_goes_back_as_it_was_taken() {
    let clock = ManualClock::new();
    let (tenths, none) = (shared(1, &clock), Arc::new(Limiter::new(TokenBucket::new(1, Rate::ZERO))));
    none.try_acquire(1).unwrap();
    let rules =
        Rules::new(Rule::shared("tenths", tenths.clone()).cost(|_| 0.1)).and(Rule::shared("none", none));
    let service = behind(RateLimitLayer::new(rules));
    tenths.try_acquire(0.5).unwrap();
    for _ in 0..100 {
        assert_eq!(send(&service, get("/")).await.status, 429);
    }
    // But for what the bucket's own units cannot hold, less than a nanosecond of refill each time. Giving back a tenth
    // rounded down each time would have lost a hundred millionths.
    assert!(tenths.available() > Tokens::from(0.49999), "{}", tenths.available());
}

#[tokio::test]
async fn a_request_that_misses_a_later_key_takes_nothing() {
    let clock = ManualClock::new();
    let all = shared(3, &clock);
    let rules = Rules::new(Rule::shared("all", all.clone())).and(by_user("user", &keyed(3, &clock)));
    let answer = send(&behind(RateLimitLayer::new(rules)), get("/")).await;
    assert_eq!((answer.status, &*answer.field("ratelimit")), (400, ""));
    assert_eq!(all.available(), Tokens::from(3));
}

#[tokio::test]
async fn a_key_can_be_several_things_at_once() {
    let clock = ManualClock::new();
    let limiter = keyed::<(String, String)>(1, &clock);
    let rule = Rule::keyed("both", limiter.clone(), |request| {
        let user = request.headers.get("user")?.to_str().ok()?;
        Some((user.to_owned(), request.uri.path().to_owned()))
    });
    let service = behind(RateLimitLayer::new(rule));
    let ask = async |user: &str, path: &str| {
        let request = http::Request::get(path).header("user", user).body(String::new()).unwrap();
        send(&service, request).await.status
    };
    assert_eq!(ask("ann", "/a").await, 200);
    assert_eq!(ask("ann", "/a").await, 429);
    assert_eq!(ask("ann", "/b").await, 200);
    assert_eq!(ask("bob", "/a").await, 200);
    assert_eq!(limiter.len(), 3);
}

#[tokio::test]
async fn a_key_can_be_a_user_that_an_outer_layer_knows() {
    #[derive(Clone, PartialEq, Eq, Hash)]
    struct User(u64);
    let clock = ManualClock::new();
    let rule =
        Rule::keyed("user", keyed::<User>(1, &clock), |request| request.extensions.get::<User>().cloned());
    let service = behind(RateLimitLayer::new(rule));
    for (user, status) in [(1, 200), (1, 429), (2, 200), (2, 429)] {
        let mut request = get("/");
        request.extensions_mut().insert(User(user));
        assert_eq!(send(&service, request).await.status, status);
    }
}

#[tokio::test]
async fn a_cost_is_taken_whole_or_not_at_all() {
    let clock = ManualClock::new();
    let all = shared(10, &clock);
    let cost = |request: &http::request::Parts| request.uri.path()[1..].parse::<f64>().unwrap();
    let service = behind(RateLimitLayer::new(Rule::shared("all", all.clone()).cost(cost)));
    for (path, status, left) in [
        ("/4", 200, 6.0),
        ("/7", 429, 6.0),
        ("/0.5", 200, 5.5),
        ("/0", 200, 5.5),
        ("/11", 400, 5.5),
        ("/5.5", 200, 0.0),
    ] {
        assert_eq!(send(&service, get(path)).await.status, status, "{path}");
        assert_eq!(all.available(), Tokens::from(left), "{path}");
    }
    // Free is free.
    assert_eq!(send(&service, get("/0")).await.status, 200);
    clock.advance(SECOND);
    assert_eq!(send(&service, get("/0.0625")).await.status, 200);
}

#[tokio::test]
async fn whoever_is_exempt_passes_by_all_rules() {
    let clock = ManualClock::new();
    let (rule, all) = (by_user("user", &keyed(1, &clock)), shared(1, &clock));
    let rules = Rules::new(rule.clone())
        .and(Rule::shared("all", all.clone()))
        .exempt(|request| request.uri.path() == "/health");
    let service = behind(RateLimitLayer::new(rules));
    for _ in 0..5 {
        // Not even a key is asked for.
        let answer = send(&service, get("/health")).await;
        assert_eq!((answer.status, &*answer.field("ratelimit")), (200, ""));
    }
    assert_eq!(all.available(), Tokens::from(1));
    assert_eq!(rule.counts(), Default::default());
    assert_eq!(send(&service, get("/other")).await.status, 400);
}
