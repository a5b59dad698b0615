//! Positional parameters, read one by one with the texts geth uses for mistakes.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::{error::RpcError, items::split, limits::PARAMETERS_MAX};

/// The parameters of a call, unparsed.
#[derive(Clone, Debug, Default)]
pub struct Params(Vec<Box<RawValue>>);

impl Params {
    /// Splits `params`; absent and null mean none.
    pub fn parse(raw: Option<&RawValue>) -> Result<Self, RpcError> {
        let Some(raw) = raw.filter(|raw| raw.get() != "null") else {
            return Ok(Self::default());
        };
        if !raw.get().starts_with('[') {
            return Err(RpcError::invalid_params("non-array args"));
        }
        let items = split(raw.get(), PARAMETERS_MAX).map_err(|_| {
            RpcError::invalid_params(format!("too many arguments, want at most {PARAMETERS_MAX}"))
        })?;
        Ok(Self(items.into_iter().map(ToOwned::to_owned).collect()))
    }

    /// Parameter `index`, which must be there and not null.
    pub fn required<T: DeserializeOwned>(&self, index: usize) -> Result<T, RpcError> {
        self.optional(index)?.ok_or_else(|| {
            RpcError::invalid_params(format!("missing value for required argument {index}"))
        })
    }

    /// Parameter `index`; absent and null mean `None`.
    pub fn optional<T: DeserializeOwned>(&self, index: usize) -> Result<Option<T>, RpcError> {
        match self.0.get(index).filter(|raw| raw.get() != "null") {
            None => Ok(None),
            Some(raw) => serde_json::from_str(raw.get())
                .map(Some)
                .map_err(|error| RpcError::argument(index, plain(&error))),
        }
    }
}

/// serde_json's text without the position, which counts inside the parameter and misleads.
pub fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.starts_with("data did not match any variant") {
        // Names of our own types tell a caller nothing.
        return "the value has none of the forms that it may have".into();
    }
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text[..end].chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    #[allow(dead_code)]
    enum Either {
        Flag(bool),
        Text(String),
    }

    #[test]
    fn callers_are_told_nothing_of_our_types_and_places() {
        let told = |text: &str| serde_json::from_str::<Either>(text).map_err(|error| plain(&error));
        let forms = "the value has none of the forms that it may have";
        assert_eq!(told("5").err().as_deref(), Some(forms));
        let number = serde_json::from_str::<u8>("\"x\"").map_err(|error| plain(&error));
        assert_eq!(number, Err("invalid type: string \"x\", expected u8".into()));
    }
}
