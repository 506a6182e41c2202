//! Carries out the plan: looks at the layer-1, finds moves, injects.
//!
//! A task of its own with its own stream of heads. Evaluation, publishing and the main loop never hold it up: it reads
//! stored levels, moves are found on a thread of their own, and all it shares with the publisher is the
//! [`Turnstile`] of their key.

use super::asking::{answered, ask};
use super::plan::{Position, Sent, Step, View, plan, together};
use super::sightings::{Sightings, action_of};
use super::thinker::{Found, Question, ThinkError, Thinker, describe};
use super::turnstile::{Turnstile, Urgency};
use super::{gauges, strategy_of};
use crate::chain::Chain;
use crate::config::{Config, Purpose};
use crate::layer1::{Header, Heads, Injected, Injection, Layer1, Layer1Error};
use crate::machine::Machine;
use crate::status::{Action, GamesCell, StatusCell};
use soru_base::{Binary as _, BlockHash, Level, OperationHash, PublicKeyHash, Tick};
use soru_dispute::{DisputeError, Spec};
use soru_protocol::refutation::{Conflict, Game, Refutation, Stakers, Step as Answer};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

/// Bytes of the moves of one operation: what the layer-1 takes, less a signature and what surrounds each of them.
const BATCH: usize = 30_000;
/// Bytes around a move: source, fee, counter, limits, rollup, opponent.
const AROUND: usize = 120;
/// With so few blocks left a move does not wait for those of other games.
const ALONE: i64 = 2;

/// Plays the games of one staker.
pub struct Player<L, M> {
    layer1: Arc<L>,
    chain: Arc<Chain<M>>,
    status: StatusCell,
    turnstile: Turnstile,
    me: PublicKeyHash,
    own: BTreeSet<PublicKeyHash>,
    adversary: Option<Spec>,
    thinker: Thinker,
    sightings: Sightings,
    // All of this may be lost: it saves questions and repetitions.
    thinking: Option<Thinking>,
    found: BTreeMap<Position, Found>,
    // Turns that cannot be answered before more is evaluated, and what was evaluated when that was found out.
    unevaluated: BTreeMap<Position, (Level, Option<BlockHash>)>,
    // Turns in which the strategy plays nothing, and the head for which it said so.
    idle: BTreeMap<Position, BlockHash>,
    sent: BTreeSet<Sent>,
    refused: BTreeMap<Sent, Refusal>,
    // The head at which something was ready to be sent first.
    ready_since: Option<BlockHash>,
    said: BTreeSet<String>,
}

struct Thinking {
    step: Step,
    game: Game,
    head: Header,
    answer: oneshot::Receiver<Result<Found, ThinkError>>,
}

#[derive(Debug, Clone, Copy)]
struct Refusal {
    retry_at: u32,
    times: u32,
}

/// Something to inject, and what it is part of.
struct Ready {
    step: Step,
    injections: Vec<Injection>,
    what: String,
    action: Action,
}

impl<L: Layer1, M: Machine> Player<L, M> {
    /// The player of a node, if its mode plays.
    pub fn new(
        layer1: Arc<L>,
        chain: Arc<Chain<M>>,
        status: StatusCell,
        games: GamesCell,
        turnstile: Turnstile,
        config: &Config,
    ) -> Option<Self> {
        let me = config.staker().filter(|_| config.mode.injects(Purpose::Refute))?;
        let adversary = config.adversary.clone();
        let strategy = adversary.clone();
        let thinker = Thinker::new(chain.clone(), move || strategy_of(strategy.as_ref()));
        Some(Self {
            layer1,
            chain,
            status,
            turnstile,
            me,
            own: config.operators.keys(),
            adversary,
            thinker,
            sightings: Sightings::new(games, me),
            thinking: None,
            found: BTreeMap::new(),
            unevaluated: BTreeMap::new(),
            idle: BTreeMap::new(),
            sent: BTreeSet::new(),
            refused: BTreeMap::new(),
            ready_since: None,
            said: BTreeSet::new(),
        })
    }

    /// Plays for ever. `longest` is the longest time between two attempts to reach the layer-1.
    pub async fn run(mut self, longest: Duration) {
        let (send, heads) = watch::channel(None);
        let listening = listen(self.layer1.heads(), send, longest);
        tokio::select! {
            () = self.follow(heads, longest) => (),
            () = listening => (),
        }
    }

    async fn follow(&mut self, mut heads: watch::Receiver<Option<Header>>, longest: Duration) {
        let mut retry: Option<Instant> = None;
        let mut failures = 0;
        loop {
            let again = async {
                match retry {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let evaluated =
                more_is_evaluated(self.status.clone(), self.unevaluated.values().copied().collect());
            let thinks = self.thinking.is_some();
            tokio::select! {
                changed = heads.changed() => if changed.is_err() { return },
                () = self.answered(), if thinks => (),
                () = evaluated => (),
                () = again => (),
            }
            let Some(head) = *heads.borrow_and_update() else { continue };
            retry = match self.look(&head).await {
                Ok(()) => {
                    failures = 0;
                    None
                }
                Err(error) => {
                    let wait = crate::driver::backoff(failures, longest);
                    failures = failures.saturating_add(1);
                    self.say(&format!("games wait for the layer-1: {error}"));
                    Some(Instant::now() + wait)
                }
            };
        }
    }

    /// Waits for the move that is looked for, if there is one.
    pub async fn answered(&mut self) {
        let Some(thinking) = &mut self.thinking else { return };
        let answer = (&mut thinking.answer).await;
        let Some(thinking) = self.thinking.take() else { return };
        let answer = answer.unwrap_or_else(|_| Err(ThinkError::Failed("it ended".to_owned())));
        self.learn(thinking, answer);
    }

    /// Whether a move is looked for.
    pub fn is_thinking(&self) -> bool {
        self.thinking.is_some()
    }

    fn learn(&mut self, thinking: Thinking, answer: Result<Found, ThinkError>) {
        let Thinking { step, game, head, .. } = thinking;
        let (opponent, sent) = (step.opponent(), step.sent());
        let Some(position) = sent.position else { return };
        match answer {
            Ok(found) => {
                gauges::thought(found.took);
                self.sightings.thought(opponent, found.took);
                if found.moves.is_empty() {
                    debug!("game with {opponent}: no move at level {}", head.level);
                    self.idle.insert(position, head.hash);
                } else {
                    let (what, took) = (describe(&found.moves, &game), found.took.as_secs_f64());
                    debug!("game with {opponent}: {what}, found in {took:.3} s");
                    self.found.insert(position, found);
                }
            }
            Err(error) => {
                if let Some(level) = error.waits_for() {
                    info!("game with {opponent}: waiting for level {level} to be evaluated");
                    let evaluated = self.status.get().evaluated.map(|(hash, _)| hash);
                    self.unevaluated.insert(position, (level, evaluated));
                } else {
                    let blocks = step.blocks_left().unwrap_or_default();
                    match &error {
                        ThinkError::Dispute(
                            DisputeError::NothingWrong { .. } | DisputeError::Contradiction { .. },
                        ) => {
                            error!("game with {opponent}: {error} ({blocks} blocks left)");
                        }
                        _ => warn!("game with {opponent}: no move found, {blocks} blocks left: {error}"),
                    }
                    self.refuse(&step, head.level);
                }
                self.sightings.waits(opponent, head.level, error.to_string());
            }
        }
    }

    /// Does what there is to do for a head; returns without waiting for moves that are being looked for.
    pub async fn look(&mut self, head: &Header) -> Result<(), Layer1Error> {
        // First what is on its way, then the head: an operation that left the mempool in between is in a block after
        // `head`, and then the head has changed and this is not the time to act.
        let busy = self.layer1.busy(self.me, head).await?;
        let rollup = self.chain.rollup();
        let mut unknown = Vec::new();
        let seen = ask(self.layer1.as_ref(), (rollup, self.me), head, |what| unknown.push(what)).await?;
        unknown.iter().for_each(|what| self.say(what));
        let Some(mut seen) = seen else { return Ok(()) };
        if self.layer1.head().await?.hash != head.hash {
            return Ok(());
        }
        if !busy {
            self.sent.clear();
        }
        self.sightings.note(self.layer1.as_ref(), head, &seen.games, &seen.conflicts).await;
        seen.conflicts = self.honest(seen.conflicts);
        let crowded = seen.crowded(self.layer1.as_ref(), rollup, head).await?;
        let games = &seen.games;
        let view = View {
            head: head.level,
            me: self.me,
            own: &self.own,
            games,
            conflicts: &seen.conflicts,
            stakers: seen.stakers.as_ref(),
            parallel: seen.parallel,
            crowded: &crowded,
        };
        let steps = plan(&view, &self.sent);
        self.forget(games, &steps);
        let now = head.level.get();
        let due: Vec<Step> = steps
            .into_iter()
            .filter(|s| self.refused.get(&s.sent()).is_none_or(|r| r.retry_at <= now))
            .collect();
        if self.thinking.is_none() {
            self.think(head, games, &due).await?;
        }
        self.send(head, games, &due).await
    }

    /// Conflicts about commitments that this node computed. Others could only be lost.
    fn honest(&mut self, conflicts: Vec<Conflict>) -> Vec<Conflict> {
        let (ours, others): (Vec<_>, Vec<_>) = conflicts
            .into_iter()
            .partition(|c| matches!(self.chain.store().commitment(&c.our_commitment.hash()), Ok(Some(_))));
        for conflict in others {
            let (hash, level) = (conflict.our_commitment.hash(), conflict.our_commitment.inbox_level);
            if !matches!(self.chain.store().hash_at(level), Ok(Some(_))) {
                debug!("a conflict with {} waits for level {level} to be evaluated", conflict.other);
                continue;
            }
            self.say(&format!(
                "{} stakes on {} of level {level}, which this node did not compute: no game with {} is opened for it",
                self.me,
                hash.in_family(self.chain.ids()),
                conflict.other
            ));
        }
        ours
    }

    fn forget(&mut self, games: &[Game], steps: &[Step]) {
        let positions: BTreeSet<Position> = games.iter().map(Position::of).collect();
        let planned: BTreeSet<Sent> = steps.iter().map(Step::sent).collect();
        self.found.retain(|position, _| positions.contains(position));
        self.unevaluated.retain(|position, _| positions.contains(position));
        self.idle.retain(|position, _| positions.contains(position));
        self.refused.retain(|sent, _| planned.contains(sent));
    }

    /// Begins to look for the most urgent move that is not known yet.
    async fn think(&mut self, head: &Header, games: &[Game], due: &[Step]) -> Result<(), Layer1Error> {
        let evaluated = self.status.get().evaluated.map(|(hash, _)| hash);
        for step in due {
            let Step::Answer { position, .. } = step else { continue };
            let waits = self.unevaluated.get(position).is_some_and(|(_, at)| *at == evaluated);
            let idle = self.idle.get(position) == Some(&head.hash);
            if waits || idle || self.found.contains_key(position) {
                continue;
            }
            let Some(game) = games.iter().find(|game| Position::of(game) == *position) else { continue };
            self.unevaluated.remove(position);
            let last = match answered(self.layer1.ancestor(head, game.inbox_level).await)? {
                Ok(last) => last.hash,
                // The layer-1 no longer knows so old a block: that must not hold up the other games.
                Err(error) => match self.chain.store().hash_at(game.inbox_level) {
                    Ok(Some(hash)) => hash,
                    _ => {
                        self.say(&format!("game with {}: {error}", step.opponent()));
                        self.refuse(step, head.level);
                        continue;
                    }
                },
            };
            let question = Question { game: game.clone(), me: self.me, level: head.level.next(), last };
            let answer = self.thinker.ask(question);
            self.thinking = Some(Thinking { step: *step, game: game.clone(), head: *head, answer });
            return Ok(());
        }
        Ok(())
    }

    /// Sends what is ready, as much of one kind in one operation as fits.
    async fn send(&mut self, head: &Header, games: &[Game], due: &[Step]) -> Result<(), Layer1Error> {
        let ready = self.ready(games, due, head.level);
        let left = due.len() - ready.len();
        let Some(first) = ready.first() else {
            self.ready_since = None;
            self.turnstile.nothing_to_play(self.me);
            return Ok(());
        };
        // The moves of one head go together, unless one takes so long that the others would miss the next block.
        let hurry = first.step.blocks_left().is_some_and(|blocks| blocks <= ALONE);
        let since = *self.ready_since.get_or_insert(head.hash);
        if self.thinking.is_some() && since == head.hash && !hurry {
            return Ok(());
        }
        let urgency = Urgency::of(first.step.blocks_left());
        let Some(pass) = self.turnstile.play(self.me, head.level, urgency).await else { return Ok(()) };
        if self.layer1.busy(self.me, head).await? {
            return Ok(());
        }
        let batch = ready.iter().flat_map(|ready| ready.injections.iter().cloned()).collect();
        let mut results = self.layer1.inject(self.chain.rollup(), self.me, batch).await?.into_iter();
        drop(pass);
        let mut all = left == 0;
        for ready in ready {
            let results: Vec<Injected> = results.by_ref().take(ready.injections.len()).collect();
            all &= self.settle(ready, results, head);
        }
        if all {
            self.ready_since = None;
            self.turnstile.nothing_to_play(self.me);
        }
        Ok(())
    }

    /// What can be sent now, as much as fits into an operation.
    fn ready(&self, games: &[Game], due: &[Step], head: Level) -> Vec<Ready> {
        let known = due.iter().filter_map(|step| {
            let (injections, what, action) = self.injections_of(step, games)?;
            Some(Ready { step: *step, injections, what, action })
        });
        let mut known: Vec<Ready> = known.collect();
        let steps: Vec<Step> = known.iter().map(|ready| ready.step).collect();
        let chosen = together(&steps, head);
        known.retain(|ready| chosen.contains(&ready.step));
        let mut size = 0;
        let fitting = known.iter().take_while(|ready| {
            let before = size;
            size += ready.injections.iter().map(size_of).sum::<usize>();
            before == 0 || size <= BATCH
        });
        let fitting = fitting.count();
        known.truncate(fitting);
        known
    }

    fn injections_of(&self, step: &Step, games: &[Game]) -> Option<(Vec<Injection>, String, Action)> {
        let refute = |opponent: &PublicKeyHash, refutation: &Refutation| Injection::Refute {
            opponent: *opponent,
            refutation: refutation.clone(),
        };
        Some(match step {
            Step::Answer { opponent, position, .. } => {
                let moves = &self.found.get(position)?.moves;
                let game = games.iter().find(|game| Position::of(game) == *position)?;
                let injections = moves.iter().map(|m| refute(opponent, m)).collect();
                (injections, describe(moves, game), action_of(moves))
            }
            Step::Claim { opponent, .. } => {
                let any = Refutation::Move { choice: Tick::ZERO, step: Answer::Dissection(Vec::new()) };
                let action = Action::Waits { reason: "the opponent's stake is gone".to_owned() };
                (vec![refute(opponent, &any)], "end of a game without a stake".to_owned(), action)
            }
            Step::Timeout { opponent, .. } => {
                let stakers = Stakers::new(self.me, *opponent)?;
                (vec![Injection::Timeout(stakers)], "timeout of the opponent".to_owned(), Action::TimedOut)
            }
            Step::Clear { stakers, .. } => {
                let what = "timeout of a game that stands in our way".to_owned();
                (vec![Injection::Timeout(*stakers)], what, Action::TimedOut)
            }
            Step::Open { opponent, ours, theirs } => {
                let start =
                    Refutation::Start { player_commitment_hash: *ours, opponent_commitment_hash: *theirs };
                (vec![refute(opponent, &start)], "opening".to_owned(), Action::Opened)
            }
        })
    }

    /// Notes what became of a step; true if nothing of it is left to do.
    fn settle(&mut self, ready: Ready, results: Vec<Injected>, head: &Header) -> bool {
        let (opponent, step) = (ready.step.opponent(), ready.step);
        let mut operation: Option<OperationHash> = None;
        let mut refused = None;
        let sent = results.iter().filter(|r| matches!(r, Injected::Sent(_))).count();
        for result in results {
            match result {
                Injected::Sent(hash) => operation = Some(hash),
                Injected::Refused(reason) => refused = Some(reason),
                Injected::NotTried => (),
            }
        }
        if let Some(reason) = &refused {
            crate::meter::refused();
            self.refuse(&step, head.level);
            self.say(&format!("game with {opponent}: the layer-1 refuses the {}: {reason}", ready.what));
        }
        let Some(operation) = operation else {
            if let Some(reason) = refused {
                self.sightings.waits(opponent, head.level, format!("the layer-1 refuses: {reason}"));
            }
            return false;
        };
        let moves = u32::try_from(sent).unwrap_or(u32::MAX);
        gauges::sent(&ready.action, moves);
        match &self.adversary {
            Some(spec) => {
                warn!(%operation, "ADVERSARY {spec}: game with {opponent}: {} sent", ready.what);
            }
            None => {
                let took = step.sent().position.and_then(|p| self.found.get(&p)).map(|found| found.took);
                let took = took.map_or_else(String::new, |t| format!(", found in {:.3} s", t.as_secs_f64()));
                info!(%operation, "game with {opponent}: {} sent{took}", ready.what);
            }
        }
        self.sent.insert(step.sent());
        self.sightings.sent(opponent, head.level, ready.action, moves);
        refused.is_none()
    }

    /// A step that was refused, or for which no move was found, is thought of anew, but less and less often.
    fn refuse(&mut self, step: &Step, head: Level) {
        const LONGEST: u32 = 16;
        let sent = step.sent();
        if let Some(position) = sent.position {
            self.found.remove(&position);
        }
        let times = self.refused.get(&sent).map_or(0, |r| r.times).saturating_add(1);
        let patient = step.blocks_left().map_or(LONGEST, |left| u32::try_from(left / 4).unwrap_or(0));
        let wait = (1 << (times - 1).min(4)).min(patient.clamp(1, LONGEST));
        self.refused.insert(sent, Refusal { retry_at: head.get().saturating_add(wait), times });
    }

    /// Logs a warning, unless it was logged before.
    fn say(&mut self, warning: &str) {
        const REMEMBERED: usize = 100;
        if self.said.len() > REMEMBERED {
            self.said.clear();
        }
        if self.said.insert(warning.to_owned()) {
            warn!("{warning}");
        }
    }
}

/// Bytes that an injection takes in an operation, about.
fn size_of(injection: &Injection) -> usize {
    AROUND
        + match injection {
            Injection::Refute { refutation, .. } => refutation.to_bytes().len(),
            _ => 0,
        }
}

/// Ends when something has been evaluated that a turn waits for; never, if none does.
async fn more_is_evaluated(status: StatusCell, waiting: Vec<(Level, Option<BlockHash>)>) {
    if waiting.is_empty() {
        return std::future::pending().await;
    }
    let enough = |(hash, level): (BlockHash, Level)| {
        waiting.iter().any(|(needed, before)| level >= *needed && *before != Some(hash))
    };
    // An error means that the node is gone.
    drop(status.watch().wait_for(|status| status.evaluated.is_some_and(enough)).await);
}

/// Hands on the heads of the layer-1. What is wrong with it is said elsewhere.
/// Hands on the heads, and says nothing: the loop of the node does.
pub(crate) async fn listen<H: Heads>(mut heads: H, send: watch::Sender<Option<Header>>, longest: Duration) {
    let mut attempts = 0;
    loop {
        match heads.next().await {
            Ok(head) => {
                attempts = 0;
                if send.send(Some(head)).is_err() {
                    return;
                }
            }
            Err(error) => {
                debug!("waiting for heads: {error}");
                tokio::time::sleep(crate::driver::backoff(attempts, longest)).await;
                attempts = attempts.saturating_add(1);
            }
        }
    }
}
