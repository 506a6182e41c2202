//! A refutation game about a run that takes nearly all the ticks there are.

use crate::engine::Engine;
use crate::kernels::{Bench, METADATA};
use crate::progress;
use anyhow::{Context, Result, bail, ensure};
use indicatif::ProgressBar;
use soru_base::{
    BOOTSTRAP_ACCOUNTS, Binary, CommitmentHash, Level, LevelSpan, PublicKeyHash, StateHash, Tick, TickSpan,
    blake2b,
};
use soru_dispute::{Checkpoint, Honest, Period, PeriodLevel, Strategy, Timeline, Turn};
use soru_engine::Options;
use soru_merkle::Tree;
use soru_protocol::Commitment;
use soru_protocol::inbox::{
    HistoryCell, InboxSource, LevelInbox, NotKeptError, ProtocolMessages, SerializedMessage,
};
use soru_protocol::refutation::{
    ConflictPoint, DissectionChunk, DissectionRules, Game, GameResult, GameState, LossReason, Player,
    Progress, Refutation, Step, examine,
};
use soru_pvm::reveal::{PreimageHash, PreimageSource, RevealError};
use soru_pvm::run::Runner;
use soru_pvm::{Limits, Machine};
use std::sync::Arc;
use std::time::Instant;

/// Sections of a dissection on the network.
const SECTIONS: u8 = 32;

/// A game, as the honest player saw it.
#[derive(Debug, Clone)]
pub(crate) struct DisputeCost {
    /// The kernel.
    pub(crate) bench: Bench,
    /// Ticks that its run takes, of those that it may take.
    pub(crate) ticks: u64,
    /// Seconds that the honest player needed to know the states of the period without looking into it, as a node does.
    pub(crate) evaluation: f64,
    /// Its moves.
    pub(crate) moves: Vec<MoveCost>,
}

/// A move of the honest player.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MoveCost {
    /// Ticks of the section that was dissected; of a proof, one.
    pub(crate) section: u64,
    /// Seconds from the opponent's move to the answer.
    pub(crate) seconds: f64,
    /// Bytes of the proof, if it was one.
    pub(crate) proof: Option<usize>,
}

impl DisputeCost {
    /// The seconds of the first dissection: of the whole run.
    pub(crate) fn first_dissection(&self) -> f64 {
        self.dissections().next().unwrap_or_default()
    }

    /// The seconds of the slowest dissection behind the first one.
    pub(crate) fn next_dissection(&self) -> f64 {
        self.dissections().skip(1).fold(0.0, f64::max)
    }

    /// The seconds of the proof.
    pub(crate) fn proof(&self) -> f64 {
        self.moves.iter().find(|found| found.proof.is_some()).map_or(0.0, |found| found.seconds)
    }

    fn dissections(&self) -> impl Iterator<Item = f64> {
        self.moves.iter().filter(|found| found.proof.is_none()).map(|found| found.seconds)
    }
}

/// Plays about a run of as many ticks as it may take, or `most`.
pub(crate) fn measure(bench: Bench, most: u64) -> Result<DisputeCost> {
    let bar = progress::bar(format!("a dispute about {}: {}", bench.name(), bench.about()), 12);
    bar.set_message("as much work as a run can do");
    let (rounds, ticks) = rounds_for(bench, most)?;
    let mut court = Court::new(bench, rounds)?;
    let evaluation = court.evaluate()?;
    bar.inc(1);
    // Near the end of the run: ticks before it have to be made, whoever looks.
    let lie = Tick(Limits::FIRST.ticks_per_snapshot.0 + ticks / 10 * 9);
    let moves = court.play(lie, &bar)?;
    bar.finish_and_clear();
    Ok(DisputeCost { bench, ticks, evaluation, moves })
}

/// How much work makes a run of nearly so many ticks, and how many they are.
fn rounds_for(bench: Bench, most: u64) -> Result<(u32, u64)> {
    let ticks = |rounds: u32| -> Result<u64> {
        let start = bench.start(rounds)?;
        Ok(Engine::TickExact.prepare(&start)?.run(&start)?.ticks.context("tick-exact counts no ticks")?.0)
    };
    const TRIES: u32 = 16;
    // A round of one kernel is some dozens of ticks, of another some millions.
    let (mut probe, mut one) = (1, ticks(1)?);
    let mut two = ticks(2)?;
    while two < most / 200 {
        probe *= 8;
        (one, two) = (ticks(probe)?, ticks(2 * probe)?);
    }
    let each = (two - one) as f64 / f64::from(probe);
    let mut rounds = probe + (most.saturating_sub(one) as f64 / each * 0.999) as u32;
    // Rounds are not quite alike: a run that takes too much does not return.
    for _ in 0..TRIES {
        match ticks(rounds) {
            Ok(ticks) => return Ok((rounds, ticks)),
            Err(_) => rounds -= rounds / 50,
        }
    }
    bail!("{} does not return within {most} ticks, even with {rounds} rounds", bench.name())
}

/// Both players and what is true.
struct Court {
    truth: Timeline,
    liars_truth: Timeline,
    begin: StateHash,
    inbox: HistoryCell,
}

impl Court {
    fn new(bench: Bench, rounds: u32) -> Result<Self> {
        let state = bench.state()?;
        let begin = state.hash()?.into();
        let messages = bench.messages(rounds)?.into_iter().map(SerializedMessage).collect::<Vec<_>>();
        let runner: Arc<dyn Runner + Send + Sync> = Arc::new(soru_engine::Engine::new(Options::default())?);
        let timeline = |state: &Tree| -> Result<Timeline> {
            let tick = Machine::from_tree(state)?.current_tick;
            let level = PeriodLevel { level: Level::GENESIS.next(), messages: messages.clone(), after: None };
            let begin = Checkpoint { state: state.clone(), tick };
            let period = Period { metadata: METADATA, begin, levels: vec![level] };
            Ok(Timeline::new(period, runner.clone(), Box::new(NoPages)))
        };
        let (truth, liars_truth) = (timeline(&state)?, timeline(&state)?);
        let inbox =
            LevelInbox::genesis(Level::GENESIS, &ProtocolMessages::default()).inbox.old_levels_messages;
        Ok(Self { truth, liars_truth, begin, inbox })
    }

    /// Seconds to the end of the period.
    fn evaluate(&mut self) -> Result<f64> {
        let at = Instant::now();
        self.truth.length()?;
        let seconds = at.elapsed().as_secs_f64();
        self.liars_truth.length()?;
        Ok(seconds)
    }

    /// A game against somebody who tells the truth up to a tick, and moves first.
    fn play(&mut self, lie: Tick, bar: &ProgressBar) -> Result<Vec<MoveCost>> {
        let (mut game, honest) = self.opened(lie)?;
        let level = Level::GENESIS.next();
        let judge = |game: &Game, proof: &_| examine(game, proof, METADATA);
        let mut moves = Vec::new();
        loop {
            let staker = game.stakers.staker(game.turn);
            let (choice, step) = if game.turn == honest {
                bar.set_message("the honest player");
                let at = Instant::now();
                let turn = Turn { game: &game, me: honest, level, truth: &mut self.truth, inbox: &NoInbox };
                let played = Honest.moves(turn)?;
                let seconds = at.elapsed().as_secs_f64();
                let Some(Refutation::Move { choice, step }) = played.into_iter().next() else {
                    bail!("the honest player does not move")
                };
                moves.push(MoveCost::of(choice, &step, seconds));
                bar.inc(1);
                (choice, step)
            } else {
                bar.set_message("the liar");
                self.lie(&game, lie)?
            };
            match game.play(&staker, level, choice, &step, judge)? {
                Progress::Ongoing(next) => game = *next,
                Progress::Ended(GameResult::Loser { reason: LossReason::ConflictResolved, loser })
                    if loser == game.stakers.staker(honest.opponent()) =>
                {
                    return Ok(moves);
                }
                Progress::Ended(other) => bail!("the honest player does not win: {other:?}"),
            }
            ensure!(moves.len() < 40, "the game does not end");
        }
    }

    fn opened(&mut self, lie: Tick) -> Result<(Game, Player)> {
        let length = self.truth.length()?;
        let end = Tick(length.0);
        let commitment = |state, ticks, predecessor| Commitment {
            compressed_state: state,
            inbox_level: Level::GENESIS.next(),
            predecessor,
            number_of_ticks: ticks,
        };
        let parent = commitment(self.begin, TickSpan(0), CommitmentHash([0; 32]));
        let state = self.truth.hash_at(end)?.context("a period with an end")?;
        let [ours, theirs] =
            [state, self.claim(lie, end)?].map(|state| commitment(state, length, parent.hash()));
        let [honest, liar]: [PublicKeyHash; 2] = [1, 2].map(|number| BOOTSTRAP_ACCOUNTS[number].pkh());
        let point = ConflictPoint {
            refuter: liar,
            refuter_commitment: &theirs,
            defender: honest,
            defender_commitment: &ours,
            parent_commitment: &parent,
        };
        let rules = DissectionRules::new(SECTIONS, Limits::FIRST.ticks_per_snapshot).context("no rules")?;
        let game = Game::start(&point, self.inbox.clone(), Level::GENESIS.next(), rules, LevelSpan(1_000))?;
        let side = game.stakers.player(&honest).context("a player that does not play")?;
        Ok((game, side))
    }

    /// What the liar says of a tick within the period.
    fn claim(&mut self, lie: Tick, tick: Tick) -> Result<StateHash> {
        if tick > lie {
            return Ok(StateHash(blake2b::hash32(&tick.0.to_be_bytes())));
        }
        self.liars_truth.hash_at(tick)?.context("a tick within the period")
    }

    fn lie(&mut self, game: &Game, lie: Tick) -> Result<(Tick, Step)> {
        let GameState::Dissecting { dissection } = &game.state else {
            bail!("the liar has nothing to prove")
        };
        for pair in dissection.windows(2) {
            let [start, stop] = pair else { continue };
            let claim = match stop.state_hash {
                Some(_) => Some(self.claim(lie, stop.tick)?),
                None => None,
            };
            if claim == stop.state_hash {
                continue;
            }
            if stop.tick.since(start.tick) == TickSpan(1) {
                let proof = self.liars_truth.proof_at(start.tick, game, &NoInbox)?;
                return Ok((start.tick, Step::Proof(proof)));
            }
            let stop = DissectionChunk { state_hash: claim, tick: stop.tick };
            // All that it tells truly, in one pass.
            let mut ticks = game.rules.default_ticks(start.tick, stop.tick);
            ticks.retain(|tick| *tick <= lie);
            self.liars_truth.hashes_at(&ticks)?;
            let answer =
                game.rules.default_dissection(*start, stop, |tick| self.claim(lie, tick).map(Some))?;
            return Ok((start.tick, Step::Dissection(answer)));
        }
        bail!("the liar agrees")
    }
}

impl MoveCost {
    fn of(choice: Tick, step: &Step, seconds: f64) -> Self {
        let section = match step {
            Step::Dissection(chunks) => chunks.last().map_or(0, |last| last.tick.since(choice).0),
            Step::Proof(_) => 1,
        };
        let proof = match step {
            Step::Proof(proof) => Some(proof.to_bytes().len()),
            Step::Dissection(_) => None,
        };
        Self { section, seconds, proof }
    }
}

/// The lie is inside of a run: nobody asks for messages.
struct NoInbox;

impl NoInbox {
    fn error(what: &'static str, level: Level) -> NotKeptError {
        NotKeptError { what, level, reason: "a benchmark has no chain".to_owned() }
    }
}

impl InboxSource for NoInbox {
    fn cell(&self, level: Level) -> Result<HistoryCell, NotKeptError> {
        Err(Self::error("cell", level))
    }

    fn messages(&self, level: Level) -> Result<Vec<SerializedMessage>, NotKeptError> {
        Err(Self::error("messages", level))
    }
}

struct NoPages;

impl PreimageSource for NoPages {
    fn preimage(&mut self, hash: PreimageHash) -> Result<Vec<u8>, RevealError> {
        Err(RevealError::new(format!("no page {hash}")))
    }
}
