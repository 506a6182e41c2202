//! Cells: the shared pieces a tree is made of, each in memory, loadable, or known by its hash alone.

use crate::error::LoadError;
use crate::hashing;
use crate::inode::Inode;
use bytes::Bytes;
use soru_base::ContextHash;
use std::sync::{Arc, Mutex, OnceLock};

/// Where the body of a cell comes from when it is first read.
pub(crate) trait Source: Send + Sync {
    /// The bytes of the leaf `id`, whose hash is `hash`.
    fn leaf(&self, id: u64, hash: &ContextHash) -> Result<Bytes, LoadError>;
    /// The inode `id`, whose hash is `hash`; one level of it.
    fn inode(self: Arc<Self>, id: u64, hash: &ContextHash) -> Result<Inode, LoadError>;
}

/// What a cell was made from.
enum Origin {
    Memory,
    Source { source: Arc<dyn Source>, id: u64 },
    Blinded,
}

/// Which record of which store holds a cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// Number of the store, unique in this process.
    pub(crate) store: u64,
    /// Id of the record.
    pub(crate) id: u64,
    /// How many nodes the store had ever collected when this one was surely there; nothing if it never was.
    pub(crate) there: Option<u64>,
}

/// A value that is there from the beginning, or once. Most are known at once: those cost nothing to set.
enum Late<T> {
    Known(T),
    Once(OnceLock<T>),
}

impl<T> Late<T> {
    fn unknown() -> Self {
        Self::Once(OnceLock::new())
    }

    fn get(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Once(once) => once.get(),
        }
    }

    fn get_or_init(&self, value: impl FnOnce() -> T) -> &T {
        match self {
            Self::Known(known) => known,
            Self::Once(once) => once.get_or_init(value),
        }
    }

    fn into_inner(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Once(once) => once.into_inner(),
        }
    }
}

/// A body with its hash, both known late. A body is set once and never changes.
pub(crate) struct Cell<B> {
    hash: Late<ContextHash>,
    body: Late<B>,
    origin: Origin,
    place: Mutex<Option<Place>>,
}

impl<B> Cell<B> {
    pub(crate) fn new(body: B) -> Arc<Self> {
        Arc::new(Self {
            hash: Late::unknown(),
            body: Late::Known(body),
            origin: Origin::Memory,
            place: Mutex::new(None),
        })
    }

    /// A cell in memory whose hash is known.
    pub(crate) fn hashed(body: B, hash: ContextHash) -> Arc<Self> {
        Arc::new(Self {
            hash: Late::Known(hash),
            body: Late::Known(body),
            origin: Origin::Memory,
            place: Mutex::new(None),
        })
    }

    /// A cell whose body `source` gives when asked.
    pub(crate) fn lazy(
        hash: ContextHash,
        source: Arc<dyn Source>,
        id: u64,
        place: Option<Place>,
    ) -> Arc<Self> {
        Arc::new(Self {
            hash: Late::Known(hash),
            body: Late::unknown(),
            origin: Origin::Source { source, id },
            place: Mutex::new(place),
        })
    }

    /// A cell of which only the hash is known.
    pub(crate) fn blinded(hash: ContextHash) -> Arc<Self> {
        Arc::new(Self {
            hash: Late::Known(hash),
            body: Late::unknown(),
            origin: Origin::Blinded,
            place: Mutex::new(None),
        })
    }

    /// The body, if it is in memory.
    pub(crate) fn loaded(&self) -> Option<&B> {
        self.body.get()
    }

    /// Where a store keeps this cell, as far as is known; the store checks that it still does.
    pub(crate) fn place(&self) -> Option<Place> {
        // A place is one plain value: a panic elsewhere cannot leave it half written.
        *self.place.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Remembers where a store keeps this cell.
    pub(crate) fn set_place(&self, place: Place) {
        *self.place.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(place);
    }

    /// The body, if it is in memory, of a cell that is being dropped.
    pub(crate) fn into_body(self) -> Option<B> {
        self.body.into_inner()
    }

    /// Whether the body comes from elsewhere: other cells may have the same one then.
    pub(crate) fn is_from_source(&self) -> bool {
        matches!(self.origin, Origin::Source { .. })
    }

    fn load(
        &self,
        read: impl FnOnce(&Arc<dyn Source>, u64, &ContextHash) -> Result<B, LoadError>,
    ) -> Result<&B, LoadError> {
        if let Some(body) = self.body.get() {
            return Ok(body);
        }
        let hash = self.hash.get().expect("a cell without a body was made from its hash");
        let body = match &self.origin {
            Origin::Source { source, id } => read(source, *id, hash)?,
            Origin::Memory | Origin::Blinded => return Err(LoadError::Blinded { hash: *hash }),
        };
        Ok(self.body.get_or_init(|| body))
    }

    /// Remembers the hash of a body that was made in memory.
    fn set_hash(&self, hash: ContextHash) -> ContextHash {
        *self.hash.get_or_init(|| hash)
    }

    /// The body of a cell whose hash is not known.
    fn unhashed(&self) -> &B {
        self.body.get().expect("a cell without a known hash was made in memory, with its body")
    }

    /// The hash, if it is known already.
    pub(crate) fn known_hash(&self) -> Option<ContextHash> {
        self.hash.get().copied()
    }
}

impl Cell<Bytes> {
    /// The bytes of the leaf.
    pub(crate) fn get(&self) -> Result<&Bytes, LoadError> {
        self.load(|source, id, hash| source.leaf(id, hash))
    }

    pub(crate) fn hash(&self) -> ContextHash {
        self.known_hash().unwrap_or_else(|| self.set_hash(hashing::leaf(self.unhashed())))
    }
}

impl Cell<Inode> {
    /// One level of the trie.
    pub(crate) fn get(&self) -> Result<&Inode, LoadError> {
        self.load(|source, id, hash| source.clone().inode(id, hash))
    }

    /// The hash. Everything below is hashed first, from a list: trees may be deeper than any stack.
    pub(crate) fn hash(&self) -> Result<ContextHash, LoadError> {
        if let Some(hash) = self.known_hash() {
            return Ok(hash);
        }
        let mut ahead = vec![self];
        while let Some(cell) = ahead.last().copied() {
            if cell.known_hash().is_none() {
                let here = ahead.len();
                cell.unhashed().each_unhashed_cell(|below| ahead.push(below))?;
                if ahead.len() > here {
                    continue;
                }
                cell.set_hash(hashing::inode(cell.unhashed())?);
            }
            ahead.pop();
        }
        Ok(self.known_hash().expect("the first cell of the list was hashed last"))
    }
}
