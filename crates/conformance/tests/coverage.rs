//! What the generators make: nothing that engines can differ in is left out by all of them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use soru_conformance::generate::{shapes, smith};
use std::collections::BTreeMap;
use wasmparser::{BlockType, Operator, Parser, Payload};

/// How many kernels have each instruction, and some other things.
fn met(kernels: &[Vec<u8>]) -> BTreeMap<String, usize> {
    let mut met = BTreeMap::new();
    for kernel in kernels {
        let mut inside = BTreeMap::new();
        let mut see = |what: String| *inside.entry(what).or_insert(0) = 1;
        for payload in Parser::new(0).parse_all(kernel) {
            match payload.unwrap() {
                Payload::StartSection { .. } => see("start".to_owned()),
                Payload::CodeSectionEntry(body) => {
                    for operator in body.get_operators_reader().unwrap() {
                        let operator = operator.unwrap();
                        if let Operator::Block { blockty }
                        | Operator::Loop { blockty }
                        | Operator::If { blockty } = &operator
                            && matches!(blockty, BlockType::FuncType(_))
                        {
                            see("block with a function type".to_owned());
                        }
                        let name = format!("{operator:?}");
                        see(name.split([' ', '{']).next().unwrap().to_owned());
                    }
                }
                _ => (),
            }
        }
        for (what, count) in inside {
            *met.entry(what).or_default() += count;
        }
    }
    met
}

fn kernels(make: impl Fn(&[u8]) -> Option<Vec<u8>>, bytes: usize) -> Vec<Vec<u8>> {
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut some = || {
        let mut some = vec![0; bytes];
        random.fill_bytes(&mut some);
        some
    };
    (0..300).filter_map(|_| make(&some())).collect()
}

/// Instructions of WebAssembly 2.0 without floats; `select` with several types is none of them.
fn is_wanted(name: &str) -> bool {
    !name.contains("F32") && !name.contains("F64") && name != "TypedSelectMulti"
}

macro_rules! names {
    ($( @$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        &[$((stringify!($proposal), stringify!($op)),)*]
    };
}

const ALL: &[(&str, &str)] = wasmparser::for_each_operator!(names);

#[test]
fn every_instruction_is_met() {
    let any = met(&kernels(smith::kernel, 5000));
    let structured = met(&kernels(|bytes| Some(shapes::kernel(bytes)), 2000));
    println!("{any:?}\n{structured:?}");
    let proposals = ["mvp", "sign_extension", "bulk_memory", "reference_types", "simd"];
    let wanted = ALL.iter().filter(|(proposal, name)| proposals.contains(proposal) && is_wanted(name));
    let (mut count, mut missing) = (0, Vec::new());
    for (_, name) in wanted {
        count += 1;
        if !any.contains_key(*name) && !structured.contains_key(*name) {
            missing.push(*name);
        }
    }
    assert!(count > 250, "{count}");
    assert!(missing.is_empty(), "not met in 300 kernels of each kind: {missing:?}");
    for what in ["start", "block with a function type", "CallIndirect", "BrTable", "Loop", "Return"] {
        assert!(any.get(what).is_some_and(|count| *count > 5), "{what}: {any:?}");
        assert!(structured.get(what).is_some_and(|count| *count > 30), "{what}: {structured:?}");
    }
}
