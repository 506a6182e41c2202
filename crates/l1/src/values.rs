//! JSON values that come one after another.

use serde_json::Value;
use soru_base::JsonError;

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
        // Some servers keep a quiet stream open with blanks: they are not gathered.
        let blank = if self.buffer.is_empty() {
            piece.iter().take_while(|b| b.is_ascii_whitespace()).count()
        } else {
            0
        };
        self.buffer.extend_from_slice(&piece[blank..]);
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
        let blank = self.buffer[read..].iter().take_while(|b| b.is_ascii_whitespace()).count();
        self.buffer.drain(..read + blank);
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
    fn a_stream_of_no_json_or_without_end_is_an_error() {
        assert!(Values::default().push(b"{\"a\":1}\n<html>").is_err());
        let mut values = Values::default();
        assert_eq!(values.push(b"\"").unwrap(), Vec::<Value>::new());
        assert!(values.push(&vec![b'x'; Values::MAX_VALUE]).is_err());
    }

    #[test]
    fn blanks_that_keep_a_stream_open_are_not_gathered() {
        let mut values = Values::default();
        for _ in 0..3 {
            assert_eq!(values.push(&vec![b'\n'; Values::MAX_VALUE]).unwrap(), Vec::<Value>::new());
        }
        assert_eq!(values.push(b" 7 \r\n").unwrap(), [json!(7)]);
        assert!(values.buffer.is_empty());
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
            let _ = Values::default().push(&bytes);
        }
    }
}
