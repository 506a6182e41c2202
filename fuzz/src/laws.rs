//! Laws of forms: what is read, is written and is read again.

use serde_json::Value;
use soru_base::{Binary, IdFamily, Json};
use std::fmt::Debug;

const FAMILIES: [IdFamily; 2] = [IdFamily::Alpha, IdFamily::Mainnet];

/// Nesting of JSON that a machine with an ordinary stack can print and drop.
pub(crate) const JSON_DEPTH: usize = 400;

/// What decodes has these bytes and no others.
pub(crate) fn exact<T: Binary + PartialEq + Debug>(bytes: &[u8]) -> Option<T> {
    let value = T::from_bytes(bytes).ok()?;
    assert_eq!(hex::encode(value.to_bytes()), hex::encode(bytes), "another encoding of {value:?}");
    Some(value)
}

/// What decodes is written in a form that decodes to the same, and is not longer.
pub(crate) fn stable<T: Binary + PartialEq + Debug>(bytes: &[u8]) -> Option<T> {
    let value = T::from_bytes(bytes).ok()?;
    let written = value.to_bytes();
    assert!(written.len() <= bytes.len(), "{} bytes became {}", bytes.len(), written.len());
    reads_back(&value);
    Some(value)
}

/// A value is what its bytes say.
pub(crate) fn reads_back<T: Binary + PartialEq + Debug>(value: &T) {
    assert_eq!(T::from_bytes(&value.to_bytes()).as_ref(), Ok(value));
}

/// A value is what its JSON says, on networks of both families.
pub(crate) fn json<T: Json + PartialEq + Debug>(value: &T) {
    for family in FAMILIES {
        assert_eq!(T::from_json(&value.to_json(family), family).as_ref(), Ok(value), "{family:?}");
    }
}

/// What is read from JSON is written to JSON that says the same.
pub(crate) fn from_json<T: Json + PartialEq + Debug>(value: &Value) -> Option<T> {
    let read = T::from_json(value, IdFamily::Alpha).ok()?;
    json(&read);
    Some(read)
}
