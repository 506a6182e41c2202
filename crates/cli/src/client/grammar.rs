//! The commands of `soru client`, with the words of Octez's client. Each subject has its table beside what it does.

use super::{
    chain, config, contracts, convert, disputes, keys, manual, names, rollups, rpc, scripts, signing, state,
    tickets,
};
use crate::phrase::Phrase;
use std::sync::LazyLock;

/// What a command does, by its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Keys(keys::Command),
    Names(names::Command),
    State(state::Command),
    Contracts(contracts::Command),
    Tickets(tickets::Command),
    Scripts(scripts::Command),
    Convert(convert::Command),
    Signing(signing::Command),
    Rollups(rollups::Command),
    Disputes(disputes::Command),
    Chain(chain::Command),
    Rpc(rpc::Command),
    Config(config::Command),
    Manual,
}

/// A table of one subject.
macro_rules! phrases {
    ($part:ident: $($id:ident: $words:literal, $about:literal, $options:expr;)*) => {
        pub(super) const PHRASES: &[$crate::phrase::Phrase<$crate::client::grammar::Command>] =
            &[$($crate::phrase::Phrase {
                words: $words,
                about: $about,
                options: $options,
                id: $crate::client::grammar::Command::$part(Command::$id),
            }),*];
    };
}

/// The options of every command that injects an operation, and more.
macro_rules! injects {
    ($($more:literal),*) => {
        &[
            "fee", "gas-limit", "safety-guard", "storage-limit", "counter", "burn-cap", "fee-cap", "force-low-fee",
            "minimal-fees", "minimal-nanotez-per-gas-unit", "minimal-nanotez-per-byte", "dry-run", "simulation",
            "verbose-signing", $($more),*
        ]
    };
}

pub(super) use {injects, phrases};

/// The grammar.
pub(crate) static GRAMMAR: LazyLock<Vec<Phrase<Command>>> = LazyLock::new(|| {
    let tables = [
        keys::PHRASES,
        names::PHRASES,
        state::PHRASES,
        contracts::PHRASES,
        tickets::PHRASES,
        rollups::PHRASES,
        disputes::PHRASES,
        scripts::PHRASES,
        convert::PHRASES,
        signing::PHRASES,
        chain::PHRASES,
        rpc::PHRASES,
        config::PHRASES,
        manual::PHRASES,
    ];
    tables.concat()
});

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::phrase;

    pub(in super::super) fn recognised(line: &str) -> (Command, phrase::Parameters) {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let (phrase, parameters) = phrase::parse(&GRAMMAR, &words).expect(line);
        (phrase.id, parameters)
    }

    #[test]
    fn every_command_is_recognised_by_its_own_words() {
        for phrase in GRAMMAR.iter() {
            let line = phrase.words.replace(['<', '>'], "").replace("...", "");
            assert_eq!(recognised(&line).0, phrase.id, "{line}");
        }
    }

    /// Options that nobody could give would only be seen when somebody tries.
    #[test]
    fn the_options_of_commands_are_those_of_the_program() {
        use clap::Args;
        let command = super::super::Options::augment_args(clap::Command::new("client"));
        for phrase in GRAMMAR.iter() {
            for option in phrase.options {
                let known = command.get_arguments().any(|a| a.get_long() == Some(*option));
                assert!(known, "--{option} of `{}`", phrase.words);
            }
        }
    }

    /// The words of Octez's client, from its manual.
    #[test]
    fn the_words_of_octez_are_recognised() {
        for (line, id, parameters) in [
            (
                "transfer 3 from alice to bob",
                Command::Contracts(contracts::Command::Transfer),
                [("amount", "3"), ("source", "alice"), ("destination", "bob")].as_slice(),
            ),
            (
                "get element exprX of big map 4",
                Command::State(state::Command::BigMapValue),
                &[("key", "exprX"), ("id", "4")],
            ),
            (
                "transfer 5 tickets from alice to KT1 with entrypoint default and contents 1 and type int and ticketer KT2",
                Command::Tickets(tickets::Command::Transfer),
                &[("quantity", "5"), ("owner", "alice"), ("entrypoint", "default"), ("ticketer", "KT2")],
            ),
            (
                "get ticket balance for KT1 with ticketer KT2 and type string and content x",
                Command::Tickets(tickets::Command::Balance),
                &[("owner", "KT1"), ("ticketer", "KT2"), ("type", "string"), ("content", "x")],
            ),
            (
                "run view total on contract KT1 with input 3",
                Command::Scripts(scripts::Command::RunView),
                &[("view", "total"), ("contract", "KT1"), ("input", "3")],
            ),
            (
                "check that bytes 0x00 were signed by alice to produce edsig",
                Command::Signing(signing::Command::CheckBytes),
                &[("bytes", "0x00"), ("key", "alice"), ("signature", "edsig")],
            ),
            (
                "timeout dispute on smart rollup scr1 with alice against bob from carol",
                Command::Disputes(disputes::Command::TimeoutDispute),
                &[("rollup", "scr1"), ("staker1", "alice"), ("staker2", "bob"), ("source", "carol")],
            ),
            (
                "recover bond of alice for smart rollup scr1 from bob",
                Command::Rollups(rollups::Command::RecoverBond),
                &[("staker", "alice"), ("rollup", "scr1"), ("source", "bob")],
            ),
            (
                "recover bond of alice for smart rollup scr1",
                Command::Rollups(rollups::Command::RecoverBond),
                &[("staker", ""), ("source", "alice")],
            ),
            (
                "start dispute on smart rollup scr1 against bob from alice",
                Command::Disputes(disputes::Command::StartDispute),
                &[("opponent", "bob"), ("source", "alice"), ("ours", "")],
            ),
            (
                "refute commitment src1b of bob on smart rollup scr1 with commitment src1a from alice",
                Command::Disputes(disputes::Command::StartDispute),
                &[("theirs", "src1b"), ("ours", "src1a"), ("opponent", "bob"), ("source", "alice")],
            ),
            (
                "list games on smart rollup scr1",
                Command::Disputes(disputes::Command::ListGames),
                &[("staker", ""), ("rollup", "scr1")],
            ),
        ] {
            let (found, given) = recognised(line);
            assert_eq!(found, id, "{line}");
            for (name, expected) in parameters {
                assert_eq!(given.get(name), *expected, "{line}: {name}");
            }
        }
    }
}
