use super::plan::Pointed;
use soru_base::{CommitmentHash, IdFamily};

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
    /// The operator's deposit was taken.
    LostStake {
        /// A commitment on which the operator staked.
        at: Pointed,
    },
    /// A commitment could be cemented if nobody contradicted it.
    Disputed {
        /// The commitment.
        at: Pointed,
        /// How many stakers contradict it.
        others: usize,
    },
    /// Nobody published that commitment in time, and now nobody can.
    TooLate {
        /// The commitment.
        at: Pointed,
    },
    /// Nobody else can publish that commitment any more, and neither can we: its time is over.
    PastCurfew {
        /// The commitment.
        at: Pointed,
    },
}

impl Warning {
    /// Whether the node does not do what it is there for. The rest comes to its end without anybody's help.
    pub fn is_grave(&self) -> bool {
        match self {
            Self::CementedAnother { .. }
            | Self::StakedOnAnother { .. }
            | Self::LostStake { .. }
            | Self::TooLate { .. } => true,
            Self::Disputed { .. } | Self::PastCurfew { .. } => false,
        }
    }

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
                "the operator stakes on {} of level {}, which this node did not compute: it is neither built upon nor defended",
                shown(&staked.hash),
                staked.level
            ),
            Self::LostStake { at } => format!(
                "the operator staked on {} of level {} and has lost its deposit: nothing is published or cemented until the node is started again",
                shown(&at.hash),
                at.level
            ),
            Self::Disputed { at, others } => format!(
                "the commitment {} of level {} is cemented when the {others} staker(s) who contradict it are refuted",
                shown(&at.hash),
                at.level
            ),
            Self::TooLate { at } => format!(
                "nobody published the commitment {} of level {} in time: nothing can be published for that level any more, the rollup does not get on",
                shown(&at.hash),
                at.level
            ),
            Self::PastCurfew { at } => {
                format!("the commitment {} of level {} can no longer be published", shown(&at.hash), at.level)
            }
        }
    }
}
