//! Names: base58 identifiers, addresses, keys of the durable storage.

use soru_base::{
    Address, BlockHash, ChainId, CommitmentHash, Contract, ContractHash, Entrypoint, IdFamily, InboxHash,
    MichelsonAddress, OperationHash, PublicKey, PublicKeyHash, RollupAddress, ScriptExprHash, SecretKey,
    Signature, StateHash,
};
use soru_pvm::durable::Key;
use std::fmt::{Debug, Display};
use std::str::FromStr;

fn reads_back<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    let Ok(id) = text.parse::<T>() else { return };
    assert_eq!(id.to_string().parse::<T>().ok(), Some(id));
}

fn of_family<T: FromStr + PartialEq + Debug>(text: &str, write: impl Fn(&T, IdFamily) -> String) {
    let Ok(id) = text.parse::<T>() else { return };
    for family in [IdFamily::Alpha, IdFamily::Mainnet] {
        assert_eq!(write(&id, family).parse::<T>().ok().as_ref(), Some(&id));
    }
}

/// Identifiers: what is read is written in a form that reads as the same.
pub fn identifiers(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    reads_back::<BlockHash>(text);
    reads_back::<OperationHash>(text);
    reads_back::<ChainId>(text);
    reads_back::<ContractHash>(text);
    reads_back::<Contract>(text);
    reads_back::<ScriptExprHash>(text);
    reads_back::<PublicKeyHash>(text);
    reads_back::<PublicKey>(text);
    reads_back::<Signature>(text);
    reads_back::<Entrypoint>(text);
    of_family::<RollupAddress>(text, RollupAddress::in_family);
    of_family::<CommitmentHash>(text, CommitmentHash::in_family);
    of_family::<StateHash>(text, StateHash::in_family);
    of_family::<InboxHash>(text, InboxHash::in_family);
    of_family::<Address>(text, Address::in_family);
    of_family::<MichelsonAddress>(text, MichelsonAddress::in_family);
    if let Ok(key) = text.parse::<SecretKey>() {
        let again: SecretKey = key.reveal().parse().expect("a key reads what it wrote");
        assert_eq!(again.public_key(), key.public_key());
    }
}

/// Keys of the durable storage: exact.
pub fn durable_key(bytes: &[u8]) {
    let Ok(key) = Key::parse(bytes) else { return };
    let written: String = key.steps().iter().map(|step| format!("/{step}")).collect();
    assert_eq!(written.as_bytes(), bytes);
}
