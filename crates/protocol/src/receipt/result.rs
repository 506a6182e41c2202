use super::tickets::ticket_updates;
use super::{BalanceUpdate, TicketUpdate, all, balance_updates, list, optional};
use serde_json::{Value, json};
use soru_base::json::{array_field, field, member, str_field, u64_field};
use soru_base::{Address, CommitmentHash, ContractHash, IdFamily, Json, JsonError, Level, RollupAddress};
use soru_michelson::Micheline;

use crate::inbox::level_field;
use crate::refutation::{GameResult, status_from_json, status_to_json};

/// An error as the network tells it: an object with `kind`, `id` and members that depend on the id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorReport(pub Value);

/// What became of a content or a call.
#[derive(Debug, Clone, PartialEq)]
pub enum OperationResult {
    /// It was done.
    Applied(Success),
    /// It was done and undone, because something after it failed.
    Backtracked(Success, Vec<ErrorReport>),
    /// It failed.
    Failed(Vec<ErrorReport>),
    /// It was not tried, because something before it failed.
    Skipped,
}

/// What something that was done changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Success {
    /// Gas used, in thousandths.
    pub consumed_milligas: u64,
    /// The ways of tez.
    pub balance_updates: Vec<BalanceUpdate>,
    /// The rest.
    pub effect: Effect,
}

/// What was done, by kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// A reveal, a delegation, messages added, a bond recovered, an event: nothing more to tell.
    Done,
    /// A transaction to an account or a contract.
    ToContract {
        /// The contract's storage after the call.
        storage: Option<Micheline>,
        /// Tickets that the contract keeps or no longer keeps, and those that an account got.
        ticket_updates: Vec<TicketUpdate>,
        /// Contracts that the call made an address for.
        originated_contracts: Vec<ContractHash>,
        /// Bytes of its storage.
        storage_size: u64,
        /// Bytes paid for now.
        paid_storage_size_diff: u64,
        /// Whether the account is new.
        allocated_destination_contract: bool,
        /// Changes of big maps, as the network tells them.
        lazy_storage_diff: Option<Value>,
        /// Addresses that got an index in the registry of addresses.
        address_registry_diff: Vec<(Address, u64)>,
    },
    /// A transfer to a rollup.
    ToRollup {
        /// Tickets that the rollup got.
        ticket_updates: Vec<TicketUpdate>,
    },
    /// Tickets left an account, and reached another one; a contract gets them in a call.
    TransferTicket {
        /// The tickets.
        ticket_updates: Vec<TicketUpdate>,
        /// Bytes paid for now.
        paid_storage_size_diff: u64,
    },
    /// A contract was made.
    Origination {
        /// The contract.
        originated_contracts: Vec<ContractHash>,
        /// Bytes of its storage.
        storage_size: u64,
        /// Bytes paid for now.
        paid_storage_size_diff: u64,
        /// Changes of big maps, as the network tells them.
        lazy_storage_diff: Option<Value>,
    },
    /// Storage of a contract was paid for in advance.
    IncreasePaidStorage,
    /// A rollup was made.
    RollupOrigination {
        /// The rollup.
        address: RollupAddress,
        /// Its genesis commitment.
        genesis_commitment_hash: CommitmentHash,
        /// Bytes paid for.
        size: u64,
    },
    /// A commitment was cemented.
    Cement {
        /// Its level.
        inbox_level: Level,
        /// The commitment.
        commitment_hash: CommitmentHash,
    },
    /// A commitment was staked on.
    Publish {
        /// The commitment.
        staked_hash: CommitmentHash,
        /// When it was published first.
        published_at_level: Level,
    },
    /// A refutation game was opened, went on or ended.
    Game {
        /// How it ended, if it did.
        result: Option<GameResult>,
    },
    /// An outbox message was executed.
    ExecuteOutboxMessage {
        /// Tickets that left the rollup; contracts get them in calls.
        ticket_updates: Vec<TicketUpdate>,
        /// A change of who may stake, as the network tells it.
        whitelist_update: Option<Value>,
        /// Bytes paid for now.
        paid_storage_size_diff: u64,
    },
    /// A kind that Soru does not know, with all its members.
    Other(Value),
}

impl ErrorReport {
    /// The network's id, such as `proto.alpha.contract.balance_too_low`.
    pub fn id(&self) -> &str {
        self.0.get("id").and_then(Value::as_str).unwrap_or("unknown")
    }

    /// `temporary`, `branch` or `permanent`.
    pub fn kind(&self) -> &str {
        self.0.get("kind").and_then(Value::as_str).unwrap_or("unknown")
    }
}

impl Json for ErrorReport {
    fn to_json(&self, _: IdFamily) -> Value {
        self.0.clone()
    }
    fn from_json(value: &Value, _: IdFamily) -> Result<Self, JsonError> {
        Ok(Self(value.clone()))
    }
}

impl OperationResult {
    /// The network's word.
    pub fn status(&self) -> &'static str {
        match self {
            Self::Applied(_) => "applied",
            Self::Backtracked(..) => "backtracked",
            Self::Failed(_) => "failed",
            Self::Skipped => "skipped",
        }
    }

    /// What was done, if it was not undone.
    pub fn success(&self) -> Option<&Success> {
        match self {
            Self::Applied(success) => Some(success),
            Self::Backtracked(..) | Self::Failed(_) | Self::Skipped => None,
        }
    }

    /// Errors of this result.
    pub fn errors(&self) -> &[ErrorReport] {
        match self {
            Self::Failed(errors) | Self::Backtracked(_, errors) => errors,
            Self::Applied(_) | Self::Skipped => &[],
        }
    }

    /// The `operation_result` member of a content.
    pub fn to_json(&self, family: IdFamily) -> Value {
        self.put(family)
    }

    /// The `result` member of a call. The network has another name for tickets there.
    pub fn to_internal_json(&self, family: IdFamily) -> Value {
        let Value::Object(members) = self.put(family) else { return Value::Null };
        let renamed = members.into_iter().map(|(name, value)| match name.as_str() {
            "ticket_updates" => ("ticket_receipt".to_owned(), value),
            _ => (name, value),
        });
        Value::Object(renamed.collect())
    }

    fn put(&self, family: IdFamily) -> Value {
        let mut object = json!({ "status": self.status() });
        match self {
            Self::Applied(success) => success.put(&mut object, family),
            Self::Backtracked(success, errors) => {
                if !errors.is_empty() {
                    object["errors"] = all(errors, family);
                }
                success.put(&mut object, family);
            }
            Self::Failed(errors) => object["errors"] = all(errors, family),
            Self::Skipped => {}
        }
        object
    }

    /// Reads the result of a content or call of that kind.
    pub fn from_json_of_kind(value: &Value, kind: &str, family: IdFamily) -> Result<Self, JsonError> {
        let errors = || match member(value, "errors") {
            Value::Null => Ok(Vec::new()),
            _ => list(value, "errors", family),
        };
        Ok(match str_field(value, "status")? {
            "applied" => Self::Applied(Success::read(value, kind, family)?),
            "backtracked" => Self::Backtracked(Success::read(value, kind, family)?, errors()?),
            "failed" => Self::Failed(errors()?),
            "skipped" => Self::Skipped,
            _ => {
                let expected = "applied, backtracked, failed or skipped";
                return Err(JsonError::new(expected, member(value, "status")).within("status"));
            }
        })
    }
}

impl Success {
    // Members stand in the network's order.
    fn put(&self, object: &mut Value, family: IdFamily) {
        if let Effect::ToContract { storage: Some(storage), .. } = &self.effect {
            object["storage"] = storage.to_json(family);
        }
        if !self.balance_updates.is_empty() || self.effect.always_tells_balances() {
            object["balance_updates"] = all(&self.balance_updates, family);
        }
        self.effect.put_first(object, family);
        object["consumed_milligas"] = self.consumed_milligas.to_string().into();
        self.effect.put(object, family);
    }

    fn read(value: &Value, kind: &str, family: IdFamily) -> Result<Self, JsonError> {
        Ok(Self {
            consumed_milligas: number(value, "consumed_milligas")?,
            balance_updates: balance_updates(value, family)?,
            effect: Effect::read(value, kind, family)?,
        })
    }
}

impl Effect {
    fn always_tells_balances(&self) -> bool {
        matches!(self, Self::TransferTicket { .. } | Self::ExecuteOutboxMessage { .. })
    }

    /// What comes before the gas.
    fn put_first(&self, object: &mut Value, family: IdFamily) {
        match self {
            Self::ToContract { ticket_updates, originated_contracts, .. } => {
                if !ticket_updates.is_empty() {
                    object["ticket_updates"] = all(ticket_updates, family);
                }
                if !originated_contracts.is_empty() {
                    object["originated_contracts"] = all(originated_contracts, family);
                }
            }
            Self::TransferTicket { ticket_updates, .. } => {
                object["ticket_updates"] = all(ticket_updates, family);
            }
            Self::ExecuteOutboxMessage { ticket_updates, whitelist_update, .. } => {
                object["ticket_updates"] = all(ticket_updates, family);
                if let Some(update) = whitelist_update {
                    object["whitelist_update"] = update.clone();
                }
            }
            _ => {}
        }
    }

    fn put(&self, object: &mut Value, family: IdFamily) {
        match self {
            Self::Done | Self::IncreasePaidStorage => {}
            Self::ToContract {
                storage_size,
                paid_storage_size_diff,
                allocated_destination_contract,
                lazy_storage_diff,
                address_registry_diff,
                ..
            } => {
                put_sizes(object, *storage_size, *paid_storage_size_diff);
                if *allocated_destination_contract {
                    object["allocated_destination_contract"] = true.into();
                }
                put_diff(object, lazy_storage_diff);
                if !address_registry_diff.is_empty() {
                    let indexed = address_registry_diff.iter().map(|(address, index)| {
                        json!({ "address": address.to_json(family), "index": index.to_string() })
                    });
                    object["address_registry_diff"] = indexed.collect();
                }
            }
            Self::ToRollup { ticket_updates } => object["ticket_updates"] = all(ticket_updates, family),
            Self::Origination {
                originated_contracts,
                storage_size,
                paid_storage_size_diff,
                lazy_storage_diff,
            } => {
                object["originated_contracts"] = all(originated_contracts, family);
                put_sizes(object, *storage_size, *paid_storage_size_diff);
                put_diff(object, lazy_storage_diff);
            }
            Self::RollupOrigination { address, genesis_commitment_hash, size } => {
                object["address"] = address.to_json(family);
                object["genesis_commitment_hash"] = genesis_commitment_hash.to_json(family);
                object["size"] = size.to_string().into();
            }
            Self::Cement { inbox_level, commitment_hash } => {
                object["inbox_level"] = inbox_level.get().into();
                object["commitment_hash"] = commitment_hash.to_json(family);
            }
            Self::Publish { staked_hash, published_at_level } => {
                object["staked_hash"] = staked_hash.to_json(family);
                object["published_at_level"] = published_at_level.get().into();
            }
            Self::Game { result } => {
                object["game_status"] = status_to_json(result.as_ref(), family);
                // Told even if there are none.
                if object.get("balance_updates").is_none() {
                    object["balance_updates"] = json!([]);
                }
            }
            Self::TransferTicket { paid_storage_size_diff, .. }
            | Self::ExecuteOutboxMessage { paid_storage_size_diff, .. } => {
                put_sizes(object, 0, *paid_storage_size_diff);
            }
            Self::Other(Value::Object(members)) => {
                for (name, value) in members {
                    object[name] = value.clone();
                }
            }
            Self::Other(_) => {}
        }
    }

    fn read(value: &Value, kind: &str, family: IdFamily) -> Result<Self, JsonError> {
        Ok(match kind {
            "reveal" | "delegation" | "event" | "smart_rollup_add_messages" | "smart_rollup_recover_bond" => {
                Self::Done
            }
            // Transfers to contracts and to rollups can be told apart by what must be there only.
            "transaction" if is_rollup_transfer(value) => {
                Self::ToRollup { ticket_updates: ticket_updates(value, family)? }
            }
            "transaction" => Self::ToContract {
                storage: optional(value, "storage", family)?,
                ticket_updates: ticket_updates(value, family)?,
                originated_contracts: contracts(value, family)?,
                storage_size: number(value, "storage_size")?,
                paid_storage_size_diff: number(value, "paid_storage_size_diff")?,
                allocated_destination_contract: member(value, "allocated_destination_contract")
                    == &Value::Bool(true),
                lazy_storage_diff: value.get("lazy_storage_diff").cloned(),
                address_registry_diff: registered(value, family)?,
            },
            "origination" => Self::Origination {
                originated_contracts: contracts(value, family)?,
                storage_size: number(value, "storage_size")?,
                paid_storage_size_diff: number(value, "paid_storage_size_diff")?,
                lazy_storage_diff: value.get("lazy_storage_diff").cloned(),
            },
            "increase_paid_storage" => Self::IncreasePaidStorage,
            "smart_rollup_originate" => Self::RollupOrigination {
                address: field(value, "address", family)?,
                genesis_commitment_hash: field(value, "genesis_commitment_hash", family)?,
                size: number(value, "size")?,
            },
            "smart_rollup_cement" => Self::Cement {
                inbox_level: level_field(value, "inbox_level")?,
                commitment_hash: field(value, "commitment_hash", family)?,
            },
            "smart_rollup_publish" => Self::Publish {
                staked_hash: field(value, "staked_hash", family)?,
                published_at_level: level_field(value, "published_at_level")?,
            },
            "smart_rollup_refute" | "smart_rollup_timeout" => Self::Game {
                result: status_from_json(member(value, "game_status"), family)
                    .map_err(|e| e.within("game_status"))?,
            },
            "transfer_ticket" => Self::TransferTicket {
                ticket_updates: ticket_updates(value, family)?,
                paid_storage_size_diff: number(value, "paid_storage_size_diff")?,
            },
            "smart_rollup_execute_outbox_message" => Self::ExecuteOutboxMessage {
                ticket_updates: ticket_updates(value, family)?,
                whitelist_update: value.get("whitelist_update").cloned(),
                paid_storage_size_diff: number(value, "paid_storage_size_diff")?,
            },
            _ => {
                let mut object = value.as_object().cloned().unwrap_or_default();
                for known in ["status", "errors", "consumed_milligas", "balance_updates"] {
                    object.shift_remove(known);
                }
                Self::Other(Value::Object(object))
            }
        })
    }
}

fn contracts(value: &Value, family: IdFamily) -> Result<Vec<ContractHash>, JsonError> {
    match member(value, "originated_contracts") {
        Value::Null => Ok(Vec::new()),
        _ => list(value, "originated_contracts", family),
    }
}

fn registered(value: &Value, family: IdFamily) -> Result<Vec<(Address, u64)>, JsonError> {
    if member(value, "address_registry_diff").is_null() {
        return Ok(Vec::new());
    }
    let items = array_field(value, "address_registry_diff")?.iter().enumerate();
    let read = |item| Ok((field(item, "address", family)?, u64_field(item, "index")?));
    let of = |i: usize, e: JsonError| e.at(i).within("address_registry_diff");
    items.map(|(i, item)| read(item).map_err(|e| of(i, e))).collect()
}

/// Whether a transfer went to a rollup: the network tells of tickets then, even if there are none, and whose they are.
fn is_rollup_transfer(value: &Value) -> bool {
    let tickets = array_field(value, "ticket_updates").or_else(|_| array_field(value, "ticket_receipt"));
    let Ok(tickets) = tickets else { return false };
    let accounts = tickets.iter().flat_map(|item| array_field(item, "updates").unwrap_or(&[]));
    let mut addresses = accounts.map(|update| member(update, "account").as_str().map(str::parse));
    let told = |name| value.get(name).is_some();
    addresses.all(|address| matches!(address, Some(Ok(Address::SmartRollup(_)))))
        && !told("storage")
        && !told("storage_size")
        && !told("balance_updates")
}

fn put_sizes(object: &mut Value, storage_size: u64, paid_storage_size_diff: u64) {
    for (name, size) in [("storage_size", storage_size), ("paid_storage_size_diff", paid_storage_size_diff)] {
        if size > 0 {
            object[name] = size.to_string().into();
        }
    }
}

fn put_diff(object: &mut Value, diff: &Option<Value>) {
    if let Some(diff) = diff {
        object["lazy_storage_diff"] = diff.clone();
    }
}

/// A number that is left out when it is zero. Sizes can shrink on the network; a negative one counts as zero here.
fn number(value: &Value, name: &str) -> Result<u64, JsonError> {
    match member(value, name) {
        Value::Null => Ok(0),
        Value::String(s) if s.starts_with('-') => Ok(0),
        _ => u64_field(value, name),
    }
}
