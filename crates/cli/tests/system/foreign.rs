//! Other people's clients against the embedded layer-1, on the profile of today's network: Taquito and PyTezos, in versions that
//! `clients/` pins. Where node and npm, or python3 with pip, are missing, the tests say so and do nothing else.

mod install;

use crate::support::{Layer1, RollupNode, Settings, repository};
use assert_cmd::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Foreign clients wait for blocks that come by themselves, and look several times a second whether there is another.
const BLOCK_TIME: Duration = Duration::from_millis(500);
/// How long a script may take.
const PATIENCE: Duration = Duration::from_secs(300);

fn layer1() -> Layer1 {
    Layer1::start(Settings { profile: "mainnet", ..Settings::default() })
}

/// Does something while blocks come.
fn by_the_clock<T>(layer1: &Layer1, action: impl FnOnce() -> T) -> T {
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                layer1.bake(1);
                std::thread::sleep(BLOCK_TIME);
            }
        });
        let _stop = Stop(&stop);
        action()
    })
}

/// Runs a script of a client; what it says that it has done, and all it has printed.
fn run(mut script: Command, layer1: &Layer1) -> (Vec<String>, String) {
    script.env("LAYER1", &layer1.rpc.url).timeout(PATIENCE);
    let output = script.output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    (out.lines().filter_map(|line| line.strip_prefix("done: ")).map(str::to_owned).collect(), out)
}

const VECTORS: &str = "testdata/vectors/forge/operations.json";

#[test]
fn taquito_forges_what_the_layer_1_forges() {
    let Some(taquito) = install::taquito() else { return };
    let layer1 = layer1();
    let mut script = taquito.script("forge.mjs");
    script.arg(repository(VECTORS));
    assert_eq!(
        run(script, &layer1).0,
        ["forged 26 operations, 22 of them by Taquito, too", "forged a reveal with and without a proof",]
    );
}

#[test]
fn taquito_uses_contracts() {
    let Some(taquito) = install::taquito() else { return };
    let layer1 = layer1();
    let (did, _) = by_the_clock(&layer1, || run(taquito.script("contracts.mjs"), &layer1));
    assert_eq!(
        did,
        [
            "read the chain, its protocol and its constants",
            "transferred tez and waited for two confirmations",
            "revealed the key of a new account",
            "estimated a transfer",
            "originated a contract and read its big map",
            "found the contract, its entrypoints and its script",
            "called the contract",
            "saw the event of a contract",
            "asked the views of a contract",
            "sent a batch",
            "sent operations over the wallet and watched their confirmations",
            "watched blocks, operations and events",
            "prepared, signed, tried and injected an operation by hand",
            "ran code and packed data",
            "was refused what is refused, for the right reasons",
            "read the ticket balances of a contract",
        ]
    );
}

const TALKED: [&str; 4] = [
    "sent external messages",
    "sent an internal message",
    "executed a message of the outbox",
    "could not execute it again",
];

#[test]
fn taquito_originates_a_rollup_and_executes_what_it_answers() {
    let Some(taquito) = install::taquito() else { return };
    let layer1 = layer1();
    let kernel = layer1.path("notary.wasm");
    std::fs::write(&kernel, soru_kernels::NOTARY).unwrap();
    by_the_clock(&layer1, || {
        let mut script = taquito.script("rollup.mjs");
        script.arg("originate").arg(&kernel);
        let (_, out) = run(script, &layer1);
        let rollup = out.lines().find_map(|line| line.strip_prefix("rollup: ")).unwrap();

        let node = RollupNode::operator(&layer1, rollup, "node");
        let mut script = taquito.script("rollup.mjs");
        script.args(["talk", rollup, &node.rpc.url]);
        assert_eq!(run(script, &layer1).0, TALKED);
    });
}

#[test]
fn pytezos_forges_what_the_layer_1_forges() {
    let Some(pytezos) = install::pytezos() else { return };
    let layer1 = layer1();
    let mut script = pytezos.script("forge.py");
    script.arg(repository(VECTORS));
    assert_eq!(run(script, &layer1).0, ["forged 26 operations, 17 of them by PyTezos, too"]);
}

#[test]
fn pytezos_uses_contracts() {
    let Some(pytezos) = install::pytezos() else { return };
    let layer1 = layer1();
    let (did, _) = by_the_clock(&layer1, || run(pytezos.script("contracts.py"), &layer1));
    assert_eq!(
        did,
        [
            "read the chain and its constants",
            "transferred tez and revealed the key of a new account",
            "originated a contract, called it and read its storage",
            "asked the views of a contract",
            "sent a batch",
            "tried operations and code without sending anything",
            "was refused what is refused, for the right reasons",
        ]
    );
}

#[test]
fn pytezos_executes_what_a_rollup_answers() {
    let Some(pytezos) = install::pytezos() else { return };
    let layer1 = layer1();
    let rollup = layer1.originate_notary();
    by_the_clock(&layer1, || {
        let node = RollupNode::operator(&layer1, &rollup, "node");
        let mut script = pytezos.script("rollup.py");
        script.args([&rollup, &node.rpc.url]);
        assert_eq!(run(script, &layer1).0, TALKED);
    });
}
