//! The machine around the kernel.

use crate::generators::call;
use arbitrary::Unstructured;
use serde_json::Value;
use soru_merkle::Tree;
use soru_pvm::host::{HostState, HostTrap};
use soru_pvm::replay::{Outside, RunFile, TickReplay, check};
use soru_pvm::run::{Kernel, Outcome, Runner, RunnerError};
use soru_pvm::state::StateError;
use std::sync::LazyLock;

/// Runs nothing: every call ends as the kernel's last byte says.
struct Ends;

impl Runner for Ends {
    fn kernel_run(&self, kernel: &Kernel, _: &mut HostState<'_>) -> Result<Outcome, RunnerError> {
        let last = kernel.load()?.last().copied().unwrap_or_default();
        Ok(match last % 3 {
            0 => Outcome::Finished,
            1 => Outcome::Trapped { reason: "it ends so".to_owned() },
            _ => Outcome::Stuck { reason: "it ends so".to_owned() },
        })
    }
}

/// Files of runs: what is in one leads to states or to errors, twice to the same. Ends and answers of levels are played,
/// ticks are made by a machine whose kernel does next to nothing, or by the kernel of the line for some ticks.
pub fn replay(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(run) = RunFile::parse(text) else { return };
    let _ = run.kind();
    let last = &bytes[bytes.len().saturating_sub(1)..];
    repeat(&run, || run.replay(last, &Ends, &mut ()).map(|replayed| replayed.lines).ok());
    repeat(&run, || ticks(&run));
    let mut short = run.clone();
    for line in &mut short.lines {
        bound(line, run.limits.ticks_per_snapshot.0);
    }
    repeat(&short, || {
        let lines = (1..=short.lines.len().min(20)).map(|line| short.replay_kernel(line)?.ok());
        lines.collect::<Option<Vec<_>>>()
    });
}

fn repeat(run: &RunFile, lines: impl Fn() -> Option<Vec<Value>>) {
    let (one, two) = (lines(), lines());
    assert_eq!(one, two);
    if let Some(lines) = one {
        let _ = check(&run.lines, &lines).map(|difference| difference.to_string());
    }
}

fn ticks(run: &RunFile) -> Option<Vec<Value>> {
    let (mut reveals, mut watch) = (run.reveals.clone(), |_| ());
    let outside = Outside { reveals: &mut reveals, debug: &mut (), watch: &mut watch };
    let noop = include_bytes!("../../../testdata/vectors/kernels/noop.wasm");
    let mut replay = TickReplay::begin(run, noop, outside).ok()?;
    let lines: Result<Vec<_>, _> = std::iter::from_fn(|| replay.next_line()).take(40).collect();
    lines.map_err(|error| error.to_string()).ok()
}

/// Keeps the tick of a line near to the beginning of the first run.
fn bound(line: &mut Value, ticks_per_snapshot: u64) {
    let most = ticks_per_snapshot.saturating_add(5_000);
    if let Some(tick) = line.get_mut("tick")
        && tick.as_u64().is_some_and(|tick| tick > most)
    {
        *tick = most.into();
    }
}

/// Two levels, a message in each.
const RUN: &str = r#"{"format": "wasm-pvm-vectors 1", "kernel": "", "pvm_version": "2.0.0-r6", "ticks_per_snapshot": 11000000000, "outbox_validity_period": 80640, "outbox_message_limit": 100, "max_reboots": 3, "levels": [{"level": 0, "messages": ["0001", "01ff", "0002"]}, {"level": 1, "messages": ["0001", "0102", "0002"]}]}"#;

pub(super) static RUN_FILE: LazyLock<RunFile> = LazyLock::new(|| RunFile::parse(RUN).expect("a run"));

/// Runs a kernel that is no WebAssembly, but a list of host calls.
struct Calls;

/// What the memory begins with, so that there are keys to point to.
const KEYS: &[u8] = b"/a/b/c/d/kernel/boot.wasm/kernel/env/reboot/readonly/kernel/env/stuck/@/";

impl Runner for Calls {
    fn kernel_run(&self, kernel: &Kernel, host: &mut HostState<'_>) -> Result<Outcome, RunnerError> {
        host.begin_run()?;
        let program = kernel.load()?;
        let mut memory = vec![0; 1 << 16];
        memory[..KEYS.len()].copy_from_slice(KEYS);
        let taken = program.len().min(1 << 12);
        memory[1 << 12..][..taken].copy_from_slice(&program[..taken]);
        let mut source = Unstructured::new(&program);
        for _ in 0..256 {
            let Ok((function, args)) = call(&mut source) else { break };
            match host.call(function, &args, &mut &mut memory[..]) {
                Ok(answer) => assert_eq!(answer.is_some(), !function.results().is_empty()),
                Err(HostTrap::Undecided(RunnerError::Engine(error))) => {
                    panic!("{function:?} {args:?}: {error}")
                }
                Err(trap) => return trap.into_outcome(),
            }
        }
        Ok(Outcome::Finished)
    }
}

/// The state after those host calls, for seeds.
pub fn host_calls_state(calls: &[u8]) -> Result<Tree, StateError> {
    RUN_FILE.replay(calls, &Calls, &mut ()).map(|replayed| replayed.tree)
}

/// Host calls with arbitrary arguments: twice the same answers, and the state can always be hashed.
pub fn host_calls(bytes: &[u8]) {
    let replay = || {
        let replayed = RUN_FILE.replay(bytes, &Calls, &mut ()).expect("the state can be read");
        (replayed.lines, replayed.failure.map(|(level, error)| (level, error.to_string())))
    };
    assert_eq!(replay(), replay());
}
