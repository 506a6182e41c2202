//! Operations of the node's keys that wait in the mempool for too long: bakers find their fees too low. They are replaced
//! by ones that pay more.
//!
//! A layer-1 takes one operation of a counter, and a mempool one of an account. So a new operation for what the old one was
//! for takes its place, and of the two at most one is ever included. Operations of other kinds are left alone: a person
//! sent them.

use soru_base::{Level, LevelSpan, Mutez, OperationHash, PublicKeyHash};
use soru_l1::query::Pending;
use soru_protocol::operation::{Action, Content};
use soru_protocol::receipt::{BlockContent, BlockOperation};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// A replacement pays so many hundredths of what it replaces: mempools ask for 105.
const RAISE: u64 = 125;

/// What an operation of the node is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errand {
    /// It adds messages, and nothing else.
    Messages,
    /// It is about commitments, games and outbox messages.
    Rollup,
}

/// The operations that wait, by account.
#[derive(Debug)]
pub(crate) struct Overdue {
    patience: LevelSpan,
    waiting: Mutex<BTreeMap<PublicKeyHash, Waiting>>,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    operation: OperationHash,
    // The head when it was first seen.
    since: Level,
    fee: Mutez,
    errand: Option<Errand>,
    is_overdue: bool,
}

/// Whether an operation may be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It may, whatever it pays.
    Free,
    /// It may, if it pays so much: it takes the place of another one.
    Above(Mutez),
    /// An operation for something else has to go first.
    Taken,
}

impl Overdue {
    /// Operations wait for so many blocks before they are replaced.
    pub(crate) fn after(patience: LevelSpan) -> Self {
        Self { patience, waiting: Mutex::default() }
    }

    /// Whether `source` has to wait for an operation of its own that the next block may have.
    pub(crate) fn is_busy(&self, source: PublicKeyHash, pending: &Pending, head: Level) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if !pending.has_source(source) {
            waiting.remove(&source);
            return false;
        }
        let soon = pending.validated.iter().chain(&pending.unprocessed);
        let mut own = soon.filter_map(|op| Some((op, contents_of(op, source)?)));
        let (Some((operation, contents)), None) = (own.next(), own.next()) else {
            // Several, or one that is not understood.
            waiting.remove(&source);
            return true;
        };
        let fee = contents.iter().fold(0, |sum: u64, content| sum.saturating_add(content.fee.0));
        let now = Waiting {
            operation: operation.hash,
            since: head,
            fee: Mutez(fee),
            errand: errand_of(&contents),
            is_overdue: false,
        };
        let entry = waiting.entry(source).or_insert(now);
        // Another one, or the chain is another one.
        if entry.operation != operation.hash || entry.since > head {
            *entry = now;
        }
        let is_overdue = entry.errand.is_some() && head.since(entry.since) >= self.patience;
        if is_overdue && !entry.is_overdue {
            tracing::warn!(operation = %operation.hash, fee = %entry.fee, "an operation of {source} is in no block after {} blocks: one that pays more takes its place", self.patience.0);
        }
        entry.is_overdue = is_overdue;
        !is_overdue
    }

    /// On what terms `source` may send an operation for that.
    pub(crate) fn way_for(&self, source: PublicKeyHash, errand: Errand) -> Way {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.get(&source).filter(|waiting| waiting.is_overdue) {
            None => Way::Free,
            Some(waiting) if waiting.errand == Some(errand) => Way::Above(raised(waiting.fee)),
            Some(_) => Way::Taken,
        }
    }
}

fn raised(fee: Mutez) -> Mutez {
    Mutez((fee.0 / 100).saturating_mul(RAISE).saturating_add((fee.0 % 100) * RAISE / 100).saturating_add(1))
}

/// The contents of an operation all of which are of `source` and understood.
fn contents_of(operation: &BlockOperation, source: PublicKeyHash) -> Option<Vec<&Content>> {
    let contents = operation.contents.iter().map(|content| match content {
        BlockContent::Manager { content, .. } if content.source == source => Some(&**content),
        BlockContent::Manager { .. } | BlockContent::Other(_) => None,
    });
    contents.collect()
}

/// What an operation is for, if it is one of those that a node sends.
fn errand_of(contents: &[&Content]) -> Option<Errand> {
    let of = |action: &Action| match action {
        Action::SmartRollupAddMessages { .. } => Some(Errand::Messages),
        Action::SmartRollupPublish { .. }
        | Action::SmartRollupCement { .. }
        | Action::SmartRollupRefute { .. }
        | Action::SmartRollupTimeout { .. }
        | Action::SmartRollupRecoverBond { .. }
        | Action::SmartRollupExecuteOutboxMessage { .. } => Some(Errand::Rollup),
        _ => None,
    };
    let mut asked = contents.iter().filter(|content| !matches!(content.action, Action::Reveal { .. }));
    let first = of(&asked.next()?.action)?;
    asked.all(|content| of(&content.action) == Some(first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use soru_base::{BOOTSTRAP_ACCOUNTS, BlockHash, RollupAddress};
    use soru_michelson::Micheline;

    const PATIENCE: LevelSpan = LevelSpan(10);

    fn key(n: usize) -> PublicKeyHash {
        BOOTSTRAP_ACCOUNTS[n].pkh()
    }

    fn level(n: u32) -> Level {
        Level::new(n).unwrap()
    }

    fn operation(n: u8, source: PublicKeyHash, fee: u64, actions: Vec<Action>) -> BlockOperation {
        let content = |action| {
            let content =
                Content { source, fee: Mutez(fee), counter: 1, gas_limit: 1, storage_limit: 0, action };
            BlockContent::Manager { content: Box::new(content), receipt: None }
        };
        let contents = actions.into_iter().map(content).collect();
        BlockOperation { hash: OperationHash([n; 32]), branch: BlockHash::ZERO, contents, signature: None }
    }

    fn messages() -> Action {
        Action::SmartRollupAddMessages { messages: vec![vec![1]] }
    }

    fn cement() -> Action {
        Action::SmartRollupCement { rollup: RollupAddress::ZERO }
    }

    fn pending(operations: Vec<BlockOperation>) -> Pending {
        Pending { validated: operations, ..Pending::default() }
    }

    #[test]
    fn an_operation_that_waits_for_long_may_be_replaced_by_a_dearer_one_for_the_same() {
        let overdue = Overdue::after(PATIENCE);
        let waits = pending(vec![operation(1, key(0), 400, vec![cement(), cement()])]);
        for head in 5..15 {
            assert!(overdue.is_busy(key(0), &waits, level(head)), "level {head}");
            assert_eq!(overdue.way_for(key(0), Errand::Rollup), Way::Free, "who is not busy may send");
        }
        assert!(!overdue.is_busy(key(0), &waits, level(15)));
        assert_eq!(overdue.way_for(key(0), Errand::Rollup), Way::Above(Mutez(1_001)));
        assert_eq!(overdue.way_for(key(0), Errand::Messages), Way::Taken);
        assert_eq!(overdue.way_for(key(1), Errand::Messages), Way::Free);
        // The replacement has its own time, and pays more again.
        let dearer = pending(vec![operation(2, key(0), 1_001, vec![cement()])]);
        assert!(overdue.is_busy(key(0), &dearer, level(16)));
        assert!(overdue.is_busy(key(0), &dearer, level(25)));
        assert!(!overdue.is_busy(key(0), &dearer, level(26)));
        assert_eq!(overdue.way_for(key(0), Errand::Rollup), Way::Above(Mutez(1_252)));
        // It was included.
        assert!(!overdue.is_busy(key(0), &pending(vec![]), level(27)));
        assert_eq!(overdue.way_for(key(0), Errand::Rollup), Way::Free);
    }

    #[test]
    fn what_a_person_sent_is_left_alone() {
        let overdue = Overdue::after(PATIENCE);
        let transfer = Action::SmartRollupOriginate {
            pvm_kind: soru_protocol::operation::PvmKind::Wasm2_0_0,
            kernel: vec![],
            parameters_ty: Micheline::unit(),
            whitelist: None,
        };
        for strange in [
            vec![operation(1, key(0), 1, vec![transfer.clone()])],
            vec![operation(1, key(0), 1, vec![messages(), cement()])],
            vec![operation(1, key(0), 1, vec![messages()]), operation(2, key(0), 1, vec![messages()])],
        ] {
            let strange = pending(strange);
            assert!(overdue.is_busy(key(0), &strange, level(1)));
            assert!(overdue.is_busy(key(0), &strange, level(1_000)));
            assert_eq!(overdue.way_for(key(0), Errand::Messages), Way::Free);
        }
    }

    #[test]
    fn after_a_reorganisation_the_time_begins_anew() {
        let overdue = Overdue::after(PATIENCE);
        let waits = pending(vec![operation(1, key(0), 400, vec![messages()])]);
        assert!(overdue.is_busy(key(0), &waits, level(20)));
        assert!(overdue.is_busy(key(0), &waits, level(12)));
        assert!(overdue.is_busy(key(0), &waits, level(21)));
        assert!(!overdue.is_busy(key(0), &waits, level(22)));
        assert_eq!(overdue.way_for(key(0), Errand::Messages), Way::Above(Mutez(501)));
    }
}
