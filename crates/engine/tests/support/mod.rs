//! The vectors, engines, and a machine around a kernel of a test.
#![allow(dead_code, reason = "each test file uses a part of it")]

use soru_base::tick::TickSpan;
use soru_engine::{Compiler, Engine, Options};
use soru_pvm::host::HostState;
use soru_pvm::replay::{Replayed, RunFile};
use soru_pvm::run::{Kernel, Outcome, Runner, RunnerError};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

pub(crate) const COMPILERS: [Compiler; 2] = [Compiler::Cranelift, Compiler::Singlepass];

pub(crate) fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors")
}

pub(crate) fn read(path: &str) -> Vec<u8> {
    std::fs::read(vectors().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) fn run_file(path: &str) -> RunFile {
    let text = String::from_utf8(read(path)).unwrap();
    RunFile::parse(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Names of the files in a folder of the vectors, without their ending.
pub(crate) fn names(folder: &str, ending: &str) -> Vec<String> {
    let entries = std::fs::read_dir(vectors().join(folder)).unwrap();
    let name = |path: PathBuf| path.file_name()?.to_str()?.strip_suffix(ending).map(str::to_owned);
    let mut names: Vec<_> = entries.filter_map(|entry| name(entry.unwrap().path())).collect();
    names.sort();
    assert!(!names.is_empty());
    names
}

pub(crate) fn engine(compiler: Compiler) -> Engine {
    Engine::new(Options { compiler, ..Options::default() }).unwrap()
}

/// A run of a kernel of our own: levels from 0 on, with these external messages.
pub(crate) fn run_of(levels: &[&[&[u8]]]) -> RunFile {
    run_of_version("2.0.0", levels)
}

/// The same for a version of the machine.
pub(crate) fn run_of_version(version: &str, levels: &[&[&[u8]]]) -> RunFile {
    let level = |(level, external): (usize, &&[&[u8]])| {
        let mut messages = vec!["0001".to_owned(), format!("0003{}", "00".repeat(40))];
        messages.extend(external.iter().map(hex::encode));
        messages.push("0002".to_owned());
        serde_json::json!({ "level": level, "messages": messages })
    };
    let levels: Vec<_> = levels.iter().enumerate().map(level).collect();
    let metadata = "11".repeat(20) + "00000000";
    let header = serde_json::json!({
        "format": "wasm-pvm-vectors 1", "kernel": "none", "pvm_version": version,
        "ticks_per_snapshot": 11_000_000_000u64, "outbox_validity_period": 80640, "outbox_message_limit": 100,
        "max_reboots": 1000, "levels": levels, "reveals": { "01": metadata },
    });
    RunFile::parse(&header.to_string()).unwrap()
}

/// How a run ended. Errors are compared by their kind.
pub(crate) type End = Result<Outcome, Undecided>;

/// The kinds of [`RunnerError`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Undecided {
    Deadline,
    Unsupported,
    NoNextState,
    Other(String),
}

impl From<&RunnerError> for Undecided {
    fn from(error: &RunnerError) -> Self {
        match error {
            RunnerError::Deadline { .. } => Self::Deadline,
            RunnerError::Unsupported { .. } => Self::Unsupported,
            RunnerError::NoNextState { .. } => Self::NoNextState,
            other => Self::Other(other.to_string()),
        }
    }
}

/// What each call of `kernel_run` of a run came to, and the run itself.
pub(crate) fn outcomes(engine: &Engine, kernel: &[u8], run: &RunFile) -> (Vec<End>, Replayed) {
    let recorder = Recorder { engine, seen: Mutex::default() };
    let replayed = run.replay(kernel, &recorder, &mut ()).unwrap();
    (recorder.seen.into_inner().unwrap(), replayed)
}

/// What the only call of `kernel_run` of a kernel in text form comes to.
pub(crate) fn outcome_of(engine: &Engine, text: &str) -> End {
    let kernel = wat::parse_str(text).unwrap();
    let (mut seen, _) = outcomes(engine, &kernel, &run_of(&[&[]]));
    assert_eq!(seen.len(), 1);
    seen.remove(0)
}

/// Passes everything on to an engine and keeps what it says. What the engine leaves to the ticks ends there: they are the
/// machine's business, and can be many.
pub(crate) struct Recorder<'a> {
    engine: &'a Engine,
    seen: Mutex<Vec<End>>,
}

impl Runner for Recorder<'_> {
    fn kernel_run(&self, kernel: &Kernel, host: &mut HostState<'_>) -> Result<Outcome, RunnerError> {
        // The compiled run is what is looked at, however few ticks it may take.
        host.ticks = TickSpan(u64::MAX);
        let result = self.engine.kernel_run(kernel, host);
        self.seen.lock().unwrap().push(result.clone().map_err(|error| Undecided::from(&error)));
        match result {
            Err(RunnerError::Unsupported { reason }) => Err(RunnerError::Engine(reason)),
            result => result,
        }
    }
}
