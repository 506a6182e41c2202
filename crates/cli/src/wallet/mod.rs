//! The wallet: names for keys, accounts, contracts and rollups, in the files of Octez's own client, so that
//! both can share a folder.

mod files;

use anyhow::{Context, Result, anyhow, bail};
use files::{Entry, NameFile};
use serde_json::{Value, json};
use soru_base::{ContractHash, PublicKey, PublicKeyHash, RollupAddress, SecretKey};
use std::path::PathBuf;

/// A folder of names.
pub(crate) struct Wallet {
    dir: PathBuf,
}

/// A key and the account it opens.
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) hash: PublicKeyHash,
    pub(crate) has_secret: bool,
}

const HASHES: &str = "public_key_hashs";
const PUBLIC_KEYS: &str = "public_keys";
const SECRET_KEYS: &str = "secret_keys";
const CONTRACTS: &str = "contracts";
const ROLLUPS: &str = "smart_rollups";

/// The scheme of a secret key that is kept as it is.
const UNENCRYPTED: &str = "unencrypted:";

impl Wallet {
    /// The wallet in that folder, which need not exist yet.
    pub(crate) fn open(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    fn file(&self, name: &'static str) -> NameFile {
        NameFile::new(&self.dir, name)
    }

    fn entry(&self, file: &'static str, name: &str) -> Result<Option<Entry>> {
        Ok(self.file(file).read()?.into_iter().find(|e| e.name == name))
    }

    /// Adds a key pair under a name. A name that is taken is an error unless `force`.
    pub(crate) fn add_secret_key(&self, name: &str, key: &SecretKey, force: bool) -> Result<PublicKeyHash> {
        let public = key.public_key();
        let hash = public.hash();
        check_name(name)?;
        for file in [SECRET_KEYS, PUBLIC_KEYS, HASHES] {
            if !force && self.entry(file, name)?.is_some() {
                bail!(
                    "the name `{name}` is taken in {}: choose another one or add --force",
                    self.file(file).path().display()
                );
            }
        }
        self.file(SECRET_KEYS).put(name, json!(format!("{UNENCRYPTED}{}", key.reveal().as_str())))?;
        self.file(PUBLIC_KEYS)
            .put(name, json!({ "locator": format!("{UNENCRYPTED}{public}"), "key": public.to_string() }))?;
        self.file(HASHES).put(name, json!(hash.to_string()))?;
        Ok(hash)
    }

    /// Gives an implicit account a name.
    pub(crate) fn add_account(&self, name: &str, hash: &PublicKeyHash, force: bool) -> Result<()> {
        self.add(HASHES, name, hash.to_string(), force)
    }

    /// Gives an originated contract a name.
    pub(crate) fn add_contract(&self, name: &str, contract: &ContractHash, force: bool) -> Result<()> {
        self.add(CONTRACTS, name, contract.to_string(), force)
    }

    /// Gives a smart rollup a name; `text` is its address as the network writes it.
    pub(crate) fn add_rollup(&self, name: &str, text: String, force: bool) -> Result<()> {
        self.add(ROLLUPS, name, text, force)
    }

    fn add(&self, file: &'static str, name: &str, value: String, force: bool) -> Result<()> {
        check_name(name)?;
        match self.entry(file, name)? {
            Some(e) if e.value != json!(value) && !force => bail!(
                "the name `{name}` is taken in {}: choose another one or add --force",
                self.file(file).path().display()
            ),
            _ => self.file(file).put(name, json!(value)),
        }
    }

    /// Forgets a name and its keys.
    pub(crate) fn forget(&self, name: &str) -> Result<()> {
        let mut found = false;
        for file in [HASHES, PUBLIC_KEYS, SECRET_KEYS, CONTRACTS, ROLLUPS] {
            found |= self.file(file).remove(name)?;
        }
        if found { Ok(()) } else { Err(self.unknown("name", name, &[HASHES, CONTRACTS, ROLLUPS])) }
    }

    /// All implicit accounts with a name.
    pub(crate) fn accounts(&self) -> Result<Vec<Account>> {
        let secrets = self.file(SECRET_KEYS).read()?;
        let mut accounts = Vec::new();
        for entry in self.file(HASHES).read()? {
            let hash = parse(&entry, HASHES, "an implicit account")?;
            let has_secret = secrets.iter().any(|s| s.name == entry.name);
            accounts.push(Account { name: entry.name, hash, has_secret });
        }
        Ok(accounts)
    }

    /// Names and addresses of contracts.
    pub(crate) fn contracts(&self) -> Result<Vec<(String, String)>> {
        self.names_in(CONTRACTS)
    }

    /// Names and addresses of smart rollups.
    pub(crate) fn rollups(&self) -> Result<Vec<(String, String)>> {
        self.names_in(ROLLUPS)
    }

    fn names_in(&self, file: &'static str) -> Result<Vec<(String, String)>> {
        let entries = self.file(file).read()?;
        Ok(entries.into_iter().map(|e| (e.name, e.value.as_str().unwrap_or_default().to_owned())).collect())
    }

    /// An implicit account by name or by address.
    pub(crate) fn account(&self, word: &str) -> Result<PublicKeyHash> {
        if let Ok(hash) = word.parse() {
            return Ok(hash);
        }
        match self.entry(HASHES, bare(word))? {
            Some(entry) => parse(&entry, HASHES, "an implicit account"),
            None => Err(self.unknown("account", word, &[HASHES])),
        }
    }

    /// The address of a contract, originated or implicit, by name or as it is.
    pub(crate) fn contract(&self, word: &str) -> Result<soru_base::Contract> {
        if let Ok(contract) = word.parse() {
            return Ok(contract);
        }
        if let Some(entry) = self.entry(CONTRACTS, bare(word))? {
            return parse(&entry, CONTRACTS, "a contract");
        }
        match self.entry(HASHES, bare(word))? {
            Some(entry) => Ok(soru_base::Contract::Implicit(parse(&entry, HASHES, "an implicit account")?)),
            None => Err(self.unknown("contract or account", word, &[CONTRACTS, HASHES])),
        }
    }

    /// A smart rollup by name or by address.
    pub(crate) fn rollup(&self, word: &str) -> Result<RollupAddress> {
        if let Ok(address) = word.parse() {
            return Ok(address);
        }
        match self.entry(ROLLUPS, bare(word))? {
            Some(entry) => parse(&entry, ROLLUPS, "a smart rollup"),
            None => Err(self.unknown("smart rollup", word, &[ROLLUPS])),
        }
    }

    /// The address of a remembered smart rollup, as it was written.
    pub(crate) fn rollup_text(&self, name: &str) -> Result<String> {
        match self.entry(ROLLUPS, bare(name))? {
            Some(Entry { value: Value::String(text), .. }) => Ok(text),
            _ => Err(self.unknown("smart rollup", name, &[ROLLUPS])),
        }
    }

    /// The secret key of an account.
    pub(crate) fn secret_key(&self, account: &PublicKeyHash) -> Result<SecretKey> {
        let text = account.to_string();
        let hashes = self.file(HASHES).read()?;
        let secrets = self.file(SECRET_KEYS).read()?;
        for entry in hashes.iter().filter(|e| e.value.as_str() == Some(&text)) {
            let Some(secret) = secrets.iter().find(|s| s.name == entry.name) else { continue };
            let uri = secret.value.as_str().unwrap_or_default();
            let Some(key) = uri.strip_prefix(UNENCRYPTED) else {
                let scheme = uri.split(':').next().unwrap_or_default();
                bail!(
                    "the secret key of `{}` has the scheme `{scheme}:`, which is not supported: only `{UNENCRYPTED}`",
                    entry.name
                );
            };
            // The parser's error would repeat the secret: it is left out on purpose.
            return key.parse().map_err(|_| {
                anyhow!(
                    "the secret key of `{}` in {} is malformed",
                    entry.name,
                    self.file(SECRET_KEYS).path().display()
                )
            });
        }
        bail!("no secret key of {account} in the wallet {}", self.dir.display())
    }

    /// The public key of an account, if the wallet has it.
    pub(crate) fn public_key(&self, account: &PublicKeyHash) -> Option<PublicKey> {
        self.secret_key(account).ok().map(|key| key.public_key())
    }

    fn unknown(&self, what: &str, word: &str, files: &[&'static str]) -> anyhow::Error {
        let names: Vec<String> =
            files.iter().flat_map(|f| self.file(f).read().unwrap_or_default()).map(|e| e.name).collect();
        let hint = crate::phrase::nearest(word, names.iter().map(String::as_str))
            .map(|name| format!("; did you mean `{name}`?"))
            .unwrap_or_default();
        anyhow!("no {what} named `{word}` in the wallet {}{hint}", self.dir.display())
    }
}

/// `alias:NAME` is NAME.
fn bare(word: &str) -> &str {
    word.strip_prefix("alias:").unwrap_or(word)
}

fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.contains(char::is_whitespace) || name.contains(':') {
        bail!("`{name}` is no name: it is empty or has blanks or a colon");
    }
    Ok(())
}

fn parse<T: std::str::FromStr>(entry: &Entry, file: &str, what: &str) -> Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let text = match &entry.value {
        Value::String(text) => text.as_str(),
        other => bail!("the entry `{}` of {file} is not {what}: {other}", entry.name),
    };
    text.parse::<T>().with_context(|| format!("the entry `{}` of {file} is not {what}", entry.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use soru_base::bootstrap::BOOTSTRAP_ACCOUNTS;

    fn key(n: usize) -> SecretKey {
        BOOTSTRAP_ACCOUNTS[n].secret_key.parse().unwrap()
    }

    fn wallet() -> (tempfile::TempDir, Wallet) {
        let dir = tempfile::tempdir().unwrap();
        let wallet = Wallet::open(dir.path().join("client"));
        (dir, wallet)
    }

    #[test]
    fn a_key_is_found_again_by_name_and_by_address() {
        let (_dir, wallet) = wallet();
        let key = key(0);
        let hash = wallet.add_secret_key("alice", &key, false).unwrap();
        assert_eq!(wallet.account("alice").unwrap(), hash);
        assert_eq!(wallet.account(&hash.to_string()).unwrap(), hash);
        assert_eq!(wallet.secret_key(&hash).unwrap().public_key().hash(), hash);
        let listed = wallet.accounts().unwrap();
        assert_eq!((listed[0].name.as_str(), listed[0].has_secret), ("alice", true));
    }

    #[test]
    fn the_files_have_the_layout_of_octez() {
        let (_dir, wallet) = wallet();
        wallet.add_secret_key("alice", &key(0), false).unwrap();
        let read = |name: &str| {
            serde_json::from_str::<Value>(&std::fs::read_to_string(wallet.dir.join(name)).unwrap()).unwrap()
        };
        assert_eq!(
            read("public_key_hashs"),
            json!([{ "name": "alice", "value": "tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx" }])
        );
        assert_eq!(
            read("secret_keys"),
            json!([{ "name": "alice", "value": "unencrypted:edsk3gUfUPyBSfrS9CCgmCiQsTCHGkviBDusMxDJstFtojtc1zcpsh" }])
        );
        assert_eq!(
            read("public_keys")[0]["value"]["key"],
            "edpkuBknW28nW72KG6RoHtYW7p12T6GKc7nAbwYX5m8Wd9sDVC9yav"
        );
    }

    #[test]
    fn a_taken_name_is_refused_and_a_wrong_one_gets_a_hint() {
        let (_dir, wallet) = wallet();
        wallet.add_secret_key("alice", &key(0), false).unwrap();
        let error = wallet.add_secret_key("alice", &key(1), false).unwrap_err();
        assert!(error.to_string().contains("the name `alice` is taken"), "{error}");
        wallet.add_secret_key("alice", &key(1), true).unwrap();
        let error = wallet.account("alcie").unwrap_err();
        assert!(error.to_string().contains("did you mean `alice`?"), "{error}");
    }

    #[test]
    fn a_malformed_secret_is_never_repeated() {
        let (_dir, wallet) = wallet();
        let hash = wallet.add_secret_key("alice", &key(0), false).unwrap();
        let path = wallet.dir.join("secret_keys");
        std::fs::write(&path, r#"[{"name":"alice","value":"unencrypted:edskSECRET"}]"#).unwrap();
        let error = format!("{:#}", wallet.secret_key(&hash).err().unwrap());
        assert!(!error.contains("SECRET") && error.contains("malformed"), "{error}");
    }
}
