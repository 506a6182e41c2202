//! The commands of `soru client`, with the words of Octez's client.

use crate::phrase::Phrase;

/// What a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    GenKeys,
    ImportSecretKey,
    ImportBootstrapKeys,
    ListAddresses,
    ListContracts,
    ListRollupNames,
    ShowAddress,
    AddAddress,
    RememberContract,
    RememberRollup,
    Forget,
    Balance,
    Storage,
    Entrypoints,
    Timestamp,
    Transfer,
    Call,
    OriginateContract,
    OriginateRollup,
    SendMessage,
    Publish,
    Cement,
    RecoverBond,
    ExecuteOutboxMessage,
    ListRollups,
    ListStakers,
    ListConflicts,
    ListGames,
    ShowGame,
    StartDispute,
    PlayMove,
    TimeoutDispute,
    RpcGet,
    RpcPost,
    WaitIncluded,
    ConfigInit,
    ConfigUpdate,
    ConfigReset,
    ConfigShow,
}

/// Options of every command that injects an operation.
const INJECT: &[&str] = &["fee", "gas-limit", "storage-limit", "burn-cap", "fee-cap", "wait"];
const CALL: &[&str] =
    &["arg", "entrypoint", "fee", "gas-limit", "storage-limit", "burn-cap", "fee-cap", "wait"];
const ORIGINATE: &[&str] =
    &["init", "force", "fee", "gas-limit", "storage-limit", "burn-cap", "fee-cap", "wait"];
const ORIGINATE_ROLLUP: &[&str] =
    &["force", "fee", "gas-limit", "storage-limit", "burn-cap", "fee-cap", "wait"];

macro_rules! grammar {
    ($($id:ident: $words:literal, $about:literal, $options:expr;)*) => {
        &[$(Phrase { words: $words, about: $about, options: $options, id: Command::$id }),*]
    };
}

/// The grammar.
pub(crate) static GRAMMAR: &[Phrase<Command>] = grammar! {
    GenKeys: "gen keys <name>", "Make a key pair and remember it under a name", &["sig", "force"];
    ImportSecretKey: "import secret key <name> <uri>", "Remember a secret key, written unencrypted:KEY", &["force"];
    ImportBootstrapKeys: "import bootstrap keys", "Remember the well-known keys of the sandbox, bootstrap1 to bootstrap5", &[];
    ListAddresses: "list known addresses", "List the accounts of the wallet", &[];
    ListContracts: "list known contracts", "List the contracts of the wallet", &[];
    ListRollupNames: "list known smart rollups", "List the smart rollups of the wallet", &[];
    ShowAddress: "show address <name>", "Show the address and the public key of an account", &["show-secret"];
    AddAddress: "add address <name> <address>", "Give an account a name", &["force"];
    RememberContract: "remember contract <name> <contract>", "Give a contract a name", &["force"];
    RememberRollup: "remember smart rollup <name> <rollup>", "Give a smart rollup a name", &["force"];
    Forget: "forget address <name>", "Forget a name and its keys", &["force"];
    Balance: "get balance for <account>", "Show the balance of an account or contract", &[];
    Storage: "get contract storage for <contract>", "Show the storage of a contract", &[];
    Entrypoints: "get contract entrypoints for <contract>", "Show the entrypoints of a contract", &[];
    Timestamp: "get timestamp", "Show the timestamp of the head", &[];
    Transfer: "transfer <amount> from <source> to <destination>", "Transfer tez, or call a contract", CALL;
    Call: "call <destination> from <source>", "Call a contract without tez", CALL;
    OriginateContract: "originate contract <name> transferring <amount> from <source> running <program>",
        "Originate a contract from a file of Michelson, or from the text of one", ORIGINATE;
    OriginateRollup: "originate smart rollup from <source> of kind <kind> of type <type> with kernel <kernel>",
        "Originate a smart rollup; the kernel is hexadecimal, a .wasm file, or fs:PATH or file:PATH", ORIGINATE_ROLLUP;
    OriginateRollup: "originate smart rollup <name> from <source> of kind <kind> of type <type> with kernel <kernel>",
        "The same, and remember it under a name", ORIGINATE_ROLLUP;
    SendMessage: "send smart rollup message <messages> from <source>",
        "Send external messages: hex:[\"00\",…], text:[\"hello\",…], bin:PATH or file:PATH of a JSON list", INJECT;
    Publish: "publish commitment from <source> for smart rollup <rollup> with compressed state <state> \
              at inbox level <level> and predecessor <predecessor> and number of ticks <ticks>",
        "Publish a commitment", INJECT;
    Cement: "cement commitment from <source> for smart rollup <rollup>", "Cement the oldest commitment that can be", INJECT;
    Cement: "cement commitment <hash> from <source> for smart rollup <rollup>", "The same; the hash is checked", INJECT;
    RecoverBond: "recover bond of <source> for smart rollup <rollup>", "Take back the deposit of a staker", INJECT;
    RecoverBond: "recover bond of <staker> for smart rollup <rollup> from <source>", "The same, for somebody else", INJECT;
    ExecuteOutboxMessage: "execute outbox message of smart rollup <rollup> from <source> for commitment hash <hash> and output proof <proof>",
        "Execute an outbox message of a cemented commitment", INJECT;
    ListRollups: "list smart rollups", "List the smart rollups of the layer-1", &[];
    ListStakers: "list stakers of smart rollup <rollup>", "List who stakes on a smart rollup, and on which commitment", &["json"];
    ListConflicts: "list conflicts of <staker> on smart rollup <rollup>", "List with whom a staker is in conflict", &["json"];
    ListGames: "list games on smart rollup <rollup>", "List the refutation games that are played", &["json"];
    ListGames: "list games of <staker> on smart rollup <rollup>", "List the refutation games of a staker", &["json"];
    ShowGame: "show game on smart rollup <rollup> with <staker1> against <staker2>", "Show how a refutation game stands", &["json"];
    StartDispute: "start dispute on smart rollup <rollup> against <opponent> from <source>",
        "Open a refutation game about the first commitments in conflict", INJECT;
    StartDispute: "refute commitment <theirs> of <opponent> on smart rollup <rollup> with commitment <ours> from <source>",
        "Open a refutation game about two commitments", INJECT;
    PlayMove: "play <move> on smart rollup <rollup> against <opponent> from <source>",
        "Play a move of a refutation game: JSON as the RPC takes it, or file:PATH", INJECT;
    TimeoutDispute: "timeout dispute on smart rollup <rollup> with <staker1> against <staker2> from <source>",
        "End a refutation game whose player let the clock run out", INJECT;
    RpcGet: "rpc get <path>", "Ask an RPC of the layer-1", &[];
    RpcPost: "rpc post <path> with <body>", "Call an RPC of the layer-1 with JSON, or with file:PATH", &[];
    WaitIncluded: "wait for <operation> to be included", "Wait until an operation is in a block", &["wait"];
    ConfigInit: "config init", "Write --endpoint and --wait into a new file `config` in the wallet's folder: they become the defaults", &["wait"];
    ConfigUpdate: "config update", "The same; what is not given stays as it was", &["wait"];
    ConfigReset: "config reset", "Forget those defaults", &[];
    ConfigShow: "config show", "Show those defaults", &[];
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phrase;

    fn recognised(line: &str) -> (Command, phrase::Parameters) {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let (phrase, parameters) = phrase::parse(GRAMMAR, &words).expect(line);
        (phrase.id, parameters)
    }

    /// The words of Octez's client where it has the command, and those without an equal there.
    #[test]
    fn the_commands_of_disputes_are_recognised() {
        for (line, id, parameters) in [
            (
                "timeout dispute on smart rollup scr1 with alice against bob from carol",
                Command::TimeoutDispute,
                [("rollup", "scr1"), ("staker1", "alice"), ("staker2", "bob"), ("source", "carol")]
                    .as_slice(),
            ),
            (
                "recover bond of alice for smart rollup scr1 from bob",
                Command::RecoverBond,
                &[("staker", "alice"), ("rollup", "scr1"), ("source", "bob")],
            ),
            (
                "recover bond of alice for smart rollup scr1",
                Command::RecoverBond,
                &[("staker", ""), ("source", "alice")],
            ),
            (
                "start dispute on smart rollup scr1 against bob from alice",
                Command::StartDispute,
                &[("opponent", "bob"), ("source", "alice"), ("ours", "")],
            ),
            (
                "refute commitment src1b of bob on smart rollup scr1 with commitment src1a from alice",
                Command::StartDispute,
                &[("theirs", "src1b"), ("ours", "src1a"), ("opponent", "bob"), ("source", "alice")],
            ),
            (
                "play file:m.json on smart rollup scr1 against bob from alice",
                Command::PlayMove,
                &[("move", "file:m.json"), ("opponent", "bob"), ("source", "alice")],
            ),
            ("list games on smart rollup scr1", Command::ListGames, &[("staker", ""), ("rollup", "scr1")]),
            ("list games of bob on smart rollup scr1", Command::ListGames, &[("staker", "bob")]),
            (
                "show game on smart rollup scr1 with alice against bob",
                Command::ShowGame,
                &[("staker1", "alice"), ("staker2", "bob")],
            ),
            ("list conflicts of bob on smart rollup scr1", Command::ListConflicts, &[("staker", "bob")]),
            ("list stakers of smart rollup scr1", Command::ListStakers, &[("rollup", "scr1")]),
        ] {
            let (found, given) = recognised(line);
            assert_eq!(found, id, "{line}");
            for (name, expected) in parameters {
                assert_eq!(given.get(name), *expected, "{line}: {name}");
            }
        }
    }

    #[test]
    fn every_command_is_recognised_by_its_own_words() {
        for phrase in GRAMMAR {
            let line = phrase.words.replace(['<', '>'], "");
            assert_eq!(recognised(&line).0, phrase.id, "{line}");
        }
    }
}
