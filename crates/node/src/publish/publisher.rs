//! Carrying out the plan: looks at the layer-1, decides, injects.

use super::plan::{Limits, Own, Pointed, Step, View, Warning, plan};
use crate::chain::Chain;
use crate::config::{Config, Purpose};
use crate::error::NodeError;
use crate::layer1::{Constants, Header, Injected, Injection, Layer1, Layer1Error};
use crate::machine::Machine;
use crate::meter;
use crate::status::StatusCell;
use crate::store::StoreError;
use soru_base::{IdFamily, LevelSpan, PublicKeyHash};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use thiserror::Error;
use tracing::{info, warn};

/// Blocks on top of a block that make it final.
pub const FINALITY: LevelSpan = LevelSpan(2);

/// Why nothing was published this time.
#[derive(Debug, Error)]
pub enum PublishError {
    /// The layer-1 did not answer: the next head brings another attempt.
    #[error(transparent)]
    Layer1(#[from] Layer1Error),
    /// The node has to stop.
    #[error(transparent)]
    Fatal(#[from] NodeError),
}

impl From<StoreError> for PublishError {
    fn from(error: StoreError) -> Self {
        Self::Fatal(error.into())
    }
}

/// Publishes and cements, or only looks at what is published and cemented if the mode injects nothing.
pub struct Publisher<L, M> {
    layer1: Arc<L>,
    chain: Arc<Chain<M>>,
    status: StatusCell,
    signers: Signers,
    limits: Limits,
    // What was said already, so that a warning that stays is logged once.
    said: BTreeSet<String>,
    // Refused steps and the level before which they are not tried again. Losing this costs a simulation.
    refused: BTreeMap<Step, Refusal>,
}

#[derive(Debug, Clone, Copy)]
struct Refusal {
    retry_at: u32,
    times: u32,
}

#[derive(Debug, Clone, Copy)]
struct Signers {
    publish: Option<PublicKeyHash>,
    cement: Option<PublicKeyHash>,
}

impl<L: Layer1, M: Machine> Publisher<L, M> {
    /// A publisher in the mode of `config`.
    pub fn new(layer1: Arc<L>, chain: Arc<Chain<M>>, status: StatusCell, config: &Config) -> Self {
        let signers =
            Signers { publish: config.signer(Purpose::Publish), cement: config.signer(Purpose::Cement) };
        let default = Limits::default();
        let limits = Limits {
            publish: if signers.publish.is_some() { default.publish } else { 0 },
            cement: if signers.cement.is_some() { default.cement } else { 0 },
        };
        let (said, refused) = (BTreeSet::new(), BTreeMap::new());
        Self { layer1, chain, status, signers, limits, said, refused }
    }

    /// Does what is to be done now that `head` is evaluated.
    pub async fn act(&mut self, head: &Header, constants: Constants) -> Result<(), PublishError> {
        // First what is on its way, then the head: an operation that left the mempool in between is in a block after
        // `head`, and then the head has changed and this is not the time to act.
        let mut idle = BTreeSet::new();
        for source in [self.signers.publish, self.signers.cement].into_iter().flatten() {
            if !idle.contains(&source) && !self.layer1.busy(source, head).await? {
                idle.insert(source);
            }
        }
        let stakes = self.layer1.stakes(self.chain.rollup(), self.signers.publish, head).await?;
        if self.chain.store().cemented()? != Some(stakes.cemented) {
            self.chain.store().set_cemented(stakes.cemented)?;
        }
        meter::commitments(stakes.cemented.level.get(), stakes.staked.map(|s| s.level.get()));
        if self.layer1.head().await?.hash != head.hash {
            return Ok(());
        }
        let view = View {
            head: head.level,
            finalized: head.level.minus(FINALITY),
            cemented: stakes.cemented,
            staked: stakes.staked,
            challenge_window: constants.challenge_window,
            max_lookahead: constants.max_lookahead,
        };
        let own = self.chain.commitments_from(stakes.cemented.level)?;
        let steps = self.decide(&view, &own);
        for (source, steps) in self.by_signer(steps) {
            if !idle.contains(&source) {
                continue;
            }
            // What goes wrong for one signer does not hold up the other.
            match self.inject(source, steps, head).await {
                Err(PublishError::Layer1(error)) => self.say(&format!("{source} injects nothing: {error}")),
                other => other?,
            }
        }
        Ok(())
    }

    fn decide(&mut self, view: &View, own: &[Own]) -> Vec<Step> {
        let plan = plan(view, own, &BTreeSet::new(), self.limits);
        let ids = self.chain.ids();
        plan.warnings.iter().for_each(|warning| self.say(&warning.describe(ids)));
        // A commitment that others published and that is ready to be cemented is nothing to worry about.
        let grave = plan.warnings.iter().filter(|w| !matches!(w, Warning::PastCurfew { .. }));
        let warnings = grave.map(|w| w.describe(ids)).collect();
        self.status.update(|status| status.warnings = warnings);
        let head = view.head.get();
        self.refused.retain(|step, _| plan.steps.contains(step));
        plan.steps
            .into_iter()
            .filter(|step| self.refused.get(step).is_none_or(|refusal| refusal.retry_at <= head))
            .collect()
    }

    /// Logs a warning, unless it was logged before.
    fn say(&mut self, warning: &str) {
        const REMEMBERED: usize = 100;
        if self.said.len() > REMEMBERED {
            self.said.clear();
        }
        if self.said.insert(warning.to_owned()) {
            warn!("{warning}");
        }
    }

    fn by_signer(&self, steps: Vec<Step>) -> BTreeMap<PublicKeyHash, Vec<Step>> {
        let mut out: BTreeMap<PublicKeyHash, Vec<Step>> = BTreeMap::new();
        for step in steps {
            let signer = match step {
                Step::Publish(_) => self.signers.publish,
                Step::Cement(_) => self.signers.cement,
            };
            if let Some(signer) = signer {
                out.entry(signer).or_default().push(step);
            }
        }
        out
    }

    async fn inject(
        &mut self,
        source: PublicKeyHash,
        steps: Vec<Step>,
        head: &Header,
    ) -> Result<(), PublishError> {
        let mut batch = Vec::new();
        for step in &steps {
            match step {
                Step::Cement(at) => batch.push(Injection::Cement(at.hash)),
                Step::Publish(at) => match self.chain.store().commitment(&at.hash)? {
                    Some(commitment) => batch.push(Injection::Publish(commitment)),
                    None => return Err(missing(at, self.chain.ids()).into()),
                },
            }
        }
        let results = self.layer1.inject(self.chain.rollup(), source, batch).await?;
        for (step, result) in steps.into_iter().zip(results) {
            match result {
                Injected::Sent(operation) => {
                    self.refused.remove(&step);
                    match step {
                        Step::Publish(_) => meter::published(),
                        Step::Cement(_) => meter::cemented(),
                    }
                    info!(%operation, "sent an operation to {step}");
                }
                Injected::NotTried => (),
                Injected::Refused(reason) => self.refuse(step, &reason, head),
            }
        }
        Ok(())
    }

    /// A refused step is tried again, but less and less often.
    fn refuse(&mut self, step: Step, reason: &str, head: &Header) {
        meter::refused();
        let times = self.refused.get(&step).map_or(0, |r| r.times) + 1;
        let wait = 1 << times.min(6);
        if times == 1 {
            warn!("the layer-1 refuses to {step}: {reason}");
        }
        self.refused.insert(step, Refusal { retry_at: head.level.get().saturating_add(wait), times });
    }
}

fn missing(at: &Pointed, ids: IdFamily) -> NodeError {
    StoreError::Damaged {
        what: "commitment",
        reason: format!("{} of level {} is missing", at.hash.in_family(ids), at.level),
    }
    .into()
}
