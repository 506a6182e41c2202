//! Commands on stakers, their conflicts and their refutation games.

use super::grammar::injects;
use super::receipt::claim;
use super::{Request, print, word_or_file};
use crate::phrase::Parameters;
use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use soru_base::{IdFamily, Json, Level, PublicKeyHash, RollupAddress, TickSpan};
use soru_l1::{BlockId, Client};
use soru_protocol::operation::Action;
use soru_protocol::refutation::{Conflict, Game, GameState, Player, Refutation, Stakers};

/// A command on stakers and their games.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    ListStakers,
    ListConflicts,
    ListGames,
    ShowGame,
    StartDispute,
    PlayMove,
    TimeoutDispute,
}

super::grammar::phrases! { Disputes:
    ListStakers: "list stakers of smart rollup <rollup>", "List who stakes on a smart rollup, and on which commitment", &["json"];
    ListConflicts: "list conflicts of <staker> on smart rollup <rollup>", "List with whom a staker is in conflict", &["json"];
    ListGames: "list games on smart rollup <rollup>", "List the refutation games that are played", &["json"];
    ListGames: "list games of <staker> on smart rollup <rollup>", "List the refutation games of a staker", &["json"];
    ShowGame: "show game on smart rollup <rollup> with <staker1> against <staker2>", "Show how a refutation game stands", &["json"];
    StartDispute: "start dispute on smart rollup <rollup> against <opponent> from <source>",
        "Open a refutation game about the first commitments in conflict", injects![];
    StartDispute: "refute commitment <theirs> of <opponent> on smart rollup <rollup> with commitment <ours> from <source>",
        "Open a refutation game about two commitments", injects![];
    PlayMove: "play <move> on smart rollup <rollup> against <opponent> from <source>",
        "Play a move of a refutation game: JSON as the RPC takes it, or file:PATH", injects![];
    TimeoutDispute: "timeout dispute on smart rollup <rollup> with <staker1> against <staker2> from <source>",
        "End a refutation game whose player let the clock run out", injects![];
}

/// Nothing that is shown depends on how many ticks a call of `kernel_run` takes.
const ANY_SNAPSHOT: TickSpan = TickSpan(1);

pub(super) async fn run(command: Command, request: &Request, parameters: &Parameters) -> Result<()> {
    let rollup = request.wallet.rollup(parameters.get("rollup"))?;
    let account = |name: &str| request.wallet.account(parameters.get(name));
    match command {
        Command::ListStakers => list_stakers(request, rollup).await,
        Command::ListConflicts => list_conflicts(request, rollup, account("staker")?).await,
        Command::ListGames => {
            let staker = parameters.get("staker");
            let staker = if staker.is_empty() { None } else { Some(account("staker")?) };
            list_games(request, rollup, staker).await
        }
        Command::ShowGame => show_game(request, rollup, account("staker1")?, account("staker2")?).await,
        Command::StartDispute | Command::PlayMove | Command::TimeoutDispute => {
            let session = request.session(parameters.get("source")).await?;
            let action = match command {
                Command::StartDispute => {
                    let source = account("source")?;
                    let opponent = account("opponent")?;
                    start(session.client(), rollup, source, opponent, parameters).await?
                }
                Command::PlayMove => Action::SmartRollupRefute {
                    rollup,
                    opponent: account("opponent")?,
                    refutation: refutation(parameters.get("move"), session.client().family())?,
                },
                _ => timeout(session.client(), rollup, account("staker1")?, account("staker2")?).await?,
            };
            request.inject(&session, vec![action]).await.map(|_| ())
        }
    }
}

/// The opening of a game: about the commitments that are named, or else about the first ones in conflict.
async fn start(
    client: &Client,
    rollup: RollupAddress,
    source: PublicKeyHash,
    opponent: PublicKeyHash,
    parameters: &Parameters,
) -> Result<Action> {
    let (ours, theirs) = (parameters.get("ours"), parameters.get("theirs"));
    let refutation = if ours.is_empty() {
        let conflicts = client.conflicts_of(BlockId::HEAD, rollup, source).await?;
        let conflict = conflicts.iter().find(|conflict| conflict.other == opponent).ok_or_else(|| {
            anyhow!("{source} and {opponent} are not in conflict on {}", rollup.in_family(client.family()))
        })?;
        Refutation::Start {
            player_commitment_hash: conflict.our_commitment.hash(),
            opponent_commitment_hash: conflict.their_commitment.hash(),
        }
    } else {
        Refutation::Start { player_commitment_hash: ours.parse()?, opponent_commitment_hash: theirs.parse()? }
    };
    Ok(Action::SmartRollupRefute { rollup, opponent, refutation })
}

/// A move as the RPC takes it, from the command line or from a file.
fn refutation(word: &str, family: IdFamily) -> Result<Refutation> {
    let text = word_or_file(word)?;
    let value: Value = serde_json::from_str(&text)
        .context("the move is no JSON, such as {\"refutation_kind\": \"move\", …}")?;
    Refutation::from_json(&value, family).map_err(|e| anyhow!("the move is not as the RPC takes it: {e}"))
}

async fn timeout(
    client: &Client,
    rollup: RollupAddress,
    one: PublicKeyHash,
    other: PublicKeyHash,
) -> Result<Action> {
    let stakers = pair(one, other)?;
    if client.game_clock(BlockId::HEAD, rollup, stakers).await?.is_none() {
        bail!(no_game(one, other, rollup, client.family()));
    }
    let (alice, bob) = (stakers.staker(Player::Alice), stakers.staker(Player::Bob));
    Ok(Action::SmartRollupTimeout { rollup, alice, bob })
}

fn pair(one: PublicKeyHash, other: PublicKeyHash) -> Result<Stakers> {
    Stakers::new(one, other).ok_or_else(|| anyhow!("{one} cannot play against itself: name two stakers"))
}

fn no_game(one: PublicKeyHash, other: PublicKeyHash, rollup: RollupAddress, family: IdFamily) -> String {
    format!("{one} and {other} do not play a refutation game on {}", rollup.in_family(family))
}

async fn list_stakers(request: &Request, rollup: RollupAddress) -> Result<()> {
    let client = request.client().await?;
    let block = head(&client).await?.0;
    let family = client.family();
    let mut told = Vec::new();
    for staker in client.stakers(block, rollup).await? {
        let staked = client.staked_on_commitment(block, rollup, staker).await?;
        if request.options.json {
            let staked = staked.map(|(hash, _)| hash.to_json(family));
            told.push(json!({ "staker": staker.to_json(family), "staked_on": staked }));
            continue;
        }
        match staked {
            Some((hash, commitment)) => print(format_args!(
                "{staker} stakes on {} of level {}",
                hash.in_family(family),
                commitment.inbox_level
            ))?,
            None => print(format_args!("{staker} stakes on a cemented commitment"))?,
        }
    }
    print_json(request, told)
}

async fn list_conflicts(request: &Request, rollup: RollupAddress, staker: PublicKeyHash) -> Result<()> {
    let client = request.client().await?;
    let family = client.family();
    let conflicts = client.conflicts_of(BlockId::HEAD, rollup, staker).await?;
    if !request.options.json {
        for Conflict { other, their_commitment, our_commitment, parent_commitment } in &conflicts {
            print(format_args!("With {other} at inbox level {}:", our_commitment.inbox_level))?;
            print(format_args!("  Our commitment: {}", our_commitment.hash().in_family(family)))?;
            print(format_args!("  Their commitment: {}", their_commitment.hash().in_family(family)))?;
            print(format_args!("  Parent: {}", parent_commitment.in_family(family)))?;
        }
    }
    print_json(request, conflicts.iter().map(|conflict| conflict.to_json(family)).collect())
}

async fn list_games(request: &Request, rollup: RollupAddress, staker: Option<PublicKeyHash>) -> Result<()> {
    let client = request.client().await?;
    let family = client.family();
    let (block, level) = head(&client).await?;
    let stakers = match staker {
        Some(staker) => vec![staker],
        None => client.stakers(block, rollup).await?,
    };
    let mut games: Vec<Game> = Vec::new();
    for staker in stakers {
        for game in client.games_of(block, rollup, staker, ANY_SNAPSHOT).await? {
            // Each game is told by both who play it.
            if !games.iter().any(|known| known.stakers == game.stakers) {
                games.push(game);
            }
        }
    }
    if !request.options.json {
        for game in &games {
            print(summary(game, level))?;
        }
    }
    print_json(request, games.iter().map(|game| game_json(game, family)).collect())
}

async fn show_game(
    request: &Request,
    rollup: RollupAddress,
    one: PublicKeyHash,
    other: PublicKeyHash,
) -> Result<()> {
    let client = request.client().await?;
    let family = client.family();
    let stakers = pair(one, other)?;
    let (block, level) = head(&client).await?;
    let games = client.games_of(block, rollup, one, ANY_SNAPSHOT).await?;
    let game = games.into_iter().find(|game| game.stakers == stakers);
    let game = game.ok_or_else(|| anyhow!(no_game(one, other, rollup, family)))?;
    match request.options.json {
        true => print(format_args!("{:#}", game_json(&game, family))),
        false => print(description(&game, level, family).trim_end()),
    }
}

/// The head, as a block that does not change between questions.
async fn head(client: &Client) -> Result<(BlockId, Level)> {
    let header = client.header(BlockId::HEAD).await?;
    Ok((header.hash.into(), header.level))
}

fn print_json(request: &Request, told: Vec<Value>) -> Result<()> {
    match request.options.json {
        true => print(format_args!("{:#}", Value::Array(told))),
        false => Ok(()),
    }
}

/// What the RPCs tell of a game in several places.
fn game_json(game: &Game, family: IdFamily) -> Value {
    json!({
        "game": game.to_network_json(family),
        "alice": game.stakers.staker(Player::Alice).to_json(family),
        "bob": game.stakers.staker(Player::Bob).to_json(family),
        "timeout": game.clock.to_json(family),
    })
}

/// One line.
fn summary(game: &Game, level: Level) -> String {
    let (alice, bob) = (game.stakers.staker(Player::Alice), game.stakers.staker(Player::Bob));
    let about = match &game.state {
        GameState::Dissecting { dissection } => {
            let ticks = dissection.first().zip(dissection.last()).map(|(a, b)| b.tick.since(a.tick));
            let ticks = ticks.unwrap_or(TickSpan(0));
            format!("{} sections over {ticks} ticks", dissection.len().saturating_sub(1))
        }
        GameState::FinalMove { agreed_start_chunk, .. } => {
            format!("the proof of tick {} is the last move", agreed_start_chunk.tick)
        }
    };
    format!("{alice} (Alice) against {bob} (Bob): {}; {about}", turn(game, level))
}

fn name(player: Player) -> &'static str {
    match player {
        Player::Alice => "Alice",
        Player::Bob => "Bob",
    }
}

/// Whose turn it is, and how much time is left.
fn turn(game: &Game, level: Level) -> String {
    let player = name(game.turn);
    match game.clock.blocks_left(game.turn, level) {
        ..=0 => format!("{player} to move, out of time"),
        1 => format!("{player} to move within 1 block"),
        blocks => format!("{player} to move within {blocks} blocks"),
    }
}

fn description(game: &Game, level: Level, family: IdFamily) -> String {
    let mut lines =
        vec![format!("Started at level: {}", game.start_level), format!("Inbox level: {}", game.inbox_level)];
    for player in [Player::Alice, Player::Bob] {
        let left = game.clock.left(player);
        lines.push(format!("{}: {}, {left} blocks on the clock", name(player), game.stakers.staker(player)));
    }
    lines.push(format!("Last move at level: {}", game.clock.last_turn_level));
    lines.push(format!("Turn: {}", turn(game, level)));
    match &game.state {
        GameState::Dissecting { dissection } => {
            lines.push(format!("Dissection into {} sections:", dissection.len().saturating_sub(1)));
            lines.extend(dissection.iter().map(|chunk| format!("  {}", claim(chunk, family))));
        }
        GameState::FinalMove { agreed_start_chunk, refuted_stop_chunk } => {
            lines.push("Final move:".to_owned());
            lines.push(format!("  Agreed start: {}", claim(agreed_start_chunk, family)));
            lines.push(format!("  Refuted stop: {}", claim(refuted_stop_chunk, family)));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use soru_base::{BOOTSTRAP_ACCOUNTS, CommitmentHash, LevelSpan, MerkelizedPayloadHash, StateHash, Tick};
    use soru_protocol::Commitment;
    use soru_protocol::inbox::Inbox;
    use soru_protocol::refutation::{ConflictPoint, DissectionChunk, DissectionRules};

    fn game() -> Game {
        let commitment = |state, predecessor| Commitment {
            compressed_state: StateHash([state; 32]),
            inbox_level: Level::new(32).unwrap(),
            predecessor,
            number_of_ticks: TickSpan(99),
        };
        let parent = commitment(9, CommitmentHash([1; 32]));
        let point = ConflictPoint {
            refuter: BOOTSTRAP_ACCOUNTS[0].pkh(),
            refuter_commitment: &commitment(0, parent.hash()),
            defender: BOOTSTRAP_ACCOUNTS[1].pkh(),
            defender_commitment: &commitment(1, parent.hash()),
            parent_commitment: &parent,
        };
        let inbox = Inbox::first(Level::new(40).unwrap(), MerkelizedPayloadHash([4; 32]));
        let rules = DissectionRules::new(32, ANY_SNAPSHOT).unwrap();
        Game::start(&point, inbox.old_levels_messages, Level::new(41).unwrap(), rules, LevelSpan(7)).unwrap()
    }

    #[test]
    fn a_game_in_one_line_says_who_has_to_move_and_how_long() {
        let mut game = game();
        let alice = game.stakers.staker(Player::Alice);
        assert!(summary(&game, Level::new(43).unwrap()).starts_with(&format!("{alice} (Alice) against tz1")));
        let mover = name(game.turn);
        for (level, time) in
            [(43, "within 5 blocks"), (47, "within 1 block;"), (48, "out of time"), (90, "out of time")]
        {
            let line = summary(&game, Level::new(level).unwrap());
            assert!(line.contains(mover) && line.contains(time), "{level}: {line}");
            assert!(line.ends_with("; 2 sections over 100 ticks"), "{line}");
        }
        let chunk = |tick| DissectionChunk { state_hash: None, tick: Tick(tick) };
        game.state = GameState::FinalMove { agreed_start_chunk: chunk(4), refuted_stop_chunk: chunk(5) };
        let line = summary(&game, Level::new(43).unwrap());
        assert!(line.ends_with("; the proof of tick 4 is the last move"), "{line}");
    }

    #[test]
    fn a_game_at_length_shows_every_claim() {
        let text = description(&game(), Level::new(43).unwrap(), IdFamily::Alpha);
        for line in [
            "Started at level: 41",
            "Last move at level: 41",
            "Dissection into 2 sections:",
            "  Tick: 100, State: none",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}: {text}");
        }
        assert_eq!(text.matches("7 blocks on the clock").count(), 2, "{text}");
    }

    #[test]
    fn moves_are_read_as_the_rpc_takes_them() {
        let text = r#"{"refutation_kind":"move","choice":"5","step":{"pvm_step":"0102"}}"#;
        assert!(matches!(
            refutation(text, IdFamily::Alpha).unwrap(),
            Refutation::Move { choice: Tick(5), .. }
        ));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("move.json");
        std::fs::write(&path, text).unwrap();
        assert!(refutation(&format!("file:{}", path.display()), IdFamily::Alpha).is_ok());
        for (text, expected) in [
            ("{", "the move is no JSON"),
            (r#"{"refutation_kind":"resign"}"#, "refutation_kind"),
            (r#"{"refutation_kind":"move","choice":"-1","step":[]}"#, "choice"),
            ("file:/nowhere/move.json", "cannot read /nowhere/move.json"),
        ] {
            let error = format!("{:#}", refutation(text, IdFamily::Alpha).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }
}
