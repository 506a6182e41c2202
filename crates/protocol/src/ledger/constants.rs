use soru_base::profile::{ProfileName, RollupConstants};
use soru_base::{IdFamily, Profile};

/// What the rules depend on: the network, and limits that no profile changes. Every field can be set to something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constants {
    /// The network.
    pub profile: Profile,
    /// Gas that one content may ask for, in units.
    pub hard_gas_limit_per_operation: u64,
    /// Gas that the contents of a block may ask for together, in units.
    pub hard_gas_limit_per_block: u64,
    /// Bytes of storage that one content may ask for.
    pub hard_storage_limit_per_operation: u64,
    /// Bytes that a new account pays for.
    pub origination_size: u64,
    /// Whether an account may have one operation in a block only.
    pub one_operation_per_manager: bool,
    /// Whether the origination of a rollup pays for the bytes of its kernel, as in the document.
    pub pay_for_kernel: bool,
}

impl Constants {
    /// The limits of today's network with that profile.
    pub fn of(profile: Profile) -> Self {
        Self {
            pay_for_kernel: profile.name == ProfileName::Alpha,
            profile,
            hard_gas_limit_per_operation: 1_040_000,
            hard_gas_limit_per_block: 1_040_000,
            hard_storage_limit_per_operation: 60_000,
            origination_size: 257,
            one_operation_per_manager: true,
        }
    }

    /// Constants of smart rollups.
    pub fn rollup(&self) -> &RollupConstants {
        &self.profile.rollup
    }

    /// Prefixes of the identifiers of smart rollups.
    pub fn ids(&self) -> IdFamily {
        self.profile.ids
    }
}
