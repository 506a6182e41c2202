//! Values at leaves, in the network's binary encodings.

use crate::state::StateError;
use soru_base::bin::{DecodeError, Reader};
use soru_merkle::Tree;

/// The value of the leaf at `path`, if there is one; `read` has to take all of its bytes.
pub(crate) fn read_leaf<T>(
    tree: &Tree,
    path: &[&str],
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<Option<T>, StateError> {
    let Some(bytes) = tree.find(path)? else { return Ok(None) };
    let mut r = Reader::new(&bytes);
    let value = read(&mut r).and_then(|value| r.finish().map(|()| value));
    value.map(Some).map_err(|e| StateError::malformed(path, e))
}

/// As [`read_leaf`], for a leaf that has to be there.
pub(crate) fn require_leaf<T>(
    tree: &Tree,
    path: &[&str],
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<T, StateError> {
    read_leaf(tree, path, read)?.ok_or_else(|| StateError::missing(path))
}
