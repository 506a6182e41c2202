//! `soru client` at a layer-1: what operations may cost, what is only shown, waiting for blocks and making them.

use crate::support::{Layer1, Settings, finish, soru};
use serde_json::Value;

fn words(sentence: &str) -> Vec<&str> {
    sentence.split(' ').collect()
}

/// The rest of the line that begins with `start`, after blanks.
#[track_caller]
fn value<'a>(text: &'a str, start: &str) -> &'a str {
    let found = text.lines().find_map(|line| line.trim_start().strip_prefix(start));
    found.unwrap_or_else(|| panic!("no `{start}…` in\n{text}")).trim()
}

#[test]
fn an_operation_is_shown_without_being_injected() {
    let layer1 = Layer1::start(Settings::default());
    let ask = |sentence: &str| layer1.client(&words(sentence)).done();
    let said = ask("transfer 5 from bootstrap1 to bootstrap2 --dry-run --verbose-signing");
    for line in [
        "Estimated gas: ",
        "Pre-signature information (verbose signing):",
        "Operation: 0x",
        "Simulation result:",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert_eq!(value(&said, "* Watermark:"), "`Generic-operation` (0x03)");
    assert!(value(&said, "Operation hash is").starts_with("'o"), "{said}");

    // A simulation needs no secret: that of the account is not in this wallet.
    let other = layer1.path("other");
    let mut simulate = soru();
    simulate.args(["client", "-E", &layer1.rpc.url, "-d"]).arg(&other);
    let account = soru_base::bootstrap::BootstrapAccount::named("bootstrap1").unwrap();
    simulate.args(words(&format!(
        "transfer 5 from {} to {} --simulation",
        account.public_key_hash, account.public_key_hash
    )));
    let said = finish(simulate).done();
    assert!(said.contains("This transaction was successfully applied"), "{said}");
    assert_eq!(layer1.pending().len(), 0);
}

#[test]
fn what_an_operation_costs_can_be_said() {
    let layer1 = Layer1::start(Settings::default());
    layer1.client(&words("gen keys alice")).done();
    layer1.client_and_block(&words("transfer 5 from bootstrap1 to alice --burn-cap 1")).done();
    let receipt = layer1.client_and_block(&words("reveal key for alice")).done();
    assert_eq!(receipt.matches("Revelation of manager public key:").count(), 1, "{receipt}");
    let error = layer1.client(&words("reveal key for alice")).failed(1);
    assert!(error.contains("previously_revealed_key"), "{error}");
    let transfer = "transfer 1 from bootstrap1 to bootstrap2";
    let fail = |more: &str, code| layer1.client(&words(&format!("{transfer} {more}"))).failed(code);
    assert!(fail("--fee 0.000001", 1).contains("--force-low-fee"));
    assert!(fail("--fee 2", 1).contains("add --fee-cap 2"));
    assert!(fail("--counter 1", 1).contains("counter_in_the_past"));
    assert!(fail("--force", 2).contains("it needs --gas-limit"));
    let cheap = format!("{transfer} --fee 0.000001 --force-low-fee -G 3000 -S 0");
    let receipt = layer1.client_and_block(&words(&cheap)).done();
    assert_eq!(value(&receipt, "Fee to the baker:"), "ꜩ0.000001");
    assert_eq!(value(&receipt, "Gas limit:"), "3000");
    assert!(!receipt.contains("Estimated gas"), "{receipt}");
}

#[test]
fn several_transfers_are_one_operation() {
    let layer1 = Layer1::start(Settings::default());
    let file = layer1.path("transfers.json");
    std::fs::write(
        &file,
        r#"[{ "destination": "bootstrap2", "amount": "1.5" },
            { "destination": "bootstrap3", "amount": "2", "fee": "0.01", "gas-limit": "5000", "storage-limit": "10" }]"#,
    )
    .unwrap();
    let file = file.display().to_string();
    let mut command = words("multiple transfers from bootstrap1 using");
    command.push(&file);
    let receipt = layer1.client_and_block(&command).done();
    assert!(receipt.contains("Amount: ꜩ1.5") && receipt.contains("Amount: ꜩ2"), "{receipt}");
    assert!(receipt.contains("Fee to the baker: ꜩ0.01\n"), "{receipt}");
    for (transfers, reason) in [
        ("[]", "is empty"),
        ("{}", "no JSON list"),
        (r#"[{"destination":"bootstrap2"}]"#, "transfer 0: `amount` is missing"),
        (r#"[{"destination":"nobody","amount":"1"}]"#, "no contract or account named `nobody`"),
        (r#"[{"destination":"bootstrap2","amount":"1","gas_limit":1}]"#, "unknown member `gas_limit`"),
    ] {
        let path = layer1.path("wrong.json");
        std::fs::write(&path, transfers).unwrap();
        let path = path.display().to_string();
        let mut command = words("multiple transfers from bootstrap1 using");
        command.push(&path);
        let error = layer1.client(&command).failed(1);
        assert!(error.contains(reason), "{transfers}: {error}");
    }
}

#[test]
fn operations_are_waited_for_and_blocks_are_made() {
    let layer1 = Layer1::start(Settings::default());
    let ask = |sentence: &str| layer1.client(&words(sentence)).done();
    assert_eq!(ask("bootstrapped"), "Node is bootstrapped.\n");
    let said = ask("-w none transfer 1 from bootstrap1 to bootstrap2");
    let hash = value(&said, "Operation hash is").trim_matches('\'').to_owned();
    let advice = value(&said, "soru client").to_owned();
    assert!(said.contains("NOT waiting for the operation to be included."), "{said}");

    let before = layer1.head();
    let baked = ask("bake for bootstrap1 --minimal-timestamp");
    assert!(
        baked.starts_with("Injected block B") && baked.ends_with(&format!("(level {})\n", before + 1)),
        "{baked}"
    );
    assert_eq!(ask("bake for -n 2").lines().count(), 2);
    assert_eq!(layer1.head(), before + 3);

    // As it was advised.
    let found = ask(&advice);
    let (found, confirmed) = found.split_at(found.find('\n').unwrap() + 1);
    assert!(
        found.starts_with("Operation found in block: B") && found.ends_with("(pass: 3, offset: 0)\n"),
        "{found}"
    );
    assert!(confirmed.starts_with("Operation received 1 confirmations as of block: B"), "{confirmed}");
    assert_eq!(confirmed.lines().count(), 1, "{confirmed}");
    let receipt = ask(&format!("get receipt for {hash}"));
    assert!(receipt.contains("Transaction:") && receipt.starts_with(found), "{receipt}");
    let error = layer1.client(&words(&format!("get receipt for {hash} --check-previous 1"))).failed(1);
    assert!(error.contains("in none of the last 1 blocks"), "{error}");

    assert!(ask("list heads").trim().starts_with('B'));
    assert!(ask("list protocols").contains("ProtoALpha"));
    assert!(ask("get timestamp -s").trim().parse::<i64>().is_ok());
    assert!(ask("list contracts").contains("(known as bootstrap1)"));
    assert_eq!(ask("get delegate for bootstrap1").lines().count(), 1);
    let balance = ask("get balance for bootstrap2");
    assert_ne!(ask("-b head~3 get balance for bootstrap2"), balance);
    let chain: Value = serde_json::from_str(&ask("rpc get /chains/main/chain_id")).unwrap();
    ask(&format!("--chain {} get balance for bootstrap2", chain.as_str().unwrap()));
    assert!(
        layer1
            .client(&words("--chain NetXdQprcVkpaWU bootstrapped"))
            .failed(1)
            .contains("has the chain NetX")
    );
    assert!(layer1.client(&words("-p PsX bootstrapped")).failed(1).contains("has the protocol ProtoALpha"));
    assert!(layer1.client(&words("rpc delete /chains/main/chain_id")).failed(1).contains("refuses"));
    let logged = layer1.client(&words("-l get balance for bootstrap2"));
    assert!(logged.err.contains("GET http://") && !logged.out.contains("GET"), "{}", logged.err);
}
