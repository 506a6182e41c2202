//! Runs of kernels, level by level.

use crate::engine::Interpreter;
use crate::repeat::Repeated;
use crate::{kernel_of, names, run_file};
use soru_pvm::level::LevelError;
use soru_pvm::replay::check;
use soru_pvm::run::RunnerError;

fn engine(name: &str) -> Interpreter {
    Interpreter::new(name == "trap_undefined")
}

#[test]
fn levels_with_the_constants_of_the_protocol() {
    let (mut whole, mut levels) = (0, 0);
    for name in names("levels", ".jsonl") {
        let run = run_file(&format!("levels/{name}.jsonl"));
        let found = run.replay(&kernel_of(&run), &engine(&name), &mut ()).unwrap();
        levels += found.lines.len() - 1;
        let difference = check(&run.lines[..found.lines.len()], &found.lines);
        assert!(difference.is_none(), "{name}: {}", difference.unwrap());
        assert!(found.failure.is_none(), "{name}: {:?}", found.failure);
        assert_eq!(found.lines.len(), run.lines.len());
        whole += 1;
    }
    println!("{whole} files whole, {levels} levels");
    assert_eq!(whole, 29);
}

/// Recorded runs with a bound of ticks that just fits: not to be repeated without counting.
const NEED_TICKS: [&str; 2] = ["noop_145", "endless"];

#[test]
fn recorded_runs_between_their_kernel_runs() {
    let (mut runs, mut states) = (0, 0);
    for name in names("expected", ".jsonl").iter().filter(|name| *name != "opcodes") {
        if NEED_TICKS.contains(&name.as_str()) {
            continue;
        }
        let mut run = run_file(&format!("expected/{name}.jsonl"));
        // Two runs end where any answer is too much: they hold none.
        run.reveals.0.entry(vec![1]).or_insert(vec![0; 24]);
        let mut repeated = Repeated::boot(&run);
        let runner = engine(name);
        let mut failure = None;
        for level in 0..run.levels.len() {
            repeated.inputs(level);
            failure = repeated.until_input_required(&runner).err();
            if failure.is_some() {
                break;
            }
        }
        match failure {
            None => {
                assert_eq!(repeated.tree.hash().unwrap().to_hex(), run.lines.last().unwrap()["end"]["hash"])
            }
            Some(LevelError::Run { error: RunnerError::NoNextState { .. }, .. }) => {
                assert!(["reveal_outside", "reveal_negative"].contains(&name.as_str()), "{name}");
            }
            Some(other) => panic!("{name}: {other}"),
        }
        runs += 1;
        states += repeated.checked;
    }
    println!("{runs} runs, {states} states");
    assert_eq!(runs, 34 - NEED_TICKS.len());
}

/// What host calls cost, against the payments that were observed: each begins at the whole price.
#[test]
fn host_calls_cost_what_was_paid() {
    let mut payments = 0;
    for name in names("expected", ".jsonl").iter().filter(|name| *name != "opcodes") {
        if NEED_TICKS.contains(&name.as_str()) || name.starts_with("reveal_") {
            continue;
        }
        let run = run_file(&format!("expected/{name}.jsonl"));
        let mut paid = Vec::new();
        let mut before = None;
        for line in &run.lines {
            let Some(tick) = line["tick"].as_u64() else { continue };
            let paying = line["paying"].as_u64();
            let goes_on = before.is_some_and(|(at, left): (u64, Option<u64>)| {
                left.is_some_and(|left| left.checked_sub(tick - at) == Some(paying.unwrap_or(0)))
            });
            if let (Some(paying), false) = (paying, goes_on) {
                paid.push(paying);
            }
            before = Some((tick, paying));
        }
        let runner = engine(name);
        let _stuck_or_not = run.replay(&kernel_of(&run), &runner, &mut ()).unwrap();
        let costs: Vec<_> = runner.costs.lock().unwrap().iter().copied().filter(|cost| *cost > 0).collect();
        // Not every call of every run was observed: those that were come in the order of the calls.
        let mut rest = costs.iter();
        let missing = paid.iter().find(|cost| !rest.any(|c| c == *cost));
        println!("{name}: {} of {} calls observed", paid.len(), costs.len());
        assert_eq!(missing, None, "{name}: {paid:?} {costs:?}");
        payments += paid.len();
    }
    println!("{payments} payments");
}
