//! How to use this library, page by page.
//!
//! - [`choosing`], which algorithm
//! - [`sharing`], one limiter for many threads and tasks
//! - [`waiting`], to refuse or to wait
//! - [`keys`], one bucket for each key, and what that costs
//! - [`testing`], without sleeping
//! - [`from_governor`], [`from_leaky_bucket`], line by line
//! - [`faq`], questions
//!
//! Configuration files are in `config` (feature `serde`), numbers in `metrics` (feature `metrics`).

#[doc = include_str!("../docs/guide/choosing.md")]
pub mod choosing {}

#[doc = include_str!("../docs/guide/sharing.md")]
pub mod sharing {}

#[doc = include_str!("../docs/guide/waiting.md")]
pub mod waiting {}

#[doc = include_str!("../docs/guide/keys.md")]
pub mod keys {}

#[doc = include_str!("../docs/guide/testing.md")]
pub mod testing {}

// Their examples need the crates that one comes from: those are tested in `guide-tests`.
#[cfg_attr(not(doctest), doc = include_str!("../docs/guide/from_governor.md"))]
pub mod from_governor {}

#[cfg_attr(not(doctest), doc = include_str!("../docs/guide/from_leaky_bucket.md"))]
pub mod from_leaky_bucket {}

#[doc = include_str!("../docs/guide/faq.md")]
pub mod faq {}
