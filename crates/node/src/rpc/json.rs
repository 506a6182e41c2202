//! JSON of blocks and commitments.

use super::{Context, RpcError};
use crate::store::BlockRecord;
use serde_json::{Map, Value, json};
use soru_base::{Binary as _, BlockHash, CommitmentHash, Json as _, Level};
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
        let ids = self.config.ids;
        let mut out = Map::new();
        let mut put = |name: &str, value: Value| drop(out.insert(name.to_owned(), value));
        put("block_hash", record.hash.to_json(ids));
        put("level", json!(record.level.get()));
        put("predecessor", record.predecessor.to_json(ids));
        put("commitment_hash", record.commitment.map_or(Value::Null, |h| h.to_json(ids)));
        put("previous_commitment_hash", record.previous_commitment.to_json(ids));
        put("inbox_witness", record.inbox_witness().to_json(ids));
        put("inbox_hash", record.inbox_hash().to_json(ids));
        put("inbox", record.inbox.to_json(ids));
        put("messages", messages.iter().map(|m| json!(hex::encode(m.as_bytes()))).collect());
        if let Some(commitment) = commitment {
            put("commitment", self.commitment(commitment));
        }
        if let Some(outbox) = outbox {
            put("outbox", Value::Array(outbox));
        }
        put("initial_tick", json!(record.initial_tick.to_string()));
        put("num_ticks", json!(record.num_ticks.to_string()));
        put("state_hash", record.state_hash.to_json(ids));
        put("pvm_status", json!(record.status));
        Value::Object(out)
    }

    /// The outbox of `level` after a block: index, and the message in JSON.
    pub(super) fn outbox_of(
        &self,
        record: &BlockRecord,
        level: Level,
    ) -> Result<Vec<(u32, Value)>, RpcError> {
        let state = self.store.state(record)?;
        let messages = self.machine.outbox(&state, level).map_err(|e| RpcError::internal(e.to_string()))?;
        Ok(messages.into_iter().map(|(index, bytes)| (index, self.outbox_message(&bytes))).collect())
    }

    /// A message that the layer-1 cannot read is shown as bytes.
    fn outbox_message(&self, bytes: &[u8]) -> Value {
        match OutboxMessage::from_bytes(bytes) {
            Ok(message) => message.to_json(self.config.ids),
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
