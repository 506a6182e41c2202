//! What the demo tells while it runs: chapters, facts, and a bar that moves. On a terminal the bar is live,
//! elsewhere its steps are lines; with `--json` all of it goes to standard error.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// The teller.
pub(crate) struct Story {
    out: Out,
    live: bool,
    chapter: usize,
}

#[derive(Clone, Copy)]
enum Out {
    Stdout,
    Stderr,
}

/// Something that takes a while.
pub(crate) struct Waiting {
    bar: ProgressBar,
    out: Out,
    live: bool,
    said: String,
}

impl Story {
    /// On standard output, or on standard error if standard output is for a script.
    pub(crate) fn new(for_script: bool) -> Self {
        let (out, terminal) = if for_script {
            (Out::Stderr, std::io::stderr().is_terminal())
        } else {
            (Out::Stdout, std::io::stdout().is_terminal())
        };
        Self { out, live: terminal && std::io::stderr().is_terminal(), chapter: 0 }
    }

    /// Whether it is told to somebody at a terminal.
    pub(crate) fn is_live(&self) -> bool {
        self.live
    }

    /// A new chapter.
    pub(crate) fn chapter(&mut self, title: &str) {
        self.chapter += 1;
        let n = self.chapter;
        if self.live {
            line(self.out, &format!("\n\x1b[1;36m{n:>2}. {title}\x1b[0m"));
        } else {
            line(self.out, &format!("\n{n:>2}. {title}"));
        }
    }

    /// A fact, with a name and a value.
    pub(crate) fn fact(&self, name: &str, value: impl std::fmt::Display) {
        if self.live {
            line(self.out, &format!("    \x1b[2m{name:<22}\x1b[0m {value}"));
        } else {
            line(self.out, &format!("    {name:<22} {value}"));
        }
    }

    /// A sentence.
    pub(crate) fn say(&self, text: &str) {
        line(self.out, &format!("    {text}"));
    }

    /// Starts waiting for something that has `steps` steps.
    pub(crate) fn wait(&self, what: &str, steps: u64) -> Waiting {
        let bar = if self.live { ProgressBar::new(steps) } else { ProgressBar::hidden() };
        if let Ok(style) =
            ProgressStyle::with_template("    {spinner:.cyan} {prefix} {bar:28.cyan/dim} {pos}/{len} {msg}")
        {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar.set_prefix(what.to_owned());
        if self.live {
            bar.enable_steady_tick(Duration::from_millis(120));
        } else {
            line(self.out, &format!("    … {what}"));
        }
        Waiting { bar, out: self.out, live: self.live, said: String::new() }
    }
}

impl Waiting {
    /// So many steps are done.
    pub(crate) fn at(&mut self, step: u64, message: impl Into<String>) {
        let message = message.into();
        self.bar.set_position(step.min(self.bar.length().unwrap_or(u64::MAX)));
        if !self.live && message != self.said {
            line(self.out, &format!("      {message}"));
        }
        self.said.clone_from(&message);
        self.bar.set_message(message);
    }

    /// It is over.
    pub(crate) fn done(self) {
        self.bar.finish_and_clear();
    }
}

fn line(out: Out, text: &str) {
    // A reader that went away is no reason to fail.
    let _ = match out {
        Out::Stdout => writeln!(std::io::stdout(), "{text}"),
        Out::Stderr => writeln!(std::io::stderr(), "{text}"),
    };
}
