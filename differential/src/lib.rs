//! lazy-limiter held against governor, where the two claim the same. Nothing here but tests, in `tests/`: governor is
//! no dependency of the library, not even for its own tests.
//!
//! Both are the Generic Cell Rate Algorithm. What differs:
//!
//! - governor keeps a token's time in whole nanoseconds, rounded down, where lazy-limiter keeps the ratio. So they are
//!   compared on rates of a token each so many nanoseconds, and there they are the same in every answer and every hint,
//!   to the nanosecond. What the rounding makes of other rates has a test of its own.
//! - governor takes whole tokens, up to 2³²; it has no debt, no refund and no line.
//! - governor drops a key when [`retain_recent`] is called and the key has been full for a token's time; lazy-limiter, as
//!   it is used, and when it has been full for the grace. Neither shows.
//!
//! [`retain_recent`]: https://docs.rs/governor/0.10/governor/struct.RateLimiter.html#method.retain_recent
