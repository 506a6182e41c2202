//! What all handlers share.

use super::error::RpcError;
use crate::chain::{Block, Chain, ChainError, ChainReader, Network};
use soru_base::{BlockId, OperationHash};
use soru_protocol::ledger::Ledger;
use soru_protocol::operation::SignedOperation;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, broadcast, watch};

/// How many heads or operations a slow listener may lag behind before it misses some.
const KEPT: usize = 1_024;
/// Slow requests that are worked on at once: fewer than there are threads, so that blocks are made all the same.
const SLOW_AT_ONCE: usize = 8;

/// An operation that was taken, with its hash.
pub(crate) type Taken = Arc<(OperationHash, SignedOperation)>;

/// What all handlers share.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

struct Shared {
    reader: ChainReader,
    // Taken away when the sandbox stops.
    chain: Mutex<Option<Chain>>,
    heads: broadcast::Sender<Arc<Block>>,
    operations: broadcast::Sender<Taken>,
    stop: watch::Sender<bool>,
    slow: Arc<Semaphore>,
}

impl App {
    pub(crate) fn new(chain: Chain) -> Self {
        Self(Arc::new(Shared {
            reader: chain.reader(),
            chain: Mutex::new(Some(chain)),
            heads: broadcast::Sender::new(KEPT),
            operations: broadcast::Sender::new(KEPT),
            stop: watch::Sender::new(false),
            slow: Arc::new(Semaphore::new(SLOW_AT_ONCE)),
        }))
    }

    pub(crate) fn network(&self) -> &Network {
        self.0.reader.network()
    }

    pub(crate) fn reader(&self) -> &ChainReader {
        &self.0.reader
    }

    pub(crate) fn heads(&self) -> &broadcast::Sender<Arc<Block>> {
        &self.0.heads
    }

    /// Operations as they are taken.
    pub(crate) fn operations(&self) -> &broadcast::Sender<Taken> {
        &self.0.operations
    }

    pub(crate) fn stop_signal(&self) -> watch::Receiver<bool> {
        self.0.stop.subscribe()
    }

    pub(crate) fn stop(&self) {
        self.0.stop.send_replace(true);
    }

    pub(crate) fn head(&self) -> Result<Arc<Block>, RpcError> {
        self.0.reader.head().map_err(RpcError::internal)
    }

    pub(crate) fn block(&self, id: &BlockId) -> Result<Arc<Block>, RpcError> {
        match self.0.reader.block(id) {
            Ok(Some(block)) => Ok(block),
            Ok(None) => Err(RpcError::not_found(format!("no block {id} on this chain"))),
            Err(e) => Err(RpcError::internal(e)),
        }
    }

    pub(crate) fn ledger(&self, block: &Block) -> Result<Ledger, RpcError> {
        self.0.reader.ledger(block).map_err(|e| match e {
            ChainError::NoLedger { .. } => RpcError::not_found(e),
            other => RpcError::internal(other),
        })
    }

    /// Runs `action` on the chain, off the threads that serve requests, and tells the listeners if it has made a new
    /// head.
    pub(crate) async fn with_chain<T: Send + 'static>(
        &self,
        action: impl FnOnce(&mut Chain) -> Result<T, ChainError> + Send + 'static,
    ) -> Result<T, ChainError> {
        let app = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            // A panic leaves the chain as it was: it is changed only after what was made is stored.
            let mut chain = app.0.chain.lock().unwrap_or_else(PoisonError::into_inner);
            let chain = chain.as_mut().ok_or(ChainError::Stopping)?;
            let result = action(chain);
            for block in chain.take_new_heads() {
                // Nobody listening is no error.
                let _ = app.0.heads.send(block);
            }
            result
        });
        match done.await {
            Ok(result) => result,
            Err(e) => Err(ChainError::Panicked(e.to_string())),
        }
    }

    /// Gives the directory up, as soon as what is being done on the chain is done.
    pub(crate) fn close(&self) {
        self.0.chain.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.0.reader.close();
    }

    /// Runs something slow off the threads that serve requests.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        action: impl FnOnce(&Self) -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let turn = self.0.slow.clone().acquire_owned().await.map_err(RpcError::internal)?;
        let app = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            // Kept until it is done, even if nobody waits for it any more.
            let _turn = turn;
            action(&app)
        });
        match done.await {
            Ok(result) => result,
            Err(e) => Err(RpcError::internal(e)),
        }
    }
}
