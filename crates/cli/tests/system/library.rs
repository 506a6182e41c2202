//! The kernel `library`: what it asks for through the reveal channel is waited for, and nothing else is disturbed.

use crate::support::{Layer1, RollupNode, Settings, files_below, finish, soru, until};
use serde_json::{Value, json};
use soru_base::bootstrap::BootstrapAccount;
use soru_base::{PublicKey, RollupAddress};
use std::fs;
use std::path::Path;

fn kernel(words: &[&str]) -> String {
    let mut command = soru();
    command.arg("kernel").args(words);
    finish(command).done()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn librarian() -> (&'static BootstrapAccount, [u8; 32]) {
    let account = BootstrapAccount::named("bootstrap3").unwrap();
    let PublicKey::Ed25519(key) = account.pk() else { panic!("an ed25519 key") };
    (account, key)
}

/// The request for a book, in hexadecimal as the client sends it.
fn request(rollup: &str, nonce: u64, root: &str) -> String {
    let rollup: RollupAddress = rollup.parse().unwrap();
    let (account, key) = librarian();
    let mut text = [&[0], &rollup.0[..], &key[..], &nonce.to_be_bytes(), &[0]].concat();
    text.extend(hex::decode(root).unwrap());
    let signature = account.sk().sign(&text);
    text.extend_from_slice(signature.as_bytes());
    hex::encode(text)
}

/// A text of some 700 kB in 172 pages of contents, two pages of hashes and a root.
fn book() -> String {
    (0..).map(|n| format!("line {n} of the book\n")).take(30_000).collect()
}

#[test]
fn a_missing_page_is_named_waited_for_and_picked_up() {
    let layer1 = Layer1::start(Settings::default());
    let (examples, installed) = (layer1.path("examples"), layer1.path("installed"));
    kernel(&["examples", "--out", text(&examples)]);
    let setup = layer1.path("setup.yaml");
    let key = hex::encode(librarian().1);
    fs::write(&setup, format!("instructions:\n  - set:\n      value: {key}\n      to: /librarian\n"))
        .unwrap();
    let library = examples.join("library.wasm");
    let words = ["installer", text(&library), "--setup-file", text(&setup), "--out", text(&installed)];
    kernel(&words);
    let rollup = layer1.originate_rollup(&installed.join("installer.wasm"));
    let data_dir = layer1.path("observer");
    let pages = data_dir.join("wasm_2_0_0");
    kernel(&["pages", text(&library), "--data-dir", text(&data_dir)]);
    let mut node = RollupNode::observer(&layer1, &rollup, "observer");
    node.until_at(&layer1, layer1.head());

    // The pages of the book are elsewhere.
    let (file, elsewhere) = (layer1.path("book.txt"), layer1.path("elsewhere"));
    fs::write(&file, book()).unwrap();
    let told = kernel(&["pages", text(&file), "--out", text(&elsewhere), "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    let root = told["root_hash"].as_str().unwrap().to_owned();
    let before = layer1.head();
    let messages = format!("hex:{}", json!([request(&rollup, 0, &root)]));
    layer1.send(&["send", "smart", "rollup", "message", &messages, "from", "bootstrap5"]);
    let level = layer1.bake(1);

    let stuck = |node: &RollupNode| node.rpc.find("/health").map(|health| health["stuck"].clone());
    let waits_for = |node: &mut RollupNode, words: &str| {
        node.until_logged(words);
        let stuck = until(format!("`{words}` in the health of the node"), || {
            stuck(node).filter(|stuck| stuck["reason"].as_str().is_some_and(|reason| reason.contains(words)))
        });
        assert_eq!((&stuck["obstacle"], &stuck["level"]), (&json!("reveal"), &json!(level)), "{stuck}");
    };
    waits_for(&mut node, &root);
    let health = node.rpc.get("/health");
    assert_eq!((&health["healthy"], &health["degraded"]), (&json!(false), &json!(true)));
    // The level before is there to be asked for.
    node.until_at(&layer1, before);

    // Nothing is a page that is not one, and the others are found all the same.
    fs::create_dir(pages.join(&root)).unwrap();
    waits_for(&mut node, "it is a folder");
    fs::remove_dir(pages.join(&root)).unwrap();
    fs::write(pages.join(&root), "another page").unwrap();
    waits_for(&mut node, "its contents have the hash");
    fs::write(pages.join(&root), [0; 5000]).unwrap();
    waits_for(&mut node, "it has 5000 bytes");

    // Killed and started again, it goes on waiting.
    node.kill();
    node.start_again();
    waits_for(&mut node, &root);

    // Some of the pages, the root among them.
    let names: Vec<_> = files_below(&elsewhere).into_iter().collect();
    let (later, now): (Vec<_>, Vec<_>) =
        names.iter().enumerate().partition(|(n, name)| n % 10 == 5 && **name != root);
    let place = |names: &[(usize, &String)]| {
        for (_, name) in names {
            fs::copy(elsewhere.join(name), pages.join(name)).unwrap();
        }
    };
    place(&now);
    let missing = until("another page is waited for", || {
        let stuck = stuck(&node)?;
        later
            .iter()
            .map(|(_, name)| *name)
            .find(|name| stuck["reason"].as_str().is_some_and(|r| r.contains(name.as_str())))
    });
    let mut command = soru();
    command.args(["kernel", "check-pages", "--data-dir", text(&data_dir), "--root", &root]);
    let checked = finish(command);
    assert!(checked.out.contains(&format!("{missing} is missing")), "{}", checked.out);
    assert!(checked.failed(1).contains("pages that are missing: "));

    place(&later);
    node.until_at(&layer1, level);
    assert_eq!(stuck(&node), Some(Value::Null));
    let found = |asked: &str, name: &str| {
        let path = format!("/global/block/{level}/durable/wasm_2_0_0/{asked}?key=/books/{root}/{name}");
        node.rpc.get(&path)
    };
    let summary: Vec<u8> = [told["pages"].as_u64().unwrap(), book().len() as u64, 30_000]
        .iter()
        .flat_map(|number| number.to_be_bytes())
        .collect();
    assert_eq!(found("value", "summary"), json!(hex::encode(summary)));
    assert_eq!(found("length", "text"), json!(book().len().to_string()));
    kernel(&["check-pages", "--data-dir", text(&data_dir), "--root", &root]);
}
