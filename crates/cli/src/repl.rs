//! `soru repl`: a session with the machine, on a terminal or from a script.

use crate::engine::EngineChoice;
use crate::pvm::kernel::MachineOptions;
use anyhow::{Context, Result, anyhow};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Editor, Helper};
use soru_engine::{Engine, Kind};
use soru_node::reveals::FilePreimages;
use soru_pvm::reveal::{Metadata, RevealError, RevealSource, RollupReveals};
use soru_pvm::run::Runner;
use soru_repl::{Console, Flow, Progress, Session, Settings};
use std::cell::RefCell;
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::exit;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    machine: MachineOptions,
    #[command(flatten)]
    choice: EngineChoice,
    /// Make every tick: the same as --engine reference
    #[arg(long)]
    every_tick: bool,
    /// Begin even if the machine refuses the kernel, to see how
    #[arg(long)]
    no_check: bool,
    /// Hide what the kernel writes with write_debug
    #[arg(long)]
    no_kernel_debug: bool,
}

/// A run that the compiled kernel has not ended by then is made by the tick-exact interpreter, which shows how far it is and
/// can be interrupted.
const COMPILED_RUN: Duration = Duration::from_secs(5);

pub(crate) async fn run(options: Options) -> Result<()> {
    let stop = Arc::new(Interrupt::default());
    tokio::spawn(watch(Arc::clone(&stop)));
    tokio::task::spawn_blocking(move || converse(&options, stop)).await.context("the session has failed")?
}

fn converse(options: &Options, stop: Arc<Interrupt>) -> Result<()> {
    let session = session(options)?;
    let console = Terminal::new(stop, !options.no_kernel_debug);
    if std::io::stdin().is_terminal() { interactive(session, console) } else { script(session, console) }
}

fn session(options: &Options) -> Result<Session> {
    let machine = &options.machine;
    let mut prepared = machine.prepare()?;
    if !options.no_check {
        soru_engine::check(&prepared.kernel, prepared.setup.version)
            .with_context(|| format!("{} (--no-check begins all the same)", machine.kernel.display()))?;
    }
    // Where today's debugger looks.
    let usual = Path::new("preimage");
    if machine.preimage_dir.is_none() && usual.is_dir() {
        prepared.pages = FilePreimages::in_dir(usual);
    }
    let settings = Settings {
        kernel: &prepared.kernel,
        setup: prepared.setup.clone(),
        inboxes: prepared.levels,
        first_level: prepared.first_level,
        ids: prepared.ids,
        reveals: Box::new(Reveals { metadata: prepared.metadata, pages: prepared.pages }),
        runner: options.engine()?,
    };
    Ok(Session::new(settings)?)
}

/// The metadata, and pages from files.
struct Reveals {
    metadata: Metadata,
    pages: FilePreimages,
}

impl RevealSource for Reveals {
    fn reveal(&mut self, request: &[u8]) -> Result<Vec<u8>, RevealError> {
        RollupReveals { metadata: self.metadata, preimages: &mut self.pages }.reveal(request)
    }
}

impl Options {
    /// None where the machine itself is to make every tick.
    fn engine(&self) -> Result<Option<Box<dyn Runner>>> {
        let options = soru_engine::Options { deadline: COMPILED_RUN, ..self.choice.options()? };
        if self.every_tick || options.kind == Kind::Reference {
            return Ok(None);
        }
        Ok(Some(Box::new(Engine::new(options)?)))
    }
}

/// Commands from a file or a pipe: no prompt, and the first one that fails ends it.
fn script(mut session: Session, mut console: Terminal) -> Result<()> {
    for (number, line) in (1..).zip(std::io::stdin().lock().lines()) {
        let line = line.context("cannot read the commands from standard input")?;
        let flow = console.execute(&mut session, &line);
        match flow.map_err(|e| anyhow!("line {number}: {}", crate::chain(&e)))? {
            Flow::Continue => (),
            Flow::Stop => break,
        }
    }
    Ok(())
}

fn interactive(session: Session, mut console: Terminal) -> Result<()> {
    let session = Rc::new(RefCell::new(session));
    let config = Config::builder()
        .max_history_size(HISTORY)?
        .auto_add_history(true)
        .completion_type(CompletionType::List)
        .build();
    let mut editor: Editor<Words, FileHistory> = Editor::with_config(config)?;
    editor.set_helper(Some(Words(Rc::clone(&session))));
    let history = history_file();
    if let Some(file) = &history {
        // There is none at first.
        let _ = editor.load_history(file);
    }
    let _ = writeln!(std::io::stderr(), "`help` lists the commands, `stop` or Ctrl-D ends the session.");
    loop {
        match editor.readline("> ") {
            Ok(line) => match console.execute(&mut session.borrow_mut(), &line) {
                Ok(Flow::Continue) => (),
                Ok(Flow::Stop) => break,
                Err(error) => {
                    let _ = writeln!(std::io::stderr(), "error: {}", crate::chain(&error));
                }
            },
            Err(ReadlineError::Interrupted) => (),
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error).context("cannot read a command"),
        }
    }
    if let Some(file) = &history
        && let Err(error) = editor.save_history(file)
    {
        tracing::warn!("the history is not kept in {}: {error}", file.display());
    }
    Ok(())
}

/// Lines of history that are kept.
const HISTORY: usize = 1000;

/// Where the platform keeps such things: `~/.local/state/soru/repl_history` on Linux.
fn history_file() -> Option<PathBuf> {
    let folder = dirs::state_dir().or_else(dirs::data_local_dir)?.join("soru");
    make_private(&folder).ok()?;
    Some(folder.join("repl_history"))
}

fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Completes words, keys of the durable storage included.
struct Words(Rc<RefCell<Session>>);

impl Completer for Words {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &rustyline::Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let before = line.get(..at).unwrap_or(line);
        let Ok(session) = self.0.try_borrow() else { return Ok((at, Vec::new())) };
        let (start, mut found) = session.complete(before);
        // A word that can only be this one is finished; below a key there may be others.
        if let [word] = &mut found[..]
            && !word.starts_with('/')
        {
            word.push(' ');
        }
        Ok((start, found))
    }
}

impl Hinter for Words {
    type Hint = String;
}
impl Highlighter for Words {}
impl Validator for Words {}
impl Helper for Words {}

/// Ctrl-C while a command is done. At the prompt it is the line editor's.
#[derive(Default)]
struct Interrupt {
    working: AtomicBool,
    asked: AtomicBool,
}

async fn watch(stop: Arc<Interrupt>) {
    while tokio::signal::ctrl_c().await.is_ok() {
        // A second one does not wait for the first to be heard.
        if !stop.working.load(Ordering::SeqCst) || stop.asked.swap(true, Ordering::SeqCst) {
            exit(INTERRUPTED);
        }
    }
}

/// The exit code of a program that SIGINT has ended.
const INTERRUPTED: i32 = 130;

/// Speaks on standard output; shows how far a long step is on standard error, if that is a terminal.
struct Terminal {
    stop: Arc<Interrupt>,
    kernel_debug: bool,
    began: Instant,
    step: Option<Instant>,
    bar: Option<ProgressBar>,
    /// Whether what the kernel has written ends in the middle of a line.
    in_line: bool,
    failure: Option<anyhow::Error>,
}

impl Terminal {
    fn new(stop: Arc<Interrupt>, kernel_debug: bool) -> Self {
        let began = Instant::now();
        Self { stop, kernel_debug, began, step: None, bar: None, in_line: false, failure: None }
    }

    fn execute(&mut self, session: &mut Session, line: &str) -> Result<Flow> {
        self.stop.asked.store(false, Ordering::SeqCst);
        self.stop.working.store(true, Ordering::SeqCst);
        let done = session.execute(line, self);
        self.stop.working.store(false, Ordering::SeqCst);
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(done?),
        }
    }

    fn say(&mut self, bytes: &[u8]) {
        let write = || {
            let mut out = std::io::stdout().lock();
            out.write_all(bytes).and_then(|()| out.flush())
        };
        let written = match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        };
        match written {
            Ok(()) => (),
            // As everywhere: a reader that went away has read enough.
            Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => (),
            Err(e) => self.failure = Some(anyhow::Error::new(e).context("cannot write to standard output")),
        }
    }
}

/// A step that takes longer shows how far it is.
const PATIENCE: Duration = Duration::from_millis(500);

impl Console for Terminal {
    fn line(&mut self, text: &str) {
        let begin = if std::mem::take(&mut self.in_line) { "\n" } else { "" };
        self.say(format!("{begin}{text}\n").as_bytes());
    }

    fn debug(&mut self, bytes: &[u8]) {
        if self.kernel_debug {
            self.in_line = bytes.last().is_some_and(|b| *b != b'\n');
            self.say(String::from_utf8_lossy(bytes).as_bytes());
        }
    }

    fn go_on(&mut self, progress: Progress) -> bool {
        let began = *self.step.get_or_insert_with(Instant::now);
        if self.bar.is_none() && began.elapsed() > PATIENCE && std::io::stderr().is_terminal() {
            self.bar = Some(bar(progress.of));
        }
        if let Some(bar) = &self.bar {
            let seconds = began.elapsed().as_secs_f64().max(f64::MIN_POSITIVE);
            bar.set_message(format!("{:.1} million/s", progress.done as f64 / seconds / 1e6));
            bar.set_position(progress.done);
        }
        !self.stop.asked.load(Ordering::SeqCst)
    }

    fn step_done(&mut self) {
        self.step = None;
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn write_file(&mut self, folder: &str, name: &str, bytes: &[u8]) -> Result<(), String> {
        let folder = Path::new(folder);
        let written = crate::kernel::make_folder(folder)
            .and_then(|()| crate::kernel::write_whole(&folder.join(name), bytes));
        written.map_err(|error| format!("{error:#}"))
    }

    fn now(&mut self) -> Duration {
        self.began.elapsed()
    }
}

fn bar(of: Option<u64>) -> ProgressBar {
    let (bar, template) = match of {
        Some(of) => (ProgressBar::new(of), "{bar:12} {human_pos} of {human_len} ticks, {msg}"),
        None => (ProgressBar::new_spinner(), "{spinner} {human_pos} ticks, {msg}"),
    };
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}
