//! Lock-free, keyed, fair and cancel-safe rate limiting for threads and async tasks.

extern crate alloc;

mod algorithm;
mod clock;
mod error;
mod kernel;
mod keyed;
mod limiter;
mod rate;
mod rate_limiter;
mod timestamp;
mod tokens;
mod wait;

pub use algorithm::{Ahead, Algorithm, TokenBucket, Unlimited};
#[cfg(feature = "tokio")]
pub use clock::TokioClock;
pub use clock::{Alarm, Clock, ManualClock, MonotonicClock};
pub use error::{AcquireError, InvalidPolicy};
pub use kernel::{Boxed, Cell, Limit, Pack, Packed};
pub use keyed::{Equivalent, KeyedBuilder, KeyedLimiter, Reclaimer};
pub use limiter::{Limiter, LimiterBuilder};
pub use rate::{InvalidRate, Rate};
pub use rate_limiter::RateLimiter;
pub use timestamp::Timestamp;
pub use tokens::Tokens;
