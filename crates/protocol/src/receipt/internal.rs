use super::{OperationResult, optional};
use crate::operation::{Parameters, Script};
use serde_json::{Value, json};
use soru_base::json::{field, member, str_field, u64_field};
use soru_base::{Address, Entrypoint, IdFamily, Json, JsonError, Mutez, PublicKeyHash};
use soru_michelson::Micheline;

/// A call that a contract or a rollup's outbox led to, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct InternalOperation {
    /// Who calls.
    pub source: Address,
    /// Number of the call within its operation.
    pub nonce: u16,
    /// What is asked.
    pub action: InternalAction,
    /// What became of it.
    pub result: OperationResult,
}

/// What can be asked from within.
#[derive(Debug, Clone, PartialEq)]
pub enum InternalAction {
    /// Moves tez, calls a contract or a rollup.
    Transaction {
        /// Tez to move.
        amount: Mutez,
        /// Where to.
        destination: Address,
        /// What to call, `None` for the default entrypoint with `Unit`.
        parameters: Option<Parameters>,
    },
    /// Makes a contract.
    Origination {
        /// Its tez.
        balance: Mutez,
        /// Its delegate.
        delegate: Option<PublicKeyHash>,
        /// Its code and first storage.
        script: Script,
    },
    /// Chooses a delegate, or none.
    Delegation {
        /// The delegate.
        delegate: Option<PublicKeyHash>,
    },
    /// Tells something to those who watch.
    Event {
        /// The type of the payload.
        ty: Micheline,
        /// Its name.
        tag: Option<Entrypoint>,
        /// What is told.
        payload: Option<Micheline>,
    },
    /// A kind that Soru does not know, with all its members.
    Other(Value),
}

impl InternalAction {
    /// The network's name of the kind.
    pub fn kind(&self) -> &str {
        match self {
            Self::Transaction { .. } => "transaction",
            Self::Origination { .. } => "origination",
            Self::Delegation { .. } => "delegation",
            Self::Event { .. } => "event",
            Self::Other(value) => member(value, "kind").as_str().unwrap_or("unknown"),
        }
    }

    fn put(&self, object: &mut Value, family: IdFamily) {
        fn set<T: Json>(object: &mut Value, name: &str, value: Option<&T>, family: IdFamily) {
            if let Some(value) = value {
                object[name] = value.to_json(family);
            }
        }
        match self {
            Self::Transaction { amount, destination, parameters } => {
                object["amount"] = amount.to_json(family);
                object["destination"] = destination.to_json(family);
                set(object, "parameters", parameters.as_ref(), family);
            }
            Self::Origination { balance, delegate, script } => {
                object["balance"] = balance.to_json(family);
                set(object, "delegate", delegate.as_ref(), family);
                object["script"] = script.to_json(family);
            }
            Self::Delegation { delegate } => set(object, "delegate", delegate.as_ref(), family),
            Self::Event { ty, tag, payload } => {
                object["type"] = ty.to_json(family);
                set(object, "tag", tag.as_ref(), family);
                set(object, "payload", payload.as_ref(), family);
            }
            Self::Other(_) => {}
        }
    }

    fn read(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        Ok(match str_field(value, "kind")? {
            "transaction" => Self::Transaction {
                amount: field(value, "amount", family)?,
                destination: field(value, "destination", family)?,
                parameters: optional(value, "parameters", family)?,
            },
            "origination" => Self::Origination {
                balance: field(value, "balance", family)?,
                delegate: optional(value, "delegate", family)?,
                script: field(value, "script", family)?,
            },
            "delegation" => Self::Delegation { delegate: optional(value, "delegate", family)? },
            "event" => Self::Event {
                ty: field(value, "type", family)?,
                tag: optional(value, "tag", family)?,
                payload: optional(value, "payload", family)?,
            },
            _ => Self::Other(value.clone()),
        })
    }
}

impl Json for InternalOperation {
    fn to_json(&self, family: IdFamily) -> Value {
        if let InternalAction::Other(value) = &self.action {
            return value.clone();
        }
        let mut object = json!({
            "kind": self.action.kind(),
            "source": self.source.to_json(family),
            "nonce": self.nonce,
        });
        self.action.put(&mut object, family);
        object["result"] = self.result.to_internal_json(family);
        object
    }

    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        let nonce = u16::try_from(u64_field(value, "nonce")?)
            .map_err(|_| JsonError::new("a number below 65536", member(value, "nonce")).within("nonce"))?;
        Ok(Self {
            source: field(value, "source", family)?,
            nonce,
            action: InternalAction::read(value, family)?,
            result: OperationResult::from_json_of_kind(
                member(value, "result"),
                str_field(value, "kind")?,
                family,
            )
            .map_err(|e| e.within("result"))?,
        })
    }
}
