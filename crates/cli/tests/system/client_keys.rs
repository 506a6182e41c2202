//! `soru client` and its wallet: encrypted keys, names, letters by their place, what is not supported.

use crate::support::{Finished, Layer1, RollupNode, Settings, finish, soru};
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

fn words(sentence: &str) -> Vec<&str> {
    sentence.split(' ').collect()
}

/// The client with a wallet and no layer-1, and what is typed.
fn client(dir: &Path, sentence: &str, typed: &str) -> Finished {
    let mut command = soru();
    command
        .args(["client", "-E", "http://127.0.0.1:1", "-d"])
        .arg(dir)
        .args(words(sentence))
        .write_stdin(typed);
    finish(command)
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

const SEALED: &str =
    "edesk1oGXxunJ5FTGpQ6o1xdop8VGKdT36Fj7LwWF9HLjzEqaCC4V6tdRVN1jaeJTfCHS8bYf7U2YhMK2yW6jSUy";

#[test]
fn a_key_is_made_under_a_password_that_opens_it_again() {
    let dir = folder();
    let wallet = dir.path();
    client(wallet, "gen keys alice --encrypted", "hush hush\nhush hush\n").done();
    let known = client(wallet, "list known addresses", "").done();
    assert!(known.starts_with("alice: tz1") && known.ends_with(" (encrypted sk known)\n"), "{known}");
    let secrets = std::fs::read_to_string(wallet.join("secret_keys")).unwrap();
    assert!(secrets.contains("encrypted:edesk") && !secrets.contains("edsk"), "{secrets}");
    // What is shown is what the wallet has.
    let shown = client(wallet, "show address alice -S", "").done();
    assert!(shown.contains("Secret Key: encrypted:edesk"), "{shown}");

    let signed = client(wallet, "sign bytes 0x00 for alice", "hush hush\n").done();
    let signature = signed.trim().strip_prefix("Signature: ").unwrap();
    let check = format!("check that bytes 0x00 were signed by alice to produce {signature}");
    assert_eq!(client(wallet, &check, "").done(), "Signature check successful.\n");
    let check = format!("check that bytes 0x01 were signed by alice to produce {signature} -q");
    assert!(client(wallet, &check, "").failed(1).contains("invalid signature"));

    let second = client(wallet, "sign bytes 0x00 for alice", "no\nhush hush\n");
    assert!(second.err.contains("Sorry, try again."), "{}", second.err);
    assert_eq!(second.done(), signed);
    let error = client(wallet, "sign bytes 0x00 for alice", "no\nnor\nthis\n").failed(1);
    assert!(error.contains("3 incorrect password attempts") && !error.contains("nor"), "{error}");
    let error = client(wallet, "sign bytes 0x00 for alice", "").failed(1);
    assert!(error.contains("--password-filename"), "{error}");
    let error = client(wallet, "gen keys bob --encrypted", "a\nb\na\nb\na\nb\n").failed(1);
    assert!(error.contains("the two passwords were not the same"), "{error}");
}

#[test]
fn keys_of_octez_are_imported_with_a_file_of_passwords() {
    let dir = folder();
    let passwords = dir.path().join("passwords");
    std::fs::write(&passwords, "first\nahThie5H\n").unwrap();
    let wallet = dir.path().join("wallet");
    let with_file = |sentence: &str| {
        let mut command = soru();
        // `-f` in front of the command, as Octez has it.
        command.arg("client").arg("-f").arg(&passwords).arg("-d").arg(&wallet).args(words(sentence));
        finish(command)
    };
    let said = with_file(&format!("import secret key alice encrypted:{SEALED}")).done();
    assert!(said.starts_with("Tezos address added: tz1"), "{said}");
    // Behind the command it is --force.
    with_file(&format!("import secret key alice encrypted:{SEALED} -f")).done();
    assert!(with_file("sign bytes 0xcafe for alice").done().starts_with("Signature: edsig"));
    let wrong = dir.path().join("wrong");
    std::fs::write(&wrong, "first\n").unwrap();
    let mut command = soru();
    command.arg("client").arg("-f").arg(&wrong).arg("-d").arg(&wallet).args(words("sign bytes 0x for alice"));
    let error = finish(command).failed(1);
    assert!(error.contains("no password of") && error.contains("opens the key \"alice\""), "{error}");
}

#[test]
fn keys_come_from_mnemonics_and_go_with_force() {
    let dir = folder();
    let wallet = dir.path();
    let mnemonic = "legal winner thank year wave sausage worth useful legal winner thank yellow\nTREZOR\n";
    let said = client(wallet, "import keys from mnemonic alice", mnemonic).done();
    assert!(said.starts_with("Tezos address added: tz1"), "{said}");
    let error = client(wallet, "import keys from mnemonic alice", mnemonic).failed(1);
    assert!(error.contains("the name `alice` is taken"), "{error}");
    let error = client(wallet, "import keys from mnemonic bob", "zoo zoo zoo\n\n").failed(1);
    assert!(error.contains("no BIP39 mnemonic") && !error.contains("zoo zoo"), "{error}");

    let key = "edpkuBknW28nW72KG6RoHtYW7p12T6GKc7nAbwYX5m8Wd9sDVC9yav";
    let said = client(wallet, &format!("import public key carol unencrypted:{key}"), "").done();
    assert_eq!(said, "Tezos address added: tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx\n");
    assert!(
        client(wallet, "list known addresses", "")
            .done()
            .contains("carol: tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx (pk known)")
    );
    assert!(client(wallet, "forget address carol", "").failed(1).contains("--force"));
    client(wallet, "forget address carol --force", "").done();
    assert!(client(wallet, "forget all keys", "").failed(2).contains("--force"));
    client(wallet, "forget all keys -f", "").done();
    assert_eq!(client(wallet, "list known addresses", "").done(), "");
}

#[test]
fn what_only_octez_does_is_refused_by_name() {
    let dir = folder();
    for (sentence, code, reason) in [
        ("import secret key a ledger://x/ed25519/0h/0h", 1, "keys of the scheme `ledger:` are not supported"),
        ("import secret key a http://127.0.0.1:6732/tz1x", 1, "keys of the scheme `http:` are not supported"),
        ("set delegate for a to b", 2, "neither delegates nor staking"),
        ("submit ballot for a PsX yay", 2, "never voted on"),
        ("list connected ledgers", 2, "keys are in the wallet itself"),
        ("rpc schema get /version", 2, "`rpc get` and `rpc post` ask"),
        ("-R http://127.0.0.1:6732 list known addresses", 2, "--remote-signer is not supported"),
        ("--mode mockup list known addresses", 2, "--mode mockup is not supported"),
        ("-A 127.0.0.1 -P 8732 list known addresses", 2, "--endpoint http://127.0.0.1:8732"),
        ("lsit known addresses", 2, "did you mean `list"),
    ] {
        let error = client(dir.path(), sentence, "").failed(code);
        assert!(error.contains(reason), "{sentence}: {error}");
    }
}

#[test]
fn a_secret_in_the_wrong_place_is_not_repeated() {
    let dir = folder();
    let secret = "edsk3gUfUPyBSfrS9CCgmCiQsTCHGkviBDusMxDJstFtojtc1zcpsh";
    for sentence in [
        "import secret key my key unencrypted:SECRET",
        "import secret alice unencrypted:SECRET",
        "import SECRET",
        "import secret key alice unencrypted:SECRETx",
        "import public key alice SECRET",
        "sign bytes 0x00 for SECRETx",
        "add address alice unencrypted:SECRET",
    ] {
        let finished = client(dir.path(), &sentence.replace("SECRET", secret), "");
        assert_ne!(finished.code, 0, "{sentence}");
        assert!(!finished.err.contains(secret), "{sentence}: {}", finished.err);
    }
}

#[test]
fn a_manual_is_kept_and_forms_are_converted_without_a_layer_1() {
    let dir = folder();
    let ask = |sentence: &str| client(dir.path(), sentence, "").done();
    assert!(ask("man ticket balance").contains("get ticket balance for <owner> with ticketer <ticketer>"));
    assert_eq!(ask("man known smart rollups -v 0"), "list known smart rollups\n");
    assert_eq!(ask("convert data 42 from michelson to binary"), "0x002a\n");
    assert_eq!(ask("convert data 0x002a from binary to json"), "{\"int\":\"42\"}\n");
    assert_eq!(ask("unpack michelson data 0x05002a"), "42\n");
    assert_eq!(
        ask("compute chain id from block hash BLockGenesisGenesisGenesisGenesisGenesisf79b5d1CoW2"),
        "NetXdQprcVkpaWU\n"
    );
    assert!(ask("list understood protocols").contains("ProtoALphaALpha"));
    let script = dir.path().join("echo.tz");
    std::fs::write(&script, "parameter unit; storage unit; code { CDR; NIL operation; PAIR }").unwrap();
    let script = script.display().to_string();
    let hash = ask(&format!("hash script {script}"));
    assert!(hash.starts_with("expr"), "{hash}");
    ask(&format!("remember script echo {script}"));
    assert_eq!(ask("list known scripts"), "echo\n");
    assert_eq!(ask("hash script echo"), hash);
    let json = ask("convert script echo from michelson to json");
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()[0]["prim"], "parameter", "{json}");
}

#[test]
fn a_rollup_node_signs_with_an_encrypted_key() {
    let layer1 = Layer1::start(Settings::default());
    let passwords = layer1.path("passwords");
    std::fs::write(&passwords, "ahThie5H\n").unwrap();
    let mut import = words("import secret key operator");
    let (file, key) = (passwords.display().to_string(), format!("encrypted:{SEALED}"));
    import.extend([key.as_str(), "--password-filename", &file]);
    layer1.client(&import).done();
    layer1.client_and_block(&words("transfer 20000 from bootstrap1 to operator --burn-cap 1")).done();
    let mut originate =
        words("originate smart rollup r from bootstrap1 of kind wasm_2_0_0 of type bytes with kernel");
    originate.extend(["0061736d01000000", "--burn-cap", "9"]);
    layer1.client_and_block(&originate).done();
    let rollup = layer1.client(&words("show known smart rollup r")).done();
    let extra = ["--password-filename", file.as_str()];
    let mut node = RollupNode::with_key(&layer1, rollup.trim(), "node", "operator", &extra);
    let head = layer1.bake(8);
    node.until_at(&layer1, head);
    crate::support::until("the operator publishes", || {
        layer1.is_pending("smart_rollup_publish").then_some(())
    });
}

#[test]
fn of_commands_that_take_a_name_at_once_one_gets_it() {
    let dir = folder();
    let codes = std::thread::scope(|scope| {
        let commands: Vec<_> =
            (0..6).map(|_| scope.spawn(|| client(dir.path(), "gen keys alice", ""))).collect();
        commands.into_iter().map(|command| command.join().unwrap().code).collect::<Vec<_>>()
    });
    assert_eq!(codes.iter().filter(|code| **code == 0).count(), 1, "{codes:?}: no key is lost");
    let shown = client(dir.path(), "show address alice -S", "").done();
    assert_eq!(shown.matches("unencrypted:").count(), 1, "{shown}");
}
