//! Who signs what.

use super::keys::{Faults, Object};
use super::{Mode, Purpose, Purposes};
use serde_json::{Map, Value, json};
use soru_base::PublicKeyHash;
use std::collections::{BTreeMap, BTreeSet};

/// Who signs which kind of operation. Several keys may add messages: each sends one batch in a block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Operators {
    keys: BTreeMap<Purpose, PublicKeyHash>,
    more_batchers: Vec<PublicKeyHash>,
}

impl Operators {
    /// The keys that the mode needs when `default` signs for all of them.
    pub fn all(mode: Mode, default: PublicKeyHash) -> Self {
        let keys = Purpose::ALL.into_iter().filter(|p| mode.needs(*p)).map(|p| (p, default)).collect();
        Self { keys, more_batchers: Vec::new() }
    }

    /// The key of a purpose; of several the first.
    pub fn get(&self, purpose: Purpose) -> Option<PublicKeyHash> {
        self.keys.get(&purpose).copied()
    }

    /// All keys that are named, whatever for.
    pub fn keys(&self) -> BTreeSet<PublicKeyHash> {
        self.keys.values().chain(&self.more_batchers).copied().collect()
    }

    /// One key for a purpose, instead of those there are.
    pub fn set(&mut self, purpose: Purpose, key: PublicKeyHash) {
        if purpose == Purpose::AddMessages {
            self.more_batchers.clear();
        }
        self.keys.insert(purpose, key);
    }

    /// The keys that add messages, each of them once.
    pub fn batchers(&self) -> Vec<PublicKeyHash> {
        self.keys.get(&Purpose::AddMessages).into_iter().chain(&self.more_batchers).copied().collect()
    }

    /// These keys add messages.
    pub fn set_batchers(&mut self, keys: &[PublicKeyHash]) {
        let mut once = Vec::new();
        keys.iter().for_each(|key| {
            if !once.contains(key) {
                once.push(*key);
            }
        });
        let mut once = once.into_iter();
        match once.next() {
            None => drop(self.keys.remove(&Purpose::AddMessages)),
            Some(first) => drop(self.keys.insert(Purpose::AddMessages, first)),
        }
        self.more_batchers = once.collect();
    }

    /// Who signs in `mode` after a person named keys for it: a key that is named for a purpose goes before `default`, that
    /// before the one that there was.
    pub fn renamed(
        &self,
        mode: Mode,
        named: &[(Purposes, PublicKeyHash)],
        default: Option<PublicKeyHash>,
    ) -> Result<Self, String> {
        let mut out = match default {
            Some(default) => Self::all(mode, default),
            None => self.clone(),
        };
        for purpose in Purpose::ALL {
            let keys: Vec<_> = named.iter().filter(|(to, _)| to.has(purpose)).map(|(_, key)| *key).collect();
            match (purpose, keys.as_slice()) {
                (_, []) => (),
                (Purpose::AddMessages, keys) => out.set_batchers(keys),
                (purpose, [key]) => out.set(purpose, *key),
                (purpose, _) => {
                    return Err(format!("purpose {purpose}: expected one account, found {}", keys.len()));
                }
            }
        }
        Ok(out)
    }

    pub(super) fn parse(object: &mut Object<'_>, faults: &mut Faults) -> Self {
        let mut named: Vec<(Purpose, &str, Vec<PublicKeyHash>)> = Vec::new();
        for word in Purpose::WORDS {
            let keys = object.optional(word, "a key, or a list of keys", faults, parse_keys);
            let purposes = Purpose::of_word(word).unwrap_or_default();
            let Some(keys) = keys else { continue };
            if !purposes.has(Purpose::AddMessages) && keys.len() != 1 {
                faults.add(format!(
                    "smart-rollup-node-operator.{word}: expected one key, found {}",
                    keys.len()
                ));
                continue;
            }
            named.extend(purposes.iter().map(|purpose| (purpose, word, keys.clone())));
        }
        let mut out = Self::default();
        for (purpose, word, keys) in &named {
            let other = named.iter().find(|(p, w, k)| p == purpose && w != word && k != keys);
            if let Some((_, other, _)) = other {
                if word < other {
                    faults.add(format!(
                        "smart-rollup-node-operator: `{word}` and `{other}` name different keys for {purpose}"
                    ));
                }
                continue;
            }
            match purpose {
                Purpose::AddMessages => out.set_batchers(keys),
                purpose => out.set(*purpose, keys[0]),
            }
        }
        out
    }

    pub(super) fn to_json(&self) -> Value {
        let mut out: Map<String, Value> =
            self.keys.iter().map(|(p, key)| (p.name().to_owned(), json!(key.to_string()))).collect();
        if !self.more_batchers.is_empty() {
            let keys: Vec<String> = self.batchers().iter().map(ToString::to_string).collect();
            out.insert(Purpose::AddMessages.name().to_owned(), json!(keys));
        }
        Value::Object(out)
    }
}

/// One key, or several.
fn parse_keys(value: &Value) -> Option<Vec<PublicKeyHash>> {
    let keys = match value {
        Value::Array(keys) => keys.as_slice(),
        one => std::slice::from_ref(one),
    };
    keys.iter().map(|key| key.as_str()?.parse().ok()).collect()
}
