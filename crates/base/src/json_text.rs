//! JSON texts from strangers: nested deeper than usual, but not without bounds.

use crate::json::JsonError;
use serde::Deserialize as _;
use serde_json::Value;

/// Most values of a text. One takes some 70 bytes of memory and may take only two of the text.
const MOST_VALUES: usize = 8_000_000;

/// Reads one value that takes all of `text`, holds a bounded number of values, and is nested at most `max_depth` deep. Contracts go far beyond the 128 that are
/// usual. The reader recurses, and so does what drops or prints the value: a level takes about a kilobyte of stack.
pub fn parse(text: &[u8], max_depth: usize) -> Result<Value, JsonError> {
    let wrong = |found: String| JsonError { path: String::new(), expected: "JSON".to_owned(), found };
    let (depth, values) = measure(text);
    if depth > max_depth {
        return Err(wrong(format!("more than {max_depth} nested values")));
    }
    if values > MOST_VALUES {
        return Err(wrong(format!("more than {MOST_VALUES} values")));
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    reader.disable_recursion_limit();
    let value = Value::deserialize(&mut reader).map_err(|e| wrong(e.to_string()))?;
    reader.end().map_err(|e| wrong(e.to_string()))?;
    Ok(value)
}

/// How deep the brackets outside of strings are nested, and how many values there are at most: each but the first comes
/// behind a comma or a bracket.
fn measure(text: &[u8]) -> (usize, usize) {
    let (mut depth, mut deepest, mut values) = (0usize, 0, 1);
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => (depth, values) = (depth + 1, values + 1),
            b',' => values += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    (deepest, values)
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

    #[test]
    fn a_short_text_does_not_take_all_memory() {
        let zeros = |n: usize| format!("[\",,,,\"{}]", ",0".repeat(n)).into_bytes();
        assert_eq!(parse(&zeros(1_000), 2).unwrap().as_array().unwrap().len(), 1_001);
        let error = parse(&zeros(MOST_VALUES), 2).unwrap_err();
        assert_eq!(error.found, "more than 8000000 values");
    }
}
