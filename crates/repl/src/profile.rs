//! Going on while somebody writes down where the ticks go.

use crate::console::Console;
use crate::session::{Session, SessionError};
use crate::show;
use crate::step::tell;
use soru_profile::{Profile, Profiler, Rows, Until};
use soru_pvm::state::Status;
use thiserror::Error;

/// What `profile` is to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileOptions {
    /// One run, not all runs of the inbox.
    pub one_run: bool,
    /// Folder of the files that are written, if any.
    pub folder: Option<String>,
}

/// The words of options. The middle two are those of today's debugger: here stacks are always merged, and time plays no part.
pub(crate) const WORDS: [&str; 4] = ["--no-reboot", "--collapsed", "--without-time", "to"];

/// A word that is no option.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("expected {expected}{found}")]
pub(crate) struct OptionError {
    /// Its number among the options.
    pub(crate) at: usize,
    expected: &'static str,
    found: String,
}

/// Reads the options of `profile`.
pub(crate) fn options(words: &[String]) -> Result<ProfileOptions, OptionError> {
    let mut options = ProfileOptions::default();
    let mut words = (0..).zip(words);
    while let Some((at, word)) = words.next() {
        match word.as_str() {
            "--no-reboot" => options.one_run = true,
            "--collapsed" | "--without-time" => (),
            "to" => match words.next() {
                Some((_, folder)) => options.folder = Some(folder.clone()),
                None => {
                    return Err(OptionError {
                        at: at + 1,
                        expected: "a folder after `to`",
                        found: String::new(),
                    });
                }
            },
            other => {
                let expected = "`--no-reboot`, `--collapsed`, `--without-time` or `to FOLDER`";
                return Err(OptionError { at, expected, found: format!(", found `{other}`") });
            }
        }
    }
    Ok(options)
}

impl Session {
    /// Goes on as a step does, by the tick-exact interpreter, and says where the ticks went. Reveals are answered from where the
    /// session has its pages.
    pub(crate) fn profile(
        &mut self,
        options: &ProfileOptions,
        console: &mut dyn Console,
    ) -> Result<(), SessionError> {
        if self.machine.status() == Status::InputRequired {
            self.feed_inbox(console)?;
            if self.machine.status() == Status::InputRequired {
                show::status(&self.machine, console);
                return Ok(());
            }
        }
        self.computing()?;
        match self.machine.tick_state.name() {
            "Snapshot" | "Padding" => (),
            other => return Err(SessionError::InRun(other)),
        }
        let start = self.machine.current_tick;
        let until = if options.one_run { Until::Run } else { Until::Inbox };
        let mut debug = Vec::new();
        let mut profiler = Profiler::new(&self.exact);
        let done = profiler.go_on(&mut self.machine, until, &mut *self.reveals, &mut debug);
        tell(console, &debug);
        let profile = Profile { runs: done? };
        profile.lines(Rows::default()).iter().for_each(|line| console.line(line));
        if let Some(folder) = &options.folder {
            self.write_profile(&profile, folder, console)?;
        }
        let ticks = self.machine.current_tick.since(start);
        console.line(&format!("Evaluation took {ticks} ticks with padding"));
        show::status(&self.machine, console);
        Ok(())
    }

    fn write_profile(
        &self,
        profile: &Profile,
        folder: &str,
        console: &mut dyn Console,
    ) -> Result<(), SessionError> {
        let files = profile.files().map_err(|error| SessionError::Files(error.to_string()))?;
        for file in &files {
            let written = console.write_file(folder, &file.name, file.text.as_bytes());
            written.map_err(|error| SessionError::Files(format!("{folder}/{}: {error}", file.name)))?;
        }
        console.line(&format!("{} files in {folder}", files.len()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let read = |line: &str| options(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(read(""), Ok(ProfileOptions::default()));
        let all = ProfileOptions { one_run: true, folder: Some("there".to_owned()) };
        assert_eq!(read("--collapsed to there --no-reboot --without-time"), Ok(all));
        let error = read("--no-reboot --fast").unwrap_err();
        assert_eq!(error.at, 1);
        assert!(error.to_string().ends_with("found `--fast`"), "{error}");
        assert_eq!(read("to").unwrap_err().to_string(), "expected a folder after `to`");
    }
}
