use super::super::Ledger;
use super::super::error::{Outcome, ProtocolError, StorageError};
use super::super::gas::{Meter, ROLLUP_ORIGINATION};
use super::super::store::at;
use super::ROLLUPS;
use crate::commitment::Commitment;
use crate::operation::PvmKind;
use soru_base::{Binary, CommitmentHash, Level, LevelSpan, RollupAddress, StateHash, TickSpan};
use soru_merkle::Tree;
use soru_michelson::Micheline;
use soru_pvm::{Limits, Version};

/// Sizes that the network counts for what it stores of a new rollup besides the constant: the kind twice, two addresses,
/// genesis info, last cemented commitment, commitment, its levels.
const STORED: u64 = 2 + 1 + 2 * 20 + 36 + 32 + 77 + 4 + 4 + 36;
/// Ticks between two snapshots of the machine.
pub(super) const TICKS_PER_SNAPSHOT: u64 = 11_000_000_000;

/// A new rollup.
pub(crate) struct Originated {
    pub(crate) genesis_commitment: CommitmentHash,
    /// Bytes to pay for.
    pub(crate) size: u64,
}

impl Ledger {
    /// The machine that a rollup starts with on this network: kernel installed, no input read.
    pub fn genesis_state(&self, kernel: &[u8]) -> Result<Tree, soru_pvm::state::StateError> {
        let rollup = self.constants.rollup();
        let limits = Limits {
            ticks_per_snapshot: TickSpan(TICKS_PER_SNAPSHOT),
            outbox_validity_period: LevelSpan(rollup.max_active_outbox_levels),
            outbox_message_limit: u64::from(rollup.max_outbox_messages_per_level),
        };
        let mut state = soru_pvm::machine::initial_state(Version::V0)?;
        soru_pvm::machine::install_boot_sector(&mut state, kernel, limits)?;
        Ok(state)
    }

    pub(crate) fn originate_rollup(
        &mut self,
        address: RollupAddress,
        level: Level,
        kind: PvmKind,
        kernel: &[u8],
        parameters_ty: &Micheline,
        gas: &mut Meter,
    ) -> Outcome<Originated> {
        match kind {
            PvmKind::Wasm2_0_0 => {}
            PvmKind::Arith => return Err(ProtocolError::ArithPvmDisabled.into()),
            PvmKind::Riscv => return Err(ProtocolError::RiscvPvmDisabled.into()),
        }
        gas.consume(ROLLUP_ORIGINATION)?;
        gas.consume_bytes(kernel.len())?;
        super::super::contracts::check_rollup_type(parameters_ty)?;
        let state = self.genesis_state(kernel).and_then(|tree| Ok(tree.hash()?)).map_err(|e| {
            let what = format!("this kernel: {e}");
            ProtocolError::Unsupported { what }
        })?;
        let genesis = Commitment::genesis(level, StateHash::from(state));
        self.store_rollup(&address, kind, parameters_ty, &genesis)?;
        let constant = u64::from(self.constants.rollup().origination_size);
        let ty = parameters_ty.to_bytes().len() as u64 + 4;
        let paid_kernel = if self.constants.pay_for_kernel { kernel.len() as u64 + 4 } else { 0 };
        Ok(Originated { genesis_commitment: genesis.hash(), size: constant + STORED + ty + paid_kernel })
    }

    pub(in super::super) fn store_rollup(
        &mut self,
        address: &RollupAddress,
        kind: PvmKind,
        parameters_ty: &Micheline,
        genesis: &Commitment,
    ) -> Result<(), StorageError> {
        let hash = genesis.hash();
        let store = &mut self.store;
        store.set(at![ROLLUPS, address, "kind"], &kind)?;
        store.set(at![ROLLUPS, address, "type"], parameters_ty)?;
        store.set(at![ROLLUPS, address, "genesis_level"], &genesis.inbox_level)?;
        store.set(at![ROLLUPS, address, "genesis_commitment"], &hash)?;
        store.set(at![ROLLUPS, address, "lcc"], &hash)?;
        store.set(at![ROLLUPS, address, "commitments", hash, "content"], genesis)
    }
}
