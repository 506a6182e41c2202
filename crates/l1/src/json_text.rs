//! JSON from a stranger: deeper than usual, but not without bounds; and one value after another from a stream.

use serde::Deserialize as _;
use serde_json::Value;
use soru_base::JsonError;

/// How deep arrays and objects may be nested. Contracts of the public network go far beyond the 128 that are usual;
/// the reader recurses, so that there must be an end.
pub(crate) const MAX_DEPTH: usize = 1_000;

/// Reads one value that takes all of `text`.
pub(crate) fn parse(text: &[u8]) -> Result<Value, JsonError> {
    let wrong = |found: String| JsonError { path: String::new(), expected: "JSON".to_owned(), found };
    if depth(text) > MAX_DEPTH {
        return Err(wrong(format!("more than {MAX_DEPTH} nested values")));
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

/// Values that come one after another in pieces cut anywhere.
#[derive(Debug, Default)]
pub(crate) struct Values {
    buffer: Vec<u8>,
}

impl Values {
    /// Bytes of a value, at most.
    pub(crate) const MAX_VALUE: usize = 1024 * 1024;

    /// Adds a piece and gives the values that are whole now.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<Vec<Value>, JsonError> {
        let wrong =
            |found: String| JsonError { path: String::new(), expected: "a JSON value".to_owned(), found };
        self.buffer.extend_from_slice(piece);
        let mut values = Vec::new();
        let mut read = 0;
        let mut reader = serde_json::Deserializer::from_slice(&self.buffer).into_iter();
        while let Some(value) = reader.next() {
            match value {
                Ok(value) => {
                    values.push(value);
                    read = reader.byte_offset();
                }
                Err(e) if e.is_eof() => break,
                Err(e) => return Err(wrong(e.to_string())),
            }
        }
        self.buffer.drain(..read);
        match self.buffer.len() > Self::MAX_VALUE {
            true => Err(wrong(format!("one of more than {} bytes", Self::MAX_VALUE))),
            false => Ok(values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn deep_values_are_read_up_to_the_limit() {
        let nested = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
        assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        let error = parse(nested(MAX_DEPTH + 1).as_bytes()).unwrap_err();
        assert!(error.found.contains("1000"), "{error}");
        assert!(parse(nested(1_000_000).as_bytes()).is_err());
    }

    #[test]
    fn brackets_in_strings_do_not_count() {
        let text = json!(["[".repeat(MAX_DEPTH * 2), "\"\\[", {"]": 1}]).to_string();
        assert_eq!(depth(text.as_bytes()), 2);
        assert!(parse(text.as_bytes()).is_ok());
        assert!(parse(b"1 2").is_err());
        assert!(parse(b"").is_err());
    }

    #[test]
    fn a_stream_of_no_json_or_without_end_is_an_error() {
        assert!(Values::default().push(b"{\"a\":1}\n<html>").is_err());
        let mut values = Values::default();
        assert_eq!(values.push(b"\"").unwrap(), Vec::<Value>::new());
        assert!(values.push(&vec![b'x'; Values::MAX_VALUE]).is_err());
    }

    proptest! {
        #[test]
        fn pieces_may_be_cut_anywhere(texts in prop::collection::vec("\\PC{0,12}", 1..6), cuts: Vec<u8>, lines: bool) {
            let sent: Vec<_> = texts.iter().map(|text| json!({ "hash": text, "more": [1, { "x": null }] })).collect();
            let between = if lines { "\n" } else { "" };
            let whole: String = sent.iter().map(|v| format!("{v}{between}")).collect();
            let mut rest = whole.as_bytes();
            let mut values = Values::default();
            let mut received = Vec::new();
            for cut in cuts {
                let (piece, more) = rest.split_at(usize::from(cut).min(rest.len()));
                received.extend(values.push(piece).unwrap());
                rest = more;
            }
            received.extend(values.push(rest).unwrap());
            prop_assert_eq!(received, sent);
        }

        #[test]
        fn anything_is_survived(bytes: Vec<u8>) {
            let _ = parse(&bytes);
            let _ = Values::default().push(&bytes);
        }
    }
}
