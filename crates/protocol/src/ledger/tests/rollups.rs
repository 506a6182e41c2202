use super::harness::{Chain, add_messages, constants, originate, pkh};
use crate::inbox::{InboxMessage, LevelInbox, ProtocolMessages};
use crate::ledger::Constants;
use crate::operation::{Action, PvmKind};
use crate::receipt::Effect;
use soru_base::{Level, Profile, RollupAddress};
use soru_michelson::{Micheline, Prim};

#[test]
fn an_origination_makes_a_rollup_with_a_cemented_genesis_commitment() {
    let mut chain = Chain::new();
    let success = chain.done(1, originate());
    let Effect::RollupOrigination { address, genesis_commitment_hash, size } = success.effect else {
        panic!()
    };
    assert_eq!(chain.ledger.rollups().unwrap(), [address]);
    assert_eq!(chain.ledger.rollup_kind(&address).unwrap(), Some(PvmKind::Wasm2_0_0));
    assert_eq!(chain.ledger.rollup_parameters_type(&address).unwrap(), Some(Micheline::atom(Prim::bytes)));
    let info = chain.ledger.rollup_genesis_info(&address).unwrap().unwrap();
    assert_eq!((info.level.get(), info.commitment_hash), (1, genesis_commitment_hash));
    assert_eq!(
        chain.ledger.last_cemented_commitment(&address).unwrap(),
        Some((genesis_commitment_hash, info.level))
    );
    let genesis = chain.ledger.commitment(&address, &genesis_commitment_hash).unwrap().unwrap();
    let state = chain.ledger.genesis_state(b"\0asm\x01\0\0\0").unwrap().hash().unwrap();
    assert_eq!(genesis.compressed_state.0, state.0);
    assert_eq!(genesis.hash(), genesis_commitment_hash);
    // 6,552 bytes as on the network, and the kernel of 8 bytes behind its length as in the document.
    assert_eq!(size, 6_552 + 12);
    assert_eq!(success.balance_updates[0].change, -(size as i64) * 250);
}

#[test]
fn on_todays_network_the_kernel_costs_no_storage() {
    let mut chain = Chain::with(Constants::of(Profile::mainnet()));
    let Effect::RollupOrigination { size, .. } = chain.done(1, originate()).effect else { panic!() };
    assert_eq!(size, 6_552);
}

#[test]
fn addresses_differ_within_an_operation() {
    let mut chain = Chain::new();
    chain.run(1, vec![originate(), originate()]);
    assert_eq!(chain.ledger.rollups().unwrap().len(), 2);
}

#[test]
fn originations_that_make_no_sense_fail() {
    let mut chain = Chain::new();
    let with = |change: &dyn Fn(&mut PvmKind, &mut Micheline, &mut Option<Vec<_>>)| {
        let Action::SmartRollupOriginate { mut pvm_kind, kernel, mut parameters_ty, mut whitelist } =
            originate()
        else {
            panic!()
        };
        change(&mut pvm_kind, &mut parameters_ty, &mut whitelist);
        Action::SmartRollupOriginate { pvm_kind, kernel, parameters_ty, whitelist }
    };
    assert_eq!(chain.fails(1, with(&|k, _, _| *k = PvmKind::Arith)), ["operation.arith_pvm_disabled"]);
    assert_eq!(chain.fails(1, with(&|k, _, _| *k = PvmKind::Riscv)), ["operation.riscv_pvm_disabled"]);
    assert_eq!(chain.fails(1, with(&|_, _, w| *w = Some(vec![pkh(1)]))), ["smart_rollup_whitelist_disabled"]);
    for ty in [Prim::mutez, Prim::operation, Prim::chest] {
        let id = chain.fails(1, with(&|_, t, _| *t = Micheline::atom(ty)));
        assert!(
            ["smart_rollup_invalid_parameters_type", "michelson_v1.ill_formed_type"].contains(&&*id[0]),
            "{id:?}"
        );
    }
    assert!(!chain.fails(1, with(&|_, t, _| *t = Micheline::unit())).is_empty());
}

#[test]
fn messages_reach_the_inbox_that_everybody_can_build() {
    let mut chain = Chain::new();
    let before = chain.ledger.inbox().unwrap();
    chain.run(1, vec![add_messages(&[b"one", b""]), add_messages(&[b"two"])]);
    let messages: Vec<_> = [&b"one"[..], b"", b"two"]
        .iter()
        .map(|m| InboxMessage::External(m.to_vec()).serialize().unwrap())
        .collect();
    let built = LevelInbox::build(&before, &ProtocolMessages::default(), &messages).unwrap();
    assert_eq!(chain.ledger.inbox().unwrap(), built.inbox);
    assert_eq!(built.messages.len(), 5);
}

#[test]
fn todays_inbox_tells_the_predecessor() {
    let mut chain = Chain::with(Constants::of(Profile::mainnet()));
    let before = chain.ledger.inbox().unwrap();
    let context = chain.context();
    chain.bake_to(1);
    let protocol = ProtocolMessages {
        info: Some((context.predecessor_timestamp.0, context.predecessor)),
        migration: Some("t024_024".to_owned()),
    };
    assert_eq!(chain.ledger.inbox().unwrap(), LevelInbox::build(&before, &protocol, &[]).unwrap().inbox);
    let before = chain.ledger.inbox().unwrap();
    let context = chain.context();
    chain.bake_to(2);
    let protocol = ProtocolMessages {
        info: Some((context.predecessor_timestamp.0, context.predecessor)),
        migration: None,
    };
    assert_eq!(chain.ledger.inbox().unwrap(), LevelInbox::build(&before, &protocol, &[]).unwrap().inbox);
}

#[test]
fn messages_that_make_no_sense_fail_and_leave_the_inbox_alone() {
    let mut chain = Chain::new();
    let mut twin = Chain::new();
    assert_eq!(chain.fails(1, add_messages(&[])), ["internal.smart_rollup_add_zero_messages"]);
    assert_eq!(
        chain.fails(1, add_messages(&[b"fine", &[0; 4_097]])),
        ["smart_rollup_inbox_message_encoding"]
    );
    // One byte of the 4,096 is the tag.
    assert_eq!(chain.fails(1, add_messages(&[&[0; 4_096]])), ["smart_rollup_inbox_message_encoding"]);
    twin.bake_to(3);
    assert_eq!(chain.ledger.inbox().unwrap(), twin.ledger.inbox().unwrap());
    chain.done(1, add_messages(&[&[0; 4_095]]));
}

#[test]
fn an_unknown_rollup_is_named() {
    let mut chain = Chain::new();
    let cement = Action::SmartRollupCement { rollup: RollupAddress::ZERO };
    let receipt = chain.run(1, vec![cement]);
    let error = &receipt.errors()[0].0;
    assert_eq!(error["id"], "proto.alpha.smart_rollup_does_not_exist");
    assert_eq!(error["rollup"], "scr1AFyXAWFS3c6S2D617o8NGRvazoMJPEw6s");
    assert_eq!(error["kind"], "temporary");
    assert_eq!(chain.ledger.last_cemented_commitment(&RollupAddress::ZERO).unwrap(), None);
}

#[test]
fn the_state_is_the_tree() {
    let mut chain = Chain::new();
    let rollup = chain.originate();
    let again = crate::Ledger::from_tree(chain.ledger.tree().clone(), constants());
    assert_eq!(again.level().unwrap(), Level::new(1).unwrap());
    assert!(again.has_rollup(&rollup).unwrap());
    assert_eq!(again.context_hash().unwrap(), chain.ledger.context_hash().unwrap());
}
