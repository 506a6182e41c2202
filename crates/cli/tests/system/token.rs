//! The kernel `token`: tez become units of a rollup, change hands there, and become tez again.

use crate::support::{Layer1, RollupNode, Settings, files_below, finish, large_kernel, soru, until};
use serde_json::Value;
use soru_base::bootstrap::BootstrapAccount;
use soru_base::{Address, Binary as _, PublicKey, RollupAddress};
use std::fs;
use std::path::Path;

const MUTEZ: u64 = 1_000_000;

fn account(name: &str) -> &'static BootstrapAccount {
    BootstrapAccount::named(name).unwrap()
}

fn words(text: &str) -> Vec<&str> {
    text.split(' ').collect()
}

/// An order, in hexadecimal as the client sends it.
fn order(rollup: &str, ticketer: &str, from: &str, nonce: u64, tag: u8, amount: u64, to: &str) -> String {
    let rollup: RollupAddress = rollup.parse().unwrap();
    let ticketer = ticketer.parse::<Address>().unwrap().to_bytes();
    let PublicKey::Ed25519(key) = account(from).pk() else { panic!("an ed25519 key") };
    let mut text = [&[0], &rollup.0[..], &key[..], &nonce.to_be_bytes(), &[tag], &ticketer[1..21]].concat();
    text.extend_from_slice(&amount.to_be_bytes());
    text.extend_from_slice(&account(to).pkh().to_bytes());
    let signature = account(from).sk().sign(&text);
    text.extend_from_slice(signature.as_bytes());
    hex::encode(text)
}

/// What an operation in the next block makes.
fn originated(layer1: &Layer1, member: &str) -> String {
    let level = layer1.bake(1);
    let contents = layer1.contents(level);
    let result = contents.iter().find_map(|c| c["metadata"]["operation_result"].pointer(member)?.as_str());
    result.unwrap_or_else(|| panic!("nothing new in {contents:?}")).to_owned()
}

struct Bridge {
    layer1: Layer1,
    node: RollupNode,
    rollup: String,
    contract: String,
}

impl Bridge {
    fn start() -> Self {
        Self::start_with(Layer1::start(Settings::default()), None)
    }

    /// With another kernel than that of the examples.
    fn start_with(layer1: Layer1, kernel: Option<&Path>) -> Self {
        let examples = layer1.path("examples");
        let mut command = soru();
        command.args(["kernel", "examples", "--out"]).arg(&examples);
        finish(command).done();
        let own = examples.join("token.wasm");
        let kernel = format!("file:{}", kernel.unwrap_or(&own).display());
        let mut command = words("originate smart rollup token from bootstrap1 of kind wasm_2_0_0 of type");
        command.extend(["pair key_hash (ticket unit)", "with", "kernel", &kernel]);
        layer1.send(&command);
        let rollup = originated(&layer1, "/address");
        let program = fs::read_to_string(examples.join("bridge.tz")).unwrap();
        let init = format!("\"{rollup}\"");
        let mut command = words("originate contract bridge transferring 0 from bootstrap1 running");
        command.extend([&program, "--init", &init]);
        layer1.send(&command);
        let contract = originated(&layer1, "/originated_contracts/0");
        let node = RollupNode::operator(&layer1, &rollup, "operator");
        Self { layer1, node, rollup, contract }
    }

    /// Units of an account after a level.
    fn balance(&mut self, level: u32, name: &str) -> u64 {
        let ticketer = hex::encode(&self.contract.parse::<Address>().unwrap().to_bytes()[1..21]);
        let key = format!("/balances/{ticketer}/{}", hex::encode(account(name).pkh().to_bytes()));
        self.number(level, &key)
    }

    fn number(&mut self, level: u32, key: &str) -> u64 {
        self.node.until_at(&self.layer1, level);
        let path = format!("/global/block/{level}/durable/wasm_2_0_0/value?key={key}");
        match self.node.rpc.find(&path).as_ref().and_then(Value::as_str) {
            Some(value) => u64::from_str_radix(value, 16).unwrap(),
            None => 0,
        }
    }

    fn deposit(&self, tez: u32, from: &str, to: &str) -> u32 {
        let (amount, to) = (tez.to_string(), format!("\"{}\"", account(to).pkh()));
        let command = [
            "transfer",
            &amount,
            "from",
            from,
            "to",
            &self.contract,
            "--entrypoint",
            "deposit",
            "--arg",
            &to,
        ];
        self.layer1.send(&command);
        self.layer1.bake(1)
    }

    fn orders(&self, orders: &[String]) -> u32 {
        let messages = format!("hex:{}", serde_json::to_string(orders).unwrap());
        self.layer1.send(&["send", "smart", "rollup", "message", &messages, "from", "bootstrap5"]);
        self.layer1.bake(1)
    }

    fn order(&self, from: &str, nonce: u64, tag: u8, amount: u64, to: &str) -> String {
        order(&self.rollup, &self.contract, from, nonce, tag, amount, to)
    }

    fn tez(&self, who: &str) -> u64 {
        let path = format!("/chains/main/blocks/head/context/contracts/{who}/balance");
        self.layer1.rpc.get(&path).as_str().unwrap().parse().unwrap()
    }

    /// Executes the only message in the outbox of a level.
    fn execute(&mut self, level: u32) -> String {
        self.layer1.execute_first_message(&mut self.node, &self.rollup, level)
    }
}

#[test]
fn tez_come_in_as_tickets_change_hands_and_go_out() {
    let mut bridge = Bridge::start();
    let level = bridge.deposit(5, "bootstrap4", "bootstrap4");
    assert_eq!(bridge.balance(level, "bootstrap4"), 5 * MUTEZ);
    let contract = bridge.contract.clone();
    assert_eq!(bridge.tez(&contract), 5 * MUTEZ);

    // A transfer, its replay, one for another account's units, and one of more than there is.
    let transfer = bridge.order("bootstrap4", 0, 0, 2 * MUTEZ, "bootstrap3");
    let level = bridge.orders(&[
        transfer.clone(),
        transfer,
        bridge.order("bootstrap2", 0, 0, MUTEZ, "bootstrap2"),
        bridge.order("bootstrap4", 1, 0, 4 * MUTEZ, "bootstrap3"),
    ]);
    assert_eq!(bridge.balance(level, "bootstrap4"), 3 * MUTEZ);
    assert_eq!(bridge.balance(level, "bootstrap3"), 2 * MUTEZ);

    // The units leave the rollup; the contract pays when the layer-1 believes it.
    let level = bridge.orders(&[bridge.order("bootstrap3", 0, 1, 2 * MUTEZ - 1, "bootstrap3")]);
    assert_eq!(bridge.balance(level, "bootstrap3"), 1);
    let receiver = account("bootstrap3").pkh().to_string();
    let before = bridge.tez(&receiver);
    let executed = bridge.execute(level);
    assert_eq!(bridge.tez(&receiver), before + 2 * MUTEZ - 1, "{executed}");
    assert_eq!(bridge.tez(&contract), 3 * MUTEZ + 1);

    // What the ledger holds of the tickets for the rollup is what the kernel has.
    let rollup = bridge.rollup.clone();
    let held = bridge.layer1.client(
        &[
            &words("get ticket balance for")[..],
            &[&rollup],
            &words("with ticketer")[..],
            &[&contract],
            &words("and type unit and content Unit")[..],
        ]
        .concat(),
    );
    assert_eq!(held.done().trim(), (3 * MUTEZ + 1).to_string());
    let head = bridge.layer1.head();
    let ticketer = hex::encode(&contract.parse::<Address>().unwrap().to_bytes()[1..21]);
    assert_eq!(bridge.number(head, &format!("/supply/{ticketer}")), 3 * MUTEZ + 1);
}

/// What cannot be credited in the rollup is not lost.
#[test]
fn a_deposit_for_an_account_of_another_curve_comes_back() {
    let mut bridge = Bridge::start();
    let to = "\"tz2TSvNTh2epDMhZHrw73nV9piBX7kLZ9K9m\"";
    let command = [
        "transfer",
        "7",
        "from",
        "bootstrap4",
        "to",
        &bridge.contract,
        "--entrypoint",
        "deposit",
        "--arg",
        to,
    ];
    bridge.layer1.send(&command);
    let level = bridge.layer1.bake(1);
    bridge.node.until_at(&bridge.layer1, level);
    let sender = account("bootstrap4").pkh().to_string();
    let before = bridge.tez(&sender);
    bridge.execute(level);
    assert_eq!(bridge.tez(&sender), before + 7 * MUTEZ);
}

/// Not optimised, and with all that a debugger wants: hundreds of kilobytes. A node names the page that it waits for, and goes on when it is there.
#[test]
fn a_large_kernel_is_installed_and_does_its_work() {
    let layer1 = Layer1::start(Settings::default());
    let out = layer1.path("out");
    let mut command = soru();
    command.args(["kernel", "installer"]).arg(large_kernel()).arg("--out").arg(&out);
    command.args(["--set", "/greeting=6869", "--json"]);
    let made: Value = serde_json::from_str(&finish(command).done()).unwrap();
    let root = made["root_hash"].as_str().unwrap().to_owned();
    let mut bridge = Bridge::start_with(layer1, Some(&out.join("installer.wasm")));
    let level = bridge.deposit(5, "bootstrap4", "bootstrap4");
    bridge.node.until_logged(&root);

    let pages = bridge.layer1.path("operator").join("wasm_2_0_0");
    fs::create_dir_all(&pages).unwrap();
    let names = files_below(&out.join("wasm_2_0_0"));
    let copy = |name: &String| fs::copy(out.join("wasm_2_0_0").join(name), pages.join(name)).unwrap();
    copy(&root);
    // The next one that it waits for is named, too.
    until("a page below the root is named", || {
        let log = bridge.node.log_text();
        names.iter().find(|name| **name != root && log.contains(name.as_str())).cloned()
    });
    for name in &names {
        copy(name);
    }
    assert_eq!(bridge.balance(level, "bootstrap4"), 5 * MUTEZ);
    let level = bridge.orders(&[bridge.order("bootstrap4", 0, 0, 2 * MUTEZ, "bootstrap3")]);
    assert_eq!(bridge.balance(level, "bootstrap4"), 3 * MUTEZ);
    assert_eq!(bridge.balance(level, "bootstrap3"), 2 * MUTEZ);

    let durable = |what: &str, key: &str| {
        bridge.node.rpc.get(&format!("/global/block/{level}/durable/wasm_2_0_0/{what}?key={key}"))
    };
    assert_eq!(durable("value", "/greeting"), "6869");
    let length = durable("length", "/kernel/boot.wasm");
    assert_eq!(length.as_str().unwrap().parse(), Ok(fs::metadata(large_kernel()).unwrap().len()));
}
