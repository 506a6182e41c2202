//! The wallet: names for keys, accounts, contracts, rollups and scripts, in the files of Octez's own client, so that
//! both can share a folder.

mod encrypted;
mod files;
mod locator;
mod names;
mod passwords;
mod prompt;
#[cfg(test)]
mod tests;

use anyhow::{Context, Result, anyhow, bail};
use files::{Entry, Lock, NameFile};
use serde_json::{Value, json};
use soru_base::{PublicKey, PublicKeyHash, SecretKey};
use std::path::PathBuf;

pub(crate) use locator::{LocatorError, SecretLocator, is_secret, public_key as public_key_of};
pub(crate) use passwords::Passwords;
pub(crate) use prompt::{ask, ask_secret};

/// A folder of names.
pub(crate) struct Wallet {
    dir: PathBuf,
    passwords: Passwords,
}

/// A named implicit account.
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) hash: PublicKeyHash,
    pub(crate) known: Known,
}

/// What the wallet knows of an account besides its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Known {
    /// Nothing.
    Address,
    /// Its public key.
    PublicKey,
    /// Its secret key, by the scheme of its locator.
    SecretKey(String),
}

/// A file of the wallet, and what one of its entries is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Names {
    file: &'static str,
    what: &'static str,
}

impl Names {
    /// What an entry is called, without an article.
    fn noun(self) -> &'static str {
        self.what.split_once(' ').map_or(self.what, |(_, noun)| noun)
    }
}

pub(crate) const HASHES: Names = Names { file: "public_key_hashs", what: "an implicit account" };
pub(crate) const PUBLIC_KEYS: Names = Names { file: "public_keys", what: "a public key" };
pub(crate) const SECRET_KEYS: Names = Names { file: "secret_keys", what: "a secret key" };
pub(crate) const CONTRACTS: Names = Names { file: "contracts", what: "a contract" };
pub(crate) const ROLLUPS: Names = Names { file: "smart_rollups", what: "a smart rollup" };
pub(crate) const SCRIPTS: Names = Names { file: "scripts", what: "a script" };

/// Where the keys of a name are.
const KEYS: [Names; 3] = [SECRET_KEYS, PUBLIC_KEYS, HASHES];

impl Wallet {
    /// The wallet in that folder, which need not exist yet.
    pub(crate) fn open(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), passwords: Passwords::default() }
    }

    /// With passwords for encrypted keys.
    pub(crate) fn with_passwords(self, passwords: Passwords) -> Self {
        Self { passwords, ..self }
    }

    fn file(&self, names: Names) -> NameFile {
        NameFile::new(&self.dir, names.file)
    }

    fn entry(&self, names: Names, name: &str) -> Result<Option<Entry>> {
        Ok(self.file(names).read()?.into_iter().find(|e| e.name == name))
    }

    fn taken(&self, names: Names, name: &str) -> anyhow::Error {
        let file = self.file(names);
        anyhow!("the name `{name}` is taken in {}: choose another one or add --force", file.path().display())
    }

    /// Adds an unencrypted key pair under a name. A name that is taken is an error unless `force`.
    pub(crate) fn add_secret_key(&self, name: &str, key: &SecretKey, force: bool) -> Result<PublicKeyHash> {
        self.add_key(name, &SecretLocator::Unencrypted(key.clone()), &key.public_key(), force)
    }

    /// Puts a key under a password that the user is asked for.
    pub(crate) fn seal(&self, key: &SecretKey) -> Result<SecretLocator> {
        Passwords::seal(key).map(SecretLocator::Encrypted)
    }

    /// The key behind a locator; for an encrypted one with a password, that of `name`.
    pub(crate) fn unlock(&self, name: &str, locator: &SecretLocator) -> Result<SecretKey> {
        match locator {
            SecretLocator::Unencrypted(key) => Ok(key.clone()),
            SecretLocator::Encrypted(key) => self.passwords.open(name, key),
        }
    }

    /// Refuses a name that has keys already.
    pub(crate) fn check_fresh(&self, name: &str) -> Result<()> {
        check_name(name)?;
        for names in KEYS {
            if self.entry(names, name)?.is_some() {
                return Err(self.taken(names, name));
            }
        }
        Ok(())
    }

    /// Adds a key pair under a name. A name that is taken is an error unless `force`.
    pub(crate) fn add_key(
        &self,
        name: &str,
        locator: &SecretLocator,
        public: &PublicKey,
        force: bool,
    ) -> Result<PublicKeyHash> {
        check_name(name)?;
        let hash = public.hash();
        let lock = Lock::take(&self.dir)?;
        // Under the lock: somebody else may have taken the name since it was looked at, and a key would be lost.
        if !force {
            self.check_fresh(name)?;
        }
        // The secret first: if the rest fails, nothing is lost.
        self.file(SECRET_KEYS).put(&lock, name, json!(locator.reveal().as_str()))?;
        self.file(PUBLIC_KEYS).put(&lock, name, public_entry(public))?;
        self.file(HASHES).put(&lock, name, json!(hash.to_string()))?;
        Ok(hash)
    }

    /// Gives a public key and its account a name.
    pub(crate) fn add_public_key(
        &self,
        name: &str,
        public: &PublicKey,
        force: bool,
    ) -> Result<PublicKeyHash> {
        let hash = public.hash();
        self.add(HASHES, name, json!(hash.to_string()), force)?;
        self.add(PUBLIC_KEYS, name, public_entry(public), force)?;
        Ok(hash)
    }

    /// Gives an implicit account a name.
    pub(crate) fn add_account(&self, name: &str, hash: &PublicKeyHash, force: bool) -> Result<()> {
        self.add(HASHES, name, json!(hash.to_string()), force)
    }

    /// Gives a value a name in one of the files. As with Octez's client, neither the name nor the value may be there
    /// already, unless `force`.
    fn add(&self, names: Names, name: &str, value: Value, force: bool) -> Result<()> {
        check_name(name)?;
        let lock = Lock::take(&self.dir)?;
        let entries = self.file(names).read()?;
        if !force {
            match entries.iter().find(|e| e.name == name) {
                Some(entry) if entry.value == value => return Ok(()),
                Some(_) => return Err(self.taken(names, name)),
                None => {}
            }
            if let Some(entry) = entries.iter().find(|e| e.value == value) {
                bail!(
                    "this {} has the name `{}` already: --force gives it another one",
                    names.noun(),
                    entry.name
                );
            }
        }
        self.file(names).put(&lock, name, value)
    }

    /// Forgets the keys and the address of a name; without `force` only if there are no keys.
    pub(crate) fn forget_keys(&self, name: &str, force: bool) -> Result<()> {
        let keys = [SECRET_KEYS, PUBLIC_KEYS];
        if !force && keys.into_iter().any(|names| self.entry(names, name).is_ok_and(|e| e.is_some())) {
            bail!("this forgets the keys of `{name}` for ever: add --force to do it");
        }
        let lock = Lock::take(&self.dir)?;
        let mut found = false;
        for names in KEYS {
            found |= self.file(names).remove(&lock, name)?;
        }
        if found { Ok(()) } else { Err(self.unknown("account", name, &[HASHES])) }
    }

    /// Forgets all keys and addresses.
    pub(crate) fn forget_all_keys(&self) -> Result<()> {
        let lock = Lock::take(&self.dir)?;
        KEYS.into_iter().try_for_each(|names| self.file(names).clear(&lock))
    }

    /// All implicit accounts with a name.
    pub(crate) fn accounts(&self) -> Result<Vec<Account>> {
        let secrets = self.file(SECRET_KEYS).read()?;
        let publics = self.file(PUBLIC_KEYS).read()?;
        let mut accounts = Vec::new();
        for entry in self.file(HASHES).read()? {
            let hash = parse(&entry, HASHES)?;
            let secret = secrets.iter().find(|s| s.name == entry.name);
            let known = match secret {
                Some(secret) => {
                    Known::SecretKey(locator::scheme(secret.value.as_str().unwrap_or_default()).to_owned())
                }
                None if publics.iter().any(|p| p.name == entry.name) => Known::PublicKey,
                None => Known::Address,
            };
            accounts.push(Account { name: entry.name, hash, known });
        }
        Ok(accounts)
    }

    /// The locator of the secret key of an account, and the name it is under; nothing if the wallet has none.
    pub(crate) fn secret_locator(&self, account: &PublicKeyHash) -> Result<Option<(String, SecretLocator)>> {
        let text = account.to_string();
        let secrets = self.file(SECRET_KEYS).read()?;
        for entry in self.file(HASHES).read()?.iter().filter(|e| e.value.as_str() == Some(&text)) {
            let Some(secret) = secrets.iter().find(|s| s.name == entry.name) else { continue };
            // The value may be a secret: no error repeats it.
            let locator = secret.value.as_str().unwrap_or_default().parse().map_err(|error| match error {
                LocatorError::Elsewhere { .. } => anyhow!("the secret key of `{}`: {error}", entry.name),
                error => anyhow!(
                    "the secret key of `{}` in {} is malformed: {error}",
                    entry.name,
                    self.file(SECRET_KEYS).path().display()
                ),
            })?;
            return Ok(Some((entry.name.clone(), locator)));
        }
        Ok(None)
    }

    /// The secret key of an account. The user is asked for the password of an encrypted one.
    pub(crate) fn secret_key(&self, account: &PublicKeyHash) -> Result<SecretKey> {
        match self.secret_locator(account)? {
            Some((name, locator)) => self.unlock(&name, &locator),
            None => bail!("no secret key of {account} in the wallet {}", self.dir.display()),
        }
    }

    /// The public key of an account, if the wallet has it. Nobody is asked for a password.
    pub(crate) fn public_key(&self, account: &PublicKeyHash) -> Result<Option<PublicKey>> {
        for entry in self.file(PUBLIC_KEYS).read()? {
            let value = entry.value.get("key").unwrap_or(&entry.value);
            let key = value.as_str().and_then(|text| public_key_of(text).ok());
            if let Some(key) = key.filter(|key| key.hash() == *account) {
                return Ok(Some(key));
            }
        }
        Ok(match self.secret_locator(account) {
            Ok(Some((_, SecretLocator::Unencrypted(key)))) => Some(key.public_key()),
            _ => None,
        })
    }

    fn unknown(&self, what: &str, word: &str, files: &[Names]) -> anyhow::Error {
        let names: Vec<String> =
            files.iter().flat_map(|f| self.file(*f).read().unwrap_or_default()).map(|e| e.name).collect();
        let hint = crate::phrase::nearest(word, names.iter().map(String::as_str))
            .map(|name| format!("; did you mean `{name}`?"))
            .unwrap_or_default();
        anyhow!("no {what} named `{word}` in the wallet {}{hint}", self.dir.display())
    }
}

/// A public key as a file has it.
fn public_entry(public: &PublicKey) -> Value {
    json!({ "locator": format!("unencrypted:{public}"), "key": public.to_string() })
}

fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.contains(char::is_whitespace) || name.contains(':') {
        bail!("`{name}` is no name: it is empty or has blanks or a colon");
    }
    Ok(())
}

fn parse<T: std::str::FromStr>(entry: &Entry, names: Names) -> Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let (file, what) = (names.file, names.what);
    let text = match &entry.value {
        Value::String(text) => text.as_str(),
        other => bail!("the entry `{}` of {file} is not {what}: {other}", entry.name),
    };
    text.parse::<T>().with_context(|| format!("the entry `{}` of {file} is not {what}", entry.name))
}
