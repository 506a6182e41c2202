//! What the layer-1 is asked at a head.

use crate::layer1::{Header, Layer1, Layer1Error};
use soru_base::{PublicKeyHash, RollupAddress};
use soru_protocol::refutation::{Conflict, Game, Player};
use std::collections::{BTreeMap, BTreeSet};

/// What the layer-1 says about the disputes of a staker.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Its games.
    pub games: Vec<Game>,
    /// Its conflicts.
    pub conflicts: Vec<Conflict>,
    /// All who have a stake, if there is any dispute and the layer-1 says it.
    pub stakers: Option<BTreeSet<PublicKeyHash>>,
    /// Games that a staker may play at once; none if there is no conflict, or it is not known.
    pub parallel: usize,
}

/// Asks all of that about `me`. Nothing if the games are not known: another attempt at the same question would not help, and
/// there may be nothing to play. What else is not known is left out, so that open games are played all the same. `say` is
/// told of it.
pub(super) async fn ask(
    layer1: &impl Layer1,
    (rollup, me): (RollupAddress, PublicKeyHash),
    head: &Header,
    mut say: impl FnMut(String),
) -> Result<Option<Seen>, Layer1Error> {
    let mut unknown = |what: &str, error| say(format!("the {what} of {me} are not known: {error}"));
    let games = match answered(layer1.games(rollup, me, head).await)? {
        Ok(games) => games,
        Err(error) => {
            unknown("games", error);
            return Ok(None);
        }
    };
    let mut seen = Seen { games, ..Seen::default() };
    match answered(layer1.conflicts(rollup, me, head).await)? {
        Ok(conflicts) => seen.conflicts = conflicts,
        Err(error) => unknown("conflicts", error),
    }
    if !seen.games.is_empty() || !seen.conflicts.is_empty() {
        seen.stakers = layer1.stakers(rollup, head).await.ok();
    }
    if !seen.conflicts.is_empty() {
        match answered(layer1.constants(head).await)? {
            Ok(constants) => seen.parallel = constants.parallel_games,
            Err(error) => unknown("limits", error),
        }
    }
    Ok(Some(seen))
}

impl Seen {
    /// The games of those in conflict with us who play as many as they may; a few of them for a head, others for the next
    /// one.
    pub(super) async fn crowded(
        &self,
        layer1: &impl Layer1,
        rollup: RollupAddress,
        head: &Header,
    ) -> Result<BTreeMap<PublicKeyHash, Vec<Game>>, Layer1Error> {
        const ASKED: usize = 8;
        let met = |key: &PublicKeyHash| self.games.iter().any(|game| game.stakers.player(key).is_some());
        let stakes = |key: PublicKeyHash| self.stakers.as_ref().is_none_or(|all| all.contains(&key));
        let others: BTreeSet<_> = self.conflicts.iter().map(|c| c.other).filter(|key| !met(key)).collect();
        let first = (head.level.get() as usize * ASKED).checked_rem(others.len()).unwrap_or(0);
        let mut crowded = BTreeMap::new();
        if self.parallel == 0 {
            return Ok(crowded);
        }
        for other in others.iter().cycle().skip(first).take(ASKED.min(others.len())) {
            // Whoever's games are not known is challenged all the same.
            let Ok(theirs) = answered(layer1.games(rollup, *other, head).await)? else { continue };
            let counts = |game: &&Game| {
                [Player::Alice, Player::Bob].iter().all(|player| stakes(game.stakers.staker(*player)))
            };
            if theirs.iter().filter(counts).count() >= self.parallel {
                crowded.insert(*other, theirs);
            }
        }
        Ok(crowded)
    }
}

/// Tells an answer that another attempt would not change from a layer-1 that cannot be reached.
pub(super) fn answered<T>(answer: Result<T, Layer1Error>) -> Result<Result<T, Layer1Error>, Layer1Error> {
    match answer {
        Err(error @ Layer1Error::Unreachable(_)) => Err(error),
        answer => Ok(answer),
    }
}
