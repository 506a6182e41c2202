//! A session whose console is a text.

use soru_base::{IdFamily, Level, RollupAddress};
use soru_engine::{Engine, Options};
use soru_pvm::replay::{FixedReveals, ReplayLevel, RunFile, Setup};
use soru_pvm::reveal::{Metadata, RevealRequest, RevealSource};
use soru_pvm::{Limits, Version};
use soru_repl::{Console, Flow, Progress, Session, SessionError, Settings};
use std::path::PathBuf;
use std::time::Duration;

/// Whether the machine makes ticks inside of `kernel_run`. To be removed, with what it guards, once it does.
pub(crate) const EVALUATION: bool = true;

/// Keeps what is said.
#[derive(Default)]
pub(crate) struct Screen {
    pub(crate) said: String,
    /// After so many questions whether to go on, the answer is no.
    pub(crate) patience: Option<u32>,
    pub(crate) progress: Vec<Progress>,
    seconds: u64,
}

impl Console for Screen {
    fn line(&mut self, text: &str) {
        if !self.said.is_empty() && !self.said.ends_with('\n') {
            self.said.push('\n');
        }
        self.said.push_str(text);
        self.said.push('\n');
    }

    fn debug(&mut self, bytes: &[u8]) {
        self.said.push_str(&String::from_utf8_lossy(bytes));
    }

    fn go_on(&mut self, progress: Progress) -> bool {
        self.progress.push(progress);
        match &mut self.patience {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }

    fn now(&mut self) -> Duration {
        self.seconds += 2;
        Duration::from_secs(self.seconds)
    }
}

pub(crate) struct Talk {
    pub(crate) session: Session,
    pub(crate) screen: Screen,
}

impl Talk {
    pub(crate) fn new(settings: Settings<'_>) -> Self {
        Self { session: Session::new(settings).unwrap(), screen: Screen::default() }
    }

    /// What a command answers; it has to succeed.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        let flow = self.session.execute(line, &mut self.screen);
        assert!(matches!(flow, Ok(Flow::Continue)), "{line}: {flow:?}, after {}", self.screen.said);
        std::mem::take(&mut self.screen.said)
    }

    /// Why a command fails.
    pub(crate) fn fail(&mut self, line: &str) -> SessionError {
        let error = self.session.execute(line, &mut self.screen).unwrap_err();
        self.screen.said.clear();
        error
    }
}

/// Inboxes of external messages with start and end of level around them.
pub(crate) fn inboxes(payloads: &[&[&[u8]]]) -> Vec<ReplayLevel> {
    let external = |payload: &&[u8]| [&[1], *payload].concat();
    (0..)
        .zip(payloads)
        .map(|(level, payloads)| {
            let mut messages = vec![vec![0, 1]];
            messages.extend(payloads.iter().map(external));
            messages.push(vec![0, 2]);
            ReplayLevel { level: Level::new(level).unwrap(), messages }
        })
        .collect()
}

/// The metadata of the zero address; no pages.
pub(crate) struct NoPages;

impl RevealSource for NoPages {
    fn reveal(&mut self, request: &[u8]) -> Result<Vec<u8>, soru_pvm::reveal::RevealError> {
        use soru_base::Binary as _;
        let metadata = Metadata { address: RollupAddress::ZERO, origination_level: Level::GENESIS };
        match RevealRequest::parse(request) {
            RevealRequest::Metadata => Ok(metadata.to_bytes()),
            _ => Err(soru_pvm::reveal::RevealError::new("there are no pages here")),
        }
    }
}

pub(crate) fn settings(kernel: &[u8], inboxes: Vec<ReplayLevel>) -> Settings<'_> {
    Settings {
        kernel,
        setup: Setup { version: Version::V0, limits: Limits::FIRST, max_reboots: None, values: Vec::new() },
        inboxes,
        first_level: Level::GENESIS,
        ids: IdFamily::Alpha,
        reveals: Box::new(NoPages),
        runner: Some(Box::new(Engine::new(Options::default()).unwrap())),
    }
}

pub(crate) fn vectors(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors").join(path)
}

/// A run of the vectors and its kernel.
pub(crate) fn run_file(path: &str) -> (RunFile, Vec<u8>) {
    let run = RunFile::parse(&std::fs::read_to_string(vectors(path)).unwrap()).unwrap();
    let kernel = std::fs::read(vectors(&run.kernel)).unwrap();
    (run, kernel)
}

pub(crate) fn run_settings<'a>(run: &RunFile, kernel: &'a [u8]) -> Settings<'a> {
    let FixedReveals(answers) = &run.reveals;
    Settings {
        kernel,
        setup: Setup {
            version: run.version,
            limits: run.limits,
            max_reboots: Some(run.max_reboots),
            values: Vec::new(),
        },
        inboxes: run.levels.clone(),
        first_level: Level::GENESIS,
        ids: IdFamily::Alpha,
        reveals: Box::new(FixedReveals(answers.clone())),
        runner: Some(Box::new(Engine::new(Options::default()).unwrap())),
    }
}
