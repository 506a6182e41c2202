//! What Octez's client does and this one does not, and why.

use crate::UsageError;
use crate::phrase::{self, Phrase};

const BAKING: &str = "blocks are made by the sandbox itself or by the bakers of a network";
const STAKING: &str = "the sandbox has neither delegates nor staking";
const VOTING: &str = "the sandbox's protocol is never voted on";
const SAPLING: &str = "Sapling is not part of this system";
const MULTISIG: &str = "call the contract with `transfer` and sign with `sign bytes`";
const SIGNERS: &str = "keys are in the wallet itself, unencrypted or encrypted";
const PEERS: &str = "the sandbox has no peers; ask a node of the network with its own client";
const DESCRIBE: &str = "`rpc get` and `rpc post` ask; the book's page on the sandbox's RPC lists the paths";
const CACHE: &str = "the sandbox has no cache of contracts";
const CONSTANTS: &str = "global constants are not part of this system";
const EPOXY: &str = "validity rollups are not part of this system";
const DAL: &str = "data availability slots are not part of this system";
const FA12: &str = "call the contract with `transfer … --entrypoint …`, or `run tzip4 view`";
const TIMELOCK: &str = "timelocks are not part of this system";
const ACTIVATION: &str = "accounts get tez by transfers";
const DEBUG: &str = "`soru repl` debugs kernels; contracts are tried with `run script`";

macro_rules! refused {
    ($($words:literal: $why:expr;)*) => {
        &[$(Phrase { words: $words, about: $why, options: &[], id: () }),*]
    };
}

/// The commands of Octez's client, by the words they begin with.
static REFUSED: &[Phrase<()>] = refused! {
    "set delegate for <rest...>": STAKING;
    "withdraw delegate from <rest...>": STAKING;
    "register key <rest...>": STAKING;
    "set consensus key <rest...>": STAKING;
    "set companion key <rest...>": STAKING;
    "update consensus key <rest...>": STAKING;
    "drain delegate <rest...>": STAKING;
    "stake <rest...>": STAKING;
    "unstake <rest...>": STAKING;
    "finalize unstake <rest...>": STAKING;
    "stez <rest...>": STAKING;
    "set delegate parameters for <rest...>": STAKING;
    "update delegate parameters for <rest...>": STAKING;
    "get staked balance for <rest...>": STAKING;
    "get deposits limit for <rest...>": STAKING;
    "set deposits limit for <rest...>": STAKING;
    "unset deposits limit for <rest...>": STAKING;
    "attest for <rest...>": BAKING;
    "preattest for <rest...>": BAKING;
    "propose for <rest...>": BAKING;
    "repropose for <rest...>": BAKING;
    "run with local node <rest...>": BAKING;
    "run remotely <rest...>": BAKING;
    "run vdf": BAKING;
    "sign block <rest...>": BAKING;
    "show voting period": VOTING;
    "submit proposals for <rest...>": VOTING;
    "submit ballot for <rest...>": VOTING;
    "sapling <rest...>": SAPLING;
    "deploy multisig <rest...>": MULTISIG;
    "prepare multisig <rest...>": MULTISIG;
    "sign multisig <rest...>": MULTISIG;
    "from multisig <rest...>": MULTISIG;
    "run transaction <rest...>": MULTISIG;
    "run lambda <rest...>": MULTISIG;
    "set delegate of multisig <rest...>": MULTISIG;
    "withdraw delegate of multisig <rest...>": MULTISIG;
    "set threshold of multisig <rest...>": MULTISIG;
    "show multisig <rest...>": MULTISIG;
    "show supported multisig hashes": MULTISIG;
    "check multisig <rest...>": MULTISIG;
    "list connected ledgers": SIGNERS;
    "show ledger <rest...>": SIGNERS;
    "get ledger <rest...>": SIGNERS;
    "setup ledger <rest...>": SIGNERS;
    "deauthorize ledger <rest...>": SIGNERS;
    "set ledger <rest...>": SIGNERS;
    "list known remote keys <rest...>": SIGNERS;
    "gen vanity keys <rest...>": "`gen keys` makes keys; nothing searches for pretty ones";
    "import fundraiser secret key <rest...>": "`import keys from mnemonic` reads mnemonics";
    "stresstest <rest...>": "`soru demo` and a kernel of your own put the system under load";
    "generate nonce <rest...>": BAKING;
    "register global constant <rest...>": CONSTANTS;
    "list cached contracts": CACHE;
    "get cached contract rank for <rest...>": CACHE;
    "get cache contract <rest...>": CACHE;
    "originate epoxy <rest...>": EPOXY;
    "epoxy <rest...>": EPOXY;
    "publish dal <rest...>": DAL;
    "timelock <rest...>": TIMELOCK;
    "activate <rest...>": ACTIVATION;
    "check contract <contract> implements fa1.2": FA12;
    "from fa1.2 <rest...>": FA12;
    "multiple fa1.2 transfers <rest...>": FA12;
    "run michelson code <rest...>": DEBUG;
    "describe unsigned <rest...>": "the bytes of operations are those of the network's documentation";
    "rpc list": DESCRIBE;
    "rpc list <path>": DESCRIBE;
    "rpc schema <method> <path>": DESCRIBE;
    "rpc format <method> <path>": DESCRIBE;
    "complete <prefix>": "the shell completes words, see `soru completion`";
    "p2p stat": PEERS;
    "connect <rest...>": PEERS;
    "kick <rest...>": PEERS;
    "ban <rest...>": PEERS;
    "unban <rest...>": PEERS;
    "trust <rest...>": PEERS;
    "untrust <rest...>": PEERS;
    "is <rest...>": PEERS;
    "clear acls": PEERS;
    "unmark <rest...>": PEERS;
    "list rejected blocks": PEERS;
    "inject protocol <rest...>": VOTING;
    "dump protocol <rest...>": VOTING;
    "fetch protocol <rest...>": VOTING;
    "protocol environment <rest...>": VOTING;
    "activate protocol <rest...>": VOTING;
    "create mockup <rest...>": "`soru sandbox` is the layer-1 to try things on";
    "list mockup protocols": "`soru sandbox` is the layer-1 to try things on";
};

/// Why the words are no command here, if they are one of Octez's client.
pub(super) fn explain(words: &[String]) -> Option<UsageError> {
    let (phrase, _) = phrase::parse(REFUSED, words).ok()?;
    let command = phrase.words.replace(" <rest...>", "");
    Some(UsageError(format!(
        "`{command}` is a command of Octez's client that is not supported here: {}",
        phrase.about
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(line: &str) -> Option<String> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        explain(&words).map(|error| error.to_string())
    }

    #[test]
    fn what_only_octez_does_is_named_with_the_reason() {
        for (line, reason) in [
            ("set delegate for alice to bob", STAKING),
            ("stake 10 for alice", STAKING),
            ("submit ballot for alice PsX yay", VOTING),
            ("sapling gen key k", SAPLING),
            ("list connected ledgers", SIGNERS),
            ("rpc schema get /version", DESCRIBE),
        ] {
            let text = explained(line).expect(line);
            assert!(text.contains(reason) && text.contains("not supported here"), "{text}");
        }
        assert_eq!(explained("gte balance for alice"), None);
        assert_eq!(explained("stake"), None);
    }

    /// A command that is there must not be refused, whatever its parameters are.
    #[test]
    fn nothing_is_refused_that_is_there() {
        for phrase in super::super::GRAMMAR.iter() {
            let line = phrase.words.replace(['<', '>'], "").replace("...", "");
            assert_eq!(explained(&line), None, "{line}");
        }
    }
}
