//! The primitives of Michelson, in the order of their binary tags.

use std::fmt;
use std::str::FromStr;

macro_rules! primitives {
    ($($name:ident),* $(,)?) => {
        /// A primitive, spelled as in Michelson; its number is its tag in the binary form.
        #[expect(non_camel_case_types, missing_docs, reason = "the names are those of the language")]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Prim { $($name),* }

        impl Prim {
            /// Every primitive, by tag.
            pub const ALL: &'static [Prim] = &[$(Prim::$name),*];

            /// The name in texts and JSON.
            pub fn name(self) -> &'static str {
                const NAMES: &[&str] = &[$(stringify!($name)),*];
                NAMES[self as usize]
            }
        }

        impl FromStr for Prim {
            type Err = UnknownPrimError;
            fn from_str(name: &str) -> Result<Self, UnknownPrimError> {
                match name {
                    $(stringify!($name) => Ok(Prim::$name),)*
                    _ => Err(UnknownPrimError(name.chars().take(40).collect())),
                }
            }
        }
    };
}

/// A name that is no primitive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a primitive, found {0:?}")]
pub struct UnknownPrimError(pub String);

primitives! {
    parameter, storage, code, False, Elt, Left, None, Pair, Right, Some, True, Unit, PACK,
    UNPACK, BLAKE2B, SHA256, SHA512, ABS, ADD, AMOUNT, AND, BALANCE, CAR, CDR, CHECK_SIGNATURE,
    COMPARE, CONCAT, CONS, CREATE_ACCOUNT, CREATE_CONTRACT, IMPLICIT_ACCOUNT, DIP, DROP, DUP,
    EDIV, EMPTY_MAP, EMPTY_SET, EQ, EXEC, FAILWITH, GE, GET, GT, HASH_KEY, IF, IF_CONS,
    IF_LEFT, IF_NONE, INT, LAMBDA, LE, LEFT, LOOP, LSL, LSR, LT, MAP, MEM, MUL, NEG, NEQ, NIL,
    NONE, NOT, NOW, OR, PAIR, PUSH, RIGHT, SIZE, SOME, SOURCE, SENDER, SELF, STEPS_TO_QUOTA,
    SUB, SWAP, TRANSFER_TOKENS, SET_DELEGATE, UNIT, UPDATE, XOR, ITER, LOOP_LEFT, ADDRESS,
    CONTRACT, ISNAT, CAST, RENAME, bool, contract, int, key, key_hash, lambda, list, map,
    big_map, nat, option, or, pair, set, signature, string, bytes, mutez, timestamp, unit,
    operation, address, SLICE, DIG, DUG, EMPTY_BIG_MAP, APPLY, chain_id, CHAIN_ID, LEVEL,
    SELF_ADDRESS, never, NEVER, UNPAIR, VOTING_POWER, TOTAL_VOTING_POWER, KECCAK, SHA3,
    PAIRING_CHECK, bls12_381_g1, bls12_381_g2, bls12_381_fr, sapling_state,
    sapling_transaction_deprecated, SAPLING_EMPTY_STATE, SAPLING_VERIFY_UPDATE, ticket,
    TICKET_DEPRECATED, READ_TICKET, SPLIT_TICKET, JOIN_TICKETS, GET_AND_UPDATE, chest,
    chest_key, OPEN_CHEST, VIEW, view, constant, SUB_MUTEZ, tx_rollup_l2_address,
    MIN_BLOCK_TIME, sapling_transaction, EMIT, Lambda_rec, LAMBDA_REC, TICKET, BYTES, NAT,
    Ticket, IS_IMPLICIT_ACCOUNT, INDEX_ADDRESS, GET_ADDRESS_INDEX,
}

impl Prim {
    /// The primitive of a binary tag.
    pub fn from_tag(tag: u8) -> Option<Self> {
        Self::ALL.get(usize::from(tag)).copied()
    }

    /// The binary tag.
    pub fn tag(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for Prim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Prim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_those_of_the_network() {
        for (prim, tag) in [
            (Prim::parameter, 0),
            (Prim::Unit, 11),
            (Prim::PAIR, 66),
            (Prim::unit, 108),
            (Prim::address, 110),
            (Prim::constant, 146),
            (Prim::SUB_MUTEZ, 147),
            (Prim::GET_ADDRESS_INDEX, 160),
        ] {
            assert_eq!(prim.tag(), tag, "{prim}");
            assert_eq!(Prim::from_tag(tag), Some(prim));
        }
        for prim in Prim::ALL {
            assert_eq!(prim.name().parse(), Ok(*prim));
        }
        assert_eq!(Prim::from_tag(161), None);
    }
}
