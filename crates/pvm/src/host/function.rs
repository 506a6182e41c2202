//! Which host functions there are: names, types, and since which version.

use super::HostValue;
use crate::version::Version;

/// Type of a parameter or a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
}

/// A function that a kernel can import from [`HostFunction::MODULE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostFunction {
    /// The next message of the inbox.
    ReadInput,
    /// Appends a message to the outbox.
    WriteOutput,
    /// Writes a text for developers.
    WriteDebug,
    /// Is there a value, are there subkeys?
    StoreHas,
    /// How many children a key has, its own value included.
    StoreListSize,
    /// Name of the nth child.
    StoreGetNthKey,
    /// Removes a key and all below.
    StoreDelete,
    /// Copies a key and all below.
    StoreCopy,
    /// Moves a key and all below.
    StoreMove,
    /// Length of a value.
    StoreValueSize,
    /// Reads a part of a value.
    StoreRead,
    /// Writes a part of a value.
    StoreWrite,
    /// Asks for the page of a hash.
    RevealPreimage,
    /// Asks for the address of the rollup and its level of origination.
    RevealMetadata,
    /// Removes a value, not what is below.
    StoreDeleteValue,
    /// Makes a value of zeros.
    StoreCreate,
    /// Merkle hash of a key and all below.
    StoreGetHash,
    /// Is there anything at this key?
    StoreExists,
    /// Asks for anything that can be revealed.
    Reveal,
}

struct Row {
    name: &'static str,
    params: &'static [ValueType],
    results: &'static [ValueType],
    since: Version,
}

impl HostFunction {
    /// The module that kernels import the host functions from.
    pub const MODULE: &'static str = "smart_rollup_core";

    /// Every host function.
    pub const ALL: [Self; 19] = [
        Self::ReadInput,
        Self::WriteOutput,
        Self::WriteDebug,
        Self::StoreHas,
        Self::StoreListSize,
        Self::StoreGetNthKey,
        Self::StoreDelete,
        Self::StoreCopy,
        Self::StoreMove,
        Self::StoreValueSize,
        Self::StoreRead,
        Self::StoreWrite,
        Self::RevealPreimage,
        Self::RevealMetadata,
        Self::StoreDeleteValue,
        Self::StoreCreate,
        Self::StoreGetHash,
        Self::StoreExists,
        Self::Reveal,
    ];

    fn row(self) -> Row {
        use ValueType::{I32, I64};
        const CODE: &[ValueType] = &[I32];
        let row = |name, params, results, since| Row { name, params, results, since };
        match self {
            Self::ReadInput => row("read_input", &[I32; 3], CODE, Version::V0),
            Self::WriteOutput => row("write_output", &[I32; 2], CODE, Version::V0),
            Self::WriteDebug => row("write_debug", &[I32; 2], &[], Version::V0),
            Self::StoreHas => row("store_has", &[I32; 2], CODE, Version::V0),
            Self::StoreListSize => row("store_list_size", &[I32; 2], &[I64], Version::V0),
            Self::StoreGetNthKey => row("store_get_nth_key", &[I32, I32, I64, I32, I32], CODE, Version::V0),
            Self::StoreDelete => row("store_delete", &[I32; 2], CODE, Version::V0),
            Self::StoreCopy => row("store_copy", &[I32; 4], CODE, Version::V0),
            Self::StoreMove => row("store_move", &[I32; 4], CODE, Version::V0),
            Self::StoreValueSize => row("store_value_size", &[I32; 2], CODE, Version::V0),
            Self::StoreRead => row("store_read", &[I32; 5], CODE, Version::V0),
            Self::StoreWrite => row("store_write", &[I32; 5], CODE, Version::V0),
            Self::RevealPreimage => row("reveal_preimage", &[I32; 4], CODE, Version::V0),
            Self::RevealMetadata => row("reveal_metadata", &[I32; 2], CODE, Version::V0),
            Self::StoreDeleteValue => row("store_delete_value", &[I32; 2], CODE, Version::V1),
            Self::StoreCreate => row("store_create", &[I32; 3], CODE, Version::V1),
            Self::StoreGetHash => row("__internal_store_get_hash", &[I32; 4], CODE, Version::V1),
            Self::StoreExists => row("store_exists", &[I32; 2], CODE, Version::V2),
            Self::Reveal => row("reveal", &[I32; 4], CODE, Version::V3),
        }
    }

    /// The name it is imported by.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The name under which a state knows it.
    pub fn registered_name(self) -> String {
        match self {
            // Some have names of their own.
            Self::StoreGetNthKey => "tezos_store_get_nth_key_list".to_owned(),
            Self::StoreWrite => "tezos_write_read".to_owned(),
            Self::StoreGetHash => "tezos_internal_store_get_hash".to_owned(),
            other => format!("tezos_{}", other.name()),
        }
    }

    /// Types of the parameters.
    pub fn params(self) -> &'static [ValueType] {
        self.row().params
    }

    /// Types of the results: one or none.
    pub fn results(self) -> &'static [ValueType] {
        self.row().results
    }

    /// The first version that has it.
    pub fn since(self) -> Version {
        self.row().since
    }

    /// The function of that name, if that version has it.
    pub fn by_name(version: Version, name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.name() == name && version >= f.since())
    }

    /// The one that an instance knows by that name, if the version has it.
    pub(crate) fn by_registered_name(version: Version, name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.registered_name().as_bytes() == name && version >= f.since())
    }

    /// Whether the arguments have the types of the parameters.
    pub fn accepts(self, args: &[HostValue]) -> bool {
        args.iter().map(HostValue::value_type).eq(self.params().iter().copied())
    }
}
