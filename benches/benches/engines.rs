//! Ticks of each engine on each kernel, watched by Criterion: `cargo bench -p soru-bench --bench engines`.
//!
//! Criterion runs one after another and compares with its last time; `soru bench` runs them in turns and compares them with each
//! other.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use soru_bench::{Bench, Engine, Size};
use soru_engine::Compiler;
use std::time::Duration;

fn engines(c: &mut Criterion) {
    let compared = [Engine::Reference, Engine::TickExact, Engine::Metered(Compiler::Cranelift)];
    for bench in Bench::COMPARED {
        let mut group = c.benchmark_group(bench.name());
        group.sample_size(10).measurement_time(Duration::from_secs(3));
        for engine in compared {
            let size = if engine.is_slow() { Size::Least } else { Size::Small };
            let start = bench.start(bench.rounds(size)).expect("the kernel begins to run");
            let mut ready = engine.prepare(&start).expect("the engine takes the kernel");
            let ticks = ready.run(&start).expect("the kernel returns").ticks.expect("its ticks are counted");
            group.throughput(Throughput::Elements(ticks.0));
            // What is around a run, the making of a state, is not counted.
            let mut run = || ready.run(&start).expect("the kernel returns").time;
            group.bench_function(BenchmarkId::from_parameter(engine.name()), |bencher| {
                bencher.iter_custom(|times| (0..times).map(|_| run()).sum());
            });
        }
        group.finish();
    }
}

fn first_runs(c: &mut Criterion) {
    let mut group = c.benchmark_group("first run of the kernel library");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    let start = Bench::Signatures.start(1).expect("the kernel begins to run");
    for engine in
        [Engine::TickExact, Engine::Metered(Compiler::Cranelift), Engine::Metered(Compiler::Singlepass)]
    {
        group.bench_function(BenchmarkId::from_parameter(engine.name()), |bencher| {
            bencher.iter(|| {
                let mut ready = engine.prepare(&start).expect("the engine takes the kernel");
                ready.run(&start).expect("the kernel returns").time
            });
        });
    }
    group.finish();
}

criterion_group!(benches, engines, first_runs);
criterion_main!(benches);
