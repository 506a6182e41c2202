//! The durable storage: values by key, over a tree.

use crate::lazy::ByteVector;
use crate::state::StateError;
use crate::version::Version;
use soru_base::hash::ContextHash;
use soru_merkle::{Tree, TreeError};
use thiserror::Error;

/// Most bytes of a key.
pub const MAX_KEY_LEN: usize = 240;
/// Most bytes that are read or written at once.
pub const MAX_IO: i64 = 2048;

const VALUE: &str = "@";
const KERNEL: [&str; 2] = ["kernel", "boot.wasm"];
const FALLBACK_KERNEL: [&str; 3] = ["readonly", "kernel", "boot.wasm"];
const VERSION: [&str; 2] = ["readonly", "wasm_version"];

/// A fact about the last run that the machine writes down for the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flag {
    /// The kernel wants to run again without waiting for the next inbox.
    Reboot,
    /// The last run trapped.
    Stuck,
    /// The kernel was replaced by one that was refused.
    UpgradeError,
    /// The kernel asked for more reboots than it may.
    TooManyReboots,
}

impl Flag {
    fn path(self) -> &'static [&'static str] {
        match self {
            Self::Reboot => &["kernel", "env", "reboot"],
            Self::Stuck => &["readonly", "kernel", "env", "stuck"],
            Self::UpgradeError => &["readonly", "kernel", "env", "upgrade_error"],
            Self::TooManyReboots => &["readonly", "kernel", "env", "too_many_reboot"],
        }
    }
}

const REBOOT_COUNTER: [&str; 4] = ["readonly", "kernel", "env", "reboot_counter"];

/// Where something is in the durable storage: steps of letters, digits and `.-_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    steps: Vec<String>,
}

impl Key {
    /// Reads `/step/step`. The empty text is the root; at most [`MAX_KEY_LEN`] bytes.
    pub fn parse(text: &[u8]) -> Result<Self, DurableError> {
        let allowed = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if text.len() > MAX_KEY_LEN {
            return Err(DurableError::InvalidKey);
        }
        let mut steps = text.split(|b| *b == b'/');
        if steps.next() != Some(b"") {
            return Err(DurableError::InvalidKey);
        }
        let steps = steps.map(|step| match step {
            [] => Err(DurableError::InvalidKey),
            _ if !step.iter().all(allowed) => Err(DurableError::InvalidKey),
            _ => Ok(String::from_utf8_lossy(step).into_owned()),
        });
        Ok(Self { steps: steps.collect::<Result<_, _>>()? })
    }

    /// The root and everything below `/readonly` are not for the kernel to change.
    pub fn is_readonly(&self) -> bool {
        self.steps.first().is_none_or(|first| first == "readonly")
    }

    /// The steps.
    pub fn steps(&self) -> &[String] {
        &self.steps
    }

    fn value(&self) -> Vec<&str> {
        self.steps.iter().map(String::as_str).chain([VALUE]).collect()
    }
}

/// What of a key is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// Its own value.
    Value,
    /// Its own value and all below.
    Directory,
}

/// Why an operation on the durable storage cannot be done.
#[derive(Debug, Clone, Error)]
pub enum DurableError {
    /// The key is malformed.
    #[error("the key is malformed")]
    InvalidKey,
    /// The kernel cannot write there.
    #[error("the key is read-only")]
    ReadOnly,
    /// There is no value.
    #[error("there is no value at this key")]
    NotAValue,
    /// There is nothing.
    #[error("there is nothing at this key")]
    NotANode,
    /// The offset is outside of the value.
    #[error("the offset is outside of the value")]
    OutOfBounds,
    /// More than [`MAX_IO`] bytes at once.
    #[error("more than {MAX_IO} bytes at once")]
    TooLarge,
    /// There is no such child.
    #[error("there is no child of that index")]
    IndexTooLarge,
    /// A negative number where none makes sense.
    #[error("a negative length or offset")]
    Malformed,
    /// The tree cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
}

impl From<TreeError> for DurableError {
    fn from(error: TreeError) -> Self {
        Self::State(error.into())
    }
}

/// The durable storage. A clone is a snapshot and costs nothing.
#[derive(Debug, Clone, Default)]
pub struct Durable {
    tree: Tree,
}

impl Durable {
    /// The storage that a subtree holds.
    pub fn of_tree(tree: Tree) -> Self {
        Self { tree }
    }

    /// The storage of a state, the rest of which is not read.
    pub fn of_state(state: &Tree) -> Result<Self, StateError> {
        crate::state::durable(state)
    }

    /// Its subtree.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Fails if the kernel must not change this key.
    pub fn writable(&self, key: &Key) -> Result<(), DurableError> {
        if key.is_readonly() { Err(DurableError::ReadOnly) } else { Ok(()) }
    }

    /// Whether there is anything at this key.
    pub fn exists(&self, key: &Key) -> Result<bool, DurableError> {
        Ok(self.tree.find_tree(&key.steps)?.is_some())
    }

    /// Length of the value, if there is one.
    pub fn value_len(&self, key: &Key) -> Result<Option<u64>, DurableError> {
        Ok(self.value(&key.value())?.map(|value| value.length()).transpose()?)
    }

    /// Number of children, the own value counted as one.
    pub fn count_children(&self, key: &Key) -> Result<u64, DurableError> {
        Ok(self.tree.length(&key.steps)?)
    }

    /// Name of the child number `index` in the order of the tree; the own value has the empty name. A negative index
    /// is [`DurableError::Malformed`], one that is too large [`DurableError::IndexTooLarge`].
    pub fn nth_child(&self, key: &Key, index: i64) -> Result<String, DurableError> {
        let directory = self.tree.find_tree(&key.steps)?.ok_or(DurableError::NotANode)?;
        let index = usize::try_from(index).map_err(|_| DurableError::Malformed)?;
        let none: [&str; 0] = [];
        let child = directory.list_in_tree_order(&none, index, 1)?;
        let (name, _) = child.first().ok_or(DurableError::IndexTooLarge)?;
        let name = String::from_utf8_lossy(name).into_owned();
        Ok(if name == VALUE { String::new() } else { name })
    }

    /// Merkle hash of what is at this key.
    pub fn hash(&self, key: &Key, kind: KeyKind) -> Result<Option<ContextHash>, DurableError> {
        let tree = match kind {
            KeyKind::Value => self.tree.find_tree(&key.value())?,
            KeyKind::Directory => self.tree.find_tree(&key.steps)?,
        };
        Ok(tree.map(|tree| tree.hash()).transpose()?)
    }

    /// Bytes of a value from `offset` on: as many as there are, at most `max`.
    pub fn read(&self, key: &Key, offset: i64, max: i64) -> Result<Vec<u8>, DurableError> {
        if max > MAX_IO {
            return Err(DurableError::TooLarge);
        }
        let value = self.value(&key.value())?.ok_or(DurableError::NotAValue)?;
        let len = value.length()?;
        let start = u64::try_from(offset).ok().filter(|o| *o < len).ok_or(DurableError::OutOfBounds)?;
        let max = u64::try_from(max).map_err(|_| DurableError::Malformed)?;
        Ok(value.read(start, len.min(start.saturating_add(max)))?)
    }

    /// The whole value, if there is one, of at most `max` bytes.
    pub fn read_all(&self, key: &Key, max: u64) -> Result<Option<Vec<u8>>, DurableError> {
        Ok(self.value(&key.value())?.map(|value| value.read_all(max)).transpose()?)
    }

    /// All values with their keys, in the order of the keys as texts. Not for the storage of a stranger's kernel: copies
    /// share what they hold in a tree, but not here.
    pub fn values(&self) -> Result<Vec<(String, ByteVector)>, StateError> {
        let none: [&str; 0] = [];
        let mut values = Vec::new();
        let mut ahead = vec![(String::new(), self.tree.clone())];
        while let Some((key, tree)) = ahead.pop() {
            for (name, child) in tree.list(&none, 0, usize::MAX)? {
                match &*name {
                    b"@" => values.push((key.clone(), ByteVector::of_tree(child))),
                    name => ahead.push((format!("{key}/{}", String::from_utf8_lossy(name)), child)),
                }
            }
        }
        values.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(values)
    }

    /// Writes into a value, at most up to its end plus what is written; makes it if there is none.
    pub fn write(&mut self, key: &Key, offset: i64, bytes: &[u8]) -> Result<(), DurableError> {
        if bytes.len() as i64 > MAX_IO {
            return Err(DurableError::TooLarge);
        }
        self.write_path(&key.value(), offset, bytes)
    }

    /// Puts a value of any length in place of what is there.
    pub fn set(&mut self, key: &Key, bytes: &[u8]) -> Result<(), DurableError> {
        Ok(self.replace(key, bytes)?)
    }

    /// The same, where nothing but the storage itself can be in the way.
    pub(crate) fn replace(&mut self, key: &Key, bytes: &[u8]) -> Result<(), StateError> {
        self.set_path(&key.value(), bytes)
    }

    /// Makes a value of `size` zeros; false if there is one already.
    pub fn create(&mut self, key: &Key, size: u32) -> Result<bool, DurableError> {
        let path = key.value();
        if self.value(&path)?.is_some() {
            return Ok(false);
        }
        self.tree.insert_tree(&path, ByteVector::zeros(u64::from(size))?.tree().clone())?;
        Ok(true)
    }

    /// Removes what is at this key, if anything.
    pub fn delete(&mut self, key: &Key, kind: KeyKind) -> Result<(), DurableError> {
        match kind {
            KeyKind::Value => self.tree.remove(&key.value())?,
            KeyKind::Directory => self.tree.remove(&key.steps)?,
        }
        Ok(())
    }

    /// Copies a key and all below in place of another.
    pub fn copy(&mut self, from: &Key, to: &Key) -> Result<(), DurableError> {
        let moved = self.tree.find_tree(&from.steps)?.ok_or(DurableError::NotANode)?;
        Ok(self.tree.insert_tree(&to.steps, moved)?)
    }

    /// Moves a key and all below in place of another.
    pub fn move_tree(&mut self, from: &Key, to: &Key) -> Result<(), DurableError> {
        let moved = self.tree.find_tree(&from.steps)?.ok_or(DurableError::NotANode)?;
        self.tree.remove(&from.steps)?;
        Ok(self.tree.insert_tree(&to.steps, moved)?)
    }

    fn value(&self, path: &[&str]) -> Result<Option<ByteVector>, StateError> {
        Ok(self.tree.find_tree(path)?.map(ByteVector::of_tree))
    }

    // Written part by part into what is there, as the reference does: a step's proof shows it.
    fn set_path<S: AsRef<[u8]> + Clone>(&mut self, path: &[S], bytes: &[u8]) -> Result<(), StateError> {
        let value = ByteVector::of_bytes(bytes)?.tree().clone();
        for name in ["contents", "length"] {
            let part = [path.iter().map(AsRef::as_ref).collect::<Vec<_>>(), vec![name.as_bytes()]].concat();
            match value.find_tree(&[name])? {
                Some(tree) => self.tree.insert_tree(&part, tree)?,
                None => self.tree.remove(&part)?,
            }
        }
        Ok(())
    }

    fn write_path(&mut self, path: &[&str], offset: i64, bytes: &[u8]) -> Result<(), DurableError> {
        let mut value = match self.value(path)? {
            Some(value) => value,
            None => ByteVector::zeros(0)?,
        };
        let len = value.length()?;
        if u64::try_from(offset).is_ok_and(|o| o > len) {
            return Err(DurableError::OutOfBounds);
        }
        let start = u64::try_from(offset).map_err(|_| DurableError::Malformed)?;
        value.write(start, bytes)?;
        Ok(self.tree.insert_tree(path, value.tree().clone())?)
    }
}

/// What the machine itself keeps here.
impl Durable {
    /// The version of the machine.
    pub fn version(&self) -> Result<Version, StateError> {
        const NAME_MAX: u64 = 64;
        let path = with_value(&VERSION);
        let value = self.value(&path)?.ok_or_else(|| StateError::missing(&path))?.read_all(NAME_MAX)?;
        String::from_utf8_lossy(&value).parse().map_err(|e| StateError::malformed(&path, e))
    }

    pub(crate) fn set_version(&mut self, version: Version) -> Result<(), StateError> {
        self.set_path(&with_value(&VERSION), version.name().as_bytes())
    }

    /// The kernel that runs next.
    pub fn kernel(&self) -> Result<Option<ByteVector>, StateError> {
        self.value(&with_value(&KERNEL))
    }

    pub(crate) fn install_kernel(&mut self, kernel: &[u8]) -> Result<(), StateError> {
        self.set_path(&with_value(&KERNEL), kernel)
    }

    /// Puts a kernel where there is none.
    pub(crate) fn put_kernel(&mut self, kernel: &ByteVector) -> Result<(), StateError> {
        Ok(self.tree.insert_tree(&with_value(&KERNEL), kernel.tree().clone())?)
    }

    /// The kernel, now known to be good, becomes the one to fall back to: with all that is below its key.
    pub fn save_fallback_kernel(&mut self) -> Result<(), StateError> {
        if self.value_hash(&KERNEL)? != self.value_hash(&FALLBACK_KERNEL)? {
            let kernel = self.tree.find_tree(&KERNEL)?.ok_or_else(|| StateError::missing(&KERNEL))?;
            self.tree.insert_tree(&FALLBACK_KERNEL, kernel)?;
        }
        Ok(())
    }

    /// Puts the last good kernel in place of the current one; false if there is no other one.
    pub(crate) fn fall_back(&mut self) -> Result<bool, StateError> {
        let fallback = self.value_hash(&FALLBACK_KERNEL)?;
        if fallback.is_none() || fallback == self.value_hash(&KERNEL)? {
            return Ok(false);
        }
        let kernel =
            self.tree.find_tree(&FALLBACK_KERNEL)?.ok_or_else(|| StateError::missing(&FALLBACK_KERNEL))?;
        self.tree.insert_tree(&KERNEL, kernel)?;
        self.raise(Flag::UpgradeError)?;
        Ok(true)
    }

    fn value_hash(&self, path: &[&str]) -> Result<Option<ContextHash>, StateError> {
        Ok(self.tree.find_tree(&with_value(path))?.map(|tree| tree.hash()).transpose()?)
    }

    /// Whether a flag is raised: whether there is a value at its key.
    pub fn is_raised(&self, flag: Flag) -> Result<bool, StateError> {
        // The machine reads the value, so its length is in the proof of such a step.
        Ok(self.value(&with_value(flag.path()))?.map(|value| value.length()).transpose()?.is_some())
    }

    pub(crate) fn raise(&mut self, flag: Flag) -> Result<(), StateError> {
        // A write of nothing: a value that is there keeps its bytes.
        let path = with_value(flag.path());
        match self.value(&path)? {
            Some(value) => value.length().map(drop),
            None => self.set_path(&path, &[]),
        }
    }

    /// Removes the flag and all below its key.
    pub(crate) fn lower(&mut self, flag: Flag) -> Result<(), StateError> {
        Ok(self.tree.remove(flag.path())?)
    }

    pub(crate) fn set_reboot_counter(&mut self, counter: i32) -> Result<(), StateError> {
        self.tree.remove(&REBOOT_COUNTER)?;
        self.set_path(&with_value(&REBOOT_COUNTER), &counter.to_le_bytes())
    }
}

fn with_value<'a>(path: &[&'a str]) -> Vec<&'a str> {
    path.iter().copied().chain([VALUE]).collect()
}
