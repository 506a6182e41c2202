//! Comparing what was found with what a file says.

use serde_json::Value;
use std::fmt;

/// The first difference between two runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Number of the line, from 1.
    pub line: usize,
    /// What the line is about: its level, or its tick. Nothing on the first line.
    pub about: Option<(&'static str, u64)>,
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
        if let Some((what, number)) = self.about {
            write!(f, " ({what} {number})")?;
        }
        let shown = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
        write!(f, "{}: expected {}, found {}", self.path, shown(&self.expected), shown(&self.found))
    }
}

/// The first difference between the lines of a file and those of a replay, if there is one. The order of members does
/// not matter.
pub fn check(expected: &[Value], found: &[Value]) -> Option<Difference> {
    (0..expected.len().max(found.len())).find_map(|at| check_line(at + 1, expected.get(at), found.get(at)))
}

/// The difference between a line of a file and what was found, if there is one. What the line leaves out, or says to be
/// null, is not compared; what is inside of its members has to be there as a whole.
pub fn check_line(line: usize, expected: Option<&Value>, found: Option<&Value>) -> Option<Difference> {
    let (path, left, right) = differ_where_given(String::new(), expected, found)?;
    let about = about(expected).or(about(found));
    Some(Difference { line, about, path, expected: left.cloned(), found: right.cloned() })
}

fn about(line: Option<&Value>) -> Option<(&'static str, u64)> {
    let line = line?;
    let number = |line: &Value, name: &'static str| Some((name, line.get(name)?.as_u64()?));
    number(line, "tick").or(number(line, "level")).or_else(|| number(line.get("end")?, "tick"))
}

type Place<'a> = (String, Option<&'a Value>, Option<&'a Value>);

fn differ_where_given<'a>(
    path: String,
    expected: Option<&'a Value>,
    found: Option<&'a Value>,
) -> Option<Place<'a>> {
    let (Some(Value::Object(left)), Some(Value::Object(right))) = (expected, found) else {
        return differ(path, expected, found);
    };
    left.iter().filter(|(_, value)| !value.is_null()).find_map(|(key, value)| {
        let path = format!("{path}.{key}");
        match (key.as_str(), right.get(key)) {
            // What is expected of the end is an object of members like those of a line.
            ("end", found) => differ_where_given(path, Some(value), found),
            // Why a reference has no next state is told in its own words.
            ("fault", Some(_)) => None,
            (_, found) => differ(path, Some(value), found),
        }
    })
}

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

    #[test]
    fn what_a_line_leaves_out_is_not_compared() {
        let found =
            json!({ "tick": 5, "hash": "aa", "state": "Stuck", "error": { "kind": "Too_many_ticks" } });
        let check = |expected: Value| check_line(9, Some(&expected), Some(&found)).map(|d| d.to_string());
        assert_eq!(check(json!({ "tick": 5 })), None);
        assert_eq!(check(json!({ "tick": 5, "hash": null, "error": { "kind": "Too_many_ticks" } })), None);
        let error = "line 9 (tick 5).hash: expected \"ab\", found \"aa\"".to_owned();
        assert_eq!(check(json!({ "tick": 5, "hash": "ab" })), Some(error));
        let error = "line 9 (tick 5).proof_size: expected 7, found nothing".to_owned();
        assert_eq!(check(json!({ "tick": 5, "proof_size": 7 })), Some(error));
        let error = "line 9 (tick 5).error.kind: expected nothing, found \"Too_many_ticks\"".to_owned();
        assert_eq!(check(json!({ "tick": 5, "error": {} })), Some(error));
    }

    #[test]
    fn the_end_says_in_any_words_why_there_is_no_next_state() {
        let line = |tick: u64, fault: Option<&str>| {
            let mut end = json!({ "tick": tick });
            if let Some(fault) = fault {
                end["fault"] = fault.into();
            }
            json!({ "end": end })
        };
        let check =
            |left: &Value, right: &Value| check_line(2, Some(left), Some(right)).map(|d| d.to_string());
        assert_eq!(check(&line(4, Some("raises")), &line(4, Some("no answer"))), None);
        let error = "line 2 (tick 4).end.fault: expected \"raises\", found nothing".to_owned();
        assert_eq!(check(&line(4, Some("raises")), &line(4, None)), Some(error));
        let error = "line 2 (tick 4).end.tick: expected 4, found 5".to_owned();
        assert_eq!(check(&line(4, None), &line(5, None)), Some(error));
    }
}
