//! Passwords of encrypted keys: those of a file first, then those that the user is asked for.

use super::encrypted::{EncryptedKey, SALT};
use super::prompt::ask_secret;
use anyhow::{Context, Result, anyhow, bail};
use soru_base::SecretKey;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroizing;

/// How often a wrong password may be given.
const ATTEMPTS: usize = 3;

/// Passwords that were found out, each tried before the user is asked again.
#[derive(Default)]
pub(crate) struct Passwords {
    file: Option<PathBuf>,
    known: Mutex<Vec<Zeroizing<String>>>,
}

impl Passwords {
    /// With the lines of a file, which is read when a password is needed.
    pub(crate) fn of_file(file: Option<PathBuf>) -> Self {
        Self { file, known: Mutex::default() }
    }

    /// Opens a key, or says why it stays closed.
    pub(super) fn open(&self, name: &str, key: &EncryptedKey) -> Result<SecretKey> {
        for password in self.all()? {
            if let Some(opened) = key.open(password.as_bytes()).with_context(|| corrupted(name))? {
                return Ok(opened);
            }
        }
        for left in (0..ATTEMPTS).rev() {
            let password = ask_secret(format_args!("Enter password for encrypted key \"{name}\": "))
                .with_context(|| self.without_answer(name))?;
            if let Some(opened) = key.open(password.as_bytes()).with_context(|| corrupted(name))? {
                self.known.lock().unwrap_or_else(PoisonError::into_inner).push(password);
                return Ok(opened);
            }
            if left > 0 {
                eprintln!("Sorry, try again.");
            }
        }
        bail!("the key \"{name}\" stays closed: {ATTEMPTS} incorrect password attempts")
    }

    /// Puts a key under a password that the user gives twice.
    pub(super) fn seal(key: &SecretKey) -> Result<EncryptedKey> {
        let password = new_password()?;
        let mut salt = [0; SALT];
        getrandom::fill(&mut salt).map_err(|e| anyhow!("the system has no randomness: {e}"))?;
        Ok(EncryptedKey::seal(key, password.as_bytes(), salt))
    }

    fn all(&self) -> Result<Vec<Zeroizing<String>>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_empty()
            && let Some(file) = &self.file
        {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("cannot read the passwords of {}", file.display()))?;
            let text = Zeroizing::new(text);
            known.extend(text.lines().map(|line| Zeroizing::new(line.to_owned())));
        }
        Ok(known.clone())
    }

    fn without_answer(&self, name: &str) -> String {
        match &self.file {
            Some(file) => format!("no password of {} opens the key \"{name}\"", file.display()),
            None => format!("the key \"{name}\" is encrypted: --password-filename names a file of passwords"),
        }
    }
}

fn corrupted(name: &str) -> String {
    format!("the encrypted key \"{name}\" is damaged")
}

fn new_password() -> Result<Zeroizing<String>> {
    for _ in 0..ATTEMPTS {
        let password = ask_secret("Enter password to encrypt your key: ")?;
        if *password == *ask_secret("Confirm password: ")? {
            return Ok(password);
        }
        eprintln!("Passwords do not match.");
    }
    bail!("{ATTEMPTS} times the two passwords were not the same")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_passwords_opens_each_key_with_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("passwords");
        std::fs::write(&file, "one\ntwo words\n\n").unwrap();
        let passwords = Passwords::of_file(Some(file.clone()));
        let key = soru_base::BOOTSTRAP_ACCOUNTS[0].sk();
        for password in ["two words", "one", ""] {
            let sealed = EncryptedKey::seal(&key, password.as_bytes(), [7; SALT]);
            let opened = passwords.open("alice", &sealed).unwrap();
            assert_eq!(opened.public_key(), key.public_key(), "{password}");
        }
        std::fs::remove_file(&file).unwrap();
        let sealed = EncryptedKey::seal(&key, b"one", [7; SALT]);
        assert!(passwords.open("alice", &sealed).is_ok(), "they are remembered");
        let error = Passwords::of_file(Some(file)).open("alice", &sealed).unwrap_err();
        assert!(error.to_string().starts_with("cannot read the passwords of "), "{error}");
    }
}
