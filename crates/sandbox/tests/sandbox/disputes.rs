//! Conflicts and refutation games through the RPC.

use crate::rollups::{ALL, kernel, run};
use crate::world::*;
use serde_json::{Value, json};
use soru_base::{IdFamily, Json, Level, PublicKeyHash, RollupAddress, StateHash, Tick, TickSpan};
use soru_michelson::{Micheline, Prim};
use soru_protocol::commitment::Commitment;
use soru_protocol::operation::{Action, Operation, PvmKind, SignedOperation};
use soru_protocol::refutation::{Clock, DissectionChunk, Game, Player, Refutation, Stakers, Step};

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
pub(crate) async fn dispute(ticks: u64) -> Dispute {
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

pub(crate) fn chunk(state: Option<u8>, tick: u64) -> DissectionChunk {
    DissectionChunk { state_hash: state.map(|n| StateHash([n; 32])), tick: Tick(tick) }
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

    pub(crate) fn timeout(&self) -> Action {
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

/// On the public network account 4 would lose its deposit to somebody who has none any more.
#[tokio::test]
async fn the_clock_of_a_game_against_somebody_without_a_stake_takes_nothing() {
    let dispute = dispute(64).await;
    let rollup = dispute.rollup;
    let commitment = Commitment { compressed_state: StateHash([4; 32]), ..dispute.ours };
    run(&dispute.world, 4, Action::SmartRollupPublish { rollup, commitment }).await;
    let against_loser = Action::SmartRollupRefute {
        rollup,
        opponent: pkh(2),
        refutation: Refutation::Start {
            player_commitment_hash: commitment.hash(),
            opponent_commitment_hash: dispute.ours.hash(),
        },
    };
    // Accounts 2 and 4 have to move, and let their clocks run out.
    dispute.together(vec![(2, dispute.start()), (4, against_loser)]).await;
    dispute.world.bake(PERIOD as u32 + 1).await;
    let reached = format!("staker1/{}/staker2/{}/timeout_reached", pkh(2), pkh(4));
    let lost = |loser, reason| json!({ "kind": "loser", "reason": reason, "player": pkh(loser).to_string() });
    assert_eq!(dispute.ask(&reached).await, lost(4, "timeout"));
    let ended = run(&dispute.world, 5, dispute.timeout()).await;
    assert_eq!(ended["game_status"], json!({ "result": lost(2, "timeout") }));

    assert_eq!(dispute.ask(&reached).await, lost(2, "conflict_resolved"));
    let stakers = Stakers::new(pkh(2), pkh(4)).expect("two stakers");
    let (alice, bob) = (stakers.staker(Player::Alice), stakers.staker(Player::Bob));
    let ended = run(&dispute.world, 5, Action::SmartRollupTimeout { rollup, alice, bob }).await;
    assert_eq!(ended["game_status"], json!({ "result": lost(2, "conflict_resolved") }));
    assert_eq!(ended["balance_updates"], json!([]));
    assert_eq!(dispute.ask(&reached).await, Value::Null);
    assert_eq!(dispute.ask("stakers").await.as_array().map(Vec::len), Some(2));
}
