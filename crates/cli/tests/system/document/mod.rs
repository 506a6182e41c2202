//! The document's commands, as they stand there, from the first to the last, with real processes under its names.

mod receipt;
mod session;

use crate::support::{Program, Rpc, finish, repository, soru, until};
use assert_cmd::Command;
use serde_json::Value;
use std::path::PathBuf;
use tempfile::TempDir;

/// Somebody who reads the document at a shell: a folder, a `PATH` with the document's programs, and its variables.
struct Reader {
    dir: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Reader {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut aliases = soru();
        aliases.args(["aliases", "--dir"]).arg(dir.path().join("bin"));
        finish(aliases).done();
        let path = format!("{}:{}", dir.path().join("bin").display(), std::env::var("PATH").unwrap());
        Self { dir, variables: vec![("PATH", path)] }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.variables.push((name, value.into()));
    }

    fn shell(&self, block: &str) -> std::process::Command {
        let mut shell = std::process::Command::new("bash");
        shell.current_dir(self.dir.path()).args(["-e", "-u", "-c", block]);
        for name in ["SORU_LOG", "OCTEZ_WASMER_COMPILER", "TEZOS_CLIENT_DIR"] {
            shell.env_remove(name);
        }
        shell.envs(self.variables.iter().map(|(name, value)| (name, value)));
        shell
    }

    /// Pastes commands and returns what they print.
    #[track_caller]
    fn paste(&self, block: &str) -> String {
        finish(Command::from_std(self.shell(block))).done()
    }

    /// Pastes a command that goes on, in a terminal of its own.
    fn terminal(&self, block: &str, log: &str) -> Program {
        Program::spawn(self.shell(block), &self.path(log))
    }
}

/// The rest of the line that begins with `start`, after blanks.
#[track_caller]
fn value<'a>(text: &'a str, start: &str) -> &'a str {
    let found = text.lines().find_map(|line| line.trim_start().strip_prefix(start));
    found.unwrap_or_else(|| panic!("no `{start}…` in\n{text}")).trim()
}

/// What the layer-1 answers is read by its own RPC, too.
fn head_level(rpc: &Rpc) -> u64 {
    rpc.get("/chains/main/blocks/head/header")["level"].as_u64().unwrap()
}

#[test]
fn the_document_is_pasted_from_its_first_command_to_its_last() {
    let mut reader = Reader::new();
    let (network, node_dir) = ("https://teztnets.xyz/mondaynet-2023-01-09", reader.path("octez-node"));
    reader.set("NETWORK", network);
    reader.set("ONODE_DIR", node_dir.display().to_string());
    let wallet = reader.path("octez-client").display().to_string();
    reader.set("OCLIENT_DIR", wallet.clone());
    reader.set("TEZOS_CLIENT_DIR", wallet);

    // Prerequisites: the layer-1.
    let said = reader.paste(r#"octez-node config init --data-dir "${ONODE_DIR}" --network "${NETWORK}""#);
    assert_eq!(said, format!("Created {}/config.json for network: {network}.\n", node_dir.display()));
    // Not in the document: a free port, and a network that is in a hurry.
    reader.paste(
        r#"octez-node config update --data-dir "${ONODE_DIR}" --rpc-addr 127.0.0.1:0 --block-time 0.3 \
             --constant smart_rollup_commitment_period_in_blocks=5 --constant smart_rollup_challenge_window_in_blocks=8"#,
    );
    reader.set("SORU_STOP_AT_END_OF_INPUT", "1");
    let mut layer1 = reader.terminal(
        r#"octez-node run --data-dir "${ONODE_DIR}" --network "${NETWORK}" --rpc-addr 127.0.0.1"#,
        "octez-node.log",
    );
    let rpc = Rpc { url: layer1.line_after("ready ") };
    assert!(layer1.log_text().contains("joins no network"), "{}", layer1.log_text());
    reader.paste(&format!("octez-client --endpoint {} config init", rpc.url));

    assert_eq!(
        reader.paste("octez-client rpc get /chains/main/blocks/head/protocols"),
        r#"{ "protocol": "ProtoALphaALphaALphaALphaALphaALphaALphaALphaDdp3zK",
  "next_protocol": "ProtoALphaALphaALphaALphaALphaALphaALphaALphaDdp3zK" }
"#
    );
    // Not in the document: the account, which it takes for granted.
    reader.paste(
        "octez-client import bootstrap keys
         octez-client gen keys operator
         octez-client transfer 20000 from bootstrap1 to operator --burn-cap 1",
    );
    let known = reader.paste("octez-client show address operator");
    reader.set("OPERATOR_ADDR", value(&known, "Hash:"));
    assert_eq!(reader.paste(r#"octez-client get balance for "${OPERATOR_ADDR}""#), "20000 ꜩ\n");

    // Origination, with the kernel in a file that is sourced, as the document's.
    let kernel = format!("KERNEL={}\n", hex::encode(soru_kernels::NOTARY));
    std::fs::write(reader.path("sr_boot_kernel.sh"), kernel).unwrap();
    let said = reader.paste(
        r#"     source sr_boot_kernel.sh # defines shell variable KERNEL
    octez-client originate smart rollup from "${OPERATOR_ADDR}" \
      of kind wasm_2_0_0 \
      of type bytes \
      with kernel "${KERNEL}" \
      --burn-cap 999
"#,
    );
    let start = said.find("This sequence").unwrap_or_else(|| panic!("{said}"));
    receipt::assert_alike(receipt::ORIGINATION, &said[start..]);
    let rollup = value(&said, "Address:").to_owned();
    reader.set("SOR_ADDR", rollup.clone());

    // Deploying a rollup node.
    let rollup_dir = reader.path("rollup-node").display().to_string();
    reader.set("ROLLUP_NODE_DIR", rollup_dir.clone());
    let said = reader.paste(
        r#"   octez-smart-rollup-node-alpha --base-dir "${OCLIENT_DIR}" \
                    init operator config for "${SOR_ADDR}" \
                    with operators "${OPERATOR_ADDR}" \
                    --data-dir "${ROLLUP_NODE_DIR}"
"#,
    );
    assert_eq!(said, format!("Smart rollup node configuration written in {rollup_dir}/config.json\n"));
    let operator = value(&known, "Hash:");
    assert_eq!(
        reader.paste(r#"cat "${ROLLUP_NODE_DIR}/config.json""#),
        format!(
            r#"{{
  "data-dir": "{rollup_dir}",
  "smart-rollup-address": "{rollup}",
  "smart-rollup-node-operator": {{
    "publish": "{operator}",
    "add_messages": "{operator}",
    "cement": "{operator}",
    "refute": "{operator}"
  }},
  "fee-parameters": {{}},
  "mode": "operator"
}}
"#
        )
    );
    // The file may be edited: a free port.
    reader.paste(r#"sed -i 's/"mode"/"rpc-port": 0, "mode"/' "${ROLLUP_NODE_DIR}/config.json""#);
    // The document has a quotation mark behind the name that it never closes; no shell takes it.
    let mut node = reader.terminal(
        r#"   octez-smart-rollup-node-alpha -d "${OCLIENT_DIR}" run --data-dir ${ROLLUP_NODE_DIR}"#,
        "rollup-node.log",
    );
    reader.set("ROLLUP_NODE", node.line_after("ready "));
    until("the rollup node follows the layer-1 and processes inboxes", || {
        node.log_text().contains("level evaluated").then_some(())
    });

    messages_in_and_out(&mut reader, &rollup);
    assert!(head_level(&rpc) > 10);
    assert!(node.is_running() && layer1.is_running());
}

/// The sections that are empty in the document: external and internal messages, the execution of an outbox message.
fn messages_in_and_out(reader: &mut Reader, rollup: &str) {
    let address =
        reader.paste(r#"octez-smart-rollup-client-alpha -E "${ROLLUP_NODE}" get smart rollup address"#);
    assert_eq!(address.trim(), rollup);

    std::fs::write(reader.path("messages.json"), r#"["0001"]"#).unwrap();
    std::fs::write(reader.path("message.bin"), b"\x00\x02").unwrap();
    for (messages, number) in [
        (r#"text:["salut","le","monde"]"#, 3),
        (r#"hex:["6d6f6e6465"]"#, 1),
        ("file:messages.json", 1),
        ("bin:message.bin", 1),
    ] {
        let said =
            reader.paste(&format!("octez-client send smart rollup message '{messages}' from bootstrap3"));
        assert_eq!(value(&said, "Messages:"), number.to_string(), "{said}");
        assert!(said.contains("submission was successfully applied"), "{said}");
    }
    until("the kernel has counted six messages", || {
        let counter = reader.paste(
            r#"octez-smart-rollup-client-alpha -E "${ROLLUP_NODE}" get state value for /counter || true"#,
        );
        (counter.trim() == "0000000000000006").then_some(())
    });

    let contract = repository("crates/cli/src/demo/certified.tz");
    reader.set("CONTRACT", contract.display().to_string());
    reader.paste(
        r#"octez-client originate contract certified transferring 0 from bootstrap3 \
             running "${CONTRACT}" --init "Pair \"${SOR_ADDR}\" 0x" --burn-cap 1"#,
    );
    let said = reader.paste(
        "octez-client -w 1 transfer 0 from bootstrap3 to certified --entrypoint ask --arg 0x6f6b --burn-cap 1",
    );
    assert!(said.contains(&format!("To: {rollup}")), "{said}");

    let level = until("the outbox message can be executed", || {
        let pending = reader.paste(
            r#"octez-smart-rollup-client-alpha -E "${ROLLUP_NODE}" rpc get /local/outbox/pending/executable"#,
        );
        let pending: Value = serde_json::from_str(&pending).unwrap();
        pending[0]["outbox_level"].as_u64()
    });
    reader.set("LEVEL", level.to_string());
    let proof = reader.paste(
        r#"octez-smart-rollup-client-alpha -E "${ROLLUP_NODE}" get proof for message 0 of outbox at level ${LEVEL}"#,
    );
    let proof: Value = serde_json::from_str(&proof).unwrap();
    reader.set("SOR_CEMENTED_COMMITMENT", proof["commitment"].as_str().unwrap());
    reader.set("SOR_OUTBOX_PROOF", proof["proof"].as_str().unwrap());
    let said = reader.paste(
        r#"octez-client execute outbox message of smart rollup "${SOR_ADDR}" \
             from bootstrap4 for commitment hash "${SOR_CEMENTED_COMMITMENT}" \
             and output proof "${SOR_OUTBOX_PROOF}" --burn-cap 1"#,
    );
    assert!(said.contains("outbox message execution was successfully applied"), "{said}");
    assert_eq!(
        reader.paste("octez-client get contract storage for certified"),
        format!("Pair \"{rollup}\" 0x6f6b0000000000000006\n")
    );
}

#[test]
fn half_remembered_commands_are_answered_with_the_right_ones() {
    let reader = Reader::new();
    let failed = |line: &str| finish(Command::from_std(reader.shell(line))).failed(2);
    let error = failed("octez-client originate rollup from alice");
    assert!(error.contains("did you mean `originate smart rollup from <source> of kind"), "{error}");
    let error = failed("octez-client get blance for alice");
    assert!(error.contains("did you mean `balance`?"), "{error}");
    let error = failed("octez-smart-rollup-node-alpha initialise config --data-dir x");
    assert!(error.contains("did you mean `init <mode> config for <rollup>"), "{error}");
    let error = failed("octez-node runn --data-dir x");
    assert!(error.contains("run"), "{error}");
    let error = failed("octez-client get balance for alice --burn-cap 1");
    assert!(error.contains("does not take --burn-cap"), "{error}");
}

#[test]
fn every_name_has_its_help_and_completes_its_words() {
    let reader = Reader::new();
    for (name, word) in [
        ("octez-node", "config"),
        ("octez-client", "send smart rollup message <messages> from <source>"),
        ("octez-smart-rollup-node-alpha", "init <mode> config for <rollup> with operators <operators...>"),
        ("octez-smart-rollup-client-alpha", "get proof for message <index> of outbox at level <level>"),
        ("octez-wasm-repl", "<KERNEL>"),
        ("octez-smart-rollup-node", "run <mode> for <rollup>"),
        ("octez-smart-rollup-wasm-debugger", "--kernel <FILE>"),
    ] {
        let help = reader.paste(&format!("{name} --help"));
        assert!(help.contains(&format!("Usage: {name} ")) && help.contains(word), "{name}: {help}");
    }
    let completed = reader.paste(
        r#"source <(octez-client --version >/dev/null; "$(readlink bin/octez-client)" completion bash)
           COMP_WORDS=(octez-client -d x send smart rollup me); COMP_CWORD=6; _soru octez-client
           echo "${COMPREPLY[@]}"
           complete -p octez-wasm-repl"#,
    );
    assert_eq!(completed, "message\ncomplete -o default -F _soru octez-wasm-repl\n");
}

#[test]
fn what_is_written_down_is_used_and_what_is_wrong_is_named() {
    let mut reader = Reader::new();
    reader.set("TEZOS_CLIENT_DIR", "wallet");
    reader.paste("octez-client -E http://127.0.0.1:1 -w 3 config init");
    assert_eq!(
        reader.paste("octez-client config show"),
        "{ \"base_dir\": \"wallet\", \"endpoint\": \"http://127.0.0.1:1\", \"confirmations\": 3 }\n"
    );
    let failed = |line: &str, code| finish(Command::from_std(reader.shell(line))).failed(code);
    let error = failed("octez-client get timestamp", 1);
    assert!(error.contains("127.0.0.1:1"), "{error}");
    let error = failed("octez-client config init", 1);
    assert!(error.contains("wallet/config exists already"), "{error}");
    let error = failed("octez-client --wait none config update", 2);
    assert!(error.contains("a number of blocks"), "{error}");
    reader.paste("octez-client config reset");
    assert!(!reader.path("wallet/config").exists());

    reader.paste("octez-node identity generate 0 --data-dir node");
    reader.paste("octez-node config init --data-dir node --network sandbox --rpc-addr localhost:1");
    let error = failed("octez-node config init --data-dir node", 1);
    assert!(error.contains("node/config.json exists already"), "{error}");
    let error = failed("octez-node run --data-dir node --network mainnet", 1);
    assert!(error.contains("--network mainnet: the configuration in node is for sandbox"), "{error}");
    let error = failed("octez-node config update --data-dir node --network monday", 2);
    assert!(error.contains("unknown network `monday`"), "{error}");
    reader.paste(r#"echo '{"p2p":{}}' > node/config.json"#);
    let error = failed("octez-node run --data-dir node", 1);
    assert!(error.contains("node/config.json is no configuration: unknown field `p2p`"), "{error}");
    let error = failed("octez-node run", 2);
    assert!(error.contains("--data-dir"), "{error}");

    // Never over somebody else's program.
    reader.paste("mkdir other && echo real > other/octez-client");
    let error = failed(r#""$(readlink bin/octez-node)" aliases --dir other"#, 1);
    assert!(error.contains("other/octez-client is there already"), "{error}");
    assert_eq!(reader.paste("ls other; cat other/octez-client"), "octez-client\nreal\n");
}
