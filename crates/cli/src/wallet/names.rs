//! What a word of a command names: an account, a contract, a smart rollup, a script.

use super::{CONTRACTS, HASHES, Lock, Names, PUBLIC_KEYS, ROLLUPS, SCRIPTS, Wallet, parse};
use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};
use soru_base::{Contract, ContractHash, PublicKey, PublicKeyHash, RollupAddress};
use std::path::Path;

/// How Octez's client lets one say what a word is.
enum Word<'a> {
    Alias(&'a str),
    /// Literal text, or that of a file.
    Text(String),
    /// The name of a key, where a contract of that name may be, too.
    Key(&'a str),
    Any(&'a str),
}

impl<'a> Word<'a> {
    fn of(word: &'a str) -> Result<Self> {
        Ok(match word.split_once(':') {
            Some(("alias", name)) => Self::Alias(name),
            Some(("key", name)) => Self::Key(name),
            Some(("text", text)) => Self::Text(text.to_owned()),
            Some(("file", path)) => {
                let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
                Self::Text(text.trim().to_owned())
            }
            _ => Self::Any(word),
        })
    }

    /// The literal value, where the word may be one.
    fn literal(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Any(word) => Some(word),
            Self::Alias(_) | Self::Key(_) => None,
        }
    }

    /// The name, where the word may be one.
    fn name(&self) -> Option<&str> {
        match self {
            Self::Alias(name) | Self::Key(name) | Self::Any(name) => Some(name),
            Self::Text(_) => None,
        }
    }
}

impl Wallet {
    /// Gives an originated contract a name.
    pub(crate) fn add_contract(&self, name: &str, contract: &ContractHash, force: bool) -> Result<()> {
        self.add(CONTRACTS, name, json!(contract.to_string()), force)
    }

    /// Gives a smart rollup a name; `text` is its address as the network writes it.
    pub(crate) fn add_rollup(&self, name: &str, text: String, force: bool) -> Result<()> {
        self.add(ROLLUPS, name, json!(text), force)
    }

    /// Gives the text of a script a name.
    pub(crate) fn add_script(&self, name: &str, text: &str, force: bool) -> Result<()> {
        self.add(SCRIPTS, name, json!(text), force)
    }

    /// All names of one kind and their values.
    pub(crate) fn all(&self, names: Names) -> Result<Vec<(String, String)>> {
        let entries = self.file(names).read()?;
        Ok(entries.into_iter().map(|e| (e.name, e.value.as_str().unwrap_or_default().to_owned())).collect())
    }

    /// The value of a name, as the wallet has it.
    pub(crate) fn text(&self, names: Names, name: &str) -> Result<String> {
        let bare = name.strip_prefix("alias:").unwrap_or(name);
        match self.entry(names, bare)?.map(|e| e.value) {
            Some(Value::String(text)) => Ok(text),
            _ => Err(self.unknown(names.noun(), name, &[names])),
        }
    }

    /// Forgets a name.
    pub(crate) fn forget(&self, names: Names, name: &str) -> Result<()> {
        let lock = Lock::take(&self.dir)?;
        match self.file(names).remove(&lock, name)? {
            true => Ok(()),
            false => Err(self.unknown(names.noun(), name, &[names])),
        }
    }

    /// Forgets all names of one kind.
    pub(crate) fn forget_all(&self, names: Names) -> Result<()> {
        self.file(names).clear(&Lock::take(&self.dir)?)
    }

    /// An implicit account by name or by address.
    pub(crate) fn account(&self, word: &str) -> Result<PublicKeyHash> {
        let asked = Word::of(word)?;
        if let Some(hash) = asked.literal().and_then(|text| text.parse().ok()) {
            return Ok(hash);
        }
        match asked.name().map(|name| self.entry(HASHES, name)).transpose()?.flatten() {
            Some(entry) => parse(&entry, HASHES),
            None => Err(self.unknown("account", word, &[HASHES])),
        }
    }

    /// A public key by the name of its account, by address or as it is.
    pub(crate) fn named_public_key(&self, word: &str) -> Result<PublicKey> {
        let asked = Word::of(word)?;
        if let Some(key) = asked.literal().and_then(|text| super::public_key_of(text).ok()) {
            return Ok(key);
        }
        let Ok(account) = self.account(word) else {
            return Err(self.unknown("public key", word, &[PUBLIC_KEYS, HASHES]));
        };
        self.public_key(&account)?.ok_or_else(|| {
            anyhow!(
                "no public key of `{word}` in the wallet {}: `import public key` adds one",
                self.dir.display()
            )
        })
    }

    /// The address of a contract, originated or implicit, by name or as it is.
    pub(crate) fn contract(&self, word: &str) -> Result<Contract> {
        let asked = Word::of(word)?;
        if let Some(contract) = asked.literal().and_then(|text| text.parse().ok()) {
            return Ok(contract);
        }
        let name = asked.name().unwrap_or_default();
        let originated = match asked {
            Word::Key(_) => None,
            _ => self.entry(CONTRACTS, name)?,
        };
        if let Some(entry) = originated {
            return parse(&entry, CONTRACTS);
        }
        match self.entry(HASHES, name)? {
            Some(entry) => Ok(Contract::Implicit(parse(&entry, HASHES)?)),
            None => Err(self.unknown("contract or account", word, &[CONTRACTS, HASHES])),
        }
    }

    /// A smart rollup by name or by address.
    pub(crate) fn rollup(&self, word: &str) -> Result<RollupAddress> {
        let asked = Word::of(word)?;
        if let Some(address) = asked.literal().and_then(|text| text.parse().ok()) {
            return Ok(address);
        }
        match asked.name().map(|name| self.entry(ROLLUPS, name)).transpose()?.flatten() {
            Some(entry) => parse(&entry, ROLLUPS),
            None => Err(self.unknown("smart rollup", word, &[ROLLUPS])),
        }
    }

    /// The address of a remembered smart rollup, as it was written.
    pub(crate) fn rollup_text(&self, name: &str) -> Result<String> {
        self.text(ROLLUPS, name)
    }

    /// The text of a script: remembered under that name, in the file of that path, or the word itself.
    pub(crate) fn script_text(&self, word: &str) -> Result<String> {
        match word.split_once(':') {
            Some(("alias", name)) => return self.text(SCRIPTS, name),
            Some(("text", text)) => return Ok(text.to_owned()),
            Some(("file", path)) => return read(path),
            _ => {}
        }
        if let Some(Value::String(text)) = self.entry(SCRIPTS, word)?.map(|e| e.value) {
            return Ok(text);
        }
        if Path::new(word).exists() {
            return read(word);
        }
        // Scripts have several words: what has only one was meant as a path or a name.
        if word.trim().contains(char::is_whitespace) {
            return Ok(word.to_owned());
        }
        Err(anyhow!(
            "no script: `{word}` is neither a name of the wallet, nor a file that is there, nor Michelson"
        ))
    }
}

fn read(path: &str) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))
}
