//! The machine, on `wasm32`.

use crate::Rollup;
use crate::host::{Host, MESSAGE_MAX, Refused};

/// As the machine declares them: a kernel with another type for one of them is refused.
mod sys {
    #[link(wasm_import_module = "smart_rollup_core")]
    unsafe extern "C" {
        /// Writes level and index of the message to `info`, the message to `dst`; returns its length, 0 at the end.
        pub(super) fn read_input(info: *mut [u32; 2], dst: *mut u8, max_bytes: usize) -> i32;
        pub(super) fn write_output(src: *const u8, num_bytes: usize) -> i32;
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
        pub(super) fn store_write(
            path: *const u8,
            path_len: usize,
            offset: usize,
            src: *const u8,
            num_bytes: usize,
        ) -> i32;
        pub(super) fn store_delete(path: *const u8, path_len: usize) -> i32;
        /// Returns the length of the page, or an error code.
        pub(super) fn reveal_preimage(
            hash: *const u8,
            hash_len: usize,
            dst: *mut u8,
            max_bytes: usize,
        ) -> i32;
        /// Writes the rollup's hash and the level of its origination; returns the length of both.
        pub(super) fn reveal_metadata(dst: *mut u8, max_bytes: usize) -> i32;
    }
}

/// The machine that the kernel runs in.
#[derive(Debug)]
pub struct Machine;

fn length(answer: i32) -> Result<usize, Refused> {
    usize::try_from(answer).map_err(|_| Refused(answer))
}

fn done(answer: i32) -> Result<(), Refused> {
    if answer == 0 { Ok(()) } else { Err(Refused(answer)) }
}

// SAFETY, of all calls below: every pointer is valid for the length that is given beside it.
impl Host for Machine {
    fn read_input(&mut self, buffer: &mut [u8; MESSAGE_MAX]) -> Option<usize> {
        let mut info = [0; 2];
        let answer = unsafe { sys::read_input(&mut info, buffer.as_mut_ptr(), buffer.len()) };
        length(answer).ok().filter(|&length| length > 0)
    }

    fn write_output(&mut self, message: &[u8]) -> Result<(), Refused> {
        done(unsafe { sys::write_output(message.as_ptr(), message.len()) })
    }

    fn debug(&mut self, text: &str) {
        unsafe { sys::write_debug(text.as_ptr(), text.len()) }
    }

    fn size(&self, key: &[u8]) -> Option<usize> {
        length(unsafe { sys::store_value_size(key.as_ptr(), key.len()) }).ok()
    }

    fn read(&self, key: &[u8], offset: usize, out: &mut [u8]) -> Result<usize, Refused> {
        length(unsafe { sys::store_read(key.as_ptr(), key.len(), offset, out.as_mut_ptr(), out.len()) })
    }

    fn write(&mut self, key: &[u8], offset: usize, bytes: &[u8]) -> Result<(), Refused> {
        done(unsafe { sys::store_write(key.as_ptr(), key.len(), offset, bytes.as_ptr(), bytes.len()) })
    }

    fn delete(&mut self, key: &[u8]) -> Result<(), Refused> {
        done(unsafe { sys::store_delete(key.as_ptr(), key.len()) })
    }

    fn reveal(&mut self, hash: &[u8; 33], page: &mut [u8; MESSAGE_MAX]) -> Result<usize, Refused> {
        length(unsafe { sys::reveal_preimage(hash.as_ptr(), hash.len(), page.as_mut_ptr(), page.len()) })
    }

    fn rollup(&mut self) -> Rollup {
        let mut metadata = [0; 24];
        unsafe { sys::reveal_metadata(metadata.as_mut_ptr(), metadata.len()) };
        let [rollup @ .., _, _, _, _] = metadata;
        rollup
    }
}
