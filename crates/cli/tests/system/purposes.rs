//! Which operations a node injects in each mode, and whose keys sign them.

use crate::support::{Layer1, Program, Rpc, Settings, finish, soru, until};
use serde_json::{Value, json};
use soru_base::Binary as _;
use soru_protocol::outbox::{OutboxMessage, OutboxTransaction};
use std::collections::{BTreeMap, BTreeSet};

/// The account that the client of these tests uses, and no node.
const CLIENT: &str = "bootstrap1";

/// Kinds of rollup operations in blocks, each with those who signed some.
type Signed = BTreeMap<String, BTreeSet<String>>;

struct Chain {
    layer1: Layer1,
    names: BTreeMap<String, String>,
}

impl Chain {
    fn start() -> Self {
        let layer1 = Layer1::start(Settings::default());
        let known = layer1.client(&["list", "known", "addresses"]).done();
        let names = known.lines().filter_map(|line| {
            let (name, rest) = line.split_once(": ")?;
            Some((rest.split(' ').next()?.to_owned(), name.to_owned()))
        });
        let names = names.collect();
        Self { layer1, names }
    }

    /// What nodes have injected into these levels.
    fn signed(&self, levels: std::ops::RangeInclusive<u32>) -> Signed {
        let mut out = Signed::new();
        for content in levels.flat_map(|level| self.layer1.contents(level)) {
            let (kind, source) = (content["kind"].as_str().unwrap(), content["source"].as_str().unwrap());
            let name = self.names.get(source).cloned().unwrap_or_else(|| source.to_owned());
            if kind.starts_with("smart_rollup_") && name != CLIENT {
                out.entry(kind.trim_start_matches("smart_rollup_").to_owned()).or_default().insert(name);
            }
        }
        out
    }

    fn node(&self, name: &str, words: &[&str]) -> (Program, Rpc) {
        let mut line = vec!["node".to_owned()];
        line.extend(words.iter().map(|&word| word.to_owned()));
        for (option, value) in [
            ("--base-dir", self.layer1.wallet().display().to_string()),
            ("--data-dir", self.layer1.path(name).display().to_string()),
            ("--endpoint", self.layer1.rpc.url.clone()),
            ("--rpc-port", "0".to_owned()),
        ] {
            line.extend([option.to_owned(), value]);
        }
        let mut program = Program::start(&line, &self.layer1.path(&format!("{name}.log")));
        let url = program.line_after("ready ");
        (program, Rpc { url })
    }

    /// Makes blocks, each when the node has seen the one before, until `done`.
    fn bake_until(&self, rpc: &Rpc, most: u32, mut done: impl FnMut() -> bool) -> u32 {
        let mut head = self.layer1.head();
        for _ in 0..most {
            until("the node is at the head", || (rpc.find("/global/tezos_level")? == head).then_some(()));
            if done() {
                break;
            }
            // What is decided at a head is sent soon after; a block without it brings the next head.
            head = self.layer1.bake(1);
        }
        head
    }
}

fn pairs(expected: &[(&str, &str)]) -> Signed {
    expected.iter().map(|(kind, who)| ((*kind).to_owned(), BTreeSet::from([(*who).to_owned()]))).collect()
}

fn echo(layer1: &Layer1) -> String {
    let path = layer1.path("echo.wasm");
    std::fs::write(&path, soru_kernels::ECHO).unwrap();
    layer1.originate_rollup(&path)
}

#[test]
fn each_purpose_has_a_key_of_its_own() {
    let chain = Chain::start();
    let layer1 = &chain.layer1;
    let rollup = echo(layer1);
    let script = "parameter unit; storage unit; code { CDR; NIL operation; PAIR }";
    layer1.send(&["originate", "contract", "sink", "transferring", "0", "from", CLIENT, "running", script]);
    let contents = layer1.contents(layer1.bake(1));
    let contract = contents[0]["metadata"]["operation_result"]["originated_contracts"][0].as_str().unwrap();
    let call = OutboxTransaction {
        parameters: soru_michelson::Micheline::unit(),
        destination: contract.parse().unwrap(),
        entrypoint: soru_base::Entrypoint::default(),
    };
    let message = OutboxMessage::AtomicTransactionBatch(vec![call]).to_bytes();

    let keys = [
        "operating:bootstrap2",
        "cementing:bootstrap3",
        "batching:bootstrap4",
        "executing_outbox:bootstrap5",
    ];
    let words = [&["init", "operator", "config", "for", &rollup, "with", "operators"][..], &keys].concat();
    let mut init = soru();
    let dir = layer1.path("operator");
    init.arg("node").args(&words).arg("--base-dir").arg(layer1.wallet()).arg("--data-dir").arg(&dir);
    init.args([
        "--fee-parameter",
        "publish:minimal-fees=12345",
        "--fee-parameter",
        "cement:minimal-fees=23456",
    ]);
    finish(init).done();
    let file = dir.join("config.json");
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    config["execute-outbox-messages-filter"] =
        json!([{"transaction": {"destination": [contract], "entrypoint": "any"}}]);
    std::fs::write(&file, config.to_string()).unwrap();

    let first = layer1.head() + 1;
    let (operator, rpc) = chain.node("operator", &["run"]);
    let ids = rpc.post("/local/batcher/injection", &json!([hex::encode(&message)]));
    assert_eq!(ids.as_array().unwrap().len(), 1);
    let head = chain
        .bake_until(&rpc, 60, || chain.signed(first..=layer1.head()).contains_key("execute_outbox_message"));
    let signed = chain.signed(first..=head);
    let expected = pairs(&[
        ("add_messages", "bootstrap4"),
        ("cement", "bootstrap3"),
        ("execute_outbox_message", "bootstrap5"),
        ("publish", "bootstrap2"),
    ]);
    assert_eq!(signed, expected, "{}", operator.log_text());
    // Each purpose pays as it was told to.
    let fees = |kind: &str| -> BTreeSet<u64> {
        let contents = (first..=head).flat_map(|level| layer1.contents(level)).filter(|c| c["kind"] == kind);
        contents.map(|c| c["fee"].as_str().unwrap().parse().unwrap()).collect()
    };
    assert!(fees("smart_rollup_publish").iter().any(|fee| (12_345..23_456).contains(fee)));
    assert!(fees("smart_rollup_cement").iter().all(|fee| *fee >= 23_456));
    assert!(fees("smart_rollup_add_messages").iter().all(|fee| *fee < 12_345));
    let executed =
        layer1.contents(head).into_iter().find(|c| c["kind"] == "smart_rollup_execute_outbox_message");
    let result = &executed.unwrap()["metadata"]["operation_result"]["status"];
    assert_eq!(result, "applied");
    let head = chain.bake_until(&rpc, 4, || rpc.get("/local/outbox/pending") == json!([]));
    assert_eq!(rpc.get("/local/outbox/pending"), json!([]));
    assert!(operator.stop().success());

    // The deposit comes back by another key, and the node ends.
    let first = head + 1;
    let words = [
        "run",
        "bailout",
        "for",
        &rollup,
        "with",
        "operators",
        "bootstrap2",
        "cementing:bootstrap3",
        "recovering:bootstrap5",
    ];
    // Without the file: in it the node is an operator.
    std::fs::remove_file(&file).unwrap();
    let (mut bailout, rpc) = chain.node("operator", &words);
    let mut head = first - 1;
    for _ in 0..60 {
        let seen = || rpc.find("/global/tezos_level").is_some_and(|level| level == head);
        until("the node is at the head, or has ended", || (!bailout.is_running() || seen()).then_some(()));
        if !bailout.is_running() {
            break;
        }
        head = layer1.bake(1);
    }
    let found = chain.signed(first..=head);
    assert_eq!(
        found.get("recover_bond"),
        Some(&BTreeSet::from(["bootstrap5".to_owned()])),
        "{}",
        bailout.log_text()
    );
    assert!(!found.contains_key("publish") && !found.contains_key("add_messages"), "{found:?}");
}

#[test]
fn a_mode_injects_what_it_may_and_nothing_else() {
    let chain = Chain::start();
    let layer1 = &chain.layer1;
    for (mode, account, expected) in [
        ("observer", None, &[][..]),
        ("accuser", Some("bootstrap2"), &[]),
        ("batcher", Some("bootstrap3"), &["add_messages"]),
        ("maintenance", Some("bootstrap4"), &["cement", "publish"]),
        ("operator", Some("bootstrap5"), &["add_messages", "cement", "publish"]),
        ("custom:cement,publish,refute", Some("bootstrap2"), &["cement", "publish"]),
    ] {
        let rollup = echo(layer1);
        let mut words = vec!["run", mode, "for", &rollup];
        words.extend(account.iter().flat_map(|account| ["with", "operators", account]));
        let first = layer1.head() + 1;
        let name = mode.split(':').next().unwrap();
        let (node, rpc) = chain.node(name, &words);
        let injected = rpc.call(reqwest::Method::POST, "/local/batcher/injection", "[\"00\"]").unwrap();
        assert_eq!(injected.0 == 200, expected.contains(&"add_messages"), "{mode}: {}", injected.1);
        let expected = pairs(&expected.iter().map(|kind| (*kind, account.unwrap())).collect::<Vec<_>>());
        // Three periods and the time to object: whoever publishes has published, whoever cements has cemented.
        let mut blocks = 0;
        let head = chain.bake_until(&rpc, 60, || {
            blocks += 1;
            blocks > 24 && chain.signed(first..=layer1.head()) == expected
        });
        assert_eq!(chain.signed(first..=head), expected, "{mode}: {}", node.log_text());
        assert!(node.stop().success(), "{mode}");
    }
}

#[test]
fn what_the_command_line_says_wrong_is_told_with_what_to_do() {
    let chain = Chain::start();
    let rollup = "scr1KYjNBT4HXWitp9N8jEN64i6FHJpvHPes1";
    let dir = chain.layer1.path("nothing").display().to_string();
    for (line, code, cause) in [
        (
            &["run", "observer", "for", "scr1KYjNBT4HXWitp9N8jEN64i6FHJpvHPes2"][..],
            1,
            "is no address of a smart rollup",
        ),
        (&["run", "observer", "for", "nobody"], 1, "nobody"),
        (&["run"], 1, "there is no configuration file"),
        (&["run", "operater", "for", rollup], 1, "unknown mode `operater`"),
        (&["run", "custom:timeout", "for", rollup], 1, "`refute` belongs to `timeout`"),
        (&["run", "operator", "for", rollup], 1, "smart-rollup-node-operator.publish: missing"),
        (
            &["run", "operator", "for", rollup, "with", "operators", "signing:bootstrap2"],
            1,
            "unknown purpose `signing`",
        ),
        (
            &["run", "operator", "for", rollup, "with", "operators", "bootstrap2", "bootstrap3"],
            1,
            "second account",
        ),
        (&["run", "--dal-node", "http://x"], 2, "data availability"),
        (&["run", "--pre-images-endpoint", "ftp://x"], 2, "http://"),
        (&["run", "--fee-parameter", "publish:feecap=1"], 2, "fee-cap"),
        (&["run", "--acl-override", "some"], 2, "secure"),
        (&["run", "--history-mode", "some"], 2, "archive or full"),
        (&["run", "observer", "for", rollup, "--injection-ttl", "0"], 1, "--injection-ttl"),
        (&["run", "observer", "for", rollup, "--boot-sector-file", "/none"], 1, "there is no file /none"),
    ] {
        let mut command = soru();
        command
            .arg("node")
            .args(line)
            .args(["--data-dir", &dir])
            .arg("--base-dir")
            .arg(chain.layer1.wallet());
        let error = finish(command).failed(code);
        assert!(error.contains(cause), "{line:?}: {error}");
    }
    let mut command = soru();
    command.args(["node", "generate", "openapi"]);
    let printed: Value = serde_json::from_str(&finish(command).done()).unwrap();
    assert_eq!(printed["openapi"], "3.1.0");
}
