//! The kernels of the vectors: the parts of each run come to what the machine counts.

use crate::support::{by_ticks, give, sums};
use proptest::prelude::*;
use soru_base::tick::TickSpan;
use soru_exact::TickExact;
use soru_profile::{Profiler, Until};
use soru_pvm::Machine;
use soru_pvm::replay::{RunFile, RunKind};
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors")
}

/// The runs of the vectors that are about ticks, with their kernels.
fn files() -> Vec<(RunFile, Vec<u8>)> {
    let mut found = Vec::new();
    for part in ["expected", "expected/invalid"] {
        let entries = std::fs::read_dir(folder().join(part)).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths.iter().filter(|path| path.extension().is_some_and(|ending| ending == "jsonl")) {
            let run = RunFile::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
            if run.kind() == RunKind::Ticks {
                let kernel = std::fs::read(folder().join(&run.kernel)).unwrap();
                found.push((run, kernel));
            }
        }
    }
    assert!(found.len() > 30);
    found
}

/// Profiles a run and counts its ticks one by one. Says how many runs of `kernel_run` there were.
fn compare(run: &RunFile, kernel: &[u8], ticks_per_snapshot: TickSpan) -> usize {
    let mut setup = run.setup();
    setup.limits.ticks_per_snapshot = ticks_per_snapshot;
    let mut machine = Machine::from_tree(&setup.boot(kernel).unwrap()).unwrap();
    let exact = TickExact::new();
    let mut profiler = Profiler::new(&exact);
    let mut count = 0;
    for level in &run.levels {
        if machine.stuck_error().is_some() {
            return count;
        }
        give(&mut machine, level.level.get(), &level.messages);
        // Up to the first run.
        while machine.tick_state.name() == "Padding" {
            machine
                .step(ticks_per_snapshot.0 - machine.current_tick.0 % ticks_per_snapshot.0, &mut ())
                .unwrap();
        }
        while machine.tick_state.name() == "Snapshot" {
            let Some(expected) = by_ticks(&machine, &mut run.reveals.clone()) else { return count };
            let runs = profiler.go_on(&mut machine, Until::Run, &mut run.reveals.clone(), &mut ()).unwrap();
            assert_eq!(runs.len(), 1, "{}", run.kernel);
            assert_eq!(runs[0].ticks.0, expected, "{}", run.kernel);
            sums(&runs[0]);
            count += 1;
        }
    }
    count
}

#[test]
fn the_parts_of_each_run_are_its_ticks() {
    let all: usize =
        files().iter().map(|(run, kernel)| compare(run, kernel, run.limits.ticks_per_snapshot)).sum();
    assert!(all > 60, "{all}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Wherever the bound cuts a run off.
    #[test]
    fn the_parts_of_a_run_that_is_cut_are_its_ticks(which in any::<prop::sample::Index>(), part in 0.0..1.1f64) {
        let files = files();
        let (run, kernel) = which.get(&files);
        let whole = run.limits.ticks_per_snapshot.0.min(200_000);
        compare(run, kernel, TickSpan(10 + (whole as f64 * part) as u64));
    }
}
