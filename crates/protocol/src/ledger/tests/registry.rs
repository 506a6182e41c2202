//! The registry of addresses that contracts fill.

use super::contracts::call;
use super::harness::{Chain, pkh};
use crate::operation::{Action, Script};
use crate::receipt::Effect;
use soru_base::{Address, ContractHash, Curve, IdFamily, Mutez, PublicKeyHash};
use soru_michelson::Micheline;

const INDEXER: &str = "parameter address ; storage (pair nat (option nat)) ;
    code { CAR ; DUP ; INDEX_ADDRESS ; DIP { GET_ADDRESS_INDEX } ; PAIR ; NIL operation ; PAIR }";

#[test]
fn addresses_get_indices_from_one_on() {
    let mut chain = Chain::new();
    let code = Micheline::parse_script(INDEXER).unwrap();
    let script = Script { code, storage: Micheline::parse("Pair 0 None").unwrap() };
    let action = Action::Origination { balance: Mutez::ZERO, delegate: None, script };
    let Effect::Origination { originated_contracts, .. } = chain.done(1, action).effect else { panic!() };
    let contract: ContractHash = originated_contracts[0];
    let index = |chain: &mut Chain, address: Address| {
        let success =
            chain.done(1, call(contract, "default", Micheline::string(address.in_family(IdFamily::Alpha))));
        let Effect::ToContract { storage, .. } = success.effect else { panic!() };
        storage.unwrap().children()[0].to_string()
    };
    let (one, other) = (Address::from(pkh(1)), Address::from(contract));
    let zero = Address::from(PublicKeyHash::new(Curve::Ed25519, [0; 20]));
    assert_eq!(chain.ledger.address_index(&one).unwrap(), None);
    for (address, expected) in [(one, "1"), (other, "2"), (one, "1"), (zero, "0")] {
        assert_eq!(index(&mut chain, address), expected);
    }
    assert_eq!(chain.ledger.address_index(&one).unwrap(), Some(1));
    assert_eq!(chain.ledger.address_index(&zero).unwrap(), Some(0));
}
