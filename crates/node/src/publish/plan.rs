use super::warning::Warning;
use crate::config::{Mode, Purpose};
use soru_base::{CommitmentHash, IdFamily, Level, LevelSpan, PublicKeyHash};
use soru_protocol::Commitment;
use std::collections::BTreeSet;
use std::fmt;

/// A commitment, by its hash and the level of its inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pointed {
    /// Its hash.
    pub hash: CommitmentHash,
    /// The level of its inbox.
    pub level: Level,
}

/// A commitment the node has computed, on the chain that the layer-1 follows now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Own {
    /// Hash and level.
    pub at: Pointed,
    /// Its predecessor.
    pub predecessor: CommitmentHash,
    /// The level at which anybody published it first, if somebody did.
    pub first_published: Option<Level>,
}

/// A commitment that somebody published, and that is not the one the node computed for its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contradiction {
    /// Who published it.
    pub publisher: PublicKeyHash,
    /// What was published.
    pub theirs: Commitment,
    /// What the node computed.
    pub ours: Commitment,
    /// The level at which it was published.
    pub published_at: Level,
    /// Whether the publisher still stakes on it.
    pub stands: bool,
}

impl Contradiction {
    /// Level of the commitments.
    pub fn level(&self) -> Level {
        self.ours.inbox_level
    }

    /// Whether it is where two branches of the commitment tree part now: the publisher can be refuted, and nothing from
    /// there on is cemented before. What was published upon a wrong commitment falls with it.
    pub fn is_conflict(&self) -> bool {
        self.stands && self.theirs.predecessor == self.ours.predecessor
    }

    /// For people, with identifiers of that family.
    pub fn describe(&self, ids: IdFamily) -> String {
        format!(
            "conflict: {} published {} for level {}, this node computed {}",
            self.publisher,
            self.theirs.hash().in_family(ids),
            self.level(),
            self.ours.hash().in_family(ids)
        )
    }
}

/// What the layer-1 says about the rollup at its head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Level of the head.
    pub head: Level,
    /// Level below which nothing changes any more.
    pub finalized: Level,
    /// The last cemented commitment.
    pub cemented: Pointed,
    /// The last commitment that the publishing operator stakes on, unless it is cemented.
    pub staked: Option<Pointed>,
    /// Whether the deposit of that operator is locked.
    pub bond: bool,
    /// A commitment on which that operator staked, if its deposit was taken since.
    pub lost: Option<Pointed>,
    /// Refutation games that the operator plays, if it is known.
    pub games: Option<usize>,
    /// What was published against the node's commitments above the last cemented one, whether it stands or not.
    pub contradictions: Vec<Contradiction>,
    /// How long a commitment can be refuted after its first publication.
    pub challenge_window: LevelSpan,
    /// How far beyond the last cemented commitment the layer-1 takes commitments.
    pub max_lookahead: LevelSpan,
}

/// One thing to do on the layer-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Cement the commitment that follows the last cemented one.
    Cement(Pointed),
    /// Publish a commitment.
    Publish(Pointed),
    /// Take the operator's deposit back.
    RecoverBond,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, at) = match self {
            Self::Cement(at) => ("cement", at),
            Self::Publish(at) => ("publish", at),
            Self::RecoverBond => return f.write_str("recover the bond"),
        };
        write!(f, "{verb} the commitment of level {}", at.level)
    }
}

/// How many steps of each kind may be under way at once. Both kinds have their own share, so neither starves the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Publications.
    pub publish: usize,
    /// Cementations.
    pub cement: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { publish: 8, cement: 4 }
    }
}

/// Which of its commitments a node publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publishing {
    /// None.
    Nothing,
    /// Those up to the last one that somebody contradicts.
    Contested,
    /// All.
    Everything,
}

/// What a node does on the layer-1, games apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duties {
    /// What it publishes.
    pub publish: Publishing,
    /// Whether it cements.
    pub cement: bool,
    /// Whether it takes its operator's deposit back as soon as nothing of it is open.
    pub recover: bool,
    /// How much at once.
    pub limits: Limits,
}

impl Duties {
    /// What a node in that mode does.
    pub fn of(mode: Mode) -> Self {
        let publish = match mode {
            Mode::Accuser => Publishing::Contested,
            mode if mode.injects(Purpose::Publish) => Publishing::Everything,
            _ => Publishing::Nothing,
        };
        let recover = mode.injects(Purpose::Recover);
        Self { publish, cement: mode.injects(Purpose::Cement), recover, limits: Limits::default() }
    }
}

/// What to do now, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The oldest first; cementing before publishing.
    pub steps: Vec<Step>,
    /// What is wrong.
    pub warnings: Vec<Warning>,
}

/// Decides what to do. `own` holds the node's commitments from the last cemented one (included, if the node has
/// one for its level) in ascending order; `pending` are the steps whose operations may still be included.
pub fn plan(view: &View, own: &[Own], pending: &BTreeSet<Step>, duties: Duties) -> Plan {
    let mut plan = Plan::default();
    let same_level = own.iter().find(|c| c.at.level == view.cemented.level);
    if let Some(ours) = same_level.filter(|c| c.at.hash != view.cemented.hash) {
        plan.warnings.push(Warning::CementedAnother { cemented: view.cemented, own: ours.at.hash });
        return plan;
    }
    // Whoever lost a game may be wrong: a person has to look first.
    if let Some(at) = view.lost {
        plan.warnings.push(Warning::LostStake { at });
        return plan;
    }
    let chain = chain_from(view.cemented, own);
    if duties.cement {
        add_cementations(&mut plan, view, &chain, duties.limits.cement);
    }
    add_publications(&mut plan, view, &chain, duties);
    if duties.recover && may_recover(view, &chain, duties.publish) {
        plan.steps.push(Step::RecoverBond);
    }
    plan.steps.retain(|step| !pending.contains(step));
    plan
}

/// The commitments built one on another, the first on the last cemented one.
fn chain_from(cemented: Pointed, own: &[Own]) -> Vec<Own> {
    let mut chain: Vec<Own> = Vec::new();
    for commitment in own.iter().filter(|c| c.at.level > cemented.level) {
        let expected = chain.last().map_or(cemented.hash, |last| last.at.hash);
        if commitment.predecessor != expected {
            break;
        }
        chain.push(*commitment);
    }
    chain
}

/// All whose time has come, up to the first one that somebody contradicts: there the layer-1 cements nothing.
fn add_cementations(plan: &mut Plan, view: &View, chain: &[Own], limit: usize) {
    let ready = chain
        .iter()
        .take_while(|c| c.first_published.is_some_and(|level| level.plus(view.challenge_window) <= view.head))
        .take(limit);
    for commitment in ready {
        let others = conflicts(view).filter(|c| c.level() == commitment.at.level).count();
        if others > 0 {
            plan.warnings.push(Warning::Disputed { at: commitment.at, others });
            return;
        }
        plan.steps.push(Step::Cement(commitment.at));
    }
}

fn conflicts(view: &View) -> impl Iterator<Item = &Contradiction> {
    view.contradictions.iter().filter(|c| c.is_conflict() && c.level() > view.cemented.level)
}

/// Levels for which the truth has to be published although others do the publishing: somebody is to be refuted there, or
/// something wrong was published and the truth was not. The time to do so has begun then, and when it is over nothing can be
/// published for that level any more, even if the liar has lost meanwhile: the rollup would be at its end.
fn contested(view: &View, chain: &[Own]) -> impl Iterator<Item = Level> {
    let unpublished = |level| chain.iter().any(|c| c.at.level == level && c.first_published.is_none());
    let open = view.contradictions.iter().filter(|c| c.level() > view.cemented.level);
    open.filter(move |c| c.is_conflict() || unpublished(c.level())).map(Contradiction::level)
}

fn add_publications(plan: &mut Plan, view: &View, chain: &[Own], duties: Duties) {
    let above = match view.staked.filter(|staked| staked.level > view.cemented.level) {
        None => view.cemented.level,
        Some(staked) if chain.iter().any(|c| c.at == staked) => staked.level,
        Some(staked) => {
            // Evaluation may be behind the stake (a new data directory): then there is nothing to say yet.
            if chain.last().is_some_and(|last| last.at.level >= staked.level) {
                plan.warnings.push(Warning::StakedOnAnother { staked });
            }
            return;
        }
    };
    let last = match duties.publish {
        Publishing::Nothing => return,
        Publishing::Contested => match contested(view, chain).max() {
            Some(level) => level.min(view.finalized),
            None => return,
        },
        Publishing::Everything => view.finalized,
    };
    let candidates = chain
        .iter()
        .filter(|c| c.at.level > above)
        .take_while(|c| c.at.level <= last && c.at.level.since(view.cemented.level) <= view.max_lookahead);
    let mut taken = 0;
    for commitment in candidates {
        if is_past_curfew(view, commitment) {
            // An accuser builds on what others publish: it has to stake on what is contradicted, not on all before.
            match (commitment.first_published, duties.publish) {
                (None, _) => {
                    plan.warnings.push(Warning::TooLate { at: commitment.at });
                    return;
                }
                (_, Publishing::Everything) => {
                    plan.warnings.push(Warning::PastCurfew { at: commitment.at });
                }
                _ => (),
            }
            continue;
        }
        if taken == duties.limits.publish {
            break;
        }
        taken += 1;
        plan.steps.push(Step::Publish(commitment.at));
    }
}

/// Whether the layer-1 takes no commitment of that level any more: the time counts from the first one that anybody
/// published for it, a wrong one included.
fn is_past_curfew(view: &View, commitment: &Own) -> bool {
    let against = view.contradictions.iter().filter(|c| c.level() == commitment.at.level);
    let first = against.map(|c| c.published_at).chain(commitment.first_published).min();
    first.is_some_and(|level| view.head.next().since(level) > view.challenge_window)
}

/// The layer-1 gives a deposit back if all that its owner stakes on is cemented. A game that is still open would be lost
/// without it, and what is about to be published needs it again.
fn may_recover(view: &View, chain: &[Own], publish: Publishing) -> bool {
    let needed = publish != Publishing::Nothing && contested(view, chain).next().is_some();
    let open = view.staked.is_some_and(|staked| staked.level > view.cemented.level);
    view.bond && !open && view.games == Some(0) && !needed
}
