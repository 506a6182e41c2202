use super::*;
use serde_json::Value;
use soru_base::bootstrap::BOOTSTRAP_ACCOUNTS;

const SEALED: &str =
    "edesk1oGXxunJ5FTGpQ6o1xdop8VGKdT36Fj7LwWF9HLjzEqaCC4V6tdRVN1jaeJTfCHS8bYf7U2YhMK2yW6jSUy";

fn key(n: usize) -> SecretKey {
    BOOTSTRAP_ACCOUNTS[n].secret_key.parse().unwrap()
}

fn wallet() -> (tempfile::TempDir, Wallet) {
    let dir = tempfile::tempdir().unwrap();
    let wallet = Wallet::open(dir.path().join("client"));
    (dir, wallet)
}

fn file(wallet: &Wallet, name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(wallet.dir.join(name)).unwrap()).unwrap()
}

#[test]
fn a_key_is_found_again_by_name_and_by_address() {
    let (_dir, wallet) = wallet();
    let key = key(0);
    let hash = wallet.add_secret_key("alice", &key, false).unwrap();
    for word in ["alice", "alias:alice", "key:alice", &hash.to_string(), &format!("text:{hash}")] {
        assert_eq!(wallet.account(word).unwrap(), hash, "{word}");
        assert_eq!(wallet.contract(word).unwrap().to_string(), hash.to_string(), "{word}");
    }
    assert_eq!(wallet.secret_key(&hash).unwrap().public_key().hash(), hash);
    let listed = wallet.accounts().unwrap();
    assert_eq!(listed[0].name, "alice");
    assert_eq!(listed[0].known, Known::SecretKey("unencrypted".to_owned()));
}

#[test]
fn the_files_have_the_layout_of_octez() {
    let (_dir, wallet) = wallet();
    wallet.add_secret_key("alice", &key(0), false).unwrap();
    assert_eq!(
        file(&wallet, "public_key_hashs"),
        json!([{ "name": "alice", "value": "tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx" }])
    );
    assert_eq!(
        file(&wallet, "secret_keys"),
        json!([{ "name": "alice", "value": "unencrypted:edsk3gUfUPyBSfrS9CCgmCiQsTCHGkviBDusMxDJstFtojtc1zcpsh" }])
    );
    assert_eq!(
        file(&wallet, "public_keys")[0]["value"]["key"],
        "edpkuBknW28nW72KG6RoHtYW7p12T6GKc7nAbwYX5m8Wd9sDVC9yav"
    );
}

/// Locators without the key, keys of other schemes, keys without an address of the same name.
#[test]
fn what_octez_wrote_is_read() {
    let (_dir, wallet) = wallet();
    std::fs::create_dir(&wallet.dir).unwrap();
    let write = |name: &str, value: Value| std::fs::write(wallet.dir.join(name), value.to_string()).unwrap();
    let [one, two] = [key(0).public_key(), key(1).public_key()];
    write(
        "public_key_hashs",
        json!([{ "name": "one", "value": one.hash().to_string() },
                                     { "name": "two", "value": two.hash().to_string() }]),
    );
    write(
        "public_keys",
        json!([{ "name": "one", "value": format!("unencrypted:{one}") },
                                { "name": "two", "value": { "locator": "ledger://x/ed25519", "key": two.to_string() } }]),
    );
    write("secret_keys", json!([{ "name": "two", "value": "ledger://x/ed25519" }]));
    assert_eq!(wallet.public_key(&one.hash()).unwrap(), Some(one));
    assert_eq!(wallet.public_key(&two.hash()).unwrap(), Some(two));
    assert_eq!(wallet.named_public_key("two").unwrap(), two);
    let known: Vec<Known> = wallet.accounts().unwrap().into_iter().map(|a| a.known).collect();
    assert_eq!(known, [Known::PublicKey, Known::SecretKey("ledger".to_owned())]);
    let error = wallet.secret_key(&two.hash()).unwrap_err().to_string();
    assert!(
        error.contains("the secret key of `two`: keys of the scheme `ledger:` are not supported"),
        "{error}"
    );
    let error = wallet.secret_key(&one.hash()).unwrap_err().to_string();
    assert!(error.contains("no secret key of tz1"), "{error}");
}

#[test]
fn an_encrypted_key_is_opened_with_a_file_of_passwords() {
    let (dir, wallet) = wallet();
    let passwords = dir.path().join("passwords");
    std::fs::write(&passwords, "wrong\nahThie5H\n").unwrap();
    let wallet = wallet.with_passwords(Passwords::of_file(Some(passwords)));
    let locator: SecretLocator = SEALED.parse().unwrap();
    let key = wallet.unlock("alice", &locator).unwrap();
    let hash = wallet.add_key("alice", &locator, &key.public_key(), false).unwrap();
    assert_eq!(file(&wallet, "secret_keys")[0]["value"], format!("encrypted:{SEALED}"));
    assert_eq!(wallet.secret_key(&hash).unwrap().public_key(), key.public_key());
    assert_eq!(wallet.accounts().unwrap()[0].known, Known::SecretKey("encrypted".to_owned()));
    // Without any password, the public key is known all the same.
    assert_eq!(Wallet::open(&wallet.dir).public_key(&hash).unwrap(), Some(key.public_key()));
}

#[test]
fn a_taken_name_is_refused_and_a_wrong_one_gets_a_hint() {
    let (_dir, wallet) = wallet();
    wallet.add_secret_key("alice", &key(0), false).unwrap();
    let error = wallet.add_secret_key("alice", &key(1), false).unwrap_err();
    assert!(error.to_string().contains("the name `alice` is taken"), "{error}");
    wallet.add_secret_key("alice", &key(1), true).unwrap();
    let error = wallet.account("alcie").unwrap_err();
    assert!(error.to_string().contains("did you mean `alice`?"), "{error}");
}

#[test]
fn one_thing_has_one_name_unless_forced() {
    let (_dir, wallet) = wallet();
    let contract: soru_base::ContractHash = "KT1BuEZtb68c1Q4yjtckcNjGELqWt56Xyesc".parse().unwrap();
    wallet.add_contract("one", &contract, false).unwrap();
    wallet.add_contract("one", &contract, false).unwrap();
    let error = wallet.add_contract("two", &contract, false).unwrap_err().to_string();
    assert!(error.contains("this contract has the name `one` already"), "{error}");
    wallet.add_contract("two", &contract, true).unwrap();
    assert_eq!(wallet.all(CONTRACTS).unwrap().len(), 2);
    wallet.forget(CONTRACTS, "one").unwrap();
    assert!(wallet.contract("one").is_err());
    wallet.forget_all(CONTRACTS).unwrap();
    assert!(wallet.all(CONTRACTS).unwrap().is_empty());
}

#[test]
fn keys_are_forgotten_with_force_only() {
    let (_dir, wallet) = wallet();
    wallet.add_secret_key("alice", &key(0), false).unwrap();
    wallet.add_account("bob", &key(1).public_key().hash(), false).unwrap();
    assert!(wallet.forget_keys("alice", false).unwrap_err().to_string().contains("--force"));
    wallet.forget_keys("bob", false).unwrap();
    wallet.forget_keys("alice", true).unwrap();
    assert!(wallet.accounts().unwrap().is_empty());
    assert_eq!(file(&wallet, "secret_keys"), json!([]));
    assert!(wallet.forget_keys("alice", true).unwrap_err().to_string().contains("no account named `alice`"));
}

#[test]
fn a_malformed_secret_is_never_repeated() {
    let (_dir, wallet) = wallet();
    let hash = wallet.add_secret_key("alice", &key(0), false).unwrap();
    let path = wallet.dir.join("secret_keys");
    for secret in ["unencrypted:edskSECRET", "encrypted:edeskSECRET", "SECRET:x", "SECRET"] {
        std::fs::write(&path, json!([{ "name": "alice", "value": secret }]).to_string()).unwrap();
        let error = format!("{:#}", wallet.secret_key(&hash).err().unwrap());
        assert!(!error.contains("SECRET") && error.contains("malformed"), "{error}");
    }
}

#[test]
fn files_are_for_their_owner_and_changed_one_after_the_other() {
    use std::os::unix::fs::PermissionsExt;
    let (_dir, wallet) = wallet();
    wallet.add_secret_key("alice", &key(0), false).unwrap();
    let mode = |name: &str| std::fs::metadata(wallet.dir.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("secret_keys"), 0o600);
    assert_eq!(mode(""), 0o700);
    assert!(wallet.dir.join("wallet_lock").exists());
}

#[test]
fn scripts_are_named_in_files_or_written_out() {
    let (dir, wallet) = wallet();
    let path = dir.path().join("echo.tz");
    std::fs::write(&path, "parameter unit; storage unit; code {}").unwrap();
    let path = path.display().to_string();
    wallet.add_script("echo", "storage int", false).unwrap();
    for (word, text) in [
        ("echo", "storage int"),
        ("alias:echo", "storage int"),
        (path.as_str(), "parameter unit; storage unit; code {}"),
        (&format!("file:{path}"), "parameter unit; storage unit; code {}"),
        ("text:code", "code"),
        ("storage nat; code {}", "storage nat; code {}"),
    ] {
        assert_eq!(wallet.script_text(word).unwrap(), text, "{word}");
    }
    let error = wallet.script_text("ehco.tz").unwrap_err().to_string();
    assert!(error.contains("`ehco.tz` is neither a name of the wallet"), "{error}");
}
