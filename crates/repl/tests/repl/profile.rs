//! `profile`.

use crate::support::{Talk, inboxes, settings};
use soru_repl::SessionError;

const KERNEL: &str = r#"(module
    (import "smart_rollup_core" "write_debug" (func $debug (param i32 i32)))
    (import "smart_rollup_core" "store_write" (func $write (param i32 i32 i32 i32 i32) (result i32)))
    (import "smart_rollup_core" "store_has" (func $has (param i32 i32) (result i32)))
    (memory 1) (export "mem" (memory 0))
    (data (i32.const 0) "/kernel/env/reboot")
    (data (i32.const 100) "/again")
    (func $inner (drop (call $write (i32.const 100) (i32.const 6) (i32.const 0) (i32.const 0) (i32.const 5))))
    (func (export "kernel_run")
        (call $debug (i32.const 101) (i32.const 5))
        (if (i32.eqz (call $has (i32.const 100) (i32.const 6)))
            (then
                (call $inner)
                (drop (call $write (i32.const 0) (i32.const 18) (i32.const 0) (i32.const 0) (i32.const 1)))))))"#;

fn talk(kernel: &[u8]) -> Talk {
    Talk::new(settings(kernel, inboxes(&[&[b"one"], &[]])))
}

#[test]
fn an_inbox_is_profiled_to_its_end() {
    let kernel = wat::parse_str(KERNEL).unwrap();
    let mut talk = talk(&kernel);
    let said = talk.ask("profile");
    let begin = "Loaded 3 inputs at level 0\nagainagain\nlevel 0, run 0: returned; then a reboot\n";
    assert!(said.starts_with(begin), "{said}");
    assert!(said.contains("  inner\n") && said.contains("  store_write\n"), "{said}");
    assert!(said.contains("level 0, together: 2 runs\n"), "{said}");
    let end = "Evaluation took 22000000000 ticks with padding\n\
        Status: Waiting for inputs\nInternal state: Collect\n";
    assert!(said.ends_with(end), "{said}");
    // The same machine as by steps.
    let hash = talk.ask("show hash");
    let mut steps = self::talk(&kernel);
    steps.ask("step inbox");
    assert_eq!(hash, steps.ask("show hash"));
    // The next level, one run; then there is nothing left.
    let said = talk.ask("profile --no-reboot --collapsed --without-time");
    assert!(said.contains("level 1, run 0: returned; then the next inbox\n"), "{said}");
    assert_eq!(
        talk.ask("profile"),
        "No more inputs at level 2\nStatus: Waiting for inputs\nInternal state: Collect\n"
    );
}

#[test]
fn one_run_and_the_next() {
    let kernel = wat::parse_str(KERNEL).unwrap();
    let mut talk = talk(&kernel);
    let first = talk.ask("profile --no-reboot");
    assert!(first.ends_with("Status: Evaluating\nInternal state: Snapshot\n"), "{first}");
    let second = talk.ask("profile");
    assert!(second.contains("level 0, run 0: returned; then the next inbox\n"), "{second}");
    talk.ask("load inputs");
    talk.ask("step tick 100");
    assert!(matches!(talk.fail("profile"), SessionError::InRun("Decode")));
    let error = talk.fail("profile --no-reboot fast").to_string();
    assert!(error.starts_with("column 21: expected `--no-reboot`"), "{error}");
    talk.ask("goto tick 0");
    assert!(talk.ask("profile").contains("level 0, run 1"));
}

#[test]
fn files_are_the_console_s() {
    let kernel = wat::parse_str(KERNEL).unwrap();
    let mut talk = talk(&kernel);
    let error = talk.fail("profile to there").to_string();
    assert_eq!(error, "there/profile.txt: files cannot be written from here");
}
