//! Kernels at random: every way to run them leads to the same state.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use soru_conformance::generate::{shapes, smith};
use soru_conformance::lockstep::{Look, compare};
use std::cell::RefCell;
use std::ops::Range;
use support::{Sum, engines, inputs, test_runner};

/// Tries kernels made of bytes, and says what came of them.
fn try_kernels(
    cases: u32,
    bytes: Range<usize>,
    ticks: u64,
    kernel: impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> Sum {
    let (engines, sum) = (engines(), RefCell::new(Sum::default()));
    let bytes = proptest::collection::vec(any::<u8>(), bytes);
    let tried = test_runner(cases).run(&bytes, |bytes| {
        let Some(kernel) = kernel(&bytes) else { return Ok(()) };
        match compare(&kernel, &inputs(), &engines.list(), Some(Look::within(ticks))) {
            Ok(compared) => sum.borrow_mut().add(compared),
            Err(difference) => {
                return Err(TestCaseError::fail(format!("{difference}: {}", hex::encode(&kernel))));
            }
        }
        Ok(())
    });
    let sum = sum.into_inner();
    println!("{sum:?}");
    if let Err(error) = tried {
        panic!("{error}");
    }
    sum
}

#[test]
fn kernels_of_any_instructions_come_to_the_same_state() {
    let sum = try_kernels(80, 1000..6000, 2_000_000, smith::kernel);
    // The generator is worth something: most kernels do something, and some end in each way.
    assert!(sum.kernels > 60 && sum.finished > 40 && sum.trapped > 10 && sum.stuck > 0, "{sum:?}");
    assert!(sum.values > 6 * sum.kernels * 3 / 4, "{sum:?}");
    assert!(sum.unsupported == 0 && sum.uncounted == 0 && sum.looks > 10 * sum.runs, "{sum:?}");
}

#[test]
fn structured_kernels_come_to_the_same_state() {
    let sum = try_kernels(80, 100..3000, 2_000_000, |bytes| Some(shapes::kernel(bytes)));
    assert!(sum.kernels >= 80 && sum.finished > 60 && sum.trapped > 0, "{sum:?}");
    assert!(sum.values > 6 * sum.kernels * 3 / 4, "{sum:?}");
    assert!(sum.unsupported == 0 && sum.uncounted == 0 && sum.looks > 10 * sum.runs, "{sum:?}");
}
