//! States that need no engine: installed kernels, taken messages, padding, stuck machines, whole trees.

use crate::repeat::Repeated;
use crate::{names, recorded, run_file, vectors};
use serde_json::Value;
use soru_base::bin::Binary;
use soru_base::level::Level;
use soru_merkle::proof::{self, Proof};
use soru_merkle::{Tree, TreeError};
use soru_pvm::Machine;
use soru_pvm::state::{InputPlace, StateError};

#[test]
fn every_recorded_run_up_to_its_first_snapshot() {
    let files = recorded();
    assert_eq!(files.len(), 34 + 114);
    let mut checked = 0;
    for file in files {
        let run = run_file(&file);
        let mut repeated = Repeated::boot(&run);
        repeated.first_level();
        assert!(repeated.checked >= 6, "{file}: {}", repeated.checked);
        checked += repeated.checked;
    }
    println!("{checked} states");
}

/// Kernels that never get to run: given the tick at which they are refused, everything that follows.
#[test]
fn refused_kernels_and_what_stuck_machines_take() {
    let (mut files, mut checked) = (0, 0);
    for file in recorded().iter().filter(|file| file.contains("/invalid/")) {
        let run = run_file(file);
        let Some(seen) = run.lines.iter().find(|line| line["state"] == "Stuck") else { continue };
        // In these a host function, a start function or the lack of ticks stops a machine that has changed otherwise.
        let kind = seen["error"]["kind"].as_str().unwrap();
        if kind == "Too_many_ticks" || kind == "Unknown_error" {
            continue;
        }
        let mut repeated = Repeated::boot(&run);
        repeated.first_level();
        repeated.get_stuck(seen);
        let before = repeated.checked;
        repeated.check();
        if repeated.machine.stuck_error().unwrap().is_recoverable() {
            repeated.advance();
        }
        repeated.inputs(1);
        assert!(repeated.checked - before >= 4, "{file}");
        assert_eq!(repeated.tree.hash().unwrap().to_hex(), run.lines.last().unwrap()["end"]["hash"]);
        checked += repeated.checked - before;
        files += 1;
    }
    println!("{files} files, {checked} states");
    assert!(files > 80, "{files}");
}

#[test]
fn whole_trees_come_out_as_they_went_in() {
    let mut count = 0;
    for name in names("dumps", ".txt") {
        let text = std::fs::read_to_string(vectors().join(format!("dumps/{name}.txt"))).unwrap();
        let (header, leaves) = text.split_once('\n').unwrap();
        let mut tree = Tree::empty();
        for line in leaves.lines() {
            let (path, value) = line.split_once(' ').unwrap();
            let (value, zeros) = value.split_once('+').unwrap_or((value, "0"));
            let mut value = hex::decode(value).unwrap();
            value.resize(value.len() + zeros.parse::<usize>().unwrap(), 0);
            let path: Vec<_> = path.split('/').skip(1).collect();
            tree.insert(&path, value).unwrap();
        }
        let hash = tree.hash().unwrap();
        assert_eq!(hash.to_hex(), header.rsplit(' ').next().unwrap(), "{name}");
        let machine = Machine::from_tree(&tree).unwrap();
        assert!(header.contains(machine.tick_state.name()), "{header}");
        assert_eq!(machine.to_tree().unwrap().hash().unwrap(), hash, "{name}");
        count += 1;
    }
    assert_eq!(count, 12);
}

/// The recorded proofs of ticks outside of runs and at their beginnings: the machine gets along with what is in them.
#[test]
fn ticks_on_recorded_proofs() {
    let (mut inputs, mut paddings, mut beginnings, mut proofs) = (0, 0, 0, 0);
    for name in names("proofs", ".jsonl") {
        let text = std::fs::read_to_string(vectors().join(format!("proofs/{name}.jsonl"))).unwrap();
        for line in text.lines().skip(1) {
            let line: Value = serde_json::from_str(line).unwrap();
            let step: &dyn Fn(&mut Machine) -> Result<(), StateError> = match &line {
                line if line["input"].is_object() => {
                    inputs += 1;
                    &|machine| {
                        let input = &line["input"];
                        let level = Level::new(input["level"].as_u64().unwrap() as u32).unwrap();
                        let counter = input["index"].as_u64().unwrap();
                        let message = hex::decode(input["message"].as_str().unwrap()).unwrap();
                        machine.set_input(InputPlace { level, counter }, &message)
                    }
                }
                line if line["state"] == "Padding" => {
                    paddings += 1;
                    &|machine| machine.pad()
                }
                line if [
                    "Snapshot",
                    "Decode",
                    "Link",
                    "Init:IK_Start",
                    "Init:IK_Add_import",
                    "Init:IK_Type",
                ]
                .iter()
                .any(|name| line["state"].as_str().unwrap().starts_with(name)) =>
                {
                    beginnings += 1;
                    &|machine| {
                        assert_eq!(machine.step(1, &mut ())?, 1);
                        Ok(())
                    }
                }
                _ => continue,
            };
            let proof = Proof::from_bytes(&hex::decode(line["proof"].as_str().unwrap()).unwrap()).unwrap();
            if beginnings > proofs {
                // The same bytes are made again. A step asks for the version first.
                let (made, ()) =
                    proof::produce(&proof.to_tree().unwrap(), |mut tree| -> Result<_, Failure> {
                        let mut machine = Machine::from_tree(&tree)?;
                        machine.durable.version()?;
                        step(&mut machine)?;
                        machine.apply(&mut tree)?;
                        Ok((tree, ()))
                    })
                    .unwrap();
                assert_eq!(hex::encode(made.to_bytes()), line["proof"], "{name} {}", line["tick"]);
                proofs = beginnings;
            }
            assert_eq!(proof.before().to_hex(), line["before"]);
            let (end, ()) = proof::verify(&proof, |mut tree| -> Result<_, Failure> {
                let mut machine = Machine::from_tree(&tree)?;
                step(&mut machine)?;
                machine.apply(&mut tree)?;
                Ok((tree, ()))
            })
            .unwrap_or_else(|e| panic!("{name} {}: {e:?}", line["tick"]));
            assert_eq!(end.hash().unwrap().to_hex(), line["after"]);
        }
    }
    println!("{inputs} inputs, {paddings} ticks of padding, {beginnings} of the beginnings of runs");
    assert!(inputs > 0 && paddings > 0 && beginnings > 0);
}

#[derive(Debug)]
#[expect(dead_code, reason = "shown when a test fails")]
enum Failure {
    Proof(proof::ProofError),
    State(StateError),
}

impl From<proof::ProofError> for Failure {
    fn from(error: proof::ProofError) -> Self {
        Self::Proof(error)
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl From<TreeError> for Failure {
    fn from(error: TreeError) -> Self {
        Self::State(error.into())
    }
}
