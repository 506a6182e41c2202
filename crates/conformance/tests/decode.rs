//! Damaged kernels: the engines refuse what the machine refuses, with the same words.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseError;
use soru_conformance::compiled;
use soru_conformance::generate::{shapes, smith};
use soru_conformance::tick_step;
use soru_pvm::state::StuckText;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use support::test_runner;

/// Longer kernels have nothing that these have not.
const MAX_LEN: usize = 3000;
/// Billions of locals take as many ticks.
const MAX_TICKS: u64 = 100_000;

fn kernels() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors/kernels");
    let mut paths = Vec::new();
    for folder in [folder.clone(), folder.join("invalid")] {
        paths.extend(std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    }
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "wasm"));
    paths.sort();
    paths
        .into_iter()
        .map(|path| std::fs::read(path).unwrap())
        .filter(|kernel| kernel.len() <= MAX_LEN)
        .collect()
}

#[derive(Debug, Clone)]
enum Damage {
    Set(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Cut(Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    // Bytes that mean something.
    let byte = prop_oneof![any::<u8>(), 0u8..16, Just(0x7f), Just(0x80), Just(0xfc), Just(0xfd), Just(0xff)];
    prop_oneof![
        6 => (any::<Index>(), byte.clone()).prop_map(|(place, byte)| Damage::Set(place, byte)),
        2 => (any::<Index>(), byte).prop_map(|(place, byte)| Damage::Insert(place, byte)),
        2 => any::<Index>().prop_map(Damage::Remove),
        1 => any::<Index>().prop_map(Damage::Cut),
    ]
}

fn damaged(mut kernel: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        if kernel.is_empty() {
            break;
        }
        match damage {
            Damage::Set(place, byte) => {
                let place = place.index(kernel.len());
                kernel[place] = *byte;
            }
            Damage::Insert(place, byte) => kernel.insert(place.index(kernel.len()), *byte),
            Damage::Remove(place) => {
                kernel.remove(place.index(kernel.len()));
            }
            Damage::Cut(place) => kernel.truncate(place.index(kernel.len())),
        }
    }
    kernel
}

#[test]
fn damaged_kernels_are_refused_with_the_same_words() {
    let sound = prop_oneof![
        proptest::sample::select(kernels()),
        proptest::collection::vec(any::<u8>(), 0..400).prop_map(|bytes| shapes::kernel(&bytes)),
        proptest::collection::vec(any::<u8>(), 0..1500)
            .prop_map(|bytes| smith::kernel(&bytes).unwrap_or_default()),
    ];
    let kernel = (sound, proptest::collection::vec(damage(), 1..4));
    let words = RefCell::new(BTreeMap::<String, u32>::new());
    let tried = test_runner(1500).run(&kernel, |(sound, damages)| {
        let kernel = damaged(sound, &damages);
        let failed = |what: String| TestCaseError::fail(format!("{what}: {}", hex::encode(&kernel)));
        let Some(exact) = tick_step::decode(&kernel, MAX_TICKS).map_err(|error| failed(error.to_string()))?
        else {
            return Ok(());
        };
        // The machine keeps the beginning of its words.
        let compiled = compiled::decode(&kernel).map_err(|words| StuckText::new(words).to_string());
        if exact != compiled && !compiled.as_ref().is_err_and(|words| words.starts_with("no state can hold"))
        {
            return Err(failed(format!("the machine: {exact:?}, the engines: {compiled:?}")));
        }
        *words.borrow_mut().entry(exact.err().unwrap_or_default()).or_default() += 1;
        Ok(())
    });
    println!("{:#?}", words.borrow());
    if let Err(error) = tried {
        panic!("{error}");
    }
    assert!(words.borrow().len() > 15);
}
