//! Comparing what was found with what a file says.

use serde_json::Value;
use std::fmt;

/// The first difference between two runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Number of the line, from 1.
    pub line: usize,
    /// Its level; none on the first line.
    pub level: Option<u64>,
    /// Where in the line, as `.durable./r/log`; empty for the whole line.
    pub path: String,
    /// What the file says.
    pub expected: Option<Value>,
    /// What was found.
    pub found: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(level) = self.level {
            write!(f, " (level {level})")?;
        }
        let shown = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
        write!(f, "{}: expected {}, found {}", self.path, shown(&self.expected), shown(&self.found))
    }
}

/// The first difference between the lines of a file and those of a replay, if there is one. The order of members does
/// not matter.
pub fn check(expected: &[Value], found: &[Value]) -> Option<Difference> {
    (0..expected.len().max(found.len())).find_map(|at| {
        let (expected, found) = (expected.get(at), found.get(at));
        let level = |value: Option<&Value>| value.and_then(|v| v.get("level")).and_then(Value::as_u64);
        let level = level(expected).or(level(found));
        let (path, expected, found) = differ(String::new(), expected, found)?;
        Some(Difference { line: at + 1, level, path, expected: expected.cloned(), found: found.cloned() })
    })
}

type Place<'a> = (String, Option<&'a Value>, Option<&'a Value>);

// Lines are as deep as a few levels: they come out of a parser that bounds the depth.
fn differ<'a>(path: String, expected: Option<&'a Value>, found: Option<&'a Value>) -> Option<Place<'a>> {
    if expected == found {
        return None;
    }
    if let (Some(Value::Object(left)), Some(Value::Object(right))) = (expected, found) {
        let keys = left.keys().chain(right.keys().filter(|key| !left.contains_key(*key)));
        return keys
            .into_iter()
            .find_map(|key| differ(format!("{path}.{key}"), left.get(key), right.get(key)));
    }
    Some((path, expected, found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_difference_is_named() {
        let line = |hash: &str, durable: Value| json!({ "level": 5, "hash": hash, "durable": durable });
        let left = [json!({ "name": "run" }), line("aa", json!({ "/a": "00", "/b": "01" }))];
        assert_eq!(check(&left, &left), None);
        let reordered =
            [left[0].clone(), json!({ "durable": { "/b": "01", "/a": "00" }, "hash": "aa", "level": 5 })];
        assert_eq!(check(&left, &reordered), None);
        let shown = |right: &[Value]| check(&left, right).unwrap().to_string();
        let right = [left[0].clone(), line("aa", json!({ "/a": "00", "/b": "02" }))];
        assert_eq!(shown(&right), r#"line 2 (level 5).durable./b: expected "01", found "02""#);
        let right = [left[0].clone(), line("aa", json!({ "/a": "00", "/b": "01", "/c": "" }))];
        assert_eq!(shown(&right), r#"line 2 (level 5).durable./c: expected nothing, found """#);
        assert!(shown(&left[..1]).ends_with("found nothing"));
    }
}
