//! `soru repl`: scripts on standard input.

use crate::support::{Finished, finish, repository, soru};
use std::path::Path;

/// The document's file of inputs, but for the sender, whose checksum is wrong there.
const INPUTS: &str = r#"[
  [ { "external": "0000000023030b01d1a37c088a1221b636bb5fccb35e05181038ba7c000000000764656661756c74" } ],
  [ { "payload" : "0",
      "sender" : "KT1BEqzn5Wx8uJrZNvuS9DVHmLvG9td3fDLi",
      "source" : "tz1RjtZUVeLhADFHDL8UwDZA6vjWWhojpu5w",
      "destination" : "scr1HLXM32GacPNDrhHDLAssZG88eWqCUbyLF" },
    { "payload" : "Pair Unit False" } ] ]"#;

fn repl(kernel: &Path, script: &str, more: &[&str]) -> Finished {
    let mut command = soru();
    command.arg("repl").arg(kernel).args(more).write_stdin(script);
    finish(command)
}

fn vector(name: &str) -> std::path::PathBuf {
    repository(&format!("testdata/vectors/kernels/{name}"))
}

/// Computes for some million ticks, says something, asks for its metadata, twice, and traps.
const LONG: &str = r#"(module
  (import "smart_rollup_core" "reveal_metadata" (func $metadata (param i32 i32) (result i32)))
  (import "smart_rollup_core" "write_debug" (func $say (param i32 i32)))
  (memory 1) (export "mem" (memory 0))
  (data (i32.const 50) "one\ntwo\nthree\n")
  (func $compute (local $n i32)
    (loop $again
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $n) (i32.const 25000)))))
  (func (export "kernel_run")
    (call $say (i32.const 50) (i32.const 4))
    (call $compute)
    (call $say (i32.const 54) (i32.const 4))
    (drop (call $metadata (i32.const 100) (i32.const 100)))
    (call $compute)
    (call $say (i32.const 58) (i32.const 6))
    (drop (call $metadata (i32.const 100) (i32.const 100)))
    unreachable))"#;

/// Whoever makes the ticks, a session and a trace say the same of the inside of a run.
#[test]
fn the_inside_of_a_run_is_the_same_by_every_engine() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("long.wat"), LONG).unwrap();
    std::fs::write(path("inputs.json"), "[ [], [] ]").unwrap();
    let inputs = path("inputs.json").display().to_string();
    let scripts = [
        "step inbox\nshow runs\nshow hash\ngoto tick 11001000000\nshow hash\nstep result\nshow tick\n",
        "load inputs\nstep tick 10000000\nshow hash\nstep result\nshow hash\nstep inbox\nshow runs\n",
    ];
    let session = |script: &str, engine: &str| {
        repl(&path("long.wat"), script, &["--inputs", &inputs, "--engine", engine]).done()
    };
    let trace = |engine: &str| {
        let mut command = soru();
        command.args(["pvm", "trace", "--debug", "--inputs", &inputs, "--engine", engine]);
        let finished = finish({
            command.arg(path("long.wat"));
            command
        });
        let said = ["one", "two", "three"].map(|word| finished.err.matches(word).count());
        (finished.done(), said)
    };
    let by_ticks = (scripts.map(|script| session(script, "reference")), trace("reference"));
    assert!(by_ticks.0[0].contains(": 2903172 of 11000000000 ticks, trapped\n"), "{}", by_ticks.0[0]);
    assert!(by_ticks.0[1].contains("three\n"), "{}", by_ticks.0[1]);
    assert_eq!(by_ticks.1.1, [2, 2, 2]);
    for engine in ["compiled", "tick-exact"] {
        assert_eq!((scripts.map(|script| session(script, engine)), trace(engine)), by_ticks, "{engine}");
    }
}

#[test]
fn a_script_is_done_line_by_line() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = dir.path().join("inputs.json");
    std::fs::write(&inputs, INPUTS).unwrap();
    let inputs = inputs.to_str().unwrap();
    let script =
        "# the second inbox of the document\nstep inbox\n\nload inputs\nshow inbox\nstop\nno command\n";
    let finished = repl(&vector("echo.wasm"), script, &["--inputs", inputs]);
    assert_eq!(
        finished.done(),
        "Loaded 3 inputs at level 0
Evaluation took 22000000000 ticks
Status: Waiting for inputs
Internal state: Collect
Loaded 4 inputs at level 1
Inbox has 4 messages:
{ raw_level: 1;
  counter: 0
  payload: Start_of_level }
{ raw_level: 1;
  counter: 1
  payload: Transfer {payload = 0; sender = KT1BEqzn5Wx8uJrZNvuS9DVHmLvG9td3fDLi; source = \
         tz1RjtZUVeLhADFHDL8UwDZA6vjWWhojpu5w; destination = scr1HLXM32GacPNDrhHDLAssZG88eWqCUbyLF} }
{ raw_level: 1;
  counter: 2
  payload: Transfer {payload = Pair Unit False; sender = KT18amZmM5W7qDWVt2pH6uj7sCEd3kbzLrHT; source = \
         tz1Ke2h7sDdakHJQh8WX4Z372du1KChsksyU; destination = scr1AFyXAWFS3c6S2D617o8NGRvazoMJPEw6s} }
{ raw_level: 1;
  counter: 3
  payload: End_of_level }
"
    );
    // The rollup that is named is the one that messages go to, too.
    let rollup = "sr1RYurGZtN8KNSpkMcCt9CgWeUaNkzsAfXf";
    let script = "step inbox\nload inputs\nshow inbox\n";
    let shown = repl(
        &vector("echo.wat"),
        script,
        &["--inputs", inputs, "--rollup", rollup, "--profile", "mainnet", "--first-level", "9"],
    )
    .done();
    assert!(shown.contains(&format!("destination = {rollup}}}")), "{shown}");
    assert!(
        shown.contains(
            "{ raw_level: 10;\n  counter: 1\n  payload: Info_per_level {predecessor_timestamp = \
             1970-01-01T00:00:00-00:00; predecessor = BKiHLREqU3JkXfzEDYAkmmfX48gBDtYhMrpA98s7Aq4SzbUAB6M} }"
        ),
        "{shown}"
    );
}

#[test]
fn the_first_command_that_fails_ends_a_script() {
    let kernel = vector("noop.wasm");
    let finished = repl(&kernel, "show status\nshow sttaus\nshow tick\n", &[]);
    assert_eq!((finished.code, finished.out.lines().count()), (1, 2));
    let error = "error: line 2: column 6: unexpected `sttaus` after `show`";
    assert!(
        finished.err.starts_with(error) && finished.err.ends_with("did you mean `status`?\n"),
        "{}",
        finished.err
    );
    let error = repl(&kernel, "step tick\n", &[]).failed(1);
    assert!(error.starts_with("error: line 1: the machine is waiting for inputs"), "{error}");
    // Bytes that are no text are no command either.
    let mut command = soru();
    command.arg("repl").arg(&kernel).write_stdin(&b"show \xff\n"[..]);
    assert!(finish(command).failed(1).contains("cannot read the commands"));
}

#[test]
fn a_kernel_that_is_refused_can_be_looked_at_all_the_same() {
    let kernel = vector("invalid/inv_simd_float.wasm");
    let error = repl(&kernel, "", &[]).failed(1);
    assert!(error.contains("float instructions are forbidden") && error.contains("--no-check"), "{error}");
    let dir = tempfile::tempdir().unwrap();
    let inputs = dir.path().join("inputs.json");
    std::fs::write(&inputs, "[[]]").unwrap();
    let more = ["--no-check", "--every-tick", "--inputs", inputs.to_str().unwrap()];
    let shown = repl(&kernel, "load inputs\nstep result\n", &more).done();
    let stuck = "Status: Waiting for inputs\nInternal state: Stuck (No_fallback_kernel: float instructions are forbidden)\n";
    assert!(shown.ends_with(stuck), "{shown}");
}

#[test]
fn debug_output_is_shown_unless_hidden_and_limits_can_be_changed() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = dir.path().join("inputs.json");
    std::fs::write(&inputs, "[[]]").unwrap();
    let inputs = inputs.to_str().unwrap();
    let more = ["--inputs", inputs, "--ticks-per-snapshot", "100000"];
    let kernel = vector("hello.wasm");
    let shown = repl(&kernel, "step inbox\n", &more).done();
    let end = "Evaluation took 200000 ticks\nStatus: Waiting for inputs\nInternal state: Collect\n";
    assert!(shown.contains("hello") && shown.ends_with(end), "{shown}");
    let hidden = repl(&kernel, "step inbox\n", &[&more[..], &["--no-kernel-debug"]].concat()).done();
    assert_eq!(hidden, format!("Loaded 2 inputs at level 0\n{end}"));
}
