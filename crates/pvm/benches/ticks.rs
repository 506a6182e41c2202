//! Ticks a second of the machine in each part of a run, many at once and one by one; what a hash and a proof cost.
//!
//! `cargo bench -p soru-pvm --bench ticks`: on a kernel made here, of 260 kB, and on any kernel given by its path.

use soru_base::bin::Binary;
use soru_base::level::Level;
use soru_pvm::machine::{initial_state, install_boot_sector};
use soru_pvm::state::{InputPlace, Status, TickState};
use soru_pvm::step_proof::{StepInput, StepProof};
use soru_pvm::{Limits, Machine, Version};
use std::fmt::Write;
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error>;

/// Ticks made at once before the time is looked at.
const SLICE: u64 = 100_000;
/// Of an evaluation, no more are timed.
const EVAL_TICKS: u64 = 60_000_000;
/// Ticks made one by one, and hashes and proofs made, in each part of a run.
const SAMPLES: u64 = 5_000;

fn main() -> Result<(), Failure> {
    let given: Vec<_> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if given.is_empty() {
        measure("made here", &kernel()?)?;
    }
    for path in given {
        measure(&path, &std::fs::read(&path)?)?;
    }
    Ok(())
}

/// Some 160 kB of code, of which a loop uses a little: calls, blocks, memory; 100 kB of data.
fn kernel() -> Result<Vec<u8>, wat::Error> {
    let mut text = String::from("(module (memory (export \"memory\") 4)\n");
    for number in 0..750 {
        let _ = write!(text, "(func $f{number} (param $a i32) (param $b i32) (result i32) (local $c i32)");
        for step in 0..6 {
            let _ = write!(
                text,
                "(local.set $c (i32.add (i32.mul (local.get $a) (i32.const {})) (i32.xor (local.get $b) (i32.const {}))))
                 (if (i32.lt_u (local.get $c) (local.get $a)) (then (local.set $a (i32.rotl (local.get $c) (i32.const {step})))))",
                number * 7 + 1_000,
                step * 1_001,
            );
        }
        text.push_str("(i32.add (local.get $a) (local.get $c)))\n");
    }
    let data: String = (0..100_000u32).map(|byte| format!("\\{:02x}", byte * 31 % 251)).collect();
    let _ = write!(
        text,
        "(data (i32.const 4096) \"{data}\")
         (func (export \"kernel_run\") (local $i i32) (local $sum i32)
           (loop $again
             (local.set $sum (call $f7 (local.get $sum) (i32.load (i32.add (i32.const 4096) (i32.and (local.get $i) (i32.const 0xfffc))))))
             (i32.store (i32.add (i32.const 131072) (i32.and (local.get $i) (i32.const 0xffc))) (local.get $sum))
             (local.set $i (i32.add (local.get $i) (i32.const 4)))
             (br_if $again (i32.lt_u (local.get $i) (i32.const 4000000))))))"
    );
    wat::parse_str(text)
}

/// The machine at the beginning of its first run.
fn boot(kernel: &[u8]) -> Result<Machine, Failure> {
    let mut tree = initial_state(Version::V0)?;
    install_boot_sector(&mut tree, kernel, Limits::FIRST)?;
    let mut machine = Machine::from_tree(&tree)?;
    let level = Level::new(1).ok_or("no level")?;
    for (counter, message) in (0..).zip([&[0u8, 1][..], &[1, 2, 3], &[0, 2]]) {
        machine.set_input(InputPlace { level, counter }, message)?;
    }
    machine.step(Limits::FIRST.ticks_per_snapshot.0 - machine.current_tick.0, &mut ())?;
    if !matches!(machine.tick_state, TickState::Snapshot) {
        return Err("the machine does not begin a run".into());
    }
    Ok(machine)
}

fn phase(machine: &Machine) -> &'static str {
    machine.tick_state.name()
}

struct Phase {
    name: &'static str,
    ticks: u64,
    time: Duration,
    // A state in the middle of it.
    sample: Option<Machine>,
}

fn measure(name: &str, kernel: &[u8]) -> Result<(), Failure> {
    println!("{name}, {} bytes", kernel.len());
    let mut machine = boot(kernel)?;
    let mut phases: Vec<Phase> = Vec::new();
    while machine.status() == Status::Computing {
        let before = phase(&machine);
        if !matches!(before, "Snapshot" | "Decode" | "Link" | "Init" | "Eval") {
            break;
        }
        let slice = if before == "Eval" { SLICE } else { SLICE / 20 };
        let started = Instant::now();
        let made = machine.step(slice, &mut ())?;
        let time = started.elapsed();
        let new = phases.last().is_none_or(|last| last.name != before);
        if new {
            phases.push(Phase { name: before, ticks: 0, time: Duration::ZERO, sample: None });
        }
        if let Some(last) = phases.last_mut() {
            last.ticks += made;
            last.time += time;
            if last.sample.is_none() && last.ticks > 3 * slice && phase(&machine) == before {
                last.sample = Some(machine.clone());
            }
            if last.name == "Eval" && last.ticks >= EVAL_TICKS {
                break;
            }
        }
    }
    println!(
        "  {:8} {:>12} {:>14} {:>14} {:>14} {:>10} {:>10} {:>10}",
        "", "ticks", "at once /s", "one by one /s", "with hash /s", "prove us", "verify us", "bytes"
    );
    for Phase { name, ticks, time, sample } in phases {
        print!("  {name:8} {ticks:>12} {:>14.0}", ticks as f64 / time.as_secs_f64());
        match sample {
            Some(sample) => one_by_one(sample)?,
            None => println!(),
        }
    }
    Ok(())
}

fn one_by_one(mut machine: Machine) -> Result<(), Failure> {
    let mut tree = machine.to_tree()?;
    tree.hash()?;
    machine = Machine::from_tree(&tree)?;
    let rate = |time: Duration| SAMPLES as f64 / time.as_secs_f64();
    let (mut plain, mut plain_tree) = (machine.clone(), tree.clone());
    let started = Instant::now();
    for _ in 0..SAMPLES {
        plain.step(1, &mut ())?;
        plain.apply(&mut plain_tree)?;
    }
    print!(" {:>14.0}", rate(started.elapsed()));
    let started = Instant::now();
    for _ in 0..SAMPLES {
        machine.step(1, &mut ())?;
        machine.apply(&mut tree)?;
        tree.hash()?;
    }
    print!(" {:>14.0}", rate(started.elapsed()));
    let (mut make, mut check, mut bytes, mut made) = (Duration::ZERO, Duration::ZERO, 0, 0);
    while made < SAMPLES / 5 && machine.status() == Status::Computing {
        machine.step(7, &mut ())?;
        machine.apply(&mut tree)?;
        tree.hash()?;
        if machine.status() != Status::Computing {
            break;
        }
        let started = Instant::now();
        let proof = StepProof::produce(&tree, StepInput::Nothing)?.to_bytes();
        make += started.elapsed();
        bytes += proof.len();
        let started = Instant::now();
        StepProof::from_bytes(&proof)?.verify()?;
        check += started.elapsed();
        made += 1;
    }
    let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(made as u32);
    println!(" {:>10.0} {:>10.0} {:>10}", each(make), each(check), bytes / made as usize);
    Ok(())
}
