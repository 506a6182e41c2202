//! Outbox messages: what a rollup asks the layer-1 to do once a commitment is cemented.

use serde_json::{Value, json};
use soru_base::bin::{put_bool, put_bytes, put_sized};
use soru_base::json::{array_field, field, member, str_field};
use soru_base::{
    Binary, Contract, ContractHash, DecodeError, Entrypoint, IdFamily, Json, JsonError, PublicKeyHash, Reader,
};
use soru_michelson::Micheline;

/// Bytes of an outbox message, at most.
pub const OUTBOX_MESSAGE_SIZE_LIMIT: usize = 4_096;

/// An outbox message.
#[derive(Debug, Clone, PartialEq)]
pub enum OutboxMessage {
    /// Calls to contracts, all done or none; the parameters get the type of what they call.
    AtomicTransactionBatch(Vec<OutboxTransaction>),
    /// The same with the types of the parameters.
    AtomicTransactionBatchTyped(Vec<TypedOutboxTransaction>),
    /// Who may stake on the rollup from now on; `None`: everybody.
    WhitelistUpdate(Option<Vec<PublicKeyHash>>),
    /// A signal to the network.
    CanonicalRollupSignal(Vec<u8>),
}

/// A call to a contract.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxTransaction {
    /// What to call it with.
    pub parameters: Micheline,
    /// The contract.
    pub destination: ContractHash,
    /// Its entrypoint.
    pub entrypoint: Entrypoint,
}

/// A call to a contract that says the type of its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct TypedOutboxTransaction {
    /// What to call it with.
    pub parameters: Micheline,
    /// The type of the parameters.
    pub parameters_ty: Micheline,
    /// The contract.
    pub destination: ContractHash,
    /// Its entrypoint.
    pub entrypoint: Entrypoint,
}

impl Binary for OutboxMessage {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::AtomicTransactionBatch(transactions) => {
                out.push(0);
                put_sized(out, |out| transactions.iter().for_each(|t| t.write(out)));
            }
            Self::AtomicTransactionBatchTyped(transactions) => {
                out.push(1);
                put_sized(out, |out| transactions.iter().for_each(|t| t.write(out)));
            }
            Self::WhitelistUpdate(whitelist) => {
                out.push(2);
                put_bool(out, whitelist.is_some());
                if let Some(list) = whitelist {
                    put_sized(out, |out| list.iter().for_each(|pkh| pkh.write(out)));
                }
            }
            Self::CanonicalRollupSignal(payload) => {
                out.push(3);
                put_bytes(out, payload);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if r.remaining() > OUTBOX_MESSAGE_SIZE_LIMIT {
            let reason = format!("{} bytes are more than {OUTBOX_MESSAGE_SIZE_LIMIT}", r.remaining());
            return Err(r.invalid("outbox message", reason));
        }
        let place = r.clone();
        Ok(match r.u8("outbox message")? {
            0 => Self::AtomicTransactionBatch(read_all(r, "transactions")?),
            1 => Self::AtomicTransactionBatchTyped(read_all(r, "transactions")?),
            2 => Self::WhitelistUpdate(match r.bool("whitelist")? {
                true => Some(read_all(r, "whitelist")?),
                false => None,
            }),
            3 => Self::CanonicalRollupSignal(r.bytes(OUTBOX_MESSAGE_SIZE_LIMIT, "signal")?.to_vec()),
            tag => return Err(place.invalid("outbox message", format!("unknown tag {tag}"))),
        })
    }
}

fn read_all<T: Binary>(r: &mut Reader<'_>, what: &'static str) -> Result<Vec<T>, DecodeError> {
    let mut sub = r.sub(what)?;
    let mut items = Vec::new();
    while !sub.is_empty() {
        items.push(T::read(&mut sub)?);
    }
    Ok(items)
}

fn write_target(out: &mut Vec<u8>, destination: &ContractHash, entrypoint: &Entrypoint) {
    Contract::Originated(*destination).write(out);
    put_bytes(out, entrypoint.as_bytes());
}

fn read_target(r: &mut Reader<'_>) -> Result<(ContractHash, Entrypoint), DecodeError> {
    let place = r.clone();
    let Contract::Originated(destination) = Contract::read(r)? else {
        return Err(
            place.invalid("destination", "an implicit account, where an originated contract is needed")
        );
    };
    let place = r.clone();
    let name = r.bytes(OUTBOX_MESSAGE_SIZE_LIMIT, "entrypoint")?;
    let entrypoint = std::str::from_utf8(name).ok().and_then(|name| Entrypoint::new(name).ok());
    Ok((destination, entrypoint.ok_or_else(|| place.invalid("entrypoint", "no name of an entrypoint"))?))
}

impl Binary for OutboxTransaction {
    fn write(&self, out: &mut Vec<u8>) {
        self.parameters.write(out);
        write_target(out, &self.destination, &self.entrypoint);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let parameters = Micheline::read(r)?;
        let (destination, entrypoint) = read_target(r)?;
        Ok(Self { parameters, destination, entrypoint })
    }
}

impl Binary for TypedOutboxTransaction {
    fn write(&self, out: &mut Vec<u8>) {
        self.parameters.write(out);
        self.parameters_ty.write(out);
        write_target(out, &self.destination, &self.entrypoint);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (parameters, parameters_ty) = (Micheline::read(r)?, Micheline::read(r)?);
        let (destination, entrypoint) = read_target(r)?;
        Ok(Self { parameters, parameters_ty, destination, entrypoint })
    }
}

impl Json for OutboxMessage {
    fn to_json(&self, family: IdFamily) -> Value {
        match self {
            Self::AtomicTransactionBatch(transactions) => {
                let transactions: Value = transactions.iter().map(|t| t.to_json(family)).collect();
                json!({ "transactions": transactions, "kind": "untyped" })
            }
            Self::AtomicTransactionBatchTyped(transactions) => {
                let transactions: Value = transactions.iter().map(|t| t.to_json(family)).collect();
                json!({ "transactions": transactions, "kind": "typed" })
            }
            Self::WhitelistUpdate(None) => json!({ "kind": "whitelist_update" }),
            Self::WhitelistUpdate(Some(list)) => {
                let list: Value = list.iter().map(|pkh| pkh.to_json(family)).collect();
                json!({ "whitelist": list, "kind": "whitelist_update" })
            }
            Self::CanonicalRollupSignal(payload) => {
                json!({ "payload": String::from_utf8_lossy(payload), "kind": "canonical_rollup_signal" })
            }
        }
    }

    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        Ok(match str_field(value, "kind")? {
            "untyped" => Self::AtomicTransactionBatch(list(value, "transactions", family)?),
            "typed" => Self::AtomicTransactionBatchTyped(list(value, "transactions", family)?),
            "whitelist_update" => Self::WhitelistUpdate(match member(value, "whitelist") {
                Value::Null => None,
                _ => Some(list(value, "whitelist", family)?),
            }),
            "canonical_rollup_signal" => {
                Self::CanonicalRollupSignal(str_field(value, "payload")?.as_bytes().to_vec())
            }
            _ => return Err(JsonError::new("a kind of outbox message", member(value, "kind")).within("kind")),
        })
    }
}

fn list<T: Json>(value: &Value, name: &str, family: IdFamily) -> Result<Vec<T>, JsonError> {
    let items = array_field(value, name)?.iter().enumerate();
    items.map(|(i, v)| T::from_json(v, family).map_err(|e| e.at(i).within(name))).collect()
}

fn entrypoint(value: &Value, family: IdFamily) -> Result<Entrypoint, JsonError> {
    match member(value, "entrypoint") {
        Value::Null => Ok(Entrypoint::default()),
        _ => field(value, "entrypoint", family),
    }
}

impl Json for OutboxTransaction {
    fn to_json(&self, family: IdFamily) -> Value {
        let mut object = json!({
            "parameters": self.parameters.to_json(family),
            "destination": self.destination.to_json(family),
        });
        put_entrypoint(&mut object, &self.entrypoint, family);
        object
    }
    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        Ok(Self {
            parameters: field(value, "parameters", family)?,
            destination: field(value, "destination", family)?,
            entrypoint: entrypoint(value, family)?,
        })
    }
}

impl Json for TypedOutboxTransaction {
    fn to_json(&self, family: IdFamily) -> Value {
        let mut object = json!({
            "parameters": self.parameters.to_json(family),
            "parameters_ty": self.parameters_ty.to_json(family),
            "destination": self.destination.to_json(family),
        });
        put_entrypoint(&mut object, &self.entrypoint, family);
        object
    }
    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        Ok(Self {
            parameters: field(value, "parameters", family)?,
            parameters_ty: field(value, "parameters_ty", family)?,
            destination: field(value, "destination", family)?,
            entrypoint: entrypoint(value, family)?,
        })
    }
}

/// The network leaves the default entrypoint out.
fn put_entrypoint(object: &mut Value, entrypoint: &Entrypoint, family: IdFamily) {
    if !entrypoint.is_default() {
        object["entrypoint"] = entrypoint.to_json(family);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn contract() -> ContractHash {
        "KT1FzkvNzqC3uQE3B561mbkAwQu4C7rWGC3s".parse().unwrap()
    }

    fn transaction() -> OutboxTransaction {
        let parameters = Micheline::string("Hello");
        OutboxTransaction {
            parameters,
            destination: contract(),
            entrypoint: Entrypoint::new("save").unwrap(),
        }
    }

    fn samples() -> Vec<OutboxMessage> {
        let OutboxTransaction { parameters, destination, entrypoint } = transaction();
        let parameters_ty = Micheline::atom(soru_michelson::Prim::string);
        vec![
            OutboxMessage::AtomicTransactionBatch(vec![]),
            OutboxMessage::AtomicTransactionBatch(vec![transaction(); 3]),
            OutboxMessage::AtomicTransactionBatchTyped(vec![TypedOutboxTransaction {
                parameters,
                parameters_ty,
                destination,
                entrypoint,
            }]),
            OutboxMessage::WhitelistUpdate(None),
            OutboxMessage::WhitelistUpdate(Some(vec![PublicKeyHash::ZERO])),
            OutboxMessage::CanonicalRollupSignal(b"signal".to_vec()),
        ]
    }

    #[test]
    fn every_form_reads_back() {
        for message in samples() {
            assert_eq!(OutboxMessage::from_bytes(&message.to_bytes()).as_ref(), Ok(&message));
            for family in [IdFamily::Alpha, IdFamily::Mainnet] {
                assert_eq!(OutboxMessage::from_json(&message.to_json(family), family).as_ref(), Ok(&message));
            }
        }
    }

    #[test]
    fn a_batch_has_the_bytes_that_kernels_write() {
        let bytes = OutboxMessage::AtomicTransactionBatch(vec![transaction()]).to_bytes();
        let expected = format!(
            "00{:08x}0100000005{}01{}00{:08x}{}",
            40,
            hex::encode("Hello"),
            contract().to_hex(),
            4,
            hex::encode("save")
        );
        assert_eq!(hex::encode(bytes), expected);
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let mut implicit = OutboxMessage::AtomicTransactionBatch(vec![transaction()]).to_bytes();
        implicit[15..37].copy_from_slice(&Contract::from(PublicKeyHash::ZERO).to_bytes());
        assert!(OutboxMessage::from_bytes(&implicit).unwrap_err().to_string().contains("implicit account"));
        let large = OutboxMessage::CanonicalRollupSignal(vec![0; 4_092]).to_bytes();
        assert_eq!(large.len(), 4_097);
        assert!(OutboxMessage::from_bytes(&large).unwrap_err().to_string().contains("4097"));
        assert!(OutboxMessage::from_bytes(&[]).is_err());
        assert!(OutboxMessage::from_bytes(&[4]).is_err());
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), tag in 0u8..4) {
            let _ = OutboxMessage::from_bytes(&bytes);
            let _ = OutboxMessage::from_bytes(&[&[tag], &bytes[..]].concat());
        }
    }
}
