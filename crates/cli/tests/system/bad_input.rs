//! What is wrong is refused with its cause, and everything goes on.

use crate::support::{Finished, Layer1, RollupNode, Settings, finish, soru, until};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use soru_base::bootstrap::BootstrapAccount;
use soru_base::{Address, Binary as _, BlockHash, Mutez};
use soru_protocol::operation::{Action, Content, Operation, SignedOperation};

/// An address that no rollup of a new chain has.
const UNKNOWN: &str = "scr1HLXM32GacPNDrhHDLAssZG88eWqCUbyLF";

fn run(words: &[&str]) -> Finished {
    let mut command = soru();
    command.args(words);
    finish(command)
}

fn account(name: &str) -> &'static BootstrapAccount {
    BootstrapAccount::named(name).expect("an account of the sandbox")
}

impl Layer1 {
    /// A transfer from bootstrap1 to bootstrap2 with that counter, on the head.
    fn transfer(&self, counter: u64) -> Operation {
        let branch: BlockHash =
            self.rpc.get("/chains/main/blocks/head/hash").as_str().expect("a hash").parse().expect("a hash");
        let action = Action::Transaction {
            amount: Mutez(1),
            destination: Address::from(account("bootstrap2").pkh()),
            parameters: None,
        };
        let content = Content {
            source: account("bootstrap1").pkh(),
            fee: Mutez(1_000),
            counter,
            gas_limit: 5_000,
            storage_limit: 0,
            action,
        };
        Operation { branch, contents: vec![content] }
    }

    fn inject(&self, body: &Value) -> (StatusCode, Value) {
        self.rpc.call(Method::POST, "/injection/operation", &body.to_string()).expect("an answer")
    }
}

#[test]
fn operations_that_are_none_are_refused_and_the_layer_1_goes_on() {
    let mut layer1 = Layer1::start(Settings::default());
    let key = account("bootstrap1").sk();
    let stranger = account("bootstrap3").sk();
    let signed = |operation, key| json!(hex::encode(SignedOperation::sign(operation, key).to_bytes()));
    let garbage: String = (0..600_u32).map(|n| format!("{:02x}", (n * 167 + 13) % 256)).collect();
    for (body, status, id, cause) in [
        (json!("zz"), 400, "rpc.bad_request", "hexadecimal"),
        (json!(7), 400, "rpc.bad_request", "hexadecimal"),
        (json!(""), 500, "node.prevalidation.parse_error", "no signed operation"),
        (json!("00"), 500, "node.prevalidation.parse_error", "1 bytes are too few"),
        (json!(garbage), 500, "node.prevalidation.parse_error", "at byte 32, reading kind of content"),
        (signed(layer1.transfer(0), &key), 500, "proto.alpha.contract.counter_in_the_past", "0"),
        (signed(layer1.transfer(3), &key), 500, "proto.alpha.contract.counter_in_the_future", "3"),
        (signed(layer1.transfer(1), &stranger), 500, "proto.alpha.operation.invalid_signature", ""),
    ] {
        let (found, answer) = layer1.inject(&body);
        assert_eq!(found.as_u16(), status, "{body}: {answer}");
        assert_eq!(answer[0]["id"], id, "{body}: {answer}");
        assert!(answer.to_string().contains(cause), "{body}: {answer}");
    }
    // A body that is no JSON at all, and paths that are not there.
    let (status, answer) = layer1.rpc.call(Method::POST, "/injection/operation", "}{").expect("an answer");
    assert_eq!((status.as_u16(), &answer[0]["id"]), (400, &json!("rpc.bad_request")), "{answer}");
    for path in ["/chains/main/blocks/9999/hash", "/chains/main/blocks/nonsense", "/no/such/thing"] {
        let (status, answer) = layer1.rpc.call(Method::GET, path, "").expect("an answer");
        assert!(status.is_client_error(), "{path}: {status} {answer}");
    }
    // The network's nodes take a rollup that is not there for a fault of theirs.
    let path = format!("/chains/main/blocks/head/context/smart_rollups/smart_rollup/{UNKNOWN}/kind");
    let (status, answer) = layer1.rpc.call(Method::GET, &path, "").expect("an answer");
    let id = "proto.alpha.smart_rollup_does_not_exist";
    assert_eq!((status.as_u16(), &answer[0]["id"]), (500, &json!(id)), "{answer}");

    assert!(layer1.is_running());
    assert!(!layer1.log_text().contains("panicked"), "{}", layer1.log_text());
    // And the right one is taken.
    let (status, answer) = layer1.inject(&signed(layer1.transfer(1), &key));
    assert!(status.is_success(), "{answer}");
    let level = layer1.bake(1);
    assert_eq!(layer1.contents(level).len(), 1);
}

#[test]
fn commands_on_what_does_not_exist_name_it() {
    let layer1 = Layer1::start(Settings::default());
    for (words, cause) in [
        (
            format!("cement commitment from bootstrap1 for smart rollup {UNKNOWN}"),
            "smart_rollup_does_not_exist",
        ),
        (format!("recover bond of bootstrap1 for smart rollup {UNKNOWN}"), "smart_rollup_does_not_exist"),
        ("get balance for bootstrap9".to_owned(), "no contract or account named `bootstrap9`"),
        ("get balance for bootstrp1".to_owned(), "did you mean `bootstrap1`?"),
        (
            "cement commitment from bootstrap1 for smart rollup nameless".to_owned(),
            "no smart rollup named `nameless`",
        ),
    ] {
        let error = layer1.client(&words.split(' ').collect::<Vec<_>>()).failed(1);
        assert!(error.contains(cause), "{words}: {error}");
    }
    let data_dir = layer1.path("node").display().to_string();
    let node = ["node", "--endpoint", &layer1.rpc.url, "--data-dir", &data_dir, "--rpc-port", "0"];
    let error = run(&[&node[..], &["run", "observer", "for", UNKNOWN]].concat()).failed(1);
    assert!(error.contains(&format!("there is no smart rollup {UNKNOWN} on the layer-1 at")), "{error}");
    let error = run(&[&node[..], &["run", "observr", "for", UNKNOWN]].concat()).failed(1);
    assert!(error.contains("unknown mode `observr`"), "{error}");
    let error = run(&[&node[..], &["run", "operator", "for", UNKNOWN]].concat()).failed(1);
    assert!(error.contains("smart-rollup-node-operator.publish: missing"), "{error}");
}

#[test]
fn messages_have_a_limit() {
    let layer1 = Layer1::start(Settings::default());
    let file = layer1.path("message");
    let send = |size: usize| {
        std::fs::write(&file, vec![7; size]).unwrap();
        let message = format!("bin:{}", file.display());
        layer1.client(&[
            "--wait",
            "none",
            "send",
            "smart",
            "rollup",
            "message",
            &message,
            "from",
            "bootstrap1",
        ])
    };
    for size in [4_096, 4_097] {
        let error = send(size).failed(1);
        assert!(error.contains(&format!("message 0, of {size} bytes, is too large")), "{error}");
    }
    // The same from a client that does not look: the layer-1 refuses by itself.
    let mut operation = layer1.transfer(1);
    operation.contents[0].action = Action::SmartRollupAddMessages { messages: vec![vec![7; 4_097]] };
    let signed = SignedOperation::sign(operation, &account("bootstrap1").sk());
    let (status, answer) = layer1.inject(&json!(hex::encode(signed.to_bytes())));
    assert!(status.is_success(), "only when it is applied: {answer}");
    let level = layer1.bake(1);
    let result = &layer1.contents(level)[0]["metadata"]["operation_result"];
    assert_eq!(result["status"], "failed", "{result}");
    assert_eq!(result["errors"][0]["id"], "proto.alpha.smart_rollup_inbox_message_encoding", "{result}");
    send(4_095).done();
    let level = layer1.bake(1);
    assert_eq!(layer1.contents(level)[0]["metadata"]["operation_result"]["status"], "applied");
}

/// The network does not look at kernels: the rollup is there, but its machine is stuck from the first level on.
#[test]
fn a_kernel_that_is_no_wasm_is_originated_and_the_node_says_that_it_is_stuck() {
    let layer1 = Layer1::start(Settings::default());
    let rollup = layer1.originate_rollup_of(&hex::encode("no WebAssembly"));
    let origination = layer1.head();
    let mut node = RollupNode::operator(&layer1, &rollup, "operator");
    layer1.bake(3);
    let stuck = until("the node says that it is stuck", || {
        let health = node.rpc.find("/health")?;
        (!health["stuck"].is_null()).then(|| health["stuck"].clone())
    });
    assert_eq!(stuck["level"], origination + 1);
    let reason = stuck["reason"].as_str().unwrap();
    assert!(reason.contains("magic header not detected"), "{reason}");
    assert_eq!(stuck["obstacle"], "stuck_for_ever");
    node.until_logged(
        "the machine refuses the kernel (when it reads it): magic header not detected, at byte 0",
    );
    assert!(node.is_running());
    // Being stuck is a state like any other: it has a hash, and the node follows the chain with it.
    node.until_at(&layer1, layer1.head());
    let status = node.rpc.find(&format!("/global/block/{}/status", layer1.head())).unwrap();
    assert!(status.as_str().unwrap().contains("No_fallback_kernel"), "{status}");

    // Words that are neither hexadecimal nor a file do not get that far.
    let words = "originate smart rollup from bootstrap1 of kind wasm_2_0_0 of type bytes with kernel";
    let error = layer1.client(&words.split(' ').chain(["hello"]).collect::<Vec<_>>()).failed(1);
    assert!(error.contains("the kernel is neither hexadecimal nor a WebAssembly file"), "{error}");
}

#[test]
fn questions_to_a_node_that_make_no_sense_are_refused() {
    let layer1 = Layer1::start(Settings::default());
    let rollup = layer1.originate_notary();
    let mut node = RollupNode::observer(&layer1, &rollup, "observer");
    node.until_at(&layer1, layer1.head());
    for (path, status, cause) in [
        ("/global/block/nonsense/hash", 400, "`nonsense` is no block"),
        ("/global/block/9999/hash", 404, "9999"),
        ("/global/block/head/durable/wasm_2_0_0/value?key=nonsense", 400, "`nonsense` is no key"),
        ("/global/block/head/outbox/x/messages", 400, "`x` is no level"),
        ("/no/such/thing", 404, "there is no RPC at /no/such/thing"),
    ] {
        let (found, answer) = node.rpc.call(Method::GET, path, "").expect("an answer");
        assert_eq!(found.as_u16(), status, "{path}: {answer}");
        assert!(answer.to_string().contains(cause), "{path}: {answer}");
    }
    let error = run(&["rollup-client", "--endpoint", &node.rpc.url, "rpc", "get", "/no/such"]).failed(1);
    assert!(error.contains("/no/such: not found"), "{error}");
    assert!(node.is_running());
}

#[test]
fn a_configuration_is_refused_with_all_its_faults() {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().join("node").display().to_string();
    run(&["node", "--data-dir", &data_dir, "init", "observer", "config", "for", UNKNOWN]).done();
    let error =
        run(&["node", "--data-dir", &data_dir, "init", "observer", "config", "for", UNKNOWN]).failed(1);
    assert!(error.contains("exists already"), "{error}");
    let path = dir.path().join("node/config.json");
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    config["rcp-port"] = json!(1);
    config["moed"] = json!("observer");
    std::fs::write(&path, config.to_string()).unwrap();
    let error = run(&["node", "--data-dir", &data_dir, "run"]).failed(1);
    assert!(error.contains("rcp-port: unknown key, did you mean `rpc-port`?"), "{error}");
    assert!(error.contains("moed: unknown key, did you mean `mode`?"), "{error}");
    std::fs::write(&path, "{").unwrap();
    let error = run(&["node", "--data-dir", &data_dir, "run"]).failed(1);
    assert!(error.contains("config.json is no JSON"), "{error}");
    std::fs::remove_file(&path).unwrap();
    let error = run(&["node", "--data-dir", &data_dir, "run"]).failed(1);
    assert!(error.contains("there is no configuration file") && error.contains("config.json"), "{error}");
    let error = run(&["node", "run"]).failed(2);
    assert!(error.contains("--data-dir is missing"), "{error}");
}

#[test]
fn a_port_or_a_folder_that_is_in_use_is_named() {
    let mut layer1 = Layer1::start(Settings::default());
    let rollup = layer1.originate_notary();
    let mut node = RollupNode::observer(&layer1, &rollup, "observer");
    let addr = layer1.rpc.url.trim_start_matches("http://").to_owned();
    let port = node.rpc.url.rsplit(':').next().unwrap().to_owned();

    let other = layer1.path("other").display().to_string();
    let error = run(&["sandbox", "run", "--on-demand", "--rpc-addr", &addr, "--data-dir", &other]).failed(1);
    assert!(
        error.contains(&format!("port {} of 127.0.0.1 is in use", addr.rsplit(':').next().unwrap())),
        "{error}"
    );
    assert!(!layer1.path("other").exists(), "nothing was touched");
    let chain = layer1.path("chain").display().to_string();
    let error =
        run(&["sandbox", "run", "--on-demand", "--rpc-addr", "127.0.0.1:0", "--data-dir", &chain]).failed(1);
    assert!(error.contains("is in use: another sandbox runs on it"), "{error}");

    let node_words = ["node", "--endpoint", &layer1.rpc.url, "run", "observer", "for", &rollup];
    let error = run(&[&node_words[..], &["--data-dir", &other, "--rpc-port", &port]].concat()).failed(1);
    assert!(error.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{error}");
    assert!(error.contains("another program may use that port"), "{error}");
    let used = layer1.path("observer").display().to_string();
    let error = run(&[&node_words[..], &["--data-dir", &used, "--rpc-port", "0"]].concat()).failed(1);
    assert!(error.contains("two nodes cannot share a data directory"), "{error}");

    let head = layer1.bake(1);
    node.until_at(&layer1, head);
    assert!(layer1.is_running());
}

#[test]
fn words_that_are_no_command_get_a_hint() {
    for (words, cause) in [
        ("client transfr 1 from a to b", "did you mean `transfer`?"),
        ("client transfer 1 form a to b", "unexpected `form` after `transfer 1`: expected `from`"),
        ("client transfer 1 from a", "`transfer 1 from a` is not finished: expected `to`"),
        ("client", "a command is missing"),
        ("node rnu", "expected `init`, `run`"),
        ("rollup-client show statsu", "did you mean `status`?"),
        ("snadbox", "a similar subcommand exists: 'sandbox'"),
        ("sandbox run --on-demnad", "a similar argument exists: '--on-demand'"),
        ("sandbox run --profile alfa", "unknown profile `alfa`: expected `alpha` or `mainnet`"),
        ("demo --block-time soon", "invalid value 'soon' for '--block-time"),
        ("pvm run", "--inputs"),
    ] {
        let error = run(&words.split(' ').collect::<Vec<_>>()).failed(2);
        assert!(error.contains(cause), "{words}: {error}");
    }
}

#[test]
fn a_sandbox_is_not_started_with_settings_that_mean_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().join("chain").display().to_string();
    let period = "smart_rollup_commitment_period_in_blocks";
    for (option, value, cause) in [
        ("--constant", "smart_rollup_comitment_period_in_blocks=3", period),
        ("--constant", &format!("{period}=-3"), "`-3` is no value for the constant"),
        ("--constant", period, "expected NAME=VALUE"),
        ("--block-time", "0", "the block time is zero"),
    ] {
        let error =
            run(&["sandbox", "run", "--rpc-addr", "127.0.0.1:0", "--data-dir", &data_dir, option, value])
                .failed(1);
        assert!(error.contains(cause), "{option} {value}: {error}");
    }
    assert!(!dir.path().join("chain").exists(), "nothing was made");
}

#[test]
fn a_broken_wallet_is_named_and_left_alone() {
    let layer1 = Layer1::start(Settings::default());
    let file = layer1.wallet().join("public_key_hashs");
    for (text, cause) in [
        ("[{", "is no wallet file"),
        (
            r#"[{"name":"alice","value":3}]"#,
            "the entry `alice` of public_key_hashs is not an implicit account",
        ),
        (
            r#"[{"name":"alice","value":"tz1nonsense"}]"#,
            "the entry `alice` of public_key_hashs is not an implicit",
        ),
    ] {
        std::fs::write(&file, text).unwrap();
        let error = layer1.client(&["get", "balance", "for", "alice"]).failed(1);
        assert!(error.contains(cause), "{text}: {error}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    }
    std::fs::write(&file, "[{").unwrap();
    layer1.client(&["gen", "keys", "carol"]).failed(1);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "[{");
}

#[test]
fn a_layer_1_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let wallet = dir.path().display().to_string();
    // A port that a program had a moment ago.
    let mut gone = Layer1::start(Settings::default());
    let url = gone.rpc.url.clone();
    gone.kill();
    let tz1 = account("bootstrap1").public_key_hash;
    let error =
        run(&["client", "--base-dir", &wallet, "--endpoint", &url, "get", "balance", "for", tz1]).failed(1);
    assert!(error.contains(url.as_str()), "{error}");
    let error =
        run(&["client", "--base-dir", &wallet, "--endpoint", "nonsense", "get", "balance", "for", tz1])
            .failed(1);
    assert!(error.contains("nonsense"), "{error}");
    let error = run(&["rollup-client", "--endpoint", &url, "show", "status"]).failed(1);
    assert!(error.contains(&url) && error.contains("is it running?"), "{error}");
}
