//! A tree of pages, put together in the durable storage.

use crate::host::{self, Result};

/// Most bytes of a page.
const PAGE: usize = 4096;
/// Bytes of a hash with its scheme.
const HASH: usize = 33;
/// Levels of a tree: three of hashes hold more than a value of the durable storage can.
const LEVELS: usize = 4;
const MALFORMED: &str = "installer: a page is malformed\n";

/// Writes what the tree of a root holds to a key.
pub(crate) fn reveal_to(root: &[u8], key: &[u8]) -> Result<()> {
    // Made once: filling memory takes ticks for each byte.
    let mut buffers = [[0; PAGE]; LEVELS];
    reveal(root, key, 0, &mut buffers).map(drop)
}

/// Returns where the next bytes go. There is a buffer for each level of the tree that may come.
fn reveal(hash: &[u8], key: &[u8], mut offset: usize, buffers: &mut [[u8; PAGE]]) -> Result<usize> {
    let (buffer, below) = buffers.split_first_mut().ok_or("installer: the tree of pages is too high\n")?;
    let (tag, rest) = host::reveal(hash, buffer)?.split_first().ok_or(MALFORMED)?;
    let (length, contents) = rest.split_first_chunk().ok_or(MALFORMED)?;
    if u32::from_be_bytes(*length) as usize != contents.len() {
        return Err(MALFORMED);
    }
    match tag {
        0 => host::write(key, offset, contents),
        1 => {
            let (hashes, []) = contents.as_chunks::<HASH>() else { return Err(MALFORMED) };
            for hash in hashes {
                offset = reveal(hash, key, offset, below)?;
            }
            Ok(offset)
        }
        _ => Err(MALFORMED),
    }
}
