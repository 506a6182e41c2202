//! Completion on the command line: a script for each shell asks the program itself, so that words are those it takes.

use crate::alias::{ALIASES, Alias};
use crate::{Arguments, client, node, output, phrase, rollup_client};
use anyhow::Result;
use clap::builder::PossibleValue;
use clap::{Arg, Command, CommandFactory, ValueEnum};
use std::ffi::OsString;
use std::io::Write;

/// Set when the program is to say what could stand last on its command line.
pub(crate) const VARIABLE: &str = "SORU_COMPLETE";

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The shell: source what is printed, for example with `source <(soru completion bash)`
    shell: Shell,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let names: Vec<&str> = std::iter::once("soru").chain(ALIASES.map(Alias::name)).collect();
    let script = match options.shell {
        Shell::Bash => include_str!("completion/soru.bash"),
        Shell::Zsh => include_str!("completion/soru.zsh"),
        Shell::Fish => include_str!("completion/soru.fish"),
    };
    output::line(script.replace("NAMES", &names.join(" ")).trim_end())
}

/// Prints what could be the last word of a command line, one candidate a line.
pub(crate) fn answer(line: &[OsString]) {
    let words: Vec<String> = line.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let mut out = std::io::stdout().lock();
    for candidate in candidates(&words) {
        // Nobody hears of a shell that has gone.
        let _ = writeln!(out, "{candidate}");
    }
}

/// What could be the last word. Nothing where a file could stand: shells know those.
fn candidates(line: &[String]) -> Vec<String> {
    let Some((program, rest)) = line.split_first() else { return Vec::new() };
    let Some((begun, before)) = rest.split_last() else { return Vec::new() };
    let alias = Alias::called(Some(program.as_ref()));
    let mut command = alias.map_or_else(Arguments::command, Alias::command);
    command.build();
    let mut grammar = alias.map(Alias::subcommand);
    let mut command = &command;
    let mut words = Vec::new();
    let mut wanting: Option<&Arg> = None;
    for word in before {
        if wanting.take().is_some() {
            continue;
        }
        if let Some(option) = option_of(command, word) {
            wanting = option.get_action().takes_values().then_some(option).filter(|_| !word.contains('='));
        } else if let Some(part) = command.find_subcommand(word) {
            command = part;
            grammar = grammar.or(Some(part.get_name()));
        } else {
            words.push(word.clone());
        }
    }
    let mut found: Vec<String> = if let Some(option) = wanting {
        values(option)
    } else if begun.starts_with('-') {
        command.get_arguments().filter(|a| !a.is_hide_set()).filter_map(long).collect()
    } else {
        let parts = command.get_subcommands().filter(|c| !c.is_hide_set());
        let mut found: Vec<String> = parts.map(|c| c.get_name().to_owned()).collect();
        found.extend(command.get_positionals().nth(words.len()).map(values).unwrap_or_default());
        let next = match grammar {
            Some("client") => phrase::complete(&client::GRAMMAR, &words, begun),
            Some("node") => phrase::complete(node::GRAMMAR, &words, begun),
            Some("rollup-client") => phrase::complete(rollup_client::GRAMMAR, &words, begun),
            _ => Vec::new(),
        };
        found.extend(next.into_iter().map(str::to_owned));
        found
    };
    found.retain(|word| word.starts_with(begun.as_str()));
    found.sort();
    found.dedup();
    found
}

fn long(option: &Arg) -> Option<String> {
    option.get_long().map(|name| format!("--{name}"))
}

/// The option that a word names.
fn option_of<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    let name = word.split('=').next().unwrap_or(word);
    command.get_arguments().find(|option| {
        let short = option.get_short().map(|letter| format!("-{letter}"));
        long(option).as_deref() == Some(name) || short.as_deref() == Some(name)
    })
}

fn values(option: &Arg) -> Vec<String> {
    let known = option.get_possible_values();
    known.iter().filter(|v| !v.is_hide_set()).map(PossibleValue::get_name).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Vec<String> {
        candidates(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn subcommands_options_and_values_are_completed() {
        assert_eq!(found("soru roll"), ["rollup-client"]);
        assert_eq!(found("soru completion "), ["bash", "fish", "zsh"]);
        assert_eq!(found("soru sandbox run --block"), ["--block-time"]);
        assert!(found("soru sandbox run --data-dir ").is_empty());
        assert!(!found("soru ").contains(&"octez-node".to_owned()));
    }

    #[test]
    fn phrases_are_completed_whatever_the_name_and_the_options() {
        assert_eq!(found("soru client get bal"), ["balance"]);
        assert_eq!(found("octez-client --base-dir x originate sm"), ["smart"]);
        assert_eq!(found("octez-client originate --burn-cap=1 smart rollup f"), ["from"]);
        assert_eq!(found("/bin/octez-smart-rollup-node-alpha -d x init operator config f"), ["for"]);
        assert_eq!(found("octez-smart-rollup-client-alpha get smart rollup "), ["address"]);
        assert_eq!(found("octez-node con"), ["config"]);
        assert_eq!(found("octez-node config sh"), ["show"]);
        assert!(found("octez-client get balance for ").is_empty());
    }
}
