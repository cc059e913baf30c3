//! The header fields that tell of limits.

use std::sync::Arc;
use std::time::Duration;

use lazy_limiter::tower::{Headers, RateLimitLayer, Rule, Rules};
use lazy_limiter::{FixedWindow, Limiter, ManualClock, Rate, TokenBucket, Unlimited};
use tower::Layer;

use super::support::{SECOND, behind, by_user, from_user, get, keyed, send, shared};

const ALL: [&str; 6] = [
    "ratelimit-policy",
    "ratelimit",
    "retry-after",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];

#[tokio::test]
async fn they_are_those_of_the_draft() {
    let clock = ManualClock::new();
    let limiter = Arc::new(Limiter::with_clock(TokenBucket::new(100, Rate::per_minute(100)), clock.clone()));
    let service = behind(RateLimitLayer::new(Rule::shared("default", limiter.clone()).window(60 * SECOND)));
    limiter.try_acquire(49).unwrap();
    let answer = send(&service, get("/")).await;
    let fields = ALL.map(|name| answer.field(name));
    assert_eq!(fields, ["\"default\";q=100;w=60", "\"default\";r=50;t=30", "", "", "", ""]);
}

#[tokio::test]
async fn what_is_left_is_rounded_down_and_times_up() {
    let clock = ManualClock::new();
    let service = behind(RateLimitLayer::new(by_user("user", &keyed(3, &clock)).window(SECOND * 59 / 2)));
    let told = async |user| {
        let answer = send(&service, from_user(user)).await;
        (answer.status, answer.field("ratelimit"), answer.field("retry-after"))
    };
    let expect = |status, ratelimit: &str, retry: &str| (status, ratelimit.to_owned(), retry.to_owned());
    assert_eq!(told("ann").await, expect(200, "\"user\";r=2;t=10", ""));
    assert_eq!(told("ann").await, expect(200, "\"user\";r=1;t=20", ""));
    // Nothing is left: until there is something.
    assert_eq!(told("ann").await, expect(200, "\"user\";r=0;t=10", ""));
    assert_eq!(told("ann").await, expect(429, "\"user\";r=0;t=10", "10"));
    clock.advance(Duration::from_millis(15_500));
    assert_eq!(told("ann").await, expect(200, "\"user\";r=0;t=5", ""));
    assert_eq!(told("ann").await, expect(429, "\"user\";r=0;t=5", "5"));
    assert_eq!(send(&service, from_user("ann")).await.field("ratelimit-policy"), "\"user\";q=3;w=30");
}

#[tokio::test]
async fn a_refusal_for_want_of_several_agrees_with_retry_after() {
    let clock = ManualClock::new();
    let cost = |request: &http::request::Parts| if request.uri.path() == "/two" { 2 } else { 1 };
    let service = behind(RateLimitLayer::new(Rule::shared("cost", shared(4, &clock)).cost(cost)));
    for _ in 0..3 {
        send(&service, get("/")).await;
    }
    let answer = send(&service, get("/two")).await;
    // One is left, and it is full again in thirty seconds; but two could be had in ten.
    assert_eq!((answer.status, &*answer.field("ratelimit")), (429, "\"cost\";r=1;t=10"));
    assert_eq!(answer.field("retry-after"), "10");
}

#[tokio::test]
async fn several_rules_are_a_list() {
    let clock = ManualClock::new();
    let window = FixedWindow::new(100, 3600 * SECOND);
    let bytes = Arc::new(Limiter::with_clock(window, clock.clone()));
    let rules = Rules::new(by_user("user", &keyed(2, &clock)))
        .and(Rule::shared("bytes", bytes).cost(|_| 7).unit("content-bytes").window(3600 * SECOND))
        .and(Rule::shared("free", Arc::new(Limiter::new(Unlimited))))
        .headers(Headers::standard().with_legacy());
    let service = behind(RateLimitLayer::new(rules));
    clock.advance(SECOND / 4);
    let answer = send(&service, from_user("ann")).await;
    let fields = ALL.map(|name| answer.field(name));
    let policy = r#""user";q=2, "bytes";q=100;qu="content-bytes";w=3600"#;
    // The older ones tell of the one with the least left.
    assert_eq!(fields, [policy, r#""user";r=1;t=10, "bytes";r=93;t=3600"#, "", "2", "1", "10"]);
    send(&service, from_user("ann")).await;
    let answer = send(&service, from_user("ann")).await;
    assert_eq!(answer.status, 429);
    // What was not asked any more is not told.
    assert_eq!(
        ALL.map(|name| answer.field(name)),
        [r#""user";q=2"#, r#""user";r=0;t=10"#, "10", "2", "0", "10"]
    );
}

#[tokio::test]
async fn they_can_be_left_out() {
    let clock = ManualClock::new();
    for (headers, passed, refused) in [
        (Headers::none(), ["", "", "", "", "", ""], ["", "", "10", "", "", ""]),
        (Headers::none().with_legacy(), ["", "", "", "1", "0", "10"], ["", "", "10", "1", "0", "10"]),
        (
            Headers::standard().only_on_refusal(),
            ["", "", "", "", "", ""],
            ["\"one\";q=1", "\"one\";r=0;t=10", "10", "", "", ""],
        ),
    ] {
        let rules = Rules::new(Rule::shared("one", shared(1, &clock))).headers(headers);
        let service = behind(RateLimitLayer::new(rules));
        for expected in [passed, refused] {
            let answer = send(&service, get("/")).await;
            assert_eq!(ALL.map(|name| answer.field(name)), expected, "{headers:?}");
        }
    }
}

#[tokio::test]
async fn nested_layers_each_have_their_line() {
    let clock = ManualClock::new();
    let rules =
        |name| Rules::new(Rule::shared(name, shared(9, &clock))).headers(Headers::standard().with_legacy());
    let inner = behind(RateLimitLayer::new(rules("inner").and(Rule::shared("tight", shared(3, &clock)))));
    let both = RateLimitLayer::new(rules("outer")).layer(inner);
    let response = tower::ServiceExt::oneshot(both, get("/")).await.unwrap();
    let lines: Vec<_> = response.headers().get_all("ratelimit").iter().collect();
    assert_eq!(lines, ["\"inner\";r=8;t=10, \"tight\";r=2;t=10", "\"outer\";r=8;t=10"]);
    // The older ones can be there but once: the inner's.
    assert_eq!(response.headers().get_all("x-ratelimit-limit").iter().collect::<Vec<_>>(), ["3"]);
}

#[tokio::test]
async fn what_is_full_or_was_not_touched_is_not_told() {
    let clock = ManualClock::new();
    let free = by_user("user", &keyed(2, &clock)).cost(|_| 0);
    let answer = send(&behind(RateLimitLayer::new(free)), from_user("ann")).await;
    assert_eq!(ALL.map(|name| answer.field(name)), ["", "", "", "", "", ""]);
}

#[tokio::test]
async fn names_are_quoted() {
    let clock = ManualClock::new();
    let service = behind(RateLimitLayer::new(Rule::shared("a\"b\\c\r\né", shared(2, &clock))));
    assert_eq!(send(&service, get("/")).await.field("ratelimit"), r#""a\"b\\c???";r=1;t=10"#);
}
