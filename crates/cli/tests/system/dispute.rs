//! Disputes between nodes, on a layer-1 that makes a block when there is something for it: many liars at once, a node that is
//! killed, a chain that changes its mind.

use crate::support::{Layer1, RollupNode, Settings, finish, soru, until};
use serde_json::Value;
use soru_base::bootstrap::BootstrapAccount;

const REFUTE: &str = "smart_rollup_refute";
const PERIOD: u32 = 4;
const BOND: u64 = 10_000_000_000;
const HONEST: &str = "bootstrap2";

/// Names of the liars' accounts and nodes.
const LIARS: [&str; 3] = ["liar-1", "liar-2", "liar-3"];

/// A liar has this much for fees, so that it cannot stake again when it has lost.
const LIARS_TEZ: u64 = 10_010;

fn honest() -> &'static str {
    BootstrapAccount::named(HONEST).unwrap().public_key_hash
}

/// A node that lies, and its account.
struct Liar {
    node: RollupNode,
    address: String,
}

/// A rollup with an honest operator and some who lie about its first period.
struct Dispute {
    layer1: Layer1,
    rollup: String,
    origination: u32,
    honest: RollupNode,
    liars: Vec<Liar>,
    /// What the honest operator had before.
    had: u64,
}

impl Dispute {
    fn begin(specs: &[&str]) -> Self {
        let layer1 = Layer1::start(Settings {
            commitment_period: PERIOD,
            challenge_window: 20,
            ..Settings::default()
        });
        let names = &LIARS[..specs.len()];
        let addresses: Vec<String> = names.iter().map(|name| fund(&layer1, name)).collect();
        let rollup = layer1.originate_notary();
        let origination = layer1.head();
        layer1.send_messages("bootstrap1", &["salut", "le", "monde"]);
        layer1.bake(1);
        let liar = |((name, spec), address): ((&&'static str, &&str), String)| {
            let node = RollupNode::adversary(&layer1, &rollup, name, name, spec);
            Liar { node, address }
        };
        let liars = names.iter().zip(specs).zip(addresses).map(liar).collect();
        let honest_node = RollupNode::operator(&layer1, &rollup, "honest");
        let had = fortune(&layer1, honest());
        layer1.bake(origination + PERIOD + 2 - layer1.head());
        Self { layer1, rollup, origination, honest: honest_node, liars, had }
    }

    /// A block with what players send, or without, when nobody has anything to send for a while.
    fn round(&mut self) {
        let head = self.layer1.head();
        self.honest.until_at(&self.layer1, head);
        let mut looks = 0;
        until("something for a block", || {
            looks += 1;
            (!self.layer1.pending().is_empty() || looks > 15).then_some(())
        });
        self.layer1.bake(1);
    }

    /// Blocks until something is so.
    fn rounds_until<T>(&mut self, what: &str, mut so: impl FnMut(&Self) -> Option<T>) -> T {
        for _ in 0..300 {
            if let Some(found) = so(self) {
                return found;
            }
            self.round();
        }
        panic!("{what}: not so after 300 blocks:\n{}", self.honest.log_text());
    }

    /// All moves that are on the chain, applied or not.
    fn moves(&self) -> Vec<Value> {
        let levels = self.origination + 1..=self.layer1.head();
        levels.flat_map(|level| self.layer1.contents(level)).filter(|c| c["kind"] == REFUTE).collect()
    }

    /// Blocks until there are so many moves of the honest player in the games.
    fn until_moves_of_the_honest(&mut self, count: usize) {
        self.rounds_until("moves of the honest player", |dispute| {
            let moves = dispute.moves();
            (moves.iter().filter(|one| one["source"] == honest()).count() >= count).then_some(())
        });
    }

    fn of_rollup(&self, below: &str) -> Value {
        let path = "/chains/main/blocks/head/context/smart_rollups/smart_rollup";
        self.layer1.rpc.get(&format!("{path}/{}/{below}", self.rollup))
    }

    /// Goes on until no liar stakes any more and the honest commitment is final; checks that nothing was lost by it.
    fn settle(&mut self) {
        let first = self.origination + PERIOD;
        self.rounds_until("the truth is cemented and no liar stakes", |dispute| {
            let cemented = dispute.of_rollup("last_cemented_commitment_hash_with_level");
            let stakers = dispute.of_rollup("stakers");
            let gone = dispute.liars.iter().all(|liar| !contains(&stakers, &liar.address));
            (gone && cemented["level"].as_u64() >= Some(first.into())).then_some(())
        });
        // What was cemented is what a node finds that never played.
        let mut fresh = RollupNode::observer(&self.layer1, &self.rollup, "fresh");
        let cemented = self.of_rollup("last_cemented_commitment_hash_with_level");
        let level = u32::try_from(cemented["level"].as_u64().unwrap()).unwrap();
        fresh.until_at(&self.layer1, level);
        assert_eq!(cemented["hash"], fresh.recorded(level).commitment);

        assert!(contains(&self.of_rollup("stakers"), honest()));
        for liar in &self.liars {
            assert_eq!(bonds(&self.layer1, &liar.address), 0, "{}", liar.address);
        }
        assert_eq!(bonds(&self.layer1, honest()), BOND);
        let won = fortune(&self.layer1, honest()) - self.had;
        // Half of a bond for each liar that it beat itself, less fees.
        let beaten = won.div_ceil(BOND / 2);
        assert!((1..=self.liars.len() as u64).contains(&beaten), "{won}");
        assert!(won > beaten * (BOND / 2) - 50_000_000, "{won}");
        assert!(!self.honest.log_text().contains("ERROR"), "{}", self.honest.log_text());
    }

    /// Whatever the honest operator played was taken, but for openings, when its opponent was the first, and what was in one
    /// operation with them.
    fn check_all_applied(&self) {
        for one in self.moves().iter().filter(|one| one["source"] == honest()) {
            let failed = one["metadata"]["operation_result"]["status"] == "failed";
            assert!(!failed || one["refutation"]["refutation_kind"] == "start", "{one}");
        }
    }
}

fn contains(list: &Value, address: &str) -> bool {
    list.as_array().expect("a list").iter().any(|one| one == address)
}

/// Makes an account of that name with the money of a liar; returns its address.
fn fund(layer1: &Layer1, name: &str) -> String {
    layer1.client(&["gen", "keys", name]).done();
    layer1.send(&["transfer", &LIARS_TEZ.to_string(), "from", "bootstrap1", "to", name]);
    layer1.bake(1);
    let shown = layer1.client(&["show", "address", name]).done();
    shown.lines().find_map(|line| line.strip_prefix("Hash: ")).expect("an address").to_owned()
}

fn mutez(layer1: &Layer1, address: &str, what: &str) -> u64 {
    let path = format!("/chains/main/blocks/head/context/contracts/{address}/{what}");
    layer1.rpc.get(&path).as_str().unwrap().parse().unwrap()
}

fn bonds(layer1: &Layer1, address: &str) -> u64 {
    mutez(layer1, address, "frozen_bonds")
}

/// Spendable and frozen.
fn fortune(layer1: &Layer1, address: &str) -> u64 {
    mutez(layer1, address, "full_balance")
}

#[test]
fn three_liars_at_once_about_one_commitment() {
    let mut dispute = Dispute::begin(&["eval", "wrong-inbox", "last"]);
    dispute.settle();
    dispute.check_all_applied();
    for liar in &dispute.liars {
        assert!(liar.node.log_text().contains("THIS NODE LIES"), "{}", liar.node.log_text());
    }
}

#[test]
fn a_node_that_is_killed_in_the_middle_of_a_game_goes_on_with_it() {
    let mut dispute = Dispute::begin(&["padding"]);
    for moves in [1, 3, 4] {
        dispute.until_moves_of_the_honest(moves);
        dispute.honest.kill();
        dispute.layer1.bake(2);
        dispute.honest.start_again();
    }
    dispute.settle();
    dispute.check_all_applied();
}

#[test]
fn a_game_goes_on_when_the_layer_1_takes_moves_back() {
    let mut dispute = Dispute::begin(&["input"]);
    // What was played in the blocks that are gone waits for a block again, and may fit no longer.
    for (moves, depth) in [(2, 1), (3, 3), (4, 6)] {
        dispute.until_moves_of_the_honest(moves);
        dispute.layer1.reorganise(depth);
    }
    dispute.settle();
    assert!(dispute.honest.log_text().contains("the layer-1 was reorganised, 6 blocks are abandoned"));
}

#[test]
fn nobody_lies_to_a_layer_1_that_is_not_the_sandbox() {
    let layer1 = Layer1::start(Settings::default());
    let rollup = layer1.originate_notary();
    // A server that speaks HTTP and is something else.
    let other = RollupNode::observer(&layer1, &rollup, "observer");
    let lie = |endpoint: &str, words: &[&str], more: &[&str]| {
        let mut command = soru();
        command.args(["node", "--endpoint", endpoint, "--rpc-port", "0", "--base-dir"]).arg(layer1.wallet());
        command.arg("--data-dir").arg(layer1.path("liar")).args(more).args(words);
        finish(command)
    };
    let run = ["run", "operator", "for", &rollup, "with", "operators", "bootstrap3"];
    let error = lie(&other.rpc.url, &run, &["--adversary", "final-hash"]).failed(1);
    assert!(error.contains("is not Soru's sandbox"), "{error}");
    assert!(!layer1.path("liar").exists(), "nothing was begun");

    // It is never written down, so that no node lies by its configuration.
    let init = ["init", "operator", "config", "for", &rollup, "with", "operators", "bootstrap3"];
    let error = lie(&layer1.rpc.url, &init, &["--adversary", "final-hash"]).failed(2);
    assert!(error.contains("--adversary"), "{error}");
    let error = lie(&layer1.rpc.url, &run, &["--adversary", "honest"]).failed(2);
    assert!(error.contains("there is no adversary `honest`"), "{error}");
}
