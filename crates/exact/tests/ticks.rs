//! The interpreter against the machine: the same state at any tick.

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
use std::sync::Arc;

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

fn hash(tree: &Tree, machine: &Machine) -> String {
    let mut tree = tree.clone();
    machine.clone().apply(&mut tree).unwrap();
    tree.hash().unwrap().to_string()
}

struct Answers(BTreeMap<Vec<u8>, Vec<u8>>);

impl RevealSource for Answers {
    fn reveal(&mut self, request: &[u8]) -> Result<Vec<u8>, RevealError> {
        self.0.get(request).cloned().ok_or_else(|| RevealError::new("none"))
    }
}

/// Goes to some ticks of the run of a kernel, both ways. Says how many were compared.
fn compare(
    kernel: &[u8],
    messages: &[&[u8]],
    answers: &Answers,
    ticks: impl Iterator<Item = u64>,
) -> Result<usize, String> {
    let (tree, start) = machine(kernel, messages);
    let code = prepare(&start, &Kernel::of_bytes(kernel).unwrap(), Version::V0).map_err(|e| e.to_string())?;
    let code = Arc::new(code);
    let ready = code.ready().ticks().0;
    let mut reference = start.clone();
    reference.step(ready, &mut ()).unwrap();
    let (mut reveals, mut debug) = (Answers(answers.0.clone()), ());
    let mut host = start.lend(&mut reveals, &mut debug).unwrap();
    host.begin_run().unwrap();
    let mut run = Run::new(code.clone());
    let mut now = 0;
    let mut compared = 0;
    for tick in ticks {
        while now < tick {
            let made = reference.step(tick - now, &mut ()).unwrap();
            now += made;
            if now < tick
                && let Status::RevealRequired(request) = reference.status()
            {
                let Some(answer) = answers.0.get(&request) else { return Ok(compared) };
                reference.set_reveal(answer).unwrap();
                now += 1;
            } else if made == 0 {
                return Ok(compared);
            }
        }
        let pause = run.go(now, &mut host);
        let mut found = start.clone();
        if matches!(pause, Pause::Finished) {
            assert_eq!(reference.state_name(), "Padding", "after {} ticks", run.used());
            let mut one_before = start.clone();
            one_before.step(ready + run.used() - 1, &mut ()).unwrap();
            return Ok(compared);
        }
        let frozen = run.freeze().unwrap();
        found.enter_run(code.ready(), frozen.as_ref(), &host, TickSpan(run.used())).unwrap();
        assert_eq!(found.step(now - run.used(), &mut ()).unwrap(), now - run.used());
        let (expected, found_hash) = (hash(&tree, &reference), hash(&tree, &found));
        assert_eq!(
            (reference.state_name(), expected),
            (found.state_name(), found_hash),
            "tick {now} after the call, {} of the interpreter's; {frozen:?}",
            run.used()
        );
        compared += 1;
        if matches!(pause, Pause::Machine | Pause::Host(_)) {
            return Ok(compared);
        }
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
        let compared =
            compare(&wat::parse_str(wat).unwrap(), &[b"\x01hi"], &Answers(BTreeMap::new()), 0..3000);
        assert!(compared.unwrap() > 10);
    }
}

#[test]
fn the_kernels_of_the_vectors() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors");
    let mut files: Vec<_> = ["expected", "expected/invalid"]
        .iter()
        .flat_map(|sub| std::fs::read_dir(format!("{folder}/{sub}")).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
        .collect();
    files.sort();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        let Some(kernel) = first["kernel"].as_str() else { continue };
        if first["pvm_version"] != "2.0.0" {
            continue;
        }
        let kernel = std::fs::read(format!("{folder}/{kernel}")).unwrap();
        let bytes = |value: &serde_json::Value| hex::decode(value.as_str().unwrap()).unwrap();
        let messages: Vec<Vec<u8>> =
            first["levels"][0]["messages"].as_array().unwrap().iter().map(bytes).collect();
        let messages: Vec<&[u8]> = messages[1..messages.len() - 1].iter().map(Vec::as_slice).collect();
        let answers = first["reveals"].as_object().into_iter().flatten();
        let answers = Answers(answers.map(|(k, v)| (hex::decode(k).unwrap(), bytes(v))).collect());
        let mut seed = 7u64;
        let mut now = 0;
        let ticks = (0..600).map(|n| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            now += if n < 200 { 1 } else { (seed >> 33) % (1 + n * n / 3000) };
            now
        });
        let compared = compare(&kernel, &messages, &answers, ticks);
        println!("{}: {compared:?}", path.file_name().unwrap().to_string_lossy());
    }
}

#[test]
#[ignore = "a measurement"]
fn speed() {
    let wat = r#"(module (memory 1) (export "mem" (memory 0))
        (func $mix (param i64 i64) (result i64)
            (i64.xor (i64.rotl (local.get 0) (i64.const 13)) (i64.mul (local.get 1) (i64.const 0x9E3779B97F4A7C15))))
        (func (export "kernel_run") (local i64 i64 i32)
            (loop $again
                (local.set 0 (i64.add (local.get 0) (local.get 1)))
                (local.set 1 (i64.xor (i64.shr_u (local.get 0) (i64.const 7)) (local.get 1)))
                (local.set 2 (i32.add (local.get 2) (i32.const 1)))
                (i64.store (i32.and (local.get 2) (i32.const 0xfff8)) (local.get 1))
                (if (i32.eqz (i32.and (local.get 2) (i32.const 15)))
                    (then (local.set 0 (call $mix (local.get 0) (local.get 1)))))
                (br $again))))"#;
    let kernel = wat::parse_str(wat).unwrap();
    let (_, start) = machine(&kernel, &[]);
    let code = Arc::new(prepare(&start, &Kernel::of_bytes(&kernel).unwrap(), Version::V0).unwrap());
    let (mut reveals, mut debug) = ((), ());
    let mut host = start.lend(&mut reveals, &mut debug).unwrap();
    host.begin_run().unwrap();
    let mut run = Run::new(code);
    let at = std::time::Instant::now();
    let pause = run.go(11_000_000_000, &mut host);
    let took = at.elapsed().as_secs_f64();
    println!("{pause:?} {} ticks in {took:.3} s: {:.2} G/s", run.used(), run.used() as f64 / took / 1e9);
}
