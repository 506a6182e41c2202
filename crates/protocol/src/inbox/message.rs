//! The messages of an inbox and their serialized form, which is what the machine reads.

use soru_base::bin::put_bytes;
use soru_base::blake2b::hash32;
use soru_base::{
    Binary, BlockHash, ContractHash, DecodeError, InboxMessageHash, PublicKeyHash, Reader, RollupAddress,
};
use soru_michelson::Micheline;
use std::fmt;
use thiserror::Error;

/// Bytes of a serialized message, its tag included.
pub const MESSAGE_SIZE_LIMIT: usize = 4_096;

/// A message of the inbox.
#[derive(Debug, Clone, PartialEq)]
pub enum InboxMessage {
    /// From the protocol or a contract.
    Internal(InternalMessage),
    /// From anyone: bytes that only the kernel understands.
    External(Vec<u8>),
}

/// A message from the protocol or a contract.
#[derive(Debug, Clone, PartialEq)]
pub enum InternalMessage {
    /// A contract's transfer to a rollup.
    Transfer {
        /// What is transferred, of the rollup's type of parameters.
        payload: Micheline,
        /// The contract that calls.
        sender: ContractHash,
        /// The account that signed the operation.
        source: PublicKeyHash,
        /// The rollup.
        destination: RollupAddress,
    },
    /// First message of a level.
    StartOfLevel,
    /// Last message of a level.
    EndOfLevel,
    /// Second message of a level on today's network.
    InfoPerLevel {
        /// Seconds since 1970 of the predecessor block.
        predecessor_timestamp: i64,
        /// Hash of the predecessor block.
        predecessor: BlockHash,
    },
    /// In the first level of a protocol: its name.
    ProtocolMigration(String),
}

/// Why a message cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a message of {size} bytes with its tag is more than the limit of {MESSAGE_SIZE_LIMIT}")]
pub struct MessageTooLargeError {
    /// Bytes of the serialized message.
    pub size: usize,
}

/// The bytes of a message, tag included: at most [`MESSAGE_SIZE_LIMIT`] when made by [`InboxMessage::serialize`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SerializedMessage(pub Vec<u8>);

impl SerializedMessage {
    /// The hash that the inbox keeps of the message.
    pub fn hash(&self) -> InboxMessageHash {
        InboxMessageHash(hash32(&self.0))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads the message.
    pub fn parse(&self) -> Result<InboxMessage, DecodeError> {
        InboxMessage::from_bytes(&self.0)
    }
}

impl fmt::Debug for SerializedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl InboxMessage {
    /// The bytes the machine reads.
    pub fn serialize(&self) -> Result<SerializedMessage, MessageTooLargeError> {
        let bytes = self.to_bytes();
        if bytes.len() > MESSAGE_SIZE_LIMIT {
            return Err(MessageTooLargeError { size: bytes.len() });
        }
        Ok(SerializedMessage(bytes))
    }
}

impl InternalMessage {
    /// The bytes the machine reads. Everything but a transfer fits the limit.
    pub fn serialize(&self) -> Result<SerializedMessage, MessageTooLargeError> {
        InboxMessage::Internal(self.clone()).serialize()
    }

    /// Start of level, serialized.
    pub fn start_of_level() -> SerializedMessage {
        SerializedMessage(vec![0, 1])
    }

    /// End of level, serialized.
    pub fn end_of_level() -> SerializedMessage {
        SerializedMessage(vec![0, 2])
    }

    /// Info per level, serialized.
    pub fn info_per_level(predecessor_timestamp: i64, predecessor: BlockHash) -> SerializedMessage {
        SerializedMessage(
            InboxMessage::Internal(Self::InfoPerLevel { predecessor_timestamp, predecessor }).to_bytes(),
        )
    }
}

impl Binary for InboxMessage {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Internal(internal) => {
                out.push(0);
                internal.write(out);
            }
            Self::External(bytes) => {
                out.push(1);
                out.extend_from_slice(bytes);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if r.remaining() > MESSAGE_SIZE_LIMIT {
            return Err(r.invalid(
                "inbox message",
                format!("{} bytes are more than {MESSAGE_SIZE_LIMIT}", r.remaining()),
            ));
        }
        match r.u8("inbox message")? {
            0 => InternalMessage::read(r).map(Self::Internal),
            1 => Ok(Self::External(r.rest().to_vec())),
            tag => Err(r.invalid("inbox message", format!("{tag} is no tag of a message (0 or 1)"))),
        }
    }
}

impl Binary for InternalMessage {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Transfer { payload, sender, source, destination } => {
                out.push(0);
                payload.write(out);
                sender.write(out);
                source.write(out);
                destination.write(out);
            }
            Self::StartOfLevel => out.push(1),
            Self::EndOfLevel => out.push(2),
            Self::InfoPerLevel { predecessor_timestamp, predecessor } => {
                out.push(3);
                out.extend_from_slice(&predecessor_timestamp.to_be_bytes());
                predecessor.write(out);
            }
            Self::ProtocolMigration(name) => {
                out.push(4);
                put_bytes(out, name.as_bytes());
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("internal message")? {
            0 => Self::Transfer {
                payload: Micheline::read(r)?,
                sender: ContractHash::read(r)?,
                source: PublicKeyHash::read(r)?,
                destination: RollupAddress::read(r)?,
            },
            1 => Self::StartOfLevel,
            2 => Self::EndOfLevel,
            3 => Self::InfoPerLevel {
                predecessor_timestamp: r.i64("predecessor timestamp")?,
                predecessor: BlockHash::read(r)?,
            },
            4 => {
                let name = r.bytes(MESSAGE_SIZE_LIMIT, "protocol")?;
                let name =
                    String::from_utf8(name.to_vec()).map_err(|_| r.invalid("protocol", "not UTF-8"))?;
                Self::ProtocolMigration(name)
            }
            tag => return Err(r.invalid("internal message", format!("unknown tag {tag}"))),
        })
    }
}
