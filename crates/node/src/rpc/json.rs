//! JSON of blocks and commitments.

use super::{Context, RpcError};
use crate::store::BlockRecord;
use serde_json::{Map, Value, json};
use soru_base::{Binary as _, BlockHash, CommitmentHash, ContractHash, Entrypoint, IdFamily, Json, Level};
use soru_merkle::Tree;
use soru_michelson::Micheline;
use soru_protocol::Commitment;
use soru_protocol::inbox::SerializedMessage;
use soru_protocol::outbox::OutboxMessage;

impl Context {
    pub(super) fn commitment_hash(&self, hash: &CommitmentHash) -> Value {
        hash.to_json(self.config.ids)
    }

    pub(super) fn commitment(&self, commitment: &Commitment) -> Value {
        commitment.to_json(self.config.ids)
    }

    /// A block in the form of the network's rollup node.
    pub(super) fn block(
        &self,
        record: &BlockRecord,
        messages: &[SerializedMessage],
        commitment: Option<&Commitment>,
        outbox: Option<Vec<Value>>,
    ) -> Value {
        let mut out = self.identity(record);
        let mut put = |name: &str, value: Value| drop(out.insert(name.to_owned(), value));
        put("inbox", record.inbox.to_json(self.config.ids));
        put("messages", messages.iter().map(|m| json!(hex::encode(m.as_bytes()))).collect());
        if let Some(commitment) = commitment {
            put("commitment", self.commitment(commitment));
        }
        if let Some(outbox) = outbox {
            put("outbox", Value::Array(outbox));
        }
        out.extend(self.work(record));
        Value::Object(out)
    }

    /// The same without what is in it.
    pub(super) fn short_block(&self, record: &BlockRecord) -> Value {
        let mut out = self.identity(record);
        out.extend(self.work(record));
        Value::Object(out)
    }

    /// Which block it is.
    fn identity(&self, record: &BlockRecord) -> Map<String, Value> {
        let ids = self.config.ids;
        let fields = [
            ("block_hash", record.hash.to_json(ids)),
            ("level", json!(record.level.get())),
            ("predecessor", record.predecessor.to_json(ids)),
            ("commitment_hash", record.commitment.map_or(Value::Null, |h| h.to_json(ids))),
            ("previous_commitment_hash", record.previous_commitment.to_json(ids)),
            ("inbox_witness", record.inbox_witness().to_json(ids)),
            ("inbox_hash", record.inbox_hash().to_json(ids)),
        ];
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// What the machine did in it.
    fn work(&self, record: &BlockRecord) -> Map<String, Value> {
        let fields = [
            ("initial_tick", json!(record.initial_tick.to_string())),
            ("num_ticks", json!(record.num_ticks.to_string())),
            ("state_hash", record.state_hash.to_json(self.config.ids)),
            ("pvm_status", json!(record.status)),
        ];
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The outbox of `level` after a block: index, and the message in the JSON that `shown` gives it.
    pub(super) fn outbox_of(
        &self,
        record: &BlockRecord,
        level: Level,
        shown: fn(&OutboxMessage, IdFamily) -> Value,
    ) -> Result<Vec<(u32, Value)>, RpcError> {
        self.outbox_in(&self.store.state(record)?, level, shown)
    }

    /// The outbox of `level` in a state.
    pub(super) fn outbox_in(
        &self,
        state: &Tree,
        level: Level,
        shown: fn(&OutboxMessage, IdFamily) -> Value,
    ) -> Result<Vec<(u32, Value)>, RpcError> {
        let messages = self.machine.outbox(state, level).map_err(|e| RpcError::internal(e.to_string()))?;
        Ok(messages.into_iter().map(|(index, bytes)| (index, self.outbox_message(&bytes, shown))).collect())
    }

    /// A message that the layer-1 cannot read is shown as bytes.
    fn outbox_message(&self, bytes: &[u8], shown: fn(&OutboxMessage, IdFamily) -> Value) -> Value {
        match OutboxMessage::from_bytes(bytes) {
            Ok(message) => shown(&message, self.config.ids),
            Err(error) => {
                json!({"kind": "unreadable", "bytes": hex::encode(bytes), "reason": error.to_string()})
            }
        }
    }

    /// The block an id names: `head`, `finalized`, `cemented`, a level or a hash.
    pub(super) fn find(&self, id: &str) -> Result<BlockRecord, RpcError> {
        let none = || RpcError::not_yet("the node has not evaluated a block yet");
        let head = self.store.head()?.ok_or_else(none)?;
        let level = match id {
            "head" => return Ok(head),
            "finalized" => head.level.minus(crate::publish::FINALITY),
            "cemented" => match self.store.cemented()? {
                Some(cemented) => cemented.level,
                None => return Err(RpcError::not_yet("the last cemented commitment is not known yet")),
            },
            text => match (text.parse().ok().and_then(Level::new), text.parse::<BlockHash>()) {
                (Some(level), _) => level,
                (None, Ok(hash)) => {
                    let block = self.store.block(&hash)?;
                    return block.ok_or_else(|| RpcError::not_found(format!("the node has no block {hash}")));
                }
                (None, Err(_)) => {
                    return Err(RpcError::bad_request(format!(
                        "`{text}` is no block: expected head, finalized, cemented, a level or a block hash"
                    )));
                }
            },
        };
        self.store.block_at(level)?.ok_or_else(|| {
            let first = self.store.genesis().ok().flatten().map_or(head.level, |g| g.level);
            RpcError::not_found(format!("the node has levels {first} to {}, not {level}", head.level))
        })
    }
}

/// An outbox message as the network's operations have it.
pub(super) fn full(message: &OutboxMessage, ids: IdFamily) -> Value {
    message.to_json(ids)
}

/// An outbox message in the shorter form that the network's node gives in its own answers: without what is the default.
pub(super) fn summary(message: &OutboxMessage, ids: IdFamily) -> Value {
    match message {
        OutboxMessage::AtomicTransactionBatch(transactions) => json!({"transactions": transactions
            .iter()
            .map(|t| call(&t.destination, &t.entrypoint, &t.parameters, None, ids))
            .collect::<Vec<_>>()}),
        OutboxMessage::AtomicTransactionBatchTyped(transactions) => json!({"transactions": transactions
            .iter()
            .map(|t| call(&t.destination, &t.entrypoint, &t.parameters, Some(&t.parameters_ty), ids))
            .collect::<Vec<_>>()}),
        OutboxMessage::WhitelistUpdate(list) => {
            let keys = list.as_ref().map(|keys| keys.iter().map(ToString::to_string).collect::<Vec<_>>());
            json!({"whitelist_update": keys})
        }
        OutboxMessage::CanonicalRollupSignal(payload) => {
            json!({"canonical_rollup_signal": String::from_utf8_lossy(payload)})
        }
    }
}

fn call(
    destination: &ContractHash,
    entrypoint: &Entrypoint,
    parameters: &Micheline,
    ty: Option<&Micheline>,
    ids: IdFamily,
) -> Value {
    let mut out = json!({"destination": destination.to_string()});
    if !entrypoint.is_default() {
        out["entrypoint"] = json!(entrypoint.as_str());
    }
    if *parameters != Micheline::unit() {
        out["parameters"] = parameters.to_json(ids);
    }
    if let Some(ty) = ty {
        out["parameters_ty"] = ty.to_json(ids);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use soru_protocol::outbox::OutboxTransaction;

    #[test]
    fn a_summary_leaves_out_what_is_the_default() {
        let destination = ContractHash::ZERO;
        let plain = OutboxTransaction {
            parameters: Micheline::unit(),
            destination,
            entrypoint: Entrypoint::new("default").unwrap(),
        };
        let other = OutboxTransaction {
            parameters: Micheline::int(3),
            destination,
            entrypoint: Entrypoint::new("mint").unwrap(),
        };
        let message = OutboxMessage::AtomicTransactionBatch(vec![plain, other]);
        let to = destination.to_string();
        assert_eq!(
            summary(&message, IdFamily::Alpha),
            json!({"transactions": [
                {"destination": to},
                {"destination": to, "entrypoint": "mint", "parameters": {"int": "3"}},
            ]})
        );
        let closed = OutboxMessage::WhitelistUpdate(None);
        assert_eq!(summary(&closed, IdFamily::Alpha), json!({"whitelist_update": null}));
    }
}
