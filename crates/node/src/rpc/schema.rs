//! The shapes of JSON values, in the words of JSON Schema.

use serde_json::{Map, Value, json};

/// A shape.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Schema(Value);

impl Schema {
    /// The schema as JSON.
    pub(crate) fn to_json(&self) -> Value {
        self.0.clone()
    }

    /// With a sentence about it.
    pub(crate) fn about(mut self, text: &str) -> Self {
        self.0["description"] = json!(text);
        self
    }
}

/// A member of an object.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    name: &'static str,
    schema: Schema,
    required: bool,
}

/// A member that is always there.
pub(crate) fn has(name: &'static str, schema: Schema) -> Member {
    Member { name, schema, required: true }
}

/// A member that may be left out.
pub(crate) fn may(name: &'static str, schema: Schema) -> Member {
    Member { name, schema, required: false }
}

/// An object of these members and no others.
pub(crate) fn object(members: impl IntoIterator<Item = Member>) -> Schema {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for member in members {
        properties.insert(member.name.to_owned(), member.schema.0);
        if member.required {
            required.push(json!(member.name));
        }
    }
    let mut out = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if !required.is_empty() {
        out["required"] = Value::Array(required);
    }
    Schema(out)
}

/// An object whose members are not fixed here.
pub(crate) fn any_object() -> Schema {
    Schema(json!({"type": "object"}))
}

/// Any JSON.
pub(crate) fn anything() -> Schema {
    Schema(json!({}))
}

/// A list.
pub(crate) fn list(items: Schema) -> Schema {
    Schema(json!({"type": "array", "items": items.0}))
}

/// Two values, one after the other.
pub(crate) fn pair(first: Schema, second: Schema) -> Schema {
    // Not `prefixItems`: many programs that read descriptions do not know it.
    Schema(json!({"type": "array", "minItems": 2, "maxItems": 2, "items": one_of([first, second]).0}))
}

/// A text of that form.
pub(crate) fn matching(pattern: &str) -> Schema {
    Schema(json!({"type": "string", "pattern": pattern}))
}

/// One of these.
pub(crate) fn one_of(cases: impl IntoIterator<Item = Schema>) -> Schema {
    let cases: Vec<Value> = cases.into_iter().map(|case| case.0).collect();
    Schema(json!({"anyOf": cases}))
}

/// This, or `null`.
pub(crate) fn or_null(schema: Schema) -> Schema {
    one_of([schema, Schema(json!({"type": "null"}))])
}

/// A text.
pub(crate) fn text() -> Schema {
    Schema(json!({"type": "string"}))
}

/// One of these words.
pub(crate) fn word(words: &[&str]) -> Schema {
    Schema(json!({"type": "string", "enum": words}))
}

/// Bytes in hexadecimal.
pub(crate) fn hex() -> Schema {
    Schema(json!({"type": "string", "pattern": "^([0-9a-fA-F]{2})*$"}))
}

/// An identifier in base58 with one of these prefixes.
pub(crate) fn base58(prefixes: &[&str]) -> Schema {
    let prefixes = prefixes.join("|");
    Schema(json!({"type": "string", "pattern": format!("^({prefixes})[1-9A-HJ-NP-Za-km-z]+$")}))
}

/// A natural number of any size, in decimal digits.
pub(crate) fn digits() -> Schema {
    Schema(json!({"type": "string", "pattern": "^[0-9]+$"}))
}

/// A natural number.
pub(crate) fn natural() -> Schema {
    Schema(json!({"type": "integer", "minimum": 0}))
}

/// A level of the layer-1.
pub(crate) fn level() -> Schema {
    Schema(json!({"type": "integer", "minimum": 0, "maximum": i32::MAX}))
}

/// A number, perhaps with a fraction.
pub(crate) fn number() -> Schema {
    Schema(json!({"type": "number"}))
}

/// `true` or `false`.
pub(crate) fn flag() -> Schema {
    Schema(json!({"type": "boolean"}))
}

/// A time in RFC 3339.
pub(crate) fn time() -> Schema {
    Schema(json!({"type": "string", "format": "date-time"}))
}

/// A shape of `components`, by its name.
pub(crate) fn named(name: &str) -> Schema {
    Schema(json!({"$ref": format!("#/components/schemas/{name}")}))
}
