//! The examples of the migration guides, as tests: `cargo test -p guide-tests`.

#[doc = include_str!("../../docs/guide/from_governor.md")]
#[cfg(doctest)]
pub mod from_governor {}

#[doc = include_str!("../../docs/guide/from_leaky_bucket.md")]
#[cfg(doctest)]
pub mod from_leaky_bucket {}
