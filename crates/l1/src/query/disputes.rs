use super::blocks::lists;
use crate::{Anchor, BlockId, Client, L1Error};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use soru_base::json::{field, member};
use soru_base::{CommitmentHash, IdFamily, Json, JsonError, PublicKeyHash, RollupAddress, TickSpan};
use soru_protocol::refutation::{Clock, Conflict, Game, GameResult, Player, Stakers};

/// Clocks that are asked for at once: public nodes limit how much one may ask.
const AT_ONCE: usize = 4;

/// Refutation games. Who does not stake on a rollup has neither games nor conflicts there.
impl Client {
    /// The games that `staker` plays on a rollup, with their clocks. How many ticks a call of `kernel_run` takes is known
    /// to the machine only, see [`DissectionRules`](soru_protocol::refutation::DissectionRules).
    pub async fn games_of(
        &self,
        block: impl Into<BlockId>,
        rollup: RollupAddress,
        staker: PublicKeyHash,
        ticks_per_snapshot: TickSpan,
    ) -> Result<Vec<Game>, L1Error> {
        let block = self.fixed(block.into()).await?;
        let family = self.family();
        let below = format!("/staker/{staker}/games");
        let path = self.rollup_path(block, &rollup, &below);
        let answer = self.get(&path).await?;
        let pairs = self.read(&path, &answer, |v| lists(v, |listed| stakers(listed, family)))?;
        // By value: closures over references make futures that no task takes.
        let clocks = pairs.clone().into_iter().map(|stakers| self.game_clock(block, rollup, stakers));
        let clocks: Vec<_> = stream::iter(clocks).buffered(AT_ONCE).try_collect().await?;
        let clocked = pairs.into_iter().zip(clocks);
        self.read(&path, &answer, |v| {
            let listed = v.as_array().into_iter().flatten().zip(clocked).enumerate();
            // A game without a clock has ended.
            let listed =
                listed.filter_map(|(i, (listed, (stakers, clock)))| Some((i, listed, stakers, clock?)));
            let read = |(i, listed, stakers, clock): (usize, &Value, Stakers, Clock)| {
                Game::from_network_json(member(listed, "game"), stakers, clock, ticks_per_snapshot, family)
                    .map_err(|e| e.within("game").at(i))
            };
            listed.map(read).collect()
        })
    }

    /// With whom `staker` is in conflict on a rollup, and about what; games are not needed for it.
    pub async fn conflicts_of(
        &self,
        block: impl Into<BlockId>,
        rollup: RollupAddress,
        staker: PublicKeyHash,
    ) -> Result<Vec<Conflict>, L1Error> {
        let read = |v: &Value| lists(v, |conflict| Conflict::from_json(conflict, self.family()));
        self.rollup(block.into(), &rollup, &format!("/staker/{staker}/conflicts"), read).await
    }

    /// The clock of a game; nothing if the two do not play.
    pub async fn game_clock(
        &self,
        block: impl Into<BlockId>,
        rollup: RollupAddress,
        stakers: Stakers,
    ) -> Result<Option<Clock>, L1Error> {
        let below = format!("{}/timeout", path_of(stakers));
        self.rollup(block.into(), &rollup, &below, |v| optional(v, self.family())).await
    }

    /// How a game would end if anybody called its clock at the level of that block; nothing as long as there is time, or
    /// no game.
    pub async fn timeout_reached(
        &self,
        block: impl Into<BlockId>,
        rollup: RollupAddress,
        stakers: Stakers,
    ) -> Result<Option<GameResult>, L1Error> {
        let below = format!("{}/timeout_reached", path_of(stakers));
        self.rollup(block.into(), &rollup, &below, |v| optional(v, self.family())).await
    }

    /// The number of a staker on a rollup; nothing if they are no staker.
    pub async fn staker_index(
        &self,
        block: impl Into<BlockId>,
        rollup: RollupAddress,
        staker: PublicKeyHash,
    ) -> Result<Option<u64>, L1Error> {
        let below = format!("/staker/{staker}/index");
        match self.rollup(block.into(), &rollup, &below, index).await {
            Ok(index) => Ok(Some(index)),
            Err(error) if error.has_id("context.storage_error") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The numbers of those who stake on a commitment that is not cemented; none for others.
    pub async fn stakers_indexes(
        &self,
        block: impl Into<BlockId>,
        rollup: RollupAddress,
        commitment: CommitmentHash,
    ) -> Result<Vec<u64>, L1Error> {
        let below = format!("/commitment/{}/stakers_indexes", commitment.in_family(self.family()));
        match self.rollup(block.into(), &rollup, &below, |v| lists(v, index)).await {
            Err(error) if error.has_id("context.storage_error") => Ok(Vec::new()),
            answer => answer,
        }
    }

    /// A block that stays the same while several questions are put about it.
    async fn fixed(&self, block: BlockId) -> Result<BlockId, L1Error> {
        match block.anchor {
            Anchor::Hash(_) => Ok(block),
            Anchor::Head | Anchor::Genesis | Anchor::Level(_) => Ok(self.block_hash(block).await?.into()),
        }
    }
}

fn path_of(stakers: Stakers) -> String {
    format!("/staker1/{}/staker2/{}", stakers.staker(Player::Alice), stakers.staker(Player::Bob))
}

fn stakers(listed: &Value, family: IdFamily) -> Result<Stakers, JsonError> {
    let (alice, bob) = (field(listed, "alice", family)?, field(listed, "bob", family)?);
    Stakers::new(alice, bob).ok_or_else(|| JsonError::new("two stakers", listed))
}

fn optional<T: Json>(value: &Value, family: IdFamily) -> Result<Option<T>, JsonError> {
    match value {
        Value::Null => Ok(None),
        value => T::from_json(value, family).map(Some),
    }
}

fn index(value: &Value) -> Result<u64, JsonError> {
    let index = value.as_str().and_then(|text| text.parse().ok());
    index.ok_or_else(|| JsonError::new("the number of a staker", value))
}
