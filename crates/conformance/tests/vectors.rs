//! The kernels of the vectors: the engines and the tick step are in the same state at the end of every `kernel_run`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use soru_conformance::lockstep::{Inputs, Look, compare};
use soru_pvm::replay::RunFile;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Engines, Sum};

/// Most ticks of a run that the tick step follows.
const TICKS: u64 = 20_000_000;

#[test]
fn the_vectors_kernels_come_to_the_same_states() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors");
    let entries = std::fs::read_dir(folder.join("levels")).unwrap();
    let mut runs: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    runs.sort();
    let (engines, sum, next) = (Engines::new(), Mutex::new(Sum::default()), AtomicUsize::new(0));
    let work = || {
        while let Some(path) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let run = RunFile::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
            let kernel = std::fs::read(folder.join(&run.kernel)).unwrap();
            let inputs = Inputs {
                version: run.version,
                limits: run.limits,
                max_reboots: run.max_reboots,
                levels: run.levels.into_iter().map(|level| (level.level, level.messages)).collect(),
                reveals: run.reveals.0,
            };
            match compare(&kernel, &inputs, &engines.list(), Some(Look::within(TICKS))) {
                Ok(compared) => sum.lock().unwrap().add(compared),
                Err(difference) => panic!("{}: {difference}", path.display()),
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let sum = sum.into_inner().unwrap();
    println!("{sum:?}");
    assert_eq!(sum.kernels, runs.len());
    assert!(sum.runs > 1000);
}
