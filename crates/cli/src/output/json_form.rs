//! JSON on lines of 78 columns, as Octez's client lays it out: members fill a line as far as they fit, those that follow
//! stand below the first. What is nested in it has all of its members on one line, or a layout of its own.

use serde_json::Value;

const MARGIN: usize = 78;
/// No box begins behind this column: it begins on a new line instead, below the box around it.
const LAST_INDENT: usize = 68;

pub(super) fn lay_out(value: &Value) -> String {
    let mut page = Page { text: String::new(), column: 0 };
    page.value(value, Around { indent: 0, fits: false });
    page.text
}

/// The box that a value stands in.
#[derive(Clone, Copy)]
struct Around {
    indent: usize,
    /// Whether all of it is on one line.
    fits: bool,
}

struct Page {
    text: String,
    column: usize,
}

impl Page {
    fn put(&mut self, text: &str) {
        self.text.push_str(text);
        self.column += text.chars().count();
    }

    fn new_line(&mut self, indent: usize) {
        let indent = indent.min(LAST_INDENT);
        self.text.push('\n');
        self.text.extend(std::iter::repeat_n(' ', indent));
        self.column = indent;
    }

    /// Opens a box for something that wide.
    fn open(&mut self, width: usize, more_indent: usize, around: Around) -> Around {
        if self.column > LAST_INDENT && !around.fits && around.indent < self.column {
            self.new_line(around.indent);
        }
        Around { indent: self.column + more_indent, fits: self.column + width <= MARGIN }
    }

    /// A blank, or a new line if what comes up to the next such place, that wide, would not fit behind a blank.
    fn blank(&mut self, width: usize, inside: Around) {
        if inside.fits || self.column + 1 + width <= MARGIN {
            self.put(" ")
        } else {
            self.new_line(inside.indent)
        }
    }

    fn value(&mut self, value: &Value, around: Around) {
        match value {
            Value::Object(members) if !members.is_empty() => {
                self.put("{ ");
                let widths: Vec<usize> = members.iter().map(|(name, v)| member_width(name, v)).collect();
                let inside = self.open(row_width(&widths), 0, around);
                for (n, (name, value)) in members.iter().enumerate() {
                    self.separate(&widths, n, inside);
                    let inside = self.open(widths[n], 2, inside);
                    self.put(&format!("{}:", Value::from(name.as_str())));
                    self.blank(width(value), inside);
                    self.value(value, inside);
                }
                self.put(" }");
            }
            Value::Array(items) if !items.is_empty() => {
                self.put("[ ");
                let widths: Vec<usize> = items.iter().map(width).collect();
                let inside = self.open(row_width(&widths), 0, around);
                for (n, item) in items.iter().enumerate() {
                    self.separate(&widths, n, inside);
                    self.value(item, inside);
                }
                self.put(" ]");
            }
            other => self.put(&other.to_string()),
        }
    }

    /// What stands between the members of a box.
    fn separate(&mut self, widths: &[usize], n: usize, inside: Around) {
        if n > 0 {
            self.put(",");
            let comma = usize::from(n + 1 < widths.len());
            self.blank(widths[n] + comma, inside);
        }
    }
}

/// How wide a value is on one line; of what does not fit on one only that.
fn width(value: &Value) -> usize {
    let row = |widths: &mut dyn Iterator<Item = usize>| {
        let mut sum: usize = 2;
        for width in widths {
            sum = sum.saturating_add(width + 2);
            if sum > MARGIN {
                break;
            }
        }
        sum
    };
    match value {
        Value::Object(members) if !members.is_empty() => {
            row(&mut members.iter().map(|(name, v)| member_width(name, v)))
        }
        Value::Array(items) if !items.is_empty() => row(&mut items.iter().map(width)),
        other => other.to_string().chars().count(),
    }
}

fn member_width(name: &str, value: &Value) -> usize {
    Value::from(name).to_string().chars().count() + 2 + width(value)
}

fn row_width(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn protocols_stand_as_in_the_document() {
        let alpha = "ProtoALphaALphaALphaALphaALphaALphaALphaALphaDdp3zK";
        assert_eq!(
            lay_out(&json!({ "protocol": alpha, "next_protocol": alpha })),
            format!("{{ \"protocol\": \"{alpha}\",\n  \"next_protocol\": \"{alpha}\" }}")
        );
    }

    /// As in Octez's documentation of `rpc get`: short members share a line, a nested object that does not fit behind its
    /// name begins below it, two columns further.
    #[test]
    fn members_fill_the_line() {
        assert_eq!(lay_out(&json!({ "level": 2, "proto": 1 })), r#"{ "level": 2, "proto": 1 }"#);
        assert_eq!(lay_out(&json!([])), "[]");
        assert_eq!(lay_out(&json!("a\"b")), r#""a\"b""#);
        let hash = "BLrEgqPtAEZXB6wD4YTSSWKKsaX7DYpEAzg6EGqyBUXi3tMgLXH";
        assert_eq!(
            lay_out(&json!({ "predecessor": hash, "level": 140, "proto": 2, "validation_pass": 4,
                             "header": { "hash": hash, "fitness": ["02", "0000008c"] } })),
            format!(
                r#"{{ "predecessor": "{hash}",
  "level": 140, "proto": 2, "validation_pass": 4,
  "header":
    {{ "hash": "{hash}",
      "fitness": [ "02", "0000008c" ] }} }}"#
            )
        );
    }

    /// What is printed is the JSON that was asked for.
    #[test]
    fn nothing_is_lost() {
        let mut value = json!({ "é": [1, null, true, "x".repeat(90)] });
        for n in 0..60 {
            value = json!({ "name": [n, value], "other": "y".repeat(n) });
        }
        let text = lay_out(&value);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
