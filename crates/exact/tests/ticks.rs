//! The interpreter against the machine: the same state at any tick.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use soru_base::level::Level;
use soru_base::tick::TickSpan;
use soru_exact::{Pause, Run, prepare};
use soru_merkle::Tree;
use soru_pvm::machine::{initial_state, install_boot_sector};
use soru_pvm::reveal::{RevealError, RevealSource};
use soru_pvm::run::Kernel;
use soru_pvm::state::InputPlace;
use soru_pvm::state::Status;
use soru_pvm::{Limits, Machine, Version};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// A machine that is about to run a kernel on some messages.
fn machine(kernel: &[u8], messages: &[&[u8]]) -> (Tree, Machine) {
    let mut tree = initial_state(Version::V0).unwrap();
    install_boot_sector(&mut tree, kernel, Limits::FIRST).unwrap();
    let mut machine = Machine::from_tree(&tree).unwrap();
    let all =
        [b"\x00\x01".as_slice()].into_iter().chain(messages.iter().copied()).chain([b"\x00\x02".as_slice()]);
    for (counter, message) in (0..).zip(all) {
        machine.set_input(InputPlace { level: Level::new(3).unwrap(), counter }, message).unwrap();
    }
    machine.step(11_000_000_000 - machine.current_tick.0, &mut ()).unwrap();
    assert_eq!(machine.state_name(), "Snapshot");
    (tree, machine)
}

#[derive(Clone)]
struct Answers(BTreeMap<Vec<u8>, Vec<u8>>);

impl RevealSource for Answers {
    fn reveal(&mut self, request: &[u8]) -> Result<Vec<u8>, RevealError> {
        self.0.get(request).cloned().ok_or_else(|| RevealError::new("none"))
    }
}

/// What is known of a comparison.
#[derive(Debug, Default)]
struct Compared {
    /// Ticks at which the states were equal.
    ticks: usize,
    /// Ticks of the run, but for those until the kernel is ready.
    length: u64,
    /// Whether the run was followed to its end.
    ended: bool,
}

/// No longer run is looked at.
const LENGTH_MAX: u64 = 3_000_000;

/// Goes on by so many ticks or to the end of the run, and tells how many there were.
fn walk(machine: &mut Machine, answers: &Answers, ticks: u64) -> u64 {
    let mut made = 0;
    while made < ticks && machine.state_name() != "Padding" {
        match machine.status() {
            Status::Computing => {
                let begin = machine.current_tick.0;
                machine.step(ticks - made, &mut ()).unwrap();
                made += machine.current_tick.0 - begin;
            }
            Status::RevealRequired(request) => {
                let Some(answer) = answers.0.get(&request) else { return made };
                machine.set_reveal(answer).unwrap();
                made += 1;
            }
            Status::InputRequired => return made,
        }
    }
    made
}

/// How many ticks there are before padding, a machine that is stuck, or a reveal without an answer.
fn length(mut machine: Machine, answers: &Answers) -> (u64, bool) {
    let begin = machine.last_top_level_call.0;
    let padding = machine.limits.ticks_per_snapshot.0 - (machine.current_tick.0 - begin);
    let (mut low, mut at_low) = (0, machine.clone());
    // A step goes on through padding: the end is looked for by halves.
    let mut stride = 1 << 14;
    while low < LENGTH_MAX {
        let made = walk(&mut machine, answers, stride);
        if made < stride {
            return (low + made, true);
        }
        if machine.state_name() == "Padding" {
            break;
        }
        low += made;
        at_low = machine.clone();
    }
    if low >= LENGTH_MAX.min(padding) {
        return (low, false);
    }
    while stride > 1 {
        stride /= 2;
        machine = at_low.clone();
        walk(&mut machine, answers, stride);
        if machine.state_name() != "Padding" {
            (low, at_low) = (low + stride, machine);
        }
    }
    (low + 1, true)
}

/// Some ticks of so many: the first ones, the last ones, some in between, in order.
fn some_ticks(length: u64, count: u64, mut seed: u64) -> Vec<u64> {
    let mut ticks: Vec<u64> =
        (0..count / 4).chain((0..count / 4).map(|n| length.saturating_sub(n))).collect();
    ticks.extend((0..count / 2).map(|_| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 20) % (length + 1)
    }));
    ticks.retain(|tick| *tick <= length);
    ticks.sort_unstable();
    ticks.dedup();
    ticks
}

/// Goes to some ticks of the run of a kernel, both ways. They are counted from where `kernel_run` is called.
fn compare(
    kernel: &[u8],
    messages: &[&[u8]],
    answers: &Answers,
    choose: impl Fn(u64) -> Vec<u64>,
) -> Result<Compared, String> {
    let (tree, start) = machine(kernel, messages);
    let code = prepare(&start, &Kernel::of_bytes(kernel).unwrap(), Version::V0).map_err(|e| e.to_string())?;
    let code = Arc::new(code);
    let ready = code.ready().ticks().0;
    let mut reference = start.clone();
    reference.step(ready, &mut ()).unwrap();
    let (length, ended) = length(reference.clone(), answers);
    let mut reference_tree = tree.clone();
    let (mut reveals, mut debug) = (answers.clone(), ());
    let mut host = start.lend(&mut reveals, &mut debug).unwrap();
    host.begin_run().unwrap();
    let mut run = Run::new(code.clone());
    let mut compared = Compared { length, ended, ..Compared::default() };
    let mut now = 0;
    for tick in choose(length) {
        assert_eq!(walk(&mut reference, answers, tick - now), tick - now, "{tick} of {length}");
        now = tick;
        let pause = run.go(now, &mut host);
        if matches!(pause, Pause::Finished) {
            assert_eq!(
                (run.used(), length, reference.state_name()),
                (length, run.used(), "Padding".to_owned())
            );
            compared.ticks += 1;
            continue;
        }
        let frozen = run.freeze().unwrap();
        let mut found = start.clone();
        found.enter_run(code.ready(), frozen.as_ref(), &host, TickSpan(run.used())).unwrap();
        assert_eq!(walk(&mut found, answers, now - run.used()), now - run.used());
        reference.apply(&mut reference_tree).unwrap();
        let mut found_tree = tree.clone();
        found.apply(&mut found_tree).unwrap();
        assert_eq!(
            (reference.state_name(), reference_tree.hash().unwrap()),
            (found.state_name(), found_tree.hash().unwrap()),
            "tick {now} of {length} after the call, {} of the interpreter's; {frozen:?}",
            run.used()
        );
        compared.ticks += 1;
    }
    Ok(compared)
}

#[test]
fn every_tick_of_small_kernels() {
    for wat in [
        r#"(module (memory 1) (export "mem" (memory 0))
            (func $half (param i32) (result i32) (i32.shr_u (local.get 0) (i32.const 1)))
            (func (export "kernel_run") (drop (call $half (i32.const 14)))))"#,
        r#"(module (memory 1) (export "mem" (memory 0))
            (func $f (param i32 i64) (result i64) (local i32)
                (local.set 2 (i32.const 3))
                (loop $again
                    (local.set 1 (i64.add (local.get 1) (i64.extend_i32_u (local.get 0))))
                    (br_if $again (local.tee 2 (i32.sub (local.get 2) (i32.const 1)))))
                (local.get 1))
            (func (export "kernel_run")
                (i32.store (i32.const 20) (i32.const 7))
                (i64.store (i32.const 510) (call $f (i32.load (i32.const 20)) (i64.const 5)))
                (block $out (result i32)
                    (i32.const 1) (i32.const 2) (br_if $out (i32.const 0)) (i32.add))
                (if (then (nop)) (else (unreachable)))
                (i32.const 9) (if (result i32) (i32.const 0) (then (i32.const 4)) (else (i32.const 5))) (drop) (drop)
                (if (i32.const 0) (then (unreachable)))
                (unreachable)))"#,
    ] {
        let kernel = wat::parse_str(wat).unwrap();
        let every = |length| (0..=length).collect();
        let compared = compare(&kernel, &[b"\x01hi"], &Answers(BTreeMap::new()), every).unwrap();
        assert!(compared.ended && compared.ticks as u64 == compared.length + 1, "{compared:?}");
    }
}

const USUALLY: u64 = 300;

/// Ticks of a run of the vectors that are looked at: the variable's value, or so many.
fn ticks_looked_at() -> u64 {
    let variable = std::env::var("SORU_EXACT_TICKS").ok();
    variable.map_or(USUALLY, |text| text.parse().expect("SORU_EXACT_TICKS: a number"))
}

/// A run of the vectors, if it is one of the machine's first version.
fn of_vector(folder: &Path, path: &Path) -> Option<(Vec<u8>, Vec<Vec<u8>>, Answers)> {
    let text = std::fs::read_to_string(path).unwrap();
    let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let kernel = first["kernel"].as_str().filter(|_| first["pvm_version"] == "2.0.0")?;
    let kernel = std::fs::read(folder.join(kernel)).unwrap();
    let bytes = |value: &serde_json::Value| hex::decode(value.as_str().unwrap()).unwrap();
    let messages = first["levels"][0]["messages"].as_array().unwrap();
    let messages = messages[1..messages.len() - 1].iter().map(bytes).collect();
    let answers = first["reveals"].as_object().into_iter().flatten();
    let answers = answers.map(|(request, answer)| (hex::decode(request).unwrap(), bytes(answer)));
    Some((kernel, messages, Answers(answers.collect())))
}

#[test]
fn the_kernels_of_the_vectors() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors");
    let mut files: Vec<_> = ["expected", "expected/invalid"]
        .iter()
        .flat_map(|sub| std::fs::read_dir(folder.join(sub)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
        .collect();
    files.sort();
    // Its start function takes all the ticks of a run, and the tick step minutes for it.
    files.retain(|path| !path.ends_with("inv_start_endless.jsonl") || ticks_looked_at() > USUALLY);
    let (count, next, taken) = (ticks_looked_at(), AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Some((kernel, messages, answers)) = of_vector(&folder, path) else { continue };
            let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
            let at = Instant::now();
            let compared = compare(&kernel, &messages, &answers, |length| {
                some_ticks(length, count, kernel.len() as u64)
            });
            println!("{}: {compared:?} {:?}", path.file_name().unwrap().to_string_lossy(), at.elapsed());
            taken.fetch_add(usize::from(compared.is_ok()), Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    assert!(taken.into_inner() >= 38);
}
