use super::at;
use super::blocks::present;
use crate::{BlockId, Client, L1Error};
use soru_base::json::{field, u64_field};
use soru_base::{Contract, ContractHash, Json, JsonError, Mutez, PublicKey, PublicKeyHash};
use soru_michelson::Micheline;
use soru_protocol::operation::Script;
use std::collections::BTreeMap;

/// What is known of an account in one question.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Its tez.
    pub balance: Mutez,
    /// The counter of its last operation; contracts have none.
    pub counter: Option<u64>,
    /// Its delegate.
    pub delegate: Option<PublicKeyHash>,
    /// Its code and storage, if it is a contract.
    pub script: Option<Script>,
}

impl Client {
    fn contract_path(block: BlockId, contract: &Contract, below: &str) -> String {
        at(block, &format!("/context/contracts/{contract}{below}"))
    }

    /// An account: balance, counter, delegate, script.
    pub async fn account(
        &self,
        block: impl Into<BlockId>,
        contract: impl Into<Contract>,
    ) -> Result<Account, L1Error> {
        let path = Self::contract_path(block.into(), &contract.into(), "");
        let value = self.get(&path).await?;
        self.read(&path, &value, |v| {
            Ok(Account {
                balance: field(v, "balance", self.family())?,
                counter: present(v, "counter").map(|_| u64_field(v, "counter")).transpose()?,
                delegate: present(v, "delegate").map(|_| field(v, "delegate", self.family())).transpose()?,
                script: present(v, "script").map(|_| field(v, "script", self.family())).transpose()?,
            })
        })
    }

    /// An account's tez.
    pub async fn balance(
        &self,
        block: impl Into<BlockId>,
        contract: impl Into<Contract>,
    ) -> Result<Mutez, L1Error> {
        self.get_as(&Self::contract_path(block.into(), &contract.into(), "/balance")).await
    }

    /// The counter of an account's last operation.
    pub async fn counter(&self, block: impl Into<BlockId>, account: PublicKeyHash) -> Result<u64, L1Error> {
        let path = Self::contract_path(block.into(), &account.into(), "/counter");
        let value = self.get(&path).await?;
        self.read(&path, &value, |v| {
            let counter = v.as_str().and_then(|s| s.parse().ok());
            counter.ok_or_else(|| JsonError::new("a string of digits", v))
        })
    }

    /// An account's public key, if it was revealed.
    pub async fn manager_key(
        &self,
        block: impl Into<BlockId>,
        account: PublicKeyHash,
    ) -> Result<Option<PublicKey>, L1Error> {
        let path = Self::contract_path(block.into(), &account.into(), "/manager_key");
        let value = self.get(&path).await?;
        match value.is_null() {
            true => Ok(None),
            false => self.read(&path, &value, |v| PublicKey::from_json(v, self.family()).map(Some)),
        }
    }

    /// A contract's storage.
    pub async fn storage(
        &self,
        block: impl Into<BlockId>,
        contract: ContractHash,
    ) -> Result<Micheline, L1Error> {
        self.get_as(&Self::contract_path(block.into(), &contract.into(), "/storage")).await
    }

    /// A contract's code and storage.
    pub async fn script(&self, block: impl Into<BlockId>, contract: ContractHash) -> Result<Script, L1Error> {
        self.get_as(&Self::contract_path(block.into(), &contract.into(), "/script")).await
    }

    /// A contract's entrypoints and the types of their arguments.
    pub async fn entrypoints(
        &self,
        block: impl Into<BlockId>,
        contract: ContractHash,
    ) -> Result<BTreeMap<String, Micheline>, L1Error> {
        let path = Self::contract_path(block.into(), &contract.into(), "/entrypoints");
        let value = self.get(&path).await?;
        self.read(&path, &value, |v| {
            let entrypoints = v.get("entrypoints").and_then(|e| e.as_object());
            let entrypoints = entrypoints.ok_or_else(|| JsonError::new("an object with entrypoints", v))?;
            let read = entrypoints.iter().map(|(name, ty)| {
                let ty = Micheline::from_json(ty, self.family());
                ty.map(|ty| (name.clone(), ty)).map_err(|e| e.within(name).within("entrypoints"))
            });
            read.collect()
        })
    }
}
