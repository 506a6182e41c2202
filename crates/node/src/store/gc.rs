//! Throwing away the states that nobody can ask for any more.

use super::tables::*;
use super::{BlockRecord, Store, StoreError, damaged};
use redb::{ReadableTable, WriteTransaction};
use soru_base::{Binary, ContextHash, Level, StateHash};
use std::collections::BTreeSet;

/// Which states are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// All states from that level on, those of abandoned blocks included.
    pub from: Level,
    /// Before that, the states at the ends of commitment periods from that level on.
    pub period_ends_from: Level,
    /// Blocks of abandoned chains below that level are forgotten: nothing can bring them back.
    pub finalized: Level,
}

/// What a collection did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Collected {
    /// States thrown away.
    pub states: usize,
    /// Abandoned blocks forgotten.
    pub blocks: usize,
    /// Nodes of states removed from disk; what is above the limit of one collection waits for the next.
    pub nodes: u64,
}

/// Nodes removed in one collection, so that no transaction grows without bound.
const MAX_NODES: u64 = 200_000;

impl Store {
    /// Throws away the states that are not `kept` and the abandoned blocks that are final, in one transaction.
    pub fn collect(&self, kept: Kept) -> Result<Collected, StoreError> {
        let tx = self.db.begin_write()?;
        let plan = examine(&tx, kept)?;
        for hash in &plan.abandoned {
            tx.open_table(BLOCKS)?.remove(hash)?;
            tx.open_table(MESSAGES)?.remove(hash)?;
        }
        for (level, block, _) in &plan.dropped {
            tx.open_table(STATES)?.remove((*level, *block))?;
        }
        self.trees.forget(&tx, plan.dead.iter().map(|state| ContextHash::from(*state)))?;
        let nodes = self.trees.gc(&tx, MAX_NODES)?.nodes;
        tx.commit()?;
        Ok(Collected { states: plan.dead.len(), blocks: plan.abandoned.len(), nodes })
    }
}

/// A stored state: level and hash of its block, and the state's hash.
type Entry = (u32, [u8; 32], [u8; 32]);

struct Plan {
    dropped: Vec<Entry>,
    abandoned: Vec<[u8; 32]>,
    dead: Vec<StateHash>,
}

fn examine(tx: &WriteTransaction, kept: Kept) -> Result<Plan, StoreError> {
    let end = kept.from.get().max(kept.finalized.next().get());
    let mut plan = Plan { dropped: Vec::new(), abandoned: Vec::new(), dead: Vec::new() };
    // Blocks of one level may share a state (abandoned ones do with the ones that replaced them); those of
    // different levels never do, for ticks have passed. So what is live is known at the end of each level.
    let mut here = (0, BTreeSet::new(), Vec::new());
    for entry in tx.open_table(STATES)?.range((0, [0; 32])..(end, [0; 32]))? {
        let (key, state) = entry?;
        let ((level, block), state) = (key.value(), state.value());
        if level != here.0 {
            plan.end_level(std::mem::replace(&mut here, (level, BTreeSet::new(), Vec::new())));
        }
        let fate = fate_of(tx, level, block, kept)?;
        if fate == Fate::Live {
            here.1.insert(state);
        } else {
            plan.dropped.push((level, block, state));
            here.2.push(state);
        }
        if fate == Fate::Abandoned {
            plan.abandoned.push(block);
        }
    }
    plan.end_level(here);
    Ok(plan)
}

impl Plan {
    fn end_level(&mut self, (_, live, dropped): (u32, BTreeSet<[u8; 32]>, Vec<[u8; 32]>)) {
        let dead: BTreeSet<[u8; 32]> = dropped.into_iter().filter(|state| !live.contains(state)).collect();
        self.dead.extend(dead.into_iter().map(StateHash));
    }
}

#[derive(PartialEq, Eq)]
enum Fate {
    Live,
    Dead,
    Abandoned,
}

fn fate_of(tx: &WriteTransaction, level: u32, block: [u8; 32], kept: Kept) -> Result<Fate, StoreError> {
    let canonical = tx.open_table(CANONICAL)?;
    let on_chain = canonical.get(level)?.is_some_and(|h| h.value() == block);
    if !on_chain && level <= kept.finalized.get() {
        return Ok(Fate::Abandoned);
    }
    let head = canonical.last()?.is_some_and(|(l, _)| l.value() == level);
    if level >= kept.from.get() || (on_chain && head) {
        return Ok(Fate::Live);
    }
    if level < kept.period_ends_from.get() {
        return Ok(Fate::Dead);
    }
    let blocks = tx.open_table(BLOCKS)?;
    let Some(bytes) = blocks.get(block)? else { return Ok(Fate::Abandoned) };
    let record = BlockRecord::from_bytes(bytes.value()).map_err(damaged("block"))?;
    Ok(if record.commitment.is_some() { Fate::Live } else { Fate::Dead })
}
