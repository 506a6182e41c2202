//! What a kernel can ask of the machine.

use crate::Rollup;

/// Longest message of the inbox and of the outbox, and longest page of the reveal channel, in bytes.
pub const MESSAGE_MAX: usize = 4096;
/// Most bytes that the durable storage takes or gives at once.
pub const CHUNK: usize = 2048;
/// Anything written here: `kernel_run` is called again in this level, with the rest of the inbox.
pub const REBOOT: &[u8] = b"/kernel/env/reboot";

/// What a host function answers when it does not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused(pub i32);

/// The machine, as far as the kernels need it.
pub trait Host {
    /// The next message of the inbox is at the beginning of the buffer, and has this length; nothing at the end of the inbox.
    fn read_input(&mut self, buffer: &mut [u8; MESSAGE_MAX]) -> Option<usize>;
    /// Adds a message to the outbox of the level, which has room for 100.
    fn write_output(&mut self, message: &[u8]) -> Result<(), Refused>;
    /// Writes a line to the log of the node; the machine itself ignores it.
    fn debug(&mut self, text: &str);
    /// Length of a value.
    fn size(&self, key: &[u8]) -> Option<usize>;
    /// Reads up to [`CHUNK`] bytes of a value, and says how many there were.
    fn read(&self, key: &[u8], offset: usize, out: &mut [u8]) -> Result<usize, Refused>;
    /// Writes up to [`CHUNK`] bytes into a value, or to its end. A value never gets shorter by that.
    fn write(&mut self, key: &[u8], offset: usize, bytes: &[u8]) -> Result<(), Refused>;
    /// Removes a key and all that is below.
    fn delete(&mut self, key: &[u8]) -> Result<(), Refused>;
    /// The page of a hash is at the beginning of the buffer, and has this length. The machine waits until it is there.
    fn reveal(&mut self, hash: &[u8; 33], page: &mut [u8; MESSAGE_MAX]) -> Result<usize, Refused>;
    /// The rollup that the kernel belongs to.
    fn rollup(&mut self) -> Rollup;

    /// The value of a key, if it has exactly so many bytes.
    fn get<const N: usize>(&self, key: &[u8]) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        (self.size(key)? == N && self.read(key, 0, &mut bytes) == Ok(N)).then_some(bytes)
    }

    /// A number of 8 bytes, big-endian; 0 when the key holds no such number.
    fn number(&self, key: &[u8]) -> u64 {
        self.get(key).map_or(0, u64::from_be_bytes)
    }

    /// Writes a number, 8 bytes, big-endian.
    fn set_number(&mut self, key: &[u8], number: u64) -> Result<(), Refused> {
        self.write(key, 0, &number.to_be_bytes())
    }

    /// Writes any number of bytes into a value, or to its end.
    fn write_all(&mut self, key: &[u8], mut offset: usize, bytes: &[u8]) -> Result<(), Refused> {
        for chunk in bytes.chunks(CHUNK) {
            self.write(key, offset, chunk)?;
            offset += chunk.len();
        }
        Ok(())
    }

    /// Has the machine call the kernel again in this level, with the rest of the inbox.
    fn reboot(&mut self) -> Result<(), Refused> {
        self.write(REBOOT, 0, &[1])
    }
}
