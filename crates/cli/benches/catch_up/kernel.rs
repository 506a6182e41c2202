//! Messages through the echo kernel alone: no layer-1, no disk.

use crate::layer1::batch;
use crate::progress;
use anyhow::{Result, ensure};
use soru_base::Level;
use soru_engine::{Compiler, Engine, Options};
use soru_merkle::Tree;
use soru_protocol::inbox::{InboxMessage, InternalMessage, SerializedMessage};
use soru_pvm::machine::{initial_state, install_boot_sector};
use soru_pvm::replay::FixedReveals;
use soru_pvm::{Limits, Surroundings, Version, eval_level};
use std::time::{Duration, Instant};

/// Levels of that many external messages, and how many such levels: first as many as an outbox takes.
const RUNS: [(u32, u32); 2] = [(100, 200), (10_000, 10)];

/// What a run of levels took.
pub(crate) struct KernelRun {
    pub(crate) compiler: Compiler,
    /// External messages in a level.
    pub(crate) messages: u32,
    /// Levels that were measured.
    pub(crate) levels: u32,
    /// What they took, their state hashes included.
    pub(crate) time: Duration,
}

pub(crate) fn measure(message_bytes: usize) -> Result<Vec<KernelRun>> {
    let mut runs = Vec::new();
    for compiler in [Compiler::Cranelift, Compiler::Singlepass] {
        for (messages, levels) in RUNS {
            runs.push(run(compiler, messages, levels, message_bytes)?);
        }
    }
    Ok(runs)
}

fn run(compiler: Compiler, messages: u32, levels: u32, message_bytes: usize) -> Result<KernelRun> {
    let engine = Engine::new(Options { compiler, ..Options::default() })?;
    let mut state = initial_state(Version::V0)?;
    install_boot_sector(&mut state, soru_kernels::ECHO, Limits::FIRST)?;
    // The first level compiles the kernel.
    let state = level(&state, 0, &inbox(0, messages, message_bytes)?, &engine)?;
    ensure!(engine.status().retreats == 0, "{compiler} does not take the echo kernel");
    let inboxes =
        (1..=levels).map(|number| inbox(number, messages, message_bytes)).collect::<Result<Vec<_>>>()?;
    let bar = progress("messages through the echo kernel", levels.into());
    let start = Instant::now();
    let mut state = state;
    for (number, inbox) in (1..).zip(&inboxes) {
        state = level(&state, number, inbox, &engine)?;
        bar.inc(1);
    }
    let time = start.elapsed();
    bar.finish_and_clear();
    Ok(KernelRun { compiler, messages, levels, time })
}

fn inbox(level: u32, messages: u32, bytes: usize) -> Result<Vec<SerializedMessage>> {
    let mut inbox = vec![InternalMessage::start_of_level()];
    for message in batch(level, messages, bytes) {
        inbox.push(InboxMessage::External(message).serialize()?);
    }
    inbox.push(InternalMessage::end_of_level());
    Ok(inbox)
}

/// The state after a level, hashed, as a node does it.
fn level(state: &Tree, number: u32, inbox: &[SerializedMessage], engine: &Engine) -> Result<Tree> {
    let (mut reveals, mut debug) = (FixedReveals::default(), ());
    let mut around = Surroundings { runner: engine, reveals: &mut reveals, debug: &mut debug };
    let messages: Vec<&[u8]> = inbox.iter().map(SerializedMessage::as_bytes).collect();
    let number = Level::GENESIS.plus(soru_base::LevelSpan(number));
    let outcome = eval_level(state, number, &messages, &mut around)?;
    let echoed = (messages.len() - 2).min(Limits::FIRST.outbox_message_limit as usize);
    ensure!(outcome.outbox.len() == echoed, "level {number}: {} messages echoed", outcome.outbox.len());
    outcome.tree.hash()?;
    Ok(outcome.tree)
}
