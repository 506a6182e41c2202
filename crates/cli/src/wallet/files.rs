//! A file of names: a JSON array of `{"name", "value"}`; and the lock under which such files are changed.

use anyhow::{Context, Result};
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) value: Value,
}

/// The right to change the files of a wallet. It is the lock of Octez's client, so that both can change one wallet.
pub(super) struct Lock(#[expect(dead_code, reason = "the lock goes when the file is closed")] File);

impl Lock {
    /// Waits until nobody else changes the wallet in that folder, which is made if it is not there.
    pub(super) fn take(dir: &Path) -> Result<Self> {
        let context = || format!("cannot lock the wallet {}", dir.display());
        DirBuilder::new().recursive(true).mode(0o700).create(dir).with_context(context)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o644);
        let file = options.open(dir.join("wallet_lock")).with_context(context)?;
        let whole = libc::flock {
            l_type: libc::F_WRLCK as libc::c_short,
            l_whence: libc::SEEK_SET as libc::c_short,
            l_start: 0,
            l_len: 0,
            l_pid: 0,
        };
        fcntl(&file, FcntlArg::F_SETLKW(&whole)).with_context(context)?;
        Ok(Self(file))
    }
}

pub(super) struct NameFile {
    path: PathBuf,
}

impl NameFile {
    pub(super) fn new(dir: &Path, name: &str) -> Self {
        Self { path: dir.join(name) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// All entries; none if the file is not there.
    pub(super) fn read(&self) -> Result<Vec<Entry>> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(e).with_context(|| format!("cannot read {}", self.path.display())),
        };
        serde_json::from_str(&text).with_context(|| {
            format!("{} is no wallet file: expected an array of {{\"name\", \"value\"}}", self.path.display())
        })
    }

    /// Sets the value of a name.
    pub(super) fn put(&self, _lock: &Lock, name: &str, value: Value) -> Result<()> {
        let mut entries = self.read()?;
        entries.retain(|e| e.name != name);
        entries.insert(0, Entry { name: name.to_owned(), value });
        self.write(&entries)
    }

    /// Removes a name; says whether it was there.
    pub(super) fn remove(&self, _lock: &Lock, name: &str) -> Result<bool> {
        let mut entries = self.read()?;
        let before = entries.len();
        entries.retain(|e| e.name != name);
        let found = entries.len() < before;
        if found {
            self.write(&entries)?;
        }
        Ok(found)
    }

    /// Removes all names.
    pub(super) fn clear(&self, _lock: &Lock) -> Result<()> {
        if self.path.exists() { self.write(&[]) } else { Ok(()) }
    }

    /// Replaces the file at once, so that a crash leaves the old or the new one; readable by its owner only.
    fn write(&self, entries: &[Entry]) -> Result<()> {
        let context = || format!("cannot write {}", self.path.display());
        let temporary = self.path.with_extension("new");
        // One that a crash has left may be readable by others.
        let _ = fs::remove_file(&temporary);
        let mut options = OpenOptions::new();
        let mut file =
            options.write(true).create_new(true).mode(0o600).open(&temporary).with_context(context)?;
        let mut text = serde_json::to_string_pretty(entries).with_context(context)?;
        text.push('\n');
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(context)?;
        fs::rename(&temporary, &self.path).with_context(context)
    }
}
