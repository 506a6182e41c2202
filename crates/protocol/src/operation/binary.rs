use super::action::{Action, Content, Parameters, PvmKind, RevealProof, Script};
use super::{MAX_OPERATION_SIZE, Operation};
use crate::commitment::Commitment;
use crate::refutation::Refutation;
use soru_base::bin::{put_bool, put_bytes, put_n, put_n64, put_sized, put_z};
use soru_base::{
    Address, Binary, BlockHash, CommitmentHash, Contract, ContractHash, DecodeError, Entrypoint, Mutez,
    PublicKey, PublicKeyHash, Reader, RollupAddress,
};
use soru_michelson::Micheline;

impl Binary for Operation {
    fn write(&self, out: &mut Vec<u8>) {
        self.branch.write(out);
        self.contents.iter().for_each(|c| c.write(out));
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if r.remaining() > MAX_OPERATION_SIZE {
            return Err(r.invalid(
                "operation",
                format!("{} bytes are more than {MAX_OPERATION_SIZE}", r.remaining()),
            ));
        }
        let mut whole = r.clone();
        let branch = BlockHash::read(r)?;
        let mut contents = Vec::new();
        while !r.is_empty() {
            contents.push(Content::read(r)?);
        }
        if contents.is_empty() {
            return Err(r.invalid("contents", "an operation without contents"));
        }
        let operation = Self { branch, contents };
        // Some numbers, expressions and paddings can be written in several ways; signature and hash cover one.
        let (written, place) = (operation.to_bytes(), whole.clone());
        let found = whole.rest();
        if let Some(at) = differs(&written, found) {
            let reason = format!("byte {at} of it is not as clients write it");
            return Err(place.invalid("operation", reason));
        }
        Ok(operation)
    }
}

/// Where two byte strings begin to differ.
fn differs(one: &[u8], two: &[u8]) -> Option<usize> {
    let common = one.iter().zip(two).take_while(|(a, b)| a == b).count();
    (common < one.len().max(two.len())).then_some(common)
}

impl Binary for Content {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.action.tag());
        self.source.write(out);
        self.fee.write(out);
        for n in [self.counter, self.gas_limit, self.storage_limit] {
            put_n64(out, n);
        }
        self.action.write(out);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let place = r.clone();
        let tag = r.u8("kind of content")?;
        if !Action::knows(tag) {
            return Err(
                place.invalid("kind of content", format!("tag {tag} is no manager operation known here"))
            );
        }
        Ok(Self {
            source: PublicKeyHash::read(r)?,
            fee: Mutez::read(r)?,
            counter: r.n64("counter")?,
            gas_limit: r.n64("gas limit")?,
            storage_limit: r.n64("storage limit")?,
            action: Action::read(tag, r)?,
        })
    }
}

impl Action {
    fn tag(&self) -> u8 {
        match self {
            Self::Reveal { .. } => 107,
            Self::Transaction { .. } => 108,
            Self::Origination { .. } => 109,
            Self::Delegation { .. } => 110,
            Self::RegisterGlobalConstant { .. } => 111,
            Self::IncreasePaidStorage { .. } => 113,
            Self::TransferTicket { .. } => 158,
            Self::SmartRollupOriginate { .. } => 200,
            Self::SmartRollupAddMessages { .. } => 201,
            Self::SmartRollupCement { .. } => 202,
            Self::SmartRollupPublish { .. } => 203,
            Self::SmartRollupRefute { .. } => 204,
            Self::SmartRollupTimeout { .. } => 205,
            Self::SmartRollupExecuteOutboxMessage { .. } => 206,
            Self::SmartRollupRecoverBond { .. } => 207,
        }
    }

    fn knows(tag: u8) -> bool {
        matches!(tag, 107..=111 | 113 | 158 | 200..=207)
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Reveal { public_key, proof } => {
                public_key.write(out);
                match proof {
                    RevealProof::LeftOut => {}
                    RevealProof::None => put_bool(out, false),
                    RevealProof::Some(proof) => {
                        put_bool(out, true);
                        put_bytes(out, proof);
                    }
                }
            }
            Self::Transaction { amount, destination, parameters } => {
                amount.write(out);
                destination.write(out);
                put_option(out, parameters.as_ref(), |out, p| {
                    p.entrypoint.write(out);
                    put_expr(out, &p.value);
                });
            }
            Self::Origination { balance, delegate, script } => {
                balance.write(out);
                put_option(out, delegate.as_ref(), |out, d| d.write(out));
                put_expr(out, &script.code);
                put_expr(out, &script.storage);
            }
            Self::Delegation { delegate } => put_option(out, delegate.as_ref(), |out, d| d.write(out)),
            Self::RegisterGlobalConstant { value } => put_expr(out, value),
            Self::IncreasePaidStorage { amount, destination } => {
                put_z(out, amount);
                Contract::Originated(*destination).write(out);
            }
            Self::TransferTicket { contents, ty, ticketer, amount, destination, entrypoint } => {
                put_expr(out, contents);
                put_expr(out, ty);
                ticketer.write(out);
                put_n(out, amount);
                destination.write(out);
                put_bytes(out, entrypoint.as_bytes());
            }
            Self::SmartRollupOriginate { pvm_kind, kernel, parameters_ty, whitelist } => {
                out.push(pvm_kind.tag());
                put_bytes(out, kernel);
                put_expr(out, parameters_ty);
                put_option(out, whitelist.as_ref(), |out, list| {
                    put_sized(out, |out| list.iter().for_each(|pkh| pkh.write(out)));
                });
            }
            Self::SmartRollupAddMessages { messages } => {
                put_sized(out, |out| messages.iter().for_each(|m| put_bytes(out, m)));
            }
            Self::SmartRollupCement { rollup } => rollup.write(out),
            Self::SmartRollupPublish { rollup, commitment } => {
                rollup.write(out);
                commitment.write(out);
            }
            Self::SmartRollupRefute { rollup, opponent, refutation } => {
                rollup.write(out);
                opponent.write(out);
                refutation.write(out);
            }
            Self::SmartRollupTimeout { rollup, alice, bob } => {
                rollup.write(out);
                alice.write(out);
                bob.write(out);
            }
            Self::SmartRollupExecuteOutboxMessage { rollup, cemented_commitment, output_proof } => {
                rollup.write(out);
                cemented_commitment.write(out);
                put_bytes(out, output_proof);
            }
            Self::SmartRollupRecoverBond { rollup, staker } => {
                rollup.write(out);
                staker.write(out);
            }
        }
    }

    fn read(tag: u8, r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match tag {
            107 => Self::Reveal { public_key: PublicKey::read(r)?, proof: read_proof(r)? },
            108 => Self::Transaction {
                amount: Mutez::read(r)?,
                destination: Address::read(r)?,
                parameters: read_option(r, "parameters", |r| {
                    Ok(Parameters { entrypoint: Entrypoint::read(r)?, value: read_expr(r, "parameters")? })
                })?,
            },
            109 => Self::Origination {
                balance: Mutez::read(r)?,
                delegate: read_option(r, "delegate", PublicKeyHash::read)?,
                script: Script { code: read_expr(r, "code")?, storage: read_expr(r, "storage")? },
            },
            110 => Self::Delegation { delegate: read_option(r, "delegate", PublicKeyHash::read)? },
            111 => Self::RegisterGlobalConstant { value: read_expr(r, "value")? },
            113 => Self::IncreasePaidStorage { amount: r.z("amount")?, destination: read_originated(r)? },
            158 => Self::TransferTicket {
                contents: read_expr(r, "contents")?,
                ty: read_expr(r, "type")?,
                ticketer: Contract::read(r)?,
                amount: read_positive(r)?,
                destination: Contract::read(r)?,
                entrypoint: read_entrypoint(r)?,
            },
            200 => Self::SmartRollupOriginate {
                pvm_kind: read_pvm_kind(r)?,
                kernel: r.bytes(MAX_OPERATION_SIZE, "kernel")?.to_vec(),
                parameters_ty: read_expr(r, "parameters type")?,
                whitelist: read_option(r, "whitelist", |r| {
                    let mut sub = r.sub("whitelist")?;
                    read_all(&mut sub, PublicKeyHash::read)
                })?,
            },
            201 => {
                let mut sub = r.sub("messages")?;
                let messages = read_all(&mut sub, |r| Ok(r.bytes(MAX_OPERATION_SIZE, "message")?.to_vec()))?;
                Self::SmartRollupAddMessages { messages }
            }
            202 => Self::SmartRollupCement { rollup: RollupAddress::read(r)? },
            203 => {
                Self::SmartRollupPublish { rollup: RollupAddress::read(r)?, commitment: Commitment::read(r)? }
            }
            204 => Self::SmartRollupRefute {
                rollup: RollupAddress::read(r)?,
                opponent: PublicKeyHash::read(r)?,
                refutation: Refutation::read(r)?,
            },
            205 => Self::SmartRollupTimeout {
                rollup: RollupAddress::read(r)?,
                alice: PublicKeyHash::read(r)?,
                bob: PublicKeyHash::read(r)?,
            },
            206 => Self::SmartRollupExecuteOutboxMessage {
                rollup: RollupAddress::read(r)?,
                cemented_commitment: CommitmentHash::read(r)?,
                output_proof: r.bytes(MAX_OPERATION_SIZE, "output proof")?.to_vec(),
            },
            207 => Self::SmartRollupRecoverBond {
                rollup: RollupAddress::read(r)?,
                staker: PublicKeyHash::read(r)?,
            },
            _ => return Err(r.invalid("kind of content", format!("unknown tag {tag}"))),
        })
    }
}

/// Bytes of a BLS signature.
const PROOF_LEN: usize = 96;

/// No tag of a content is 00 or ff, so a missing option byte is seen by what follows the key.
fn read_proof(r: &mut Reader<'_>) -> Result<RevealProof, DecodeError> {
    let next = r.clone().u8("proof").ok();
    if !matches!(next, Some(0 | 0xff)) {
        return Ok(RevealProof::LeftOut);
    }
    let proof = read_option(r, "proof", |r| {
        let mut sub = r.sub("proof")?;
        let proof: [u8; PROOF_LEN] = sub.array("proof")?;
        sub.finish().map(|()| proof.to_vec())
    })?;
    Ok(proof.map_or(RevealProof::None, RevealProof::Some))
}

fn read_pvm_kind(r: &mut Reader<'_>) -> Result<PvmKind, DecodeError> {
    let place = r.clone();
    let tag = r.u8("kind of machine")?;
    PvmKind::from_tag(tag).ok_or_else(|| place.invalid("kind of machine", format!("unknown tag {tag}")))
}

fn read_originated(r: &mut Reader<'_>) -> Result<ContractHash, DecodeError> {
    let place = r.clone();
    match Contract::read(r)? {
        Contract::Originated(hash) => Ok(hash),
        Contract::Implicit(pkh) => Err(place.invalid("contract", format!("{pkh} is no originated contract"))),
    }
}

fn read_entrypoint(r: &mut Reader<'_>) -> Result<Entrypoint, DecodeError> {
    let place = r.clone();
    let bytes = r.bytes(Entrypoint::MAX_LEN, "entrypoint")?;
    std::str::from_utf8(bytes)
        .ok()
        .and_then(|name| Entrypoint::new(name).ok())
        .ok_or_else(|| place.invalid("entrypoint", "no name of an entrypoint"))
}

fn put_expr(out: &mut Vec<u8>, expr: &Micheline) {
    put_sized(out, |out| expr.write(out));
}

fn read_expr(r: &mut Reader<'_>, what: &'static str) -> Result<Micheline, DecodeError> {
    let mut sub = r.sub(what)?;
    let expr = Micheline::read(&mut sub)?;
    sub.finish()?;
    Ok(expr)
}

fn put_option<T>(out: &mut Vec<u8>, value: Option<&T>, put: impl FnOnce(&mut Vec<u8>, &T)) {
    put_bool(out, value.is_some());
    if let Some(value) = value {
        put(out, value);
    }
}

fn read_option<T>(
    r: &mut Reader<'_>,
    what: &'static str,
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    Ok(if r.bool(what)? { Some(read(r)?) } else { None })
}

fn read_all<T>(
    r: &mut Reader<'_>,
    mut read: impl FnMut(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let mut items = Vec::new();
    while !r.is_empty() {
        items.push(read(r)?);
    }
    Ok(items)
}

/// Tickets of nothing cannot be written.
fn read_positive(r: &mut Reader<'_>) -> Result<num_bigint::BigUint, DecodeError> {
    let place = r.clone();
    let amount = r.n("amount of tickets")?;
    match amount == num_bigint::BigUint::ZERO {
        true => Err(place.invalid("amount of tickets", "zero")),
        false => Ok(amount),
    }
}
