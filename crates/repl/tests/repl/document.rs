//! The transcripts of the document's section "Testing your Kernel", line by line.
//!
//! The document is older than the network's machine. Where a line differs, `live` says what the network's machine does:
//! it waits for inputs in a state of its own (`Collect`), the inbox is followed by padding up to the first run
//! (`Snapshot`), and a run takes 11,000,000,000 ticks, its padding included.

use crate::support::{EVALUATION, Talk, inboxes, settings};
use soru_base::{Binary, ContractHash, Entrypoint};
use soru_michelson::Micheline;
use soru_protocol::OutboxMessage;
use soru_protocol::outbox::OutboxTransaction;

/// Writes a key, a message of the outbox and a text; reboots until it has run five times.
fn kernel() -> Vec<u8> {
    let escaped: String = message().iter().map(|b| format!("\\{b:02x}")).collect();
    let text = format!(
        r#"(module
          (import "smart_rollup_core" "write_debug" (func $write_debug (param i32 i32)))
          (import "smart_rollup_core" "write_output" (func $write_output (param i32 i32) (result i32)))
          (import "smart_rollup_core" "store_read" (func $store_read (param i32 i32 i32 i32 i32) (result i32)))
          (import "smart_rollup_core" "store_write" (func $store_write (param i32 i32 i32 i32 i32) (result i32)))
          (memory (export "mem") 1)
          (data (i32.const 0) "/store/key")
          (data (i32.const 16) "/store/runs")
          (data (i32.const 32) "/kernel/env/reboot")
          (data (i32.const 100) "value")
          (data (i32.const 120) "run\n")
          (data (i32.const 200) "{escaped}")
          (func (export "kernel_run")
            (call $write_debug (i32.const 120) (i32.const 4))
            (drop (call $store_write (i32.const 0) (i32.const 10) (i32.const 0) (i32.const 100) (i32.const 5)))
            (drop (call $store_read (i32.const 16) (i32.const 11) (i32.const 0) (i32.const 140) (i32.const 1)))
            (i32.store8 (i32.const 140) (i32.add (i32.load8_u (i32.const 140)) (i32.const 1)))
            (drop (call $store_write (i32.const 16) (i32.const 11) (i32.const 0) (i32.const 140) (i32.const 1)))
            (if (i32.eq (i32.load8_u (i32.const 140)) (i32.const 5))
              (then (drop (call $write_output (i32.const 200) (i32.const {len}))))
              (else
                (drop (call $store_write
                  (i32.const 32) (i32.const 18) (i32.const 0) (i32.const 100) (i32.const 0)))))))"#,
        len = message().len()
    );
    wat::parse_str(text).unwrap()
}

fn message() -> Vec<u8> {
    OutboxMessage::AtomicTransactionBatch(vec![OutboxTransaction {
        parameters: Micheline::parse("Pair 1 \"a\"").unwrap(),
        destination: ContractHash::ZERO,
        entrypoint: Entrypoint::default(),
    }])
    .to_bytes()
}

const PAYLOAD: &str = "0000000023030b01d1a37c088a1221b636bb5fccb35e05181038ba7c000000000764656661756c74";

/// The same at the beginning of a line means: the document and the network's machine agree.
const BEFORE_THE_RESULT: &str = "
> show status
  Status: Waiting for inputs
- Internal state: Snapshot
+ Internal state: Collect
> load inputs
  Loaded 3 inputs at level 0
> show status
  Status: Evaluating
- Internal state: Decode
+ Internal state: Snapshot
> show inbox
  Inbox has 3 messages:
  { raw_level: 0;
    counter: 0
    payload: Start_of_level }
  { raw_level: 0;
    counter: 1
    payload: 0000000023030b01d1a37c088a1221b636bb5fccb35e05181038ba7c000000000764656661756c74 }
  { raw_level: 0;
    counter: 2
    payload: End_of_level }
> step kernel_run
+ run
- Evaluation took 10000 ticks so far
+ Evaluation took 11000000000 ticks so far
  Status: Evaluating
  Internal state: Snapshot
> show key /store/key
+ 76616c7565
";

const RESULT: &str = "
> step result
+ run
- Evaluation took 2500 ticks so far
+ Evaluation took * ticks so far
  Status: Evaluating
  Internal state: Eval (Result)
> show memory at 100 for 5 bytes
+ 76616c7565
";

const AFTER_THE_RESULT: &str = "
> step kernel_run
- Evaluation took 7500 ticks so far
+ Evaluation took * ticks so far
  Status: Evaluating
  Internal state: Snapshot
> step inbox
+ run
+ run
+ run
- Evaluation took 30000 ticks
+ Evaluation took 33000000000 ticks
  Status: Waiting for inputs
- Internal state: Snapshot
+ Internal state: Collect
> show outbox
  Outbox has 1 messages:
+ { unparsed_parameters: Pair 1 \"a\";
+   destination: KT18amZmM5W7qDWVt2pH6uj7sCEd3kbzLrHT;
+   entrypoint: default; }
> show outbox at level 0
  Outbox has 1 messages:
+ { unparsed_parameters: Pair 1 \"a\";
+   destination: KT18amZmM5W7qDWVt2pH6uj7sCEd3kbzLrHT;
+   entrypoint: default; }
";

/// Says the commands (`> `) and compares the answers: lines of both (`  `) and of the network's machine (`+ `); those of
/// the document alone (`- `) are there to be read. `*` is any number.
fn compare(talk: &mut Talk, transcript: &str) {
    for part in transcript.split("\n> ").skip(1) {
        let (command, expected) = part.split_once('\n').unwrap();
        let answer = talk.ask(command);
        let expected = expected.lines().filter(|line| !line.starts_with("- ")).map(|line| &line[2..]);
        let (mut found, mut wanted) = (answer.lines(), expected);
        loop {
            match (found.next(), wanted.next()) {
                (None, None) => break,
                (Some(f), Some(w)) if f == w => (),
                (Some(f), Some(w)) if w.contains('*') => {
                    let (before, after) = w.split_once('*').unwrap();
                    let number = f.strip_prefix(before).and_then(|f| f.strip_suffix(after)).unwrap_or(f);
                    assert!(number.parse::<u64>().is_ok(), "{command}: {f}");
                }
                (f, w) => panic!("{command}: found {f:?}, expected {w:?} in:\n{answer}"),
            }
        }
    }
}

fn talk(kernel: &[u8]) -> Talk {
    let payload = hex::decode(PAYLOAD).unwrap();
    Talk::new(settings(kernel, inboxes(&[&[&payload]])))
}

#[test]
fn the_transcripts_of_the_document() {
    let mut talk = talk(&kernel());
    compare(&mut talk, BEFORE_THE_RESULT);
    if EVALUATION {
        compare(&mut talk, RESULT);
        compare(&mut talk, AFTER_THE_RESULT);
    } else {
        // Without the stop in the middle the second run is a whole one, and writes its text.
        compare(
            &mut talk,
            &AFTER_THE_RESULT.replacen("> step kernel_run\n", "> step kernel_run\n+ run\n", 1),
        );
    }
    assert_eq!(
        talk.ask("step inbox"),
        "No more inputs at level 1\nEvaluation took 0 ticks\nStatus: Waiting for inputs\nInternal state: Collect\n"
    );
}

#[test]
fn ticks_of_the_two_halves_of_a_run_make_a_whole_one() {
    if !EVALUATION {
        return;
    }
    let mut talk = talk(&kernel());
    talk.ask("load inputs");
    talk.ask("step result");
    let result = talk.session.machine().current_tick.0;
    let one = talk.ask("goto tick 11000000000") + &talk.ask("step tick") + &talk.ask("step result");
    assert!(one.contains(&format!("Evaluation took {} ticks so far", result - 11_000_000_001)), "{one}");
    talk.ask("step kernel_run");
    assert_eq!(talk.session.machine().current_tick.0, 22_000_000_000);
    // The result is one tick long.
    talk.ask(&format!("goto tick {}", result - 1));
    assert!(!talk.ask("show status").contains("(Result)"));
    assert!(talk.ask("step tick").ends_with("Internal state: Eval (Result)\n"));
    assert!(talk.ask("step tick").ends_with("Internal state: Padding\n"));
}
