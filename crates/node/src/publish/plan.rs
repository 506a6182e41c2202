use soru_base::{CommitmentHash, IdFamily, Level, LevelSpan};
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

/// What the layer-1 says about the rollup at its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Level of the head.
    pub head: Level,
    /// Level below which nothing changes any more.
    pub finalized: Level,
    /// The last cemented commitment.
    pub cemented: Pointed,
    /// The last commitment that the publishing operator stakes on, unless it is cemented.
    pub staked: Option<Pointed>,
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
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, at) = match self {
            Self::Cement(at) => ("cement", at),
            Self::Publish(at) => ("publish", at),
        };
        write!(f, "{verb} the commitment of level {}", at.level)
    }
}

/// How many steps of each kind may be under way at once; none of a kind that the node does not do. Both kinds have their
/// own share, so neither starves the other.
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

/// Something that a person has to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// The layer-1 has cemented another commitment than the one the node computed.
    CementedAnother {
        /// What the layer-1 cemented.
        cemented: Pointed,
        /// What the node has for that level.
        own: CommitmentHash,
    },
    /// The operator stakes on a commitment that the node did not compute.
    StakedOnAnother {
        /// What the operator stakes on.
        staked: Pointed,
    },
    /// Nobody else can publish that commitment any more, and neither can we: its time is over.
    PastCurfew {
        /// The commitment.
        at: Pointed,
    },
}

impl Warning {
    /// For people, with identifiers of that family.
    pub fn describe(&self, ids: IdFamily) -> String {
        let shown = |hash: &CommitmentHash| hash.in_family(ids);
        match self {
            Self::CementedAnother { cemented, own } => format!(
                "the layer-1 cemented {} for level {}, this node computed {}: nothing is published",
                shown(&cemented.hash),
                cemented.level,
                shown(own)
            ),
            Self::StakedOnAnother { staked } => format!(
                "the operator stakes on {} of level {}, which this node did not compute: nothing is published",
                shown(&staked.hash),
                staked.level
            ),
            Self::PastCurfew { at } => {
                format!("the commitment {} of level {} can no longer be published", shown(&at.hash), at.level)
            }
        }
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
pub fn plan(view: &View, own: &[Own], pending: &BTreeSet<Step>, limits: Limits) -> Plan {
    let mut plan = Plan::default();
    let same_level = own.iter().find(|c| c.at.level == view.cemented.level);
    if let Some(ours) = same_level.filter(|c| c.at.hash != view.cemented.hash) {
        plan.warnings.push(Warning::CementedAnother { cemented: view.cemented, own: ours.at.hash });
        return plan;
    }
    let chain = chain_from(view.cemented, own);
    add_cementations(&mut plan, view, &chain, pending, limits.cement);
    add_publications(&mut plan, view, &chain, pending, limits.publish);
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

fn add_cementations(plan: &mut Plan, view: &View, chain: &[Own], pending: &BTreeSet<Step>, limit: usize) {
    let ready = chain
        .iter()
        .take_while(|c| c.first_published.is_some_and(|level| level.plus(view.challenge_window) <= view.head))
        .take(limit);
    plan.steps.extend(ready.map(|c| Step::Cement(c.at)).filter(|step| !pending.contains(step)));
}

fn add_publications(plan: &mut Plan, view: &View, chain: &[Own], pending: &BTreeSet<Step>, limit: usize) {
    if limit == 0 {
        return;
    }
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
    let candidates = chain.iter().filter(|c| c.at.level > above).take_while(|c| {
        c.at.level <= view.finalized && c.at.level.since(view.cemented.level) <= view.max_lookahead
    });
    let mut taken = 0;
    for commitment in candidates {
        let next = view.head.next();
        if commitment.first_published.is_some_and(|level| next.since(level) > view.challenge_window) {
            plan.warnings.push(Warning::PastCurfew { at: commitment.at });
            continue;
        }
        if taken == limit {
            break;
        }
        taken += 1;
        let step = Step::Publish(commitment.at);
        if !pending.contains(&step) {
            plan.steps.push(step);
        }
    }
}
