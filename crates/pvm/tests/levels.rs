//! Every run of the vectors with the constants of the protocol, level by level.

mod support;

use soru_pvm::replay::check;
use support::{Interpreter, kernel_of, names, run_file};

/// Runs whose end this crate alone cannot know, and why.
const OPEN: [(&str, &str); 0] = [];

#[test]
fn levels_are_those_of_the_reference() {
    let runner = Interpreter::default();
    let mut failures = Vec::new();
    for name in names("levels", ".jsonl") {
        let run = run_file(&format!("levels/{name}.jsonl"));
        let found = run.replay(&kernel_of(&run), &runner, &mut ()).expect("the state is whole");
        match (check(&run.lines, &found.lines), found.failure) {
            (None, None) => println!("{name}: ok {}", run.levels.len()),
            (difference, failure) => failures.push(format!(
                "{name}: {} | {}",
                failure.map_or("".to_owned(), |(level, e)| format!("level {level}: {e}")),
                difference.map_or("".to_owned(), |d| d.to_string().chars().take(300).collect())
            )),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(OPEN.is_empty());
}
