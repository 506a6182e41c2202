//! A file of names: a JSON array of `{"name", "value"}`.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) value: Value,
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
    pub(super) fn put(&self, name: &str, value: Value) -> Result<()> {
        let mut entries = self.read()?;
        entries.retain(|e| e.name != name);
        entries.insert(0, Entry { name: name.to_owned(), value });
        self.write(&entries)
    }

    /// Removes a name; says whether it was there.
    pub(super) fn remove(&self, name: &str) -> Result<bool> {
        let mut entries = self.read()?;
        let before = entries.len();
        entries.retain(|e| e.name != name);
        let found = entries.len() < before;
        if found {
            self.write(&entries)?;
        }
        Ok(found)
    }

    /// Replaces the file at once, so that a crash leaves the old or the new one; readable by its owner only.
    fn write(&self, entries: &[Entry]) -> Result<()> {
        let context = || format!("cannot write {}", self.path.display());
        if let Some(dir) = self.path.parent() {
            fs::create_dir_all(dir).with_context(context)?;
        }
        let temporary = self.path.with_extension("new");
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)
            .with_context(context)?;
        let mut text = serde_json::to_string_pretty(entries).with_context(context)?;
        text.push('\n');
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(context)?;
        fs::rename(&temporary, &self.path).with_context(context)
    }
}
