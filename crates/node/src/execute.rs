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
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;
use tracing::{info, warn};

/// Most messages of one operation: proofs are large.
const MOST: usize = 4;
/// Blocks between two attempts at a message that was refused, at most.
const LONGEST_WAIT: u32 = 64;

/// Executes outbox messages.
pub(crate) struct Executor<L, M> {
    layer1: Arc<L>,
    chain: Arc<Chain<M>>,
    status: StatusCell,
    turnstile: Turnstile,
    key: PublicKeyHash,
    filters: Vec<OutboxFilter>,
    // Messages that were refused: how often, and when to try again. Losing this costs a simulation.
    refused: BTreeMap<(Level, u32), (u32, u32)>,
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
        Some(Self { layer1, chain, status, turnstile, key, filters, refused: BTreeMap::new() })
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
        let (filters, waiting) = (self.filters.clone(), self.waiting(head.level));
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
                    self.refused.remove(&message.at);
                    info!(%operation, "sent an operation that executes message {index} of the outbox of level {level}");
                }
                Injected::NotTried => (),
                Injected::Refused(reason) => self.refuse(message.at, &reason, head.level),
            }
        }
        Ok(())
    }

    fn refuse(&mut self, at: (Level, u32), reason: &str, head: Level) {
        let times = self.refused.get(&at).map_or(0, |(times, _)| *times).saturating_add(1);
        if times == 1 {
            warn!(
                "the layer-1 refuses to execute message {} of the outbox of level {}: {reason}",
                at.1, at.0
            );
        }
        let wait = 1u32.checked_shl(times).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
        self.refused.insert(at, (times, head.get().saturating_add(wait)));
    }

    /// The messages whose time has not come again.
    fn waiting(&self, head: Level) -> Vec<(Level, u32)> {
        let waits = self.refused.iter().filter(|(_, (_, again))| *again > head.get());
        waits.map(|(at, _)| *at).collect()
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
