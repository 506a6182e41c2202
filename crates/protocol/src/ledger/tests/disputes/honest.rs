use super::world::{Pending, honest, honest_claim, next, truth};
use crate::ledger::Ledger;
use crate::operation::Action;
use crate::refutation::tests::games::honest_move;
use crate::refutation::tests::world::Dice;
use crate::refutation::{Player, Refutation, Stakers};
use soru_base::{Level, RollupAddress, Tick};

/// An honest staker: it looks at the head and sends what is due. Operations may take some blocks to arrive, and are valid
/// on chains that contain the head it looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct Honest {
    /// What is under way.
    pub(super) pending: Vec<Pending>,
}

impl Honest {
    pub(super) fn decide(
        &mut self,
        ledger: &Ledger,
        rollup: &RollupAddress,
        head: u64,
        dice: &mut Dice,
        until: Level,
    ) {
        let level = ledger.level().unwrap();
        let mut actions = Vec::new();
        games(ledger, rollup, level, &mut actions);
        publish(ledger, rollup, level.min(until), &mut actions);
        if dice.one_in(2) {
            conflicts(ledger, rollup, level, &mut actions);
        }
        if dice.one_in(3) {
            actions.push(Action::SmartRollupCement { rollup: *rollup });
        }
        if dice.one_in(6) {
            actions.push(Action::SmartRollupRecoverBond { rollup: *rollup, staker: honest() });
        }
        for action in actions {
            if self.pending.iter().any(|pending| same_matter(&pending.action, &action)) {
                continue;
            }
            let delay = if dice.one_in(4) { 1 + dice.below(2) as u32 } else { 0 };
            let due = level.next().plus(soru_base::LevelSpan(delay));
            self.pending.push(Pending { branch: head, due, action });
        }
    }
}

/// Whether the second can wait until it is known what became of the first.
fn same_matter(one: &Action, other: &Action) -> bool {
    use Action::SmartRollupRefute as Refute;
    match (one, other) {
        (Refute { opponent: a, .. }, Refute { opponent: b, .. }) => a == b,
        _ => one == other,
    }
}

fn games(ledger: &Ledger, rollup: &RollupAddress, level: Level, actions: &mut Vec<Action>) {
    for game in ledger.games_of(rollup, &honest()).unwrap() {
        let me = game.stakers.player(&honest()).unwrap();
        let opponent = game.stakers.staker(me.opponent());
        if game.turn == me {
            let (choice, step) = honest_move(&truth(game.inbox_level), &game);
            let refutation = Refutation::Move { choice: Tick(choice), step };
            actions.push(Action::SmartRollupRefute { rollup: *rollup, opponent, refutation });
        } else if game.timeout(level.next()).is_ok() {
            actions.push(Action::SmartRollupTimeout { rollup: *rollup, alice: honest(), bob: opponent });
        }
    }
}

/// The next claims that are due, about levels up to `level`.
fn publish(ledger: &Ledger, rollup: &RollupAddress, level: Level, actions: &mut Vec<Action>) {
    let (mut predecessor, cemented) = ledger.last_cemented_commitment(rollup).unwrap().unwrap();
    let index = ledger.staker_index(rollup, &honest()).unwrap();
    let (mut inbox_level, mut sent) = (next(cemented), 0);
    while inbox_level <= level
        && inbox_level.since(cemented).0 <= ledger.constants().rollup().max_lookahead_in_blocks
    {
        let claim = honest_claim(inbox_level, predecessor);
        let hash = claim.hash();
        let staked = index.is_some_and(|i| ledger.stakers_of(rollup, &hash).unwrap().contains(&i));
        if !staked && sent < 2 {
            sent += 1;
            actions.push(Action::SmartRollupPublish { rollup: *rollup, commitment: claim });
        }
        (predecessor, inbox_level) = (hash, next(inbox_level));
    }
}

/// Opens a game with everybody who contradicts. Who plays as many as it may has to finish some first: if nobody else ends
/// those that take too long, the honest staker does.
fn conflicts(ledger: &Ledger, rollup: &RollupAddress, level: Level, actions: &mut Vec<Action>) {
    for conflict in ledger.conflicts_of(rollup, &honest()).unwrap() {
        let stakers = Stakers::new(honest(), conflict.other).unwrap();
        if ledger.game(rollup, &stakers).unwrap().is_some() {
            continue;
        }
        let games = ledger.games_of(rollup, &conflict.other).unwrap();
        for game in games.into_iter().filter(|game| game.timeout(level.next()).is_ok()) {
            let [alice, bob] = [Player::Alice, Player::Bob].map(|player| game.stakers.staker(player));
            actions.push(Action::SmartRollupTimeout { rollup: *rollup, alice, bob });
        }
        let refutation = Refutation::Start {
            player_commitment_hash: conflict.our_commitment.hash(),
            opponent_commitment_hash: conflict.their_commitment.hash(),
        };
        actions.push(Action::SmartRollupRefute { rollup: *rollup, opponent: conflict.other, refutation });
    }
}
