//! The kernels of the vectors: the engines and the tick step are in the same state at the end of every `kernel_run`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use soru_conformance::lockstep::{Inputs, Look, compare};
use soru_pvm::replay::RunFile;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Sum, engines};

/// Most ticks of a run that the tick step follows.
const TICKS: u64 = 20_000_000;

/// Runs every kernel of a folder on everything.
fn all_of(runs: &str) -> (usize, Sum) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors");
    let entries = std::fs::read_dir(folder.join(runs)).unwrap();
    let mut runs: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    runs.sort();
    let (engines, sum, next) = (engines(), Mutex::new(Sum::default()), AtomicUsize::new(0));
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
    (runs.len(), sum)
}

#[test]
fn the_vectors_kernels_come_to_the_same_states() {
    let (kernels, sum) = all_of("levels");
    assert_eq!(sum.kernels, kernels);
    assert!(sum.runs > 1000);
}

/// Kernels that no validator takes, that break a rule of the machine or just keep it.
#[test]
fn kernels_at_the_border_of_the_rules_come_to_the_same_states() {
    let (kernels, sum) = all_of("expected/invalid");
    assert_eq!((kernels, sum.kernels), (114, 114));
    assert!(sum.stuck > 90 && sum.finished > 30 && sum.too_long == 0 && sum.uncounted == 0, "{sum:?}");
    // Modules that are invalid as a whole are left to the ticks.
    assert!(sum.unsupported <= 25, "{sum:?}");
}
