use super::super::Ledger;
use super::super::error::{Outcome, ProtocolError};
use crate::receipt::BalanceUpdate;
use soru_base::{Contract, PublicKeyHash, RollupAddress};

impl Ledger {
    /// Gives a staker's bond back, if nothing it stakes on is still open. Anybody can ask for it.
    pub(crate) fn recover_bond(
        &mut self,
        rollup: &RollupAddress,
        staker: &PublicKeyHash,
    ) -> Outcome<Vec<BalanceUpdate>> {
        let (_, cemented) = self.last_cemented(rollup)?;
        let index = self.staker_index(rollup, staker)?.ok_or(ProtocolError::NotStaked)?;
        if self.last_staked_level(rollup, index)? > cemented {
            return Err(ProtocolError::NotStakedOnLccOrAncestor.into());
        }
        let updates = self.unfreeze_bond(&Contract::from(*staker), rollup)?;
        self.remove_stake(rollup, staker)?;
        Ok(updates)
    }
}
