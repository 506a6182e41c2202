//! The network's JSON forms. They depend on the network only through [`IdFamily`].

use crate::profile::IdFamily;
use serde_json::Value;
use std::str::FromStr;
use thiserror::Error;

/// Why a JSON value is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{path}: expected {expected}, found {found}")]
pub struct JsonError {
    /// Where, as `.contents[0].kind`; empty at the root.
    pub path: String,
    /// What was expected.
    pub expected: String,
    /// What was found, cut short.
    pub found: String,
}

/// A type with a JSON form.
pub trait Json: Sized {
    /// The JSON form on a network of that family.
    fn to_json(&self, family: IdFamily) -> Value;

    /// Reads the JSON form.
    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError>;
}

impl JsonError {
    /// An error at the root of `value`.
    pub fn new(expected: impl Into<String>, value: &Value) -> Self {
        let mut start = Start(Vec::new());
        // Ends with an error when it has enough: the value may be of any size.
        let whole = serde_json::to_writer(&mut start, value).is_ok();
        let text = String::from_utf8_lossy(&start.0);
        let found = match text.char_indices().nth(80) {
            Some((cut, _)) => format!("{}…", &text[..cut]),
            None if whole => text.into_owned(),
            None => format!("{}…", text.trim_end_matches(char::REPLACEMENT_CHARACTER)),
        };
        Self { path: String::new(), expected: expected.into(), found }
    }

    /// The same error, seen from the object that holds the value under `name`.
    pub fn within(mut self, name: &str) -> Self {
        self.path = format!(".{name}{}", self.path);
        self
    }

    /// The same error, seen from the array that holds the value at `index`.
    pub fn at(mut self, index: usize) -> Self {
        self.path = format!("[{index}]{}", self.path);
        self
    }
}

/// The first bytes of what is written.
struct Start(Vec<u8>);

impl std::io::Write for Start {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // More than 80 characters of any kind.
        const ENOUGH: usize = 400;
        let taken = bytes.len().min(ENOUGH.saturating_sub(self.0.len()));
        self.0.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The member `name` of an object; an absent one is `null`.
pub fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    value.get(name).unwrap_or(&Value::Null)
}

/// Reads the member `name` of an object.
pub fn field<T: Json>(value: &Value, name: &str, family: IdFamily) -> Result<T, JsonError> {
    T::from_json(member(value, name), family).map_err(|e| e.within(name))
}

/// The member `name` of an object, a string.
pub fn str_field<'a>(value: &'a Value, name: &str) -> Result<&'a str, JsonError> {
    let v = member(value, name);
    v.as_str().ok_or_else(|| JsonError::new("a string", v).within(name))
}

/// The member `name` of an object, a number or a string of digits that fits 64 bits.
pub fn u64_field(value: &Value, name: &str) -> Result<u64, JsonError> {
    let v = member(value, name);
    let parsed = match v {
        Value::String(s) => s.parse().ok(),
        Value::Number(n) => n.as_u64(),
        _ => None,
    };
    parsed.ok_or_else(|| JsonError::new("a natural number below 2^64", v).within(name))
}

/// The member `name` of an object, an array.
pub fn array_field<'a>(value: &'a Value, name: &str) -> Result<&'a [Value], JsonError> {
    let v = member(value, name);
    v.as_array().map(Vec::as_slice).ok_or_else(|| JsonError::new("an array", v).within(name))
}

/// The member `name` of an object, bytes in hexadecimal.
pub fn hex_field(value: &Value, name: &str) -> Result<Vec<u8>, JsonError> {
    let v = member(value, name);
    v.as_str()
        .and_then(|s| hex::decode(s).ok())
        .ok_or_else(|| JsonError::new("bytes in hexadecimal", v).within(name))
}

/// Reads a string that a type can parse.
pub fn parse_str<T: FromStr>(value: &Value, what: &str) -> Result<T, JsonError>
where
    T::Err: std::fmt::Display,
{
    let text = value.as_str().ok_or_else(|| JsonError::new(what, value))?;
    text.parse().map_err(|e: T::Err| JsonError {
        path: String::new(),
        expected: what.to_owned(),
        found: e.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn errors_say_where_and_what_was_found() {
        let value = json!({ "contents": [{ "fee": -1 }] });
        let error = u64_field(&value["contents"][0], "fee").unwrap_err().at(0).within("contents");
        assert_eq!(error.to_string(), ".contents[0].fee: expected a natural number below 2^64, found -1");
        let absent = str_field(&value, "branch").unwrap_err();
        assert_eq!(absent.to_string(), ".branch: expected a string, found null");
    }

    #[test]
    fn what_was_found_is_cut_short() {
        let short = "é".repeat(78);
        assert_eq!(JsonError::new("x", &json!(short)).found, format!("\"{short}\""));
        for text in ["é".repeat(79), "🦀".repeat(100_000), "a".repeat(10_000_000)] {
            let found = JsonError::new("x", &json!(text)).found;
            assert_eq!(found.chars().count(), 81);
            assert!(found.ends_with('…'));
        }
    }
}
