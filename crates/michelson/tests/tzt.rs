//! The project's own TZT files: every instruction, what it refuses and where it stops.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use soru_michelson::Prim;
use soru_michelson::text::{Shape, Syntax};
use soru_michelson::tzt::{Report, Test, Verdict, run};
use std::collections::BTreeSet;
use std::path::Path;

fn files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/tzt");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let tests = paths.filter(|path| path.extension().is_some_and(|extension| extension == "tzt"));
    tests
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

#[test]
fn every_test_passes() {
    let mut report = Report::default();
    for (name, text) in files() {
        report.add(&name, &text);
    }
    let [passed, refused, failed] = report.counts();
    assert!(passed > 300 && refused == 0 && failed == 0, "{report}");
}

/// Instructions that are refused.
const REFUSED: [Prim; 5] = [
    Prim::CREATE_ACCOUNT,
    Prim::STEPS_TO_QUOTA,
    Prim::TICKET_DEPRECATED,
    Prim::SAPLING_EMPTY_STATE,
    Prim::SAPLING_VERIFY_UPDATE,
];

#[test]
fn every_instruction_is_tested() {
    let mut used = BTreeSet::new();
    for (_, text) in files() {
        let mut pending = vec![Syntax::script(&text).unwrap()];
        while let Some(mut node) = pending.pop() {
            pending.extend(node.take_children());
            if let Shape::Prim { name, .. } = &node.shape {
                used.extend(name.parse::<Prim>());
            }
        }
    }
    // Data (`Pair`) and types (`pair`) are not in capitals.
    let instructions =
        Prim::ALL.iter().filter(|prim| !prim.name().contains(|c: char| c.is_ascii_lowercase()));
    let untested: Vec<_> =
        instructions.filter(|prim| !used.contains(prim) && !REFUSED.contains(prim)).collect();
    assert!(untested.is_empty(), "{untested:?}");
}

#[test]
fn what_else_comes_is_told() {
    let verdict = |text: &str| run(Test::parse(text).unwrap());
    let failed = |text: &str, why: &str| match verdict(text) {
        Verdict::Failed(found) => assert!(found.contains(why), "{text}: {found}"),
        other => panic!("{text}: {other:?}"),
    };
    failed(
        "code { ADD } ; input { Stack_elt int 1 ; Stack_elt int 2 } ; output { Stack_elt int 4 }",
        "it left [int 3]",
    );
    failed("code { } ; input { Stack_elt int 1 } ; output { Stack_elt nat 1 }", "it left [int 1]");
    failed("code { } ; input { Stack_elt int 1 } ; output { }", "it left [int 1]");
    failed("code { } ; input { } ; output (StaticError _)", "it left []");
    failed("code { ADD } ; input { } ; output { }", "it was refused");
    failed("code { FAIL } ; input { } ; output (Failed 1)", "it failed with Unit");
    failed("code { FAIL } ; input { } ; output Overflow", "it stopped");
    assert_eq!(verdict("code { FAIL } ; input { } ; output (Failed _)"), Verdict::Passed);
    assert_eq!(
        verdict("code { SAPLING_EMPTY_STATE 8 } ; input { } ; output (StaticError _)"),
        Verdict::Refused("Sapling".to_owned())
    );
    for unreadable in [
        "code { }",
        "code { } ; code { }",
        "input 1",
        "what 1",
        "code {",
        "code { } ; input { int } ; output { }",
    ] {
        assert!(Test::parse(unreadable).is_err(), "{unreadable}");
    }
}
