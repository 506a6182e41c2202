//! The thread on which moves are found: as long as it takes, and nothing else of the node waits for it.

use super::period::{PeriodError, StoredInbox, period_of};
use crate::chain::Chain;
use crate::machine::Machine;
use crate::store::StoreError;
use soru_base::{BlockHash, Level, PublicKeyHash, TickSpan};
use soru_dispute::{DisputeError, Strategy, Timeline, Turn};
use soru_protocol::refutation::{DissectionRules, Game, GameState, Player, Refutation, Step};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::sync::oneshot;

/// Room for the depth that the network allows.
const STACK: usize = 64 << 20;
/// Periods whose states are kept in memory at once.
const TIMELINES: usize = 4;

/// A turn of ours.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// The game.
    pub game: Game,
    /// Who plays.
    pub me: PublicKeyHash,
    /// Level of the block that the move will be in, at the earliest.
    pub level: Level,
    /// The block of the game's inbox level, on the layer-1's chain.
    pub last: BlockHash,
}

/// What to play.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// All in one operation; nothing if the player waits.
    pub moves: Vec<Refutation>,
    /// Time it took.
    pub took: Duration,
}

/// Why no move was found.
#[derive(Debug, Error)]
pub(super) enum ThinkError {
    /// The period cannot be read.
    #[error(transparent)]
    Period(#[from] PeriodError),
    /// The truth is not known, or does not help.
    #[error(transparent)]
    Dispute(#[from] DisputeError),
    /// The layer-1 was reorganised while the move was looked for, or the game is on a branch that is not evaluated.
    #[error("the inbox of the game is not that of the node's chain at level {0}")]
    OtherBranch(Level),
    /// The machine cannot prove its ticks.
    #[error("this machine cannot prove its ticks")]
    NoReferee,
    /// The thread panicked or could not be started.
    #[error("looking for the move failed: {0}")]
    Failed(String),
}

impl From<StoreError> for ThinkError {
    fn from(error: StoreError) -> Self {
        Self::Period(error.into())
    }
}

impl ThinkError {
    /// The level that has to be evaluated first, if that is all.
    pub(super) fn waits_for(&self) -> Option<Level> {
        match self {
            Self::Period(PeriodError::NotYet(level)) | Self::OtherBranch(level) => Some(*level),
            _ => None,
        }
    }
}

type Answer = Result<Found, ThinkError>;
type Job = Box<(Question, oneshot::Sender<Answer>)>;

/// A handle of the thread, which ends when the handle is dropped.
pub(super) struct Thinker {
    thread: Option<Thread>,
    start: Box<dyn Fn() -> std::io::Result<Thread> + Send + Sync>,
}

struct Thread {
    jobs: Option<mpsc::Sender<Job>>,
    // Questions that were not answered yet.
    open: Arc<AtomicUsize>,
    handle: Option<JoinHandle<()>>,
}

impl Drop for Thread {
    /// A thread that has nothing to do is waited for: it uses the store. One that thinks is left to the end of the process.
    fn drop(&mut self) {
        self.jobs = None;
        if self.open.load(Ordering::Acquire) == 0
            && let Some(handle) = self.handle.take()
        {
            // A panic was reported as an answer.
            drop(handle.join());
        }
    }
}

impl Thinker {
    /// A thread that plays by what `strategy` makes; it starts with the first question.
    pub(super) fn new<M: Machine>(
        chain: Arc<Chain<M>>,
        strategy: impl Fn() -> Box<dyn Strategy> + Send + Sync + 'static,
    ) -> Self {
        let start = move || {
            let (send, jobs) = mpsc::channel::<Job>();
            let open = Arc::new(AtomicUsize::new(0));
            let (chain, strategy, left) = (chain.clone(), strategy(), open.clone());
            let reader = chain.reader();
            let work = move || {
                let mut mind = Mind { chain, strategy, timelines: Vec::new() };
                for job in jobs {
                    let (question, reply) = *job;
                    let answer = mind.think(&question);
                    left.fetch_sub(1, Ordering::Release);
                    // Nobody listens any more when the node was stopped.
                    drop(reply.send(answer));
                }
                drop(mind);
                drop(reader);
            };
            let thread = std::thread::Builder::new().name("games".to_owned()).stack_size(STACK);
            let handle = Some(thread.spawn(work)?);
            Ok(Thread { jobs: Some(send), open, handle })
        };
        Self { thread: None, start: Box::new(start) }
    }

    /// Asks for a move. Questions are answered one after another.
    pub(super) fn ask(&mut self, question: Question) -> oneshot::Receiver<Answer> {
        let (reply, answer) = oneshot::channel();
        let mut job: Option<Job> = Some(Box::new((question, reply)));
        // The second attempt is for a thread that is gone.
        for _ in 0..2 {
            let thread = match self.thread.take().map_or_else(|| (self.start)(), Ok) {
                Ok(thread) => thread,
                Err(error) => {
                    if let Some(job) = job.take() {
                        drop(job.1.send(Err(ThinkError::Failed(format!("no thread: {error}")))));
                    }
                    break;
                }
            };
            let Some(unsent) = job.take() else { break };
            thread.open.fetch_add(1, Ordering::Release);
            match thread.jobs.as_ref().map(|jobs| jobs.send(unsent)) {
                Some(Err(mpsc::SendError(unsent))) => job = Some(unsent),
                _ => {
                    self.thread = Some(thread);
                    break;
                }
            }
        }
        answer
    }
}

/// What is on the thread: nothing that would be missed if it were lost.
struct Mind<M> {
    chain: Arc<Chain<M>>,
    strategy: Box<dyn Strategy>,
    // By the last block of the period: it names all blocks before it, so no branch is taken for another. The one used
    // last is the last.
    timelines: Vec<(BlockHash, Timeline)>,
}

impl<M: Machine> Mind<M> {
    fn think(&mut self, question: &Question) -> Answer {
        let start = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| self.find(question)));
        let moves = result.unwrap_or_else(|_| {
            // What it worked on may be half done.
            self.timelines.clear();
            Err(ThinkError::Failed("it panicked".to_owned()))
        })?;
        Ok(Found { moves, took: start.elapsed() })
    }

    fn find(&mut self, question: &Question) -> Result<Vec<Refutation>, ThinkError> {
        let chain = self.chain.clone();
        let store = chain.store();
        let level = question.game.inbox_level;
        let mut game = question.game.clone();
        let Some(me) = game.stakers.player(&question.me) else { return Ok(Vec::new()) };
        let mut timeline = match self.timelines.iter().position(|(last, _)| *last == question.last) {
            Some(at) => self.timelines.remove(at).1,
            None => {
                let last = store.block(&question.last)?.ok_or(PeriodError::NotYet(level))?;
                let period = period_of(store, chain.rollup(), &last)?;
                let referee = chain.machine().referee().ok_or(ThinkError::NoReferee)?;
                Timeline::new(period, referee.runner, referee.preimages)
            }
        };
        let moves = self.play(question, me, &mut game, &mut timeline);
        if self.timelines.len() == TIMELINES {
            self.timelines.remove(0);
        }
        self.timelines.push((question.last, timeline));
        moves
    }

    fn play(
        &mut self,
        question: &Question,
        me: Player,
        game: &mut Game,
        truth: &mut Timeline,
    ) -> Result<Vec<Refutation>, ThinkError> {
        let store = self.chain.store();
        let period = truth.period();
        let state = period.levels.last().and_then(|l| l.after.as_ref()).unwrap_or(&period.begin);
        game.rules = rules(game, ticks_per_snapshot(&state.state)?)?;
        let inbox = StoredInbox::new(store);
        let snapshot = &game.inbox_snapshot;
        let elsewhere = || ThinkError::OtherBranch(snapshot.content.level);
        let before = inbox.has(snapshot)?;
        let turn = Turn { game, me, level: question.level, truth, inbox: &inbox };
        let moves = match self.strategy.moves(turn) {
            // The inbox is not there yet: the game is younger than what is evaluated.
            Err(DisputeError::Unprovable(_)) if !before => return Err(elsewhere()),
            moves => moves?,
        };
        if inbox.was_used() && !(before && inbox.has(snapshot)?) {
            return Err(elsewhere());
        }
        Ok(moves)
    }
}

/// Ticks between two calls of `kernel_run` in that machine.
fn ticks_per_snapshot(state: &soru_merkle::Tree) -> Result<TickSpan, DisputeError> {
    Ok(soru_pvm::Machine::from_tree(state)?.limits.ticks_per_snapshot)
}

/// The rules of the game, as the machine has them.
fn rules(game: &Game, ticks: TickSpan) -> Result<DissectionRules, DisputeError> {
    DissectionRules::new(game.rules.sections(), ticks)
        .ok_or_else(|| DisputeError::Missing("the length of a kernel_run".to_owned()))
}

/// In words, what moves do.
pub(super) fn describe(moves: &[Refutation], game: &Game) -> String {
    let each = moves.iter().map(|refutation| match refutation {
        Refutation::Start { .. } => "opening".to_owned(),
        Refutation::Move { choice, step: Step::Dissection(chunks) } => match chunks.last() {
            Some(last) => format!("dissection of ticks {choice}–{} into {}", last.tick, chunks.len() - 1),
            None => "empty dissection".to_owned(),
        },
        Refutation::Move { choice, step: Step::Proof(proof) } => {
            let tick = match &game.state {
                GameState::Dissecting { .. } => *choice,
                GameState::FinalMove { agreed_start_chunk, .. } => agreed_start_chunk.tick,
            };
            format!("proof of tick {tick} ({} bytes)", proof_size(proof))
        }
    });
    each.collect::<Vec<_>>().join(", ")
}

/// Bytes of a proof.
pub(super) fn proof_size(proof: &soru_protocol::refutation::RefutationProof) -> usize {
    use soru_base::Binary as _;
    proof.to_bytes().len()
}
