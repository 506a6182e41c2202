//! A kernel can make its storage deeper than any stack: nothing may depend on how deep it is.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use soru_merkle::{ProofError, proof};
use soru_pvm::host::{HostFunction, HostState, HostValue};
use soru_pvm::machine::{initial_state, install_boot_sector};
use soru_pvm::reveal::{RevealError, RevealSource};
use soru_pvm::{Limits, Machine, Version};

const DEPTH: usize = 100_000;

struct NoReveals;

impl RevealSource for NoReveals {
    fn reveal(&mut self, _: &[u8]) -> Result<Vec<u8>, RevealError> {
        unreachable!("nothing is revealed here")
    }
}

#[test]
fn a_storage_that_a_kernel_copies_below_itself_without_end_is_hashed_encoded_and_proved() {
    // What a thread of the node has to spare at least.
    let small = std::thread::Builder::new().stack_size(512 << 10);
    small.spawn(copy_hash_and_encode).unwrap().join().unwrap();
}

fn copy_hash_and_encode() {
    let mut tree = initial_state(Version::V6).unwrap();
    install_boot_sector(&mut tree, b"kernel", Limits::FIRST).unwrap();
    let mut machine = Machine::from_tree(&tree).unwrap();

    // The longest key there can be: each copy makes the storage deeper by 119 steps.
    let (from, to) = ("/a", format!("/a{}", "/b".repeat(119)));
    let mut memory = [from.as_bytes(), to.as_bytes()].concat();
    let (mut reveals, mut debug) = (NoReveals, Vec::new());
    let mut host = HostState::new(
        Version::V6,
        machine.durable.clone(),
        machine.input.clone(),
        machine.output.clone(),
        &mut reveals,
        &mut debug,
    );
    host.begin_run().unwrap();
    let mut call = |function, args: &[i32]| {
        let args: Vec<_> = args.iter().copied().map(HostValue::I32).collect();
        let code = host.call(function, &args, &mut &mut memory[..]).unwrap();
        assert_eq!(code, Some(HostValue::I32(0)), "{function:?}");
    };
    let (from_len, to_len) = (from.len() as i32, to.len() as i32);
    call(HostFunction::StoreWrite, &[0, from_len, 0, 0, 1]);
    for _ in 0..=DEPTH / 119 {
        call(HostFunction::StoreCopy, &[0, from_len, from_len, to_len]);
    }
    machine.durable = host.durable;
    machine.apply(&mut tree).unwrap();
    let hash = tree.hash().unwrap();

    let bottom = [&["a"][..], &["b"; DEPTH]].concat();
    let read = Machine::from_tree(&tree).unwrap();
    assert!(read.durable.tree().find_tree(&bottom).unwrap().is_some());
    assert_eq!(read.to_tree().unwrap().hash().unwrap(), hash);

    let step = |mut tree: soru_merkle::Tree| {
        tree.remove(&["durable", "a", "b", "b"])?;
        Ok::<_, ProofError>((tree, ()))
    };
    let (made, ()) = proof::produce(&tree, step).unwrap();
    let (end, ()) = proof::verify(&made, step).unwrap();
    assert_ne!(end.hash().unwrap(), hash);
}
