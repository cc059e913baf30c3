//! [`Plans`]: which limit is for which key.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use super::parse::Fault;
use super::raw::Raw;
use super::{Policy, WrongKind};
use crate::kernel::Limit;
use crate::{Algorithm, RateLimiter};

/// A table from patterns to limits: the policy of a [`KeyedLimiter`](crate::KeyedLimiter).
///
/// A pattern is a key, or the beginning of keys and a `*`:
///
/// - `"pro-acme"` is for that key alone;
/// - `"pro-*"` is for every key that begins with `pro-`;
/// - `"*"` is for every key.
///
/// **The most specific wins**: the key itself before any beginning, a longer beginning before a shorter one, `"*"`
/// last. Their order in the text does not matter (tables have none in TOML or JSON). A `*` stands only at the end; a
/// key that itself ends with one cannot be named.
///
/// **Without `"*"`** a key that no pattern is for is refused with [`NoPlan`], and no bucket is made for it.
///
/// `P` is what a plan is: any [`Policy`], or one kind of algorithm; or a type of your own that is made of a `Policy` by
/// [`TryFrom`], whose error is then reported under the pattern.
///
/// ```
/// use lazy_limiter::config::Plans;
/// use lazy_limiter::{KeyedLimiter, Rate, TokenBucket};
///
/// let plans: Plans<TokenBucket> = toml::from_str(
///     r#"
///     "*" = { capacity = 5, rate = "1/s" }
///     "pro-*" = { capacity = 20, rate = "300/min" }
///     "#,
/// )?;
/// assert_eq!(plans.get("pro-7"), Some(&TokenBucket::new(20, Rate::per_second(5))));
/// assert_eq!(plans.get("anybody"), Some(&TokenBucket::new(5, Rate::per_second(1))));
///
/// let users = KeyedLimiter::try_new(plans.policy::<String>());
/// assert!(users.try_acquire("pro-7", 20).is_ok());
/// # Ok::<(), toml::de::Error>(())
/// ```
///
/// To load a changed file into a limiter in use: [`try_reconfigure_all`](crate::KeyedLimiter::try_reconfigure_all).
#[derive(Clone, Debug, PartialEq)]
pub struct Plans<P = Policy> {
    exact: BTreeMap<String, P>,
    /// Without their stars.
    prefixes: BTreeMap<String, P>,
    /// The lengths of the prefixes, each once, longest first.
    lengths: Vec<usize>,
}

impl<P> Plans<P> {
    /// Without any: every key is refused.
    pub fn new() -> Plans<P> {
        Plans { exact: BTreeMap::new(), prefixes: BTreeMap::new(), lengths: Vec::new() }
    }

    /// Adds `plan` for the keys that `pattern` is for.
    ///
    /// # Errors
    ///
    /// [`InvalidPattern`] if it has a `*` elsewhere than at its end, or is there already; nothing changes then.
    pub fn insert(&mut self, pattern: &str, plan: P) -> Result<(), InvalidPattern> {
        let (name, map) = match pattern.strip_suffix('*') {
            Some(prefix) => (prefix, &mut self.prefixes),
            None => (pattern, &mut self.exact),
        };
        let invalid = |why| Err(InvalidPattern { pattern: pattern.to_string(), why });
        if name.contains('*') {
            return invalid("`*` stands only at the end of a pattern");
        }
        if map.contains_key(name) {
            return invalid("given twice");
        }
        map.insert(name.to_string(), plan);
        if pattern.ends_with('*')
            && let Err(place) = self.lengths.binary_search_by(|length| name.len().cmp(length))
        {
            self.lengths.insert(place, name.len());
        }
        Ok(())
    }

    /// The plan for `key`, if there is one.
    ///
    /// Cost: one look-up for the key and one for each length that a beginning has.
    pub fn get(&self, key: &str) -> Option<&P> {
        let of_length = |length: &usize| self.prefixes.get(key.get(..*length)?);
        self.exact.get(key).or_else(|| self.lengths.iter().find_map(of_length))
    }

    /// Each pattern and its plan: keys first, then beginnings, each in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (String, &P)> {
        let exact = self.exact.iter().map(|(key, plan)| (key.clone(), plan));
        exact.chain(self.prefixes.iter().map(|(prefix, plan)| (format!("{prefix}*"), plan)))
    }

    /// What [`KeyedLimiter::try_new`](crate::KeyedLimiter::try_new) is given: each key's plan, as it is.
    pub fn policy<K: AsRef<str>>(self) -> impl Fn(&K) -> Result<P, NoPlan> + Send + Sync + 'static
    where
        P: Limit + Clone,
    {
        move |key| self.find(key.as_ref()).cloned()
    }

    fn find(&self, key: &str) -> Result<&P, NoPlan> {
        self.get(key).ok_or_else(|| NoPlan { key: key.into() })
    }
}

impl Plans {
    /// What [`KeyedLimiter::try_new`](crate::KeyedLimiter::try_new) is given: each key's plan,
    /// [boxed](Algorithm::boxed), so that every kind has the cell that suits it.
    pub fn boxed<K: AsRef<str>>(
        self,
    ) -> impl Fn(&K) -> Result<Box<dyn RateLimiter>, NoPlan> + Send + Sync + 'static {
        move |key| self.find(key.as_ref()).map(|plan| plan.clone().boxed())
    }

    /// The same plans, if all are of kind `P`.
    ///
    /// # Errors
    ///
    /// The first that is not, and the pattern that it is for.
    pub fn of_kind<P>(self) -> Result<Plans<P>, (String, WrongKind)>
    where
        P: TryFrom<Policy, Error = WrongKind>,
    {
        fn convert<P: TryFrom<Policy, Error = WrongKind>>(
            map: BTreeMap<String, Policy>,
            star: &str,
        ) -> Result<BTreeMap<String, P>, (String, WrongKind)> {
            let plan = |(name, plan): (String, Policy)| match P::try_from(plan) {
                Ok(plan) => Ok((name, plan)),
                Err(error) => Err((name + star, error)),
            };
            map.into_iter().map(plan).collect()
        }
        let (exact, prefixes) = (convert(self.exact, "")?, convert(self.prefixes, "*")?);
        Ok(Plans { exact, prefixes, lengths: self.lengths })
    }
}

impl<P> Default for Plans<P> {
    fn default() -> Plans<P> {
        Plans::new()
    }
}

/// No plan is for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoPlan {
    key: Box<str>,
}

impl NoPlan {
    /// The key.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for NoPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no plan for {:?}", self.key)
    }
}

impl core::error::Error for NoPlan {}

/// A pattern cannot be added to [`Plans`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPattern {
    pattern: String,
    why: &'static str,
}

impl fmt::Display for InvalidPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.pattern, self.why)
    }
}

impl core::error::Error for InvalidPattern {}

impl<'de, P> Deserialize<'de> for Plans<P>
where
    P: TryFrom<Policy>,
    P::Error: fmt::Display,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Plans<P>, D::Error> {
        deserializer.deserialize_map(Table(Plans::new()))
    }
}

struct Table<P>(Plans<P>);

impl<'de, P> Visitor<'de> for Table<P>
where
    P: TryFrom<Policy>,
    P::Error: fmt::Display,
{
    type Value = Plans<P>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table from patterns like \"pro-*\" to limits")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Plans<P>, A::Error> {
        while let Some((pattern, raw)) = map.next_entry::<String, Raw>()? {
            let plan = raw.policy().and_then(|policy| P::try_from(policy).map_err(Fault::new));
            let plan = plan.map_err(|fault| A::Error::custom(fault.within(format_args!("`{pattern}`"))))?;
            self.0.insert(&pattern, plan).map_err(A::Error::custom)?;
        }
        Ok(self.0)
    }
}

/// As it is read.
impl<P: Serialize> Serialize for Plans<P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}
