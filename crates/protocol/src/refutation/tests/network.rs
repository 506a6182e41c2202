use super::world::{chunk, claim, open, players, rules, state};
use crate::refutation::{DissectionChunk, Game, GameState};
use serde_json::{Value, json};
use soru_base::{IdFamily, Tick, TickSpan};

fn game() -> Game {
    open(players(), &claim(state(0, 64), 64), &claim(state(1, 64), 64), rules(11_000)).unwrap()
}

fn reads_back(game: &Game) {
    for family in [IdFamily::Alpha, IdFamily::Mainnet] {
        let json = game.to_network_json(family);
        let snapshot = game.rules.ticks_per_snapshot();
        let read = Game::from_network_json(&json, game.stakers, game.clock, snapshot, family);
        assert_eq!(read.as_ref(), Ok(game));
    }
}

#[test]
fn a_game_is_told_as_on_the_network_and_reads_back() {
    let mut game = game();
    let json = game.to_network_json(IdFamily::Mainnet);
    let names: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
    let expected = ["turn", "inbox_snapshot", "dal_snapshot", "start_level", "inbox_level", "game_state"];
    assert_eq!(names, expected);
    assert_eq!(json["turn"], game.turn.name());
    assert_eq!(json["game_state"]["kind"], "Dissecting");
    assert_eq!(json["game_state"]["default_number_of_sections"], 32);
    assert_eq!(json["game_state"]["dissection"][2], json!({ "tick": "65" }));
    reads_back(&game);

    game.state = GameState::FinalMove {
        agreed_start_chunk: chunk(Some(state(0, 3)), 3),
        refuted_stop_chunk: DissectionChunk { state_hash: None, tick: Tick(4) },
    };
    let json = game.to_network_json(IdFamily::Mainnet);
    assert_eq!(json["game_state"]["refuted_stop_chunk"], json!({ "tick": "4" }));
    reads_back(&game);
}

#[test]
fn what_is_no_game_is_named() {
    let game = game();
    let json = game.to_network_json(IdFamily::Alpha);
    let wrong = |path: &str, value: Value| {
        let mut json = json.clone();
        *json.pointer_mut(path).unwrap() = value;
        let snapshot = TickSpan(1);
        Game::from_network_json(&json, game.stakers, game.clock, snapshot, IdFamily::Alpha)
            .unwrap_err()
            .to_string()
    };
    assert!(wrong("/turn", "carol".into()).contains("turn"));
    assert!(wrong("/game_state/kind", "Draw".into()).contains("game_state.kind"));
    assert!(wrong("/game_state/default_number_of_sections", 256.into()).contains("below 256"));
    assert!(wrong("/game_state/default_number_of_sections", 3.into()).contains("four sections"));
    assert!(wrong("/game_state/dissection/1/tick", "-1".into()).contains("dissection"));
    assert!(wrong("/inbox_level", (-1).into()).contains("inbox_level"));
}
