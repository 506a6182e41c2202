//! A session: a machine, the inboxes that are still to come, and how both got here.

use crate::command::{self, Command, CommandError};
use crate::console::Console;
use crate::render;
use crate::runs::Runs;
use crate::show;
use crate::step::{Halt, Step};
use crate::travel::Past;
use soru_base::{IdFamily, Level};
use soru_exact::TickExact;
use soru_merkle::Tree;
use soru_pvm::Machine;
use soru_pvm::durable::{DurableError, Key};
use soru_pvm::replay::{ReplayLevel, Setup, Way};
use soru_pvm::reveal::{PreimageHash, RevealRequest, RevealSource};
use soru_pvm::run::Runner;
use soru_pvm::state::{InputPlace, StateError, Status};
use thiserror::Error;

/// What a session begins with.
pub struct Settings<'a> {
    /// The kernel.
    pub kernel: &'a [u8],
    /// Version of the machine and constants of the protocol.
    pub setup: Setup,
    /// The inboxes, each with all its messages, as the machine takes them.
    pub inboxes: Vec<ReplayLevel>,
    /// Level of the first inbox, for a session that has none.
    pub first_level: Level,
    /// How identifiers are written.
    pub ids: IdFamily,
    /// Where reveals are answered.
    pub reveals: Box<dyn RevealSource>,
    /// An engine for runs, and for ways through them. Without one, and where it has no answer, every tick is made.
    pub runner: Option<Box<dyn Runner>>,
}

/// Where the next message is in the inboxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Feed {
    pub(crate) inbox: usize,
    pub(crate) message: usize,
}

/// A session with a machine.
pub struct Session {
    pub(crate) machine: Machine,
    /// A state of the machine, into which later ones are written.
    tree: Tree,
    inboxes: Vec<ReplayLevel>,
    pub(crate) feed: Feed,
    /// Level after the last inbox.
    end: Level,
    pub(crate) ids: IdFamily,
    pub(crate) reveals: Box<dyn RevealSource>,
    pub(crate) runner: Option<Box<dyn Runner>>,
    /// For profiles: it remembers what it has made of kernels.
    pub(crate) exact: TickExact,
    /// The engine's way through the run that the machine is in.
    pub(crate) way: Way,
    pub(crate) runs: Runs,
    pub(crate) past: Past,
    /// The step that a missing page has stopped.
    stopped: Option<Step>,
}

/// What comes after a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// The next one.
    Continue,
    /// Nothing: the session is over.
    Stop,
}

/// Why a command was not done, or not wholly. The session goes on from the last state it has reached.
#[derive(Debug, Error)]
pub enum SessionError {
    /// It is no command.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The machine needs no message.
    #[error("the machine is not waiting for inputs: `step inbox` takes it through this inbox")]
    NoInputNeeded,
    /// The machine needs a message.
    #[error("the machine is waiting for inputs: `load inputs` gives it the next inbox")]
    InputNeeded,
    /// The machine needs the answer to a reveal.
    #[error("the machine is waiting for a reveal: answer it with `reveal {0}`")]
    RevealNeeded(&'static str),
    /// The machine needs no such answer.
    #[error("the machine is not waiting for a reveal of {0}")]
    NotThisReveal(&'static str),
    /// A page is not there.
    #[error("{0}")]
    NoPage(String),
    /// There are no inputs left on the way to a tick.
    #[error("tick {wanted} is not reached: there are no more inputs after tick {reached}")]
    OutOfInputs {
        /// Where the session was to go.
        wanted: u64,
        /// Where it is.
        reached: u64,
    },
    /// The user has stopped a long step.
    #[error("interrupted at tick {0}: the session goes on from there")]
    Interrupted(u64),
    /// A profile begins where a run begins.
    #[error(
        "the machine is in the middle of a run ({0}): a profile begins where a run does, `step kernel_run` takes it to the next one"
    )]
    InRun(&'static str),
    /// There is no profile. The session goes on from where it was.
    #[error("no profile: {0}")]
    Profile(#[from] soru_profile::ProfileError),
    /// The files of a profile.
    #[error("{0}")]
    Files(String),
    /// There is no memory, or not there.
    #[error("{0}")]
    Memory(String),
    /// No command begins with these words.
    #[error("no command begins with `{0}`: `help` lists them all")]
    NoHelp(String),
    /// A tick could not be made.
    #[error("at tick {tick}: {error}{engine}")]
    Tick {
        /// The last tick that was made.
        tick: u64,
        /// Why.
        #[source]
        error: StateError,
        /// What the engine for whole runs said, if it was asked.
        engine: String,
    },
    /// The machine says that it computes, and does not: a fault of Soru.
    #[error("at tick {0}: the machine says that it computes and makes no tick; this is a fault of Soru")]
    NoTick(u64),
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The durable storage cannot be read.
    #[error(transparent)]
    Durable(#[from] DurableError),
}

impl Session {
    /// A session that begins right after the origination of the rollup.
    pub fn new(settings: Settings<'_>) -> Result<Self, StateError> {
        let tree = settings.setup.boot(settings.kernel)?;
        let machine = Machine::from_tree(&tree)?;
        let end = settings.inboxes.last().map_or(settings.first_level, |last| last.level.next());
        Ok(Self {
            machine,
            tree,
            inboxes: settings.inboxes,
            feed: Feed { inbox: 0, message: 0 },
            end,
            ids: settings.ids,
            reveals: settings.reveals,
            runner: settings.runner,
            exact: TickExact::new(),
            way: Way::default(),
            runs: Runs::default(),
            past: Past::default(),
            stopped: None,
        })
    }

    /// The machine as it is.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Does what a line says.
    pub fn execute(&mut self, line: &str, console: &mut dyn Console) -> Result<Flow, SessionError> {
        if let Some(page) = self.bare_page(line) {
            self.reveal_preimage(Some(page), console)?;
            if let Some(step) = self.stopped.take() {
                self.step(step, console)?;
            }
            return Ok(Flow::Continue);
        }
        let Some(line) = command::parse(line)? else { return Ok(Flow::Continue) };
        let start = line.timed.then(|| console.now());
        let done = self.command(line.command, console);
        if let Some(start) = start {
            let took = console.now().saturating_sub(start);
            console.line(&format!("took {took:?}"));
        }
        done
    }

    /// A line of hexadecimal digits answers the reveal of a page, as in today's debugger.
    fn bare_page(&self, line: &str) -> Option<Vec<u8>> {
        let Status::RevealRequired(request) = self.machine.status() else { return None };
        if RevealRequest::parse(&request) == RevealRequest::Metadata {
            return None;
        }
        hex::decode(line.trim()).ok().filter(|page| !page.is_empty())
    }

    fn command(&mut self, command: Command, console: &mut dyn Console) -> Result<Flow, SessionError> {
        match command {
            Command::LoadInputs => self.load_inputs(console)?,
            Command::Step(step) => self.step(step, console)?,
            Command::GoTo(tick) => {
                self.stopped = None;
                self.go_to(tick.0, console)?;
            }
            Command::Profile(options) => {
                self.stopped = None;
                self.profile(&options, console)?;
            }
            Command::RevealPreimage(page) => self.reveal_preimage(page, console)?,
            Command::RevealMetadata => self.reveal_metadata(console)?,
            Command::ShowHash => {
                let mut tree = self.tree.clone();
                self.machine.apply(&mut tree)?;
                let hash = tree.hash().map_err(StateError::from)?;
                let state = soru_base::StateHash::from(hash);
                console.line(&format!("{} ({})", hash.to_hex(), state.in_family(self.ids)));
            }
            Command::Help(words) => {
                let lines = command::help(&words);
                if lines.is_empty() {
                    return Err(SessionError::NoHelp(words.join(" ")));
                }
                lines.iter().for_each(|line| console.line(line));
            }
            Command::Stop => return Ok(Flow::Stop),
            show => show::show(self, &show, console)?,
        }
        Ok(Flow::Continue)
    }

    /// Steps, and says how many ticks it took and what the machine does then.
    fn step(&mut self, step: Step, console: &mut dyn Console) -> Result<(), SessionError> {
        self.stopped = None;
        let start = self.machine.current_tick;
        if let Step::Tick(count) = step
            && count > 0
        {
            self.computing()?;
        }
        if step == Step::Inbox && self.machine.status() == Status::InputRequired {
            self.feed_inbox(console)?;
        }
        // Who goes tick by tick wants to see the reveal.
        let answers = !matches!(step, Step::Tick(_));
        let halt = self.advance(step, answers, console);
        console.step_done();
        let halt = halt?;
        let ticks = self.machine.current_tick.since(start);
        let so_far = if step == Step::Inbox { "" } else { " so far" };
        console.line(&format!("Evaluation took {ticks} ticks{so_far}"));
        show::status(&self.machine, console);
        match halt {
            Halt::Interrupted => return Err(SessionError::Interrupted(self.machine.current_tick.0)),
            Halt::Reveal if answers => self.stopped = Some(step),
            Halt::Reveal | Halt::Reached | Halt::Input => (),
        }
        Ok(())
    }

    pub(crate) fn computing(&self) -> Result<(), SessionError> {
        match self.machine.status() {
            Status::Computing => Ok(()),
            Status::InputRequired => Err(SessionError::InputNeeded),
            Status::RevealRequired(request) => {
                Err(SessionError::RevealNeeded(match RevealRequest::parse(&request) {
                    RevealRequest::Metadata => "metadata",
                    RevealRequest::Preimage(_) | RevealRequest::Unknown => "preimage",
                }))
            }
        }
    }

    fn load_inputs(&mut self, console: &mut dyn Console) -> Result<(), SessionError> {
        if self.machine.status() != Status::InputRequired {
            return Err(SessionError::NoInputNeeded);
        }
        self.stopped = None;
        self.feed_inbox(console)
    }

    /// Gives what is left of the inbox, then lets the ticks go by up to the first run.
    pub(crate) fn feed_inbox(&mut self, console: &mut dyn Console) -> Result<(), SessionError> {
        if self.feed.inbox >= self.inboxes.len() {
            console.line(&format!("No more inputs at level {}", self.end));
            return Ok(());
        }
        let inbox = self.feed.inbox;
        while self.feed.inbox == inbox {
            self.feed_message(console)?;
        }
        self.skip_padding(console)
    }

    /// Gives the next message of the inboxes: false if there is none.
    pub(crate) fn feed_message(&mut self, console: &mut dyn Console) -> Result<bool, SessionError> {
        let Feed { inbox, message } = self.feed;
        let Some(ReplayLevel { level, messages }) = self.inboxes.get(inbox) else { return Ok(false) };
        if message == 0 {
            self.past.remember(&self.machine, self.feed);
        }
        if let Some(bytes) = messages.get(message) {
            let mut next = self.machine.clone();
            next.set_input(InputPlace { level: *level, counter: message as u64 }, bytes)?;
            self.machine = next;
        }
        self.feed.message += 1;
        if self.feed.message >= messages.len() {
            console.line(&format!("Loaded {} inputs at level {level}", messages.len()));
            self.feed = Feed { inbox: inbox + 1, message: 0 };
            self.past.remember(&self.machine, self.feed);
        }
        Ok(true)
    }

    /// The answer to a reveal, as the rollup's node would give it.
    pub(crate) fn answer(&mut self, request: &[u8]) -> Result<Vec<u8>, String> {
        self.reveals.reveal(request).map_err(|e| match RevealRequest::parse(request) {
            RevealRequest::Metadata => e.to_string(),
            _ => format!("Preimage for hash {} not found: {e}", render::request(request)),
        })
    }

    fn reveal_preimage(
        &mut self,
        page: Option<Vec<u8>>,
        console: &mut dyn Console,
    ) -> Result<(), SessionError> {
        let Status::RevealRequired(request) = self.machine.status() else {
            return Err(SessionError::NotThisReveal("a preimage"));
        };
        let parsed = RevealRequest::parse(&request);
        if parsed == RevealRequest::Metadata {
            return Err(SessionError::NotThisReveal("a preimage: it asks for the metadata"));
        }
        let page = match page {
            None => self.answer(&request).map_err(SessionError::NoPage)?,
            Some(page) => {
                let found = PreimageHash::of_page(&page);
                if let RevealRequest::Preimage(asked) = parsed
                    && asked != found
                {
                    console
                        .line(&format!("Note: these bytes have the hash {found}, no node would give them"));
                }
                page
            }
        };
        self.reveal(&page, console)
    }

    fn reveal_metadata(&mut self, console: &mut dyn Console) -> Result<(), SessionError> {
        match self.machine.status() {
            Status::RevealRequired(request) if RevealRequest::parse(&request) == RevealRequest::Metadata => {
                let answer = self.answer(&request).map_err(SessionError::NoPage)?;
                self.reveal(&answer, console)
            }
            _ => Err(SessionError::NotThisReveal("the metadata")),
        }
    }

    fn reveal(&mut self, answer: &[u8], console: &mut dyn Console) -> Result<(), SessionError> {
        self.past.answered(self.machine.current_tick, answer);
        self.way.forget();
        self.runs.forget_from(self.machine.current_tick);
        self.give(answer)?;
        console.line(&format!("Revealed {} bytes", answer.len()));
        Ok(())
    }

    pub(crate) fn give(&mut self, answer: &[u8]) -> Result<(), SessionError> {
        let mut next = self.machine.clone();
        next.set_reveal(answer).map_err(|error| self.failed_tick(error, String::new()))?;
        self.machine = next;
        Ok(())
    }

    pub(crate) fn failed_tick(&self, error: StateError, engine: String) -> SessionError {
        SessionError::Tick { tick: self.machine.current_tick.0, error, engine }
    }

    /// The words that may stand where `line` ends, and the byte at which what they replace begins.
    pub fn complete(&self, line: &str) -> (usize, Vec<String>) {
        command::complete(line, |key: &Key| show::keys_below(&self.machine, key).unwrap_or_default())
    }
}
