//! Input, output, debug output; and how host functions reach the memory of the kernel.

use super::{ErrorCode, Failure, HostState, Memory};

/// Most bytes of a message, in or out.
pub const MESSAGE_MAX: usize = 4096;

/// Address and length, as a kernel gives them.
pub(super) type Span = (i32, i32);

impl HostState<'_> {
    pub(super) fn read_input(
        &mut self,
        memory: &mut dyn Memory,
        info: i32,
        dst: i32,
        max: i32,
    ) -> Result<i32, Failure> {
        const INFO_LEN: i32 = 8;
        check_room(memory, info, INFO_LEN)?;
        let max = max.min(MESSAGE_MAX as i32);
        check_room(memory, dst, max)?;
        let Some(message) = self.input.pop()? else { return Ok(0) };
        // `max` is not negative: there is room for it.
        let len = message.payload.len().min(max as usize);
        store(memory, dst, &message.payload[..len])?;
        let index = i32::try_from(message.counter).map_err(|_| ErrorCode::GenericInvalidAccess)?;
        let mut place = [0; INFO_LEN as usize];
        place[..4].copy_from_slice(&message.level.as_i32().to_le_bytes());
        place[4..].copy_from_slice(&index.to_le_bytes());
        store(memory, info, &place)?;
        Ok(len as i32)
    }

    pub(super) fn write_output(
        &mut self,
        memory: &mut dyn Memory,
        src: i32,
        len: i32,
    ) -> Result<i32, Failure> {
        if len > MESSAGE_MAX as i32 {
            return Err(ErrorCode::InputOutputTooLarge.into());
        }
        let payload = load(memory, (src, len))?;
        match self.output.push(payload)? {
            Ok(()) => Ok(0),
            Err(code) => Err(code.into()),
        }
    }

    // The machine does nothing here, whatever the arguments are.
    pub(super) fn write_debug(&mut self, memory: &mut dyn Memory, src: i32, len: i32) {
        if !self.debug.wants_bytes() {
            return;
        }
        const DEBUG_MAX: u32 = 1 << 20;
        let len = (len as u32).min(DEBUG_MAX);
        if let Ok(bytes) = load(memory, (src, len as i32)) {
            self.debug.debug(&bytes);
        }
    }
}

pub(super) fn address(address: i32) -> u64 {
    u64::from(address as u32)
}

// Strict on purpose: what ends with the last byte of the memory is refused.
fn check_room(memory: &dyn Memory, at: i32, len: i32) -> Result<(), Failure> {
    let len = u64::try_from(len).map_err(|_| ErrorCode::MemoryInvalidAccess)?;
    if address(at) + len < memory.size() { Ok(()) } else { Err(ErrorCode::MemoryInvalidAccess.into()) }
}

/// Fails as reading those bytes would.
pub(super) fn check_load(memory: &dyn Memory, (at, len): Span) -> Result<(), Failure> {
    let len = u64::try_from(len).map_err(|_| ErrorCode::GenericInvalidAccess)?;
    if len > 0 && address(at) + len > memory.size() {
        memory.touch(address(at), len);
        return Err(ErrorCode::MemoryInvalidAccess.into());
    }
    Ok(())
}

/// Reads bytes of the kernel. Callers bound the length.
pub(super) fn load(memory: &dyn Memory, span: Span) -> Result<Vec<u8>, Failure> {
    check_load(memory, span)?;
    let (at, len) = span;
    let mut bytes = vec![0; len as usize];
    if len > 0 {
        memory.read(address(at), &mut bytes).map_err(|_| ErrorCode::MemoryInvalidAccess)?;
    }
    Ok(bytes)
}

/// Writes bytes into the kernel's memory. Where they go over its end, those before the end are written all the same.
pub(super) fn store(memory: &mut dyn Memory, at: i32, bytes: &[u8]) -> Result<(), Failure> {
    let at = address(at);
    let room = memory.size().saturating_sub(at);
    let fits = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
    if fits > 0 {
        memory.write(at, &bytes[..fits]).map_err(|_| ErrorCode::MemoryInvalidAccess)?;
    }
    if fits == bytes.len() { Ok(()) } else { Err(ErrorCode::MemoryInvalidAccess.into()) }
}
