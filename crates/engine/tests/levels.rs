//! Every run of the vectors with the constants of the protocol, level by level, with both compilers.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use soru_engine::Compiler;
use soru_pvm::replay::check;
use support::{engine, names, read, run_file};

fn replay_all(compiler: Compiler, retreats: u64) {
    let engine = engine(compiler);
    let mut failures = Vec::new();
    for name in names("levels", ".jsonl") {
        let run = run_file(&format!("levels/{name}.jsonl"));
        let found = run.replay(&read(&run.kernel), &engine, &mut ()).unwrap();
        if let Some(difference) = check(&run.lines, &found.lines) {
            let shown: String = difference.to_string().chars().take(300).collect();
            failures.push(format!("{name}: {shown} {:?}", found.failure));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(engine.status().retreats, retreats);
}

#[test]
fn cranelift_reproduces_the_vectors() {
    replay_all(Compiler::Cranelift, 0);
}

#[test]
fn singlepass_reproduces_the_vectors() {
    // Three kernels change tables.
    replay_all(Compiler::Singlepass, 3);
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
