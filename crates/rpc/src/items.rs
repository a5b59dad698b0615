//! Lists: split into the texts of their items without parsing them, up to a bound; or one item where
//! a list may stand.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, DeserializeSeed, Error as _, SeqAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

/// The items of the array `text`, or an error where it is no array or has more than `max` items.
pub fn split(text: &str, max: usize) -> Result<Vec<&RawValue>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let items = AtMost(max).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(items)
}

struct AtMost(usize);

impl<'de> DeserializeSeed<'de> for AtMost {
    type Value = Vec<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for AtMost {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            if items.len() == self.0 {
                return Err(A::Error::custom("too many items"));
            }
            items.push(item);
        }
        Ok(items)
    }
}

/// One item, or a list of them: addresses and topics of filters.
#[derive(Clone, Debug)]
pub struct OneOrMany<T>(pub Vec<T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not untagged: the caller is told what is wrong with the item.
        let value = Value::deserialize(deserializer)?;
        let items = match value {
            Value::Array(items) => items,
            one => vec![one],
        };
        let items: Result<Vec<T>, _> = items.into_iter().map(serde_json::from_value).collect();
        items.map(Self).map_err(D::Error::custom)
    }
}
