//! JSON texts from strangers: nested deeper than usual, but not without bounds.

use crate::json::JsonError;
use serde::Deserialize as _;
use serde_json::Value;

/// Reads one value that takes all of `text` and is nested at most `max_depth` deep. Contracts go far beyond the 128 that are
/// usual. The reader recurses, and so does what drops or prints the value: a level takes about a kilobyte of stack.
pub fn parse(text: &[u8], max_depth: usize) -> Result<Value, JsonError> {
    let wrong = |found: String| JsonError { path: String::new(), expected: "JSON".to_owned(), found };
    if depth(text) > max_depth {
        return Err(wrong(format!("more than {max_depth} nested values")));
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    reader.disable_recursion_limit();
    let value = Value::deserialize(&mut reader).map_err(|e| wrong(e.to_string()))?;
    reader.end().map_err(|e| wrong(e.to_string()))?;
    Ok(value)
}

/// How deep the brackets outside of strings are nested.
fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_exact_and_counts_no_brackets_in_strings() {
        let nested = |n: usize| format!("{}\"[\\\"[\"{}", "[".repeat(n), "]".repeat(n)).into_bytes();
        assert!(parse(&nested(300), 300).is_ok());
        assert!(parse(&nested(301), 300).is_err());
        assert!(parse(&nested(1_000_000), 300).is_err());
        assert!(parse(b"1 2", 300).is_err());
    }
}
