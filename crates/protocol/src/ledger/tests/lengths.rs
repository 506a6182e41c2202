use super::harness::{Chain, pkh, publish};
use crate::operation::Action;
use crate::receipt::{Effect, OperationResult};
use crate::refutation::{
    Game, GameState, InputProof, ProvedTick, Refutation, RefutationProof, Stakers, Step, Verdict,
};
use soru_base::{Level, StateHash, Tick, TickSpan};
use soru_pvm::reveal::Metadata;

/// Whatever is played refutes the first claim of the game.
fn examine(game: &Game, _: &RefutationProof, _: Metadata) -> Verdict {
    let GameState::Dissecting { dissection } = &game.state else { return Verdict::Invalid };
    Verdict::Valid(ProvedTick { start: dissection[0].state_hash.unwrap(), stop: Some(StateHash::ZERO) })
}

/// A proof that goes by a last message with that counter: one cell, without anything else.
fn going_by(level: Level, last: u8) -> RefutationProof {
    let cell = [&[last][..], &[0; 32], &[0; 4]].concat();
    let serialized_proof = [&[0; 4][..], &[0, 0, 0, cell.len() as u8], &cell, &[0]].concat();
    let input = InputProof::InboxProof { level, message_counter: 0, serialized_proof };
    RefutationProof { pvm_step: Vec::new(), input_proof: Some(input) }
}

#[test]
fn a_proof_that_goes_by_another_length_of_a_level_wins_no_game() {
    let mut chain = Chain::new();
    let rollup = chain.originate();
    chain.bake_to(6);
    let genesis = chain.lcc(&rollup);
    for i in [1, 2] {
        let mut claim = chain.on(&rollup, genesis, i as u8);
        claim.number_of_ticks = TickSpan(1);
        chain.done(i, publish(rollup, claim));
    }
    let [mine, theirs] = [2, 1].map(|i| {
        let mut claim = chain.on(&rollup, genesis, i);
        claim.number_of_ticks = TickSpan(1);
        claim.hash()
    });
    let refute = |refutation| Action::SmartRollupRefute { rollup, opponent: pkh(1), refutation };
    chain.done(
        2,
        refute(Refutation::Start { player_commitment_hash: mine, opponent_commitment_hash: theirs }),
    );
    let stakers = Stakers::new(pkh(1), pkh(2)).unwrap();
    // Start and end of level are all there is.
    let level = Level::new(3).unwrap();
    for last in [0, 1, 2, 5, 127] {
        let step = Step::Proof(going_by(level, last));
        let operation = chain.sign(2, vec![refute(Refutation::Move { choice: Tick(0), step })]);
        let mut block = chain.begin();
        block.state.examine = examine;
        let receipt = block.apply(&operation).unwrap();
        let OperationResult::Applied(success) = &receipt.contents[0].result else { panic!("{receipt:?}") };
        let Effect::Game { result } = success.effect else { panic!("{success:?}") };
        assert_eq!(result.is_some(), last == 1, "last message {last}");
        if last != 1 {
            let game = block.ledger().game(&rollup, &stakers).unwrap().unwrap();
            assert!(matches!(game.state, GameState::FinalMove { .. }));
        }
    }
}
