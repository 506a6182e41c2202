use super::{all, list};
use num_bigint::BigInt;
use serde_json::{Value, json};
use soru_base::json::{field, member};
use soru_base::{Address, Contract, IdFamily, Json, JsonError};
use soru_michelson::Micheline;

/// What makes tickets the same: who made them and what they stand for.
#[derive(Debug, Clone, PartialEq)]
pub struct TicketToken {
    /// Who made them.
    pub ticketer: Contract,
    /// The type of what they stand for, without annotations.
    pub content_type: Micheline,
    /// What they stand for, in the form in which `PACK` writes it.
    pub content: Micheline,
}

/// How many tickets of a token went where.
#[derive(Debug, Clone, PartialEq)]
pub struct TicketUpdate {
    /// Which tickets.
    pub token: TicketToken,
    /// Gains and losses.
    pub updates: Vec<TicketChange>,
}

/// Tickets that an account gained, or lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketChange {
    /// Whose.
    pub account: Address,
    /// How many, negative for lost.
    pub amount: BigInt,
}

impl TicketUpdate {
    /// What one account gained or lost.
    pub fn new(token: TicketToken, account: impl Into<Address>, amount: BigInt) -> Self {
        Self { token, updates: vec![TicketChange { account: account.into(), amount }] }
    }
}

impl Json for TicketToken {
    fn to_json(&self, family: IdFamily) -> Value {
        json!({
            "ticketer": self.ticketer.to_json(family),
            "content_type": self.content_type.to_json(family),
            "content": self.content.to_json(family),
        })
    }

    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        Ok(Self {
            ticketer: field(value, "ticketer", family)?,
            content_type: field(value, "content_type", family)?,
            content: field(value, "content", family)?,
        })
    }
}

impl Json for TicketUpdate {
    fn to_json(&self, family: IdFamily) -> Value {
        json!({ "ticket_token": self.token.to_json(family), "updates": all(&self.updates, family) })
    }

    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        Ok(Self { token: field(value, "ticket_token", family)?, updates: list(value, "updates", family)? })
    }
}

impl Json for TicketChange {
    fn to_json(&self, family: IdFamily) -> Value {
        json!({ "account": self.account.to_json(family), "amount": self.amount.to_string() })
    }

    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        let amount = member(value, "amount");
        let parsed = amount.as_str().and_then(|text| text.parse().ok());
        Ok(Self {
            account: field(value, "account", family)?,
            amount: parsed
                .ok_or_else(|| JsonError::new("an integer as a string", amount).within("amount"))?,
        })
    }
}

/// `ticket_updates` of contents, `ticket_receipt` of calls.
pub(super) fn ticket_updates(value: &Value, family: IdFamily) -> Result<Vec<TicketUpdate>, JsonError> {
    for name in ["ticket_updates", "ticket_receipt"] {
        if !member(value, name).is_null() {
            return list(value, name, family);
        }
    }
    Ok(Vec::new())
}
