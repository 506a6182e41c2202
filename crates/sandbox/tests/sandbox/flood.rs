//! Operations on games, drawn at random: good ones, stale ones and nonsense. Blocks are made all the same, nothing panics, and
//! no tez come out of nothing.

use crate::disputes::{Dispute, FAMILY, dispute_about, pkh};
use crate::proofs::{first_state, proof_of_first_tick};
use crate::rollups::kernel;
use crate::world::*;
use serde_json::json;
use soru_base::{Binary, Json, StateHash, Tick, TickSpan};
use soru_protocol::commitment::Commitment;
use soru_protocol::operation::{Action, SignedOperation};
use soru_protocol::refutation::{
    Clock, DissectionChunk, Game, GameState, InputProof, Refutation, RefutationProof, RevealProof, Stakers,
    Step,
};

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.roll() % n.max(1) as u64) as usize
    }

    fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }
}

/// Accounts 2 to 5 stake, or try to.
const PLAYERS: [usize; 4] = [2, 3, 4, 5];

struct Flood {
    dispute: Dispute,
    commitments: Vec<Commitment>,
    dice: Dice,
}

impl Flood {
    fn state(&mut self) -> Option<StateHash> {
        let states = self.commitments.iter().map(|c| Some(c.compressed_state));
        let states: Vec<_> = states.chain([None, Some(StateHash([9; 32]))]).collect();
        self.dice.pick(&states)
    }

    /// One of the games that somebody plays.
    async fn game(&mut self, player: usize) -> Option<Game> {
        let listed = self.dispute.ask(&format!("staker/{}/games", pkh(player))).await;
        let listed = match listed.as_array().map(Vec::as_slice) {
            None | Some([]) => return None,
            Some(games) => self.dice.pick(games),
        };
        let [alice, bob] = ["alice", "bob"].map(|name| text(&listed[name]).parse().expect("an account"));
        let clock = self.dispute.ask(&format!("staker1/{alice}/staker2/{bob}/timeout")).await;
        let clock = Clock::from_json(&clock, FAMILY).expect("every game has a clock");
        let stakers = Stakers::new(alice, bob).expect("two stakers");
        let game = Game::from_network_json(&listed["game"], stakers, clock, TickSpan(11_000_000_000), FAMILY);
        Some(game.expect("the sandbox tells games that can be read"))
    }

    /// A proof of the first tick, as it is or with something wrong.
    fn proof(&mut self, game: Option<&Game>) -> RefutationProof {
        let mut proof = match game {
            Some(game) => proof_of_first_tick(&kernel(), game, self.dispute.rollup),
            None => RefutationProof { pvm_step: vec![3; 40], input_proof: None },
        };
        let length = proof.pvm_step.len();
        match self.dice.below(8) {
            0 => proof.input_proof = None,
            1 => proof.input_proof = Some(InputProof::RevealProof(RevealProof::MetadataProof)),
            2 => proof.pvm_step.truncate(self.dice.below(length)),
            3 => proof.pvm_step.extend(vec![0xff; self.dice.below(25_000)]),
            4 | 5 => {
                let at = self.dice.below(length);
                if let Some(byte) = proof.pvm_step.get_mut(at) {
                    *byte ^= 1 << self.dice.below(8);
                }
            }
            _ => {}
        }
        proof
    }

    async fn step(&mut self, game: Option<&Game>) -> Step {
        if self.dice.below(3) > 0 {
            return Step::Proof(self.proof(game));
        }
        let sections = self.dice.pick(&[0, 1, 2, 3, 32, 33, 500]);
        let mut chunks = Vec::new();
        for n in 0..sections {
            chunks.push(DissectionChunk { state_hash: self.state(), tick: Tick(n as u64 * 2) });
        }
        Step::Dissection(chunks)
    }

    /// What `player` does next.
    async fn action(&mut self, player: usize) -> Action {
        let rollup = self.dispute.rollup;
        let other = self.dice.pick(&PLAYERS);
        let game = self.game(player).await;
        let stakers = game.as_ref().map(|game| game.stakers).filter(|_| self.dice.below(8) > 0);
        let us = stakers.and_then(|stakers| stakers.player(&pkh(player)));
        let opponent = stakers.zip(us).map_or(pkh(other), |(stakers, us)| stakers.staker(us.opponent()));
        match self.dice.below(12) {
            0 => Action::SmartRollupPublish { rollup, commitment: self.dice.pick(&self.commitments) },
            1 => Action::SmartRollupRecoverBond { rollup, staker: opponent },
            2 => Action::SmartRollupCement { rollup },
            3 => Action::SmartRollupTimeout { rollup, alice: pkh(player), bob: opponent },
            4..7 => {
                let conflicts = self.dispute.ask(&format!("staker/{}/conflicts", pkh(player))).await;
                let found = conflicts.as_array().and_then(|c| c.first()).cloned();
                let opponent =
                    found.as_ref().map_or(opponent, |c| text(&c["other"]).parse().expect("an account"));
                let hash = |name: &str, dice: &mut Dice, all: &[Commitment]| match &found {
                    Some(c) => Commitment::from_json(&c[name], FAMILY).expect("a commitment").hash(),
                    None => dice.pick(all).hash(),
                };
                let refutation = Refutation::Start {
                    player_commitment_hash: hash("our_commitment", &mut self.dice, &self.commitments),
                    opponent_commitment_hash: hash("their_commitment", &mut self.dice, &self.commitments),
                };
                Action::SmartRollupRefute { rollup, opponent, refutation }
            }
            _ => {
                let choices = match game.as_ref().map(|game| &game.state) {
                    Some(GameState::Dissecting { dissection }) => {
                        dissection.iter().map(|chunk| chunk.tick).collect()
                    }
                    _ => vec![Tick(0), Tick(5), Tick(u64::MAX >> 1)],
                };
                let choice = self.dice.pick(&choices);
                let step = self.step(game.as_ref()).await;
                Action::SmartRollupRefute { rollup, opponent, refutation: Refutation::Move { choice, step } }
            }
        }
    }

    /// All tez of the players and the baker, those on deposit included.
    async fn tez(&self) -> u64 {
        let mut sum = self.dispute.world.balance(&soru_sandbox::BAKER.to_string()).await;
        for player in [1, 2, 3, 4, 5] {
            let path = format!(
                "/chains/main/blocks/head/context/contracts/{}/balance_and_frozen_bonds",
                account(player).public_key_hash
            );
            sum += text(&self.dispute.world.get(&path).await).parse::<u64>().expect("mutez");
        }
        sum
    }
}

#[tokio::test]
async fn random_operations_on_games_stop_nothing() {
    let mut ended = 0;
    for seed in 0..12 {
        let dispute = dispute_about(1, [StateHash([2; 32]), first_state()]).await;
        let with = |state| Commitment { compressed_state: StateHash([state; 32]), ..dispute.ours };
        let commitments = vec![dispute.ours, dispute.theirs, with(4), with(5)];
        ended += Flood { dispute, commitments, dice: Dice(seed) }.run().await;
    }
    // So that the games were not all refused.
    assert!(ended > 10, "{ended} games ended");
}

impl Flood {
    /// Twenty blocks; gives the number of games that ended.
    async fn run(&mut self) -> usize {
        let mut ended = 0;
        let mut tez = self.tez().await;
        for _ in 0..20 {
            for player in PLAYERS {
                let action = self.action(player).await;
                let operation = self.dispute.operation(player, action).await;
                let signed = SignedOperation::sign(operation, &account(player).sk());
                if signed.to_bytes().len() <= soru_protocol::operation::MAX_OPERATION_SIZE {
                    self.dispute.world.inject(&signed).await;
                }
            }
            let level = self.dispute.world.level().await;
            self.dispute.world.bake(1).await;
            assert_eq!(self.dispute.world.level().await, level + 1);
            ended += self.check_block().await;
            let now = self.tez().await;
            assert!(now <= tez, "{now} mutez after {tez}");
            tez = now;
        }
        ended
    }

    /// Whatever failed failed for a reason of the protocol.
    async fn check_block(&self) -> usize {
        let pending = self.dispute.world.get("/chains/main/mempool/pending_operations").await;
        assert_eq!((&pending["refused"], &pending["branch_delayed"]), (&json!([]), &json!([])));
        let pass = self.dispute.world.get("/chains/main/blocks/head/operations/3").await;
        let mut ended = 0;
        for operation in pass.as_array().expect("an array") {
            let result = &operation["contents"][0]["metadata"]["operation_result"];
            match text(&result["status"]) {
                "applied" => ended += usize::from(result["game_status"].is_object()),
                "failed" => assert!(id(&result["errors"]).starts_with("proto.alpha."), "{result}"),
                other => panic!("{other}"),
            }
        }
        ended
    }
}
