//! Accounts: balances, counters, keys, bonds; and all tez there is.

use super::Ledger;
use super::error::{Failure, Outcome, ProtocolError, StorageError};
use super::store::at;
use crate::receipt::{BalanceAccount, BalanceUpdate};
use soru_base::{Binary, Contract, Mutez, PublicKey, PublicKeyHash, RollupAddress};

const ACCOUNTS: &str = "accounts";
const BONDS: &str = "bonds";

/// An account that the chain starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GenesisAccount {
    /// The account.
    pub pkh: PublicKeyHash,
    /// Its tez.
    pub balance: Mutez,
    /// Its key, if it counts as revealed.
    pub public_key: Option<PublicKey>,
}

/// Where all tez are. The sum never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Supply {
    /// Spendable, of all accounts and contracts.
    pub accounts: u64,
    /// Frozen as bonds.
    pub bonds: u64,
    /// Burnt.
    pub burnt: u64,
    /// Made for the winners of refutation games.
    pub minted: u64,
}

impl Supply {
    /// All that the chain started with, in mutez.
    pub fn total(&self) -> u64 {
        self.accounts.saturating_add(self.bonds).saturating_add(self.burnt).saturating_sub(self.minted)
    }
}

impl Ledger {
    /// The spendable tez of an account; nothing if it does not exist.
    pub fn balance(&self, contract: &Contract) -> Result<Option<Mutez>, StorageError> {
        self.store.get(at![ACCOUNTS, contract.to_bytes(), "balance"])
    }

    /// The tez of an account that are frozen as bonds.
    pub fn frozen_bonds(&self, contract: &Contract) -> Result<Mutez, StorageError> {
        let bonds = self.store.names::<RollupAddress>(at![BONDS, contract.to_bytes()])?;
        let mut sum = 0u64;
        for rollup in bonds {
            sum = sum.saturating_add(self.bond(contract, &rollup)?.0);
        }
        Ok(Mutez(sum))
    }

    /// The bond of a staker on a rollup.
    pub fn bond(&self, contract: &Contract, rollup: &RollupAddress) -> Result<Mutez, StorageError> {
        Ok(self.store.get(at![BONDS, contract.to_bytes(), rollup])?.unwrap_or_default())
    }

    /// The last counter that an account used. For one that does not exist: the one it would start with.
    pub fn counter(&self, pkh: &PublicKeyHash) -> Result<u64, StorageError> {
        match self.store.get::<super::store::Number>(at![
            ACCOUNTS,
            Contract::from(*pkh).to_bytes(),
            "counter"
        ])? {
            Some(counter) => Ok(counter.0),
            None => self.store.number(at!["global_counter"]),
        }
    }

    /// The key of an account, once revealed.
    pub fn manager_key(&self, pkh: &PublicKeyHash) -> Result<Option<PublicKey>, StorageError> {
        self.store.get(at![ACCOUNTS, Contract::from(*pkh).to_bytes(), "key"])
    }

    /// All accounts and contracts, in the order of their addresses.
    pub fn accounts(&self) -> Result<Vec<Contract>, StorageError> {
        self.store.names(at![ACCOUNTS])
    }

    /// Where all tez are. Reads every account.
    pub fn supply(&self) -> Result<Supply, StorageError> {
        let (burnt, minted) = (self.store.number(at!["burnt"])?, self.store.number(at!["minted"])?);
        let mut supply = Supply { burnt, minted, ..Supply::default() };
        for contract in self.accounts()? {
            supply.accounts = supply.accounts.saturating_add(self.balance(&contract)?.unwrap_or_default().0);
            supply.bonds = supply.bonds.saturating_add(self.frozen_bonds(&contract)?.0);
        }
        Ok(supply)
    }

    pub(super) fn exists(&self, contract: &Contract) -> Result<bool, StorageError> {
        Ok(self.balance(contract)?.is_some())
    }

    /// Makes the account of a new contract.
    pub(super) fn open_account(&mut self, contract: &Contract) -> Result<(), StorageError> {
        self.store.set(at![ACCOUNTS, contract.to_bytes(), "balance"], &Mutez::ZERO)
    }

    /// Adds tez; says whether the account is new. Contracts must exist.
    pub(super) fn credit(&mut self, contract: &Contract, amount: Mutez) -> Outcome<bool> {
        let address = contract.to_bytes();
        let balance = self.balance(contract)?;
        if balance.is_none() {
            if contract.originated().is_some() {
                return Err(ProtocolError::NonExistingContract { contract: *contract }.into());
            }
            if amount.is_zero() {
                return Ok(false);
            }
            let counter = self.store.number(at!["global_counter"])?;
            self.store.set_number(at![ACCOUNTS, address, "counter"], counter)?;
        }
        let sum = balance.unwrap_or_default().checked_add(amount).ok_or_else(too_much_tez)?;
        self.store.set(at![ACCOUNTS, address, "balance"], &sum)?;
        Ok(balance.is_none())
    }

    /// Takes tez. An account that has nothing left, and no bond, vanishes with its key.
    pub(super) fn debit(&mut self, contract: &Contract, amount: Mutez) -> Outcome<()> {
        let balance = self.balance(contract)?.unwrap_or_default();
        let rest = balance.checked_sub(amount).ok_or(ProtocolError::BalanceTooLow {
            contract: *contract,
            balance,
            amount,
        })?;
        if amount.is_zero() {
            return Ok(());
        }
        let address = contract.to_bytes();
        if rest.is_zero() && contract.implicit().is_some() && !self.store.contains(at![BONDS, address])? {
            return Ok(self.store.remove(at![ACCOUNTS, address])?);
        }
        Ok(self.store.set(at![ACCOUNTS, address, "balance"], &rest)?)
    }

    /// Moves tez between accounts; says whether the receiver is new.
    pub(super) fn transfer(
        &mut self,
        from: &Contract,
        to: &Contract,
        amount: Mutez,
    ) -> Outcome<(Vec<BalanceUpdate>, bool)> {
        self.debit(from, amount)?;
        let allocated = self.credit(to, amount)?;
        if amount.is_zero() {
            return Ok((Vec::new(), allocated));
        }
        Ok((updates(BalanceAccount::Contract(*from), BalanceAccount::Contract(*to), amount), allocated))
    }

    /// Burns tez for `bytes` of storage.
    pub(super) fn burn_for_storage(&mut self, payer: &Contract, bytes: u64) -> Outcome<Vec<BalanceUpdate>> {
        let price =
            Mutez(self.constants.profile.cost_per_byte).checked_mul(bytes).ok_or_else(too_much_tez)?;
        if price.is_zero() {
            return Ok(Vec::new());
        }
        self.debit(payer, price).map_err(|e| e.within(ProtocolError::CannotPayStorageFee))?;
        self.count_burnt(price)?;
        Ok(updates(BalanceAccount::Contract(*payer), BalanceAccount::StorageFees, price))
    }

    /// Freezes tez as the bond of a staker.
    pub(super) fn freeze_bond(
        &mut self,
        staker: &Contract,
        rollup: &RollupAddress,
        amount: Mutez,
    ) -> Outcome<Vec<BalanceUpdate>> {
        let balance = self.balance(staker)?.unwrap_or_default();
        if balance < amount {
            return Err(ProtocolError::BalanceTooLow { contract: *staker, balance, amount }.into());
        }
        // The bond comes first: an account that gives all it has must not vanish.
        self.store.set(at![BONDS, staker.to_bytes(), rollup], &amount)?;
        self.debit(staker, amount)?;
        let bond = BalanceAccount::FrozenBonds { contract: *staker, rollup: *rollup };
        Ok(updates(BalanceAccount::Contract(*staker), bond, amount))
    }

    /// Gives a bond back.
    pub(super) fn unfreeze_bond(
        &mut self,
        staker: &Contract,
        rollup: &RollupAddress,
    ) -> Outcome<Vec<BalanceUpdate>> {
        let amount = self.bond(staker, rollup)?;
        self.store.remove(at![BONDS, staker.to_bytes(), rollup])?;
        self.credit(staker, amount)?;
        let bond = BalanceAccount::FrozenBonds { contract: *staker, rollup: *rollup };
        Ok(updates(bond, BalanceAccount::Contract(*staker), amount))
    }

    /// Burns the bond of a staker who lost a refutation game.
    pub(super) fn punish(
        &mut self,
        staker: &Contract,
        rollup: &RollupAddress,
    ) -> Result<Vec<BalanceUpdate>, StorageError> {
        let amount = self.bond(staker, rollup)?;
        let address = staker.to_bytes();
        self.store.remove(at![BONDS, address, rollup])?;
        self.count_burnt(amount)?;
        // Nothing is left: the account vanishes as after a transfer of all it has.
        if self.balance(staker)? == Some(Mutez::ZERO) && !self.store.contains(at![BONDS, address])? {
            self.store.remove(at![ACCOUNTS, address])?;
        }
        let bond = BalanceAccount::FrozenBonds { contract: *staker, rollup: *rollup };
        Ok(updates(bond, BalanceAccount::RefutationPunishments, amount))
    }

    /// Makes half a stake for who won a refutation game.
    pub(super) fn reward(&mut self, winner: &Contract) -> Outcome<Vec<BalanceUpdate>> {
        let amount = Mutez(self.constants.rollup().stake_amount / 2);
        self.credit(winner, amount)?;
        let minted = self.store.number(at!["minted"])?;
        self.store.set_number(at!["minted"], minted.saturating_add(amount.0))?;
        Ok(updates(BalanceAccount::RefutationRewards, BalanceAccount::Contract(*winner), amount))
    }

    fn count_burnt(&mut self, amount: Mutez) -> Result<(), StorageError> {
        let burnt = self.store.number(at!["burnt"])?;
        self.store.set_number(at!["burnt"], burnt.saturating_add(amount.0))
    }

    /// Counts an operation. An account that its own fees emptied has no counter any more.
    pub(super) fn increment_counter(&mut self, pkh: &PublicKeyHash) -> Result<(), StorageError> {
        let global = self.store.number(at!["global_counter"])?;
        let counter = self.counter(pkh)?;
        self.store.set_number(at!["global_counter"], global.saturating_add(1))?;
        if !self.exists(&Contract::from(*pkh))? {
            return Ok(());
        }
        let account = Contract::from(*pkh).to_bytes();
        self.store.set_number(at![ACCOUNTS, account, "counter"], counter.saturating_add(1))
    }

    pub(super) fn set_manager_key(&mut self, key: &PublicKey) -> Result<(), StorageError> {
        self.store.set(at![ACCOUNTS, Contract::from(key.hash()).to_bytes(), "key"], key)
    }
}

/// The two sides of a move.
pub(super) fn updates(from: BalanceAccount, to: BalanceAccount, amount: Mutez) -> Vec<BalanceUpdate> {
    let change = i64::try_from(amount.0).unwrap_or(i64::MAX);
    vec![BalanceUpdate::new(from, -change), BalanceUpdate::new(to, change)]
}

/// More tez than exist cannot be moved, so an amount above 2^63 − 1 is refused as one that nobody has.
fn too_much_tez() -> Failure {
    ProtocolError::ContentsList { message: "an amount above 2^63 - 1 mutez".to_owned() }.into()
}
