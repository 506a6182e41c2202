//! Operations that wait for a block.
//!
//! As on the network, an account has one operation in a block; a second one of the same account takes its place if it
//! pays more, or is refused. Several of one account can wait all the same, after a reorganisation: they go into blocks in
//! the order of their counters.

use serde_json::{Value, json};
use soru_base::{OperationHash, PublicKeyHash};
use soru_protocol::operation::SignedOperation;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Operations that can wait at once.
const MAX_PENDING: usize = 10_000;
/// Bytes of all operations that wait.
const MAX_PENDING_BYTES: usize = 10_000_000;
/// Refused operations that are remembered for those who ask.
const MAX_REJECTED: usize = 1_000;
/// A newcomer takes the place of the one that waits if it pays this much in a hundred of its fee.
const REPLACEMENT_PERCENT: u64 = 105;

/// What the network calls the reasons to leave an operation out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// It can never be valid.
    Refused,
    /// It came too late.
    Outdated,
    /// It is not valid on this branch.
    BranchRefused,
    /// It may be valid in a later block.
    BranchDelayed,
}

impl Class {
    /// The class of an error by its `kind`.
    pub fn of_kind(kind: &str) -> Self {
        match kind {
            "branch" => Self::BranchRefused,
            "temporary" => Self::BranchDelayed,
            "outdated" => Self::Outdated,
            _ => Self::Refused,
        }
    }

    /// The network's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Outdated => "outdated",
            Self::BranchRefused => "branch_refused",
            Self::BranchDelayed => "branch_delayed",
        }
    }
}

/// Why an operation was not taken, with the errors as the network's nodes write them.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// What that means for the operation.
    pub class: Class,
    /// Objects with at least `kind` and `id`.
    pub trace: Vec<Value>,
}

impl Refusal {
    /// A refusal by the errors of the protocol, the first of which decides.
    pub fn new(trace: Vec<Value>) -> Self {
        let kind = trace.first().and_then(|e| e["kind"].as_str()).unwrap_or("permanent");
        Self { class: Class::of_kind(kind), trace }
    }
}

/// An operation that waits.
#[derive(Debug, Clone)]
pub struct Pending {
    /// Its hash.
    pub hash: OperationHash,
    /// The operation.
    pub operation: Arc<SignedOperation>,
    /// The account.
    pub source: PublicKeyHash,
    /// The counter of its first content.
    pub counter: u64,
    fee: u64,
    size: usize,
    arrival: i64,
}

impl Pending {
    /// Bytes of the signed operation.
    pub fn size(&self) -> usize {
        self.size
    }
}

/// An operation that was left out, kept for those who ask why.
#[derive(Debug, Clone)]
pub struct Rejected {
    /// Its hash.
    pub hash: OperationHash,
    /// The operation.
    pub operation: Arc<SignedOperation>,
    /// Why.
    pub refusal: Refusal,
}

/// Operations that wait for a block.
#[derive(Debug, Default)]
pub struct Mempool {
    pending: BTreeMap<OperationHash, Pending>,
    by_counter: BTreeMap<(PublicKeyHash, u64), OperationHash>,
    rejected: VecDeque<Rejected>,
    // Of all that wait.
    bytes: usize,
}

impl Mempool {
    /// Whether that operation waits.
    pub fn contains(&self, hash: &OperationHash) -> bool {
        self.pending.contains_key(hash)
    }

    /// Number of operations that wait.
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Takes an operation that a client sent and the protocol has found valid. A second one of the same account with the
    /// same counter takes the place of the first, if it pays enough.
    pub fn add(
        &mut self,
        hash: OperationHash,
        operation: SignedOperation,
        size: usize,
    ) -> Result<(), Refusal> {
        let arrival = self.pending.values().map(|p| p.arrival).max().map_or(0, |last| last.saturating_add(1));
        let Some(newcomer) = newcomer(hash, operation, size, arrival) else {
            return Err(Refusal::new(vec![json!({
                "kind": "permanent",
                "id": "operation.empty",
                "msg": "an operation needs at least one content",
            })]));
        };
        let rival =
            self.by_counter.get(&(newcomer.source, newcomer.counter)).and_then(|h| self.pending.get(h));
        match rival {
            Some(rival) => {
                let needed = rival
                    .fee
                    .saturating_mul(REPLACEMENT_PERCENT)
                    .div_ceil(100)
                    .max(rival.fee.saturating_add(1));
                if newcomer.fee < needed {
                    return Err(conflict(&newcomer, rival, needed));
                }
                let old = rival.hash;
                self.reject(&old, replaced(&old, &newcomer.hash));
            }
            None if self.pending.len() >= MAX_PENDING || self.bytes + size > MAX_PENDING_BYTES => {
                return Err(Refusal::new(vec![json!({
                    "kind": "temporary",
                    "id": "node.prevalidation.too_many_operations",
                    "msg": format!("{} operations of {} bytes wait already", self.pending.len(), self.bytes),
                })]));
            }
            None => {}
        }
        self.insert(newcomer);
        Ok(())
    }

    /// Takes back operations of blocks that are no longer on the current branch, in the order of these blocks. They go
    /// before those that wait: they were there before them.
    pub fn put_back(&mut self, operations: Vec<(OperationHash, SignedOperation, usize)>) {
        let count = i64::try_from(operations.len()).unwrap_or(i64::MAX);
        let first = self.pending.values().map(|p| p.arrival).min().unwrap_or(0).saturating_sub(count);
        for (place, (hash, operation, size)) in (first..).zip(operations) {
            if let Some(pending) = newcomer(hash, operation, size, place)
                && !self.by_counter.contains_key(&(pending.source, pending.counter))
            {
                self.insert(pending);
            }
        }
    }

    /// All that wait, in the order of their arrival, but those of one account in the order of their counters.
    pub fn in_order(&self) -> Vec<Pending> {
        // Each account's arrivals, in order, are given to its operations in the order of their counters.
        let mut arrivals: BTreeMap<PublicKeyHash, BTreeSet<i64>> = BTreeMap::new();
        for pending in self.pending.values() {
            arrivals.entry(pending.source).or_default().insert(pending.arrival);
        }
        let mut places: Vec<(i64, &Pending)> = Vec::with_capacity(self.pending.len());
        for ((source, _), hash) in &self.by_counter {
            let place = arrivals.get_mut(source).and_then(BTreeSet::pop_first);
            if let (Some(place), Some(pending)) = (place, self.pending.get(hash)) {
                places.push((place, pending));
            }
        }
        places.sort_by_key(|(place, _)| *place);
        places.into_iter().map(|(_, pending)| pending.clone()).collect()
    }

    /// Forgets an operation that is in a block now.
    pub fn remove(&mut self, hash: &OperationHash) -> Option<Pending> {
        let pending = self.pending.remove(hash)?;
        self.by_counter.remove(&(pending.source, pending.counter));
        self.bytes -= pending.size;
        Some(pending)
    }

    /// Leaves an operation out, for a reason.
    pub fn reject(&mut self, hash: &OperationHash, refusal: Refusal) {
        if let Some(pending) = self.remove(hash) {
            self.remember(Rejected { hash: *hash, operation: pending.operation, refusal });
        }
    }

    /// Remembers an operation that was left out, for those who ask.
    pub fn remember(&mut self, rejected: Rejected) {
        self.rejected.retain(|r| r.hash != rejected.hash);
        if self.rejected.len() == MAX_REJECTED {
            self.rejected.pop_front();
        }
        self.rejected.push_back(rejected);
    }

    /// Those that were left out, the oldest first.
    pub fn rejected(&self) -> impl Iterator<Item = &Rejected> {
        self.rejected.iter()
    }

    fn insert(&mut self, pending: Pending) {
        self.rejected.retain(|r| r.hash != pending.hash);
        self.by_counter.insert((pending.source, pending.counter), pending.hash);
        self.bytes += pending.size;
        self.pending.insert(pending.hash, pending);
    }
}

fn newcomer(hash: OperationHash, operation: SignedOperation, size: usize, arrival: i64) -> Option<Pending> {
    let first = operation.operation.contents.first()?;
    let (source, counter) = (first.source, first.counter);
    let fee = operation.operation.contents.iter().fold(0u64, |sum, c| sum.saturating_add(c.fee.0));
    Some(Pending { hash, operation: Arc::new(operation), source, counter, fee, size, arrival })
}

fn conflict(newcomer: &Pending, rival: &Pending, needed: u64) -> Refusal {
    Refusal::new(vec![json!({
        "kind": "temporary",
        "id": "prevalidation.operation_conflict",
        "new_hash": newcomer.hash.to_string(),
        "needed_fee_in_mutez": needed.to_string(),
        "msg": format!(
            "operation {} of {} waits already, and an account has one operation in a block: \
             wait for the next block, or pay a fee of at least {needed} mutez to replace it",
            rival.hash, rival.source,
        ),
    })])
}

fn replaced(old: &OperationHash, new: &OperationHash) -> Refusal {
    Refusal {
        class: Class::Outdated,
        trace: vec![json!({
            "kind": "temporary",
            "id": "prevalidation.operation_replacement",
            "old_hash": old.to_string(),
            "new_hash": new.to_string(),
        })],
    }
}
