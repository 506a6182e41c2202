//! `soru pvm` tick by tick: states, proofs, recorded runs.

use crate::support::{Finished, finish, repository, soru};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn pvm(arguments: &[&str]) -> Finished {
    let mut command = soru();
    command.arg("pvm").args(arguments);
    finish(command)
}

fn vectors(path: &str) -> String {
    repository("testdata/vectors").join(path).display().to_string()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn recorded(path: &str) -> Vec<Value> {
    lines(&std::fs::read_to_string(vectors(path)).unwrap())
}

/// A kernel that is refused while it is decoded, and how its recorded run was made.
struct Refused {
    dir: tempfile::TempDir,
    kernel: String,
}

const REFUSED: &str = "expected/invalid/inv_else.jsonl";

impl Refused {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("inputs.json"), "[ [], [] ]").unwrap();
        Self { dir, kernel: vectors("kernels/invalid/inv_else.wasm") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn call(&self, command: &str, more: &[&str]) -> Finished {
        let inputs = self.path("inputs.json").display().to_string();
        let made = [
            "--inputs",
            &inputs,
            "--profile",
            "mainnet",
            "--ticks-per-snapshot",
            "97",
            "--outbox-validity",
            "80640",
        ];
        pvm(&[&[command, &self.kernel], &made[..], more].concat())
    }
}

#[test]
fn a_trace_has_the_lines_of_the_vectors() {
    let refused = Refused::new();
    let recorded = recorded(REFUSED);
    let states = &recorded[1..recorded.len() - 1];
    // Every line of the changes is one of the recorded ones, where that tick was recorded; the ends are there.
    let changes = lines(&refused.call("trace", &[]).done());
    assert_eq!(changes.first(), states.first());
    assert_eq!(changes.last(), states.last());
    assert!(changes.len() > 10 && changes.len() < 30, "{}", changes.len());
    for line in &changes {
        let same = states.iter().find(|state| state["tick"] == line["tick"] && state["at"] == line["at"]);
        assert!(same.is_none_or(|state| state == line), "{line}");
    }
    // Chosen ticks, with the sizes of proofs where they were measured.
    let ticks: Vec<String> = states[1..].iter().map(|state| state["tick"].to_string()).collect();
    let chosen = lines(&refused.call("trace", &["--ticks", &ticks.join(","), "--proofs"]).done());
    assert_eq!(chosen.len(), states.len() - 1);
    for (line, state) in chosen.iter().zip(&states[1..]) {
        let mut line = line.clone();
        assert!(line["proof_size"].is_u64());
        if state.get("proof_size").is_none() {
            line.as_object_mut().unwrap().remove("proof_size");
        }
        assert_eq!(&line, state);
    }
    let ticks = |more: &[&str]| -> Vec<u64> {
        let lines = lines(&refused.call("trace", more).done());
        lines.iter().map(|line| line["tick"].as_u64().unwrap()).collect()
    };
    assert_eq!(ticks(&["--from", "95", "--to", "99"]), [95, 96, 97, 98, 99]);
    assert_eq!(ticks(&["--every", "60"]), [0, 60, 120]);
    assert_eq!(ticks(&["--every", "10", "--from", "93", "--to", "120"]), [93, 103, 113]);
    assert_eq!(ticks(&["--from", "150"])[..2], [150, 169]);
}

#[test]
fn a_tick_is_proved_and_its_proof_checked() {
    let refused = Refused::new();
    let file = refused.path("proof").display().to_string();
    let recorded = recorded(REFUSED);
    let hash_at = |tick: u64| {
        let line = recorded.iter().find(|line| line["tick"] == tick && line["end"].is_null());
        line.unwrap()["hash"].clone()
    };
    // A tick that computes, and one that takes a message.
    for (tick, input) in [(96, Value::Null), (2, json!({ "level": 0, "index": 2, "message": "0002" }))] {
        let made = refused.call("prove", &["--tick", &tick.to_string(), "--out", &file, "--json"]).done();
        let checked = pvm(&["verify", &file, "--json"]).done();
        assert_eq!(made, checked);
        let facts = &lines(&checked)[0];
        assert_eq!((&facts["before"], &facts["after"]), (&hash_at(tick), &hash_at(tick + 1)));
        assert_eq!(facts["input"], input);
        let said = pvm(&["verify", &file]).done();
        assert!(said.contains(&format!("start hash      {}", facts["before"].as_str().unwrap())), "{said}");
        let shown = pvm(&["proof", "show", &file]).done();
        assert!(shown.contains("\n/wasm/current_tick = ") && shown.contains(" blinded "), "{shown}");
        let parts = &lines(&pvm(&["proof", "show", &file, "--json"]).done())[0]["parts"];
        assert_eq!(parts[0], json!({ "path": "/", "entries": 5 }));
        // Any other byte, and it proves nothing.
        let mut bytes = std::fs::read(&file).unwrap();
        for at in [1, 10, 50, 300, bytes.len() - 1] {
            bytes[at] ^= 0x40;
            std::fs::write(refused.path("changed"), &bytes).unwrap();
            pvm(&["verify", &refused.path("changed").display().to_string()]).failed(1);
            bytes[at] ^= 0x40;
        }
    }
    let error = refused.call("prove", &["--tick", "173", "--out", &file]).failed(1);
    assert!(error.contains("no proof of tick 173: the machine needs a message, and none is left"), "{error}");
}

#[test]
fn recorded_proofs_are_checked_as_they_are() {
    let recorded = recorded("proofs/reveal.jsonl");
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let (first, text) = (&recorded[1], recorded[1]["proof"].as_str().unwrap());
    std::fs::write(path("bytes"), hex::decode(text).unwrap()).unwrap();
    std::fs::write(path("hex"), text).unwrap();
    std::fs::write(path("json"), first.to_string()).unwrap();
    for (file, more) in
        [("bytes", &["--message", "0:0:0001"][..]), ("hex", &["--message", "0:0:0001"]), ("json", &[])]
    {
        let out = pvm(&[&["verify", "--json", &path(file)], more].concat()).done();
        let facts = &lines(&out)[0];
        for name in ["tick", "state", "status", "before", "after", "proof_size", "input"] {
            assert_eq!(facts[name], first[name], "{file}: {name}");
        }
    }
    for (arguments, cause) in [
        (vec!["verify", &path("hex")], "the machine needs a message, it is given nothing"),
        (vec!["verify", &path("hex"), "--message", "0:0:0002"], "but the step leads to"),
        (vec!["verify", &path("none")], "cannot read the proof"),
        (vec!["verify", &vectors("kernels/noop.wasm")], "is no proof: at byte 3"),
        (vec!["proof", "show", &vectors("README.md")], "reading the tag of a proof: 0x23"),
    ] {
        let error = pvm(&arguments).failed(1);
        assert!(error.contains(cause), "{arguments:?}: {error}");
    }
    assert!(pvm(&["verify", &path("hex"), "--message", "0"]).failed(2).contains("LEVEL:INDEX:HEX"));
}

#[test]
fn a_recorded_run_is_repeated_tick_by_tick() {
    let file = vectors(REFUSED);
    let recorded = recorded(REFUSED);
    assert_eq!(lines(&pvm(&["replay", &file]).done()), recorded);
    let checked = pvm(&["replay", "--check", &file]).done();
    assert!(checked.contains(&format!("{} states as expected", recorded.len() - 1)), "{checked}");
    assert!(pvm(&["replay", "--check", &vectors("expected/opcodes.jsonl")]).done().contains("576 kernels"));

    let dir = tempfile::tempdir().unwrap();
    let changed = dir.path().join("changed.jsonl");
    let replay = |lines: &[Value], check: bool| {
        std::fs::write(&changed, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        let mut command = soru();
        command.args(["pvm", "replay"]).arg(&changed).arg("--kernel");
        command.arg(vectors("kernels/invalid/inv_else.wasm"));
        if check {
            command.arg("--check");
        }
        finish(command)
    };
    // Only ticks, and where proofs are measured.
    let mut bare = recorded.clone();
    for line in &mut bare[1..recorded.len() - 1] {
        line.as_object_mut().unwrap().retain(|name, _| name == "tick" || name == "proof_size");
    }
    assert_eq!(lines(&replay(&bare, false).done()), recorded);
    replay(&bare, true).done();
    let mut wrong = recorded.clone();
    wrong[9]["hash"] = json!("00".repeat(32));
    let error = replay(&wrong, true).failed(1);
    assert!(
        error.contains(&format!("error: line 10 (tick {}).hash: expected \"00", wrong[9]["tick"])),
        "{error}"
    );
    wrong[9]["tick"] = json!(1);
    assert!(replay(&wrong, false).failed(1).contains("line 10 of the run: tick 1 comes after tick"));
    wrong[9] = json!([]);
    assert!(replay(&wrong, false).failed(1).contains("line 10 of the run: expected an object, found []"));
}

#[test]
fn what_is_wrong_is_named() {
    let refused = Refused::new();
    let none = refused.path("none").display().to_string();
    for (more, code, cause) in [
        (&["--ticks", "5,900"][..], 1, "tick 900 is not reached: the run ends at tick 173"),
        (&["--from", "900"], 1, "tick 900 is not reached"),
        (&["--from", "9", "--to", "3"], 2, "--from 9 --to 3"),
        (&["--ticks", "9", "--to", "3"], 2, "--ticks 9 --to 3"),
        (&["--ticks", "x"], 2, "--ticks"),
        (&["--every", "0"], 2, "--every"),
        (&["--rollup", "sr1nonsense"], 2, "--rollup"),
        (&["--pvm-version", "2.0.0-r9"], 2, "is no version of the machine"),
        (&["--first-level", "2147483647"], 1, "levels end at 2^31 − 1"),
    ] {
        let error = refused.call("trace", more).failed(code);
        assert!(error.contains(cause), "{more:?}: {error}");
    }
    let trace =
        |kernel: &Path, inputs: &str| pvm(&["trace", &kernel.display().to_string(), "--inputs", inputs]);
    let kernel = Path::new(&refused.kernel);
    assert!(trace(kernel, &none).failed(1).contains("cannot read the inputs"));
    assert!(trace(Path::new(&none), &none).failed(1).contains("cannot read the"));
    let text = refused.path("text.wat");
    std::fs::write(&text, "(module (funk))").unwrap();
    let inputs = refused.path("inputs.json").display().to_string();
    assert!(trace(&text, &inputs).failed(1).contains("is neither WebAssembly nor its text"));
    std::fs::write(refused.path("inputs.json"), "[ [\n{ \"external\": 00 } ] ]").unwrap();
    let error = trace(kernel, &inputs).failed(1);
    assert!(error.contains("line 2 column"), "{error}");
}
