//! The memory of a kernel that is running.

use soru_pvm::Machine;
use soru_pvm::state::StateError;

/// Reads bytes of memory 0 of the instance and gives the memory's size; nothing if there is none in this state, and no
/// bytes if they are not all inside.
pub(crate) fn read_memory(
    machine: &Machine,
    address: u64,
    out: &mut [u8],
) -> Result<Option<u64>, StateError> {
    // Looking loads parts of the state: a copy does, so that the session's machine stays as it is.
    machine.clone().read_memory(address, out)
}
