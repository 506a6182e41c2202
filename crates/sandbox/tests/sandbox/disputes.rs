//! Conflicts and refutation games through the RPC, and operations that are no good moves.

use crate::rollups::{ALL, kernel, run};
use crate::world::*;
use reqwest::StatusCode;
use serde_json::{Value, json};
use soru_base::{IdFamily, Json, Level, PublicKeyHash, RollupAddress, StateHash, Tick, TickSpan};
use soru_michelson::{Micheline, Prim};
use soru_protocol::commitment::Commitment;
use soru_protocol::operation::{Action, MAX_OPERATION_SIZE, Operation, PvmKind, SignedOperation};
use soru_protocol::refutation::{
    Clock, DissectionChunk, Game, InputProof, Player, Refutation, RefutationProof, RevealProof, Stakers, Step,
};

pub(crate) const FAMILY: IdFamily = IdFamily::Alpha;
/// Blocks on each player's clock.
const PERIOD: i64 = 5;
const DEPOSIT: u64 = 10_000_000_000;

/// Two stakers with two commitments of a rollup.
pub(crate) struct Dispute {
    pub(crate) world: World,
    pub(crate) rollup: RollupAddress,
    pub(crate) ours: Commitment,
    pub(crate) theirs: Commitment,
}

/// Accounts 2 and 3 have published commitments of that many ticks.
async fn dispute(ticks: u64) -> Dispute {
    dispute_about(ticks, [StateHash([2; 32]), StateHash([3; 32])]).await
}

/// Accounts 2 and 3 have published commitments of that many ticks to these states.
pub(crate) async fn dispute_about(ticks: u64, [ours, theirs]: [StateHash; 2]) -> Dispute {
    let world = world_with(|config| {
        for (name, value) in [
            ("commitment_period_in_blocks", "3"),
            ("timeout_period_in_blocks", "5"),
            ("challenge_window_in_blocks", "20"),
        ] {
            config.overrides.push((format!("smart_rollup_{name}"), value.to_owned()));
        }
    })
    .await;
    let originate = Action::SmartRollupOriginate {
        pvm_kind: PvmKind::Wasm2_0_0,
        kernel: kernel(),
        parameters_ty: Micheline::atom(Prim::string),
        whitelist: None,
    };
    let originated = run(&world, 1, originate).await;
    let rollup = text(&originated["address"]).parse().expect("an address");
    world.bake(4).await;
    let commitment = |compressed_state| Commitment {
        compressed_state,
        inbox_level: Level::new(4).expect("a level"),
        predecessor: text(&originated["genesis_commitment_hash"]).parse().expect("a commitment's hash"),
        number_of_ticks: TickSpan(ticks),
    };
    let dispute = Dispute { world, rollup, ours: commitment(ours), theirs: commitment(theirs) };
    for (who, commitment) in [(2, dispute.ours), (3, dispute.theirs)] {
        run(&dispute.world, who, Action::SmartRollupPublish { rollup, commitment }).await;
    }
    dispute
}

pub(crate) fn pkh(number: usize) -> PublicKeyHash {
    account(number).pkh()
}

fn chunk(state: Option<u8>, tick: u64) -> DissectionChunk {
    DissectionChunk { state_hash: state.map(|n| StateHash([n; 32])), tick: Tick(tick) }
}

fn proof(pvm_step: Vec<u8>, input_proof: Option<InputProof>) -> Step {
    Step::Proof(RefutationProof { pvm_step, input_proof })
}

impl Dispute {
    pub(crate) async fn ask(&self, below: &str) -> Value {
        self.world.get(&format!("{ALL}/smart_rollup/{}/{below}", self.rollup.in_family(FAMILY))).await
    }

    pub(crate) async fn clock(&self) -> Value {
        self.ask(&format!("staker1/{}/staker2/{}/timeout", pkh(2), pkh(3))).await
    }

    async fn timed_out(&self) -> Value {
        self.ask(&format!("staker1/{}/staker2/{}/timeout_reached", pkh(3), pkh(2))).await
    }

    pub(crate) fn start(&self) -> Action {
        Action::SmartRollupRefute {
            rollup: self.rollup,
            opponent: pkh(3),
            refutation: Refutation::Start {
                player_commitment_hash: self.ours.hash(),
                opponent_commitment_hash: self.theirs.hash(),
            },
        }
    }

    pub(crate) fn play(&self, opponent: usize, choice: u64, step: Step) -> Action {
        let refutation = Refutation::Move { choice: Tick(choice), step };
        Action::SmartRollupRefute { rollup: self.rollup, opponent: pkh(opponent), refutation }
    }

    fn timeout(&self) -> Action {
        let stakers = Stakers::new(pkh(2), pkh(3)).expect("two stakers");
        let (alice, bob) = (stakers.staker(Player::Alice), stakers.staker(Player::Bob));
        Action::SmartRollupTimeout { rollup: self.rollup, alice, bob }
    }

    pub(crate) async fn operation(&self, from: usize, action: Action) -> Operation {
        let mut operation = self.world.operation(account(from), action).await;
        // A block has gas for four of them.
        operation.contents[0].gas_limit = 250_000;
        operation.contents[0].fee = soru_base::Mutez(100_000);
        operation
    }

    async fn inject(&self, from: usize, action: Action) {
        let operation = self.operation(from, action).await;
        self.world.inject(&SignedOperation::sign(operation, &account(from).sk())).await;
    }

    /// Injects actions of different accounts, makes one block, and gives their results.
    pub(crate) async fn together(&self, actions: Vec<(usize, Action)>) -> Vec<Value> {
        let (level, count) = (self.world.level().await, actions.len());
        for (from, action) in actions {
            self.inject(from, action).await;
        }
        self.world.bake(1).await;
        assert_eq!(self.world.level().await, level + 1);
        let pass = self.world.get("/chains/main/blocks/head/operations/3").await;
        let included = pass.as_array().expect("an array");
        assert_eq!(included.len(), count, "{pass}");
        included.iter().map(|op| op["contents"][0]["metadata"]["operation_result"].clone()).collect()
    }

    /// Plays something that the protocol refuses, and gives the error's id.
    pub(crate) async fn refused(&self, from: usize, action: Action) -> String {
        let results = self.together(vec![(from, action)]).await;
        assert_eq!(results[0]["status"], "failed", "{}", results[0]);
        let id = text(&results[0]["errors"][0]["id"]).to_owned();
        id.strip_prefix("proto.alpha.").expect("an error of the protocol").to_owned()
    }
}

#[tokio::test]
async fn conflicts_and_games_are_told_as_on_the_network() {
    let dispute = dispute(64).await;
    let conflict = |other, theirs: Commitment, ours: Commitment| {
        json!([{
            "other": pkh(other).to_string(),
            "their_commitment": theirs.to_json(FAMILY),
            "our_commitment": ours.to_json(FAMILY),
            "parent_commitment": ours.predecessor.to_json(FAMILY),
        }])
    };
    let (ours, theirs) = (dispute.ours, dispute.theirs);
    assert_eq!(dispute.ask(&format!("staker/{}/conflicts", pkh(2))).await, conflict(3, theirs, ours));
    assert_eq!(dispute.ask(&format!("staker/{}/conflicts", pkh(3))).await, conflict(2, ours, theirs));
    assert_eq!(dispute.ask(&format!("staker/{}/conflicts", pkh(4))).await, json!([]));
    assert_eq!(dispute.clock().await, Value::Null);

    let started = run(&dispute.world, 2, dispute.start()).await;
    assert_eq!(started["game_status"], "ongoing");
    let level = dispute.world.level().await;
    let clock = json!({ "alice": PERIOD, "bob": PERIOD, "last_turn_level": level });
    assert_eq!(dispute.clock().await, clock);
    assert_eq!(dispute.timed_out().await, Value::Null);
    let games = dispute.ask(&format!("staker/{}/games", pkh(2))).await;
    assert_eq!(dispute.ask(&format!("staker/{}/games", pkh(3))).await, games);
    assert_eq!(dispute.ask(&format!("staker/{}/games", pkh(4))).await, json!([]));
    let stakers = Stakers::new(pkh(2), pkh(3)).expect("two stakers");
    let listed = games[0].as_object().expect("an object");
    assert_eq!(listed.keys().collect::<Vec<_>>(), ["game", "alice", "bob"]);
    assert_eq!(games[0]["alice"], stakers.staker(Player::Alice).to_string());
    let game = &games[0]["game"];
    let turn = if stakers.staker(Player::Alice) == pkh(2) { "alice" } else { "bob" };
    assert_eq!((&game["turn"], &game["inbox_level"]), (&json!(turn), &json!(4)));
    assert_eq!(
        game["game_state"]["dissection"][1],
        json!({ "state": theirs.compressed_state.to_json(FAMILY), "tick": "64" })
    );
    let clock = Clock::from_json(&clock, FAMILY).expect("a clock");
    Game::from_network_json(game, stakers, clock, TickSpan(11_000_000_000), FAMILY).expect("a game");
    // They are in conflict until the game decides.
    assert_eq!(dispute.ask(&format!("staker/{}/conflicts", pkh(2))).await, conflict(3, theirs, ours));

    // The first section, where both begin, in 32 of two ticks.
    let genesis = &game["game_state"]["dissection"][0]["state"];
    let genesis = StateHash::from_json(genesis, FAMILY).expect("a state");
    let mut dissection: Vec<_> = (1..=32).map(|n| chunk(Some(100 + n), u64::from(n) * 2)).collect();
    dissection.insert(0, DissectionChunk { state_hash: Some(genesis), tick: Tick(0) });
    let moved = run(&dispute.world, 2, dispute.play(3, 0, Step::Dissection(dissection))).await;
    assert_eq!((&moved["game_status"], &moved["balance_updates"]), (&json!("ongoing"), &json!([])));
    let used = dispute.clock().await;
    assert_eq!((&used[turn], &used["last_turn_level"]), (&json!(PERIOD - 1), &json!(level + 1)));
    let games = dispute.ask(&format!("staker/{}/games", pkh(3))).await;
    assert_ne!(games[0]["game"]["turn"], turn);
    assert_eq!(games[0]["game"]["game_state"]["dissection"].as_array().map(Vec::len), Some(33));
}

#[tokio::test]
async fn the_clock_ends_a_game_once() {
    let dispute = dispute(64).await;
    run(&dispute.world, 2, dispute.start()).await;
    assert_eq!(dispute.refused(4, dispute.timeout()).await, "smart_rollup_timeout_level_not_reached");
    // The game began one block ago, and may go on for `PERIOD` blocks.
    dispute.world.bake(PERIOD as u32 - 1).await;
    assert_eq!(dispute.timed_out().await, Value::Null);
    dispute.world.bake(1).await;
    let lost = json!({ "kind": "loser", "reason": "timeout", "player": pkh(2).to_string() });
    assert_eq!(dispute.timed_out().await, lost);

    // Two who call the clock in one block: the second one finds no game.
    let before = dispute.world.balance(account(3).public_key_hash).await;
    let results = dispute.together(vec![(4, dispute.timeout()), (5, dispute.timeout())]).await;
    assert_eq!(results[0]["game_status"], json!({ "result": lost }));
    let updates = results[0]["balance_updates"].to_string();
    for word in ["smart_rollup_refutation_punishments", "smart_rollup_refutation_rewards", "burned", "minted"]
    {
        assert!(updates.contains(word), "{word}: {updates}");
    }
    assert_eq!(results[1]["status"], "failed");
    assert_eq!(results[1]["errors"][0]["id"], "proto.alpha.smart_rollup_no_game");
    assert_eq!(dispute.world.balance(account(3).public_key_hash).await, before + DEPOSIT / 2);

    for (below, expected) in [
        (format!("staker/{}/games", pkh(3)), json!([])),
        (format!("staker/{}/conflicts", pkh(3)), json!([])),
        ("stakers".to_owned(), json!([pkh(3).to_string()])),
        (format!("staker1/{}/staker2/{}/timeout_reached", pkh(2), pkh(3)), Value::Null),
    ] {
        assert_eq!(dispute.ask(&below).await, expected, "{below}");
    }
    // Moves on a game that is over.
    let step = || Step::Dissection(vec![chunk(Some(1), 0), chunk(Some(2), 64)]);
    assert_eq!(dispute.refused(3, dispute.play(2, 0, step())).await, "smart_rollup_no_game");
    assert_eq!(dispute.refused(2, dispute.play(3, 0, step())).await, "smart_rollup_no_game");
    assert_eq!(dispute.refused(2, dispute.start()).await, "smart_rollup_not_staked");
}

#[tokio::test]
async fn games_that_cannot_begin() {
    let dispute = dispute(64).await;
    let start = |rollup, opponent: usize, ours: Commitment, theirs: Commitment| Action::SmartRollupRefute {
        rollup,
        opponent: pkh(opponent),
        refutation: Refutation::Start {
            player_commitment_hash: ours.hash(),
            opponent_commitment_hash: theirs.hash(),
        },
    };
    let (rollup, ours, theirs) = (dispute.rollup, dispute.ours, dispute.theirs);
    let unknown = Commitment { number_of_ticks: TickSpan(1), ..ours };
    for (from, action, expected) in [
        (2, start(RollupAddress([9; 20]), 3, ours, theirs), "smart_rollup_not_staked"),
        (2, start(rollup, 2, ours, theirs), "smart_rollup_no_conflict"),
        (2, start(rollup, 4, ours, theirs), "smart_rollup_not_staked"),
        (4, start(rollup, 3, ours, theirs), "smart_rollup_not_staked"),
        (2, start(rollup, 3, theirs, ours), "smart_rollup_wrong_staker_for_conflict_commitment"),
        (2, start(rollup, 3, unknown, theirs), "smart_rollup_wrong_staker_for_conflict_commitment"),
    ] {
        assert_eq!(dispute.refused(from, action).await, expected);
    }
    run(&dispute.world, 2, dispute.start()).await;
    assert_eq!(dispute.refused(2, dispute.start()).await, "smart_rollup_game_already_started");
    assert_eq!(dispute.refused(3, start(rollup, 2, theirs, ours)).await, "smart_rollup_game_already_started");
}

#[tokio::test]
async fn strangers_cannot_spoil_a_game() {
    let dispute = dispute(64).await;
    run(&dispute.world, 2, dispute.start()).await;
    let games = dispute.ask(&format!("staker/{}/games", pkh(2))).await;
    let two = || Step::Dissection(vec![chunk(Some(1), 0), chunk(Some(2), 64)]);
    let many = |count: u64| Step::Dissection((0..count).map(|n| chunk(Some(1), n)).collect());
    let garbage = || proof(vec![0xff; 100], None);
    for (from, action, expected) in [
        // Not their turn, whatever they play.
        (3, dispute.play(2, 0, two()), "smart_rollup_wrong_turn"),
        (3, dispute.play(2, 0, garbage()), "smart_rollup_wrong_turn"),
        // No game of theirs.
        (4, dispute.play(3, 0, two()), "smart_rollup_no_game"),
        (2, dispute.play(4, 0, garbage()), "smart_rollup_no_game"),
        (2, dispute.play(2, 0, garbage()), "smart_rollup_no_game"),
        // No section begins there, or it cannot be proved.
        (2, dispute.play(3, 1, two()), "Dissection_choice_not_found"),
        (2, dispute.play(3, 65, garbage()), "Dissection_choice_not_found"),
        (2, dispute.play(3, u64::MAX >> 1, garbage()), "Dissection_choice_not_found"),
        (2, dispute.play(3, 0, garbage()), "Dissection_unexpected_section_size"),
        (2, dispute.play(3, 64, garbage()), "smart_rollup_proof_check"),
        // Dissections of a wrong size.
        (
            2,
            dispute.play(3, 0, Step::Dissection(vec![])),
            "smart_rollup_dissection_number_of_sections_mismatch",
        ),
        (2, dispute.play(3, 0, two()), "smart_rollup_dissection_number_of_sections_mismatch"),
        (2, dispute.play(3, 0, many(33)), "smart_rollup_dissection_start_hash_mismatch"),
        (2, dispute.play(3, 0, many(900)), "smart_rollup_dissection_number_of_sections_mismatch"),
    ] {
        let told = format!("{action:.200?}");
        assert_eq!(dispute.refused(from, action).await, expected, "{told}");
    }
    assert_eq!(dispute.ask(&format!("staker/{}/games", pkh(2))).await, games);
}

#[tokio::test]
async fn proofs_that_are_none_do_not_stop_the_chain() {
    let dispute = dispute(1).await;
    run(&dispute.world, 2, dispute.start()).await;
    let inbox = |level, message_counter, serialized_proof| InputProof::InboxProof {
        level: Level::new(level).expect("a level"),
        message_counter,
        serialized_proof,
    };
    let nested = |byte: u8| vec![byte; 29_000];
    let last = (1 << 31) - 1;
    for step in [
        proof(vec![], None),
        proof(vec![0xff; 64], Some(InputProof::FirstInput)),
        proof(nested(0x00), None),
        proof(nested(0x03), None),
        proof(nested(0x83), None),
        proof(nested(0xff), None),
        proof(vec![0x03; 10_000], Some(inbox(last, u64::MAX >> 1, vec![0xff; 18_000]))),
        proof(vec![0x03; 10], Some(inbox(0, 0, vec![]))),
        proof(vec![0x03; 10], Some(InputProof::RevealProof(RevealProof::RawDataProof(vec![1; 4_096])))),
        proof(vec![0x03; 10], Some(InputProof::RevealProof(RevealProof::MetadataProof))),
    ] {
        let told = format!("{step:.100?}");
        assert_eq!(dispute.refused(2, dispute.play(3, 0, step)).await, "smart_rollup_proof_check", "{told}");
    }
    // It is still account 2 that moves.
    assert_eq!(dispute.refused(3, dispute.play(2, 0, proof(vec![], None))).await, "smart_rollup_wrong_turn");

    // More bytes than an operation may have are refused at the door.
    let large = dispute.play(3, 0, proof(vec![0; MAX_OPERATION_SIZE], None));
    let operation = SignedOperation::sign(dispute.operation(2, large).await, &account(2).sk());
    let (status, answer) = dispute.world.try_inject(&operation).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(id(&answer), "node.prevalidation.oversized_operation");
}

/// What is judged in one block is judged on the game as the operation before it left it.
#[tokio::test]
async fn moves_of_both_players_in_one_block_follow_one_another() {
    let dispute = dispute(64).await;
    run(&dispute.world, 2, dispute.start()).await;
    let games = dispute.ask(&format!("staker/{}/games", pkh(2))).await;
    let genesis = &games[0]["game"]["game_state"]["dissection"][0]["state"];
    let genesis = StateHash::from_json(genesis, FAMILY).expect("a state");
    let dissection = |from: u64, states: u8| {
        let chunks = (1..=32).map(|n| chunk(Some(states + n), from + u64::from(n) * 2));
        let first = DissectionChunk { state_hash: Some(genesis), tick: Tick(from) };
        Step::Dissection(std::iter::once(first).chain(chunks).collect())
    };
    let answer = || {
        let first = DissectionChunk { state_hash: Some(genesis), tick: Tick(0) };
        Step::Dissection(vec![first, chunk(Some(7), 1), chunk(Some(8), 2)])
    };
    // Account 3 answers a move that is in the same block, and a second answer comes too late.
    let moves = vec![
        (2, dispute.play(3, 0, dissection(0, 100))),
        (3, dispute.play(2, 0, answer())),
        (4, dispute.timeout()),
    ];
    let results = dispute.together(moves).await;
    assert_eq!(
        (&results[0]["game_status"], &results[1]["game_status"]),
        (&json!("ongoing"), &json!("ongoing"))
    );
    assert_eq!(results[2]["errors"][0]["id"], "proto.alpha.smart_rollup_timeout_level_not_reached");

    // The move that was good before the other one: its section is gone.
    let stale = vec![(2, dispute.play(3, 1, proof(vec![], None))), (3, dispute.play(2, 0, answer()))];
    let results = dispute.together(stale).await;
    assert_eq!(results[0]["errors"][0]["id"], "proto.alpha.smart_rollup_proof_check");
    assert_eq!(results[1]["errors"][0]["id"], "proto.alpha.smart_rollup_wrong_turn");
    assert_eq!(dispute.clock().await["last_turn_level"], dispute.world.level().await - 1);
}
