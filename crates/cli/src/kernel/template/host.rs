//! The host functions, and a safe face for those that this kernel uses.

/// Longest message of the inbox, in bytes.
const MAX_MESSAGE_BYTES: usize = 4096;

/// As the machine declares them: a kernel with another type for one of them is refused.
mod sys {
    #[link(wasm_import_module = "smart_rollup_core")]
    unsafe extern "C" {
        /// Writes level and index of the message to `info`, the message to `dst`; returns its length, 0 at the end.
        pub(super) fn read_input(info: *mut [u32; 2], dst: *mut u8, max_bytes: usize) -> i32;
        /// Shown by a node in its log; the machine itself ignores it.
        pub(super) fn write_debug(src: *const u8, num_bytes: usize);
        /// Returns the number of bytes read, at most 2,048, or an error code.
        pub(super) fn store_read(
            path: *const u8,
            path_len: usize,
            offset: usize,
            dst: *mut u8,
            max_bytes: usize,
        ) -> i32;
        /// Takes at most 2,048 bytes. Returns 0, or an error code.
        pub(super) fn store_write(
            path: *const u8,
            path_len: usize,
            offset: usize,
            src: *const u8,
            num_bytes: usize,
        ) -> i32;
    }
}

/// The inbox of the level.
pub(crate) struct Input {
    buffer: [u8; MAX_MESSAGE_BYTES],
}

impl Input {
    pub(crate) fn new() -> Self {
        Self {
            buffer: [0; MAX_MESSAGE_BYTES],
        }
    }

    /// The next message, if there is one.
    pub(crate) fn next(&mut self) -> Option<&[u8]> {
        let mut info = [0; 2];
        // SAFETY: both pointers are valid for what is written: 8 bytes, and at most the length of the buffer.
        let length =
            unsafe { sys::read_input(&mut info, self.buffer.as_mut_ptr(), MAX_MESSAGE_BYTES) };
        match usize::try_from(length) {
            Ok(0) | Err(_) => None,
            Ok(length) => self.buffer.get(..length),
        }
    }
}

/// Writes a line to the log of the node.
pub(crate) fn debug(text: &str) {
    // SAFETY: the pointer is valid for the length.
    unsafe { sys::write_debug(text.as_ptr(), text.len()) }
}

/// Fills `out` from the beginning of a value; false when there are not so many bytes at that key.
pub(crate) fn read(key: &[u8], out: &mut [u8]) -> bool {
    // SAFETY: both pointers are valid for their lengths.
    let read = unsafe { sys::store_read(key.as_ptr(), key.len(), 0, out.as_mut_ptr(), out.len()) };
    usize::try_from(read) == Ok(out.len())
}

/// Writes to the beginning of a value; false if that cannot be.
pub(crate) fn write(key: &[u8], bytes: &[u8]) -> bool {
    // SAFETY: both pointers are valid for their lengths.
    unsafe { sys::store_write(key.as_ptr(), key.len(), 0, bytes.as_ptr(), bytes.len()) == 0 }
}
