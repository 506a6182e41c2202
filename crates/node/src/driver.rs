//! The node's loop: heads come, the chain follows, commitments are published, dead states are collected.

use crate::chain::Chain;
use crate::config::{Config, HistoryMode};
use crate::error::NodeError;
use crate::follow::{FollowError, Follower};
use crate::games::turnstile::Turnstile;
use crate::layer1::{Constants, Header, Layer1};
use crate::machine::Machine;
use crate::meter;
use crate::publish::{Outlook, PublishError, Publisher};
use crate::status::{Connection, Obstacle, StatusCell};
use crate::store::{Kept, Needs, StoreError};
use soru_base::Level;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{debug, info, warn};

/// Time between two looks for a page that is missing.
const REVEAL_RETRY: Duration = Duration::from_secs(1);
/// Longest time between two attempts at a level that could not be evaluated.
const LONGEST_RETRY: Duration = Duration::from_secs(600);

/// Waits of an attempt that failed: 0.2 seconds, then twice as long each time.
pub(crate) fn backoff(attempts: u32, longest: Duration) -> Duration {
    Duration::from_millis(200).saturating_mul(1 << attempts.min(16)).min(longest)
}

/// The constants, as the layer-1 said last.
pub type SharedConstants = Arc<RwLock<Option<Constants>>>;

/// The loop of a node.
pub struct Driver<L: Layer1, M> {
    layer1: Arc<L>,
    chain: Arc<Chain<M>>,
    follower: Follower<L, M>,
    publisher: Publisher<L, M>,
    status: StatusCell,
    constants: SharedConstants,
    config: Arc<Config>,
    outlook: Outlook,
    last_collection: Option<Level>,
    // A level that could not be evaluated: not tried again before that time, unless its block is replaced.
    blocked: Option<Blocked>,
}

struct Blocked {
    block: Header,
    until: Instant,
}

/// When to go on without a new head.
type Retry = Option<Instant>;

impl<L: Layer1, M: Machine> Driver<L, M> {
    /// The loop of a node with that configuration.
    pub fn new(
        layer1: Arc<L>,
        chain: Arc<Chain<M>>,
        status: StatusCell,
        constants: SharedConstants,
        config: Arc<Config>,
    ) -> Self {
        let follower = Follower::new(layer1.clone(), chain.clone(), status.clone());
        let publisher = Publisher::new(layer1.clone(), chain.clone(), status.clone(), &config);
        Self {
            layer1,
            chain,
            follower,
            publisher,
            status,
            constants,
            config,
            outlook: Outlook::Continue,
            last_collection: None,
            blocked: None,
        }
    }

    /// The same, whose publisher takes turns with the player of games.
    pub fn with_turnstile(self, turnstile: Turnstile) -> Self {
        Self { publisher: self.publisher.with_turnstile(turnstile), ..self }
    }

    /// Follows the layer-1 for ever; ends with an error that no waiting cures.
    pub async fn run(mut self) -> Result<(), NodeError> {
        let (send, mut heads) = watch::channel(None);
        let listening = listen(
            self.layer1.heads(),
            send,
            self.status.clone(),
            soru_l1::shown_endpoint(&self.config.options.endpoint),
            self.config.options.reconnection_delay,
        );
        tokio::select! {
            ended = self.follow_heads(&mut heads) => ended,
            () = listening => Ok(()),
        }
    }

    async fn follow_heads(&mut self, heads: &mut watch::Receiver<Option<Header>>) -> Result<(), NodeError> {
        let mut retry: Retry = None;
        let mut failures = 0;
        loop {
            let again = async {
                match retry {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = heads.changed() => if changed.is_err() { return Ok(()) },
                () = again => (),
            }
            let Some(target) = *heads.borrow_and_update() else { continue };
            retry = self.step(&target, &mut failures).await?;
            if self.outlook == Outlook::Done {
                return Ok(());
            }
        }
    }

    /// Does all that there is to do for a head.
    async fn step(&mut self, target: &Header, failures: &mut u32) -> Result<Retry, NodeError> {
        if let Some(until) = self.still_blocked(target).await {
            self.publish(target).await?;
            return Ok(Some(until));
        }
        match self.follower.follow(target).await {
            Ok(_) => {
                *failures = 0;
                self.blocked = None;
                self.publish(target).await?;
                self.collect(target).await?;
                self.status.update(|status| status.settled = Some(*target));
                Ok(None)
            }
            Err(FollowError::Stuck { level, obstacle, reason }) => {
                *failures = failures.saturating_add(1);
                let wait = match obstacle {
                    Obstacle::Reveal => REVEAL_RETRY,
                    _ => backoff(failures.saturating_add(5), LONGEST_RETRY),
                };
                debug!(%level, "{reason}; trying again in {wait:?}");
                let until = Instant::now() + wait;
                self.blocked =
                    self.layer1.ancestor(target, level).await.ok().map(|block| Blocked { block, until });
                self.publish(target).await?;
                Ok(Some(until))
            }
            Err(FollowError::Layer1(error)) => {
                *failures = failures.saturating_add(1);
                let wait = backoff(*failures, self.config.options.reconnection_delay);
                if *failures == 1 {
                    warn!("{error}; trying again in {wait:?}");
                }
                Ok(Some(Instant::now() + wait))
            }
            Err(FollowError::Fatal(error)) => Err(error),
        }
    }

    /// Until when the level that could not be evaluated is left alone.
    async fn still_blocked(&self, target: &Header) -> Option<Instant> {
        let blocked = self.blocked.as_ref().filter(|b| b.until > Instant::now())?;
        let now_there = self.layer1.ancestor(target, blocked.block.level).await.ok()?;
        (now_there.hash == blocked.block.hash).then_some(blocked.until)
    }

    async fn publish(&mut self, target: &Header) -> Result<(), NodeError> {
        let constants = match self.layer1.constants(target).await {
            Ok(constants) => constants,
            Err(error) => {
                debug!("nothing is published now: {error}");
                return Ok(());
            }
        };
        *self.constants.write().unwrap_or_else(PoisonError::into_inner) = Some(constants);
        match self.publisher.act(target, constants).await {
            Ok(outlook) => {
                self.outlook = outlook;
                Ok(())
            }
            Err(PublishError::Layer1(error)) => {
                warn!("publishing waits for the next head: {error}");
                Ok(())
            }
            Err(PublishError::Fatal(error)) => Err(error),
        }
    }

    async fn collect(&mut self, head: &Header) -> Result<(), NodeError> {
        let due =
            self.last_collection.is_none_or(|last| head.level.since(last).0 >= self.config.options.gc_period);
        // What games need is known as long as the publisher could ask for them.
        let known = self.publisher.knows_games_at(head);
        if self.config.options.history_mode == HistoryMode::Archive || !due || !known {
            return Ok(());
        }
        let Some(kept) = self.kept(head)? else { return Ok(()) };
        self.last_collection = Some(head.level);
        let store = self.chain.store().clone();
        let reader = self.chain.reader();
        let collect = move || {
            let collected = store.collect(kept);
            drop((store, reader));
            collected
        };
        let collected = tokio::task::spawn_blocking(collect)
            .await
            .map_err(|e| NodeError::Part { part: "garbage collection", reason: e.to_string() })??;
        meter::collected(collected.states);
        if collected.states > 0 {
            info!(
                states = collected.states,
                nodes = collected.nodes,
                "states below level {} collected",
                kept.from
            );
        }
        Ok(())
    }

    fn kept(&self, head: &Header) -> Result<Option<Kept>, StoreError> {
        let constants = *self.constants.read().unwrap_or_else(PoisonError::into_inner);
        let Some(constants) = constants else { return Ok(None) };
        let (period, history) = (constants.commitment_period, self.config.options.history_blocks);
        Ok(Needs::of(self.chain.store(), head.level, period, history)?.map(Needs::kept))
    }
}

/// Hands on the heads of the layer-1, and says when it is away and when it is back.
pub(crate) async fn listen<H: crate::layer1::Heads>(
    mut heads: H,
    send: watch::Sender<Option<Header>>,
    status: StatusCell,
    endpoint: String,
    longest: Duration,
) {
    let mut attempts = 0;
    loop {
        match heads.next().await {
            Ok(head) => {
                if attempts > 0 {
                    info!("the layer-1 at {endpoint} is back");
                }
                attempts = 0;
                meter::layer1(true, Some(head.level.get()));
                status.update(|s| {
                    s.connection = Connection::Connected;
                    s.layer1_head = Some(head);
                });
                if send.send(Some(head)).is_err() {
                    return;
                }
            }
            Err(error) => {
                let wait = backoff(attempts, longest);
                if attempts == 0 {
                    warn!("waiting for the layer-1 at {endpoint}: {error}");
                }
                attempts = attempts.saturating_add(1);
                meter::layer1(false, None);
                status.update(|s| {
                    if s.connection == Connection::Connected {
                        s.connection = Connection::Reconnecting;
                    }
                });
                tokio::time::sleep(wait).await;
            }
        }
    }
}
