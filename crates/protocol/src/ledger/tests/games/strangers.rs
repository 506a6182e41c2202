//! What strangers send.

use super::*;

/// What can be refused is refused before the proof is looked at.
#[test]
fn cheap_checks_come_before_the_proof() {
    let mut chain = down_to_one_tick();
    let before = game(&chain, HONEST, LIAR).unwrap();
    chain.examine = never;
    let proof = || Truth::garbage();
    let no_game = ["smart_rollup_no_game"];
    assert_eq!(chain.fails(HONEST, play(HONEST, 62, proof())), no_game);
    assert_eq!(chain.fails(HONEST, play(4, 62, proof())), no_game);
    assert_eq!(chain.fails(5, play(HONEST, 62, proof())), no_game);
    let Action::SmartRollupRefute { opponent, refutation, .. } = play(LIAR, 62, proof()) else { panic!() };
    let nowhere = Action::SmartRollupRefute { rollup: RollupAddress::ZERO, opponent, refutation };
    assert_eq!(chain.fails(HONEST, nowhere), no_game);
    assert_eq!(chain.fails(LIAR, play(HONEST, 62, proof())), ["smart_rollup_wrong_turn"]);
    for choice in [0, 61, 64, 65, u64::MAX] {
        assert_eq!(chain.fails(HONEST, play(LIAR, choice, proof())), ["Dissection_choice_not_found"]);
    }
    // Gas is paid before as well.
    let mut content = chain.content(pkh(HONEST), play(LIAR, 62, proof()));
    content.gas_limit = 3_000;
    let operation =
        crate::operation::Operation { branch: soru_base::BlockHash::ZERO, contents: vec![content] };
    let receipt = chain.run_signed(&SignedOperation::sign(operation, &account(HONEST).sk())).unwrap();
    assert_eq!(receipt.errors()[0].id(), "proto.alpha.gas_exhausted.operation");
    assert_eq!(chain.fails(1, timeout(1, 1)), no_game);
    assert_eq!(chain.fails(1, timeout(1, LIAR)), no_game);
    assert_eq!(game(&chain, HONEST, LIAR), Some(before));
}

/// A section of more than one tick cannot be proved: on the public network the game was then lost for both.
#[test]
fn a_proof_for_a_long_section_is_refused() {
    let mut chain = dispute();
    let (ours, theirs) = (truth(&chain), lie(&chain, 1));
    chain.done(LIAR, start(HONEST, &theirs, &ours));
    chain.examine = never;
    let receipt = chain.run(LIAR, vec![play(HONEST, 0, Truth::garbage())]);
    let error =
        json!({ "kind": "permanent", "id": "proto.alpha.Dissection_unexpected_section_size", "n": "64" });
    assert_eq!(receipt.errors()[0].0, error);
}

fn any_step() -> impl Strategy<Value = Step> {
    use crate::refutation::{InputProof, RevealProof};
    let number = || prop_oneof![Just(0), Just(62), Just(63), Just(64), Just(u64::MAX), any::<u64>()];
    let bytes = || prop::collection::vec(any::<u8>(), 0..200);
    let level = || prop_oneof![Just(Level::GENESIS), Just(Level::MAX), Just(Level::new(4).unwrap())];
    let hash = || prop_oneof![Just(None), Just(Some(state(0, 62))), Just(Some(state(1, 64)))];
    let dissection = prop::collection::vec((hash(), number()).prop_map(|(h, t)| chunk(h, t)), 0..40);
    let input = prop_oneof![
        Just(InputProof::FirstInput),
        (level(), number(), bytes()).prop_map(|(level, message_counter, serialized_proof)| {
            InputProof::InboxProof { level, message_counter, serialized_proof }
        }),
        bytes().prop_map(|data| InputProof::RevealProof(RevealProof::RawDataProof(data))),
        Just(InputProof::RevealProof(RevealProof::MetadataProof)),
        Just(InputProof::RevealProof(RevealProof::DalParametersProof)),
        (level(), bytes()).prop_map(|(published_level, proof)| InputProof::RevealProof(
            RevealProof::DalPageProof { published_level, slot_index: 255, page_index: i16::MIN, proof }
        )),
    ];
    let step = prop_oneof![bytes(), real_proof()];
    prop_oneof![
        dissection.prop_map(Step::Dissection),
        (step, prop::option::of(input))
            .prop_map(|(pvm_step, input_proof)| Step::Proof(RefutationProof { pvm_step, input_proof })),
    ]
}

/// Bytes of a real proof of the first tick of a real machine, mostly.
fn real_proof() -> impl Strategy<Value = Vec<u8>> {
    let state = Chain::new().ledger.genesis_state(b"\0asm\x01\0\0\0").unwrap();
    let proof =
        soru_pvm::step_proof::StepProof::produce(&state, soru_pvm::step_proof::StepInput::Nothing).unwrap();
    let bytes = soru_base::Binary::to_bytes(&proof.proof);
    (any::<prop::sample::Index>(), any::<u8>(), 0u8..3).prop_map(move |(at, byte, how)| {
        let mut bytes = bytes.clone();
        let at = at.index(bytes.len());
        match how {
            0 => bytes[at] = byte,
            1 => bytes.truncate(at),
            _ => {}
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// With the examination of the network: whatever a stranger sends is refused or played, and blocks go on.
    #[test]
    fn no_move_stops_a_block(
        who in 1usize..5, against in 1usize..5, choice: u64, at_section: bool, step in any_step(), final_move: bool,
    ) {
        let mut chain = down_to_one_tick();
        chain.examine = crate::refutation::examine;
        let supply = chain.ledger.supply().unwrap().total();
        let choice = if at_section { 62 } else { choice };
        if final_move {
            chain.examine = |_, _, _| Verdict::Invalid;
            chain.done(HONEST, play(LIAR, 63, Truth::garbage()));
            chain.examine = crate::refutation::examine;
        }
        let operation = chain.sign(who, vec![play(against, choice, step)]);
        let _ = chain.run_signed(&operation).unwrap();
        chain.bake_to(30);
        prop_assert_eq!(chain.ledger.supply().unwrap().total(), supply);
    }
}
