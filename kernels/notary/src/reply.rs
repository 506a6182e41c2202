//! The call back to the contract, as a message for the outbox.

use tezos_crypto_rs::hash::ContractKt1Hash;
use tezos_data_encoding::enc::BinWriter;
use tezos_smart_rollup::michelson::MichelsonBytes;
use tezos_smart_rollup::outbox::{OutboxMessage, OutboxMessageTransaction};
use tezos_smart_rollup::types::{Contract, Entrypoint};

/// The entrypoint that is called.
const ENTRYPOINT: &str = "receive";

/// The bytes of the outbox message that gives `payload` and `count` back to `contract`.
pub(crate) fn certificate(mut payload: Vec<u8>, count: u64, contract: ContractKt1Hash) -> Option<Vec<u8>> {
    payload.extend_from_slice(&count.to_be_bytes());
    let entrypoint = Entrypoint::try_from(ENTRYPOINT.to_string()).ok()?;
    let transaction = OutboxMessageTransaction {
        parameters: MichelsonBytes(payload),
        destination: Contract::Originated(contract),
        entrypoint,
    };
    let message = OutboxMessage::AtomicTransactionBatch(vec![transaction].into());
    let mut bytes = Vec::new();
    message.bin_write(&mut bytes).ok()?;
    Some(bytes)
}
