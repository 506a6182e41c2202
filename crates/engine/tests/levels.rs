//! Every run of the vectors with the constants of the protocol, level by level, with both compilers.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use soru_engine::Compiler;
use soru_pvm::replay::check;
use support::{engine, names, read, run_file, stuck};

/// Runs that end stuck for ever, with the machine's words. The state then holds the tick at which it happened, and ticks
/// are not counted yet: what comes before is compared, and that the run ends there.
const STUCK: [(&str, &str); 3] = [
    ("recursion", "call stack exhausted"),
    ("trap_null", "uninitialized element 0"),
    ("trap_undefined", "undefined element 2"),
];

fn replay_all(compiler: Compiler) {
    let engine = engine(compiler);
    let mut failures = Vec::new();
    for name in names("levels", ".jsonl") {
        let run = run_file(&format!("levels/{name}.jsonl"));
        let found = run.replay(&read(&run.kernel), &engine, &mut ()).unwrap();
        let until = match STUCK.iter().find(|(stuck, _)| *stuck == name) {
            None => run.lines.len(),
            Some((_, words)) => {
                let at = run.lines.iter().position(|line| line["state"] == "Stuck").unwrap();
                assert_eq!(stuck(&found), Some(*words), "{name}");
                assert_eq!(run.lines[at]["error"]["explanation"], *words, "{name}");
                at
            }
        };
        if let Some(difference) = check(&run.lines[..until], &found.lines) {
            let shown: String = difference.to_string().chars().take(300).collect();
            failures.push(format!("{name}: {shown} {:?}", found.failure));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(engine.status().retreats, 0);
}

#[test]
fn cranelift_reproduces_the_vectors() {
    replay_all(Compiler::Cranelift);
}

#[test]
fn singlepass_reproduces_the_vectors() {
    replay_all(Compiler::Singlepass);
}

#[test]
fn one_engine_serves_many_threads() {
    let engine = engine(Compiler::Singlepass);
    let run = run_file("levels/echo.jsonl");
    let kernel = read(&run.kernel);
    std::thread::scope(|scope| {
        let replay = || run.replay(&kernel, &engine, &mut ()).unwrap().lines;
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(replay)).collect();
        for thread in threads {
            assert_eq!(check(&run.lines, &thread.join().unwrap()), None);
        }
    });
    assert_eq!(engine.status().compiled, 1);
}
