//! From a [`Policy`] to text that reads back as the same.

use core::time::Duration;

use serde::ser::{Error as _, Serialize, SerializeMap, Serializer};

use super::Policy;
use super::parse::{CAPACITY, COUNTER, FIXED, RATE, SLIDING, STARTING, UNLIMITED};
use crate::algorithm::{Algorithm, TokenBucket};
use crate::rate::duration_text;
use crate::{InvalidRate, Tokens};

impl Serialize for Policy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Policy::TokenBucket(it) => bucket(it, serializer),
            Policy::FixedWindow(it) => window(FIXED, it.capacity(), it.window(), serializer),
            Policy::SlidingWindow(it) => window(SLIDING, it.capacity(), it.window(), serializer),
            Policy::SlidingWindowCounter(it) => window(COUNTER, it.capacity(), it.window(), serializer),
            Policy::Unlimited(_) => serializer.serialize_str(UNLIMITED),
            Policy::All(parts) => parts.0.serialize(serializer),
        }
    }
}

fn bucket<S: Serializer>(bucket: &TokenBucket, serializer: S) -> Result<S::Ok, S::Error> {
    let (capacity, starting) = (bucket.capacity(), bucket.starting());
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry(CAPACITY, &capacity)?;
    map.serialize_entry(RATE, &bucket.rate())?;
    if starting != capacity {
        map.serialize_entry(STARTING, &starting)?;
    }
    map.end()
}

fn window<S: Serializer>(
    name: &str,
    capacity: Tokens,
    window: Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let window = duration_text(window).ok_or_else(|| S::Error::custom(InvalidRate::PeriodTooLong))?;
    let mut map = serializer.serialize_map(Some(2))?;
    map.serialize_entry(CAPACITY, &capacity)?;
    map.serialize_entry(name, &window)?;
    map.end()
}
