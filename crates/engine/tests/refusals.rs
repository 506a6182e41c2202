//! Kernels at the border of the rules: what the machine refuses is refused at the same step with the same words.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use serde_json::Value;
use soru_engine::{Compiler, KernelError, check};
use soru_pvm::Version;
use soru_pvm::replay::RunFile;
use soru_pvm::run::{Outcome, Stage};
use support::{COMPILERS, End, Undecided, engine, names, outcomes, read, run_file};

/// Kernels that get stuck only when a bad instruction is met: no validator takes them, so no compiler does. What the tick-exact
/// interpreter does not take either is left to the machine.
const FAIL_WHEN_RUN: [&str; 17] = [
    "inv_block_param",
    "inv_block_result",
    "inv_block_type_index",
    "inv_br_depth",
    "inv_call",
    "inv_call_args",
    "inv_drop_empty",
    "inv_func_result",
    "inv_global",
    "inv_global_const",
    "inv_global_type",
    "inv_if_type",
    "inv_local",
    "inv_stack_empty",
    "inv_stack_one",
    "inv_stack_type",
    "inv_table",
];

/// Kernels that the machine runs and that no validator takes: likewise.
const RUN_ALL_THE_SAME: [&str; 7] = [
    "odd_align",
    "odd_global_init_code",
    "odd_local_type",
    "odd_memory_large",
    "odd_select_type",
    "odd_stack_left",
    "odd_store_type",
];

/// Kernels whose `kernel_run` takes what nobody gives: there is no way into them but the machine's.
const WITHOUT_ARGUMENTS: [&str; 2] = ["inv_kernel_run_import", "inv_kernel_run_params"];

/// What a file of `expected/invalid` says of the first run.
fn expected(run: &RunFile) -> End {
    let last = run.lines.last().unwrap();
    let error = &last["end"]["error"];
    if error.is_null() {
        let trapped = !last["durable"]["/readonly/kernel/env/stuck"].is_null();
        return Ok(if trapped { TRAPPED } else { Outcome::Finished });
    }
    let reason = error["explanation"].as_str().or(error["raw"].as_str()).unwrap_or_default().to_owned();
    let stage = match error["cause"].as_str() {
        Some("Decode_cause") => Stage::Decode,
        Some("Link_cause") => Stage::Link,
        Some("Init_cause") => Stage::Init,
        None if error["kind"] == "Too_many_ticks" => return Err(Undecided::Deadline),
        None => return Ok(Outcome::Stuck { reason }),
        other => panic!("{other:?}"),
    };
    Ok(Outcome::Refused { stage, reason })
}

/// A trap: its words are not part of the state.
const TRAPPED: Outcome = Outcome::Trapped { reason: String::new() };

/// The machine keeps the first 128 bytes of a text.
fn cut(end: End) -> End {
    let cut = |mut reason: String| {
        reason.truncate(128);
        reason
    };
    end.map(|outcome| match outcome {
        Outcome::Refused { stage, reason } => Outcome::Refused { stage, reason: cut(reason) },
        Outcome::Stuck { reason } => Outcome::Stuck { reason: cut(reason) },
        Outcome::Trapped { .. } => TRAPPED,
        Outcome::Finished => Outcome::Finished,
    })
}

#[test]
fn kernels_at_the_border_end_as_they_do_in_the_reference() {
    for compiler in COMPILERS {
        let (engine, impatient) = (engine(compiler), engine_with_short_deadline(compiler));
        let mut failures = Vec::new();
        for name in names("expected/invalid", ".jsonl") {
            let run = run_file(&format!("expected/invalid/{name}.jsonl"));
            let engine = if name == "inv_start_endless" { &impatient } else { &engine };
            let (seen, _) = outcomes(engine, &read(&run.kernel), &run);
            let expected = expected(&run);
            let is_odd = FAIL_WHEN_RUN.contains(&&*name)
                || RUN_ALL_THE_SAME.contains(&&*name)
                || WITHOUT_ARGUMENTS.contains(&&*name);
            let found = cut(seen[0].clone());
            let is_left = is_odd && found == Err(Undecided::Unsupported);
            if found != expected && !is_left {
                failures.push(format!("{name}: expected {expected:?}, found {found:?}"));
            }
        }
        assert!(failures.is_empty(), "{compiler}:\n{}", failures.join("\n"));
    }
}

/// Until its kernel is linked and its functions are there, the ticks of a machine are counted: where it gets stuck before,
/// its last state is known.
#[test]
fn machines_stuck_before_the_instance_is_made_have_the_states_of_the_reference() {
    let engine = engine(Compiler::Singlepass);
    let mut counts = [0, 0];
    for name in names("expected/invalid", ".jsonl") {
        let run = run_file(&format!("expected/invalid/{name}.jsonl"));
        let end = &run.lines.last().unwrap()["end"];
        let instance = match end["error"]["cause"].as_str() {
            Some("Decode_cause" | "Link_cause") => false,
            Some("Init_cause") => true,
            _ => continue,
        };
        let found = run.replay(&read(&run.kernel), &engine, &mut ()).unwrap();
        if instance && found.failure.is_some() {
            continue;
        }
        assert!(found.failure.is_none(), "{name}: {:?}", found.failure);
        let last = found.lines.last().unwrap();
        for (ours, theirs) in
            [("current_tick", "tick"), ("hash", "hash"), ("state", "state"), ("error", "error")]
        {
            assert_eq!(last[ours], end[theirs], "{name}: {ours}");
        }
        counts[usize::from(instance)] += 1;
    }
    assert_eq!(counts, [51, 22]);
}

fn engine_with_short_deadline(compiler: Compiler) -> soru_engine::Engine {
    let deadline = std::time::Duration::from_millis(200);
    soru_engine::Engine::new(soru_engine::Options { compiler, deadline, ..Default::default() }).unwrap()
}

#[test]
fn every_opcode_is_read_as_the_reference_does() {
    let text = String::from_utf8(read("expected/opcodes.jsonl")).unwrap();
    let mut failures = Vec::new();
    let mut count = 0;
    for line in text.lines().skip(1) {
        let line: Value = serde_json::from_str(line).unwrap();
        let kernel = hex::decode(line["kernel"].as_str().unwrap()).unwrap();
        let found = match check(&kernel, Version::V0) {
            Err(KernelError::Refused { stage, reason, .. }) if stage.0 == Stage::Decode => Some(reason),
            _ => None,
        };
        let expected = line["error"].as_str().map(str::to_owned);
        assert_eq!(line["accepted"] == false && line["fault"].is_null(), expected.is_some());
        if found != expected {
            failures.push(format!("{}: expected {expected:?}, found {found:?}", line["opcode"]));
        }
        count += 1;
    }
    assert_eq!(count, 576);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
