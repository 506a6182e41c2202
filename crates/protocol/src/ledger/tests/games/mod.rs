//! Refutation games, one rule after the other, with a machine of numbers.

mod rules;
mod strangers;
mod void;

use super::harness::{Chain, account, cement, constants, pkh, publish, recover};
use crate::commitment::Commitment;
use crate::ledger::Constants;
use crate::operation::{Action, PvmKind, SignedOperation};
use crate::receipt::{BalanceAccount, Effect, Success};
use crate::refutation::tests::games::honest_move;
use crate::refutation::tests::world::{Truth, chunk, state};
use crate::refutation::{
    Game, GameResult, LossReason, Player, Refutation, RefutationProof, Stakers, Step, Verdict,
};
use proptest::prelude::*;
use serde_json::json;
use soru_base::{Contract, IdFamily, Json, Level, PublicKeyHash, RollupAddress, StateHash, Tick, TickSpan};
use soru_michelson::{Micheline, Prim};
use soru_pvm::reveal::Metadata;

const STAKE: u64 = 10_000_000_000;
const FEE: u64 = 1_000;
const CLOCK: u32 = 10;
const WINDOW: u32 = 30;
const TRUTH: Truth = Truth::of(64);
const ROLLUP: RollupAddress = RollupAddress([7; 20]);
/// Who tells the truth, and who does not.
const HONEST: usize = 2;
const LIAR: usize = 3;

fn examine(_: &Game, proof: &RefutationProof, metadata: Metadata) -> Verdict {
    assert_eq!((metadata.address, metadata.origination_level.get()), (ROLLUP, 1));
    TRUTH.examine(proof)
}

fn never(_: &Game, _: &RefutationProof, _: Metadata) -> Verdict {
    panic!("refused before the proof is looked at")
}

fn rules() -> Constants {
    let mut constants = constants();
    constants.profile.rollup.timeout_period_in_blocks = CLOCK;
    constants.profile.rollup.challenge_window_in_blocks = WINDOW;
    constants.one_operation_per_manager = false;
    constants
}

/// A chain with a rollup, at a level where the first commitment can be published.
fn chain_with(constants: Constants) -> Chain {
    let mut chain = Chain::with(constants);
    chain.bake_to(1);
    let genesis = Commitment::genesis(chain.level(), state(0, 0));
    let ty = Micheline::atom(Prim::bytes);
    chain.ledger.store_rollup(&ROLLUP, PvmKind::Wasm2_0_0, &ty, &genesis).unwrap();
    chain.examine = examine;
    chain.bake_to(4);
    chain
}

fn claim(chain: &Chain, compressed_state: StateHash) -> Commitment {
    let claim = chain.on(&ROLLUP, chain.lcc(&ROLLUP), 0);
    Commitment { compressed_state, number_of_ticks: TickSpan(64), ..claim }
}

fn truth(chain: &Chain) -> Commitment {
    claim(chain, state(0, 64))
}

fn lie(chain: &Chain, mark: u8) -> Commitment {
    claim(chain, state(mark, 64))
}

/// Both have staked.
fn dispute() -> Chain {
    let mut chain = chain_with(rules());
    let (truth, lie) = (truth(&chain), lie(&chain, 1));
    chain.done(HONEST, publish(ROLLUP, truth));
    chain.done(LIAR, publish(ROLLUP, lie));
    chain
}

fn start(opponent: usize, ours: &Commitment, theirs: &Commitment) -> Action {
    let refutation =
        Refutation::Start { player_commitment_hash: ours.hash(), opponent_commitment_hash: theirs.hash() };
    Action::SmartRollupRefute { rollup: ROLLUP, opponent: pkh(opponent), refutation }
}

fn play(opponent: usize, choice: u64, step: Step) -> Action {
    let refutation = Refutation::Move { choice: Tick(choice), step };
    Action::SmartRollupRefute { rollup: ROLLUP, opponent: pkh(opponent), refutation }
}

fn timeout(one: usize, other: usize) -> Action {
    Action::SmartRollupTimeout { rollup: ROLLUP, alice: pkh(one), bob: pkh(other) }
}

fn stakers(one: usize, other: usize) -> Stakers {
    Stakers::new(pkh(one), pkh(other)).unwrap()
}

fn game(chain: &Chain, one: usize, other: usize) -> Option<Game> {
    chain.ledger.game(&ROLLUP, &stakers(one, other)).unwrap()
}

/// The honest answer in the game against somebody.
fn answer(chain: &Chain, opponent: usize) -> Action {
    let (choice, step) = honest_move(&TRUTH, &game(chain, HONEST, opponent).unwrap());
    play(opponent, choice, step)
}

/// A dissection that is true up to the tick before the last.
fn lies_at_the_end(opponent: usize, choice: u64, stop: u64, mark: u8) -> Action {
    let at = |i: u64| chunk(Some(state(if i == stop { mark } else { 0 }, i)), i);
    play(opponent, choice, Step::Dissection((choice..=stop).map(at).collect()))
}

fn ended(result: GameResult) -> Effect {
    Effect::Game { result: Some(result) }
}

fn lost(loser: usize, reason: LossReason) -> GameResult {
    GameResult::Loser { reason, loser: pkh(loser) }
}

/// Moves until it is the liar's turn in a section of one tick, or the honest player's with the proof as answer.
fn down_to_one_tick() -> Chain {
    let mut chain = dispute();
    let (ours, theirs) = (truth(&chain), lie(&chain, 1));
    chain.done(HONEST, start(LIAR, &ours, &theirs));
    let first = answer(&chain, LIAR);
    chain.done(HONEST, first);
    chain.done(LIAR, lies_at_the_end(HONEST, 62, 64, 2));
    chain
}
