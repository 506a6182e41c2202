//! What the librarian asks for.

use crate::{Hash, Result, storage};
use kit::Rollup;
use kit::host::{Host, MESSAGE_MAX};
use kit::inbox::Message;
use kit::key::Key;
use kit::signed::Signed;

/// The public key whose requests count: 32 bytes, set when the kernel is installed.
const LIBRARIAN: &[u8] = b"/librarian";
/// How many requests were accepted: 8 bytes, big-endian.
const NONCE: &[u8] = b"/requests/nonce";
/// Number of the first request that is open.
const FIRST: &[u8] = b"/requests/first";
/// Signatures that are checked in a run.
const SIGNATURES: u32 = 64;

/// Reads the inbox; true if some of it is left for another run.
pub(crate) fn take_down(host: &mut impl Host) -> Result<bool> {
    let rollup = host.rollup();
    let librarian = host.get(LIBRARIAN);
    let mut buffer = [0; MESSAGE_MAX];
    let mut signatures = 0;
    while signatures < SIGNATURES {
        let Some(length) = host.read_input(&mut buffer) else { return Ok(false) };
        let message = buffer.get(..length).and_then(Message::parse);
        let Some(Message::External(external)) = message else { continue };
        if let Err(reason) = accept(host, external, &rollup, librarian, &mut signatures) {
            host.debug(reason);
        }
    }
    Ok(true)
}

fn accept(
    host: &mut impl Host,
    external: &[u8],
    rollup: &Rollup,
    librarian: Option<[u8; 32]>,
    signatures: &mut u32,
) -> Result<()> {
    let Some(signed) = Signed::parse(external, rollup) else { return Ok(()) };
    let root: &Hash = match signed.command.split_first() {
        // Pages have hashes of one kind.
        Some((0, root)) if root.first() == Some(&0) => root.try_into().ok(),
        _ => None,
    }
    .ok_or("library: skipped a request that it does not understand\n")?;
    // A page that does not exist would be waited for, for ever: who may ask is a matter of trust.
    if librarian != Some(signed.key) {
        return Err("library: refused a request that is not the librarian's\n");
    }
    let nonce = host.number(NONCE);
    if signed.nonce != nonce {
        return Err("library: refused a request with another nonce than the librarian's\n");
    }
    *signatures += 1;
    if !signed.is_genuine() {
        return Err("library: refused a request with a wrong signature\n");
    }
    host.write(open_key(nonce).as_bytes(), 0, root).map_err(storage)?;
    host.set_number(NONCE, nonce.saturating_add(1)).map_err(storage)
}

/// The next open request.
pub(crate) fn next(host: &impl Host) -> Option<Hash> {
    let first = host.number(FIRST);
    if first < host.number(NONCE) { host.get(open_key(first).as_bytes()) } else { None }
}

/// The next open request is done.
pub(crate) fn done(host: &mut impl Host) -> Result<()> {
    let first = host.number(FIRST);
    host.delete(open_key(first).as_bytes()).map_err(storage)?;
    host.set_number(FIRST, first + 1).map_err(storage)
}

fn open_key(number: u64) -> Key {
    Key::new(b"/requests/open").hex(&number.to_be_bytes())
}
