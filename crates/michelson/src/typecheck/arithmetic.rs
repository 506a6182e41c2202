//! Numbers, comparisons, logic, bytes and cryptography.

use super::operands::{Operands, args, require};
use super::{Checker, Instruction as I, Problem, Typed};
use crate::error::Reason;
use crate::micheline::{Cursor, Prim};
use crate::types::{Type, Type as T, Use};

impl Checker<'_> {
    pub(super) fn arithmetic(
        &mut self,
        cursor: Cursor<'_>,
        prim: Prim,
        operands: &mut Operands,
    ) -> Result<Option<Typed>, Problem> {
        let top = operands.top::<1>().map(|[a]| a);
        let pair = operands.top::<2>().map(|[a, b]| (a, b));
        // The result, how many operands it takes, and the instruction.
        let found: Option<(Type, usize, I)> = match prim {
            Prim::ADD => pair.and_then(sum).map(|ty| (ty, 2, I::Add)),
            Prim::SUB if pair == Some((&T::Mutez, &T::Mutez)) => {
                return Err(Reason::Unsupported("SUB of mutez (SUB_MUTEZ replaced it)").into());
            }
            Prim::SUB => pair.and_then(difference).map(|ty| (ty, 2, I::Sub)),
            Prim::SUB_MUTEZ => match pair {
                Some((T::Mutez, T::Mutez)) => Some((Type::option(T::Mutez), 2, I::SubMutez)),
                _ => None,
            },
            Prim::MUL => pair.and_then(product).map(|ty| (ty, 2, I::Mul)),
            Prim::EDIV => pair.and_then(quotient).map(|(q, r)| (Type::option(Type::pair(q, r)), 2, I::Ediv)),
            Prim::ABS => (top == Some(&T::Int)).then_some((T::Nat, 1, I::Abs)),
            Prim::NEG => match top {
                Some(T::Int | T::Nat) => Some((T::Int, 1, I::Neg)),
                Some(ty @ (T::BlsG1 | T::BlsG2 | T::BlsFr)) => Some((ty.clone(), 1, I::Neg)),
                _ => None,
            },
            Prim::ISNAT => (top == Some(&T::Int)).then(|| (Type::option(T::Nat), 1, I::IsNat)),
            Prim::INT => match top {
                Some(T::Nat) => {
                    let [] = args(cursor)?;
                    operands.drop(1);
                    operands.push(T::Int)?;
                    return Ok(Some(Typed::nothing()));
                }
                Some(T::Bytes) => Some((T::Int, 1, I::BytesToInt(true))),
                Some(T::BlsFr) => Some((T::Int, 1, I::ScalarToInt)),
                _ => None,
            },
            Prim::NAT => (top == Some(&T::Bytes)).then_some((T::Nat, 1, I::BytesToInt(false))),
            Prim::BYTES => match top {
                Some(T::Int) => Some((T::Bytes, 1, I::IntToBytes(true))),
                Some(T::Nat) => Some((T::Bytes, 1, I::IntToBytes(false))),
                _ => None,
            },
            Prim::LSL | Prim::LSR => match pair {
                Some((ty @ (T::Nat | T::Bytes), T::Nat)) => {
                    Some((ty.clone(), 2, if prim == Prim::LSL { I::Lsl } else { I::Lsr }))
                }
                _ => None,
            },
            Prim::AND => match pair {
                Some((T::Int, T::Nat)) => Some((T::Nat, 2, I::And)),
                other => same_logic(other).map(|ty| (ty, 2, I::And)),
            },
            Prim::OR => same_logic(pair).map(|ty| (ty, 2, I::Or)),
            Prim::XOR => same_logic(pair).map(|ty| (ty, 2, I::Xor)),
            Prim::NOT => match top {
                Some(ty @ (T::Bool | T::Bytes)) => Some((ty.clone(), 1, I::Not)),
                Some(T::Int | T::Nat) => Some((T::Int, 1, I::Not)),
                _ => None,
            },
            Prim::COMPARE => match pair {
                Some((a, b)) if a == b => {
                    require(a, Use::Compared)?;
                    Some((T::Int, 2, I::Compare))
                }
                _ => None,
            },
            Prim::EQ | Prim::NEQ | Prim::LT | Prim::GT | Prim::LE | Prim::GE => {
                let instruction = match prim {
                    Prim::EQ => I::Eq,
                    Prim::NEQ => I::Neq,
                    Prim::LT => I::Lt,
                    Prim::GT => I::Gt,
                    Prim::LE => I::Le,
                    _ => I::Ge,
                };
                (top == Some(&T::Int)).then_some((T::Bool, 1, instruction))
            }
            Prim::BLAKE2B | Prim::SHA256 | Prim::SHA512 | Prim::KECCAK | Prim::SHA3 => {
                let instruction = match prim {
                    Prim::BLAKE2B => I::Blake2b,
                    Prim::SHA256 => I::Sha256,
                    Prim::SHA512 => I::Sha512,
                    Prim::KECCAK => I::Keccak,
                    _ => I::Sha3,
                };
                (top == Some(&T::Bytes)).then_some((T::Bytes, 1, instruction))
            }
            Prim::HASH_KEY => (top == Some(&T::Key)).then_some((T::KeyHash, 1, I::HashKey)),
            Prim::CHECK_SIGNATURE => match operands.top() {
                Some([T::Key, T::Signature, T::Bytes]) => Some((T::Bool, 3, I::CheckSignature)),
                _ => None,
            },
            Prim::PAIRING_CHECK => match top {
                Some(T::List(points)) if **points == T::pair(T::BlsG1, T::BlsG2) => {
                    Some((T::Bool, 1, I::PairingCheck))
                }
                _ => None,
            },
            Prim::OPEN_CHEST => match operands.top() {
                Some([T::ChestKey, T::Chest, T::Nat]) => Some((Type::option(T::Bytes), 3, I::OpenChest)),
                _ => None,
            },
            Prim::PACK => match top.cloned() {
                Some(ty) => {
                    require(&ty, Use::Packed)?;
                    Some((T::Bytes, 1, I::Pack(ty)))
                }
                None => None,
            },
            Prim::UNPACK => {
                let [ty] = args(cursor)?;
                let ty = Type::parse_at_for(ty, Use::Pushed)?;
                operands.take(&T::Bytes)?;
                operands.push(Type::option(ty.clone()))?;
                return Ok(Some(I::Unpack(ty).into()));
            }
            _ => return Ok(None),
        };
        let [] = args(cursor)?;
        let (result, taken, instruction) = found.ok_or_else(|| operands.wrong(expected(prim)))?;
        operands.drop(taken);
        operands.push(result)?;
        Ok(Some(instruction.into()))
    }
}

fn sum(types: (&Type, &Type)) -> Option<Type> {
    Some(match types {
        (T::Nat, T::Nat) => T::Nat,
        (T::Int | T::Nat, T::Int | T::Nat) => T::Int,
        (T::Timestamp, T::Int) | (T::Int, T::Timestamp) => T::Timestamp,
        (T::Mutez, T::Mutez) => T::Mutez,
        (a @ (T::BlsG1 | T::BlsG2 | T::BlsFr), b) if a == b => a.clone(),
        _ => return None,
    })
}

fn difference(types: (&Type, &Type)) -> Option<Type> {
    Some(match types {
        (T::Int | T::Nat, T::Int | T::Nat) | (T::Timestamp, T::Timestamp) => T::Int,
        (T::Timestamp, T::Int) => T::Timestamp,
        _ => return None,
    })
}

fn product(types: (&Type, &Type)) -> Option<Type> {
    Some(match types {
        (T::Nat, T::Nat) => T::Nat,
        (T::Int | T::Nat, T::Int | T::Nat) => T::Int,
        (T::Mutez, T::Nat) | (T::Nat, T::Mutez) => T::Mutez,
        (point @ (T::BlsG1 | T::BlsG2), T::BlsFr) => point.clone(),
        (T::BlsFr, T::BlsFr | T::Int | T::Nat) | (T::Int | T::Nat, T::BlsFr) => T::BlsFr,
        _ => return None,
    })
}

fn quotient(types: (&Type, &Type)) -> Option<(Type, Type)> {
    Some(match types {
        (T::Nat, T::Nat) => (T::Nat, T::Nat),
        (T::Int | T::Nat, T::Int | T::Nat) => (T::Int, T::Nat),
        (T::Mutez, T::Nat) => (T::Mutez, T::Mutez),
        (T::Mutez, T::Mutez) => (T::Nat, T::Mutez),
        _ => return None,
    })
}

fn same_logic(types: Option<(&Type, &Type)>) -> Option<Type> {
    match types {
        Some((a @ (T::Bool | T::Nat | T::Bytes), b)) if a == b => Some(a.clone()),
        _ => None,
    }
}

fn expected(prim: Prim) -> &'static str {
    match prim {
        Prim::ADD => "two numbers, two mutez, a timestamp and an int, or two points or scalars of BLS12-381",
        Prim::SUB => "two numbers, two timestamps, or a timestamp and an int",
        Prim::SUB_MUTEZ => "two mutez",
        Prim::MUL => "two numbers, mutez and a nat, or a point, scalar or number and a scalar of BLS12-381",
        Prim::EDIV => "two numbers, two mutez, or mutez and a nat",
        Prim::ABS | Prim::ISNAT | Prim::EQ | Prim::NEQ | Prim::LT | Prim::GT | Prim::LE | Prim::GE => {
            "an int"
        }
        Prim::NEG => "an int, a nat, or a point or scalar of BLS12-381",
        Prim::INT => "a nat, bytes or a scalar of BLS12-381",
        Prim::PAIRING_CHECK => "a list of pairs of a bls12_381_g1 and a bls12_381_g2",
        Prim::OPEN_CHEST => "a chest_key, a chest and a nat",
        Prim::NAT => "bytes",
        Prim::BYTES => "an int or a nat",
        Prim::LSL | Prim::LSR => "a nat or bytes, and a nat",
        Prim::AND => "two bools, two nats, an int and a nat, or two bytes",
        Prim::OR | Prim::XOR => "two bools, two nats, or two bytes",
        Prim::NOT => "a bool, an int, a nat or bytes",
        Prim::COMPARE => "two values of the same type",
        Prim::HASH_KEY => "a key",
        Prim::CHECK_SIGNATURE => "a key, a signature and bytes",
        Prim::PACK => "a value",
        _ => "bytes",
    }
}
