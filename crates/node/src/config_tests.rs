use super::*;
use serde_json::json;

const KEY: &str = "tz1fp5ncDmqYwYC568fREYz9iwQTgGQuKZqX";
const ROLLUP: &str = "scr1BBMMrm3Zhq1S2Qy2LpRXdu4ebtW9sBrtY";

fn key() -> PublicKeyHash {
    KEY.parse().unwrap()
}

fn faults_of(value: &Value) -> Vec<String> {
    match Config::from_json(value) {
        Err(ConfigError::Faults { faults }) => faults,
        other => panic!("expected faults, found {other:?}"),
    }
}

/// The file shown in the documentation.
fn documented() -> Value {
    json!({
        "data-dir": "/rollup",
        "smart-rollup-address": ROLLUP,
        "smart-rollup-node-operator": {"publish": KEY, "add_messages": KEY, "cement": KEY, "refute": KEY},
        "fee-parameters": {},
        "mode": "operator"
    })
}

#[test]
fn writes_the_documented_file() {
    let config =
        Config::new(Mode::Operator, ROLLUP, Config::operators_for(Mode::Operator, key()), "/rollup").unwrap();
    assert_eq!(format!("{:#}", config.to_json()), format!("{:#}", documented()));
    assert_eq!(Config::from_json(&documented()).unwrap(), config);
}

#[test]
fn every_setting_survives_a_round_trip() {
    let mut config = Config::from_json(&documented()).unwrap();
    config.options = Options {
        endpoint: "http://10.0.0.1:1".into(),
        rpc_addr: "0.0.0.0".parse().unwrap(),
        rpc_port: 0,
        metrics_addr: Some("127.0.0.1:9".parse().unwrap()),
        wasm_compiler: Some(Compiler::Singlepass),
        kernel_deadline: Duration::from_secs(3),
        history_mode: HistoryMode::Archive,
        history_blocks: 7,
        gc_period: 8,
        reconnection_delay: Duration::from_secs(9),
        log_kernel_debug: true,
        rpc_allow: vec!["/local/batcher/injection".to_owned()],
        batcher: batcher::Settings { max_elements: 100, ..batcher::Settings::default() },
    };
    config
        .fee_parameters
        .insert(Purpose::Cement, FeeParameter { burn_cap: Some(5), ..FeeParameter::default() });
    assert_eq!(Config::from_json(&config.to_json()).unwrap(), config);
}

#[test]
fn identifiers_follow_the_address_that_was_written() {
    let mainnet = "sr1RYurGZtN8KNSpkMcCt9CgWeUaNkzsAfXf";
    let config = Config::new(Mode::Observer, mainnet, BTreeMap::new(), "/x").unwrap();
    assert_eq!(config.ids, IdFamily::Mainnet);
    assert_eq!(config.to_json()["smart-rollup-address"], mainnet);
}

#[test]
fn all_faults_come_at_once_with_hints() {
    let mut value = documented();
    value["mode"] = json!("operater");
    value["rpc-prot"] = json!(1);
    value["rpc-port"] = json!(70_000);
    value["smart-rollup-node-operator"]["publsh"] = json!(KEY);
    value["fee-parameters"]["cement"] = json!({"burncap": 1});
    value["zzz"] = json!(null);
    value.as_object_mut().unwrap().remove("data-dir");
    let faults = faults_of(&value);
    let has = |text: &str| assert!(faults.iter().any(|f| f.contains(text)), "{text} is not in {faults:#?}");
    has("mode: unknown mode `operater`");
    has("rpc-prot: unknown key, did you mean `rpc-port`?");
    has("rpc-port: expected a port (0 to 65535), found 70000");
    has("smart-rollup-node-operator.publsh: unknown key, did you mean `publish`?");
    has("fee-parameters.cement.burncap: unknown key, did you mean `burn-cap`?");
    has("zzz: unknown key; known keys are batcher, data-dir");
    has("data-dir: missing");
    assert_eq!(faults.len(), 7, "{faults:#?}");
}

#[test]
fn a_mode_names_the_signers_it_lacks() {
    let mut value = documented();
    value["smart-rollup-node-operator"].as_object_mut().unwrap().remove("cement");
    assert_eq!(faults_of(&value), ["smart-rollup-node-operator.cement: missing, mode operator needs it"]);
    value["mode"] = json!("observer");
    assert!(Config::from_json(&value).is_ok());
}

#[test]
fn the_table_of_modes() {
    use Purpose::*;
    let table = [
        (Mode::Operator, [true, true, true, true]),
        (Mode::Batcher, [true, false, false, false]),
        (Mode::Observer, [false, false, false, false]),
        (Mode::Maintenance, [false, true, true, true]),
        (Mode::Accuser, [false, true, false, true]),
        (Mode::Bailout, [false, false, true, true]),
    ];
    for (mode, row) in table {
        assert_eq!([AddMessages, Publish, Cement, Refute].map(|p| mode.injects(p)), row, "{mode}");
    }
}

#[test]
fn an_accuser_is_made_of_one_operator() {
    let operators = Config::operators_for(Mode::Accuser, key());
    let config = Config::new(Mode::Accuser, ROLLUP, operators, "/rollup").unwrap();
    assert_eq!(config.to_json()["smart-rollup-node-operator"], json!({"publish": KEY, "refute": KEY}));
    assert_eq!(Config::from_json(&config.to_json()).unwrap(), config);
    assert_eq!((config.staker(), config.signer(Purpose::Cement)), (Some(key()), None));
    for mode in Mode::ALL {
        assert_eq!(mode.name().parse(), Ok(mode));
    }
}

#[test]
fn games_are_played_by_whoever_stakes() {
    let other = "tz1VSUr8wwNhLAzempoch5d6hLRiTh8Cjcjb";
    let mut value = documented();
    value["smart-rollup-node-operator"]["refute"] = json!(other);
    assert_eq!(
        faults_of(&value),
        [format!(
            "smart-rollup-node-operator.refute: expected {KEY}, who publishes, found {other}: the layer-1 lets only the staker play"
        )]
    );
    // Nothing is published in this mode: whoever refutes is the staker.
    value["mode"] = json!("bailout");
    let config = Config::from_json(&value).unwrap();
    assert_eq!(config.staker(), Some(other.parse().unwrap()));
}

#[test]
fn init_does_not_overwrite() {
    let dir = tempfile::tempdir().unwrap();
    let config =
        Config::new(Mode::Observer, ROLLUP, BTreeMap::new(), dir.path().join("made/for/it")).unwrap();
    let path = config.init(false).unwrap();
    assert_eq!(Config::read(&config.data_dir).unwrap(), config);
    assert!(matches!(config.init(false), Err(ConfigError::Exists { path: p }) if p == path));
    config.init(true).unwrap();
}

#[test]
fn no_json_says_where() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(Config::path_in(dir.path()), "{\n \"mode\": }").unwrap();
    let error = Config::read(dir.path()).unwrap_err().to_string();
    assert!(error.contains("line 2"), "{error}");
    assert!(matches!(Config::read(&dir.path().join("none")), Err(ConfigError::Io { .. })));
}

#[test]
fn the_batcher_is_configured_by_the_network_s_words() {
    let mut config =
        Config::new(Mode::Batcher, ROLLUP, Config::operators_for(Mode::Batcher, key()), "/rollup").unwrap();
    assert_eq!(config.batchers(), [key()]);
    let other = soru_base::BOOTSTRAP_ACCOUNTS[3].pkh();
    config.more_batchers = vec![other, key()];
    assert_eq!(config.batchers(), [key(), other]);
    let mut json = config.to_json();
    assert_eq!(json["smart-rollup-node-operator"]["add_messages"].as_array().unwrap().len(), 3);
    assert!(json.get("batcher").is_none() && json.get("rpc-allow").is_none());
    json["batcher"] = json!({"min_batch_elements": 2, "max_batch_size": 1_000, "max_queue_elements": 7});
    json["injector"] = json!({"retention_period": 12});
    json["rpc-allow"] = json!(["/local/batcher/injection"]);
    let read = Config::from_json(&json).unwrap();
    assert_eq!(read.more_batchers, config.more_batchers);
    assert_eq!((read.options.batcher.min_elements, read.options.batcher.max_message()), (2, 996));
    assert_eq!((read.options.batcher.room.elements, read.options.batcher.retention.0), (7, 12));
    assert_eq!(read.to_json(), json);
}

#[test]
fn faults_of_the_batcher_are_all_reported() {
    let config =
        Config::new(Mode::Batcher, ROLLUP, Config::operators_for(Mode::Batcher, key()), "/rollup").unwrap();
    let mut json = config.to_json();
    json["batcher"] =
        json!({"min_batch_elements": 9, "max_batch_elements": 8, "max_batch_size": 40_000, "size": 1});
    json["injector"] = json!({"retention_period": 0});
    json["rpc-allow"] = json!(["/local/batcher/queue"]);
    json["smart-rollup-node-operator"]["add_messages"] = json!([key().to_string(), 7]);
    let Err(ConfigError::Faults { faults }) = Config::from_json(&json) else { panic!("no faults") };
    for part in [
        "batcher.max_batch_elements",
        "batcher.max_batch_size",
        "batcher.size: unknown key",
        "injector.retention_period",
        "rpc-allow: expected a list of routes",
        "smart-rollup-node-operator.add_messages: expected a key, or a list of keys",
    ] {
        assert!(faults.iter().any(|fault| fault.contains(part)), "{part}: {faults:?}");
    }
}

#[test]
fn a_route_that_writes_is_open_to_the_machine_or_by_name() {
    let mut config = Config::new(Mode::Observer, ROLLUP, Default::default(), "/rollup").unwrap();
    let route = "/local/batcher/injection";
    for (addr, open) in
        [("127.0.0.1", true), ("::1", true), ("0.0.0.0", false), ("::", false), ("10.0.0.1", false)]
    {
        config.options.rpc_addr = addr.parse().unwrap();
        assert_eq!(config.may_write(route), open, "{addr}");
    }
    config.options.rpc_allow = vec![route.to_owned()];
    assert!(config.may_write(route));
}
