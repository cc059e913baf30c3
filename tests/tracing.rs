//! Refusals as events: few, with what is needed to find out, and none when nobody listens.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lazy_limiter::{KeyedLimiter, Limiter, ManualClock, Rate, TokenBucket};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// A subscriber that remembers events up to a level, each as `field=value` pairs.
#[derive(Clone)]
struct Memory {
    level: Level,
    events: Arc<Mutex<Vec<String>>>,
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!("{}={value:?} ", field.name());
    }
}

impl Subscriber for Memory {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level
    }
    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(self.level.into())
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        assert_eq!((event.metadata().target(), *event.metadata().level()), ("lazy_limiter", Level::DEBUG));
        let mut text = Text(String::new());
        event.record(&mut text);
        self.events.lock().unwrap().push(text.0.trim_end().to_string());
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// The events of `work`.
fn events(level: Level, work: impl FnOnce()) -> Vec<String> {
    let memory = Memory { level, events: Arc::default() };
    tracing::subscriber::with_default(memory.clone(), work);
    let events = memory.events.lock().unwrap();
    events.clone()
}

/// One test: the level is one for the process.
#[test]
fn refusals() {
    let clock = ManualClock::new();
    let limiter = Limiter::builder()
        .name("api")
        .clock(clock.clone())
        .build(TokenBucket::new(2, Rate::per_second(2)).starting_tokens(0));
    let told = events(Level::DEBUG, || {
        limiter.try_acquire(1).unwrap_err();
        limiter.try_acquire(9).unwrap_err();
        limiter.acquire_blocking_timeout(2, Duration::from_millis(1)).unwrap_err();
    });
    assert_eq!(
        told,
        [
            r#"message=refused limiter="api" reason=denied retry_after=500ms suppressed=0"#,
            r#"message=refused limiter="api" reason=exceeds the capacity suppressed=0"#,
            r#"message=refused limiter="api" reason=timed out retry_after=1s suppressed=0"#,
        ]
    );

    // Ten at once and ten a second, by this limiter's clock; the others are counted.
    let told = events(Level::DEBUG, || {
        (0..1_000).for_each(|_| drop(limiter.try_acquire(2)));
        clock.advance(Duration::from_millis(100));
        (0..10).for_each(|_| drop(limiter.try_acquire(2)));
    });
    assert_eq!(told.len(), 7 + 1, "{told:#?}");
    assert!(told[6].ends_with("suppressed=0") && told[7].ends_with("suppressed=993"), "{told:#?}");
    let told = events(Level::DEBUG, || {
        clock.advance(Duration::from_millis(100));
        limiter.charge(10).unwrap();
        drop(limiter.try_acquire(2));
    });
    assert!(told.len() == 1 && told[0].ends_with("suppressed=9"), "{told:#?}");

    // Another limiter is told of nevertheless, without its keys.
    let keys = KeyedLimiter::builder().clock(clock).try_build(|key: &String| match key.as_str() {
        "secret" => Err(key.clone()),
        _ => Ok(TokenBucket::new(1, Rate::ZERO)),
    });
    let told = events(Level::DEBUG, || {
        keys.try_acquire("bob", 1).unwrap();
        keys.try_acquire("bob", 1).unwrap_err();
        keys.try_acquire("secret", 1).unwrap_err();
    });
    assert_eq!(
        told,
        ["message=refused reason=denied suppressed=0", "message=refused reason=by the policy suppressed=0"]
    );

    // Nobody listens to that level: nothing, and nothing is used up.
    let told = events(Level::INFO, || (0..100).for_each(|_| drop(keys.try_acquire("bob", 1))));
    assert_eq!(told, [""; 0]);
    let told = events(Level::DEBUG, || drop(keys.try_acquire("bob", 1)));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].ends_with("suppressed=0"), "{told:?}");
}
