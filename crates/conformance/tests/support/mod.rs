//! Engines, inputs, how many cases.
#![allow(dead_code, reason = "each test file uses a part of it")]

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use soru_base::level::Level;
use soru_conformance::engines::Engines;
use soru_conformance::lockstep::{Compared, Inputs};
use soru_pvm::level::RunEnd;
use soru_pvm::{Limits, Version};
use std::collections::BTreeMap;

/// How many cases a property is tried on: the variable's value, or so many.
pub(crate) fn cases(of_ci: u32) -> u32 {
    let variable = std::env::var("SORU_CONFORMANCE_CASES").ok();
    variable.map_or(of_ci, |text| text.parse().expect("SORU_CONFORMANCE_CASES: a number"))
}

/// The same cases each time, unless more of them are asked for than usual.
pub(crate) fn test_runner(of_ci: u32) -> TestRunner {
    let cases = cases(of_ci);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    if cases == of_ci {
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
    } else {
        TestRunner::new(config)
    }
}

/// All that there are.
pub(crate) fn engines() -> Engines {
    #[cfg(feature = "engine")]
    return Engines::all().unwrap();
    #[cfg(not(feature = "engine"))]
    Engines::without_compilers()
}

/// Some levels with some messages.
pub(crate) fn inputs() -> Inputs {
    let level = |number: u32, external: &[&[u8]]| {
        let mut messages = vec![vec![0, 1], [&[0, 3][..], &[7; 40]].concat()];
        messages.extend(external.iter().map(|text| [b"\x01", *text].concat()));
        messages.push(vec![0, 2]);
        (Level::new(number).unwrap(), messages)
    };
    Inputs {
        version: Version::V0,
        limits: Limits::FIRST,
        max_reboots: 2,
        levels: vec![level(7, &[b"hello", &[9; 300]]), level(8, &[b""])],
        reveals: BTreeMap::new(),
    }
}

/// What came of many kernels.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    pub(crate) kernels: usize,
    pub(crate) runs: usize,
    pub(crate) runs_by_tick: usize,
    pub(crate) counted: usize,
    pub(crate) uncounted: usize,
    pub(crate) looks: usize,
    pub(crate) values: usize,
    pub(crate) too_long: usize,
    pub(crate) finished: usize,
    pub(crate) trapped: usize,
    pub(crate) refused: usize,
    pub(crate) stuck: usize,
    pub(crate) undecided: usize,
    pub(crate) unsupported: usize,
    pub(crate) levels_by_tick: usize,
    pub(crate) reasons: BTreeMap<String, usize>,
}

impl Sum {
    pub(crate) fn add(&mut self, compared: Compared) {
        self.kernels += 1;
        self.runs += compared.runs;
        self.values += compared.values;
        self.runs_by_tick += compared.runs_by_tick;
        self.counted += compared.counted;
        self.uncounted += compared.uncounted;
        self.looks += compared.looks;
        self.too_long += compared.too_long;
        for end in compared.ends {
            if let RunEnd::FellBack { reason, .. }
            | RunEnd::Stuck { reason, .. }
            | RunEnd::Trapped { reason } = &end
            {
                *self.reasons.entry(reason.chars().take(60).collect()).or_default() += 1;
            }
            *match end {
                RunEnd::Finished => &mut self.finished,
                RunEnd::Trapped { .. } => &mut self.trapped,
                RunEnd::FellBack { .. } | RunEnd::Stuck { .. } | RunEnd::TickByTick { .. } => {
                    &mut self.refused
                }
            } += 1;
        }
        self.stuck += usize::from(compared.stuck.is_some());
        self.undecided += usize::from(compared.undecided.is_some());
        for (name, reason) in &compared.unsupported {
            let reason: String = reason.chars().take(60).collect();
            *self.reasons.entry(format!("{name} does not take it: {reason}")).or_default() += 1;
        }
        self.unsupported += usize::from(!compared.unsupported.is_empty());
        self.levels_by_tick += compared.levels_by_tick;
        for reason in [compared.stuck, compared.undecided].into_iter().flatten() {
            *self.reasons.entry(reason.chars().take(60).collect()).or_default() += 1;
        }
    }
}
