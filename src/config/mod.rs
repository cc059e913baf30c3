//! Limits from a configuration file: with the feature `serde`, in any self-describing format (TOML, JSON, YAML).
//!
//! # A limit
//!
//! One field besides the capacity says which algorithm it is:
//!
//! | text (TOML) | limit |
//! |---|---|
//! | `{ capacity = 10, rate = "3/s" }` | [`TokenBucket`](crate::TokenBucket) |
//! | `{ capacity = 10, rate = "3/s", starting_tokens = 0 }` | the same, empty at first |
//! | `{ capacity = 1000, fixed_window = "1d" }` | [`FixedWindow`](crate::FixedWindow) |
//! | `{ capacity = 100, sliding_window = "1min" }` | [`SlidingWindow`](crate::SlidingWindow) |
//! | `{ capacity = 100, sliding_window_counter = "1min" }` | [`SlidingWindowCounter`](crate::SlidingWindowCounter) |
//! | `"unlimited"` | [`Unlimited`](crate::Unlimited) |
//! | `[ { .. }, { .. } ]` | [`All`](crate::All) of them at once |
//!
//! Amounts are numbers, whole or not. A rate is what [`Rate`](crate::Rate) reads (`"300/min"`, `"1 per 10s"`), and a
//! window is a number and a unit, as in a rate's period (`"10s"`, `"1.5 hours"`).
//!
//! # Plans
//!
//! [`Plans`] is a table from patterns to limits: what a [`KeyedLimiter`](crate::KeyedLimiter) needs to know.
//!
//! ```
//! use lazy_limiter::config::Plans;
//! use lazy_limiter::{AcquireError, KeyedLimiter};
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Config {
//!     limits: Plans,
//! }
//!
//! let config: Config = toml::from_str(
//!     r#"
//!     [limits]
//!     "free-*" = { capacity = 5, rate = "1/s" }
//!     "pro-*" = [{ capacity = 20, rate = "300/min" }, { capacity = 100_000, fixed_window = "1d" }]
//!     "pro-acme" = "unlimited"
//!     "#,
//! )?;
//! let users = KeyedLimiter::try_new(config.limits.boxed::<String>());
//!
//! assert!(users.try_acquire("free-ann", 5).is_ok());
//! assert!(users.try_acquire("free-ann", 1).unwrap_err().is_denied());
//! assert!(users.try_acquire("pro-bob", 20).is_ok());
//! assert!(users.try_acquire("pro-acme", 1_000_000).is_ok());
//! assert!(matches!(users.try_acquire("gold-eve", 1), Err(AcquireError::Policy(_))));
//! # Ok::<(), toml::de::Error>(())
//! ```
//!
//! # What is wrong
//!
//! Whatever does not say exactly one thing is an error: an unknown field, a field too many, one that is missing, a
//! pattern given twice. The message names the pattern, the part of a list, the field and the reason; the format adds
//! the place:
//!
//! ```
//! use lazy_limiter::config::Plans;
//!
//! let wrong = r#"{"free-*": [{"capacity": 5, "rate": "1/s"}, {"capacity": 9, "rate": "3/x"}]}"#;
//! assert_eq!(
//!     serde_json::from_str::<Plans>(wrong).unwrap_err().to_string(),
//!     r#"`free-*`: part 2: rate: invalid rate "3/x": unknown unit "x" at byte 2; use ns, us, ms, s, min, h or d "#
//!         .to_string()
//!         + "at line 1 column 76"
//! );
//! ```
//!
//! # Of one kind
//!
//! Where all plans are of one kind, [`Plans`] can be told so: `Plans<TokenBucket>` refuses anything else, and its
//! limiter calls the algorithm directly. [`TokenBucket`](crate::TokenBucket), the windows, [`Rate`](crate::Rate) and
//! [`Tokens`](crate::Tokens) are deserialized by themselves too.
//!
//! All of them are serialized as they are read, and are equal when they are read back. (`serde_json` reads a fraction
//! to its last bit only with its feature `float_roundtrip`; without, an amount like 94493.94494152069 may come out a
//! millionth of a token less.)

mod algorithms;
mod parse;
mod plans;
mod policy;
mod raw;
mod scalars;
mod serialize;

pub use algorithms::WrongKind;
pub use plans::{InvalidPattern, NoPlan, Plans};
pub use policy::{Policy, PolicyState};
