//! `soru client` and Michelson: contracts that are asked, scripts that are tried, tickets that are moved.

use crate::support::{Layer1, Settings, finish, soru};

fn words(sentence: &str) -> Vec<&str> {
    sentence.split(' ').collect()
}

/// Adds what it is called with; answers with its sum, plainly and as TZIP-4 wants it.
const COUNTER: &str = r#"
parameter (or (int %add) (or (pair %total unit (contract int)) (unit %fail)));
storage (pair (int %sum) (big_map string int));
code { UNPAIR;
       IF_LEFT { SWAP; UNPAIR; DUP 3; ADD; SWAP; DIG 2; SOME; PUSH string "last"; UPDATE; SWAP; PAIR;
                 NIL operation; PAIR }
               { IF_LEFT { CDR; PUSH mutez 0; DUP 3; CAR; TRANSFER_TOKENS; DIP { NIL operation }; CONS; PAIR }
                         { DROP 2; PUSH string "never"; FAILWITH } } };
view "sum" unit int { CDR; CAR };
view "more" int int { UNPAIR; DIP { CAR }; ADD };
"#;

#[test]
fn contracts_are_asked_and_scripts_are_tried() {
    let layer1 = Layer1::start(Settings::default());
    let path = layer1.path("counter.tz");
    std::fs::write(&path, COUNTER).unwrap();
    let script = path.display().to_string();
    let run = |parts: &[&str]| layer1.client(parts);
    let ask = |sentence: &str| layer1.client(&words(sentence)).done();
    let with = |before: &str, more: &[&str]| run(&[words(before), more.to_vec()].concat());

    assert!(with("typecheck script", &[&script]).done().starts_with("Well typed (Gas remaining: "));
    let error =
        with("typecheck script", &["parameter unit; storage int; code { CDR; NIL operation }"]).failed(1);
    assert!(error.contains("is ill-typed") && error.contains("michelson_v1"), "{error}");

    let mut originate = words("originate contract counter transferring 0 from bootstrap1 running");
    originate.extend([script.as_str(), "--init", "Pair 40 {}", "--burn-cap", "1"]);
    let said = layer1.client_and_block(&originate).done();
    assert!(said.contains("New contract KT1") && said.contains("Contract memorized as counter."), "{said}");
    assert!(layer1.client(&originate).failed(2).contains("the name `counter` is taken"));

    assert_eq!(ask("run view sum on contract counter"), "40\n");
    assert_eq!(ask("run view more on contract counter with input 2"), "42\n");
    assert_eq!(with("run tzip4 view total on contract counter with input", &["Unit"]).done(), "40\n");
    assert!(with("run view less on contract counter", &[]).failed(1).contains("error running script"));

    layer1
        .client_and_block(&words("call counter from bootstrap1 --entrypoint add --arg 2 --burn-cap 1"))
        .done();
    assert_eq!(ask("run view sum on contract counter"), "42\n");
    let error = layer1.client(&words("call counter from bootstrap1 --entrypoint fail")).failed(1);
    assert!(error.contains("script_rejected") && error.contains("with: \"never\""), "{error}");

    let types = ask("get contract entrypoints for counter");
    assert!(types.starts_with("Entrypoints for contract KT1") && types.contains("\n  add: int\n"), "{types}");
    assert!(types.contains("\n  default: "), "{types}");
    assert_eq!(ask("get contract entrypoint type of add for counter"), "Entrypoint add: int\n");
    let error = layer1.client(&words("get contract entrypoint type of sub for counter")).failed(1);
    assert!(error.contains("no entrypoint named sub"), "{error}");
    assert_eq!(ask("get contract unreachable paths for counter"), "None.\n");
    assert!(ask("get contract code for counter").contains("parameter"));
    let hash = with("hash script", &[&script]).done();
    assert_eq!(ask("get contract script hash for counter"), hash);
    assert!(ask("get contract used storage space for counter").trim().parse::<u64>().unwrap() > 100);
    assert!(ask("get contract paid storage space for counter").trim().parse::<u64>().unwrap() > 100);

    let hashes = with("hash data", &["\"last\"", "of", "type", "string"]).done();
    let key = hashes.lines().find_map(|line| line.strip_prefix("Script-expression-ID-Hash: ")).unwrap();
    assert!(hashes.contains("Raw packed data: 0x0501000000046c617374\n"), "{hashes}");
    let storage = ask("get contract storage for counter");
    let id = storage.trim().rsplit(' ').next().unwrap().to_owned();
    assert_eq!(ask(&format!("get element {key} of big map {id}")), "2\n");
    let of_key =
        |key: &str| run(&["get", "big", "map", "value", "for", key, "of", "type", "string", "in", "counter"]);
    assert_eq!(of_key("\"last\"").done(), "2\n");
    assert!(of_key("\"first\"").failed(1).contains("No value associated to this key."));

    let tried = with("run script", &[&script, "on", "storage", "Pair 1 {}", "and", "input", "Left 5"]).done();
    assert!(tried.starts_with("storage\n  (Pair 6 ") || tried.starts_with("storage\n  Pair 6 "), "{tried}");
    assert!(tried.contains("emitted operations\nbig_map diff\n"), "{tried}");
    assert!(ask("typecheck data 3 against type nat").starts_with("Well typed\nGas remaining: "));
    assert!(
        layer1.client(&words("typecheck data -3 against type nat")).failed(2).contains("unexpected argument")
    );
    assert!(
        with("typecheck data", &["\"x\"", "against", "type", "nat"]).failed(1).contains("ill-typed data")
    );
    let normalized = with("normalize data", &["{ 1; 2; 3 }", "of", "type", "pair nat nat nat"]).done();
    assert_eq!(normalized, "Pair 1 2 3\n");
    let stack = "{ Stack_elt (pair nat (pair nat nat)) (Pair 1 (Pair 2 3)); Stack_elt string \"x\" }";
    assert_eq!(
        with("normalize stack", &[stack]).done(),
        "{ Stack_elt (pair nat nat nat) (Pair 1 2 3) ; Stack_elt string \"x\" }\n"
    );
    assert_eq!(
        with(
            "normalize stack",
            &["{ Stack_elt (pair nat nat nat nat) (Pair 1 2 3 4) }", "--unparsing-mode", "Optimized"]
        )
        .done(),
        "{ Stack_elt (pair nat nat nat nat) { 1 ; 2 ; 3 ; 4 } }\n"
    );
    let ty = with("normalize type", &["pair (nat %a) nat nat"]).done();
    assert_eq!(ty, "pair nat (pair nat nat)\n");
    assert!(with("get script entrypoints for", &[&script]).done().contains("  add: int\n"));
}

/// Neither a layer-1 nor a wallet is needed.
#[test]
fn unit_tests_are_run() {
    let dir = tempfile::tempdir().unwrap();
    let run = |tests: &[&str]| {
        let mut command = soru();
        command.args(["client", "--base-dir"]).arg(dir.path()).args(words("run unit tests from")).args(tests);
        finish(command)
    };
    let good = dir.path().join("add.tzt");
    std::fs::write(&good, "code ADD; input { Stack_elt int 2; Stack_elt int 3 }; output { Stack_elt int 5 }")
        .unwrap();
    let good = good.to_str().unwrap();
    let said = run(&[good, "code NEG; input { Stack_elt int 2 }; output { Stack_elt int -2 }"]).done();
    assert_eq!(said, "Test results: Passed:2 Failed:0 Total:2\nAll tests have passed\n");
    let failing = run(&[
        "code NEG; input { Stack_elt int 2 }; output { Stack_elt int 2 }",
        good,
        "code NEG; input { }",
    ]);
    assert!(failing.out.starts_with("Literal script 1:\n"), "{}", failing.out);
    assert!(
        failing.out.contains("\nLiteral script 2:\nexpected a declaration of output, found none\n"),
        "{}",
        failing.out
    );
    assert!(failing.out.ends_with("Test results: Passed:1 Failed:2 Total:3\n"), "{}", failing.out);
    assert!(failing.failed(1).contains("Some tests have failed"));
}

/// Makes tickets and keeps them, or gives them away; takes one from whoever sends it.
const MINT: &str = r#"
parameter (or (nat %mint) (or (ticket %keep string) (pair %give nat (contract (ticket string)))));
storage (list (ticket string));
code { UNPAIR;
       IF_LEFT { PUSH string "gold"; TICKET; IF_NONE { FAIL } { CONS }; NIL operation; PAIR }
               { IF_LEFT { CONS; NIL operation; PAIR }
                         { UNPAIR; PUSH string "gold"; TICKET; IF_NONE { FAIL } {}; PUSH mutez 0; SWAP;
                           TRANSFER_TOKENS; NIL operation; SWAP; CONS; PAIR } } }
"#;

#[test]
fn tickets_are_counted() {
    let layer1 = Layer1::start(Settings::default());
    let path = layer1.path("mint.tz");
    std::fs::write(&path, MINT).unwrap();
    let script = path.display().to_string();
    let mut originate = words("originate contract mint transferring 0 from bootstrap1 running");
    originate.extend([script.as_str(), "--init", "{}", "--burn-cap", "1"]);
    layer1.client_and_block(&originate).done();
    layer1
        .client_and_block(&words("call mint from bootstrap1 --entrypoint mint --arg 7 --burn-cap 1"))
        .done();

    let mut balance = words("get ticket balance for mint with ticketer mint and type string and content");
    balance.push("\"gold\"");
    assert_eq!(layer1.client(&balance).done(), "7\n");
    *balance.last_mut().unwrap() = "\"silver\"";
    assert_eq!(layer1.client(&balance).done(), "0\n");
    let all = layer1.client(&words("get all ticket balances for mint")).done();
    assert!(all.contains("Content type: string\nContent: \"gold\"\nAmount: 7\n"), "{all}");

    // The words are those of the network's client.
    let mut transfer = words("transfer 2 tickets from bootstrap2 to mint with entrypoint keep and contents");
    transfer.extend(["\"gold\"", "and", "type", "string", "and", "ticketer", "mint", "--burn-cap", "1"]);
    let error = layer1.client(&transfer).failed(1);
    assert!(error.contains("transfer_ticket") && error.contains("would fail"), "{error}");

    let account = soru_base::bootstrap::BootstrapAccount::named("bootstrap2").unwrap().public_key_hash;
    let gift = format!("Pair 5 \"{account}\"");
    let mut give = words("call mint from bootstrap1 --entrypoint give --burn-cap 1 --arg");
    give.push(&gift);
    layer1.client_and_block(&give).done();
    let receipt = layer1.client_and_block(&transfer).done();
    assert!(receipt.contains("Transfer tickets:") && receipt.contains("Ticket ticketer: KT1"), "{receipt}");
    let mut balance =
        words("get ticket balance for bootstrap2 with ticketer mint and type string and content");
    balance.push("\"gold\"");
    assert_eq!(layer1.client(&balance).done(), "3\n");
    balance[4] = "mint";
    assert_eq!(layer1.client(&balance).done(), "9\n");
}
