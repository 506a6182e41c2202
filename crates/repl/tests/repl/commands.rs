//! What the commands beyond the document's do, and how they fail.

use crate::support::{EVALUATION, Talk, inboxes, run_file, run_settings, settings, vectors};
use soru_pvm::state::Status;

fn noop() -> Vec<u8> {
    std::fs::read(vectors("kernels/noop.wasm")).unwrap()
}

fn counter() -> Talk {
    let kernel = std::fs::read(vectors("kernels/counter.wasm")).unwrap();
    Talk::new(settings(&kernel, inboxes(&[&[&[5], &[7]], &[&[1]]])))
}

#[test]
fn the_storage_is_looked_at() {
    let mut talk = counter();
    talk.ask("step inbox");
    assert_eq!(talk.ask("show keys /"), "/counter\n/kernel\n/readonly\n");
    assert_eq!(talk.ask("ls"), talk.ask("show keys /"));
    assert_eq!(talk.ask("show subkeys /readonly"), "/kernel\n/wasm_version\n");
    assert_eq!(talk.ask("show keys /nothing"), "The path /nothing is not in the durable storage\n");
    assert_eq!(talk.ask("show key /counter"), "0c00000000000000\n");
    assert_eq!(talk.ask("show key /counter as i64"), "12\n");
    assert_eq!(talk.ask("show key /readonly/wasm_version as string"), "2.0.0\n");
    assert_eq!(talk.ask("show key /readonly"), "No value found for key\n");
    assert_eq!(talk.ask("show key /nothing"), "Key not found\n");
    let all = talk.ask("show durable storage");
    let keys: Vec<&str> = all.lines().filter(|line| line.starts_with('/')).collect();
    assert_eq!(
        keys,
        [
            "/counter",
            "/kernel/boot.wasm",
            "/kernel/env/reboot",
            "/readonly/kernel/boot.wasm",
            "/readonly/kernel/env/reboot_counter",
            "/readonly/wasm_version"
        ]
    );
    assert!(all.starts_with("/counter\n  0c00000000000000\n/kernel/boot.wasm\n  0061736d"), "{all}");
    assert!(all.contains("… (340 bytes)\n"), "{all}");
    assert_eq!(talk.session.complete("show key /kernel/e"), (9, vec!["/kernel/env".to_owned()]));
}

#[test]
fn going_back_and_forth_leads_to_the_same_states() {
    let mut talk = counter();
    let start = talk.ask("show hash");
    talk.ask("step inbox");
    let first = (talk.ask("show tick"), talk.ask("show hash"));
    talk.ask("step inbox");
    let second = talk.ask("show hash");
    assert!(talk.ask("goto tick 22000000000").ends_with("Internal state: Collect\n"));
    assert_eq!((talk.ask("show tick"), talk.ask("show hash")), first);
    // Among the messages of the second inbox; what is left of it is loaded later.
    assert!(talk.ask("goto tick 22000000002").starts_with("Tick 22000000002\nStatus: Waiting for inputs\n"));
    assert!(talk.ask("show inbox").starts_with("Inbox has 2 messages:\n"));
    assert_eq!(talk.ask("load inputs"), "Loaded 3 inputs at level 1\n");
    talk.ask("step inbox");
    assert_eq!(talk.ask("show hash"), second);
    talk.ask("goto tick 0");
    assert_eq!(talk.ask("show hash"), start);
    // Through both inboxes: their runs are left to the engine.
    talk.ask("goto tick 44000000000");
    assert_eq!(talk.ask("show hash"), second);
    let answer = talk.ask("goto tick 7");
    assert_eq!(answer, "Tick 7\nStatus: Evaluating\nInternal state: Padding\n");
}

#[test]
fn runs_are_told_with_the_ticks_that_they_took() {
    let mut talk = Talk::new(settings(&noop(), inboxes(&[&[], &[]])));
    assert_eq!(talk.ask("show runs"), "No kernel_run is over\n");
    talk.ask("step inbox");
    let first = talk.ask("show runs");
    assert!(
        first.starts_with("kernel_run at tick 11000000000: ") && first.ends_with(" ticks, returned\n"),
        "{first}"
    );
    // Each once, however often it is gone through; here tick by tick.
    talk.ask("goto tick 11000000010");
    talk.ask("step result");
    let result = talk.ask("show tick");
    assert_eq!(talk.ask("show runs"), first);
    talk.ask("step inbox");
    talk.ask("step inbox");
    let both = talk.ask("show runs");
    assert!(both.starts_with(&first) && both.lines().count() == 2, "{both}");
    // From the first tick of the run to the first one of its padding.
    let ticks: u64 = result.trim().parse::<u64>().unwrap() + 1 - 11_000_000_000;
    assert!(first.contains(&format!(": {ticks} of 11000000000 ticks")), "{first}, {result}");
}

#[test]
fn a_tick_beyond_the_last_input_is_not_reached() {
    let mut talk = Talk::new(settings(&noop(), inboxes(&[&[]])));
    talk.ask("step inbox");
    let error = talk.fail("goto tick 22000000001").to_string();
    assert_eq!(error, "tick 22000000001 is not reached: there are no more inputs after tick 22000000000");
    assert_eq!(talk.ask("show tick"), "22000000000\n");
}

#[test]
fn commands_out_of_place_say_what_to_do() {
    let mut talk = Talk::new(settings(&noop(), inboxes(&[&[]])));
    let mut fail = |line: &str| talk.fail(line).to_string();
    assert!(fail("step tick").contains("`load inputs`"));
    assert!(fail("reveal metadata").contains("not waiting for a reveal of the metadata"));
    assert!(fail("reveal preimage").contains("not waiting for a reveal of a preimage"));
    assert!(fail("show memory at 0 for 1 bytes").starts_with("no memory: kernel_run is not running"));
    assert!(fail("00ff").starts_with("column 1: unexpected `00ff`"));
    assert!(fail("help me").contains("no command begins with `me`"));
    talk.ask("load inputs");
    assert!(talk.fail("load inputs").to_string().contains("not waiting for inputs"));
    assert!(talk.ask("help show outbox").starts_with("  show outbox\n"));
    assert!(matches!(talk.session.execute("stop", &mut talk.screen), Ok(soru_repl::Flow::Stop)));
}

#[test]
fn a_session_without_inputs_has_none() {
    let mut talk = Talk::new(settings(&noop(), Vec::new()));
    assert_eq!(talk.ask("load inputs"), "No more inputs at level 0\n");
    assert_eq!(talk.ask("show outbox"), "No outbox yet\n");
    assert_eq!(talk.ask("show inbox"), "Inbox has 0 messages:\n");
}

#[test]
fn time_says_how_long_a_command_took_even_if_it_fails() {
    let mut talk = Talk::new(settings(&noop(), Vec::new()));
    assert_eq!(talk.ask("time show tick"), "0\ntook 2s\n");
    talk.session.execute("time step tick", &mut talk.screen).unwrap_err();
    assert_eq!(talk.screen.said, "took 2s\n");
}

/// A kernel whose reading takes some 300,000 ticks and more.
fn large() -> Vec<u8> {
    let functions = "(func (drop (i32.const 1)) (drop (i32.const 2)) (drop (i32.const 3)))".repeat(20_000);
    wat::parse_str(format!("(module (memory (export \"mem\") 1) (func (export \"kernel_run\")) {functions})"))
        .unwrap()
}

#[test]
fn a_long_step_shows_progress_and_can_be_interrupted() {
    let kernel = large();
    let settings = settings(&kernel, inboxes(&[&[]]));
    let mut talk = Talk::new(soru_repl::Settings { runner: None, ..settings });
    talk.ask("load inputs");
    talk.screen.patience = Some(2);
    let error = talk.fail("step tick 250000");
    assert_eq!(error.to_string(), "interrupted at tick 11000200000: the session goes on from there");
    let done: Vec<(u64, Option<u64>)> = talk.screen.progress.iter().map(|p| (p.done, p.of)).collect();
    assert_eq!(done, [(0, Some(250_000)), (100_000, Some(250_000)), (200_000, Some(250_000))]);
    talk.screen.patience = None;
    let there = talk.ask("step tick 50000") + &talk.ask("show hash");
    assert!(
        there.starts_with("Evaluation took 50000 ticks so far\nStatus: Evaluating\nInternal state: Decode\n")
    );
    talk.ask("goto tick 3");
    let again = talk.ask("goto tick 11000250000") + &talk.ask("show hash");
    assert_eq!(again.lines().last(), there.lines().last());
}

#[test]
fn an_engine_takes_longer_steps_and_can_be_interrupted() {
    const STRETCH: u64 = 1 << 28;
    let endless = r#"(module (memory (export "mem") 1) (func (export "kernel_run") (loop (br 0))))"#;
    let kernel = wat::parse_str(endless).unwrap();
    let mut talk = Talk::new(settings(&kernel, inboxes(&[&[]])));
    talk.ask("load inputs");
    talk.screen.patience = Some(2);
    let error = talk.fail(&format!("step tick {}", 3 * STRETCH));
    let here = 11_000_000_000 + 2 * STRETCH;
    assert_eq!(error.to_string(), format!("interrupted at tick {here}: the session goes on from there"));
    let done: Vec<u64> = talk.screen.progress.iter().map(|p| p.done).collect();
    assert_eq!(done, [0, STRETCH, 2 * STRETCH]);
}

#[test]
fn reveals_are_answered_by_hand() {
    if !EVALUATION {
        return;
    }
    let (run, kernel) = run_file("expected/reveal.jsonl");
    let mut with_answers = Talk::new(run_settings(&run, &kernel));
    with_answers.ask("step inbox");
    let expected = with_answers.ask("show hash");

    // The metadata is known, and the empty page; no other one is.
    let is_known = |(request, page): &(Vec<u8>, Vec<u8>)| request == &[1] || page.is_empty();
    let known = run.reveals.0.clone().into_iter().filter(is_known).collect();
    let reveals = Box::new(soru_pvm::replay::FixedReveals(known));
    let mut talk = Talk::new(soru_repl::Settings { reveals, ..run_settings(&run, &kernel) });
    let mut answer = talk.ask("step inbox");
    let mut asked = 0;
    while let Status::RevealRequired(request) = talk.session.machine().status() {
        let hash = hex::encode(&request[1..]);
        assert!(answer.contains(&format!("Preimage for hash {hash} not found: ")), "{answer}");
        assert!(answer.contains(&format!("Status: Waiting for reveal: {hash}\n")), "{answer}");
        assert!(talk.fail("step tick").to_string().ends_with("answer it with `reveal preimage`"));
        assert!(talk.fail("reveal preimage").to_string().starts_with("Preimage for hash"));
        assert!(
            talk.fail("reveal metadata").to_string().contains("not waiting for a reveal of the metadata")
        );
        let page = &run.reveals.0[&request];
        // The words answer and stop; a line of digits answers and goes on, as in today's debugger.
        answer = if asked % 2 == 1 {
            let given = talk.ask(&format!("reveal preimage of {}", hex::encode(page)));
            assert_eq!(given, format!("Revealed {} bytes\n", page.len()));
            talk.ask("step inbox")
        } else {
            talk.ask("step inbox");
            talk.ask(&hex::encode(page))
        };
        asked += 1;
    }
    assert!(asked >= 3, "{asked}");
    let end = talk.ask("show tick");
    assert_eq!(talk.ask("show hash"), expected);
    // Back and forth again: the same answers are given.
    talk.ask("goto tick 0");
    talk.ask(&format!("goto tick {end}"));
    assert_eq!(talk.ask("show hash"), expected);
}

#[test]
fn the_metadata_is_revealed_when_asked_for() {
    if !EVALUATION {
        return;
    }
    let (run, kernel) = run_file("expected/reveal.jsonl");
    let mut talk = Talk::new(run_settings(&run, &kernel));
    let at = run.lines.iter().position(|line| line["status"] == "reveal-required:01").unwrap();
    let tick = run.lines[at]["tick"].as_u64().unwrap();
    talk.ask(&format!("goto tick {}", tick - 1));
    let answer = talk.ask("step tick 5");
    assert!(
        answer.starts_with("Evaluation took 1 ticks so far\nStatus: Waiting for reveal: metadata\n"),
        "{answer}"
    );
    assert!(talk.fail("step tick").to_string().ends_with("`reveal metadata`"));
    assert!(talk.fail("reveal preimage of 00").to_string().contains("asks for the metadata"));
    assert_eq!(talk.ask("reveal metadata"), "Revealed 24 bytes\n");
    let next = &run.lines[at + 1];
    assert_eq!(next["tick"], tick + 1);
    assert!(talk.ask("show hash").starts_with(next["hash"].as_str().unwrap()));
}
