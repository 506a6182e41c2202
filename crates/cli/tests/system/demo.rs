//! `soru demo`: the main job, from nothing to an executed outbox message.

use crate::support::{Rpc, files_below, finish, soru, until};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use tempfile::TempDir;

fn demo(temporary: &Path, more: &[&str]) -> assert_cmd::Command {
    let mut command = soru();
    command.env("TMPDIR", temporary).args(["demo", "--json"]);
    command.args(["--block-time", "0.3", "--commitment-period", "4", "--challenge-window", "4"]).args(more);
    command
}

fn keys(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap_or_else(|| panic!("no object: {object}")).keys().map(String::as_str).collect()
}

/// The report has the members that are documented, and no others, and all of them say that it went well.
fn check(report: &Value, prefixes: [&str; 3]) {
    let [address, state, commitment] = prefixes;
    let starts = |value: &Value, prefix: &str| value.as_str().is_some_and(|text| text.starts_with(prefix));
    assert_eq!(keys(report), BTreeSet::from(["ok", "rollup", "levels", "commitments", "outbox"]));
    assert_eq!(report["ok"], true);
    assert!(starts(&report["rollup"], address), "{report}");

    let levels = report["levels"].as_array().unwrap();
    assert!(levels.len() >= 20, "only {} levels", levels.len());
    for pair in levels.windows(2) {
        assert_eq!(pair[0]["level"].as_u64().unwrap() + 1, pair[1]["level"].as_u64().unwrap());
    }
    for level in levels {
        assert_eq!(keys(level), BTreeSet::from(["level", "operator", "observer"]));
        assert!(starts(&level["operator"], state), "{level}");
        assert_eq!(level["operator"], level["observer"]);
    }
    let states: BTreeSet<&str> = levels.iter().filter_map(|l| l["operator"].as_str()).collect();
    assert_eq!(states.len(), levels.len(), "the machine moves at every level");

    let commitments = report["commitments"].as_array().unwrap();
    for one in commitments {
        assert_eq!(keys(one), BTreeSet::from(["hash", "inbox_level", "cemented"]));
        assert!(starts(&one["hash"], commitment), "{one}");
    }
    for pair in commitments.windows(2) {
        assert_eq!(pair[0]["inbox_level"].as_u64().unwrap() + 4, pair[1]["inbox_level"].as_u64().unwrap());
    }
    let last_cemented = commitments.iter().rfind(|c| c["cemented"] == true).expect("a cemented commitment");

    let outbox = &report["outbox"];
    assert_eq!(keys(outbox), BTreeSet::from(["level", "index", "block", "storage_before", "storage_after"]));
    assert!(outbox["level"].as_u64() <= last_cemented["inbox_level"].as_u64());
    assert_eq!(outbox["index"], 0);
    assert!(starts(&outbox["block"], "B"), "{outbox}");
    // "Soru was here", and that it was certified after six external messages.
    assert!(outbox["storage_before"].as_str().unwrap().ends_with(" 0x"), "{outbox}");
    assert!(
        outbox["storage_after"].as_str().unwrap().ends_with("0x536f72752077617320686572650000000000000006"),
        "{outbox}"
    );
}

fn run(more: &[&str], prefixes: [&str; 3]) {
    let dir = TempDir::new().unwrap();
    let finished = finish(demo(dir.path(), more));
    let story = finished.err.clone();
    let report = serde_json::from_str(&finished.done()).unwrap();
    check(&report, prefixes);
    assert_eq!(files_below(dir.path()), BTreeSet::new());
    // Every address of the story belonged to a process that is gone.
    let urls: Vec<&str> = story.split_whitespace().filter(|word| word.starts_with("http://")).collect();
    assert_eq!(urls.len(), 3, "{story}");
    for url in urls {
        assert!(Rpc { url: url.to_owned() }.find("/version").is_none(), "{url} still answers");
    }
}

#[test]
fn a_rollup_lives_from_origination_to_an_executed_outbox_message() {
    run(&[], ["scr1", "scs1", "scc1"]);
}

#[test]
fn it_lives_on_todays_network_and_with_the_other_compiler() {
    run(&["--profile", "mainnet", "--wasm-compiler", "singlepass"], ["sr1", "srs1", "src1"]);
}

#[test]
fn it_lives_on_every_engine() {
    for engine in ["tick-exact", "reference"] {
        let dir = TempDir::new().unwrap();
        let report = finish(demo(dir.path(), &["--engine", engine, "--levels", "1"])).done();
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report["ok"], true, "{engine}: {report}");
        let levels = report["levels"].as_array().unwrap();
        assert!(levels.iter().all(|level| level["operator"] == level["observer"]), "{engine}: {report}");
    }
}

#[test]
fn it_goes_on_until_it_is_stopped_if_asked_to() {
    let dir = TempDir::new().unwrap();
    let finished = finish(demo(dir.path(), &["--keep-running", "--levels", "1"]));
    let left: Vec<_> = files_below(dir.path()).into_iter().collect();
    let stop = StopAtEnd(left.iter().map(|name| dir.path().join(name)).collect());
    let story = finished.err.clone();
    finished.done();
    assert_eq!(left.len(), 1, "one folder: {left:?}");

    let node =
        story.lines().rev().find_map(|line| line.trim().strip_prefix("operator node")).expect("an address");
    let node = Rpc { url: node.trim().to_owned() };
    let level = node.get("/global/tezos_level").as_u64();
    until("the operator's node goes on", || (node.get("/global/tezos_level").as_u64() > level).then_some(()));

    let mut command = soru();
    command.args(["demo", "--stop"]).arg(&stop.0[0]);
    finish(command).done();
    assert!(node.find("/global/tezos_level").is_none());
    assert_eq!(files_below(dir.path()), BTreeSet::new());

    let mut command = soru();
    command.args(["demo", "--stop"]).arg(&stop.0[0]);
    assert!(finish(command).failed(1).contains("is no folder of a demo"));
}

/// Whatever the test finds, nothing goes on after it.
struct StopAtEnd(Vec<std::path::PathBuf>);

impl Drop for StopAtEnd {
    fn drop(&mut self) {
        for dir in self.0.iter().filter(|dir| dir.is_dir()) {
            let mut command = soru();
            let _ = command.args(["demo", "--stop"]).arg(dir).output();
        }
    }
}

#[test]
fn a_demo_that_takes_too_long_fails_and_leaves_nothing() {
    let dir = TempDir::new().unwrap();
    let error = finish(demo(dir.path(), &["--timeout", "1"])).failed(1);
    assert!(error.contains("not finished after 1 seconds (--timeout)"), "{error}");
    assert_eq!(files_below(dir.path()), BTreeSet::new());
}
