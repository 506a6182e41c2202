//! States that no machine has made: whatever is in them, reading them and going on never panics and never takes much
//! memory.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use soru_base::level::Level;
use soru_merkle::{Tree, TreeError};
use soru_pvm::machine::{initial_state, install_boot_sector};
use soru_pvm::state::{InputPlace, StateError, Status};
use soru_pvm::step_proof::{StepError, StepInput, StepProof};
use soru_pvm::{Limits, Machine, Version};

/// Numbers without order, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 16) as usize % end
    }
}

fn kernel(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../../testdata/vectors/kernels/{name}.wasm", env!("CARGO_MANIFEST_DIR")))
        .unwrap()
}

fn leaves(tree: &Tree) -> Vec<(Vec<Vec<u8>>, Vec<u8>)> {
    let mut found = Vec::new();
    let mut ahead = vec![(Vec::new(), tree.clone())];
    while let Some((path, tree)) = ahead.pop() {
        let none: [&str; 0] = [];
        if let Some(bytes) = tree.find(&none).unwrap() {
            found.push((path, bytes.to_vec()));
            continue;
        }
        for (name, child) in tree.list(&none, 0, usize::MAX).unwrap() {
            ahead.push(([path.clone(), vec![name.to_vec()]].concat(), child));
        }
    }
    found
}

fn damage(
    tree: &mut Tree,
    leaves: &[(Vec<Vec<u8>>, Vec<u8>)],
    numbers: &mut Numbers,
) -> Result<(), TreeError> {
    let (path, bytes) = &leaves[numbers.below(leaves.len())];
    let mut bytes = bytes.clone();
    match numbers.below(8) {
        0 => return tree.remove(path),
        1 => return tree.remove(&path[..path.len() - 1]),
        2 => bytes.fill(0xff),
        3 => {
            bytes.fill(0xff);
            if let Some(first) = bytes.first_mut() {
                *first = 0x7f
            }
        }
        4 => {
            bytes.fill(0);
            if let Some(first) = bytes.first_mut() {
                *first = 0x80
            }
        }
        5 => bytes.fill(0),
        6 => {
            let other = &leaves[numbers.below(leaves.len())].1;
            bytes.clone_from(other);
        }
        _ => {
            if !bytes.is_empty() {
                let at = numbers.below(bytes.len());
                bytes[at] ^= 1 << numbers.below(8);
            }
        }
    }
    tree.insert(path, bytes)
}

fn go_on(tree: &Tree, numbers: &mut Numbers) {
    let Ok(mut machine) = Machine::from_tree(tree) else { return };
    let place = InputPlace { level: Level::new(9).unwrap(), counter: 3 };
    let result = match numbers.below(6) {
        0 => machine.set_input(place, &[0, 1]),
        1 => machine.set_reveal(&[7; 5000]),
        2 | 3 => machine.step(1, &mut ()).map(drop),
        _ => machine.step(100_000, &mut ()).map(drop),
    };
    if result.is_ok() {
        drop(machine.apply(&mut tree.clone()));
    }
}

#[test]
fn damaged_states_never_panic() {
    let tries: usize = std::env::var("HOSTILE_TRIES").ok().and_then(|n| n.parse().ok()).unwrap_or(40);
    let mut numbers = Numbers(0x5eed);
    let limits = Limits { ticks_per_snapshot: soru_base::tick::TickSpan(1_000_000), ..Limits::FIRST };
    for name in ["tables", "memory_ops", "control", "store", "reveal", "simd", "globals_start", "recursion"] {
        let mut tree = initial_state(Version::V0).unwrap();
        install_boot_sector(&mut tree, &kernel(name), limits).unwrap();
        let mut machine = Machine::from_tree(&tree).unwrap();
        for (counter, message) in [&[0, 1][..], &[1, 5], &[0, 2]].into_iter().enumerate() {
            let place = InputPlace { level: Level::new(5).unwrap(), counter: counter as u64 };
            machine.set_input(place, message).unwrap();
        }
        machine.step(1_000_000 - 3, &mut ()).unwrap();
        for _ in 0..40 {
            let ticks = 1 + numbers.below(5000) as u64;
            machine.step(ticks, &mut ()).unwrap();
            if machine.status() != soru_pvm::state::Status::Computing {
                break;
            }
            machine.apply(&mut tree).unwrap();
            let leaves = leaves(&tree);
            for _ in 0..tries {
                let mut damaged = tree.clone();
                for _ in 0..1 + numbers.below(3) {
                    drop(damage(&mut damaged, &leaves, &mut numbers));
                }
                go_on(&damaged, &mut numbers);
            }
        }
    }
}

/// A kernel at the beginning of its first run.
fn begun(wat: &str) -> Tree {
    let mut tree = initial_state(Version::V6).unwrap();
    let limits = Limits { ticks_per_snapshot: soru_base::tick::TickSpan(10_000), ..Limits::FIRST };
    install_boot_sector(&mut tree, &wat::parse_str(wat).unwrap(), limits).unwrap();
    let mut machine = Machine::from_tree(&tree).unwrap();
    for (counter, message) in [&[0, 1][..], &[0, 2]].into_iter().enumerate() {
        let place = InputPlace { level: Level::new(5).unwrap(), counter: counter as u64 };
        machine.set_input(place, message).unwrap();
    }
    machine.step(10_000 - 2, &mut ()).unwrap();
    machine.apply(&mut tree).unwrap();
    tree
}

/// Goes on tick by tick up to one that cannot be made; nothing if there is none before the padding.
fn first_unmade(mut tree: Tree) -> Option<(Tree, StateError)> {
    loop {
        let mut machine = Machine::from_tree(&tree).unwrap();
        if machine.status() != Status::Computing || machine.state_name() == "Padding" {
            return None;
        }
        let before = tree.clone();
        if let Err(error) = machine.step(1, &mut ()).and_then(|_| machine.apply(&mut tree)) {
            return Some((before, error));
        }
    }
}

#[test]
fn no_tick_makes_a_table_that_is_the_work_of_seconds() {
    let grows = |by: u32| {
        format!(
            r#"(module (memory (export "mem") 1) (table 1 funcref)
                 (func (export "kernel_run") (drop (table.grow 0 (ref.null func) (i32.const {by})))))"#
        )
    };
    let made = |min: u32| {
        format!(r#"(module (memory (export "mem") 1) (table {min} funcref) (func (export "kernel_run")))"#)
    };
    assert!(first_unmade(begun(&grows(1 << 17))).is_none());
    for kernel in [grows((1 << 17) + 1), made((1 << 17) + 1), grows(i32::MAX as u32)] {
        let (before, error) = first_unmade(begun(&kernel)).unwrap();
        assert!(matches!(error, StateError::TooLarge { .. }), "{error}");
        // Who proves and who verifies refuse it alike.
        let refused = StepProof::produce(&before, StepInput::Nothing).unwrap_err();
        assert!(matches!(refused, StepError::State(StateError::TooLarge { .. })), "{refused}");
        // Many ticks at once do not get past it either.
        let many = Machine::from_tree(&begun(&kernel)).unwrap().step(u64::MAX, &mut ()).unwrap_err();
        assert!(matches!(many, StateError::TooLarge { .. }), "{many}");
    }
}

#[test]
fn nobody_goes_on_with_locals_that_no_state_can_hold() {
    // 4,000,000 locals (LEB128) in a function that nobody calls.
    let code = [1, 0x80, 0x92, 0xf4, 0x01, 0x7f, 0x0b];
    let body = [&[2, 2, 0, 0x0b, code.len() as u8][..], &code].concat();
    let kernel = [
        &b"\0asm\x01\0\0\0"[..],
        &[1, 4, 1, 0x60, 0, 0],
        &[3, 3, 2, 0, 0],
        &[5, 3, 1, 0, 1],
        &[7, 20, 2, 3, b'm', b'e', b'm', 2, 0, 10],
        b"kernel_run\0\0",
        &[10, body.len() as u8],
        &body,
    ]
    .concat();
    let mut tree = initial_state(Version::V0).unwrap();
    install_boot_sector(&mut tree, &kernel, Limits::FIRST).unwrap();
    let mut machine = Machine::from_tree(&tree).unwrap();
    for (counter, message) in [&[0, 1][..], &[0, 2]].into_iter().enumerate() {
        let place = InputPlace { level: Level::new(5).unwrap(), counter: counter as u64 };
        machine.set_input(place, message).unwrap();
    }
    machine.step(Limits::FIRST.ticks_per_snapshot.0 - 2, &mut ()).unwrap();
    assert_eq!(machine.state_name(), "Snapshot");
    let error = machine.step(u64::MAX, &mut ()).unwrap_err();
    assert!(matches!(error, StateError::TooLarge { .. }), "{error}");
}
