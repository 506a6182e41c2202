//! A node, put together from its parts.

use crate::batcher::{self, Batcher, Inlet};
use crate::chain::Chain;
use crate::config::{Config, Mode};
use crate::driver::{Driver, SharedConstants};
use crate::error::NodeError;
use crate::execute::Executor;
use crate::games::{Player, gauges, turnstile::Turnstile};
use crate::layer1::{Layer1, Layer1Error};
use crate::machine::Machine;
use crate::meter;
use crate::rpc::{self, Context, Server};
use crate::status::{Connection, GamesCell, StatusCell};
use crate::store::Store;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{info, warn};

/// A node whose RPC server listens and whose store is open. It follows the layer-1 while [`run`](Node::run) runs.
pub struct Node<L, M> {
    layer1: Arc<L>,
    chain: Arc<Chain<M>>,
    status: StatusCell,
    games: GamesCell,
    constants: SharedConstants,
    batcher: Option<Inlet>,
    config: Arc<Config>,
    rpc: Server,
    metrics: Option<Server>,
    stop: watch::Sender<bool>,
}

impl<L: Layer1, M: Machine> Node<L, M> {
    /// Opens the store, listens. Nothing is asked of the layer-1 yet.
    pub async fn start(config: Config, layer1: L, machine: M) -> Result<Self, NodeError> {
        let store = Store::open(&config.data_dir, config.rollup)?;
        let machine = Arc::new(machine);
        let config = Arc::new(config);
        let (status, constants) = (StatusCell::default(), SharedConstants::default());
        let games = GamesCell::default();
        let handle = meter::install()?;
        gauges::describe();
        batcher::gauges::describe();
        let inlet =
            Inlet { settings: config.options.batcher, arrived: Arc::default(), picking: Arc::default() };
        let batcher = Some(inlet).filter(|_| !config.batchers().is_empty());
        let context = Context {
            store: store.clone(),
            machine: machine.clone(),
            status: status.clone(),
            games: games.clone(),
            batcher: batcher.clone(),
            config: config.clone(),
            constants: constants.clone(),
            simulations: Arc::new(tokio::sync::Semaphore::new(1)),
            metrics: handle,
        };
        let (stop, stopped) = watch::channel(false);
        let addr = SocketAddr::new(config.options.rpc_addr, config.options.rpc_port);
        let rpc = rpc::serve(addr, rpc::router(context.clone()), until(stopped.clone())).await?;
        let metrics = match config.options.metrics_addr {
            Some(addr) => Some(rpc::serve(addr, rpc::metrics_router(context), until(stopped)).await?),
            None => None,
        };
        let chain = Chain::new(store, machine, config.rollup, config.ids).lying(config.adversary.clone());
        let (layer1, chain) = (Arc::new(layer1), Arc::new(chain));
        Ok(Self { layer1, chain, status, games, constants, batcher, config, rpc, metrics, stop })
    }

    /// Where the RPC server listens.
    pub fn rpc_addr(&self) -> SocketAddr {
        self.rpc.addr
    }

    /// Where `/metrics` is served besides.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|server| server.addr)
    }

    /// What the node is doing.
    pub fn status(&self) -> StatusCell {
        self.status.clone()
    }

    /// The refutation games that the node plays.
    pub fn games(&self) -> GamesCell {
        self.games.clone()
    }

    /// The store.
    pub fn store(&self) -> &Store {
        self.chain.store()
    }

    /// Follows the layer-1 until `shutdown` resolves, or something happens that no waiting cures.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), NodeError> {
        let config = &self.config;
        let rollup = config.rollup.in_family(config.ids);
        info!(mode = %config.mode, %rollup, endpoint = %soru_l1::shown_endpoint(&config.options.endpoint), rpc = %self.rpc.addr, "rollup node started");
        for note in &config.notes {
            warn!("the configuration: {note}");
        }
        if let Some(spec) = &config.adversary {
            warn!("ADVERSARY {spec}: THIS NODE LIES. {}", spec.lies());
            warn!(
                "ADVERSARY {spec}: its deposit is there to be lost; never start it with a key that matters"
            );
        }
        // A task of its own, so that nothing else of the node holds up a move.
        let (mut player, mut batcher, mut executor) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
        let work = async {
            self.check_rollup().await?;
            let (layer1, chain) = (self.layer1.clone(), self.chain.clone());
            let turnstile = Turnstile::default();
            let batching = self.batch(&mut batcher, turnstile.clone());
            if self.config.mode == Mode::Batcher {
                return batching.await;
            }
            let driver =
                Driver::new(layer1, chain, self.status.clone(), self.constants.clone(), self.config.clone());
            let driver = driver.with_turnstile(turnstile.clone());
            let executing = self.execute(&mut executor, turnstile.clone());
            tokio::select! {
                ended = executing => ended,
                ended = self.disagreement() => ended,
                ended = driver.run() => ended,
                ended = batching => ended,
                ended = self.play(&mut player, turnstile) => ended,
            }
        };
        let ended = tokio::select! {
            ended = work => ended,
            () = shutdown => Ok(()),
        };
        player.shutdown().await;
        batcher.shutdown().await;
        executor.shutdown().await;
        self.stop.send_replace(true);
        self.rpc.ended().await;
        if let Some(server) = self.metrics {
            server.ended().await;
        }
        // A kernel that takes long is left to the end of the process: nothing of its level is stored.
        drop(tokio::time::timeout(GRACE, self.chain.idle()).await);
        info!("rollup node stopped");
        ended
    }

    /// Plays games, for ever, if the mode plays.
    async fn play(&self, task: &mut JoinSet<()>, turnstile: Turnstile) -> Result<(), NodeError> {
        let (layer1, chain) = (self.layer1.clone(), self.chain.clone());
        let (status, games) = (self.status.clone(), self.games.clone());
        let Some(player) = Player::new(layer1, chain, status, games, turnstile, &self.config) else {
            return std::future::pending().await;
        };
        task.spawn(player.run(self.config.options.reconnection_delay));
        let reason = match task.join_next().await {
            Some(Err(error)) => error.to_string(),
            _ => "it ended".to_owned(),
        };
        Err(NodeError::Part { part: "player of games", reason })
    }

    /// Sends messages, for ever, if the mode does.
    async fn batch(
        &self,
        task: &mut JoinSet<Result<(), NodeError>>,
        turnstile: Turnstile,
    ) -> Result<(), NodeError> {
        let Some(inlet) = &self.batcher else { return std::future::pending().await };
        let (layer1, store, status) = (self.layer1.clone(), self.store().clone(), self.status.clone());
        let batcher = Batcher::new(layer1, store, status, turnstile, inlet, &self.config);
        task.spawn(batcher.run(self.config.options.reconnection_delay));
        let reason = match task.join_next().await {
            Some(Ok(Err(error))) => return Err(error),
            Some(Err(error)) => error.to_string(),
            _ => "it ended".to_owned(),
        };
        Err(NodeError::Part { part: "batcher", reason })
    }

    /// Executes outbox messages, for ever, if somebody is named for it.
    async fn execute(
        &self,
        task: &mut JoinSet<Result<(), NodeError>>,
        turnstile: Turnstile,
    ) -> Result<(), NodeError> {
        let (layer1, chain, status) = (self.layer1.clone(), self.chain.clone(), self.status.clone());
        let Some(executor) = Executor::new(layer1, chain, status, turnstile, &self.config) else {
            return std::future::pending().await;
        };
        task.spawn(executor.run());
        let reason = match task.join_next().await {
            Some(Ok(Err(error))) => return Err(error),
            Some(Err(error)) => error.to_string(),
            _ => "it ended".to_owned(),
        };
        Err(NodeError::Part { part: "executor of outbox messages", reason })
    }

    /// Waits until somebody contradicts an observer that is to end then.
    async fn disagreement(&self) -> Result<(), NodeError> {
        if !self.config.options.bail_on_disagree || self.config.mode != Mode::Observer {
            return std::future::pending().await;
        }
        let mut status = self.status.watch();
        let contradicted = status.wait_for(|status| !status.conflicts.is_empty()).await;
        let Some(found) = contradicted.ok().and_then(|status| status.conflicts.first().cloned()) else {
            return std::future::pending().await;
        };
        let ids = self.config.ids;
        Err(NodeError::Disagreement {
            publisher: found.publisher,
            theirs: found.theirs.hash().in_family(ids),
            ours: found.ours.hash().in_family(ids),
            level: found.level(),
        })
    }

    /// Waits for the layer-1, then checks that it has the rollup.
    async fn check_rollup(&self) -> Result<(), NodeError> {
        let mut waiting = false;
        let options = &self.config.options;
        let endpoint = soru_l1::shown_endpoint(&options.endpoint);
        loop {
            let found = async {
                let head = self.layer1.head().await?;
                match self.layer1.genesis(self.config.rollup, &head).await {
                    Err(Layer1Error::Unknown(_)) => Ok((head, false)),
                    other => other.map(|_| (head, true)),
                }
            };
            match found.await {
                Ok((_, true)) => return Ok(()),
                Ok((head, false)) => {
                    return Err(NodeError::NoRollup {
                        rollup: self.config.rollup.in_family(self.config.ids),
                        endpoint,
                        head: head.level,
                    });
                }
                Err(error @ (Layer1Error::Nonsense(_) | Layer1Error::Pruned(_))) => return Err(error.into()),
                Err(error) => {
                    if !waiting {
                        warn!("waiting for the layer-1 at {endpoint}: {error}");
                    }
                    waiting = true;
                    meter::layer1(false, None);
                    self.status.update(|s| s.connection = Connection::Reconnecting);
                    tokio::time::sleep(options.reconnection_delay.min(RETRY)).await;
                }
            }
        }
    }
}

/// Time between two attempts to reach a layer-1 that was never reached.
const RETRY: std::time::Duration = std::time::Duration::from_millis(500);

/// How long a stopping node waits for the level it evaluates.
const GRACE: std::time::Duration = std::time::Duration::from_secs(2);

async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that the node is gone.
    drop(stopped.wait_for(|stopped| *stopped).await);
}
