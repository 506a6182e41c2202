use super::fee::{FeeRates, Margins};
use soru_base::Mutez;
use soru_protocol::operation::Action;
use soru_protocol::refutation::Refutation;

/// What is not left to the simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The fee of each action; what a reveal costs comes on top.
    pub fee: Option<Mutez>,
    /// The gas limit of each action.
    pub gas: Option<u64>,
    /// The storage limit of each action.
    pub storage: Option<u64>,
    /// The counter of the first content.
    pub counter: Option<u64>,
    /// Whether an operation that would fail is made all the same. It needs a fee and limits of gas and storage, which no
    /// simulation tells.
    pub force: bool,
    /// What bakers ask for.
    pub rates: FeeRates,
    /// What is added to the simulation's results.
    pub margins: Margins,
    /// How many blocks before the head the operation's branch is, if there are so many: after a reorganisation of
    /// fewer blocks the operation can still be included. Moves of refutation games are always on the head: on another
    /// branch the opponent may have played something else, and what was right here may be wrong there.
    pub branch_depth: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fee: None,
            gas: None,
            storage: None,
            counter: None,
            force: false,
            rates: FeeRates::default(),
            margins: Margins::default(),
            branch_depth: 2,
        }
    }
}

/// An action, with what is not left to the simulation for it alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// What to do.
    pub action: Action,
    /// Its fee.
    pub fee: Option<Mutez>,
    /// Its gas limit.
    pub gas: Option<u64>,
    /// Its storage limit.
    pub storage: Option<u64>,
}

impl From<Action> for Planned {
    fn from(action: Action) -> Self {
        Self { action, fee: None, gas: None, storage: None }
    }
}

impl Planned {
    /// What is said for all actions holds for this one where nothing else is said.
    pub(super) fn within(self, limits: &Limits) -> Self {
        Self {
            fee: self.fee.or(limits.fee),
            gas: self.gas.or(limits.gas),
            storage: self.storage.or(limits.storage),
            ..self
        }
    }

    fn is_move(&self) -> bool {
        matches!(self.action, Action::SmartRollupRefute { refutation: Refutation::Move { .. }, .. })
    }
}

pub(super) fn branch_depth(planned: &[Planned], limits: &Limits) -> u32 {
    if planned.iter().any(Planned::is_move) { 0 } else { limits.branch_depth }
}

#[cfg(test)]
mod tests {
    use super::*;
    use soru_base::{CommitmentHash, RollupAddress, Tick};
    use soru_protocol::refutation::Step;

    #[test]
    fn a_move_is_for_the_chain_it_answers_to() {
        let rollup = RollupAddress::ZERO;
        let refute = |refutation| Action::SmartRollupRefute {
            rollup,
            opponent: soru_base::BOOTSTRAP_ACCOUNTS[0].pkh(),
            refutation,
        };
        let open = refute(Refutation::Start {
            player_commitment_hash: CommitmentHash::ZERO,
            opponent_commitment_hash: CommitmentHash::ZERO,
        });
        let play = refute(Refutation::Move { choice: Tick::ZERO, step: Step::Dissection(Vec::new()) });
        let (cement, limits) = (Action::SmartRollupCement { rollup }, Limits::default());
        let depth = |actions: &[&Action]| {
            let planned: Vec<Planned> = actions.iter().map(|action| (*action).clone().into()).collect();
            branch_depth(&planned, &limits)
        };
        assert_eq!(depth(&[&cement, &open]), 2);
        assert_eq!(depth(&[&cement, &open, &play]), 0);
    }

    #[test]
    fn what_is_said_of_one_action_goes_before_what_is_said_of_all() {
        let limits = Limits { fee: Some(Mutez(7)), gas: Some(8), ..Limits::default() };
        let cement = Action::SmartRollupCement { rollup: RollupAddress::ZERO };
        let planned = Planned { gas: Some(1), ..cement.into() }.within(&limits);
        assert_eq!((planned.fee, planned.gas, planned.storage), (Some(Mutez(7)), Some(1), None));
    }
}
