use super::Operation;
use super::action::{Action, Content, Parameters, PvmKind, RevealProof, Script};
use num_bigint::BigUint;
use serde_json::{Map, Value, json};
use soru_base::json::{array_field, field, hex_field, member, parse_str, str_field, u64_field};
use soru_base::{IdFamily, Json, JsonError};
use soru_michelson::Micheline;

impl Json for Operation {
    fn to_json(&self, family: IdFamily) -> Value {
        let contents: Vec<_> = self.contents.iter().map(|c| c.to_json(family)).collect();
        json!({ "branch": self.branch.to_json(family), "contents": contents })
    }

    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        let contents = array_field(value, "contents")?;
        if contents.is_empty() {
            return Err(JsonError::new("at least one content", value).within("contents"));
        }
        let contents = contents
            .iter()
            .enumerate()
            .map(|(i, c)| Content::from_json(c, family).map_err(|e| e.at(i).within("contents")))
            .collect::<Result<_, _>>()?;
        Ok(Self { branch: field(value, "branch", family)?, contents })
    }
}

impl Json for Content {
    fn to_json(&self, family: IdFamily) -> Value {
        let mut object = Map::new();
        object.insert("kind".into(), self.action.kind().into());
        object.insert("source".into(), self.source.to_json(family));
        object.insert("fee".into(), self.fee.to_json(family));
        object.insert("counter".into(), self.counter.to_string().into());
        object.insert("gas_limit".into(), self.gas_limit.to_string().into());
        object.insert("storage_limit".into(), self.storage_limit.to_string().into());
        if let Value::Object(fields) = self.action.fields(family) {
            object.extend(fields);
        }
        Value::Object(object)
    }

    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        Ok(Self {
            action: Action::from_fields(value, family)?,
            source: field(value, "source", family)?,
            fee: field(value, "fee", family)?,
            counter: u64_field(value, "counter")?,
            gas_limit: u64_field(value, "gas_limit")?,
            storage_limit: u64_field(value, "storage_limit")?,
        })
    }
}

impl Json for Parameters {
    fn to_json(&self, family: IdFamily) -> Value {
        json!({ "entrypoint": self.entrypoint.to_json(family), "value": self.value.to_json(family) })
    }
    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        Ok(Self { entrypoint: field(value, "entrypoint", family)?, value: field(value, "value", family)? })
    }
}

impl Json for Script {
    fn to_json(&self, family: IdFamily) -> Value {
        json!({ "code": self.code.to_json(family), "storage": self.storage.to_json(family) })
    }
    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        Ok(Self { code: field(value, "code", family)?, storage: field(value, "storage", family)? })
    }
}

impl Json for PvmKind {
    fn to_json(&self, _: IdFamily) -> Value {
        self.name().into()
    }
    fn from_json(value: &Value, _: IdFamily) -> Result<Self, JsonError> {
        value
            .as_str()
            .and_then(Self::named)
            .ok_or_else(|| JsonError::new("a kind of machine (wasm_2_0_0, arith or riscv)", value))
    }
}

impl Action {
    /// The members of the content besides `kind`, `source` and what is paid.
    fn fields(&self, family: IdFamily) -> Value {
        match self {
            Self::Reveal { public_key, proof } => {
                let mut object = json!({ "public_key": public_key.to_json(family) });
                if let RevealProof::Some(proof) = proof {
                    object["proof"] = bls_signature(proof).into();
                }
                object
            }
            Self::Transaction { amount, destination, parameters } => {
                let mut object =
                    json!({ "amount": amount.to_json(family), "destination": destination.to_json(family) });
                put(&mut object, "parameters", parameters.as_ref(), family);
                object
            }
            Self::Origination { balance, delegate, script } => {
                let mut object = json!({ "balance": balance.to_json(family) });
                put(&mut object, "delegate", delegate.as_ref(), family);
                object["script"] = script.to_json(family);
                object
            }
            Self::Delegation { delegate } => {
                let mut object = json!({});
                put(&mut object, "delegate", delegate.as_ref(), family);
                object
            }
            Self::RegisterGlobalConstant { value } => json!({ "value": value.to_json(family) }),
            Self::IncreasePaidStorage { amount, destination } => {
                json!({ "amount": amount.to_string(), "destination": destination.to_json(family) })
            }
            Self::TransferTicket { contents, ty, ticketer, amount, destination, entrypoint } => json!({
                "ticket_contents": contents.to_json(family),
                "ticket_ty": ty.to_json(family),
                "ticket_ticketer": ticketer.to_json(family),
                "ticket_amount": amount.to_string(),
                "destination": destination.to_json(family),
                "entrypoint": entrypoint.to_json(family),
            }),
            Self::SmartRollupOriginate { pvm_kind, kernel, parameters_ty, whitelist } => {
                let mut object = json!({
                    "pvm_kind": pvm_kind.name(),
                    "kernel": hex::encode(kernel),
                    "parameters_ty": parameters_ty.to_json(family),
                });
                if let Some(list) = whitelist {
                    object["whitelist"] = list.iter().map(|pkh| pkh.to_json(family)).collect();
                }
                object
            }
            Self::SmartRollupAddMessages { messages } => {
                let messages: Vec<_> = messages.iter().map(hex::encode).collect();
                json!({ "message": messages })
            }
            Self::SmartRollupCement { rollup } => json!({ "rollup": rollup.to_json(family) }),
            Self::SmartRollupPublish { rollup, commitment } => {
                json!({ "rollup": rollup.to_json(family), "commitment": commitment.to_json(family) })
            }
            Self::SmartRollupRefute { rollup, opponent, refutation } => json!({
                "rollup": rollup.to_json(family),
                "opponent": opponent.to_json(family),
                "refutation": refutation.to_json(family),
            }),
            Self::SmartRollupTimeout { rollup, alice, bob } => json!({
                "rollup": rollup.to_json(family),
                "stakers": { "alice": alice.to_json(family), "bob": bob.to_json(family) },
            }),
            Self::SmartRollupExecuteOutboxMessage { rollup, cemented_commitment, output_proof } => json!({
                "rollup": rollup.to_json(family),
                "cemented_commitment": cemented_commitment.to_json(family),
                "output_proof": hex::encode(output_proof),
            }),
            Self::SmartRollupRecoverBond { rollup, staker } => {
                json!({ "rollup": rollup.to_json(family), "staker": staker.to_json(family) })
            }
        }
    }

    fn from_fields(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        Ok(match str_field(value, "kind")? {
            "reveal" => {
                Self::Reveal { public_key: field(value, "public_key", family)?, proof: proof(value)? }
            }
            "transaction" => Self::Transaction {
                amount: field(value, "amount", family)?,
                destination: field(value, "destination", family)?,
                parameters: option(value, "parameters", family)?,
            },
            "origination" => Self::Origination {
                balance: field(value, "balance", family)?,
                delegate: option(value, "delegate", family)?,
                script: field(value, "script", family)?,
            },
            "delegation" => Self::Delegation { delegate: option(value, "delegate", family)? },
            "register_global_constant" => {
                Self::RegisterGlobalConstant { value: field(value, "value", family)? }
            }
            "increase_paid_storage" => Self::IncreasePaidStorage {
                amount: parse_str(member(value, "amount"), "an integer").map_err(|e| e.within("amount"))?,
                destination: field(value, "destination", family)?,
            },
            "transfer_ticket" => Self::TransferTicket {
                contents: field(value, "ticket_contents", family)?,
                ty: field(value, "ticket_ty", family)?,
                ticketer: field(value, "ticket_ticketer", family)?,
                amount: positive(member(value, "ticket_amount")).map_err(|e| e.within("ticket_amount"))?,
                destination: field(value, "destination", family)?,
                entrypoint: field(value, "entrypoint", family)?,
            },
            "smart_rollup_originate" => Self::SmartRollupOriginate {
                pvm_kind: field(value, "pvm_kind", family)?,
                kernel: hex_field(value, "kernel")?,
                parameters_ty: field::<Micheline>(value, "parameters_ty", family)?,
                whitelist: whitelist(value, family)?,
            },
            "smart_rollup_add_messages" => Self::SmartRollupAddMessages { messages: messages(value)? },
            "smart_rollup_cement" => Self::SmartRollupCement { rollup: field(value, "rollup", family)? },
            "smart_rollup_publish" => Self::SmartRollupPublish {
                rollup: field(value, "rollup", family)?,
                commitment: field(value, "commitment", family)?,
            },
            "smart_rollup_refute" => Self::SmartRollupRefute {
                rollup: field(value, "rollup", family)?,
                opponent: field(value, "opponent", family)?,
                refutation: field(value, "refutation", family)?,
            },
            "smart_rollup_timeout" => {
                let stakers = member(value, "stakers");
                Self::SmartRollupTimeout {
                    rollup: field(value, "rollup", family)?,
                    alice: field(stakers, "alice", family).map_err(|e| e.within("stakers"))?,
                    bob: field(stakers, "bob", family).map_err(|e| e.within("stakers"))?,
                }
            }
            "smart_rollup_execute_outbox_message" => Self::SmartRollupExecuteOutboxMessage {
                rollup: field(value, "rollup", family)?,
                cemented_commitment: field(value, "cemented_commitment", family)?,
                output_proof: hex_field(value, "output_proof")?,
            },
            "smart_rollup_recover_bond" => Self::SmartRollupRecoverBond {
                rollup: field(value, "rollup", family)?,
                staker: field(value, "staker", family)?,
            },
            _ => {
                return Err(
                    JsonError::new("a kind of manager operation", member(value, "kind")).within("kind")
                );
            }
        })
    }
}

fn put<T: Json>(object: &mut Value, name: &str, value: Option<&T>, family: IdFamily) {
    if let Some(value) = value {
        object[name] = value.to_json(family);
    }
}

fn option<T: Json>(value: &Value, name: &str, family: IdFamily) -> Result<Option<T>, JsonError> {
    match member(value, name) {
        Value::Null => Ok(None),
        _ => field(value, name, family).map(Some),
    }
}

fn whitelist<T: Json>(value: &Value, family: IdFamily) -> Result<Option<Vec<T>>, JsonError> {
    if member(value, "whitelist").is_null() {
        return Ok(None);
    }
    let list = array_field(value, "whitelist")?.iter().enumerate();
    let list = list.map(|(i, v)| T::from_json(v, family).map_err(|e| e.at(i).within("whitelist")));
    list.collect::<Result<_, _>>().map(Some)
}

fn messages(value: &Value) -> Result<Vec<Vec<u8>>, JsonError> {
    let list = array_field(value, "message")?.iter().enumerate();
    list.map(|(i, m)| {
        let bytes = m.as_str().and_then(|s| hex::decode(s).ok());
        bytes.ok_or_else(|| JsonError::new("bytes in hexadecimal", m).at(i).within("message"))
    })
    .collect()
}

/// The proof of a BLS key is a signature, and printed as one.
fn bls_signature(proof: &[u8]) -> String {
    match soru_base::Signature::from_slice(proof) {
        Some(signature) => signature.to_string(),
        None => hex::encode(proof),
    }
}

fn proof(value: &Value) -> Result<RevealProof, JsonError> {
    const WHAT: &str = "a BLS signature (BLsig…)";
    match member(value, "proof") {
        Value::Null => Ok(RevealProof::None),
        text => match parse_str::<soru_base::Signature>(text, WHAT) {
            Ok(soru_base::Signature::Bls(proof)) => Ok(RevealProof::Some(proof.to_vec())),
            Ok(_) => Err(JsonError::new(WHAT, text).within("proof")),
            Err(e) => Err(e.within("proof")),
        },
    }
}

fn positive(value: &Value) -> Result<BigUint, JsonError> {
    const WHAT: &str = "a positive number of tickets, as a string";
    let amount: BigUint = parse_str(value, WHAT)?;
    match amount == BigUint::ZERO {
        true => Err(JsonError::new(WHAT, value)),
        false => Ok(amount),
    }
}
