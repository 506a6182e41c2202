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
    RpcGet,
    RpcPost,
    WaitIncluded,
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
        "Originate a smart rollup; the kernel is hexadecimal, a .wasm file, or file:PATH", ORIGINATE_ROLLUP;
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
    ExecuteOutboxMessage: "execute outbox message of smart rollup <rollup> from <source> for commitment hash <hash> and output proof <proof>",
        "Execute an outbox message of a cemented commitment", INJECT;
    ListRollups: "list smart rollups", "List the smart rollups of the layer-1", &[];
    RpcGet: "rpc get <path>", "Ask an RPC of the layer-1", &[];
    RpcPost: "rpc post <path> with <body>", "Call an RPC of the layer-1 with JSON, or with file:PATH", &[];
    WaitIncluded: "wait for <operation> to be included", "Wait until an operation is in a block", &["wait"];
};
