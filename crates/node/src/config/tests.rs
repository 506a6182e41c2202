use super::*;
use crate::batcher;
use serde_json::json;
use soru_engine::{Compiler, Kind};
use std::time::Duration;

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
        engine: Some(Kind::TickExact),
        wasm_compiler: Some(Compiler::Singlepass),
        kernel_deadline: Duration::from_secs(3),
        simulation_deadline: Duration::from_millis(1_500),
        history_mode: HistoryMode::Archive,
        history_blocks: 7,
        gc_period: 8,
        reconnection_delay: Duration::from_secs(9),
        l1_rpc_timeout: Some(Duration::from_secs(7)),
        log_kernel_debug: true,
        log_kernel_debug_file: Some("kernel.log".into()),
        pre_images_endpoint: Some("http://10.0.0.2/pages".into()),
        boot_sector_file: Some("/kernel.wasm".into()),
        bail_on_disagree: true,
        execute_outbox: vec![
            OutboxFilter { destinations: None, entrypoints: None },
            OutboxFilter {
                destinations: Some(vec![soru_base::ContractHash::ZERO]),
                entrypoints: Some(vec![soru_base::Entrypoint::new("mint").unwrap()]),
            },
        ],
        cors: Cors { origins: vec!["https://example.org".into()], headers: vec!["*".into()] },
        rpc_allow: vec!["/local/batcher/injection".to_owned()],
        batcher: batcher::Settings { max_elements: 100, ..batcher::Settings::default() },
    };
    config.operators.set(Purpose::ExecuteOutbox, key());
    config
        .fee_parameters
        .insert(Purpose::Cement, FeeParameter { burn_cap: Some(5), ..FeeParameter::default() });
    assert_eq!(Config::from_json(&config.to_json()).unwrap(), config);
}

#[test]
fn identifiers_follow_the_address_that_was_written() {
    let mainnet = "sr1RYurGZtN8KNSpkMcCt9CgWeUaNkzsAfXf";
    let config = Config::new(Mode::Observer, mainnet, Operators::default(), "/x").unwrap();
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
    has("zzz: unknown key; known keys are ");
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
        (Mode::Operator, [true, true, true, true, false, true]),
        (Mode::Batcher, [true, false, false, false, false, false]),
        (Mode::Observer, [false; 6]),
        (Mode::Maintenance, [false, true, true, true, false, true]),
        (Mode::Accuser, [false, true, false, true, true, false]),
        (Mode::Bailout, [false, false, true, true, true, false]),
        ("custom:publish,refute,timeout".parse().unwrap(), [false, true, false, true, false, false]),
    ];
    for (mode, row) in table {
        let kinds = [AddMessages, Publish, Cement, Refute, Recover, ExecuteOutbox];
        assert_eq!(kinds.map(|p| mode.injects(p)), row, "{mode}");
        assert_eq!(mode.to_string().parse(), Ok(mode));
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
        Config::new(Mode::Observer, ROLLUP, Operators::default(), dir.path().join("made/for/it")).unwrap();
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
    config.operators.set_batchers(&[key(), other, key()]);
    assert_eq!(config.batchers(), [key(), other]);
    let mut json = config.to_json();
    assert_eq!(json["smart-rollup-node-operator"]["add_messages"], json!([KEY, other.to_string()]));
    assert!(json.get("batcher").is_none() && json.get("rpc-allow").is_none());
    json["batcher"] = json!({"min_batch_elements": 2, "max_batch_size": 1_000, "max_queue_elements": 7});
    json["injector"] = json!({"retention_period": 12});
    json["rpc-allow"] = json!(["/local/batcher/injection"]);
    let read = Config::from_json(&json).unwrap();
    assert_eq!(read.operators, config.operators);
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
fn no_operation_costs_without_a_limit() {
    for purpose in Purpose::ALL {
        let caps = FeeParameter::of(purpose);
        assert!(caps.fee_cap.is_some() && caps.burn_cap.is_some(), "{purpose}");
    }
    let said = FeeParameter { burn_cap: Some(7), ..FeeParameter::default() };
    let execute = FeeParameter::of(Purpose::ExecuteOutbox).with(said);
    assert_eq!((execute.fee_cap, execute.burn_cap), (Some(1_000_000), Some(7)));
}

#[test]
fn a_password_is_in_the_file_and_nowhere_else() {
    let mut config = Config::new(Mode::Observer, ROLLUP, Default::default(), "/rollup").unwrap();
    config.options.endpoint = "https://me:secret@layer1.example/v1".to_owned();
    config.options.pre_images_endpoint = Some("https://me:secret@pages.example".to_owned());
    assert_eq!(Config::from_json(&config.to_json()).unwrap(), config);
    let shown = config.to_shown_json();
    assert_eq!(shown["endpoint"], json!("https://layer1.example/v1"));
    assert_eq!(shown["pre-images-endpoint"], json!("https://pages.example"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = config.init_file(&dir.path().join("config.json"), false).unwrap();
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    for key in ["endpoint", "pre-images-endpoint"] {
        let mut wrong = config.to_json();
        wrong[key] = json!("htps://me:my/secret@layer1.example");
        let fault = Config::from_json(&wrong).unwrap_err().to_string();
        assert!(fault.contains("layer1.example") && !fault.contains("secret"), "{fault}");
    }
}

/// The keys that Octez's node writes when every one is shown, with the values it writes.
fn octez() -> Value {
    json!({
        "smart-rollup-address": ROLLUP,
        "etherlink": false,
        "smart-rollup-node-operator": {"operating": KEY, "batching": [KEY], "cementing": KEY, "executing_outbox": KEY},
        "rpc-addr": "127.0.0.1",
        "rpc-port": 8932,
        "acl": [],
        "performance-metrics": true,
        "reconnection_delay": 2.0,
        "fee-parameters": {
            "publish": {
                "minimal-fees": "100", "minimal-nanotez-per-byte": ["1000", "1"],
                "minimal-nanotez-per-gas-unit": ["201", "2"], "force-low-fee": false, "fee-cap": "2000000",
                "burn-cap": "1000000",
            },
            "timeout": {"fee-cap": "3"},
            "refute": {"fee-cap": "2"},
            "recover": {"fee-cap": "4"},
            "execute_outbox_message": {"fee-cap": "5"},
        },
        "mode": "operator",
        "loser-mode": "",
        "apply-unsafe-patches": false,
        "unsafe-pvm-patches": [],
        "execute-outbox-messages-filter": [{"transaction": {"destination": "any", "entrypoint": ["mint"]}}],
        "batcher": {"min_batch_elements": 10, "min_batch_size": 10, "max_batch_elements": 1073741823},
        "injector": {"retention_period": 2048, "attempts": 10, "injection_ttl": 120, "max_batch_length": null},
        "l1_blocks_cache_size": 64,
        "l2_blocks_cache_size": 64,
        "l1_monitor_finalized": false,
        "l1_rpc_timeout": 60.0,
        "loop_retry_delay": 10.0,
        "log-kernel-debug": false,
        "unsafe-disable-wasm-kernel-checks": false,
        "no-degraded": false,
        "slow-vm-fallback": false,
        "gc-parameters": {"frequency": 7},
        "history-mode": "full",
        "cors": {"allowed_headers": [], "allowed_origins": []},
        "bail-on-disagree": false,
        "commit-on": "block",
        "opentelemetry": {"enable": false, "environment": null},
        "dal_slot_status_max_fetch_attempts": 15,
    })
}

#[test]
fn a_file_of_octez_s_node_is_read() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(Config::path_in(dir.path()), octez().to_string()).unwrap();
    let config = Config::read(dir.path()).unwrap();
    assert_eq!(config.data_dir, dir.path());
    for purpose in
        [Purpose::Publish, Purpose::Refute, Purpose::AddMessages, Purpose::Cement, Purpose::ExecuteOutbox]
    {
        assert_eq!(config.signer(purpose), Some(key()), "{purpose}");
    }
    assert_eq!((config.options.gc_period, config.options.reconnection_delay), (7, Duration::from_secs(2)));
    let publish = config.fee_parameters[&Purpose::Publish];
    assert_eq!(
        (publish.minimal_nanotez_per_byte, publish.minimal_nanotez_per_gas_unit),
        (Some(1_000), Some(101))
    );
    assert_eq!(config.fee_parameters[&Purpose::Refute].fee_cap, Some(3), "a game ends by a time-out, too");
    assert_eq!(config.fee_parameters[&Purpose::Recover].fee_cap, Some(4));
    assert_eq!(config.fee_parameters[&Purpose::ExecuteOutbox].fee_cap, Some(5));
    // What makes no difference is told.
    for key in [
        "performance-metrics",
        "l1_blocks_cache_size",
        "injector.attempts",
        "fee-parameters.publish.force-low-fee",
    ] {
        assert!(config.notes.iter().any(|note| note.starts_with(key)), "{key}: {:?}", config.notes);
    }
    // And what it comes to is a file of Soru's.
    let again = Config::from_json(&config.to_json()).unwrap();
    assert_eq!(Config { notes: Vec::new(), ..config }, again);
}

#[test]
fn what_octez_s_node_does_and_soru_s_does_not_is_refused_with_its_reason() {
    for (key, value) in [
        ("etherlink", json!(true)),
        ("acl", json!([{"address": "localhost:8932", "blacklist": []}])),
        ("loser-mode", json!("5 6")),
        ("apply-unsafe-patches", json!(true)),
        ("unsafe-pvm-patches", json!([{"increase_max_nb_ticks": "1"}])),
        ("DAL node endpoint", json!("http://127.0.0.1:10732")),
        ("l1_monitor_finalized", json!(true)),
        ("unsafe-disable-wasm-kernel-checks", json!(true)),
        ("no-degraded", json!(true)),
        ("opentelemetry", json!(true)),
    ] {
        let mut file = octez();
        file["data-dir"] = json!("/rollup");
        file[key] = value;
        let faults = faults_of(&file);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].starts_with(key) && faults[0].contains("is not possible: "), "{faults:?}");
    }
}

#[test]
fn values_of_another_kind_are_faults_each_with_what_was_expected() {
    let base = documented();
    for (key, value) in [
        ("endpoint", json!("ftp://x")),
        ("rpc-addr", json!("everywhere")),
        ("metrics-addr", json!("here:there")),
        ("kernel-deadline", json!(0)),
        ("simulation-deadline", json!(-1)),
        ("reconnection-delay", json!("2")),
        ("l1_rpc_timeout", json!(1e30)),
        ("history-mode", json!("some")),
        ("gc-period", json!(0)),
        ("gc-parameters", json!([])),
        ("log-kernel-debug", json!("yes")),
        ("log-kernel-debug-file", json!("")),
        ("pre-images-endpoint", json!("ftp://pages")),
        ("boot-sector", json!(7)),
        ("bail-on-disagree", json!(1)),
        ("execute-outbox-messages-filter", json!([{"transaction": {"destination": "any"}}])),
        ("cors", json!({"allowed_origins": ["a page"]})),
        ("mode", json!({"custom": ["nothing"]})),
        ("mode", json!("custom:timeout")),
        ("fee-parameters", json!({"publish": {"fee-cap": [1, 0]}})),
        ("smart-rollup-node-operator", json!({"operating": [KEY, KEY]})),
    ] {
        let mut file = base.clone();
        file[key] = value;
        let faults = faults_of(&file);
        assert!(faults.iter().any(|fault| fault.starts_with(key)), "{key}: {faults:?}");
    }
}

#[test]
fn two_words_for_a_purpose_have_to_agree() {
    let mut file = documented();
    let other = soru_base::BOOTSTRAP_ACCOUNTS[3].pkh().to_string();
    file["smart-rollup-node-operator"]["operating"] = json!(KEY);
    assert!(Config::from_json(&file).is_ok());
    file["smart-rollup-node-operator"]["operating"] = json!(other);
    let faults = faults_of(&file);
    assert!(
        faults.iter().any(|f| f.contains("`operating` and `publish` name different keys for publish")),
        "{faults:?}"
    );
}

#[test]
fn named_keys_go_before_the_one_for_all_that_before_those_there_were() {
    let keys = [1, 2, 3].map(|n| soru_base::BOOTSTRAP_ACCOUNTS[n].pkh());
    let word = |word| Purpose::of_word(word).unwrap();
    let before = Operators::all(Mode::Operator, key());
    let after = before.renamed(Mode::Operator, &[(word("cementing"), keys[0])], None).unwrap();
    assert_eq!([after.get(Purpose::Cement), after.get(Purpose::Publish)], [Some(keys[0]), Some(key())]);
    let batchers = [(word("batching"), keys[0]), (word("add_messages"), keys[1])];
    let after = before.renamed(Mode::Operator, &batchers, Some(keys[2])).unwrap();
    assert_eq!(after.batchers(), [keys[0], keys[1]]);
    assert_eq!([after.get(Purpose::Publish), after.get(Purpose::Refute)], [Some(keys[2]), Some(keys[2])]);
    let twice = [(word("operating"), keys[0]), (word("publish"), keys[1])];
    assert!(before.renamed(Mode::Operator, &twice, None).unwrap_err().contains("purpose publish"));
}

#[test]
fn a_deposit_is_taken_back_by_whoever_is_named_or_the_staker() {
    let other = soru_base::BOOTSTRAP_ACCOUNTS[3].pkh();
    let mut config =
        Config::new(Mode::Bailout, ROLLUP, Config::operators_for(Mode::Bailout, key()), "/r").unwrap();
    assert_eq!(config.signer(Purpose::Recover), Some(key()));
    config.operators.set(Purpose::Recover, other);
    assert_eq!((config.signer(Purpose::Recover), config.staker()), (Some(other), Some(key())));
    assert_eq!(config.signers().len(), 2);
    let json = config.to_json();
    assert_eq!(json["smart-rollup-node-operator"]["recovering"], json!(other.to_string()));
    assert_eq!(Config::from_json(&json).unwrap(), config);
}

#[test]
fn metrics_are_served_where_octez_s_words_say() {
    let parsed = |text| options::parse_metrics_addr(text).map(|addr| addr.to_string());
    assert_eq!(parsed(":9000"), Ok("127.0.0.1:9000".to_owned()));
    assert_eq!(parsed("localhost"), Ok("127.0.0.1:9933".to_owned()));
    assert_eq!(parsed("localhost:1"), Ok("127.0.0.1:1".to_owned()));
    assert_eq!(parsed("0.0.0.0:2"), Ok("0.0.0.0:2".to_owned()));
    assert!(parsed("9933").is_err() && parsed("").is_err() && parsed("a:b").is_err());
}
