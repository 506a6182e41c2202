use crate::{DisputeError, Period};
use soru_base::{StateHash, Tick, TickSpan};
use soru_merkle::Tree;
use soru_protocol::inbox::InboxSource;
use soru_protocol::refutation::{Game, RefutationProof};
use soru_pvm::reveal::PreimageSource;
use soru_pvm::run::Runner;
use std::sync::Arc;

/// The true states of a period, at any tick. Ticks count from its beginning, as in games.
pub struct Timeline {
    period: Period,
    runner: Arc<dyn Runner + Send + Sync>,
    preimages: Box<dyn PreimageSource>,
}

impl Timeline {
    /// The states of `period`, with whole runs made by `runner`.
    pub fn new(
        period: Period,
        runner: Arc<dyn Runner + Send + Sync>,
        preimages: Box<dyn PreimageSource>,
    ) -> Self {
        Self { period, runner, preimages }
    }

    /// The period.
    pub fn period(&self) -> &Period {
        &self.period
    }

    /// Ticks that the period takes.
    pub fn length(&mut self) -> Result<TickSpan, DisputeError> {
        let _ = &self.runner;
        Err(DisputeError::Missing("the states of the period".to_owned()))
    }

    /// The state at a tick; nothing behind the end, where the machine is blocked.
    pub fn state_at(&mut self, _tick: Tick) -> Result<Option<Tree>, DisputeError> {
        Err(DisputeError::Missing("the states of the period".to_owned()))
    }

    /// The hash of the state at a tick; nothing behind the end.
    pub fn hash_at(&mut self, _tick: Tick) -> Result<Option<StateHash>, DisputeError> {
        Err(DisputeError::Missing("the states of the period".to_owned()))
    }

    /// The proof, in `game`, of the tick that leads on from the state at `tick`.
    pub fn proof_at(
        &mut self,
        _tick: Tick,
        _game: &Game,
        _inbox: &dyn InboxSource,
    ) -> Result<RefutationProof, DisputeError> {
        let _ = &self.preimages;
        Err(DisputeError::Missing("the states of the period".to_owned()))
    }
}
