//! The beginning of a run: the states before the first message.

use crate::durable::Key;
use crate::machine::{initial_state, install_boot_sector};
use crate::state::{Limits, Machine, StateError};
use crate::version::Version;
use soru_merkle::Tree;

/// What a machine is made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// Version of the machine.
    pub version: Version,
    /// Constants of the protocol.
    pub limits: Limits,
    /// Reboots allowed between two inputs, if they are not those of the network.
    pub max_reboots: Option<u32>,
    /// Values that are in the durable storage from the beginning. A tool for tests: no rule of the network does it.
    pub values: Vec<(Key, Vec<u8>)>,
}

impl Setup {
    /// The state that holds the version only.
    pub fn initial_state(&self) -> Result<Tree, StateError> {
        initial_state(self.version)
    }

    /// The state with the kernel and the values installed, before the maximum of reboots is changed.
    pub fn install(&self, kernel: &[u8]) -> Result<Tree, StateError> {
        let mut tree = self.initial_state()?;
        install_boot_sector(&mut tree, kernel, self.limits)?;
        if !self.values.is_empty() {
            let mut machine = Machine::from_tree(&tree)?;
            self.values.iter().try_for_each(|(key, value)| machine.durable.replace(key, value))?;
            machine.apply(&mut tree)?;
        }
        Ok(tree)
    }

    /// The state before the first message.
    pub fn boot(&self, kernel: &[u8]) -> Result<Tree, StateError> {
        let mut tree = self.install(kernel)?;
        if let Some(reboots) = self.max_reboots {
            let mut machine = Machine::from_tree(&tree)?;
            machine.set_max_reboots(reboots);
            machine.apply(&mut tree)?;
        }
        Ok(tree)
    }
}
