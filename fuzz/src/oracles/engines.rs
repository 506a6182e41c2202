//! The engines, side by side.

use crate::generators::kernel;
use arbitrary::{Arbitrary, Result, Unstructured};
use soru_base::TickSpan;
use soru_base::level::Level;
use soru_conformance::generate::{shapes, smith};
use soru_conformance::lockstep::{Inputs, Look, compare};
use soru_exact::TickExact;
use soru_pvm::run::Runner;
use soru_pvm::{Limits, Version};
use std::collections::BTreeMap;
use std::sync::LazyLock;

static EXACT: LazyLock<TickExact> = LazyLock::new(TickExact::new);

#[cfg(feature = "engine")]
static COMPILED: LazyLock<[soru_engine::Engine; 2]> = LazyLock::new(|| {
    use soru_engine::{Compiler, Engine, Options};
    [Compiler::Cranelift, Compiler::Singlepass].map(|compiler| {
        let deadline = std::time::Duration::from_secs(4);
        Engine::new(Options { compiler, deadline, ..Options::default() }).expect("an engine")
    })
});

/// Most ticks of a run that the tick step makes.
const BUDGET: u64 = 150_000;

/// Kernels of all kinds, those that no validator takes among them: the tick step, the tick-exact interpreter and the compilers come
/// to the same states after every run, and take the same ticks for it; the interpreter comes to the same states at some
/// ticks inside. A part of the runs get stuck at a bound that is not far.
pub fn engines_agree(bytes: &[u8]) {
    let Ok((kernel, inputs, look)) = case(bytes) else { return };
    let exact: (&str, &dyn Runner) = ("tick-exact", &*EXACT);
    #[cfg(feature = "engine")]
    let engines = [exact, ("cranelift", &COMPILED[0]), ("singlepass", &COMPILED[1])];
    #[cfg(not(feature = "engine"))]
    let engines = [exact];
    if let Err(difference) = compare(&kernel, &inputs, &engines, Some(look)) {
        panic!("{difference}: {:?} {}", inputs.limits.ticks_per_snapshot, hex::encode(&kernel));
    }
}

fn case(bytes: &[u8]) -> Result<(Vec<u8>, Inputs, Look)> {
    let mut source = Unstructured::new(bytes);
    let (kind, bound, seed) =
        (u8::arbitrary(&mut source)?, u16::arbitrary(&mut source)?, u8::arbitrary(&mut source)?);
    let rest = source.take_rest();
    let kernel = match kind % 8 {
        0 => rest.to_vec(),
        1 => kernel(rest)?,
        2..=4 => shapes::kernel(rest),
        _ => smith::kernel(rest).ok_or(arbitrary::Error::IncorrectFormat)?,
    };
    // Raw kernels begin nowhere near a bound of their own: loops without an end are some of them.
    let most = match kind / 8 % 4 {
        0 => u64::from(bound) * 4,
        _ if kind % 8 == 0 => 100_000,
        _ => Limits::FIRST.ticks_per_snapshot.0,
    };
    let limits = Limits { ticks_per_snapshot: TickSpan(most.max(100)), ..Limits::FIRST };
    let version = Version::ALL[usize::from(kind / 32) % Version::ALL.len()];
    let level = |number: u32, external: &[&[u8]]| {
        let mut messages = vec![vec![0, 1], [&[0, 3][..], &[7; 40]].concat()];
        messages.extend(external.iter().map(|text| [b"\x01", *text].concat()));
        messages.push(vec![0, 2]);
        (Level::new(number).expect("a small level"), messages)
    };
    let levels = vec![level(7, &[b"hello", &[9; 300]]), level(8, &[b""])];
    let inputs = Inputs { version, limits, max_reboots: 1, levels, reveals: BTreeMap::new() };
    Ok((kernel, inputs, Look { budget: BUDGET, places: 6, ends: 2, seed: seed.into() }))
}
