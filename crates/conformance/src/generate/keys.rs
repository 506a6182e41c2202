//! Host calls with arguments that make sense: a table of keys in the memory of a kernel, and functions that put a call's
//! arguments right before they hand it on.

use soru_pvm::Version;
use soru_pvm::host::{HostFunction, ValueType};
use wasm_encoder::{Function, ValType};

/// Where the table of keys is in memory.
pub const TABLE: u32 = 0xf000;
/// Length of an entry: the key, zeros, and in the last byte the key's length.
const ENTRY: usize = 64;
/// Entries; a power of two.
const ENTRIES: usize = 16;

/// Keys that mean something to the machine, ordinary ones with common parts, malformed ones.
const KEYS: [&str; ENTRIES] = [
    "/a",
    "/a/b",
    "/a/b/c",
    "/a/bb",
    "/b",
    "/b/c",
    "/a",
    "/a/b/c/d/e/f",
    "/counter",
    "/kernel/env/reboot",
    "/kernel/boot.wasm",
    "/readonly/kernel/boot.wasm",
    "/",
    "no/slash",
    "/a//b",
    "/b/c",
];

/// The bytes of the table.
pub fn table() -> Vec<u8> {
    let mut table = vec![0; ENTRY * ENTRIES];
    for (entry, key) in table.chunks_exact_mut(ENTRY).zip(KEYS) {
        entry[..key.len()].copy_from_slice(key.as_bytes());
        entry[ENTRY - 1] = key.len() as u8;
    }
    table
}

/// Address and length of an entry.
pub fn key(number: usize) -> (i32, i32) {
    let number = number % ENTRIES;
    ((TABLE as usize + number * ENTRY) as i32, KEYS[number].len() as i32)
}

/// The host functions of the first version.
pub fn host_functions() -> impl Iterator<Item = HostFunction> {
    HostFunction::ALL.into_iter().filter(|function| function.since() == Version::V0)
}

/// A parameter's type.
pub fn encoded(of_type: &ValueType) -> ValType {
    match of_type {
        ValueType::I32 => ValType::I32,
        ValueType::I64 => ValType::I64,
    }
}

/// What a parameter of a host function is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The address of a key; its length comes next.
    Key,
    /// The length of the key before.
    KeyLength,
    /// An address to read from or to write to.
    Address,
    /// How many bytes.
    Length,
    /// Where in a value.
    Offset,
    /// The number of a child.
    Index,
}

/// The parameters of a host function of the first version.
pub fn roles(function: HostFunction) -> &'static [Role] {
    use Role::{Address, Index, Key, KeyLength, Length, Offset};
    match function {
        HostFunction::ReadInput => &[Address, Address, Length],
        HostFunction::StoreGetNthKey => &[Key, KeyLength, Index, Address, Length],
        HostFunction::StoreCopy | HostFunction::StoreMove => &[Key, KeyLength, Key, KeyLength],
        HostFunction::StoreRead | HostFunction::StoreWrite => &[Key, KeyLength, Offset, Address, Length],
        HostFunction::WriteOutput | HostFunction::WriteDebug | HostFunction::RevealMetadata => {
            &[Address, Length]
        }
        HostFunction::RevealPreimage => &[Address, Length, Address, Length],
        _ => &[Key, KeyLength],
    }
}

/// A function of the host function's type that puts the arguments right and calls it. Some are left as they are.
pub fn wrapper(function: HostFunction, imported: u32) -> Function {
    let mut body = Function::new([]);
    for (parameter, role) in (0..).zip(roles(function)) {
        let mut code = body.instructions();
        match role {
            Role::Key => {
                code.local_get(parameter).i32_const(ENTRIES as i32 - 1).i32_and();
                code.i32_const(ENTRY as i32).i32_mul().i32_const(TABLE as i32).i32_add();
            }
            Role::KeyLength => {
                code.local_get(parameter - 1).i32_const(ENTRIES as i32 - 1).i32_and();
                code.i32_const(ENTRY as i32).i32_mul().i32_const(TABLE as i32 + ENTRY as i32 - 1).i32_add();
                code.i32_load8_u(wasm_encoder::MemArg { offset: 0, align: 0, memory_index: 0 });
            }
            Role::Address => {
                code.local_get(parameter).i32_const(0x7fff).i32_and();
            }
            Role::Length => {
                code.local_get(parameter).i32_const(0xfff).i32_and();
            }
            Role::Offset => {
                code.local_get(parameter).i32_const(0x1f).i32_and();
            }
            Role::Index => {
                code.local_get(parameter).i64_const(7).i64_and();
                continue;
            }
        }
        // One in sixteen as it came.
        code.local_get(parameter);
        code.local_get(parameter).i32_const(0xf0).i32_and().i32_const(0x70).i32_ne();
        code.select();
    }
    body.instructions().call(imported).end();
    body
}
