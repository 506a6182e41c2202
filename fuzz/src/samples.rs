//! States in the middle of real runs.

use arbitrary::{Arbitrary as _, Result, Unstructured};
use soru_base::Level;
use soru_merkle::Tree;
use soru_merkle::proof::Seen;
use soru_pvm::replay::Setup;
use soru_pvm::state::{InputPlace, StateError, Status};
use soru_pvm::step_proof::{StepInput, StepProof};
use soru_pvm::{Limits, Machine, Version};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// What a machine of the network is made with.
pub(crate) const SETUP: Setup = Setup { version: Version::V0, limits: Limits::FIRST, max_reboots: None, values: Vec::new() };

const KERNELS: [&[u8]; 9] = [
    include_bytes!("../../testdata/vectors/kernels/store.wasm"),
    include_bytes!("../../testdata/vectors/kernels/tables.wasm"),
    include_bytes!("../../testdata/vectors/kernels/control.wasm"),
    include_bytes!("../../testdata/vectors/kernels/reveal.wasm"),
    include_bytes!("../../testdata/vectors/kernels/traps.wasm"),
    include_bytes!("../../testdata/vectors/kernels/globals_start.wasm"),
    include_bytes!("../../testdata/vectors/kernels/memory_ops.wasm"),
    include_bytes!("../../testdata/vectors/kernels/upgrade_broken.wasm"),
    include_bytes!("../../testdata/vectors/kernels/invalid/inv_no_kernel_run.wasm"),
];

/// Of one run.
const TICKS: u64 = 40_000;
/// Of one run the first state of every name is kept, and those at every so many ticks.
const STRIDE: u64 = 1_999;

pub(crate) type Path = Vec<Vec<u8>>;

/// A state and what the next tick makes of it.
pub(crate) struct Sample {
    pub(crate) tree: Tree,
    pub(crate) input: StepInput,
    pub(crate) next: Tree,
    /// Paths of the leaves that the tick reads.
    pub(crate) read: Vec<Path>,
}

/// The first states of every name in the first runs of some kernels.
pub(crate) static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    KERNELS.iter().flat_map(|kernel| of_kernel(kernel).expect("a run of the vectors")).collect()
});

/// A machine with a kernel that waits for its first message.
pub(crate) fn boot(kernel: &[u8]) -> Machine {
    Machine::from_tree(&SETUP.boot(kernel).expect("a kernel is any bytes")).expect("what was just written")
}

/// Gives an inbox with one message to a machine that waits for it, and lets the ticks go by up to the first run.
pub(crate) fn take_inbox(machine: &mut Machine) {
    for (counter, message) in (0..).zip([&[0, 1][..], &[1, 2, 3], &[0, 2]]) {
        let place = InputPlace { level: Level::GENESIS, counter };
        machine.set_input(place, message).expect("a machine that waits for messages");
    }
    let padding = SETUP.limits.ticks_per_snapshot.0 - machine.current_tick.0;
    machine.step(padding, &mut ()).expect("padding");
}

fn of_kernel(kernel: &[u8]) -> std::result::Result<Vec<Sample>, StateError> {
    let mut machine = boot(kernel);
    take_inbox(&mut machine);
    let mut tree = machine.to_tree()?;
    let (mut names, mut found) = (BTreeSet::new(), Vec::new());
    for tick in 0..TICKS {
        let input = match machine.status() {
            Status::Computing => StepInput::Nothing,
            Status::InputRequired => break,
            Status::RevealRequired(_) => StepInput::Reveal(vec![7; 20]),
        };
        let name = machine.state_name();
        if names.insert(name.clone()) || tick % STRIDE == 0 {
            // Written into the tree of the state before, most of which they share.
            machine.apply(&mut tree)?;
            machine = Machine::from_tree(&tree)?;
            let before = tree.clone();
            make_tick(&mut machine, &input)?;
            machine.apply(&mut tree)?;
            found.push(sample(before, input, tree.clone())?);
        } else {
            make_tick(&mut machine, &input)?;
        }
        if name == "Padding" {
            break;
        }
    }
    Ok(found)
}

fn make_tick(machine: &mut Machine, input: &StepInput) -> std::result::Result<(), StateError> {
    match input {
        StepInput::Reveal(answer) => machine.set_reveal(answer),
        _ => machine.step(1, &mut ()).map(drop),
    }
}

fn sample(tree: Tree, input: StepInput, next: Tree) -> std::result::Result<Sample, StateError> {
    let proof = StepProof::produce(&tree, input.clone()).expect("a tick of the vectors can be proved");
    assert_eq!(proof.proof.after(), next.hash()?);
    let mut read = Vec::new();
    proof.proof.walk(|path, seen| {
        if let Seen::Leaf(_) = seen {
            read.push(path.iter().map(|name| name.as_ref().to_vec()).collect());
        }
    });
    Ok(Sample { tree, input, next, read })
}

/// The path of a leaf.
pub(crate) fn leaf(sample: &Sample, source: &mut Unstructured<'_>) -> Result<Path> {
    // Of what is not read little comes.
    if bool::arbitrary(source)? && !sample.read.is_empty() {
        return Ok(source.choose(&sample.read)?.clone());
    }
    let mut path = Path::new();
    loop {
        let length = sample.tree.length(&path).expect("a whole tree");
        if length == 0 {
            return Ok(path);
        }
        let at = source.int_in_range(0..=length - 1)? as usize;
        let child = sample.tree.list(&path, at, 1).expect("a whole tree").remove(0);
        path.push(child.0.as_ref().to_vec());
    }
}

/// One of the states.
pub(crate) fn choose(source: &mut Unstructured<'_>) -> Result<&'static Sample> {
    let index: u16 = source.arbitrary()?;
    Ok(&SAMPLES[usize::from(index) % SAMPLES.len()])
}

/// Changes some places of a state.
pub(crate) fn damage(sample: &Sample, source: &mut Unstructured<'_>) -> Result<Tree> {
    let mut tree = sample.tree.clone();
    for _ in 0..source.int_in_range(1..=4)? {
        let path = &leaf(sample, source)?[..];
        let place = above(path, source)?;
        let changed = match source.int_in_range(0..=7)? {
            0..=2 => {
                let mut bytes =
                    tree.find(path).ok().flatten().map(|bytes| bytes.to_vec()).unwrap_or_default();
                if !bytes.is_empty() {
                    let at = source.choose_index(bytes.len())?;
                    bytes[at] = source.arbitrary()?;
                }
                tree.insert(path, bytes)
            }
            3 | 4 => {
                let length = source.int_in_range(0..=12)?;
                let bytes = (0..length).map(|_| source.arbitrary()).collect::<Result<Vec<u8>>>()?;
                tree.insert(path, bytes)
            }
            5 => tree.remove(place),
            6 => {
                let other = leaf(sample, source)?;
                let other = above(&other, source)?;
                match tree.find_tree(other) {
                    Ok(Some(found)) => tree.insert_tree(place, found),
                    _ => Ok(()),
                }
            }
            _ => {
                // The same tag, the same length, in another form: numbers of any size.
                let number: u64 = match source.int_in_range(0..=3)? {
                    0 => source.arbitrary()?,
                    1 => 1 << source.int_in_range(0..=63)?,
                    2 => (1u64 << source.int_in_range(0..=63)?) - 1,
                    _ => u8::arbitrary(source)?.into(),
                };
                let width = source.int_in_range(0..=2)?;
                tree.insert(path, number_bytes(number, width))
            }
        };
        changed.expect("a tree without blinded parts can be changed");
    }
    Ok(tree)
}

fn number_bytes(number: u64, width: u8) -> Vec<u8> {
    match width {
        0 => (number as u32).to_be_bytes().to_vec(),
        1 => number.to_be_bytes().to_vec(),
        _ => {
            let mut bytes = Vec::new();
            soru_base::bin::put_n64(&mut bytes, number);
            bytes
        }
    }
}

/// The path, or one of what is above it.
fn above<'a>(path: &'a [Vec<u8>], source: &mut Unstructured<'_>) -> Result<&'a [Vec<u8>]> {
    let steps = source.int_in_range(0..=2)?;
    Ok(&path[..path.len().saturating_sub(steps).max(1).min(path.len())])
}

/// Makes those states, which takes a moment.
pub fn prepare() {
    LazyLock::force(&SAMPLES);
}
