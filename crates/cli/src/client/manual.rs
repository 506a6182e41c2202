//! `man`: the commands that have some words.

use super::grammar::{Command, GRAMMAR};
use super::{Options, print};
use crate::UsageError;
use crate::phrase::{Parameters, Phrase};
use anyhow::Result;

pub(super) const PHRASES: &[Phrase<Command>] = &[
    Phrase { words: "man", about: "Show all commands", options: &["verbosity"], id: Command::Manual },
    Phrase {
        words: "man <words...>",
        about: "Show the commands that have all of these words",
        options: &["verbosity"],
        id: Command::Manual,
    },
];

/// As Octez's client: names, what commands do, their options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Verbosity(u8);

pub(super) fn run(options: &Options, parameters: &Parameters) -> Result<()> {
    let words = parameters.rest("words");
    let found: Vec<&Phrase<Command>> = matching(words).collect();
    if found.is_empty() {
        return Err(UsageError(format!("no command has the words `{}`", words.join(" "))).into());
    }
    // Few are told at length.
    let verbosity = Verbosity(options.verbosity.unwrap_or(if found.len() > 10 { 1 } else { 2 }));
    found.into_iter().try_for_each(|phrase| show(phrase, verbosity))
}

fn matching(words: &[String]) -> impl Iterator<Item = &'static Phrase<Command>> {
    GRAMMAR.iter().filter(move |phrase| {
        let text = format!("{} {}", phrase.words, phrase.about).to_lowercase();
        words.iter().all(|word| text.contains(&word.to_lowercase()))
    })
}

fn show(phrase: &Phrase<Command>, verbosity: Verbosity) -> Result<()> {
    print(phrase.words)?;
    if verbosity >= Verbosity(1) {
        print(format_args!("    {}", phrase.about))?;
    }
    if verbosity >= Verbosity(2) && !phrase.options.is_empty() {
        let options: Vec<String> = phrase.options.iter().map(|option| format!("--{option}")).collect();
        print(format_args!("    [{}]", options.join(", ")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(words: &str) -> Vec<&'static str> {
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        matching(&words).map(|phrase| phrase.words).collect()
    }

    #[test]
    fn commands_are_found_by_their_words() {
        assert_eq!(found("known smart rollups"), ["list known smart rollups"]);
        assert!(found("ticket").contains(&"get all ticket balances for <contract>"));
        assert!(found("xyzzy").is_empty());
        assert_eq!(matching(&[]).count(), GRAMMAR.len());
    }
}
