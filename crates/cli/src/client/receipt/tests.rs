use super::*;
use soru_base::bootstrap::BOOTSTRAP_ACCOUNTS;
use soru_base::{RollupAddress, StateHash, Tick};
use soru_protocol::operation::RevealProof;
use soru_protocol::refutation::RefutationProof;

#[test]
fn gas_is_printed_as_the_document_does() {
    assert_eq!((gas(1_000_000), gas(3_126_633), gas(100)), ("1000".into(), "3126.633".into(), "0.1".into()));
}

/// The first part of the document's transcript, with another key.
#[test]
fn a_revelation_reads_as_in_the_document() {
    let source = BOOTSTRAP_ACCOUNTS[0].pkh();
    let content = Content {
        source,
        fee: Mutez(357),
        counter: 10,
        gas_limit: 1000,
        storage_limit: 0,
        action: Action::Reveal { public_key: BOOTSTRAP_ACCOUNTS[0].pk(), proof: RevealProof::None },
    };
    let contract = BalanceAccount::Contract(soru_base::Contract::Implicit(source));
    let receipt = OperationReceipt {
        contents: vec![ContentReceipt {
            balance_updates: vec![
                BalanceUpdate::new(contract, -357),
                BalanceUpdate::new(BalanceAccount::BlockFees, 357),
            ],
            result: OperationResult::Applied(Success {
                consumed_milligas: 1_000_000,
                balance_updates: vec![],
                effect: Effect::Done,
            }),
            internal: vec![],
        }],
    };
    let expected = "\
This sequence of operations was run:
  Manager signed operations:
    From: tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx
    Fee to the baker: ꜩ0.000357
    Expected counter: 10
    Gas limit: 1000
    Storage limit: 0 bytes
    Balance updates:
      tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx ... -ꜩ0.000357
      payload fees(the block proposer) ....... +ꜩ0.000357
    Revelation of manager public key:
      Contract: tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx
      Key: edpkuBknW28nW72KG6RoHtYW7p12T6GKc7nAbwYX5m8Wd9sDVC9yav
      This revelation was successfully applied
      Consumed gas: 1000
";
    assert_eq!(show("This sequence of operations was run:", &[content], &receipt, IdFamily::Alpha), expected);
}

/// An operation of `bootstrap1` with that receipt, from the action on.
fn shown(action: Action, effect: Effect, balance_updates: Vec<BalanceUpdate>) -> String {
    let source = BOOTSTRAP_ACCOUNTS[0].pkh();
    let content = Content { source, fee: Mutez(357), counter: 10, gas_limit: 1000, storage_limit: 0, action };
    let result = OperationResult::Applied(Success { consumed_milligas: 3_126_633, balance_updates, effect });
    let receipt = ContentReceipt { balance_updates: vec![], result, internal: vec![] };
    let text = show(
        "This sequence of operations was run:",
        &[content],
        &OperationReceipt { contents: vec![receipt] },
        IdFamily::Alpha,
    );
    let from = text.find("Smart contract rollup").expect("the action");
    text[from..].to_owned()
}

fn refute(refutation: Refutation) -> Action {
    let opponent = BOOTSTRAP_ACCOUNTS[1].pkh();
    Action::SmartRollupRefute { rollup: RollupAddress::ZERO, opponent, refutation }
}

#[test]
fn a_dissection_is_shown_tick_by_tick() {
    let states = [Some(StateHash([1; 32])), None];
    let chunks = states.into_iter().zip([Tick(0), Tick(9)]);
    let dissection = chunks.map(|(state_hash, tick)| DissectionChunk { state_hash, tick }).collect();
    let action = refute(Refutation::Move { choice: Tick(0), step: Step::Dissection(dissection) });
    let expected = "\
Smart contract rollup refutation move:
      Address: scr1AFyXAWFS3c6S2D617o8NGRvazoMJPEw6s
      Staker: tz1gjaF81ZRRvdzjobyfVNsAeSC6PScjfQwN
      Refutation: Tick: 0 Step: Dissection:
        Tick: 0, State: scs11VpNrpLyXdAQMraGubKXBmp7Pk8Vz7oBtCB2jDKGVLPE282yCS
        Tick: 9, State: none
      This smart contract rollup refutation move was successfully applied
      Consumed gas: 3126.633
      Refutation game status: Game ongoing
";
    assert_eq!(shown(action, Effect::Game { result: None }, vec![]), expected);
}

#[test]
fn the_end_of_a_game_names_the_loser_and_where_its_deposit_went() {
    let [winner, loser] = [0, 1].map(|n| BOOTSTRAP_ACCOUNTS[n].pkh());
    let bond = BalanceAccount::FrozenBonds { contract: loser.into(), rollup: RollupAddress::ZERO };
    let half = 5_000_000_000;
    let updates = vec![
        BalanceUpdate::new(bond, -2 * half),
        BalanceUpdate::new(BalanceAccount::RefutationPunishments, 2 * half),
        BalanceUpdate::new(BalanceAccount::RefutationRewards, -half),
        BalanceUpdate::new(BalanceAccount::Contract(winner.into()), half),
    ];
    let proof = RefutationProof { pvm_step: vec![0; 100], input_proof: None };
    let action = refute(Refutation::Move { choice: Tick(8), step: Step::Proof(proof) });
    let result = Some(GameResult::Loser { reason: LossReason::ConflictResolved, loser });
    let text = shown(action, Effect::Game { result }, updates);
    let expected = "\
      Refutation game status: Game ended: tz1gjaF81ZRRvdzjobyfVNsAeSC6PScjfQwN lost because: conflict resolved
      Balance updates:
        Frozen_bonds(tz1gjaF81ZRRvdzjobyfVNsAeSC6PScjfQwN,scr1AFyXAWFS3c6S2D617o8NGRvazoMJPEw6s) ... -ꜩ10000
        smart rollup refutation punishments .... +ꜩ10000
        smart rollup refutation rewards ........ -ꜩ5000
        tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx ... +ꜩ5000
";
    assert!(text.ends_with(expected), "{text}");
    assert!(text.contains("Refutation: Tick: 8 Step: proof of 105 bytes\n"), "{text}");
    let draw = shown(
        Action::SmartRollupTimeout { rollup: RollupAddress::ZERO, alice: loser, bob: winner },
        Effect::Game { result: Some(GameResult::Draw) },
        vec![],
    );
    assert!(draw.contains("First staker (Alice): tz1gjaF81ZRRvdzjobyfVNsAeSC6PScjfQwN\n"), "{draw}");
    assert!(draw.ends_with("Refutation game status: Game ended: Draw\n"), "{draw}");
}
