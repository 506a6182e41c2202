//! Stakers, conflicts, games and their clocks, as the network's nodes tell them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fake;

use fake::{Fake, Reply, block_hash};
use serde_json::{Value, json};
use soru_base::{
    BOOTSTRAP_ACCOUNTS, CommitmentHash, IdFamily, Json, Level, LevelSpan, MerkelizedPayloadHash,
    PublicKeyHash, RollupAddress, StateHash, TickSpan,
};
use soru_l1::{BlockId, L1Error};
use soru_protocol::{Commitment, Inbox};

use soru_protocol::refutation::{
    Clock, Conflict, ConflictPoint, DissectionRules, Game, GameResult, LossReason, Player, Stakers,
};

const ROLLUP: RollupAddress = RollupAddress([3; 20]);
const SNAPSHOT: TickSpan = TickSpan(11_000_000_000);

fn staker(number: usize) -> PublicKeyHash {
    BOOTSTRAP_ACCOUNTS[number].pkh()
}

fn commitment(state: u8) -> Commitment {
    Commitment {
        compressed_state: StateHash([state; 32]),
        inbox_level: Level::new(32).unwrap(),
        predecessor: parent().hash(),
        number_of_ticks: TickSpan(1_000),
    }
}

fn parent() -> Commitment {
    Commitment {
        compressed_state: StateHash([9; 32]),
        inbox_level: Level::new(2).unwrap(),
        predecessor: CommitmentHash([1; 32]),
        number_of_ticks: TickSpan(0),
    }
}

/// A game that account 0 opened against `opponent`.
fn game(opponent: usize) -> Game {
    let point = ConflictPoint {
        refuter: staker(0),
        refuter_commitment: &commitment(0),
        defender: staker(opponent),
        defender_commitment: &commitment(1),
        parent_commitment: &parent(),
    };
    let inbox = Inbox::first(Level::new(40).unwrap(), MerkelizedPayloadHash([4; 32])).old_levels_messages;
    let rules = DissectionRules::new(32, SNAPSHOT).unwrap();
    Game::start(&point, inbox, Level::new(41).unwrap(), rules, LevelSpan(7)).unwrap()
}

/// As the RPC lists it, with members that nobody asked for.
fn listed(game: &Game) -> Value {
    let mut told = game.to_network_json(IdFamily::Mainnet);
    told["of the future"] = json!([1]);
    told.as_object_mut().unwrap().shift_remove("dal_snapshot");
    let player = |player| game.stakers.staker(player).to_string();
    json!({ "bob": player(Player::Bob), "alice": player(Player::Alice), "more": {}, "game": told })
}

fn question(block: &str, below: &str) -> String {
    let rollup = ROLLUP.in_family(IdFamily::Alpha);
    format!("GET /chains/main/blocks/{block}/context/smart_rollups/smart_rollup/{rollup}{below}")
}

fn clock_of(block: &str, stakers: &Stakers) -> String {
    let (alice, bob) = (stakers.staker(Player::Alice), stakers.staker(Player::Bob));
    question(block, &format!("/staker1/{alice}/staker2/{bob}/timeout"))
}

#[tokio::test]
async fn games_come_with_their_clocks_and_from_one_block() {
    let fake = Fake::start().await;
    let hash = block_hash(45, 0).to_string();
    let (one, two, over) = (game(1), game(2), game(3));
    let mut moved = two.clone();
    moved.clock = Clock { alice: 3, bob: -1, last_turn_level: Level::new(44).unwrap() };
    fake.json("GET /chains/main/blocks/head/hash", json!(hash))
        .json(
            &question(&hash, &format!("/staker/{}/games", staker(0))),
            json!([listed(&one), listed(&two), listed(&over)]),
        )
        .json(&clock_of(&hash, &one.stakers), one.clock.to_json(IdFamily::Alpha))
        .json(&clock_of(&hash, &two.stakers), json!({ "last_turn_level": 44, "x": 1, "bob": -1, "alice": 3 }))
        // A game without a clock has ended.
        .json(&clock_of(&hash, &over.stakers), Value::Null);
    let client = fake.client();
    let games = client.games_of(BlockId::HEAD, ROLLUP, staker(0), SNAPSHOT).await.unwrap();
    assert_eq!(games, [one.clone(), moved]);
    // Whoever names a block by its hash is not asked again which one it is.
    client.games_of(block_hash(45, 0), ROLLUP, staker(0), SNAPSHOT).await.unwrap();
    assert_eq!(fake.asked("GET /chains/main/blocks/head/hash").len(), 1);
}

#[tokio::test]
async fn what_is_no_list_of_games_says_where() {
    let fake = Fake::start().await;
    let block = block_hash(45, 0);
    let hash = block.to_string();
    let path = question(&hash, &format!("/staker/{}/games", staker(0)));
    let mut broken = listed(&game(2));
    broken["game"]["turn"] = "carol".into();
    let mut alone = listed(&game(1));
    alone["bob"] = alone["alice"].clone();
    fake.json(&path, json!([]))
        .json(&path, json!([listed(&game(1)), broken]))
        .json(&path, json!([alone]))
        .json(&path, json!({}))
        .on(&path, Reply::Status(404, String::new()));
    for opponent in [1, 2] {
        fake.json(&clock_of(&hash, &game(opponent).stakers), game(opponent).clock.to_json(IdFamily::Alpha));
    }
    let client = fake.client();
    let ask = || client.games_of(block, ROLLUP, staker(0), SNAPSHOT);
    assert_eq!(ask().await, Ok(vec![]));
    for expected in ["[1].game.turn", "[0]", "an array"] {
        let error = ask().await.unwrap_err();
        assert!(matches!(error, L1Error::BadJson { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert!(matches!(ask().await, Err(L1Error::NotFound { .. })));
}

#[tokio::test]
async fn conflicts_are_about_two_commitments_on_one() {
    let fake = Fake::start().await;
    let conflict = Conflict {
        other: staker(1),
        their_commitment: commitment(1),
        our_commitment: commitment(0),
        parent_commitment: parent().hash(),
    };
    let mut told = conflict.to_json(IdFamily::Mainnet);
    told["since"] = 5.into();
    let path = question("head", &format!("/staker/{}/conflicts", staker(0)));
    fake.json(&path, json!([told]));
    let client = fake.client();
    assert_eq!(client.conflicts_of(BlockId::HEAD, ROLLUP, staker(0)).await, Ok(vec![conflict]));
}

#[tokio::test]
async fn the_result_of_a_timeout_is_told_once_it_is_reached() {
    let fake = Fake::start().await;
    let stakers = game(1).stakers;
    let path = format!("{}_reached", clock_of("head", &stakers));
    let loser = staker(0);
    fake.json(&path, Value::Null)
        .json(&path, json!({ "kind": "loser", "reason": "timeout", "player": loser.to_string() }))
        .json(&path, json!({ "kind": "draw" }));
    let client = fake.client();
    for expected in
        [None, Some(GameResult::Loser { reason: LossReason::Timeout, loser }), Some(GameResult::Draw)]
    {
        assert_eq!(client.timeout_reached(BlockId::HEAD, ROLLUP, stakers).await, Ok(expected));
    }
}

/// The network's nodes give errors about those who do not stake.
#[tokio::test]
async fn who_does_not_stake_is_nobody() {
    let fake = Fake::start().await;
    let error = |id: &str| {
        let error = json!([{ "kind": "temporary", "id": format!("proto.024-PtTALLiN.{id}") }]);
        Reply::Status(500, error.to_string())
    };
    let commitment = CommitmentHash([1; 32]);
    let shown = commitment.in_family(IdFamily::Alpha);
    let staked = question("head", &format!("/staker/{}/staked_on_commitment", staker(0)));
    let index = question("head", &format!("/staker/{}/index", staker(0)));
    let indexes = question("head", &format!("/commitment/{shown}/stakers_indexes"));
    let kind = question("head", "/kind");
    fake.on(&staked, error("smart_rollup_not_staked"))
        .on(&staked, error("smart_rollup_does_not_exist"))
        .on(&index, error("context.storage_error"))
        .json(&index, json!("7"))
        .on(&indexes, error("context.storage_error"))
        .json(&indexes, json!(["7", "11"]))
        .on(&kind, error("smart_rollup_does_not_exist"))
        .on(&kind, Reply::Status(404, String::new()));
    let client = fake.client();
    assert_eq!(client.staked_on_commitment(BlockId::HEAD, ROLLUP, staker(0)).await, Ok(None));
    assert!(client.staked_on_commitment(BlockId::HEAD, ROLLUP, staker(0)).await.is_err());
    for expected in [None, Some(7)] {
        assert_eq!(client.staker_index(BlockId::HEAD, ROLLUP, staker(0)).await, Ok(expected));
    }
    for expected in [vec![], vec![7, 11]] {
        assert_eq!(client.stakers_indexes(BlockId::HEAD, ROLLUP, commitment).await, Ok(expected));
    }
    for _ in 0..2 {
        assert_eq!(client.rollup_kind(BlockId::HEAD, ROLLUP).await, Ok(None));
    }
}
