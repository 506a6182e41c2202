//! The test suite of WebAssembly, on every target.

use soru_conformance::suite::{Report, TARGETS, run};
use soru_conformance::table::{expectations, page};
use std::path::Path;

/// Everything passes or is left out, the targets agree, and no less passes than the table says.
#[test]
fn the_suite_passes_as_far_as_the_table_says() {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let reports = run(threads.min(4)).unwrap();
    let problems: Vec<_> = reports.iter().flat_map(problems).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));

    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = [
        (here.join("expected.tsv"), expectations(&reports)),
        (here.join("../../book/src/reference/conformance.md"), page(&reports)),
    ];
    for (path, found) in files {
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        let differs = expected.lines().zip(found.lines()).find(|(expected, found)| expected != found);
        assert!(
            expected == found,
            "{} does not say what was found (if that is meant, run again with BLESS=1): {differs:?}",
            path.display()
        );
    }
}

fn problems(report: &Report) -> Vec<String> {
    let mut problems = Vec::new();
    for (tally, target) in report.tallies.iter().zip(TARGETS) {
        for (line, found) in &tally.failed {
            problems.push(format!("{target}, {}.wast:{line}: {found}", report.name));
        }
    }
    for (line, what) in &report.differences {
        problems.push(format!("{}.wast:{line}: the targets do not agree: {what}", report.name));
    }
    if report.retreats > 0 {
        problems.push(format!("{}: singlepass does not take {} modules", report.name, report.retreats));
    }
    problems
}
