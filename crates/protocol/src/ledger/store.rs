//! Typed access to the tree that holds the ledger.

use super::error::StorageError;
use soru_base::bin::put_n64;
use soru_base::{Binary, DecodeError, Reader};
use soru_merkle::Tree;

/// The tree with values in it. Every value is the binary form of its type.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) tree: Tree,
}

/// A place: names of directories and of a leaf.
pub(crate) type Path<'a> = &'a [&'a [u8]];

/// A natural number as a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Number(pub(crate) u64);

impl Binary for Number {
    fn write(&self, out: &mut Vec<u8>) {
        put_n64(out, self.0);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.n64("number").map(Self)
    }
}

impl Store {
    pub(crate) fn get<T: Binary>(&self, path: Path<'_>) -> Result<Option<T>, StorageError> {
        let Some(bytes) = self.tree.find(path)? else { return Ok(None) };
        match T::from_bytes(&bytes) {
            Ok(value) => Ok(Some(value)),
            Err(reason) => Err(StorageError::Corrupt { path: show(path), reason }),
        }
    }

    /// The value that must be there.
    pub(crate) fn require<T: Binary>(&self, path: Path<'_>) -> Result<T, StorageError> {
        self.get(path)?.ok_or_else(|| StorageError::Missing(show(path)))
    }

    /// The number there, zero if there is none.
    pub(crate) fn number(&self, path: Path<'_>) -> Result<u64, StorageError> {
        Ok(self.get::<Number>(path)?.unwrap_or_default().0)
    }

    pub(crate) fn set<T: Binary>(&mut self, path: Path<'_>, value: &T) -> Result<(), StorageError> {
        Ok(self.tree.insert(path, value.to_bytes())?)
    }

    pub(crate) fn set_number(&mut self, path: Path<'_>, number: u64) -> Result<(), StorageError> {
        self.set(path, &Number(number))
    }

    /// A leaf of one byte: only its name tells something.
    pub(crate) fn mark(&mut self, path: Path<'_>) -> Result<(), StorageError> {
        Ok(self.tree.insert(path, vec![1u8])?)
    }

    pub(crate) fn remove(&mut self, path: Path<'_>) -> Result<(), StorageError> {
        Ok(self.tree.remove(path)?)
    }

    pub(crate) fn contains(&self, path: Path<'_>) -> Result<bool, StorageError> {
        Ok(self.tree.contains_tree(path)?)
    }

    /// The names in a directory, read as `T`, in the order of their bytes.
    pub(crate) fn names<T: Binary>(&self, path: Path<'_>) -> Result<Vec<T>, StorageError> {
        let children = self.tree.list(path, 0, usize::MAX)?;
        let names = children.iter().map(|(name, _)| T::from_bytes(name));
        names.collect::<Result<_, _>>().map_err(|reason| StorageError::Corrupt { path: show(path), reason })
    }
}

fn show(path: Path<'_>) -> String {
    let step = |name: &&[u8]| match std::str::from_utf8(name) {
        Ok(text) if text.bytes().all(|b| b.is_ascii_graphic()) => text.to_owned(),
        _ => hex::encode(name),
    };
    path.iter().map(step).collect::<Vec<_>>().join("/")
}

/// A [`Path`] of anything that is bytes.
macro_rules! at {
    ($($name:expr),+ $(,)?) => { &[$(AsRef::<[u8]>::as_ref(&$name)),+] };
}
pub(crate) use at;
