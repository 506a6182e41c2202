//! Reading a JSON object strictly: every key is asked for by name, what is left over is a fault, and all
//! faults are collected before anything is refused.

use serde_json::Value;
use std::collections::BTreeSet;

/// What is wrong, in the order it was found; and what is only worth a note.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    faults: Vec<String>,
    notes: Vec<String>,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: impl Into<String>) {
        self.faults.push(fault.into());
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// The faults, then the notes.
    pub(crate) fn into_parts(self) -> (Vec<String>, Vec<String>) {
        (self.faults, self.notes)
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

    /// A member that goes by two names.
    pub(crate) fn either<T>(
        &mut self,
        names: [&str; 2],
        expected: &str,
        faults: &mut Faults,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let [first, second] = names.map(|name| self.optional(name, expected, faults, &read));
        if first.is_some() && second.is_some() {
            faults.add(format!("{}: there is {} as well", self.place(names[0]), self.place(names[1])));
        }
        first.or(second)
    }

    /// A list that may be left out, and whose items have to parse.
    pub(crate) fn optional_list<T>(
        &mut self,
        name: &str,
        faults: &mut Faults,
        read: impl Fn(&'a Value) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let items = self.optional(name, "a list", faults, Value::as_array)?;
        let mut out = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            match read(item) {
                Ok(item) => out.push(item),
                Err(reason) => faults.add(format!("{}[{i}]: {reason}", self.place(name))),
            }
        }
        Some(out)
    }

    /// A member that makes no difference, whatever it says.
    pub(crate) fn unused(&mut self, name: &str, why: &str, faults: &mut Faults) {
        self.known.insert(name.to_owned());
        if self.members.contains_key(name) {
            faults.note(format!("{} makes no difference: {why}", self.place(name)));
        }
    }

    /// A member that is taken only if what it asks for is nothing.
    pub(crate) fn refused(
        &mut self,
        name: &str,
        fine: impl FnOnce(&Value) -> bool,
        why: &str,
        faults: &mut Faults,
    ) {
        self.known.insert(name.to_owned());
        match self.members.get(name) {
            Some(value) if !fine(value) => {
                faults.add(format!("{}: {} is not possible: {why}", self.place(name), shown(value)));
            }
            _ => (),
        }
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
