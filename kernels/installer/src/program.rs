//! The program at the end of the kernel's own bytes.

use crate::host::{self, Result};
use crate::pages;

/// The running kernel. The program may replace `/kernel/boot.wasm`, this one stays until the run is over.
const SELF: &[u8] = b"/readonly/kernel/boot.wasm";
/// Bytes of a length.
const LENGTH: usize = 4;
/// Most bytes of an instruction.
const INSTRUCTION: usize = 4096;
const MALFORMED: &str = "installer: its program is malformed\n";

/// Carries out the program.
pub(crate) fn run() -> Result<()> {
    let end = host::value_size(SELF)?.checked_sub(LENGTH).ok_or(MALFORMED)?;
    let mut at = end.checked_sub(length_at(end)?).ok_or(MALFORMED)?;
    let mut buffer = [0; INSTRUCTION];
    while at < end {
        let length = length_at(at)?;
        at += LENGTH;
        if length > end.saturating_sub(at) {
            return Err(MALFORMED);
        }
        let bytes = buffer.get_mut(..length).ok_or("installer: an instruction is too long\n")?;
        host::read(SELF, at, bytes)?;
        carry_out(bytes)?;
        at += length;
    }
    Ok(())
}

fn length_at(offset: usize) -> Result<usize> {
    let mut bytes = [0; LENGTH];
    host::read(SELF, offset, &mut bytes)?;
    Ok(u32::from_le_bytes(bytes) as usize)
}

fn carry_out(instruction: &[u8]) -> Result<()> {
    let (&tag, rest) = instruction.split_first().ok_or(MALFORMED)?;
    let (first, rest) = match tag {
        1 => key(rest)?,
        _ => bytes(rest)?,
    };
    let (to, []) = key(rest)? else { return Err(MALFORMED) };
    match tag {
        0 => pages::reveal_to(first, to),
        1 => host::rename(first, to),
        2 => host::write(to, 0, first).map(drop),
        _ => Err("installer: its program has an instruction that it does not know\n"),
    }
}

/// A key, and what is after it.
fn key(text: &[u8]) -> Result<(&[u8], &[u8])> {
    let (&length, rest) = text.split_first().ok_or(MALFORMED)?;
    rest.split_at_checked(length.into()).ok_or(MALFORMED)
}

/// Bytes, and what is after them.
fn bytes(text: &[u8]) -> Result<(&[u8], &[u8])> {
    let (length, rest) = text.split_first_chunk::<LENGTH>().ok_or(MALFORMED)?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or(MALFORMED)
}
