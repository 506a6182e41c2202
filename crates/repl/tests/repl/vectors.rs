//! States of the reference machine, reached by commands.

use crate::support::{EVALUATION, Talk, run_file, run_settings, vectors};
use serde_json::Value;
use soru_repl::Settings;

/// Runs by level: hashes, outboxes, values.
#[test]
fn step_inbox_leads_to_the_recorded_states() {
    for name in ["counter", "echo", "hello", "reboot", "reveal", "store", "traps", "upgrade", "outbox_window"]
    {
        let (run, kernel) = run_file(&format!("levels/{name}.jsonl"));
        let mut talk = Talk::new(run_settings(&run, &kernel));
        for line in &run.lines[1..] {
            let text = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
            let answer = talk.ask("step inbox");
            assert!(answer.contains("Evaluation took "), "{name}: {answer}");
            assert_eq!(talk.ask("show tick").trim(), line["current_tick"].to_string(), "{name}");
            assert!(talk.ask("show hash").starts_with(&text("hash")), "{name}: {line}");
            let outbox = talk.ask(&format!("show outbox at level {}", line["level"]));
            let messages = line["outbox"].as_array().unwrap();
            assert!(
                outbox.starts_with(&format!("Outbox has {} messages:\n", messages.len())),
                "{name}: {outbox}"
            );
            for (key, value) in line["durable"].as_object().unwrap() {
                if let Value::String(value) = value {
                    assert_eq!(talk.ask(&format!("show key {key}")).trim(), value, "{name}: {key}");
                }
            }
        }
    }
}

/// States whose ticks are known before `kernel_run` is evaluated.
fn is_before_evaluation(state: &str) -> bool {
    let first = state.split(':').next().unwrap_or_default();
    matches!(first, "Collect" | "Padding" | "Snapshot" | "Decode" | "Link")
}

/// Observed states, by `goto tick`, forwards and back.
#[test]
fn goto_tick_leads_to_the_recorded_states() {
    for name in ["noop", "counter", "hello", "store", "traps", "reveal"] {
        let (run, kernel) = run_file(&format!("expected/{name}.jsonl"));
        let mut talk = Talk::new(run_settings(&run, &kernel));
        let observations = &run.lines[1..run.lines.len() - 1];
        let known: Vec<&Value> = observations
            .iter()
            .filter(|line| line["tick"].is_u64() && line["state"].is_string() && line["at"] != "boot_sector")
            .take_while(|line| EVALUATION || is_before_evaluation(line["state"].as_str().unwrap()))
            .collect();
        assert!(known.len() > 20, "{name}: {}", known.len());
        // Every tenth one, and back again: the hashes of all are another test's.
        let forwards = known.iter().step_by(10);
        let back = known.iter().rev().step_by(known.len() / 5);
        for line in forwards.chain(back) {
            talk.ask(&format!("goto tick {}", line["tick"]));
            let hash = line["hash"].as_str().unwrap();
            assert!(talk.ask("show hash").starts_with(hash), "{name}: {line}");
        }
        if EVALUATION {
            let last = run.lines.last().unwrap();
            talk.ask(&format!("goto tick {}", last["end"]["tick"]));
            assert!(talk.ask("show hash").starts_with(last["end"]["hash"].as_str().unwrap()), "{name}");
            for (key, value) in last["durable"].as_object().unwrap() {
                if let Value::String(value) = value {
                    assert_eq!(talk.ask(&format!("show key {key}")).trim(), value, "{name}: {key}");
                }
            }
        }
    }
}

/// Kernels that the machine refuses when it reads or links them: `step result` finds the tick, and the machine is stuck.
#[test]
fn refused_kernels_get_stuck_at_the_recorded_ticks() {
    let mut seen = 0;
    for entry in std::fs::read_dir(vectors("expected/invalid")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let (run, kernel) = run_file(&format!("expected/invalid/{name}"));
        let is_stuck = |line: &&Value| line["state"] == "Stuck";
        let Some(stuck) = run.lines.iter().find(is_stuck) else { continue };
        if !["Decode_error", "Link_error"].contains(&stuck["error"]["kind"].as_str().unwrap()) {
            continue;
        }
        seen += 1;
        let mut talk = Talk::new(Settings { runner: None, ..run_settings(&run, &kernel) });
        talk.ask("load inputs");
        let tick = stuck["tick"].as_u64().unwrap();
        talk.ask(&format!("goto tick {tick}"));
        assert!(talk.ask("show hash").starts_with(stuck["hash"].as_str().unwrap()), "{name}: {stuck}");
        talk.ask(&format!("goto tick {}", run.levels[0].messages.len()));
        let answer = talk.ask("step result");
        assert!(
            answer.contains("Status: Waiting for inputs\nInternal state: Stuck (No_fallback_kernel"),
            "{name}: {answer}"
        );
        assert_eq!(talk.session.machine().current_tick.0, tick + 1, "{name}");
        while !talk.ask("step inbox").starts_with("No more inputs") {}
        let end = &run.lines.last().unwrap()["end"];
        assert!(talk.ask("show hash").starts_with(end["hash"].as_str().unwrap()), "{name}: {end}");
    }
    assert!(seen > 20, "{seen}");
}

/// `step result` stops at the ticks at which the vectors have the result, or the trap, of a run.
#[test]
fn step_result_stops_at_the_recorded_ticks() {
    if !EVALUATION {
        return;
    }
    for name in ["noop", "counter", "traps"] {
        let (run, kernel) = run_file(&format!("expected/{name}.jsonl"));
        let mut talk = Talk::new(run_settings(&run, &kernel));
        let mut results = 0;
        for line in &run.lines {
            let state = line["state"].as_str().unwrap_or_default();
            if state != "Eval:SK_Result" && state != "Eval:SK_Trapped" {
                continue;
            }
            results += 1;
            if talk.ask("show status").starts_with("Status: Waiting for inputs") {
                talk.ask("load inputs");
            }
            let answer = talk.ask("step result");
            assert_eq!(talk.ask("show tick").trim(), line["tick"].to_string(), "{name}: {answer}");
            assert!(talk.ask("show hash").starts_with(line["hash"].as_str().unwrap()), "{name}: {line}");
            match line["trap"].as_str() {
                Some(trap) => assert!(
                    answer.ends_with(&format!("Internal state: Eval (Trapped: {trap})\n")),
                    "{answer}"
                ),
                None => assert!(answer.ends_with("Internal state: Eval (Result)\n"), "{answer}"),
            }
            assert!(talk.ask("show memory at 0 for 4 bytes").len() == 9);
            talk.ask("step kernel_run");
        }
        assert!(results >= 2, "{name}: {results}");
    }
}
