//! What is kept between levels.

use tezos_smart_rollup::core_unsafe::MAX_FILE_CHUNK_SIZE;
use tezos_smart_rollup::host::RuntimeError;
use tezos_smart_rollup::prelude::Runtime;
use tezos_smart_rollup::storage::path::RefPath;

const COUNTER: RefPath<'_> = RefPath::assert_from(b"/counter");
const LAST: RefPath<'_> = RefPath::assert_from(b"/last");

/// The number of entries so far.
pub(crate) fn count(host: &impl Runtime) -> Result<u64, RuntimeError> {
    if host.store_has(&COUNTER)?.is_none() {
        return Ok(0);
    }
    let mut bytes = [0; 8];
    host.store_read_slice(&COUNTER, 0, &mut bytes)?;
    Ok(u64::from_be_bytes(bytes))
}

/// Adds an entry and returns its number.
pub(crate) fn enter(host: &mut impl Runtime, payload: &[u8]) -> Result<u64, RuntimeError> {
    let number = count(host)?.wrapping_add(1);
    // A write never shortens a value.
    if host.store_has(&LAST)?.is_some() {
        host.store_delete(&LAST)?;
    }
    // The first write is made even when there is nothing to write: it creates the value.
    let (first, rest) = payload.split_at(payload.len().min(MAX_FILE_CHUNK_SIZE));
    host.store_write(&LAST, first, 0)?;
    for (index, chunk) in rest.chunks(MAX_FILE_CHUNK_SIZE).enumerate() {
        host.store_write(&LAST, chunk, (index + 1) * MAX_FILE_CHUNK_SIZE)?;
    }
    host.store_write(&COUNTER, &number.to_be_bytes(), 0)?;
    Ok(number)
}
