//! Throwing away the states that nobody can ask for any more, with their blocks and messages. What stays of a level is the
//! hash of its block.

use super::tables::*;
use super::{BlockRecord, Store, StoreError, commitment_of, damaged, required_block};
use redb::{ReadableTable, WriteTransaction};
use soru_base::{Binary, ContextHash, Level, LevelSpan, StateHash};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// Blocks below the head whose states are kept in any case, so that a reorganisation finds what it needs.
const KEPT_BLOCKS: LevelSpan = LevelSpan(100);
/// Ends of commitment periods kept below the last cemented commitment: the layer-1 takes outbox proofs against as many.
const KEPT_PERIODS: u32 = 5;

/// What a rollup's states are still needed for, games apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Level of the layer-1's head.
    pub head: Level,
    /// Level of the last cemented commitment that no reorganisation can take back.
    pub cemented: Level,
    /// Blocks in a commitment period.
    pub period: LevelSpan,
    /// Levels below the last cemented one that are wanted all the same.
    pub history_blocks: u32,
}

impl Needs {
    /// What is needed at a head, if it is known what is cemented there.
    pub fn of(
        store: &Store,
        head: Level,
        period: LevelSpan,
        history_blocks: u32,
    ) -> Result<Option<Self>, StoreError> {
        let Some(cemented) = store.cemented()? else { return Ok(None) };
        let settled = store.cemented_at(head.minus(KEPT_BLOCKS))?.unwrap_or(cemented.level);
        Ok(Some(Self { head, cemented: cemented.level.min(settled), period, history_blocks }))
    }

    /// Every commitment above the last cemented one may be disputed, and the game begins with the state of its parent. One
    /// period more, for those who look at it later.
    pub fn kept(self) -> Kept {
        let settled = self.head.minus(KEPT_BLOCKS);
        let below = LevelSpan(self.period.0.saturating_add(self.history_blocks));
        Kept {
            from: self.cemented.minus(below).min(settled),
            period_ends_from: self.cemented.minus(LevelSpan(self.period.0.saturating_mul(KEPT_PERIODS))),
            finalized: settled,
        }
    }
}

/// Which states are kept. Those of periods about which games are played are kept besides, however old they are: see
/// [`Store::note_games`].
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
    /// Level of the commitment that was cemented last when the block of `level` was the head of the current chain. Nothing
    /// if nothing was cemented since, or it is not known.
    fn cemented_at(&self, level: Level) -> Result<Option<Level>, StoreError> {
        let tx = self.read()?;
        for entry in tx.open_table(CANONICAL)?.range(level.get().saturating_add(1)..)? {
            let record = required_block(&tx, entry?.1.value())?;
            let Some(first) = record.cemented.first() else { continue };
            let Some(first) = commitment_of(&tx, first)? else { return Ok(None) };
            return Ok(commitment_of(&tx, &first.predecessor)?.map(|before| before.inbox_level));
        }
        Ok(None)
    }

    /// Remembers that at the head of level `seen_at` games are played about the commitments of those levels. A game is
    /// forgotten when it was not seen for so long that no reorganisation can bring it back.
    pub fn note_games(&self, inbox_levels: &BTreeSet<Level>, seen_at: Level) -> Result<(), StoreError> {
        if inbox_levels.is_empty() {
            return Ok(());
        }
        let tx = self.db.begin_write()?;
        {
            let mut games = tx.open_table(GAMES)?;
            for level in inbox_levels {
                games.insert(level.get(), seen_at.get())?;
            }
        }
        Ok(tx.commit()?)
    }

    /// Throws away the states that are not `kept`, their blocks and messages, and the abandoned blocks that are final, in one transaction.
    pub fn collect(&self, kept: Kept) -> Result<Collected, StoreError> {
        let tx = self.db.begin_write()?;
        tx.open_table(GAMES)?.retain(|_, seen_at| seen_at >= kept.finalized.get())?;
        let plan = examine(&tx, kept)?;
        for hash in &plan.abandoned {
            tx.open_table(BLOCKS)?.remove(hash)?;
            tx.open_table(MESSAGES)?.remove(hash)?;
        }
        let first = tx.open_table(CANONICAL)?.first()?.map(|(level, _)| level.value());
        for (level, block, _) in &plan.dropped {
            tx.open_table(STATES)?.remove((*level, *block))?;
            tx.open_table(MESSAGES)?.remove(block)?;
            // A proof of a message goes from the inbox at the beginning of its game down to the level that is disputed.
            if plan.lowest_disputed.is_none_or(|lowest| *level < lowest) && first != Some(*level) {
                forget_plain(&tx, *block)?;
            }
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
    lowest_disputed: Option<u32>,
    dropped: Vec<Entry>,
    abandoned: Vec<[u8; 32]>,
    dead: Vec<StateHash>,
}

fn examine(tx: &WriteTransaction, kept: Kept) -> Result<Plan, StoreError> {
    let end = kept.from.get().max(kept.finalized.next().get());
    let games = disputed_levels(tx)?;
    let lowest_disputed = games.iter().map(|levels| *levels.start()).min();
    let mut plan = Plan { lowest_disputed, dropped: Vec::new(), abandoned: Vec::new(), dead: Vec::new() };
    // Blocks of one level may share a state (abandoned ones do with the ones that replaced them); those of
    // different levels never do, for ticks have passed. So what is live is known at the end of each level.
    let mut here = (0, BTreeSet::new(), Vec::new());
    for entry in tx.open_table(STATES)?.range((0, [0; 32])..(end, [0; 32]))? {
        let (key, state) = entry?;
        let ((level, block), state) = (key.value(), state.value());
        if level != here.0 {
            plan.end_level(std::mem::replace(&mut here, (level, BTreeSet::new(), Vec::new())));
        }
        let fate = match games.iter().any(|levels| levels.contains(&level)) {
            true => Fate::Live,
            false => fate_of(tx, level, block, kept)?,
        };
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

/// The levels that games are about: from the parent of the disputed commitment to its own.
fn disputed_levels(tx: &WriteTransaction) -> Result<Vec<RangeInclusive<u32>>, StoreError> {
    let (canonical, blocks) = (tx.open_table(CANONICAL)?, tx.open_table(BLOCKS)?);
    let mut disputed = Vec::new();
    for entry in tx.open_table(GAMES)?.iter()? {
        let inbox_level = entry?.0.value();
        // If the chain does not reach that far any more, what it has of the period counts.
        let Some(last) = canonical.range(..=inbox_level)?.next_back() else { continue };
        let hash = last?.1.value();
        let Some(bytes) = blocks.get(hash)? else { continue };
        let record = BlockRecord::from_bytes(bytes.value()).map_err(damaged("block"))?;
        disputed.push(record.previous_commitment_level.get()..=inbox_level);
    }
    Ok(disputed)
}

/// Forgets a block, unless it has to do with commitments: somebody may ask for these later.
fn forget_plain(tx: &WriteTransaction, block: [u8; 32]) -> Result<(), StoreError> {
    let mut blocks = tx.open_table(BLOCKS)?;
    let is_plain = match blocks.get(block)? {
        None => return Ok(()),
        Some(bytes) => BlockRecord::from_bytes(bytes.value()).map_err(damaged("block"))?.is_plain(),
    };
    if is_plain {
        blocks.remove(block)?;
    }
    Ok(())
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
