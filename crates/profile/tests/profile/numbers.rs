//! Small kernels of which every number is known.

use crate::support::{profile_wat, tree};
use soru_base::tick::TickSpan;
use soru_exact::TickExact;
use soru_profile::{Inside, Profile, Profiler, Rows, Until, svg};
use soru_pvm::Machine;
use soru_pvm::level::RunEnd;
use soru_pvm::machine::Boundary;

/// Writes, calls, recurses, and asks for one reboot.
const KERNEL: &str = r#"(module
    (import "smart_rollup_core" "store_write" (func $write (param i32 i32 i32 i32 i32) (result i32)))
    (import "smart_rollup_core" "store_has" (func $has (param i32 i32) (result i32)))
    (import "smart_rollup_core" "write_debug" (func $debug (param i32 i32)))
    (memory 1) (export "mem" (memory 0))
    (data (i32.const 0) "/kernel/env/reboot")
    (data (i32.const 100) "/again")
    (data (i32.const 200) "__wasm_debugger__::start_section(deep)")
    (data (i32.const 300) "__wasm_debugger__::end_section()")
    (func $down (param i32)
        (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))))
    (func $main (export "kernel_run")
        (call $debug (i32.const 200) (i32.const 38))
        (call $down (i32.const 3))
        (call $debug (i32.const 300) (i32.const 32))
        (if (i32.eqz (call $has (i32.const 100) (i32.const 6)))
            (then
                (drop (call $write (i32.const 0) (i32.const 18) (i32.const 0) (i32.const 0) (i32.const 1)))
                (drop (call $write (i32.const 100) (i32.const 6) (i32.const 0) (i32.const 0) (i32.const 5)))
                (drop (memory.grow (i32.const 2)))
                (i32.store (i32.const 70000) (i32.const 1))))))"#;

#[test]
fn a_kernel_that_reboots() {
    let profile = profile_wat(KERNEL, &[b"hi"]);
    let [first, second] = &profile.runs[..] else { panic!("{} runs", profile.runs.len()) };
    assert_eq!((first.then, second.then), (Some(Boundary::Reboot), Some(Boundary::Yield)));
    assert_eq!((first.title().as_str(), second.title().as_str()), ("level 0, run 0", "level 0, run 1"));
    // The storage: the machine's own keys, then `/again`; the request is the machine's to remove.
    assert_eq!((second.before.keys, second.before.bytes), (second.after.keys, second.after.bytes));
    let memory = first.memory.unwrap();
    assert_eq!((memory.pages_before, memory.pages, memory.written), (1, 3, 512));
    let calls = first.calls().unwrap();
    let hosts: Vec<_> = calls.hosts.iter().map(|h| (h.function.name(), h.calls, h.failed, h.bytes)).collect();
    assert_eq!(hosts, [("store_write", 2, 0, 6), ("store_has", 1, 0, 0), ("write_debug", 2, 0, 70)]);
    assert_eq!(calls.keys_named, 2);
    assert_eq!((calls.sections[0].name.as_str(), calls.sections[0].times), ("deep", 1));
    assert_eq!(second.calls().unwrap().hosts.iter().map(|h| h.calls).sum::<u64>(), 3);
    assert_eq!(first.phases, second.phases);
    let lines = profile.lines(Rows(1)).join("\n");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/profile/reboots.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(file, format!("{lines}\n")).unwrap();
    }
    assert_eq!(lines, std::fs::read_to_string(file).unwrap().trim_end(), "UPDATE=1 writes {file}");
    let value = profile.to_json();
    assert_eq!(value["levels"][0]["runs"][1]["then"], "next inbox");
    assert_eq!(value["together"]["ticks"].as_u64().unwrap(), first.ticks.0 + second.ticks.0);
    assert_eq!(value["levels"][0]["together"]["functions"][0]["calls"].as_u64(), Some(8));
    assert_eq!(value, profile_wat(KERNEL, &[b"hi"]).to_json());
}

#[test]
fn files_of_several_runs() {
    let files = profile_wat(KERNEL, &[]).files().unwrap();
    let names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "profile.txt",
            "profile.json",
            "level-0-run-0.svg",
            "level-0-run-0.folded",
            "level-0-run-1.svg",
            "level-0-run-1.folded",
            "all.svg",
            "all.folded"
        ]
    );
    assert!(files[6].text.contains("2 runs: 11,9"));
    assert!(Profile::default().files().unwrap().is_empty());
}

#[test]
fn stacks_of_a_recursion() {
    let profile = profile_wat(KERNEL, &[]);
    let folded = profile.runs[1].folded();
    let stacks: Vec<_> = folded.stacks().map(|(stack, _)| stack).collect();
    assert_eq!(
        stacks,
        [
            "[decode]",
            "[init]",
            "[link]",
            "main",
            "main;down",
            "main;down;down",
            "main;down;down;down",
            "main;down;down;down;down",
            "main;store_has",
            "main;write_debug"
        ]
    );
    let picture = svg(&folded, "a kernel that reboots").unwrap();
    assert!(picture.contains("store_has ("));
}

#[test]
fn what_a_trap_takes_counts_to_who_trapped() {
    let wat = r#"(module (memory 1) (export "mem" (memory 0))
        (func $deep (i32.store (i32.const -1) (i32.const 0)))
        (func $main (export "kernel_run") (call $deep)))"#;
    let run = &profile_wat(wat, &[]).runs[0];
    assert!(matches!(run.end, RunEnd::Trapped { .. }), "{:?}", run.end);
    let functions = &run.calls().unwrap().functions;
    let found: Vec<_> = functions.iter().map(|f| (f.name.as_str(), f.calls)).collect();
    assert_eq!(found, [("deep", 1), ("main", 1)]);
    assert_eq!(functions[1].total, run.eval().0);
    assert_eq!(functions[0].own, functions[0].total);
}

#[test]
fn a_run_that_comes_to_its_bound_is_profiled_to_there() {
    let wat = r#"(module (import "smart_rollup_core" "write_debug" (func $debug (param i32 i32)))
        (memory 1) (export "mem" (memory 0))
        (func $work (call $debug (i32.const 0) (i32.const 4096)))
        (func (export "kernel_run") (loop (call $work) (br 0))))"#;
    let kernel = wat::parse_str(wat).unwrap();
    let exact = TickExact::new();
    let mut inside = 0;
    // Wherever it is cut, inside of a host call too, no tick is lost.
    for bound in (5_000..60_000).step_by(1117) {
        let mut machine = Machine::from_tree(&tree(&kernel)).unwrap();
        machine.limits.ticks_per_snapshot = TickSpan(bound);
        crate::support::give(&mut machine, 0, &crate::support::inbox(&[]));
        let runs = Profiler::new(&exact).go_on(&mut machine, Until::Inbox, &mut (), &mut ()).unwrap();
        crate::support::sums(&runs[0]);
        assert_eq!((runs[0].ticks.0, runs[0].left().0, runs[0].then), (bound, 0, None));
        assert!(matches!(runs[0].end, RunEnd::Stuck { .. }));
        inside += usize::from(runs[0].calls().is_some());
    }
    assert!(inside > 30, "{inside}");
}

#[test]
fn a_kernel_that_is_refused_has_phases_only() {
    let run =
        &profile_wat("(module (import \"nobody\" \"f\" (func)) (func (export \"kernel_run\")))", &[]).runs[0];
    assert_eq!(run.inside, Inside::NotCalled);
    assert!(run.phases.link.0 > 0 && run.phases.init.0 == 0);
    assert_eq!(run.eval(), TickSpan(0));
    let lines = run.lines(Rows::default()).join("\n");
    assert!(lines.contains("stuck for ever") && lines.contains("kernel_run was not called"), "{lines}");
}

#[test]
fn a_run_that_was_not_looked_into_says_so() {
    let mut profile = profile_wat(KERNEL, &[]);
    profile.runs[0].inside = Inside::Unknown { reason: "something new".to_owned() };
    crate::support::sums(&profile.runs[0]);
    let folded = profile.runs[0].folded();
    assert!(folded.stacks().any(|(stack, ticks)| (stack, ticks) == ("kernel_run", profile.runs[0].eval().0)));
    let lines = profile.lines(Rows::default()).join("\n");
    assert!(lines.contains("does not take this kernel (something new)"), "{lines}");
    assert!(lines.contains("the calls of 1 run are not known"), "{lines}");
    assert_eq!(profile.to_json()["levels"][0]["runs"][0]["unknown"], "something new");
}

#[test]
fn what_is_written_for_debugging_is_told_once() {
    let mut machine = Machine::from_tree(&tree(&wat::parse_str(KERNEL).unwrap())).unwrap();
    crate::support::give(&mut machine, 0, &crate::support::inbox(&[]));
    let exact = TickExact::new();
    let mut debug = Vec::new();
    let runs = Profiler::new(&exact).go_on(&mut machine, Until::Run, &mut (), &mut debug).unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!(machine.tick_state.name(), "Snapshot");
    assert_eq!(
        String::from_utf8(debug).unwrap(),
        "__wasm_debugger__::start_section(deep)__wasm_debugger__::end_section()"
    );
}
