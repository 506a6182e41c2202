//! The dispute itself, from the layer-1 to the balances at the end.

use super::super::house::House;
use super::super::stage::{self, LOOK_AGAIN, NewRollup};
use super::super::story::Story;
use super::cast::{Cast, Person, Purse};
use super::record::{Noted, Record};
use super::report::{Disputed, GameFound, PurseFound, Report};
use super::tell::Teller;
use super::watch::Watch;
use super::{Options, kernel};
use crate::rollup_client::NodeRpc;
use crate::wallet::Wallet;
use anyhow::Result;
use serde_json::Value;
use soru_base::{IdFamily, Level, Mutez, Profile, RollupAddress};
use soru_l1::Client;
use std::collections::BTreeSet;
use std::time::Instant;

/// What an adversary has besides its bond: fees of a game, and too little for a second bond.
const POCKET_MONEY: Mutez = Mutez(10_000_000);

/// External messages, a batch a block.
const BATCHES: [&[&str]; 2] = [&["salut", "le", "monde"], &["hello"]];

pub(super) async fn tell(options: &Options, house: &mut House, story: &mut Story) -> Result<Report> {
    let began = Instant::now();
    let cast = Cast::new(&options.adversaries)?;
    let profile = Profile::named(options.run.profile);
    let windows = [
        ("commitment_period", options.commitment_period),
        ("challenge_window", options.challenge_window),
        ("timeout_period", options.timeout_period),
    ];
    let layer1 = stage::layer1(house, story, options.run.profile, options.block_time, &windows).await?;
    let client = Client::new(&layer1, profile.ids)?;
    let user = stage::session(&client, "bootstrap1")?;

    introduce(&cast, story);
    let stake = profile.rollup.stake_amount;
    cast.fund(&user, Mutez(stake.saturating_add(POCKET_MONEY.0))).await?;
    let mut before = Vec::new();
    for person in cast.everybody() {
        before.push(person.purse(&client).await?);
    }

    story.chapter("A rollup with something to argue about");
    let (kernel, called) = kernel::for_lies(&options.adversaries)?;
    let NewRollup { address, level } = stage::rollup(&user, kernel, called, story).await?;
    stage::send_messages(&user, story, &BATCHES).await?;
    let nodes = start_nodes(options, house, story, &cast, &layer1, &address.in_family(profile.ids)).await?;

    story.chapter("Commitments");
    let scene = Scene { options, cast: &cast, client: &client, rollup: address, began };
    let (record, broken_off) = scene.follow(level, house, story).await?;

    story.chapter("How it ended");
    let after = scene.purses().await?;
    let disputed = scene.disputed(&record, story);
    let purses = scene.compare(&before, &after, &record, story);
    let games = scene.games(&record, &nodes).await?;
    let mut addresses = vec![("layer-1".to_owned(), layer1)];
    addresses.extend(nodes.iter().map(|(name, node)| (name.clone(), node.url())));
    let operator = cast.operator.address;
    Ok(Report {
        rollup: address.in_family(profile.ids),
        among_adversaries: record.games.len() - record.games_of(operator).count(),
        games,
        stake_lost: record.lost(operator),
        disputed,
        purses,
        broken_off,
        addresses,
    })
}

fn introduce(cast: &Cast, story: &mut Story) {
    story.chapter("An honest operator, and who lies");
    for person in cast.everybody() {
        match &person.spec {
            None => story.fact(&person.name, person.address),
            Some(spec) => {
                story.fact(&person.name, format_args!("{}: {spec}", person.address));
                story.fact("", spec.lies());
            }
        }
    }
}

/// A node for each of them; their names and addresses, the operator's first.
async fn start_nodes(
    options: &Options,
    house: &mut House,
    story: &mut Story,
    cast: &Cast,
    layer1: &str,
    rollup: &str,
) -> Result<Vec<(String, NodeRpc)>> {
    story.chapter("A rollup node for each of them");
    let base_dir = house.path("wallet");
    let mut nodes = Vec::new();
    for Person { name, key, spec, .. } in cast.everybody() {
        Wallet::open(&base_dir).add_secret_key(name, key, false)?;
        let data_dir = house.path(name);
        kernel::add_page(&data_dir)?;
        let mut arguments: Vec<String> =
            ["node", "run", "operator", "for", rollup, "with", "operators", name].map(str::to_owned).to_vec();
        arguments.extend(["--base-dir".to_owned(), base_dir.display().to_string()]);
        arguments.extend(["--data-dir".to_owned(), data_dir.display().to_string()]);
        arguments.extend(["--endpoint", layer1, "--rpc-port", "0"].map(str::to_owned));
        if let Some(spec) = spec {
            arguments.extend(["--adversary".to_owned(), spec.to_string()]);
        }
        arguments.extend(options.run.engine.arguments());
        let url = house.start(name, &arguments).await?;
        story.fact(name, &url);
        nodes.push((name.clone(), NodeRpc::new(&url)));
    }
    Ok(nodes)
}

/// What everything after the beginning needs to know.
struct Scene<'a> {
    options: &'a Options,
    cast: &'a Cast,
    client: &'a Client,
    rollup: RollupAddress,
    began: Instant,
}

impl Scene<'_> {
    /// Watches the layer-1 until all is decided, or time is up; then says why it was broken off.
    async fn follow(
        &self,
        first: Level,
        house: &mut House,
        story: &mut Story,
    ) -> Result<(Record, Option<String>)> {
        let mut teller = Teller::new(self.cast, self.family(), story);
        let mut watch = Watch::new(self.client.clone(), self.rollup, first);
        let mut record = Record::default();
        loop {
            house.check()?;
            let change = watch.look().await?;
            if change.gone > 0 {
                teller.reorganised(change.gone);
                record = Record::of(&watch.blocks()[..watch.blocks().len() - change.new]);
            }
            for block in &watch.blocks()[watch.blocks().len() - change.new..] {
                let noted = record.add(block);
                teller.tell(block.level, &noted, &record);
            }
            if change.new > 0 {
                let noted = self.drop_games(&mut record, &watch).await?;
                teller.tell(watch.head().0, &noted, &record);
            }
            if self.is_settled(&record) {
                teller.done();
                return Ok((record, None));
            }
            if self.began.elapsed() >= self.options.patience() {
                teller.done();
                let open = self.still_open(&record);
                let why = format!("not finished after {} seconds (--timeout){open}", self.options.timeout);
                return Ok((record, Some(why)));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Takes down which games are over because a player has lost its stake in another one: no receipt tells.
    async fn drop_games(&self, record: &mut Record, watch: &Watch) -> Result<Vec<Noted>> {
        let mut noted = Vec::new();
        for number in record.doubtful() {
            let stakers = record.games[number].stakers;
            if self.client.game_clock(watch.head().1, self.rollup, stakers).await?.is_none() {
                noted.extend(record.dropped(number, watch.elapsed()));
            }
        }
        Ok(noted)
    }

    /// Whether every adversary has lied and paid for it, and the truth is final at every level that was lied about; or
    /// whether the honest operator has lost already.
    fn is_settled(&self, record: &Record) -> bool {
        let operator = self.cast.operator.address;
        if record.lost(operator) > Mutez::ZERO {
            return true;
        }
        let paid = |liar: &Person| {
            record.lies(liar.address, operator).next().is_some() && record.lost(liar.address) > Mutez::ZERO
        };
        let decided = record.games_of(operator).all(|game| game.ended.is_some());
        if !decided || !self.cast.adversaries.iter().all(paid) {
            return false;
        }
        let is_final = |level: Level| {
            let truth = record.claim(operator, level).map(|claim| claim.hash);
            truth.is_some() && record.cemented.get(&level).copied() == truth
        };
        self.disputed_levels(record).into_iter().all(is_final)
    }

    /// What is missing, for somebody who wonders.
    fn still_open(&self, record: &Record) -> String {
        let operator = self.cast.operator.address;
        let mut open = String::new();
        for liar in &self.cast.adversaries {
            if record.lies(liar.address, operator).next().is_none() {
                open.push_str(&format!(": {} has told no lie", liar.name));
            }
            let mut games =
                record.games_of(operator).filter(|game| game.opponent_of(operator) == Some(liar.address));
            if games.any(|game| game.ended.is_none()) {
                open.push_str(&format!(": the game with {} goes on", liar.name));
            }
        }
        open
    }

    fn disputed_levels(&self, record: &Record) -> BTreeSet<Level> {
        let operator = self.cast.operator.address;
        let liars = self.cast.adversaries.iter();
        liars
            .flat_map(|liar| record.lies(liar.address, operator))
            .map(|claim| claim.commitment.inbox_level)
            .collect()
    }

    fn family(&self) -> IdFamily {
        self.client.family()
    }

    async fn purses(&self) -> Result<Vec<Purse>> {
        let mut purses = Vec::new();
        for person in self.cast.everybody() {
            purses.push(person.purse(self.client).await?);
        }
        Ok(purses)
    }

    fn disputed(&self, record: &Record, story: &Story) -> Vec<Disputed> {
        let operator = self.cast.operator.address;
        let family = self.family();
        let mut found = Vec::new();
        for level in self.disputed_levels(record) {
            let Some(honest) = record.claim(operator, level) else { continue };
            let honest = honest.hash.in_family(family);
            let liars = self.cast.adversaries.iter();
            let lies = liars.flat_map(|liar| record.lies(liar.address, operator));
            let lies: BTreeSet<String> = lies
                .filter(|claim| claim.commitment.inbox_level == level)
                .map(|claim| claim.hash.in_family(family))
                .collect();
            let cemented = record.cemented.get(&level).map(|hash| hash.in_family(family));
            let note = match &cemented {
                Some(hash) if *hash == honest => "the honest one, cemented",
                Some(_) => "a lie, cemented",
                None => "the honest one, not cemented yet",
            };
            story.fact(
                &format!("commitment of {level}"),
                format_args!("{}, {note}", cemented.as_ref().unwrap_or(&honest)),
            );
            let lies = lies.into_iter().collect();
            found.push(Disputed { inbox_level: level.get(), honest, lies, cemented });
        }
        found
    }

    /// What everybody had and has.
    fn compare(&self, before: &[Purse], after: &[Purse], record: &Record, story: &Story) -> Vec<PurseFound> {
        let people = self.cast.everybody().zip(before).zip(after);
        people
            .map(|((person, before), after)| {
                let lost = record.lost(person.address);
                let lost =
                    if lost > Mutez::ZERO { format!(", a bond of {lost} ꜩ lost") } else { String::new() };
                story.fact(
                    &person.name,
                    format_args!("{} ꜩ before, {} ꜩ after{lost}", before.total(), after.total()),
                );
                let address = person.address.to_string();
                PurseFound { name: person.name.clone(), address, before: *before, after: *after }
            })
            .collect()
    }

    /// The honest player's games.
    async fn games(&self, record: &Record, nodes: &[(String, NodeRpc)]) -> Result<Vec<GameFound>> {
        let operator = self.cast.operator.address;
        let told = match nodes.first() {
            Some((_, node)) => node.get("/local/games/ended").await?,
            None => Value::Null,
        };
        let mut found = Vec::new();
        for game in record.games_of(operator) {
            let Some(opponent) = game.opponent_of(operator) else { continue };
            let person = self.cast.adversaries.iter().find(|person| person.address == opponent);
            let adversary = person.and_then(|p| p.spec.as_ref()).map(ToString::to_string).unwrap_or_default();
            let opponent = opponent.to_string();
            let is_it = |one: &&Value| {
                one["opponent"] == *opponent
                    && one["start_level"].as_u64() == game.opened().map(|level| level.get().into())
            };
            let told = told.as_array().into_iter().flatten().find(is_it);
            found.push(GameFound {
                opponent,
                adversary,
                outcome: game.outcome_for(operator),
                record: game.clone(),
                recomputing: told.and_then(|told| told["seconds_recomputing"].as_f64()),
            });
        }
        Ok(found)
    }
}
