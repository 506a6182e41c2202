//! Reading a JSON object strictly: every key is asked for by name, what is left over is a fault, and all
//! faults are collected before anything is refused.

use serde_json::Value;
use std::collections::BTreeSet;

/// What is wrong, in the order it was found.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<String>);

impl Faults {
    pub(crate) fn add(&mut self, fault: impl Into<String>) {
        self.0.push(fault.into());
    }

    pub(crate) fn into_vec(self) -> Vec<String> {
        self.0
    }
}

/// An object whose keys are being read.
pub(crate) struct Object<'a> {
    members: &'a serde_json::Map<String, Value>,
    path: String,
    known: BTreeSet<String>,
}

impl<'a> Object<'a> {
    /// The object at `path` (empty for the whole file).
    pub(crate) fn open(value: &'a Value, path: &str, faults: &mut Faults) -> Option<Self> {
        match value.as_object() {
            Some(members) => Some(Self { members, path: path.to_owned(), known: BTreeSet::new() }),
            None => {
                let place = if path.is_empty() { "the file" } else { path };
                faults.add(format!("{place}: expected an object, found {}", shown(value)));
                None
            }
        }
    }

    /// A member that has to be there.
    pub(crate) fn required<T>(
        &mut self,
        name: &str,
        expected: &str,
        faults: &mut Faults,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        if !self.members.contains_key(name) {
            faults.add(format!("{}: missing, expected {expected}", self.place(name)));
        }
        self.optional(name, expected, faults, read)
    }

    /// A member that may be left out.
    pub(crate) fn optional<T>(
        &mut self,
        name: &str,
        expected: &str,
        faults: &mut Faults,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        self.known.insert(name.to_owned());
        let value = self.members.get(name)?;
        let found = read(value);
        if found.is_none() {
            faults.add(format!("{}: expected {expected}, found {}", self.place(name), shown(value)));
        }
        found
    }

    /// A string that has to be there and to parse.
    pub(crate) fn text<T>(
        &mut self,
        name: &str,
        faults: &mut Faults,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        if !self.members.contains_key(name) {
            faults.add(format!("{}: missing", self.place(name)));
        }
        self.optional_text(name, faults, read)
    }

    /// A string that may be left out, and has to parse if it is there.
    pub(crate) fn optional_text<T>(
        &mut self,
        name: &str,
        faults: &mut Faults,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.optional(name, "a string", faults, Value::as_str)?;
        match read(text) {
            Ok(value) => Some(value),
            Err(reason) => {
                faults.add(format!("{}: {reason}", self.place(name)));
                None
            }
        }
    }

    /// An object within this one; it may be left out.
    pub(crate) fn nested<T>(
        &mut self,
        name: &str,
        faults: &mut Faults,
        read: impl FnOnce(&mut Object<'a>, &mut Faults) -> T,
    ) -> Option<T> {
        self.known.insert(name.to_owned());
        let mut object = Object::open(self.members.get(name)?, &self.place(name), faults)?;
        let value = read(&mut object, faults);
        object.close(faults);
        Some(value)
    }

    /// Reports the keys that nobody asked for, each with the nearest key that exists.
    pub(crate) fn close(self, faults: &mut Faults) {
        for name in self.members.keys().filter(|name| !self.known.contains(*name)) {
            let nearest = self.known.iter().min_by_key(|known| strsim::damerau_levenshtein(name, known));
            let hint = match nearest {
                Some(known) if strsim::damerau_levenshtein(name, known) <= 1 + name.chars().count() / 3 => {
                    format!(", did you mean `{known}`?")
                }
                _ => {
                    let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
                    format!("; known keys are {}", known.join(", "))
                }
            };
            faults.add(format!("{}: unknown key{hint}", self.place(name)));
        }
    }

    fn place(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}
