use serde_json::{Value, json};
use soru_base::json::{field, member};
use soru_base::{Contract, IdFamily, Json, JsonError, RollupAddress};

/// A change of what an account holds. The changes of an operation sum up to zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalanceUpdate {
    /// Where.
    pub account: BalanceAccount,
    /// Mutez gained, negative for lost.
    pub change: i64,
    /// Why: `block` for all that a block's operations do.
    pub origin: String,
}

/// Where tez can be, come from or go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BalanceAccount {
    /// An account's spendable tez.
    Contract(Contract),
    /// Fees of the block, on their way to the baker.
    BlockFees,
    /// Burnt for storage.
    StorageFees,
    /// Frozen as the bond of a staker on a rollup.
    FrozenBonds {
        /// The staker.
        contract: Contract,
        /// The rollup.
        rollup: RollupAddress,
    },
    /// Burnt with the stake of a player who lost.
    RefutationPunishments,
    /// Given to a player who won.
    RefutationRewards,
    /// Any other, with all its members but `change` and `origin`.
    Other(Value),
}

impl BalanceUpdate {
    /// A change made by an operation of a block.
    pub fn new(account: BalanceAccount, change: i64) -> Self {
        Self { account, change, origin: "block".to_owned() }
    }
}

impl Json for BalanceUpdate {
    fn to_json(&self, family: IdFamily) -> Value {
        let mut object = self.account.to_json(family);
        object["change"] = self.change.to_string().into();
        object["origin"] = self.origin.clone().into();
        object
    }

    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        let change = member(value, "change");
        let change = change
            .as_str()
            .and_then(|s| s.parse().ok())
            .ok_or_else(|| JsonError::new("a string of mutez", change).within("change"))?;
        let origin = member(value, "origin").as_str().unwrap_or("block").to_owned();
        Ok(Self { account: BalanceAccount::from_json(value, family)?, change, origin })
    }
}

impl Json for BalanceAccount {
    fn to_json(&self, family: IdFamily) -> Value {
        match self {
            Self::Contract(contract) => json!({ "kind": "contract", "contract": contract.to_json(family) }),
            Self::BlockFees => json!({ "kind": "accumulator", "category": "block fees" }),
            Self::StorageFees => json!({ "kind": "burned", "category": "storage fees" }),
            Self::FrozenBonds { contract, rollup } => json!({
                "kind": "freezer",
                "category": "bonds",
                "contract": contract.to_json(family),
                "bond_id": { "smart_rollup": rollup.to_json(family) },
            }),
            Self::RefutationPunishments => {
                json!({ "kind": "burned", "category": "smart_rollup_refutation_punishments" })
            }
            Self::RefutationRewards => {
                json!({ "kind": "minted", "category": "smart_rollup_refutation_rewards" })
            }
            Self::Other(value) => value.clone(),
        }
    }

    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        let text = |name| member(value, name).as_str().unwrap_or_default();
        Ok(match (text("kind"), text("category")) {
            ("contract", _) => Self::Contract(field(value, "contract", family)?),
            ("accumulator", "block fees") => Self::BlockFees,
            ("burned", "storage fees") => Self::StorageFees,
            ("freezer", "bonds") => Self::FrozenBonds {
                contract: field(value, "contract", family)?,
                rollup: field(member(value, "bond_id"), "smart_rollup", family)
                    .map_err(|e| e.within("bond_id"))?,
            },
            ("burned", "smart_rollup_refutation_punishments") => Self::RefutationPunishments,
            ("minted", "smart_rollup_refutation_rewards") => Self::RefutationRewards,
            _ => {
                let mut object =
                    value.as_object().cloned().ok_or_else(|| JsonError::new("a balance update", value))?;
                object.shift_remove("change");
                object.shift_remove("origin");
                Self::Other(Value::Object(object))
            }
        })
    }
}
