//! Messages through the echo kernel alone: no layer-1, no disk.

use crate::kernels::external;
use crate::progress;
use crate::samples::Samples;
use anyhow::{Result, ensure};
use soru_base::{Level, LevelSpan};
use soru_engine::{Compiler, Engine, Options};
use soru_merkle::Tree;
use soru_pvm::machine::{initial_state, install_boot_sector};
use soru_pvm::replay::FixedReveals;
use soru_pvm::{Limits, Surroundings, Version, eval_level};
use std::time::Instant;

/// Levels full of messages.
#[derive(Debug, Clone)]
pub(crate) struct MessagesCost {
    /// The compiler.
    pub(crate) compiler: Compiler,
    /// External messages in a level.
    pub(crate) messages: u32,
    /// Bytes of each.
    pub(crate) message_bytes: usize,
    /// Seconds of a level, its state hash included.
    pub(crate) seconds: Samples,
}

impl MessagesCost {
    /// Messages a second.
    pub(crate) fn rate(&self) -> Samples {
        self.seconds.map(|seconds| f64::from(self.messages) / seconds)
    }
}

/// Levels of so many messages, with each compiler in turn.
pub(crate) fn measure(messages: u32, message_bytes: usize, levels: u32) -> Result<Vec<MessagesCost>> {
    let mut subjects = Vec::new();
    for compiler in crate::engine::COMPILERS {
        let engine = Engine::new(Options { compiler, ..Options::default() })?;
        let mut state = initial_state(Version::V0)?;
        install_boot_sector(&mut state, soru_kernels::ECHO, Limits::FIRST)?;
        // The first level compiles the kernel.
        let state = level(&state, 0, &inbox(0, messages, message_bytes), &engine)?;
        let cost = MessagesCost { compiler, messages, message_bytes, seconds: Samples::default() };
        subjects.push((engine, state, cost));
    }
    let bar = progress::bar(format!("levels of {messages} messages through echo"), levels.into());
    for number in 1..=levels {
        let inbox = inbox(number, messages, message_bytes);
        for (engine, state, cost) in &mut subjects {
            let at = Instant::now();
            *state = level(state, number, &inbox, engine)?;
            cost.seconds.0.push(at.elapsed().as_secs_f64());
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    for (engine, _, cost) in &subjects {
        ensure!(engine.status().retreats == 0, "{} does not take the echo kernel", cost.compiler);
    }
    Ok(subjects.into_iter().map(|(_, _, cost)| cost).collect())
}

fn inbox(level: u32, messages: u32, bytes: usize) -> Vec<Vec<u8>> {
    let first = level.wrapping_mul(messages);
    let external = (0..messages).map(|number| external(first.wrapping_add(number), bytes));
    [vec![0, 1]].into_iter().chain(external).chain([vec![0, 2]]).collect()
}

/// The state after a level, hashed, as a node does it.
fn level(state: &Tree, number: u32, inbox: &[Vec<u8>], engine: &Engine) -> Result<Tree> {
    let (mut reveals, mut debug) = (FixedReveals::default(), ());
    let mut around = Surroundings { runner: engine, reveals: &mut reveals, debug: &mut debug };
    let outcome = eval_level(state, Level::GENESIS.plus(LevelSpan(number)), inbox, &mut around)?;
    let echoed = (inbox.len() - 2).min(Limits::FIRST.outbox_message_limit as usize);
    ensure!(outcome.outbox.len() == echoed, "level {number}: {} messages echoed", outcome.outbox.len());
    outcome.tree.hash()?;
    Ok(outcome.tree)
}
