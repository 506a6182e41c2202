//! `soru demo dispute`: the demo of a lie that is found, disputed, proved wrong and paid for.

use crate::support::{Rpc, files_below, finish, soru};
use serde_json::Value;
use std::collections::BTreeSet;
use tempfile::TempDir;

fn dispute(more: &[&str]) -> assert_cmd::Command {
    let mut command = soru();
    command.args(["demo", "dispute"]).args(more);
    command
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("no number: {value}"))
}

const BOND: u64 = 10_000_000_000;

#[test]
fn a_liar_loses_its_bond_to_an_honest_operator() {
    let dir = TempDir::new().unwrap();
    let mut command =
        dispute(&["--json", "--block-time", "0.25", "--commitment-period", "4", "--challenge-window", "12"]);
    command.args(["--timeout-period", "100", "--timeout", "80"]).env("TMPDIR", dir.path());
    let finished = finish(command);
    let story = finished.err.clone();
    let out = finished.done();
    assert_eq!(out.lines().count(), 1, "{out}");
    let report: Value = serde_json::from_str(&out).unwrap();

    assert_eq!(report["winner"], "honest", "{report}");
    assert_eq!(report["honest_stake_lost"], 0, "{report}");
    let games = report["games"].as_array().unwrap();
    assert_eq!(games.len(), 1, "{report}");
    let game = &games[0];
    assert_eq!((&game["outcome"], &game["reason"]), (&"won".into(), &"conflict_resolved".into()), "{game}");
    assert_eq!(game["adversary"], "eval");
    // Four runs of 11,000,000,000 ticks each, and the period begins with the machine still to be fed.
    let ticks = number(&game["ticks_disputed"]);
    assert!(ticks >= 4 * 11_000_000_000, "{game}");
    assert_eq!(number(&game["stop_tick"]) - number(&game["start_tick"]), 1, "{game}");
    let size = number(&game["proof_size"]);
    assert!(size > 500 && size < 30_000, "{game}");
    assert_eq!(size, number(&report["largest_proof"]));
    assert!(game["seconds"].as_f64().unwrap() > 0.0, "{game}");
    let history = game["history"].as_array().unwrap();
    assert_eq!(number(&game["moves"]), history.len() as u64);
    assert_eq!(
        (&history[0]["kind"], &history[history.len() - 1]["kind"]),
        (&"start".into(), &"proof".into())
    );
    let spans: Vec<u64> =
        history.iter().map(|one| number(&one["stop_tick"]) - number(&one["start_tick"])).collect();
    assert!(spans.windows(2).all(|pair| pair[1] <= pair[0]), "what is in dispute narrows: {spans:?}");
    let levels: Vec<u64> = history.iter().map(|one| number(&one["level"])).collect();
    assert!(levels.is_sorted(), "{levels:?}");
    // Who opens the game also makes the first move of it.
    assert_eq!(history[0]["by"], history[1]["by"]);
    for pair in history[1..].windows(2) {
        assert_ne!(pair[0]["by"], pair[1]["by"], "they take turns");
    }

    let disputed = report["commitments"].as_array().unwrap();
    assert!(!disputed.is_empty());
    for level in disputed {
        assert_eq!(level["cemented"], level["honest"], "{report}");
        assert!(!level["lies"].as_array().unwrap().contains(&level["honest"]), "{report}");
    }
    let purse = |who: &str, when: &str| {
        let purse = &report["balances"][who][when];
        (number(&purse["spendable"]), number(&purse["bonds"]))
    };
    let (liar_before, liar_after) = (purse("adversary-1", "before"), purse("adversary-1", "after"));
    assert_eq!((liar_before.1, liar_after.1), (0, 0));
    assert!(liar_after.0 <= liar_before.0 - BOND, "{report}");
    let (operator_before, operator_after) = (purse("operator", "before"), purse("operator", "after"));
    assert_eq!(operator_after.1, BOND);
    // Half of the liar's bond, less fees.
    let gain = (operator_after.0 + operator_after.1) - (operator_before.0 + operator_before.1);
    assert!(gain > BOND / 2 - 10_000_000 && gain <= BOND / 2, "{report}");

    assert_eq!(files_below(dir.path()), BTreeSet::new());
    let urls: Vec<&str> = story.split_whitespace().filter(|word| word.starts_with("http://")).collect();
    assert_eq!(urls.len(), 3, "{story}");
    for url in urls {
        assert!(Rpc { url: url.to_owned() }.find("/version").is_none(), "{url} still answers");
    }
}

#[test]
fn it_loses_on_every_engine() {
    for engine in ["tick-exact", "reference"] {
        let dir = TempDir::new().unwrap();
        let mut command = dispute(&["--json", "--engine", engine, "--block-time", "0.25"]);
        command.args(["--commitment-period", "4", "--challenge-window", "12"]);
        command.args(["--timeout-period", "100", "--timeout", "80"]).env("TMPDIR", dir.path());
        let report: Value = serde_json::from_str(&finish(command).done()).unwrap();
        assert_eq!(
            (&report["winner"], &report["honest_stake_lost"]),
            (&"honest".into(), &0.into()),
            "{engine}"
        );
        let game = &report["games"][0];
        assert_eq!(game["reason"], "conflict_resolved", "{engine}: {game}");
        assert_eq!(number(&game["stop_tick"]) - number(&game["start_tick"]), 1, "{engine}: {game}");
    }
}

#[test]
fn the_adversaries_are_listed() {
    let listed = finish(dispute(&["--list-adversaries", "--json"])).done();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let listed = listed.as_array().unwrap();
    let names: BTreeSet<&str> = listed.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), listed.len(), "each name once");
    assert!(listed.iter().all(|one| one.as_object().unwrap().len() == 2 && one["lies"].is_string()));

    let text = finish(dispute(&["--list-adversaries"])).done();
    assert_eq!(text.lines().count(), listed.len());
    for (line, one) in text.lines().zip(listed) {
        let (name, lies) = line.split_once(' ').unwrap();
        assert_eq!((name, lies.trim()), (one["name"].as_str().unwrap(), one["lies"].as_str().unwrap()));
    }

    let error = finish(dispute(&["--adversary", "fnial-hash"])).failed(2);
    assert!(error.contains("there is no adversary `fnial-hash`; there are final-hash,"), "{error}");
}

#[test]
fn a_dispute_that_takes_too_long_has_no_winner() {
    let dir = TempDir::new().unwrap();
    let mut command = dispute(&["--json", "--timeout", "1", "--block-time", "0.25"]);
    command.args(["--adversary", "lazy"]).env("TMPDIR", dir.path());
    let finished = finish(command);
    assert_eq!(finished.code, 1, "{}", finished.err);
    assert!(finished.err.contains("error: not finished after 1 seconds (--timeout)"), "{}", finished.err);
    let report: Value = serde_json::from_str(&finished.out).unwrap();
    assert_eq!((&report["winner"], &report["honest_stake_lost"]), (&"none".into(), &0.into()));
    assert_eq!(files_below(dir.path()), BTreeSet::new());
}
