//! The machine against the measured facts of the reference machine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod engine;
mod expected;
mod levels;
mod repeat;
mod states;

use soru_pvm::replay::RunFile;
use std::path::{Path, PathBuf};

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors")
}

fn run_file(path: &str) -> RunFile {
    let text = std::fs::read_to_string(vectors().join(path)).expect("the vectors are there");
    RunFile::parse(&text).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn kernel_of(run: &RunFile) -> Vec<u8> {
    std::fs::read(vectors().join(&run.kernel)).expect("the kernels are there")
}

/// Names of the files in a folder of the vectors, without their ending.
fn names(folder: &str, ending: &str) -> Vec<String> {
    let entries = std::fs::read_dir(vectors().join(folder)).expect("the vectors are there");
    let names = entries.filter_map(|e| Some(e.ok()?.file_name().to_str()?.strip_suffix(ending)?.to_owned()));
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// Files of recorded runs; the one about opcodes has another form.
fn recorded() -> Vec<String> {
    let runs = names("expected", ".jsonl").into_iter().filter(|name| name != "opcodes");
    let borders = names("expected/invalid", ".jsonl").into_iter().map(|name| format!("invalid/{name}"));
    runs.chain(borders).map(|name| format!("expected/{name}.jsonl")).collect()
}
