//! The host functions, and a safe face for those that this kernel uses.

/// Most bytes that the durable storage takes or gives at once.
const CHUNK: usize = 2048;

/// As the machine declares them: a kernel with another type for one of them is refused.
mod sys {
    #[link(wasm_import_module = "smart_rollup_core")]
    unsafe extern "C" {
        /// Shown by a node in its log; the machine itself ignores it.
        pub(super) fn write_debug(src: *const u8, num_bytes: usize);
        /// Returns the length of a value, or an error code.
        pub(super) fn store_value_size(path: *const u8, path_len: usize) -> i32;
        /// Returns the number of bytes read, or an error code.
        pub(super) fn store_read(
            path: *const u8,
            path_len: usize,
            offset: usize,
            dst: *mut u8,
            max_bytes: usize,
        ) -> i32;
        /// Returns 0, or an error code.
        pub(super) fn store_write(
            path: *const u8,
            path_len: usize,
            offset: usize,
            src: *const u8,
            num_bytes: usize,
        ) -> i32;
        /// Returns 0, or an error code.
        pub(super) fn store_move(from: *const u8, from_len: usize, to: *const u8, to_len: usize) -> i32;
        /// Returns the length of the page, or an error code.
        pub(super) fn reveal_preimage(
            hash: *const u8,
            hash_len: usize,
            dst: *mut u8,
            max_bytes: usize,
        ) -> i32;
    }
}

/// Why a program is not carried out, for the log.
pub(crate) type Result<T> = core::result::Result<T, &'static str>;

/// Writes a line to the log of the node.
pub(crate) fn debug(text: &str) {
    // SAFETY: the pointer is valid for the length.
    unsafe { sys::write_debug(text.as_ptr(), text.len()) }
}

/// Length of a value.
pub(crate) fn value_size(key: &[u8]) -> Result<usize> {
    // SAFETY: the pointer is valid for the length.
    let size = unsafe { sys::store_value_size(key.as_ptr(), key.len()) };
    usize::try_from(size).map_err(|_| "installer: cannot read its own size\n")
}

/// Fills `out` with what stands in a value from `offset` on.
pub(crate) fn read(key: &[u8], mut offset: usize, out: &mut [u8]) -> Result<()> {
    for chunk in out.chunks_mut(CHUNK) {
        // SAFETY: both pointers are valid for their lengths.
        let read =
            unsafe { sys::store_read(key.as_ptr(), key.len(), offset, chunk.as_mut_ptr(), chunk.len()) };
        if usize::try_from(read) != Ok(chunk.len()) {
            return Err("installer: cannot read its program\n");
        }
        offset += chunk.len();
    }
    Ok(())
}

/// Writes to a value from `offset` on, and returns where the next bytes go. A value is there afterwards even if there is nothing to write.
pub(crate) fn write(key: &[u8], mut offset: usize, bytes: &[u8]) -> Result<usize> {
    let mut rest = bytes;
    loop {
        let (chunk, later) = rest.split_at(rest.len().min(CHUNK));
        // SAFETY: both pointers are valid for their lengths.
        let code = unsafe { sys::store_write(key.as_ptr(), key.len(), offset, chunk.as_ptr(), chunk.len()) };
        if code != 0 {
            return Err("installer: cannot write to the durable storage\n");
        }
        offset += chunk.len();
        rest = later;
        if rest.is_empty() {
            return Ok(offset);
        }
    }
}

/// Moves a key and all below.
pub(crate) fn rename(from: &[u8], to: &[u8]) -> Result<()> {
    // SAFETY: both pointers are valid for their lengths.
    match unsafe { sys::store_move(from.as_ptr(), from.len(), to.as_ptr(), to.len()) } {
        0 => Ok(()),
        _ => Err("installer: cannot move what it has installed\n"),
    }
}

/// The page of a hash, at the beginning of `page`.
pub(crate) fn reveal<'a>(hash: &[u8], page: &'a mut [u8]) -> Result<&'a [u8]> {
    // SAFETY: both pointers are valid for their lengths.
    let length = unsafe { sys::reveal_preimage(hash.as_ptr(), hash.len(), page.as_mut_ptr(), page.len()) };
    usize::try_from(length)
        .ok()
        .and_then(|length| page.get(..length))
        .ok_or("installer: cannot reveal a page\n")
}
