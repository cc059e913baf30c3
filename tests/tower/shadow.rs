//! Rules that refuse nothing.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use futures_lite::future::poll_once;
use http::{Request, Response};
use lazy_limiter::tower::{RateLimitLayer, Rule, Rules, ThrottleLayer, WouldRefuse};
use lazy_limiter::{ManualClock, Tokens};
use tower::{Layer, service_fn};

use super::support::{SECOND, behind, by_user, from_user, get, keyed, send, shared};

/// Answers with the names of the shadows that would have refused.
async fn label(request: Request<String>) -> Result<Response<String>, Infallible> {
    let label = request.extensions().get::<WouldRefuse>();
    let names =
        label.map(|label| label.0.iter().map(|refusal| refusal.rule().to_owned()).collect::<Vec<_>>());
    Ok(Response::new(format!("{names:?}")))
}

#[tokio::test]
async fn a_shadow_counts_and_labels_and_refuses_nothing() {
    let clock = ManualClock::new();
    let (users, all) = (keyed(5, &clock), shared(2, &clock));
    let (enforced, shadow) = (by_user("user", &users), Rule::shared("all", all.clone()).shadow());
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = told.clone();
    let rules = Rules::new(shadow.clone()).and(enforced.clone()).on_refusal(move |refusal, _| {
        log.lock().unwrap().push((refusal.rule().to_owned(), refusal.is_shadow(), refusal.status().as_u16()));
    });
    let service = RateLimitLayer::new(rules).layer(service_fn(label));
    for expected in ["None", "None", "Some([\"all\"])", "Some([\"all\"])", "Some([\"all\"])"] {
        let answer = send(&service, from_user("ann")).await;
        assert_eq!((answer.status, &*answer.body), (200, expected));
        // Clients are told of what is enforced.
        assert!(!answer.field("ratelimit").contains("all"), "{}", answer.field("ratelimit"));
        assert_eq!(answer.field("retry-after"), "");
    }
    // By now the other one refuses.
    assert_eq!(send(&service, from_user("ann")).await.status, 429);
    assert_eq!((shadow.counts().admitted, shadow.counts().refused, shadow.counts().would_refuse), (2, 0, 4));
    assert_eq!((enforced.counts().admitted, enforced.counts().refused), (5, 1));
    let shadows = vec![("all".to_owned(), true, 429); 4];
    assert_eq!(*told.lock().unwrap(), [shadows, vec![("user".to_owned(), false, 429)]].concat());
    assert_eq!(all.available(), Tokens::ZERO);
}

#[tokio::test]
async fn a_shadow_gives_back_what_others_refuse() {
    let clock = ManualClock::new();
    let all = shared(5, &clock);
    let rules = Rules::new(Rule::shared("all", all.clone()).shadow()).and(by_user("user", &keyed(1, &clock)));
    let service = behind(RateLimitLayer::new(rules));
    send(&service, from_user("ann")).await;
    for _ in 0..5 {
        assert_eq!(send(&service, from_user("ann")).await.status, 429);
    }
    assert_eq!(all.available(), Tokens::from(4));
}

#[tokio::test]
async fn all_rules_can_be_shadows_and_a_missing_key_is_one() {
    let clock = ManualClock::new();
    let rule = by_user("user", &keyed(1, &clock));
    let rules = Rules::new(rule.clone()).shadow();
    let service = RateLimitLayer::new(rules).layer(service_fn(label));
    assert_eq!(send(&service, get("/")).await.body, "Some([\"user\"])");
    assert_eq!(send(&service, from_user("ann")).await.body, "None");
    assert_eq!(send(&service, from_user("ann")).await.body, "Some([\"user\"])");
    assert_eq!((rule.counts().admitted, rule.counts().refused, rule.counts().would_refuse), (1, 0, 2));
}

#[tokio::test]
async fn a_shadow_makes_nobody_wait() {
    let clock = ManualClock::new();
    let rules = Rules::new(Rule::shared("all", shared(1, &clock)).shadow());
    // Time stands still: whoever waited would wait forever.
    let service = ThrottleLayer::new(rules, 60 * SECOND).layer(service_fn(label));
    for expected in ["None", "Some([\"all\"])", "Some([\"all\"])"] {
        let answer = poll_once(std::pin::pin!(send(&service, get("/")))).await;
        assert_eq!(answer.expect("it does not wait").body, expected);
    }
}
