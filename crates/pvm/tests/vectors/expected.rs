//! Every recorded run, repeated tick by tick: every observation, the end, and whole proofs.

use crate::{kernel_of, names, recorded, run_file, vectors};
use serde_json::{Value, json};
use soru_base::bin::Binary;
use soru_base::level::Level;
use soru_base::tick::Tick;
use soru_merkle::proof::ProofError;
use soru_pvm::replay::{Outside, RunFile, RunKind, TickReplay, Tracer, check_line};
use soru_pvm::state::InputPlace;
use soru_pvm::step_proof::{StepError, StepInput, StepProof};
use std::sync::Mutex;

/// Until the machine can make the ticks of `kernel_run`: where it cannot go on, a run counts as repeated, and proofs that
/// hold more or less than they should are only shown.
const EVALUATION_IS_MISSING: bool = false;

/// What the machine says where it cannot go on.
const NOT_KNOWN_YET: &str = "a tick that is not known yet";

/// Does the work for all items on all processors; the results are in the order of the items.
fn on_all<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = Mutex::new(0);
    let take = || {
        let mut next = next.lock().unwrap();
        *next += 1;
        (*next <= items.len()).then(|| *next - 1)
    };
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(at) = take() {
                    let result = work(&items[at]);
                    results.lock().unwrap().push((at, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap();
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

/// How far a repetition came.
struct Repetition {
    file: String,
    lines: usize,
    of: usize,
    proofs: usize,
    /// Proofs of another size.
    sizes: Vec<String>,
    /// The first other difference, or why it went no further.
    stopped: Option<String>,
}

fn repeat(file: &str) -> Repetition {
    let run = run_file(file);
    let mut reveals = run.reveals.clone();
    let outside = Outside { reveals: &mut reveals, debug: &mut (), watch: &mut |_| () };
    let mut replay = TickReplay::begin(&run, &kernel_of(&run), outside).unwrap();
    let mut repetition = Repetition {
        file: file.to_owned(),
        lines: 0,
        of: run.lines.len() - 1,
        proofs: 0,
        sizes: Vec::new(),
        stopped: None,
    };
    for (at, expected) in run.lines.iter().enumerate() {
        let mut found = match replay.next_line().unwrap() {
            Ok(found) => found,
            Err(error) => {
                repetition.stopped = Some(error.to_string());
                break;
            }
        };
        if expected["proof_size"] != found["proof_size"] {
            let (state, size) = (&expected["state"], &expected["proof_size"]);
            let size =
                format!("tick {}, {state}: expected {size}, found {}", expected["tick"], found["proof_size"]);
            repetition.sizes.push(size);
            found["proof_size"] = expected["proof_size"].clone();
        }
        // The file leaves nothing out: neither may what was found have more.
        let difference = check_line(at + 1, Some(expected), Some(&found))
            .or_else(|| check_line(at + 1, Some(&without_fault(&found)), Some(&without_fault(expected))));
        if let Some(difference) = difference {
            repetition.stopped = Some(difference.to_string());
            break;
        }
        repetition.lines = at;
        repetition.proofs += usize::from(found["proof_size"].is_u64());
    }
    repetition
}

fn without_fault(line: &Value) -> Value {
    let mut line = line.clone();
    if let Some(end) = line["end"].as_object_mut() {
        end.remove("fault");
    }
    line
}

#[test]
fn every_observation_of_every_recorded_run() {
    let files = recorded();
    assert_eq!(files.len(), 34 + 114);
    let (mut whole, mut states, mut proofs) = (0, 0, 0);
    let mut failures = Vec::new();
    for repetition in on_all(&files, |file| repeat(file)) {
        states += repetition.lines;
        if !repetition.sizes.is_empty() {
            println!(
                "{}: {} sizes of proofs: {:#?}",
                repetition.file,
                repetition.sizes.len(),
                repetition.sizes
            );
            if !EVALUATION_IS_MISSING {
                failures.push(format!("{}: {}", repetition.file, repetition.sizes[0]));
            }
        }
        proofs += repetition.proofs;
        let Some(why) = repetition.stopped else {
            whole += 1;
            continue;
        };
        println!("{}: {} of {} lines: {why}", repetition.file, repetition.lines, repetition.of);
        if !(EVALUATION_IS_MISSING && why.contains(NOT_KNOWN_YET)) {
            failures.push(format!("{}: {why}", repetition.file));
        }
    }
    println!("{whole} runs whole; {states} lines, {proofs} sizes of proofs");
    assert!(failures.is_empty(), "{failures:#?}");
    // 29,082 observations and the ends.
    if !EVALUATION_IS_MISSING {
        assert_eq!((whole, states, proofs), (files.len(), 29_082 + files.len(), 3_619));
    }
}

#[test]
fn every_opcode() {
    let run = run_file("expected/opcodes.jsonl");
    assert_eq!(run.kind(), RunKind::Kernels);
    let lines: Vec<usize> = (1..=run.lines.len()).collect();
    for (line, found) in lines.iter().zip(on_all(&lines, |line| run.replay_kernel(*line).unwrap())) {
        let expected = &run.lines[line - 1];
        let found = found.unwrap();
        assert_eq!(check_line(*line, Some(expected), Some(&found)), None);
        assert_eq!(expected["fault"].is_string(), found["fault"].is_string(), "{found}");
    }
    assert!(run.replay_kernel(lines.len() + 1).is_none());
}

/// A file may leave out all but the ticks and where proofs are measured.
#[test]
fn lines_of_little_more_than_ticks_come_out_whole() {
    let run = run_file("expected/invalid/inv_else.jsonl");
    let mut bare = run.clone();
    for line in &mut bare.lines[1..] {
        let bare = |line: &Value| {
            let mut members = serde_json::Map::new();
            for name in ["tick", "proof_size"] {
                if let Some(value) = line.get(name) {
                    members.insert(name.to_owned(), value.clone());
                }
            }
            Value::Object(members)
        };
        *line = if line["end"].is_object() { json!({ "end": bare(&line["end"]) }) } else { bare(line) };
    }
    assert_eq!(bare.kind(), RunKind::Ticks);
    let lines = |run: &RunFile| {
        let mut reveals = run.reveals.clone();
        let outside = Outside { reveals: &mut reveals, debug: &mut (), watch: &mut |_| () };
        let mut replay = TickReplay::begin(run, &kernel_of(run), outside).unwrap();
        let mut lines = Vec::new();
        while let Some(line) = replay.next_line() {
            lines.push(line.unwrap());
        }
        lines
    };
    assert_eq!(lines(&bare), run.lines);
    // Ticks out of order, and beyond the end, are errors with their line.
    for (line, tick, error) in [
        (10, 3, "line 11 of the run: tick 3 comes after tick "),
        (10, 900, "line 11 of the run: tick 900 is not reached: the run ends at tick 173"),
    ] {
        let mut wrong = bare.clone();
        wrong.lines[line] = json!({ "tick": tick });
        let mut reveals = wrong.reveals.clone();
        let outside = Outside { reveals: &mut reveals, debug: &mut (), watch: &mut |_| () };
        let mut replay = TickReplay::begin(&wrong, &kernel_of(&run), outside).unwrap();
        let found = std::iter::from_fn(|| replay.next_line()).find_map(Result::err).unwrap();
        assert!(found.to_string().starts_with(error), "{found}");
    }
}

fn whole_proofs(name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(vectors().join(format!("proofs/{name}.jsonl"))).unwrap();
    text.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn input_of(line: &Value) -> StepInput {
    if let Some(answer) = line["reveal"].as_str() {
        return StepInput::Reveal(hex::decode(answer).unwrap());
    }
    let Some(input) = line["input"].as_object() else { return StepInput::Nothing };
    let level = Level::new(u32::try_from(input["level"].as_u64().unwrap()).unwrap()).unwrap();
    StepInput::Message {
        place: InputPlace { level, counter: input["index"].as_u64().unwrap() },
        message: hex::decode(input["message"].as_str().unwrap()).unwrap(),
    }
}

fn recorded_proof(line: &Value) -> StepProof {
    let bytes = hex::decode(line["proof"].as_str().unwrap()).unwrap();
    StepProof { input: input_of(line), ..StepProof::from_bytes(&bytes).unwrap() }
}

/// Proofs made at their ticks, and how far it came.
fn prove(name: &String) -> (usize, Option<String>) {
    let run = run_file(&format!("expected/{name}.jsonl"));
    let mut reveals = run.reveals.clone();
    let outside = Outside { reveals: &mut reveals, debug: &mut (), watch: &mut |_| () };
    let mut tracer = Tracer::begin(run.setup(), &kernel_of(&run), &run.levels, outside).unwrap();
    let mut made = 0;
    for line in whole_proofs(name) {
        let tick = Tick(line["tick"].as_u64().unwrap());
        let proof = match tracer.go_to(tick).and_then(|()| tracer.proof()) {
            Ok(proof) => proof,
            Err(error) => return (made, Some(format!("{name}: {error}"))),
        };
        if EVALUATION_IS_MISSING && hex::encode(proof.proof.to_bytes()) != line["proof"] {
            println!("{name}, tick {}: other bytes", tick.0);
            continue;
        }
        assert_eq!(proof, recorded_proof(&line), "{name} {line}");
        assert_eq!(StepProof::from_bytes(&proof.to_bytes()).unwrap(), proof);
        made += 1;
    }
    (made, None)
}

#[test]
fn whole_proofs_are_made_byte_by_byte() {
    let names = names("proofs", ".jsonl");
    let mut made = 0;
    for (count, stopped) in on_all(&names, prove) {
        made += count;
        if let Some(why) = stopped {
            println!("{count} proofs: {why}");
            assert!(EVALUATION_IS_MISSING && why.contains(NOT_KNOWN_YET), "{why}");
        }
    }
    println!("{made} proofs made");
    if !EVALUATION_IS_MISSING {
        assert_eq!(made, 120);
    }
}

fn lacks_evaluation(error: &StepError) -> bool {
    let unknown = error.to_string().contains(NOT_KNOWN_YET)
        || matches!(error, StepError::WrongInput { needed: "nothing", given: "the answer to a reveal" });
    EVALUATION_IS_MISSING && unknown
}

#[test]
fn whole_proofs_are_accepted() {
    let mut accepted = 0;
    for name in names("proofs", ".jsonl") {
        for line in whole_proofs(&name) {
            let proof = recorded_proof(&line);
            let proved = match proof.verify() {
                Err(error) if lacks_evaluation(&error) => continue,
                proved => proved.unwrap_or_else(|error| panic!("{name} {}: {error}", line["tick"])),
            };
            assert_eq!(proved.start.to_hex(), line["before"]);
            assert_eq!(proved.stop.to_hex(), line["after"]);
            accepted += 1;
        }
    }
    println!("{accepted} proofs accepted");
    assert!(EVALUATION_IS_MISSING || accepted == 120);
}

/// The smallest proof of each kind of tick, with every byte changed.
#[test]
fn changed_proofs_are_refused() {
    let lines: Vec<Value> = names("proofs", ".jsonl").iter().flat_map(|name| whole_proofs(name)).collect();
    let mut smallest: Vec<&Value> = Vec::new();
    for kind in ["Collect", "Padding", "Snapshot", "Decode", "Link", "Init", "Eval", "Inv_reveal_tick"] {
        let of_kind = lines.iter().filter(|line| line["state"].as_str().unwrap().contains(kind));
        let accepted = of_kind.filter(|line| recorded_proof(line).verify().is_ok());
        smallest.extend(accepted.min_by_key(|line| line["proof_size"].as_u64()));
    }
    assert!(EVALUATION_IS_MISSING || smallest.len() == 8, "{}", smallest.len());
    let changed = on_all(&smallest, |line| {
        let good = recorded_proof(line);
        let bytes = good.proof.to_bytes();
        let mut changed = 0;
        for at in 0..bytes.len() {
            for mask in [0x01, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] ^= mask;
                let Ok(proof) = StepProof::from_bytes(&bytes) else { continue };
                // What follows the bytes of a proof is an input: here it is the input that fits.
                let proof = StepProof { proof: proof.proof, input: good.input.clone() };
                if proof.proof == good.proof {
                    continue;
                }
                proof.verify().expect_err(&format!("tick {}, byte {at} ^ {mask:02x}", line["tick"]));
                changed += 1;
            }
        }
        // Bytes that are missing.
        for len in 0..bytes.len() {
            assert!(StepProof::from_bytes(&bytes[..len]).is_err());
        }
        changed
    });
    println!("{changed:?} changed proofs");
    assert!(changed.iter().all(|count| *count > 0));
}

#[test]
fn wrong_hashes_and_inputs_are_refused() {
    let lines = whole_proofs("reveal");
    let with_message = recorded_proof(&lines[0]);
    let bytes = with_message.proof.to_bytes();
    let changed = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        StepProof { input: with_message.input.clone(), ..StepProof::from_bytes(&bytes).unwrap() }.verify()
    };
    // Tag and version take three bytes, each hash 32.
    assert!(matches!(changed(3), Err(StepError::Proof(ProofError::Before { .. }))));
    assert!(matches!(changed(35), Err(StepError::Proof(ProofError::After { .. }))));
    let given = |input| StepProof { proof: with_message.proof.clone(), input }.verify();
    let message = |level: u32, counter, message: &[u8]| StepInput::Message {
        place: InputPlace { level: Level::new(level).unwrap(), counter },
        message: message.to_vec(),
    };
    given(message(0, 0, &[0, 1])).unwrap();
    for wrong in [message(0, 0, &[0, 2]), message(0, 1, &[0, 1]), message(1, 0, &[0, 1]), message(0, 0, &[])]
    {
        let refused = given(wrong.clone());
        assert!(matches!(refused, Err(StepError::Proof(ProofError::After { .. }))), "{wrong:?}: {refused:?}");
    }
    let refused = given(StepInput::Reveal(vec![1]));
    assert!(matches!(refused, Err(StepError::WrongInput { needed: "a message", .. })));
    // A machine that waits in vain stays as it is: that is not where the proof leads.
    assert!(matches!(given(StepInput::Nothing), Err(StepError::Proof(ProofError::After { .. }))));
    let computing = lines.iter().find(|line| line["state"] == "Padding").unwrap();
    let computing = StepProof { input: message(0, 0, &[0, 1]), ..recorded_proof(computing) };
    assert!(matches!(computing.verify(), Err(StepError::WrongInput { needed: "nothing", .. })));
}

#[test]
fn a_machine_that_waits_in_vain_stays_as_it_is() {
    for (file, waiting) in
        [("reveal", "input-required"), ("reveal", "reveal-required"), ("noop", "input-required")]
    {
        let run = run_file(&format!("expected/{file}.jsonl"));
        let line = run.lines[1..].iter().find(|line| {
            line["tick"].as_u64() > Some(0) && line["status"].as_str().is_some_and(|s| s.starts_with(waiting))
        });
        let tick = Tick(line.unwrap()["tick"].as_u64().unwrap());
        let mut reveals = run.reveals.clone();
        let outside = Outside { reveals: &mut reveals, debug: &mut (), watch: &mut |_| () };
        let mut tracer = Tracer::begin(run.setup(), &kernel_of(&run), &run.levels, outside).unwrap();
        tracer.go_to(tick).unwrap();
        let last_input = tracer.machine().last_input;
        let status = tracer.machine().status();
        let tree = tracer.tree().unwrap();
        let proof = StepProof::produce(tree, StepInput::Nothing).unwrap();
        assert_eq!(StepProof::from_bytes(&proof.to_bytes()).unwrap(), proof);
        let proved = proof.verify().unwrap();
        assert_eq!((proved.start, proved.stop), (proved.stop, tree.hash().unwrap().into()));
        assert_eq!((proved.status, proved.last_input), (status, last_input));
    }
}
