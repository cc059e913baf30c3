//! [`Rate`] as text and [`Tokens`] as numbers.

use alloc::string::String;
use core::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde::ser::{Error as _, Serialize, Serializer};

use super::raw::Number;
use crate::{Rate, Tokens};

/// From a text like `"10/s"`, as [`parse`](str::parse) reads it.
impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Rate, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Rate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a rate like \"10/s\"")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Rate, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// As the text that reads back as the same; one with a fault is an error.
impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.ratio().map_err(S::Error::custom)?;
        serializer.collect_str(self)
    }
}

/// From a number, whole or not.
impl<'de> Deserialize<'de> for Tokens {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Tokens, D::Error> {
        struct Amount;

        impl Visitor<'_> for Amount {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of tokens")
            }

            fn visit_u64<E>(self, n: u64) -> Result<Number, E> {
                Ok(Number::Whole(n))
            }

            fn visit_i64<E>(self, n: i64) -> Result<Number, E> {
                Ok(n.into())
            }

            fn visit_f64<E>(self, n: f64) -> Result<Number, E> {
                Ok(Number::Float(n))
            }
        }

        let number = deserializer.deserialize_any(Amount)?;
        let tokens = Tokens::from(number);
        match tokens.is_valid() {
            true => Ok(tokens),
            false => {
                Err(D::Error::custom(format_args!("invalid amount {number}: use a number of zero or more")))
            }
        }
    }
}

/// As a whole number if it is one, else as a float; what a float does not hold exactly is an error.
impl Serialize for Tokens {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = self.parts() / Self::ONE;
        let float = self.as_f64();
        match *self {
            n if n == Tokens::from(whole) => serializer.serialize_u64(whole),
            n if n == Tokens::from(float) && n.is_valid() => serializer.serialize_f64(float),
            n => Err(S::Error::custom(no_float(n))),
        }
    }
}

fn no_float(n: Tokens) -> String {
    alloc::format!("an amount of {n} that no float holds exactly")
}
