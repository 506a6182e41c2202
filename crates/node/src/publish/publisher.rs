//! Carrying out the plan: looks at the layer-1, decides, injects.

use super::plan::{Contradiction, Duties, Own, Pointed, Publishing, Step, View, plan};
use crate::chain::Chain;
use crate::config::{Config, Mode, Purpose};
use crate::error::NodeError;
use crate::games::turnstile::Turnstile;
use crate::layer1::{Constants, Header, Injected, Injection, Layer1, Layer1Error, Stakes};
use crate::machine::Machine;
use crate::meter;
use crate::status::{Stake, StatusCell};
use crate::store::StoreError;
use soru_base::{IdFamily, Level, LevelSpan, PublicKeyHash};
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

/// Whether there will be more to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlook {
    /// Yes, with the next head.
    Continue,
    /// No: the mode is there to get a deposit back, and there is none any more.
    Done,
}

/// Publishes and cements, or only looks at what is published and cemented if the mode injects nothing.
pub struct Publisher<L, M> {
    layer1: Arc<L>,
    chain: Arc<Chain<M>>,
    status: StatusCell,
    mode: Mode,
    signers: Signers,
    duties: Duties,
    turnstile: Turnstile,
    // The head whose games are noted in the store: garbage collection needs to know.
    noted: Option<Header>,
    // A commitment whose stake was taken. Only a person decides to stake again.
    lost: Option<Pointed>,
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
    /// Who stakes: publishes, recovers the bond.
    staker: Option<PublicKeyHash>,
    cement: Option<PublicKeyHash>,
    /// Whose operation takes the staker's deposit back.
    recover: Option<PublicKeyHash>,
}

impl Signers {
    fn all(&self) -> BTreeSet<PublicKeyHash> {
        [self.staker, self.cement, self.recover].into_iter().flatten().collect()
    }
}

/// What the layer-1 says, as far as it matters to the plan.
struct Seen {
    stakes: Stakes,
    bond: bool,
    games: Option<usize>,
    contradictions: Vec<Contradiction>,
}

impl<L: Layer1, M: Machine> Publisher<L, M> {
    /// A publisher in the mode of `config`.
    pub fn new(layer1: Arc<L>, chain: Arc<Chain<M>>, status: StatusCell, config: &Config) -> Self {
        let signers = Signers {
            staker: config.staker(),
            cement: config.signer(Purpose::Cement),
            recover: config.signer(Purpose::Recover),
        };
        let duties = Duties::of(config.mode);
        let (said, refused) = (BTreeSet::new(), BTreeMap::new());
        let (noted, lost, turnstile) = (None, None, Turnstile::default());
        let mode = config.mode;
        Self { layer1, chain, status, mode, signers, duties, turnstile, noted, lost, said, refused }
    }

    /// The same, that takes turns with whoever else injects for its keys.
    pub fn with_turnstile(self, turnstile: Turnstile) -> Self {
        Self { turnstile, ..self }
    }

    /// Whether the store knows all games of the node at `head`, so that nothing they need is thrown away.
    pub fn knows_games_at(&self, head: &Header) -> bool {
        self.noted.is_some_and(|noted| noted.hash == head.hash)
    }

    /// Does what is to be done now that `head` is evaluated.
    pub async fn act(&mut self, head: &Header, constants: Constants) -> Result<Outlook, PublishError> {
        // First what is on its way, then the head: an operation that left the mempool in between is in a block after
        // `head`, and then the head has changed and this is not the time to act.
        let mut idle = BTreeSet::new();
        for source in self.signers.all() {
            if !self.layer1.busy(source, head).await? {
                idle.insert(source);
            }
        }
        let seen = self.look(head).await?;
        if self.layer1.head().await?.hash != head.hash {
            return Ok(Outlook::Continue);
        }
        let view = self.view(head, constants, seen)?;
        self.report(&view, constants);
        let own = self.chain.commitments_from(view.cemented.level)?;
        let steps = self.decide(&view, &own);
        let mut steps = self.by_signer(steps);
        for source in self.signers.all() {
            let Some(steps) = steps.remove(&source) else {
                self.turnstile.nothing_to_publish(source);
                continue;
            };
            let Some(_pass) = self.turnstile.publish(source, head.level).await else { continue };
            // The one who held the pass before may have sent something since.
            if !idle.contains(&source) || self.layer1.busy(source, head).await? {
                self.turnstile.publishing_is_held(source, head.level);
                continue;
            }
            // What goes wrong for one signer does not hold up the other.
            self.turnstile.nothing_to_publish(source);
            match self.inject(source, steps, head).await {
                Err(PublishError::Layer1(error)) => self.say(&format!("{source} injects nothing: {error}")),
                other => other?,
            }
        }
        self.outlook(&view, head).await
    }

    /// Asks the layer-1, and notes in the store what others ask the store for.
    async fn look(&mut self, head: &Header) -> Result<Seen, PublishError> {
        let (rollup, store) = (self.chain.rollup(), self.chain.store());
        let stakes = self.layer1.stakes(rollup, self.signers.staker, head).await?;
        if store.cemented()? != Some(stakes.cemented) {
            store.set_cemented(stakes.cemented)?;
        }
        let mut contradictions = store.contradictions(stakes.cemented.level)?;
        let uncertain = self.signers.staker.is_some() && stakes.staked.is_none();
        let stakers = match uncertain || !contradictions.is_empty() {
            true => self.layer1.stakers(rollup, head).await?,
            false => BTreeSet::new(),
        };
        contradictions.iter_mut().for_each(|c| c.stands &= stakers.contains(&c.publisher));
        self.settle(&mut contradictions, &stakes, head).await?;
        let bond = stakes.staked.is_some() || self.signers.staker.is_some_and(|s| stakers.contains(&s));
        let games = match self.signers.staker.filter(|_| bond) {
            Some(staker) => match self.layer1.games(rollup, staker, head).await {
                Ok(games) => Some(games),
                // A layer-1 that does not know games, or tells them in another way: publishing goes on, collecting does not.
                Err(error @ (Layer1Error::Unknown(_) | Layer1Error::Nonsense(_))) => {
                    self.say(&format!("the games of {staker} are not known: {error}"));
                    None
                }
                Err(error) => return Err(error.into()),
            },
            None => Some(Vec::new()),
        };
        if let Some(games) = &games {
            let disputed: BTreeSet<_> = games.iter().map(|game| game.inbox_level).collect();
            self.chain.store().note_games(&disputed, head.level)?;
            self.noted = Some(*head);
        }
        Ok(Seen { stakes, bond, games: games.map(|games| games.len()), contradictions })
    }

    /// Who lost a deposit and made another one, for something else, is a staker again: where ours is staked, too, the
    /// layer-1 knows who is in conflict with it.
    async fn settle(
        &self,
        contradictions: &mut [Contradiction],
        stakes: &Stakes,
        head: &Header,
    ) -> Result<(), PublishError> {
        let (Some(staker), Some(staked)) = (self.signers.staker, stakes.staked) else { return Ok(()) };
        if !contradictions.iter().any(|c| c.stands && c.level() <= staked.level) {
            return Ok(());
        }
        let conflicts = match self.layer1.conflicts(self.chain.rollup(), staker, head).await {
            Ok(conflicts) => conflicts,
            Err(Layer1Error::Unknown(_) | Layer1Error::Nonsense(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for contradiction in contradictions.iter_mut().filter(|c| c.level() <= staked.level) {
            contradiction.stands &= conflicts.iter().any(|conflict| {
                conflict.other == contradiction.publisher
                    && conflict.their_commitment.inbox_level <= contradiction.level()
            });
        }
        Ok(())
    }

    fn view(&mut self, head: &Header, constants: Constants, seen: Seen) -> Result<View, PublishError> {
        let finalized = head.level.minus(FINALITY);
        self.lost = match (seen.bond, self.signers.staker) {
            (false, Some(staker)) => match self.lost {
                None => self.taken(staker, seen.stakes.cemented, finalized)?,
                lost => lost,
            },
            _ => None,
        };
        Ok(View {
            head: head.level,
            finalized,
            cemented: seen.stakes.cemented,
            staked: seen.stakes.staked,
            bond: seen.bond,
            lost: self.lost,
            games: seen.games,
            contradictions: seen.contradictions,
            challenge_window: constants.challenge_window,
            max_lookahead: constants.max_lookahead,
        })
    }

    /// What somebody without a deposit staked on: it is still open, so the deposit was not given back.
    fn taken(
        &self,
        staker: PublicKeyHash,
        cemented: Pointed,
        finalized: Level,
    ) -> Result<Option<Pointed>, PublishError> {
        for own in self.chain.commitments_from(cemented.level)? {
            if own.at.level > cemented.level
                && own.first_published.is_some()
                && let Some(level) = self.chain.store().published_at(&own.at.hash, Some(staker))?
                && level <= finalized
            {
                return Ok(Some(own.at));
            }
        }
        Ok(None)
    }

    /// Tells everybody where the node's commitments stand.
    fn report(&mut self, view: &View, constants: Constants) {
        let conflicts: Vec<Contradiction> =
            view.contradictions.iter().filter(|c| c.is_conflict()).copied().collect();
        let contradicted =
            conflicts.iter().any(|c| view.staked.is_some_and(|staked| staked.level >= c.level()));
        let stake = self.signers.staker.map(|staker| Stake {
            staker,
            on: view.staked,
            bond: if view.bond { constants.stake_amount } else { 0 },
            at_risk: view.bond && (view.games.is_some_and(|games| games > 0) || contradicted),
        });
        for conflict in &conflicts {
            let answer = match (self.duties.publish, self.mode.injects(Purpose::Refute)) {
                (Publishing::Everything, true) => "it is refuted",
                (Publishing::Contested, true) => "this node publishes its own and refutes the other",
                (_, true) => "what this node's operator published is defended",
                (_, false) => "this node refutes nothing, a node in mode accuser does",
            };
            self.say(&format!("{}; {answer}", conflict.describe(self.chain.ids())));
        }
        meter::commitments(view.cemented.level.get(), view.staked.map(|s| s.level.get()));
        meter::disputes(conflicts.len(), stake.as_ref());
        self.status.update(|status| {
            status.conflicts = conflicts;
            status.stake = stake;
        });
    }

    /// A node that is there to get the deposit back has done so when that is final.
    async fn outlook(&mut self, view: &View, head: &Header) -> Result<Outlook, PublishError> {
        let Some(staker) = self.signers.staker.filter(|_| self.mode == Mode::Bailout && !view.bond) else {
            return Ok(Outlook::Continue);
        };
        let finalized = self.layer1.ancestor(head, view.finalized).await?;
        if self.layer1.stakers(self.chain.rollup(), &finalized).await?.contains(&staker) {
            return Ok(Outlook::Continue);
        }
        match view.lost {
            Some(_) => warn!("{staker} has lost its deposit: there is nothing to recover"),
            None => info!("{staker} has no deposit in the rollup any more"),
        }
        Ok(Outlook::Done)
    }

    fn decide(&mut self, view: &View, own: &[Own]) -> Vec<Step> {
        let plan = plan(view, own, &BTreeSet::new(), self.duties);
        let ids = self.chain.ids();
        plan.warnings.iter().for_each(|warning| self.say(&warning.describe(ids)));
        let mut warnings: Vec<String> =
            plan.warnings.iter().filter(|w| w.is_grave()).map(|w| w.describe(ids)).collect();
        if !self.mode.injects(Purpose::Refute) {
            warnings.extend(view.contradictions.iter().filter(|c| c.is_conflict()).map(|c| c.describe(ids)));
        }
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
                Step::Publish(_) => self.signers.staker,
                Step::RecoverBond => self.signers.recover,
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
                // Anybody may, for the staker.
                Step::RecoverBond => {
                    batch.push(Injection::RecoverBond(self.signers.staker.unwrap_or(source)))
                }
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
                        Step::RecoverBond => meter::recovered(),
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
