//! The document's session with `octez-wasm-repl`.

use super::Reader;
use crate::support::finish;
use assert_cmd::Command;

/// Three runs a level, so that the machine is where the document has it: between two of them.
const KERNEL: &str = include_str!("three_runs.wat");

/// The first inbox of the document's file. The second one has a sender whose checksum is wrong there.
const INPUTS: &str = r#"[
  [
    {
      "external":
      "0000000023030b01d1a37c088a1221b636bb5fccb35e05181038ba7c000000000764656661756c74"
    }
  ]
]"#;

/// The words are the document's, in its order; `p` and `l` have values.
const WORDS: &str = "\
show status
load inputs
show status
show inbox
step kernel_run
show key /store/key
step result
show memory at 200 for 5 bytes
step kernel_run
step inbox
show outbox
show outbox at level 0
";

/// Lines are the document's, but for what the machine of the network does otherwise: before an inbox it collects, behind
/// one it is at a snapshot, and a run takes its whole share of ticks.
const TRANSCRIPT: &str = "\
Status: Waiting for inputs
Internal state: Collect
Loaded 3 inputs at level 0
Status: Evaluating
Internal state: Snapshot
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
Evaluation took 11000000000 ticks so far
Status: Evaluating
Internal state: Snapshot
68
Evaluation took 3867 ticks so far
Status: Evaluating
Internal state: Eval (Result)
68656c6c6f
Evaluation took 10999996133 ticks so far
Status: Evaluating
Internal state: Snapshot
Evaluation took 11000000000 ticks
Status: Waiting for inputs
Internal state: Collect
Outbox has 3 messages:
Unknown encoding: 68656c6c6f
Unknown encoding: 68656c6c6f
Unknown encoding: 68656c6c6f
Outbox has 3 messages:
Unknown encoding: 68656c6c6f
Unknown encoding: 68656c6c6f
Unknown encoding: 68656c6c6f
";

#[test]
fn the_session_of_the_document_is_held_under_both_names() {
    let mut reader = Reader::new();
    std::fs::write(reader.path("kernel.wat"), KERNEL).unwrap();
    std::fs::write(reader.path("inputs.json"), INPUTS).unwrap();
    reader.set("WASM_FILE", "kernel.wat");
    reader.set("JSON_INPUTS", "inputs.json");
    reader.set("ROLLUP_ADDRESS", "scr1HLXM32GacPNDrhHDLAssZG88eWqCUbyLF");
    reader.set("SR_ADDR", "scr1HLXM32GacPNDrhHDLAssZG88eWqCUbyLF");
    for line in [
        "octez-wasm-repl ${WASM_FILE} --inputs ${JSON_INPUTS} --rollup ${ROLLUP_ADDRESS}",
        // Today's documentation.
        r#"octez-smart-rollup-wasm-debugger --kernel "${WASM_FILE}" --inputs "${JSON_INPUTS}" --rollup "${SR_ADDR}""#,
    ] {
        let mut command = Command::from_std(reader.shell(line));
        command.write_stdin(WORDS);
        assert_eq!(finish(command).done(), TRANSCRIPT, "{line}");
    }
}
