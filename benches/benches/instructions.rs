//! Instructions of the processor that engines take for the same work, counted by Valgrind: no noise, so that a change of one in
//! a thousand can be seen. `cargo bench -p soru-bench --features instructions --bench instructions`.

use gungraun::prelude::*;
use soru_bench::{Bench, Engine, Ran, Ready, Start};
use soru_engine::Compiler;
use std::hint::black_box;

type Subject = (Box<dyn Ready>, Start);

/// A kernel that has run once: whatever is made at the first run is there.
fn ready(engine: Engine, bench: Bench, rounds: u32) -> Subject {
    let start = bench.start(rounds).expect("the kernel begins to run");
    let mut ready = engine.prepare(&start).expect("the engine takes the kernel");
    ready.run(&start).expect("the kernel returns");
    (ready, start)
}

fn fresh(engine: Engine, bench: Bench) -> (Engine, Start) {
    (engine, bench.start(1).expect("the kernel begins to run"))
}

#[library_benchmark(setup = ready)]
#[bench::compute(Engine::Reference, Bench::Compute, 2_000)]
#[bench::calls(Engine::Reference, Bench::Calls, 5)]
#[bench::memory(Engine::Reference, Bench::Memory, 1)]
#[bench::storage(Engine::Reference, Bench::Storage, 50)]
fn tick_step(subject: Subject) -> Ran {
    run(subject)
}

#[library_benchmark(setup = ready)]
#[bench::compute(Engine::TickExact, Bench::Compute, 100_000)]
#[bench::calls(Engine::TickExact, Bench::Calls, 300)]
#[bench::memory(Engine::TickExact, Bench::Memory, 3)]
#[bench::storage(Engine::TickExact, Bench::Storage, 50)]
#[bench::signatures(Engine::TickExact, Bench::Signatures, 1)]
#[bench::sdk(Engine::TickExact, Bench::Sdk, 20)]
fn tick_exact(subject: Subject) -> Ran {
    run(subject)
}

#[library_benchmark(setup = fresh)]
#[bench::tick_exact(Engine::TickExact, Bench::Signatures)]
#[bench::cranelift(Engine::Metered(Compiler::Cranelift), Bench::Signatures)]
#[bench::singlepass(Engine::Metered(Compiler::Singlepass), Bench::Signatures)]
fn first_run((engine, start): (Engine, Start)) -> Ran {
    let mut ready = engine.prepare(&start).expect("the engine takes the kernel");
    black_box(ready.run(&start).expect("the kernel returns"))
}

fn run((mut ready, start): Subject) -> Ran {
    black_box(ready.run(black_box(&start)).expect("the kernel returns"))
}

library_benchmark_group!(name = engines, benchmarks = [tick_step, tick_exact, first_run]);

main!(library_benchmark_groups = engines);
