//! What people write: inputs of a run, commands of a session.

use soru_base::{IdFamily, Level, Profile, RollupAddress};
use soru_pvm::replay::{FixedReveals, ReplayLevel};
use soru_repl::{CommandError, Console, Flow, Progress, Session, Settings};
use std::time::Duration;

use crate::samples::SETUP;

#[path = "../../../crates/cli/src/pvm/inputs.rs"]
mod inputs_file;

/// Files of inputs: every inbox that is read begins and ends as the protocol's do.
pub fn inputs(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for (profile, least) in [(Profile::alpha(), 2), (Profile::mainnet(), 3)] {
        match inputs_file::parse(text, &profile, RollupAddress::ZERO) {
            Ok(inboxes) => {
                for inbox in inboxes {
                    assert!(inbox.len() >= least);
                    assert_eq!((&inbox[0][..], &inbox[inbox.len() - 1][..]), (&[0, 1][..], &[0, 2][..]));
                }
            }
            Err(error) => drop(format!("{error:#}")),
        }
    }
}

/// Lines of a session: they are commands, or the error is at a place inside of the line; a completion begins where a
/// character does.
pub fn repl_command(bytes: &[u8]) {
    let Ok(line) = std::str::from_utf8(bytes) else { return };
    if let Err(error) = soru_repl::parse(line) {
        let _ = error.to_string();
        let (CommandError::Words { column, .. } | CommandError::Value { column, .. }) = error;
        assert!((1..=line.chars().count() + 2).contains(&column), "column {column}");
    }
    let (start, words) = soru_repl::complete(line, |_| Vec::new());
    assert!(line.is_char_boundary(start));
    let begun = &line[start..];
    assert!(words.iter().all(|word| word.starts_with(begun)), "{words:?}");
    let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
    let _ = soru_repl::help(&words);
}

/// Hears nothing, and has some patience.
struct Deaf(u32);

impl Console for Deaf {
    fn line(&mut self, _: &str) {}

    fn debug(&mut self, _: &[u8]) {}

    fn go_on(&mut self, _: Progress) -> bool {
        self.0 = self.0.saturating_sub(1);
        self.0 > 0
    }

    fn now(&mut self) -> Duration {
        Duration::ZERO
    }
}

/// A session with a small kernel: no line ends it but `stop`.
pub fn repl_session(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let inbox = |level| ReplayLevel {
        level: Level::new(level).expect("a level"),
        messages: vec![vec![0, 1], vec![1, 2, 3], vec![0, 2]],
    };
    let settings = Settings {
        kernel: include_bytes!("../../../testdata/vectors/kernels/reveal_outside.wasm"),
        setup: SETUP,
        inboxes: vec![inbox(0), inbox(1)],
        first_level: Level::GENESIS,
        ids: IdFamily::Alpha,
        reveals: Box::new(FixedReveals::default()),
        runner: None,
    };
    let mut session = Session::new(settings).expect("a session");
    for line in text.lines().take(16) {
        match session.execute(line, &mut Deaf(4)) {
            Ok(Flow::Continue) => (),
            Ok(Flow::Stop) => return,
            Err(error) => drop(error.to_string()),
        }
        let _ = session.complete(line);
    }
}
