//! Hashes as types: one for each idea, each with its own base58 prefix.
//!
//! Identifiers of smart rollups have another prefix in each [`IdFamily`]; they are printed with
//! [`in_family`](RollupAddress::in_family) and read by `FromStr` in either form.

use crate::b58::{self, B58Error};
use crate::bin::{Binary, DecodeError, Reader};
use crate::json::{Json, JsonError};
use crate::profile::IdFamily;
use serde_json::Value;
use std::fmt;
use std::str::FromStr;

macro_rules! bytes_type {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;
            /// All bytes zero.
            pub const ZERO: Self = Self([0; $len]);

            /// The raw bytes.
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }

            /// From exactly [`Self::LEN`] bytes.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// In lower-case hexadecimal.
            pub fn to_hex(&self) -> String {
                hex::encode(self.0)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl From<[u8; $len]> for $name {
            fn from(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }
        }

        impl Binary for $name {
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.0);
            }
            fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self(r.array(stringify!($name))?))
            }
        }
    };
}

/// A hash whose text is the same on every network.
macro_rules! fixed_hash {
    ($(#[$doc:meta])* $name:ident, $len:literal, $prefix:expr, $shown:literal) => {
        bytes_type!($(#[$doc])* $name, $len);

        impl $name {
            /// Bytes put before the payload in base58.
            pub const PREFIX: &'static [u8] = &$prefix;
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&b58::encode(Self::PREFIX, &self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = B58Error;
            fn from_str(text: &str) -> Result<Self, B58Error> {
                b58::decode(text, Self::PREFIX, concat!(stringify!($name), " (", $shown, "…)")).map(Self)
            }
        }

        impl Json for $name {
            fn to_json(&self, _: IdFamily) -> Value {
                Value::String(self.to_string())
            }
            fn from_json(value: &Value, _: IdFamily) -> Result<Self, JsonError> {
                crate::json::parse_str(value, stringify!($name))
            }
        }
    };
}

/// A hash of smart rollups: its prefix depends on the network.
macro_rules! rollup_hash {
    ($(#[$doc:meta])* $name:ident, $len:literal, $alpha:expr, $mainnet:expr, $shown:literal) => {
        bytes_type!($(#[$doc])* $name, $len);

        impl $name {
            /// Bytes put before the payload in base58.
            pub fn prefix(family: IdFamily) -> &'static [u8] {
                match family {
                    IdFamily::Alpha => &$alpha,
                    IdFamily::Mainnet => &$mainnet,
                }
            }

            /// The text of this identifier on a network of that family.
            pub fn in_family(&self, family: IdFamily) -> String {
                b58::encode(Self::prefix(family), &self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.in_family(IdFamily::Alpha))
            }
        }

        impl FromStr for $name {
            type Err = B58Error;
            fn from_str(text: &str) -> Result<Self, B58Error> {
                let expected = concat!(stringify!($name), " (", $shown, ")");
                b58::decode(text, Self::prefix(IdFamily::Mainnet), expected)
                    .or_else(|_| b58::decode(text, Self::prefix(IdFamily::Alpha), expected))
                    .map(Self)
            }
        }

        impl Json for $name {
            fn to_json(&self, family: IdFamily) -> Value {
                Value::String(self.in_family(family))
            }
            fn from_json(value: &Value, _: IdFamily) -> Result<Self, JsonError> {
                crate::json::parse_str(value, stringify!($name))
            }
        }
    };
}

fixed_hash!(/** Hash of a block header. */ BlockHash, 32, [1, 52], "B");
fixed_hash!(/** Hash of a signed operation. */ OperationHash, 32, [5, 116], "o");
fixed_hash!(/** Root of the operation hashes of one validation pass. */ OperationListHash, 32, [133, 233], "Lo");
fixed_hash!(/** Root of the operation hashes of a block. */ OperationListListHash, 32, [29, 159, 109], "LLo");
fixed_hash!(/** Hash of a protocol. */ ProtocolHash, 32, [2, 170], "P");
fixed_hash!(/** Hash of a context tree. */ ContextHash, 32, [79, 199], "Co");
fixed_hash!(/** Hash of the contents of a block payload. */ BlockPayloadHash, 32, [1, 106, 242], "vh");
fixed_hash!(/** First four bytes of the hash of the genesis block. */ ChainId, 4, [87, 82, 0], "Net");
fixed_hash!(/** Address of an originated contract, without its entrypoint. */ ContractHash, 20, [2, 90, 121], "KT1");
fixed_hash!(/** Hash of a packed Michelson expression. */ ScriptExprHash, 32, [13, 44, 64, 27], "expr");
fixed_hash!(/** Seed nonce commitment of a block. */ NonceHash, 32, [69, 220, 169], "nce");
fixed_hash!(/** Identifier of a message handed to the batcher of a rollup node. */ L2MessageId, 32, [3, 250, 179, 247, 196], "scmsg");

rollup_hash!(/** Address of a smart rollup. */ RollupAddress, 20, [1, 118, 132, 217], [6, 124, 117], "scr1… or sr1…");
rollup_hash!(/** Hash of a commitment. */ CommitmentHash, 32, [17, 144, 21, 100], [17, 165, 134, 138], "scc1… or src1…");
rollup_hash!(/** Hash of the state of a PVM. */ StateHash, 32, [17, 144, 122, 202], [17, 165, 235, 240], "scs1… or srs1…");
rollup_hash!(/** Hash of a cell of the inbox's skip list. */ InboxHash, 32, [3, 250, 174, 238, 208], [3, 255, 138, 145, 110], "scib1… or srib1…");
rollup_hash!(/** Hash of a cell of the skip list over the messages of one level. */ MerkelizedPayloadHash, 32, [3, 250, 174, 238, 238], [3, 255, 138, 145, 140], "scib2… or srib2…");
rollup_hash!(/** Hash of a serialized inbox message. */ InboxMessageHash, 32, [3, 250, 174, 239, 12], [3, 255, 138, 145, 170], "scib3… or srib3…");

impl From<ContextHash> for StateHash {
    fn from(hash: ContextHash) -> Self {
        Self(hash.0)
    }
}

impl From<StateHash> for ContextHash {
    fn from(hash: StateHash) -> Self {
        Self(hash.0)
    }
}

#[cfg(test)]
mod tests;
