//! What the RPC tells of disputes.

use super::rpc::{Running, running, start};
use super::*;
use crate::node::Node;
use crate::status::{Action, Effort, EndedGame, GameStatus, GamesCell, Outcome};
use serde_json::json;
use soru_base::{Json as _, LevelSpan, StateHash, Tick, TickSpan};
use soru_protocol::Commitment;
use soru_protocol::inbox::{LevelInbox, ProtocolMessages};
use soru_protocol::refutation::{ConflictPoint, DissectionRules, Game, LossReason};
use std::time::Duration;

fn liar() -> PublicKeyHash {
    "tz1VSUr8wwNhLAzempoch5d6hLRiTh8Cjcjb".parse().unwrap()
}

#[tokio::test]
async fn conflicts_and_stakes_are_told_everywhere() {
    let layer1 = FakeLayer1::new();
    layer1.bake(9);
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(config(dir.path(), Mode::Maintenance), layer1.clone(), FakeMachine::default());
    let node = node.await.unwrap();
    let store = node.store().clone();
    let node = running(node);
    node.until(|s| s.stake.is_some()).await;
    assert_eq!(node.value("/local/conflicts").await, json!([]));
    let nothing = json!({"staker": operator().to_string(), "staked_on": null, "bond": "0", "at_risk": false});
    assert_eq!(node.value("/local/stake").await, nothing);

    let level = layer1.cemented().level.plus(LevelSpan(fake_layer1::PERIOD));
    let ours = store.block_at(level).unwrap().unwrap().commitment.unwrap();
    let ours = store.commitment(&ours).unwrap().unwrap();
    let theirs = Commitment { compressed_state: StateHash([9; 32]), ..ours };
    // The operator's publication is on its way: both are in the next block.
    while layer1.mempool() == 0 {
        tokio::task::yield_now().await;
    }
    layer1.publish_as(liar(), theirs);
    layer1.bake(1);
    node.until(|s| s.stake.is_some_and(|stake| stake.at_risk)).await;
    let told = node.value("/local/conflicts").await;
    let expected = json!([{
        "other": liar().to_string(),
        "their_commitment": theirs.to_json(IdFamily::Alpha),
        "our_commitment": ours.to_json(IdFamily::Alpha),
        "parent_commitment": ours.predecessor.in_family(IdFamily::Alpha),
        "their_commitment_hash": theirs.hash().in_family(IdFamily::Alpha),
        "our_commitment_hash": ours.hash().in_family(IdFamily::Alpha),
        "published_at_level": 13,
        "in_game": false,
    }]);
    assert_eq!(told, expected);
    let stake = node.value("/local/stake").await;
    assert_eq!((&stake["bond"], &stake["at_risk"]), (&json!("10000"), &json!(true)));
    assert!(stake["staked_on"]["level"].as_u64().unwrap() >= u64::from(level.get()));
    let health = node.value("/health").await;
    assert_eq!((&health["conflicts"], &health["games"]), (&json!(1), &json!(0)));
    let (_, metrics) = node.get_text("/metrics").await;
    for name in ["soru_node_conflicts", "soru_node_bond_mutez", "soru_node_stake_at_risk_mutez"] {
        assert!(metrics.contains(name), "{name} is not in {metrics}");
    }
    node.stop().await.unwrap();
}

fn game() -> GameStatus {
    let parent = Commitment::genesis(level(3), StateHash([1; 32]));
    let claim = |n: u8, ticks: u64| Commitment {
        compressed_state: StateHash([n; 32]),
        inbox_level: level(7),
        predecessor: parent.hash(),
        number_of_ticks: TickSpan(ticks),
    };
    let (ours, theirs) = (claim(2, 900), claim(3, 1_000));
    let point = ConflictPoint {
        refuter: operator(),
        refuter_commitment: &ours,
        defender: liar(),
        defender_commitment: &theirs,
        parent_commitment: &parent,
    };
    let snapshot = LevelInbox::genesis(level(9), &ProtocolMessages::default()).inbox.old_levels_messages;
    let rules = DissectionRules::new(32, TickSpan(1)).unwrap();
    let game = Game::start(&point, snapshot, level(10), rules, LevelSpan(40)).unwrap();
    GameStatus {
        staker: operator(),
        opponent: liar(),
        their_commitment: Some(theirs.hash()),
        game,
        seen_at: level(15),
        first_ticks: TickSpan(1_001),
        effort: Effort {
            moves: 2,
            last_action: Some((Action::Dissected { choice: Tick(64), sections: 32 }, level(14))),
            last_proof_size: None,
            recomputing: Duration::from_millis(250),
        },
    }
}

async fn with_games(dir: &Path) -> (Running, GamesCell) {
    let node = Node::start(config(dir, Mode::Observer), FakeLayer1::new(), FakeMachine::default()).await;
    let node = node.unwrap();
    let games = node.games();
    (running(node), games)
}

#[tokio::test]
async fn games_are_told_as_the_network_does_and_with_what_the_node_did() {
    let dir = tempfile::tempdir().unwrap();
    let (node, games) = with_games(dir.path()).await;
    assert_eq!(node.value("/local/games").await, json!([]));
    let (status, ids) = (game(), IdFamily::Alpha);
    games.update(|games| games.open.push(status.clone()));
    let told = node.value("/local/games").await;
    let (alice, bob) = (operator().min(liar()), operator().max(liar()));
    let expected = json!([{
        "game": status.game.to_network_json(ids),
        "alice": alice.to_string(),
        "bob": bob.to_string(),
        "staker": operator().to_string(),
        "opponent": liar().to_string(),
        "their_commitment_hash": status.their_commitment.unwrap().in_family(ids),
        "inbox_level": 7,
        "seen_at_level": 15,
        "phase": "dissecting",
        "our_turn": true,
        "ticks_disputed": "1001",
        "ticks_in_dispute": "1001",
        "blocks_left": 35,
        "opponent_blocks_left": 40,
        "moves": 2,
        "last_action": {
            "kind": "dissection",
            "level": 14,
            "description": "dissected the section from tick 64 into 32",
            "choice": "64",
            "sections": 32,
        },
        "last_proof_size": null,
        "seconds_recomputing": 0.25,
    }]);
    assert_eq!(told, expected);
    assert_eq!(node.value("/health").await["games"], json!(1));

    games.update(|games| {
        let mut last = games.open.remove(0);
        last.effort.last_action = Some((Action::Proved { choice: Tick(70), bytes: 9_000 }, level(20)));
        last.effort.last_proof_size = Some(9_000);
        let outcome = Some(Outcome::Won(LossReason::ConflictResolved));
        games.end(EndedGame { last, ended_at: level(21), outcome });
    });
    assert_eq!(node.value("/local/games").await, json!([]));
    let ended = node.value("/local/games/ended").await;
    assert_eq!(ended[0]["outcome"], json!("won"));
    assert_eq!(ended[0]["reason"], json!("conflict_resolved"));
    assert_eq!(ended[0]["last_proof_size"], json!(9_000));
    assert_eq!(ended[0]["ended_at_level"], json!(21));
    node.stop().await.unwrap();
}

#[tokio::test]
async fn an_observer_has_nothing_at_stake() {
    let layer1 = FakeLayer1::new();
    let dir = tempfile::tempdir().unwrap();
    let node = start(&layer1, dir.path(), Mode::Observer).await;
    node.synchronized(&layer1).await;
    assert_eq!(node.value("/local/stake").await, json!(null));
    node.stop().await.unwrap();
}
