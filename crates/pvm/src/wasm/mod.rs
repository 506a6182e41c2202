//! WebAssembly as the machine keeps it in its state.

pub(crate) mod instruction;
pub(crate) mod module;
pub(crate) mod types;
