//! Reading objects strictly: what is not asked for is an error, as is what is missing.

use lazy_limiter::Tokens;
use serde_json::{Map, Value};

/// An object whose fields are taken one by one; [`finish`](Self::finish) fails if one is left.
pub(crate) struct Fields {
    of: String,
    map: Map<String, Value>,
}

impl Fields {
    pub(crate) fn new(value: Value, of: impl Into<String>) -> Result<Fields, String> {
        let of = of.into();
        match value {
            Value::Object(map) => Ok(Fields { of, map }),
            other => Err(format!("{of}: not an object: {other}")),
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    pub(crate) fn value(&mut self, name: &str) -> Result<Value, String> {
        self.map.remove(name).ok_or_else(|| self.error(name, "missing"))
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<String, String> {
        match self.value(name)? {
            Value::String(text) => Ok(text),
            other => Err(self.error(name, format!("not a string: {other}"))),
        }
    }

    pub(crate) fn number(&mut self, name: &str) -> Result<u64, String> {
        let text = self.text(name)?;
        text.parse().map_err(|_| self.error(name, format!("not a whole number: {text:?}")))
    }

    pub(crate) fn number_if_any(&mut self, name: &str) -> Result<Option<u64>, String> {
        if self.has(name) { self.number(name).map(Some) } else { Ok(None) }
    }

    pub(crate) fn decimal(&mut self, name: &str) -> Result<f64, String> {
        let text = self.text(name)?;
        match text.parse() {
            Ok(number) if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') => Ok(number),
            _ => Err(self.error(name, format!("not a decimal number: {text:?}"))),
        }
    }

    /// Whole amounts may exceed what a float holds exactly.
    pub(crate) fn amount(&mut self, name: &str) -> Result<Tokens, String> {
        match self.map.get(name) {
            Some(Value::String(text)) if text.contains('.') => self.decimal(name).map(Tokens::from),
            _ => self.number(name).map(Tokens::from),
        }
    }

    pub(crate) fn amount_if_any(&mut self, name: &str) -> Result<Option<Tokens>, String> {
        if self.has(name) { self.amount(name).map(Some) } else { Ok(None) }
    }

    pub(crate) fn list(&mut self, name: &str) -> Result<Vec<Value>, String> {
        match self.value(name)? {
            Value::Array(list) => Ok(list),
            other => Err(self.error(name, format!("not a list: {other}"))),
        }
    }

    pub(crate) fn error(&self, name: &str, what: impl core::fmt::Display) -> String {
        format!("{}: field {name:?}: {what}", self.of)
    }

    pub(crate) fn finish(self) -> Result<(), String> {
        match self.map.keys().next() {
            None => Ok(()),
            Some(name) => Err(self.error(name, "unknown, or out of place")),
        }
    }
}
