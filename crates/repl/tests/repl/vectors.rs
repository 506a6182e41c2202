//! States of the reference machine, reached by commands.

use crate::support::{EVALUATION, Talk, run_file, run_settings};
use serde_json::Value;

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
