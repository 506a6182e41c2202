//! The figures that are held against what was promised.

use super::Report;
use crate::engine::{COMPILERS, Engine};
use crate::kernels::Bench;
use crate::samples::significant;
use crate::speed::KernelSpeed;
use serde_json::{Map, Value, json};
use soru_engine::Compiler;

/// Ticks a second of the public reference machine in the evaluation of a kernel, the faster end of what was measured: on
/// another machine than this one, alike but not the same, and another kernel.
const PUBLIC_REFERENCE: f64 = 2_500_000.0;

/// How many times as long one engine takes as another, on a kernel.
pub(super) struct Ratio {
    pub(super) bench: Bench,
    pub(super) slow: Engine,
    pub(super) fast: Engine,
    /// The median of the rounds.
    pub(super) median: f64,
    /// The smallest and the largest.
    pub(super) range: (f64, f64),
}

/// Metered over unmetered, and unmetered over plain, on all kernels, with both compilers.
pub(super) fn ratios(kernels: &[KernelSpeed]) -> Vec<Ratio> {
    let metered = |compiler| (Engine::Metered(compiler), Engine::Unmetered(compiler));
    let unmetered = |compiler| (Engine::Unmetered(compiler), Engine::Plain(compiler));
    let pairs: Vec<_> = COMPILERS.map(metered).into_iter().chain(COMPILERS.map(unmetered)).collect();
    let of = |kernel: &KernelSpeed, (slow, fast)| {
        let samples = kernel.ratio(slow, fast)?;
        Some(Ratio { bench: kernel.bench, slow, fast, median: samples.median(), range: samples.range() })
    };
    pairs.into_iter().flat_map(|pair| kernels.iter().filter_map(move |kernel| of(kernel, pair))).collect()
}

/// One object of numbers; `null` where nothing was measured.
pub(super) fn summary(report: &Report) -> Value {
    let kernels = report.kernels.as_deref().unwrap_or_default();
    let mut summary = Map::new();
    let mut put = |key: &str, value: Option<f64>| {
        summary.insert(key.to_owned(), value.map_or(Value::Null, |value| json!(significant(value))));
    };
    let ratios = ratios(kernels);
    let worst = |of: fn(&Ratio) -> bool| ratios.iter().filter(|r| of(r)).map(|r| r.median).reduce(f64::max);
    put("metered_over_unmetered", worst(|ratio| matches!(ratio.slow, Engine::Metered(_))));
    put("unmetered_over_plain", worst(|ratio| matches!(ratio.slow, Engine::Unmetered(_))));

    let disputes = report.disputes.as_deref().unwrap_or_default();
    let slowest =
        |seconds: fn(&crate::dispute::DisputeCost) -> f64| disputes.iter().map(seconds).reduce(f64::max);
    put("dissection_11g_seconds", slowest(|dispute| dispute.first_dissection()));
    put("dissection_next_move_seconds", slowest(|dispute| dispute.next_dissection()));
    put("proof_seconds", slowest(|dispute| dispute.proof()));

    let kernel = |bench| kernels.iter().find(|kernel| kernel.bench == bench);
    for (name, bench) in [("compute", Bench::Compute), ("store", Bench::Storage)] {
        let kernel = kernel(bench);
        let ratio = kernel.and_then(|kernel| kernel.ratio(Engine::Reference, Engine::TickExact));
        put(&format!("tick_exact_over_reference_{name}"), ratio.map(|ratio| ratio.median()));
        let rate = kernel.and_then(|kernel| Some(kernel.of(Engine::TickExact)?.rate().median()));
        put(&format!("tick_exact_over_public_reference_{name}"), rate.map(|rate| rate / PUBLIC_REFERENCE));
    }

    put("catch_up_levels_per_second", report.catch_up.as_ref().map(|cost| cost.rate()));
    let many = report.messages.as_deref().unwrap_or_default().iter();
    let many = many.filter(|cost| cost.messages == 10_000 && cost.compiler == Compiler::default());
    put("messages_10000_seconds", many.map(|cost| cost.seconds.median()).next());
    let commit = report.commit.as_ref().filter(|cost| (cost.keys, cost.changes) == (1_000_000, 100));
    put("commit_100_of_1m_keys_ms", commit.map(|cost| cost.commit.median() * 1000.0));
    Value::Object(summary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Host;
    use crate::samples::Samples;
    use crate::speed::EngineSpeed;

    fn kernel(bench: Bench, seconds: &[(Engine, [f64; 3])]) -> KernelSpeed {
        let speed = |(engine, seconds): &(Engine, [f64; 3])| EngineSpeed {
            engine: *engine,
            ticks: 5_000_000,
            seconds: Samples(seconds.to_vec()),
            first: 1.0,
        };
        KernelSpeed { bench, bytes: 1, engines: seconds.iter().map(speed).collect() }
    }

    #[test]
    fn what_was_not_measured_is_null_and_has_its_key() {
        let found = summary(&Report::new(Host::here(), true));
        let keys = [
            "metered_over_unmetered",
            "unmetered_over_plain",
            "dissection_11g_seconds",
            "dissection_next_move_seconds",
            "proof_seconds",
            "tick_exact_over_reference_compute",
            "tick_exact_over_reference_store",
            "tick_exact_over_public_reference_compute",
            "tick_exact_over_public_reference_store",
            "catch_up_levels_per_second",
            "messages_10000_seconds",
            "commit_100_of_1m_keys_ms",
        ];
        let object = found.as_object().unwrap();
        assert_eq!(object.len(), keys.len());
        assert!(keys.iter().all(|key| object.get(*key).is_some_and(Value::is_null)));
    }

    #[test]
    fn ratios_are_medians_of_rounds_and_the_worst_counts() {
        const METERED: Engine = Engine::Metered(Compiler::Cranelift);
        const UNMETERED: Engine = Engine::Unmetered(Compiler::Cranelift);
        let mut report = Report::new(Host::here(), true);
        report.kernels = Some(vec![
            kernel(Bench::Compute, &[(METERED, [1.1, 2.2, 3.3]), (UNMETERED, [1.0, 2.0, 3.0])]),
            kernel(Bench::Calls, &[(METERED, [1.5, 1.0, 1.2]), (UNMETERED, [1.0, 1.0, 1.0])]),
            kernel(Bench::Storage, &[(Engine::TickExact, [1.0; 3]), (Engine::Reference, [50.0; 3])]),
        ]);
        let found = summary(&report);
        assert_eq!(found["metered_over_unmetered"], 1.2);
        assert_eq!(found["unmetered_over_plain"], Value::Null);
        assert_eq!(found["tick_exact_over_reference_store"], 50.0);
        assert_eq!(found["tick_exact_over_public_reference_store"], 2.0);
    }
}
