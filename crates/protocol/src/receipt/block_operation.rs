use super::{ContentReceipt, OperationReceipt};
use crate::operation::{Content, SignedOperation};
use serde_json::{Value, json};
use soru_base::json::{array_field, field, member};
use soru_base::{BlockHash, IdFamily, Json, JsonError, OperationHash, Signature};

/// An operation of a block with its receipt, as the RPC of blocks tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockOperation {
    /// Its hash.
    pub hash: OperationHash,
    /// Its branch.
    pub branch: BlockHash,
    /// Its contents.
    pub contents: Vec<BlockContent>,
    /// Its signature; some operations of the network have none.
    pub signature: Option<Signature>,
}

/// A content with its receipt.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "what is kept in lists are manager contents, nearly without exception"
)]
pub enum BlockContent {
    /// A manager operation.
    Manager {
        /// The content.
        content: Box<Content>,
        /// What became of it, unless the RPC left it out.
        receipt: Option<ContentReceipt>,
    },
    /// Anything else, as it is.
    Other(Value),
}

/// The kinds read; a content of another kind is kept as it is.
const MANAGER_KINDS: [&str; 15] = [
    "reveal",
    "transaction",
    "origination",
    "delegation",
    "register_global_constant",
    "increase_paid_storage",
    "transfer_ticket",
    "smart_rollup_originate",
    "smart_rollup_add_messages",
    "smart_rollup_cement",
    "smart_rollup_publish",
    "smart_rollup_refute",
    "smart_rollup_timeout",
    "smart_rollup_execute_outbox_message",
    "smart_rollup_recover_bond",
];

impl BlockOperation {
    /// An operation that the ledger applied.
    pub fn new(operation: &SignedOperation, receipt: OperationReceipt) -> Self {
        let mut receipts = receipt.contents.into_iter();
        let contents = operation.operation.contents.iter();
        Self {
            hash: operation.hash(),
            branch: operation.operation.branch,
            contents: contents
                .map(|content| BlockContent::Manager {
                    content: Box::new(content.clone()),
                    receipt: receipts.next(),
                })
                .collect(),
            signature: Some(operation.signature),
        }
    }

    /// The manager contents with their receipts.
    pub fn manager_contents(&self) -> impl Iterator<Item = (&Content, &ContentReceipt)> {
        self.contents.iter().filter_map(|c| match c {
            BlockContent::Manager { content, receipt } => {
                receipt.as_ref().map(|receipt| (&**content, receipt))
            }
            BlockContent::Other(_) => None,
        })
    }

    /// The operation alone, if all its contents are known and it is signed.
    pub fn signed_operation(&self) -> Option<SignedOperation> {
        let contents = self.contents.iter().map(|c| match c {
            BlockContent::Manager { content, .. } => Some(Content::clone(content)),
            BlockContent::Other(_) => None,
        });
        let operation =
            crate::operation::Operation { branch: self.branch, contents: contents.collect::<Option<_>>()? };
        Some(SignedOperation { operation, signature: self.signature? })
    }
}

impl Json for BlockContent {
    fn to_json(&self, family: IdFamily) -> Value {
        match self {
            Self::Manager { content, receipt } => {
                let mut object = content.to_json(family);
                if let Some(receipt) = receipt {
                    object["metadata"] = receipt.to_json(family);
                }
                object
            }
            Self::Other(value) => value.clone(),
        }
    }

    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        let kind = member(value, "kind").as_str().unwrap_or_default();
        if !MANAGER_KINDS.contains(&kind) {
            return Ok(Self::Other(value.clone()));
        }
        let content = match Content::from_json(value, family) {
            Ok(content) => content,
            // A move may name ticks that no machine reaches: the layer-1 lets it fail, and it is in the block all the same.
            Err(_) if kind == "smart_rollup_refute" => return Ok(Self::Other(value.clone())),
            Err(error) => return Err(error),
        };
        let metadata = member(value, "metadata");
        // A metadata that is too large is left out, and `metadata` then says so with a text.
        let receipt = match metadata.get("operation_result") {
            Some(_) => Some(
                ContentReceipt::from_json_of_kind(metadata, kind, family)
                    .map_err(|e| e.within("metadata"))?,
            ),
            None => None,
        };
        Ok(Self::Manager { content: Box::new(content), receipt })
    }
}

impl Json for BlockOperation {
    fn to_json(&self, family: IdFamily) -> Value {
        let mut object = json!({
            "hash": self.hash.to_json(family),
            "branch": self.branch.to_json(family),
            "contents": super::all(&self.contents, family),
        });
        if let Some(signature) = &self.signature {
            object["signature"] = signature.to_json(family);
        }
        object
    }

    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        let contents = array_field(value, "contents")?.iter().enumerate();
        let contents = contents
            .map(|(i, c)| BlockContent::from_json(c, family).map_err(|e| e.at(i).within("contents")))
            .collect::<Result<_, _>>()?;
        let signature = match member(value, "signature") {
            Value::Null => None,
            _ => Some(field(value, "signature", family)?),
        };
        Ok(Self {
            hash: field(value, "hash", family)?,
            branch: field(value, "branch", family)?,
            contents,
            signature,
        })
    }
}
