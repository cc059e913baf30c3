//! However often a layer or a service is cloned, there is one limit.

use std::time::Duration;

use lazy_limiter::ManualClock;
use lazy_limiter::tower::{RateLimitLayer, Rule, Rules, ThrottleLayer};

use super::support::{SECOND, behind, by_user, from_user, get, keyed, send, shared};

#[tokio::test]
async fn clones_of_all_sorts_share_one_limit() {
    let clock = ManualClock::new();
    let rule = Rule::shared("all", shared(8, &clock));
    let rules = Rules::new(rule.clone());
    let layer = RateLimitLayer::new(rules.clone());
    let service = behind(layer.clone());
    let services = [
        behind(RateLimitLayer::new(rule.clone())),
        behind(RateLimitLayer::new(rules.clone())),
        behind(RateLimitLayer::new(rules.headers(Default::default()).exempt(|_| false))),
        behind(layer.clone()),
        behind(layer),
        service.clone(),
        service,
    ];
    let mut admitted = 0;
    for _ in 0..3 {
        for service in &services {
            admitted += u64::from(send(service, get("/")).await.status == 200);
        }
    }
    assert_eq!(admitted, 8);
    assert_eq!((rule.counts().admitted, rule.counts().refused), (8, 13));
    // And with a layer that makes wait, too.
    let throttle = behind(ThrottleLayer::new(rule, Duration::ZERO));
    assert_eq!(send(&throttle, get("/")).await.status, 429);
    clock.advance(10 * SECOND);
    assert_eq!(send(&throttle, get("/")).await.status, 200);
}

#[test]
fn threads_that_ask_at_once_are_let_through_exactly_so_often() {
    let clock = ManualClock::new();
    let (users, all) = (keyed(60, &clock), shared(100, &clock));
    let (first, second) = (by_user("user", &users), Rule::shared("all", all.clone()));
    let layer = RateLimitLayer::new(Rules::new(first.clone()).and(second.clone()));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                // Each connection its own service.
                let service = behind(layer.clone());
                scope.spawn(move || {
                    let user = ["ann", "bob"][thread % 2];
                    let ask = async || send(&service, from_user(user)).await.status;
                    pollster::block_on(async {
                        let mut statuses = Vec::new();
                        for _ in 0..500 {
                            statuses.push(ask().await);
                        }
                        statuses
                    })
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(statuses.len(), 2000);
    let admitted = statuses.iter().filter(|status| **status == 200).count() as u64;
    // All of the hundred go: whoever was refused by the second gave the first back.
    assert_eq!(admitted, 100);
    assert_eq!(all.available().as_f64(), 0.0);
    let left = users.available("ann").unwrap() + users.available("bob").unwrap();
    assert_eq!(left.as_f64(), 20.0);
    assert_eq!((first.counts().admitted, second.counts().admitted), (100, 100));
    assert_eq!(first.counts().refused + second.counts().refused, 1900);
}
