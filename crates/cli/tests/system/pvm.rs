//! `soru pvm`: kernels without any chain.

use crate::support::{Finished, Layer1, RollupNode, Settings, finish, repository, soru};
use serde_json::{Value, json};
use soru_base::StateHash;
use std::path::Path;

const COMPILERS: [&str; 2] = ["cranelift", "singlepass"];

#[test]
fn every_run_of_the_vectors_is_repeated() {
    let folder = repository("testdata/vectors/levels");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names.len(), 29, "{names:?}");
    let compilers = COMPILERS.map(|compiler| ["--wasm-compiler", compiler]);
    for engine in compilers.into_iter().chain([["--engine", "tick-exact"]]) {
        for name in &names {
            let mut command = soru();
            command.args(["pvm", "replay", "--check"]).args(engine);
            command.arg(folder.join(format!("{name}.jsonl")));
            let done = finish(command).done();
            assert!(done.contains("levels as expected"), "{engine:?}: {name}: {done}");
        }
    }
}

/// The machine itself needs long for some of the others.
#[test]
fn the_machine_repeats_runs_tick_by_tick() {
    for name in ["counter", "echo", "reboot", "reveal"] {
        let mut command = soru();
        command.args(["pvm", "replay", "--check", "--engine", "reference"]);
        command.arg(repository(&format!("testdata/vectors/levels/{name}.jsonl")));
        let done = finish(command).done();
        assert!(done.contains("levels as expected"), "{name}: {done}");
    }
}

#[test]
fn every_engine_counts_the_same_ticks() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = dir.path().join("inputs.json");
    std::fs::write(&inputs, r#"[ [ { "external": "6869" } ], [] ]"#).unwrap();
    let kernel = repository("testdata/vectors/kernels/counter.wasm");
    let counted = |more: &[&str]| run(&kernel, &inputs, &[more, &["--ticks", "--json"]].concat()).done();
    let first = counted(&[]);
    assert!(first.contains(r#""runs":[{"ticks":2757,"end":"returned"}]"#), "{first}");
    for more in [["--wasm-compiler", "singlepass"], ["--engine", "tick-exact"], ["--engine", "reference"]] {
        assert_eq!(counted(&more), first, "{more:?}");
    }
    let error = run(&kernel, &inputs, &["--engine", "fast"]).failed(2);
    assert!(error.contains("expected compiled, tick-exact or reference"), "{error}");
}

#[test]
fn a_replay_prints_the_lines_of_its_file() {
    let file = repository("testdata/vectors/levels/echo.jsonl");
    let mut command = soru();
    command.args(["pvm", "replay"]).arg(&file);
    let read =
        |text: &str| -> Vec<Value> { text.lines().map(|line| serde_json::from_str(line).unwrap()).collect() };
    assert_eq!(read(&finish(command).done()), read(&std::fs::read_to_string(&file).unwrap()));
}

#[test]
fn a_replay_names_the_first_difference() {
    let dir = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(repository("testdata/vectors/levels/counter.jsonl")).unwrap();
    let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines[2]["hash"] = json!("00".repeat(32));
    let changed = dir.path().join("changed.jsonl");
    std::fs::write(&changed, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let mut command = soru();
    command.args(["pvm", "replay", "--check"]).arg(&changed);
    command.arg("--kernel").arg(repository("testdata/vectors/kernels/counter.wasm"));
    let error = finish(command).failed(1);
    assert!(error.starts_with("error: line 3 (level 5000001).hash: expected \"00"), "{error}");
}

fn run(kernel: &Path, inputs: &Path, more: &[&str]) -> Finished {
    let mut command = soru();
    command.args(["pvm", "run"]).arg(kernel).arg("--inputs").arg(inputs).args(more);
    finish(command)
}

fn json_lines(kernel: &Path, inputs: &Path, more: &[&str]) -> Vec<Value> {
    let out = run(kernel, inputs, &[more, &["--json"]].concat()).done();
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_kernel_runs_on_a_file_of_inputs() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = dir.path().join("inputs.json");
    std::fs::write(&inputs, r#"[ [ { "external": "68656c6c6f" }, { "raw": "01ff" } ], [] ]"#).unwrap();
    let kernel = repository("testdata/vectors/kernels/echo.wasm");
    for (profile, info) in [("alpha", None), ("mainnet", Some(format!("0003{}", "00".repeat(40))))] {
        let lines = json_lines(&kernel, &inputs, &["--profile", profile, "--first-level", "7"]);
        let outboxes = [vec!["0001", "0168656c6c6f", "01ff", "0002"], vec!["0001", "0002"]];
        assert_eq!(lines.len(), outboxes.len());
        for (n, (line, outbox)) in lines.iter().zip(outboxes).enumerate() {
            let mut outbox: Vec<String> = outbox.into_iter().map(str::to_owned).collect();
            outbox.splice(1..1, info.clone());
            assert_eq!(line["level"], 7 + n);
            // Two snapshots a level: one after the inbox is collected, one after the run.
            assert_eq!(line["current_tick"], 22_000_000_000_u64 * (n as u64 + 1));
            assert_eq!(line["state"], "Collect");
            assert_eq!(line["outbox"], json!(outbox));
            assert_eq!(line["hash"].as_str().unwrap().len(), 64);
            assert_eq!(line.as_object().unwrap().len(), 5);
        }
        let other = ["--profile", profile, "--first-level", "7", "--wasm-compiler", "singlepass"];
        assert_eq!(json_lines(&kernel, &inputs, &other), lines);
        // The text of the kernel is as good as its bytes.
        let text = repository("testdata/vectors/kernels/echo.wat");
        assert_eq!(json_lines(&text, &inputs, &["--profile", profile, "--first-level", "7"]).len(), 2);
    }
}

/// The machine alone and a rollup node on a layer-1 agree, if they are told the same.
#[test]
fn a_run_without_a_chain_has_the_states_of_a_node() {
    let layer1 = Layer1::start(Settings::default());
    let rollup = layer1.originate_notary();
    let origination = layer1.head();
    let mut inboxes = Vec::new();
    for texts in [&["a", "b"][..], &[], &["c"], &[], &["d", "e", "f"]] {
        if !texts.is_empty() {
            layer1.send_messages("bootstrap1", texts);
        }
        layer1.bake(1);
        inboxes.push(texts.iter().map(|text| json!({ "external": hex::encode(text) })).collect::<Vec<_>>());
    }
    let inputs = layer1.path("inputs.json");
    std::fs::write(&inputs, json!(inboxes).to_string()).unwrap();
    let mut node = RollupNode::observer(&layer1, &rollup, "observer");
    node.until_at(&layer1, origination + 5);

    let first = (origination + 1).to_string();
    let lines =
        json_lines(&layer1.path("notary.wasm"), &inputs, &["--first-level", &first, "--rollup", &rollup]);
    assert_eq!(lines.len(), 5);
    for (line, level) in lines.iter().zip(origination + 1..) {
        assert_eq!(line["level"], level);
        let state: StateHash = node.recorded(level).state.as_str().unwrap().parse().unwrap();
        assert_eq!(line["hash"], hex::encode(state.0), "level {level}");
    }
}

#[test]
fn bad_files_are_refused_with_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let kernel = repository("testdata/vectors/kernels/echo.wasm");
    let inputs = dir.path().join("inputs.json");
    for (text, cause) in [
        ("[[", "no JSON"),
        ("{}", "expected an array of inboxes, found an object"),
        ("[[], [7]]", "inbox 1, message 0: expected an object, found a number"),
        (r#"[[{"external":"xyz"}]]"#, "`external`: `xyz` is not hexadecimal"),
        (r#"[[{"outernal":""}]]"#, "unknown member `outernal`"),
    ] {
        std::fs::write(&inputs, text).unwrap();
        let error = run(&kernel, &inputs, &[]).failed(1);
        assert!(error.contains(cause), "{text}: {error}");
    }
    std::fs::write(&inputs, "[[]]").unwrap();
    let error = run(&dir.path().join("none.wasm"), &inputs, &[]).failed(1);
    assert!(error.contains("cannot read the kernel"), "{error}");
    let text = dir.path().join("kernel.wat");
    std::fs::write(&text, "(module (funk))").unwrap();
    assert!(run(&text, &inputs, &[]).failed(1).contains("is neither WebAssembly nor its text"));

    // Bytes that are no kernel leave the machine stuck for ever: a state like any other.
    let garbage = dir.path().join("garbage.wasm");
    std::fs::write(&garbage, b"not a module").unwrap();
    let line: Value = serde_json::from_str(&run(&garbage, &inputs, &["--json"]).done()).unwrap();
    assert_eq!(
        (line["state"].as_str(), line["current_tick"].as_u64()),
        (Some("Stuck"), Some(11_000_000_003))
    );
    assert_eq!(line["error"]["explanation"], "magic header not detected");
    let mut command = soru();
    command.args(["pvm", "replay"]).arg(&inputs);
    assert!(finish(command).failed(1).contains("inputs.json"));
}
