//! The JSON form of Micheline: `{"int": "1"}`, `{"string": "…"}`, `{"bytes": "00ff"}`,
//! `{"prim": "…", "args": […], "annots": […]}` (empty ones left out) and arrays.

use super::tree::{Builder, Event, TooDeepError};
use super::{MAX_ANNOT_LENGTH, MAX_DEPTH, MAX_DIGITS, Micheline, Prim};
use num_bigint::BigInt;
use serde_json::{Map, Value};
use soru_base::{IdFamily, Json, JsonError};

impl Micheline {
    /// The JSON form, the same on every network.
    pub fn to_json_value(&self) -> Value {
        let mut done: Vec<Value> = Vec::new();
        for event in self.events() {
            let value = match event {
                Event::Open(_) => continue,
                Event::Leaf(Micheline::Int(n)) => object("int", n.to_string().into()),
                Event::Leaf(Micheline::String(s)) => object("string", s.as_str().into()),
                Event::Leaf(Micheline::Bytes(b)) => object("bytes", hex::encode(b).into()),
                Event::Close(node) | Event::Leaf(node) => {
                    let children = done.split_off(done.len() - node.children().len());
                    match node {
                        Micheline::Prim(prim, _, annots) => prim_object(*prim, children, annots),
                        _ => Value::Array(children),
                    }
                }
            };
            done.push(value);
        }
        done.pop().unwrap_or(Value::Null)
    }

    /// Reads the JSON form.
    ///
    /// `serde_json` refuses texts nested deeper than 128 unless its limit is lifted; a `Value` that exists is read whatever
    /// its depth up to [`MAX_DEPTH`].
    pub fn from_json_value(value: &Value) -> Result<Self, JsonError> {
        let mut builder = Builder::default();
        // The children of every open node, and how many of them were begun.
        let mut open: Vec<(&Value, &[Value], usize)> = Vec::new();
        let mut next = Some(value);
        loop {
            match next {
                Some(value) => match open_or_leaf(value).map_err(|e| locate(e, &open))? {
                    (node, None) => builder.leaf(node),
                    (node, Some(children)) => {
                        builder.open(node).map_err(|TooDeepError| JsonError {
                            path: String::new(),
                            expected: format!("at most {MAX_DEPTH} nested expressions"),
                            found: "more".to_owned(),
                        })?;
                        open.push((value, children, 0));
                    }
                },
                None => {
                    builder.close();
                    open.pop();
                }
            }
            match open.last_mut() {
                Some((_, children, begun)) => {
                    next = children.get(*begun);
                    *begun += 1;
                }
                None => {
                    return builder.finish().ok_or_else(|| JsonError::new("a Micheline expression", value));
                }
            }
        }
    }
}

impl Json for Micheline {
    fn to_json(&self, _: IdFamily) -> Value {
        self.to_json_value()
    }
    fn from_json(value: &Value, _: IdFamily) -> Result<Self, JsonError> {
        Self::from_json_value(value)
    }
}

fn object(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}

fn prim_object(prim: Prim, args: Vec<Value>, annots: &[String]) -> Value {
    let mut map = Map::from_iter([("prim".to_owned(), prim.name().into())]);
    if !args.is_empty() {
        map.insert("args".to_owned(), args.into());
    }
    if !annots.is_empty() {
        map.insert("annots".to_owned(), annots.into());
    }
    Value::Object(map)
}

/// The node, and the values of its children if it can have any.
fn open_or_leaf(value: &Value) -> Result<(Micheline, Option<&[Value]>), JsonError> {
    let bad = |expected: &str| JsonError::new(expected, value);
    let map = match value {
        Value::Array(items) => return Ok((Micheline::Seq(Vec::with_capacity(items.len())), Some(items))),
        Value::Object(map) => map,
        _ => return Err(bad("a Micheline expression (an object or an array)")),
    };
    let text = |name: &str| map.get(name).and_then(Value::as_str);
    if let (Some(text), 1) = (text("int"), map.len()) {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let well_formed =
            !digits.is_empty() && digits.len() <= MAX_DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
        let n: BigInt = text.parse().ok().filter(|_| well_formed).ok_or_else(|| bad("an integer"))?;
        return Ok((Micheline::Int(n), None));
    }
    if let (Some(text), 1) = (text("string"), map.len()) {
        return Ok((Micheline::String(text.to_owned()), None));
    }
    if let (Some(text), 1) = (text("bytes"), map.len()) {
        let bytes = hex::decode(text).map_err(|_| bad("bytes in hexadecimal"))?;
        return Ok((Micheline::Bytes(bytes), None));
    }
    let name = text("prim").ok_or_else(|| bad("one of int, string, bytes, prim"))?;
    if map.keys().any(|key| !["prim", "args", "annots"].contains(&key.as_str())) {
        return Err(bad("no members but prim, args, annots"));
    }
    let prim: Prim = name.parse().map_err(|_| bad("the name of a primitive"))?;
    let args = match map.get("args") {
        None => &[][..],
        Some(Value::Array(args)) => args,
        Some(_) => return Err(bad("args that are an array")),
    };
    let annots = match map.get("annots") {
        None => Vec::new(),
        Some(Value::Array(annots)) => {
            let read = |a: &Value| a.as_str().filter(|a| a.len() <= MAX_ANNOT_LENGTH).map(str::to_owned);
            annots
                .iter()
                .map(read)
                .collect::<Option<_>>()
                .ok_or_else(|| bad("annotations of at most 255 bytes"))?
        }
        Some(_) => return Err(bad("annots that are an array")),
    };
    Ok((Micheline::Prim(prim, Vec::with_capacity(args.len()), annots), Some(args)))
}

/// Puts the place into an error; a place too deep to be read is left out.
fn locate(mut error: JsonError, open: &[(&Value, &[Value], usize)]) -> JsonError {
    if open.len() <= 32 {
        for (parent, _, begun) in open.iter().rev() {
            error = error.at(begun.saturating_sub(1));
            if parent.is_object() {
                error = error.within("args");
            }
        }
    }
    error
}
