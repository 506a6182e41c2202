//! Executing outbox messages as soon as they can be, where the configuration says which.

use crate::chain::Chain;
use crate::config::{Config, OutboxFilter, Purpose};
use crate::error::NodeError;
use crate::games::turnstile::Turnstile;
use crate::layer1::{Header, Injected, Injection, Layer1, Layer1Error};
use crate::machine::{Machine, MachineError};
use crate::status::StatusCell;
use crate::store::StoreError;
use soru_base::{Binary as _, CommitmentHash, Level, PublicKeyHash};
use soru_protocol::outbox::OutboxMessage;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use thiserror::Error;
use tracing::{info, warn};

/// Most messages of one operation: proofs are large.
const MOST: usize = 4;
/// Blocks between two attempts at a message that was refused, at most: that costs nothing.
const LONGEST_WAIT: u32 = 64;

/// Executes outbox messages.
pub(crate) struct Executor<L, M> {
    layer1: Arc<L>,
    chain: Arc<Chain<M>>,
    status: StatusCell,
    turnstile: Turnstile,
    key: PublicKeyHash,
    filters: Vec<OutboxFilter>,
    attempts: Attempts,
}

/// Messages that were tried and still wait: how often, and at which level to try again. Losing this costs an attempt.
#[derive(Debug, Default)]
struct Attempts(BTreeMap<(Level, u32), Attempt>);

#[derive(Debug, Default, Clone, Copy)]
struct Attempt {
    refused: u32,
    sent: u32,
    again: u32,
}

impl Attempts {
    /// The layer-1 would not take it; says whether for the first time.
    fn refused(&mut self, at: (Level, u32), head: Level) -> bool {
        let attempt = self.0.entry(at).or_default();
        attempt.refused = attempt.refused.saturating_add(1);
        attempt.wait(attempt.refused, LONGEST_WAIT, head);
        attempt.refused == 1
    }

    /// The layer-1 took it. A contract may let itself be called in each simulation and fail in each block: that costs the
    /// fee, so each further attempt is twice as far away as the last one.
    fn sent(&mut self, at: (Level, u32), head: Level) {
        let attempt = self.0.entry(at).or_default();
        attempt.sent = attempt.sent.saturating_add(1);
        attempt.wait(attempt.sent, u32::MAX, head);
    }

    /// The messages whose time has not come again.
    fn waiting(&self, head: Level) -> Vec<(Level, u32)> {
        self.0.iter().filter(|(_, attempt)| attempt.again > head.get()).map(|(at, _)| *at).collect()
    }

    /// What no longer waits in an outbox is forgotten.
    fn keep(&mut self, pending: &BTreeMap<Level, BTreeSet<u32>>) {
        self.0.retain(|(level, index), _| pending.get(level).is_some_and(|left| left.contains(index)));
    }
}

impl Attempt {
    fn wait(&mut self, times: u32, most: u32, head: Level) {
        let wait = 1u32.checked_shl(times).unwrap_or(u32::MAX).min(most);
        self.again = head.get().saturating_add(wait);
    }
}

#[derive(Debug, Error)]
enum ExecuteError {
    #[error(transparent)]
    Layer1(#[from] Layer1Error),
    #[error(transparent)]
    Fatal(#[from] NodeError),
}

impl From<StoreError> for ExecuteError {
    fn from(error: StoreError) -> Self {
        match error {
            // The state was collected in between: the next head brings a newer one.
            StoreError::Collected { .. } => Self::Layer1(Layer1Error::Unknown(error.to_string())),
            other => Self::Fatal(other.into()),
        }
    }
}

/// A message that can be executed.
struct Executable {
    at: (Level, u32),
    proof: Vec<u8>,
}

impl<L: Layer1, M: Machine> Executor<L, M> {
    /// One that executes what the configuration says, if it says something.
    pub(crate) fn new(
        layer1: Arc<L>,
        chain: Arc<Chain<M>>,
        status: StatusCell,
        turnstile: Turnstile,
        config: &Config,
    ) -> Option<Self> {
        let key = config.signer(Purpose::ExecuteOutbox)?;
        let filters = config.options.execute_outbox.clone();
        Some(Self { layer1, chain, status, turnstile, key, filters, attempts: Attempts::default() })
    }

    /// Executes for ever.
    pub(crate) async fn run(mut self) -> Result<(), NodeError> {
        let mut changes = self.status.watch();
        let mut done = None;
        loop {
            let status = changes.borrow_and_update().clone();
            if let Some(head) =
                status.layer1_head.filter(|head| status.is_synchronized() && done != Some(head.hash))
            {
                done = Some(head.hash);
                match self.act(&head).await {
                    Ok(()) => (),
                    Err(ExecuteError::Layer1(error)) => {
                        warn!("no outbox message is executed at {}: {error}", head.level)
                    }
                    Err(ExecuteError::Fatal(error)) => return Err(error),
                }
            }
            if changes.changed().await.is_err() {
                return Ok(());
            }
        }
    }

    async fn act(&mut self, head: &Header) -> Result<(), ExecuteError> {
        let chain = self.chain.clone();
        self.attempts.keep(&chain.store().pending_outboxes()?.into_iter().collect());
        let (filters, waiting) = (self.filters.clone(), self.attempts.waiting(head.level));
        let work = move || executable(&chain, &filters, &waiting);
        let found = tokio::task::spawn_blocking(work).await;
        let found = found.map_err(|e| part(e.to_string()))??;
        let Some((cemented, messages)) = found.filter(|(_, messages)| !messages.is_empty()) else {
            self.turnstile.nothing_to_batch(self.key);
            return Ok(());
        };
        let Some(_pass) = self.turnstile.batch(self.key, head.level).await else { return Ok(()) };
        if self.layer1.busy(self.key, head).await? || self.layer1.head().await?.hash != head.hash {
            return Ok(());
        }
        let batch = messages
            .iter()
            .map(|message| Injection::ExecuteOutbox { cemented, proof: message.proof.clone() })
            .collect();
        let results = self.layer1.inject(self.chain.rollup(), self.key, batch).await?;
        self.turnstile.nothing_to_batch(self.key);
        for (message, result) in messages.into_iter().zip(results) {
            let (level, index) = message.at;
            match result {
                Injected::Sent(operation) => {
                    self.attempts.sent(message.at, head.level);
                    info!(%operation, "sent an operation that executes message {index} of the outbox of level {level}");
                }
                Injected::NotTried => (),
                Injected::Refused(reason) => {
                    if self.attempts.refused(message.at, head.level) {
                        warn!(
                            "the layer-1 refuses to execute message {index} of the outbox of level {level}: {reason}"
                        );
                    }
                }
            }
        }
        Ok(())
    }
}

/// The first messages that can be executed, with proofs against the last cemented commitment.
fn executable<M: Machine>(
    chain: &Chain<M>,
    filters: &[OutboxFilter],
    waiting: &[(Level, u32)],
) -> Result<Option<(CommitmentHash, Vec<Executable>)>, ExecuteError> {
    let store = chain.store();
    let Some(cemented) = store.cemented()? else { return Ok(None) };
    // Another commitment than the node's may be cemented, or the node has not come so far.
    let record = store.block_at(cemented.level)?.filter(|record| record.commitment == Some(cemented.hash));
    let Some(record) = record else { return Ok(None) };
    let pending = store.pending_outboxes()?;
    let mut state = None;
    let mut found = Vec::new();
    for (level, indexes) in pending.into_iter().filter(|(level, _)| *level <= cemented.level) {
        let state = match &state {
            Some(state) => state,
            None => state.insert(store.state(&record)?),
        };
        for (index, bytes) in chain.machine().outbox(state, level).map_err(failed)? {
            let at = (level, index);
            if !indexes.contains(&index) || waiting.contains(&at) || !wanted(&bytes, filters) {
                continue;
            }
            let Some(proof) = chain.machine().output_proof(state, level, index).map_err(failed)? else {
                continue;
            };
            found.push(Executable { at, proof });
            if found.len() == MOST {
                return Ok(Some((cemented.hash, found)));
            }
        }
    }
    Ok(Some((cemented.hash, found)))
}

/// Whoever is named for it executes changes of who may publish, too, as on the network.
fn wanted(bytes: &[u8], filters: &[OutboxFilter]) -> bool {
    match OutboxMessage::from_bytes(bytes) {
        Ok(OutboxMessage::WhitelistUpdate(_)) => true,
        Ok(message) => filters.iter().any(|filter| filter.takes(&message)),
        Err(_) => false,
    }
}

fn failed(error: MachineError) -> ExecuteError {
    part(error.to_string()).into()
}

fn part(reason: String) -> NodeError {
    NodeError::Part { part: "executor of outbox messages", reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(n: u32) -> Level {
        Level::new(n).unwrap()
    }

    /// The levels at which a message is tried that waits from level 1 to 10,000, whatever becomes of it.
    fn tried(told: impl Fn(&mut Attempts, Level)) -> Vec<u32> {
        let (at, mut attempts) = ((level(1), 0), Attempts::default());
        let mut tried = Vec::new();
        for head in (1..=10_000).map(level) {
            if !attempts.waiting(head).contains(&at) {
                tried.push(head.get());
                told(&mut attempts, head);
            }
        }
        tried
    }

    #[test]
    fn a_message_that_fails_in_each_block_costs_few_fees() {
        let sent = tried(|attempts, head| attempts.sent((level(1), 0), head));
        assert_eq!(sent[..5], [1, 3, 7, 15, 31]);
        assert_eq!(sent.len(), 13);
    }

    #[test]
    fn a_message_that_is_refused_is_tried_again_and_again() {
        let refused = tried(|attempts, head| {
            attempts.refused((level(1), 0), head);
        });
        assert_eq!(refused[..5], [1, 3, 7, 15, 31]);
        assert!(refused.windows(2).skip(6).all(|two| two[1] - two[0] == LONGEST_WAIT), "{refused:?}");
    }

    #[test]
    fn what_no_longer_waits_is_forgotten() {
        let mut attempts = Attempts::default();
        for index in 0..3 {
            attempts.sent((level(1), index), level(5));
        }
        attempts.keep(&BTreeMap::from([(level(1), BTreeSet::from([2]))]));
        assert_eq!(attempts.waiting(level(5)), [(level(1), 2)]);
    }
}
