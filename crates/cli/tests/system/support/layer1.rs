//! A layer-1 that makes blocks when the test says so, and a wallet that has the sandbox's keys.

use super::{Finished, Program, Rpc, finish, soru};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What differs between tests.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) profile: &'static str,
    pub(crate) commitment_period: u32,
    pub(crate) challenge_window: u32,
    pub(crate) timeout_period: u32,
    pub(crate) kept_ledgers: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            profile: "alpha",
            commitment_period: 4,
            challenge_window: 6,
            timeout_period: 100,
            kept_ledgers: 100_000,
        }
    }
}

/// The layer-1, its folder and its wallet.
pub(crate) struct Layer1 {
    pub(crate) rpc: Rpc,
    settings: Settings,
    program: Option<Program>,
    dir: TempDir,
}

impl Layer1 {
    /// A new chain with the keys bootstrap1 to bootstrap5 in a wallet beside it, two blocks old.
    pub(crate) fn start(settings: Settings) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut layer1 = Self { rpc: Rpc { url: String::new() }, settings, program: None, dir };
        layer1.run("127.0.0.1:0");
        layer1.client(&["import", "bootstrap", "keys"]).done();
        layer1.bake(2);
        layer1
    }

    fn run(&mut self, addr: &str) {
        let mut arguments =
            ["sandbox", "run", "--on-demand", "--rpc-addr", addr, "--profile", self.settings.profile]
                .map(str::to_owned)
                .to_vec();
        arguments.extend(["--data-dir".to_owned(), self.path("chain").display().to_string()]);
        for (name, value) in [
            ("commitment_period", self.settings.commitment_period),
            ("challenge_window", self.settings.challenge_window),
            ("timeout_period", self.settings.timeout_period),
        ] {
            arguments.extend(["--constant".to_owned(), format!("smart_rollup_{name}_in_blocks={value}")]);
        }
        arguments.extend(["--kept-ledgers".to_owned(), self.settings.kept_ledgers.to_string()]);
        let mut program = Program::start(&arguments, &self.path("layer-1.log"));
        self.rpc.url = program.line_after("ready ");
        self.program = Some(program);
    }

    /// A folder or file beside the chain.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn wallet(&self) -> PathBuf {
        self.path("wallet")
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.program.take().expect("the layer-1 runs").kill();
    }

    /// Starts it again, in its folder and on its port.
    pub(crate) fn start_again(&mut self) {
        let addr = self.rpc.url.trim_start_matches("http://").to_owned();
        self.run(&addr);
    }

    /// Its process, as long as it runs.
    pub(crate) fn process(&self) -> Option<u32> {
        self.program.as_ref().map(Program::id)
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.program.as_mut().is_some_and(Program::is_running)
    }

    pub(crate) fn log_text(&self) -> String {
        std::fs::read_to_string(self.path("layer-1.log")).unwrap_or_default()
    }

    /// Makes blocks; returns the level of the head.
    pub(crate) fn bake(&self, count: u32) -> u32 {
        level(&self.rpc.post("/sandbox/bake", &json!({ "count": count })))
    }

    /// Leaves the last `depth` blocks for a branch that is one block longer; returns the level of the head.
    pub(crate) fn reorganise(&self, depth: u32) -> u32 {
        level(&self.rpc.post("/sandbox/reorg", &json!({ "depth": depth })))
    }

    pub(crate) fn head(&self) -> u32 {
        level(&self.rpc.get("/sandbox/info")["head"])
    }

    pub(crate) fn hash(&self, level: u32) -> Value {
        self.rpc.get(&format!("/chains/main/blocks/{level}/hash"))
    }

    /// The contents of all operations of a level, receipts included.
    pub(crate) fn contents(&self, level: u32) -> Vec<Value> {
        let operations = self.rpc.get(&format!("/chains/main/blocks/{level}/operations/3"));
        let operations = operations.as_array().expect("a list of operations");
        operations
            .iter()
            .flat_map(|o| o["contents"].as_array().expect("a list of contents"))
            .cloned()
            .collect()
    }

    /// Whether an operation of that kind waits.
    pub(crate) fn is_pending(&self, kind: &str) -> bool {
        self.pending().iter().any(|c| c["kind"] == kind)
    }

    /// The contents of all operations that wait.
    pub(crate) fn pending(&self) -> Vec<Value> {
        let pending = self.rpc.get("/chains/main/mempool/pending_operations");
        let validated = pending["validated"].as_array().expect("a list of operations").iter();
        validated.flat_map(|o| o["contents"].as_array()).flatten().cloned().collect()
    }

    fn arguments(&self, words: &[&str]) -> Vec<String> {
        let mut arguments = vec!["client".to_owned(), "--endpoint".to_owned(), self.rpc.url.clone()];
        arguments.extend(["--base-dir".to_owned(), self.wallet().display().to_string()]);
        arguments.extend(words.iter().map(|&word| word.to_owned()));
        arguments
    }

    /// `soru client` with the wallet.
    pub(crate) fn client(&self, words: &[&str]) -> Finished {
        let mut command = soru();
        command.args(self.arguments(words));
        finish(command)
    }

    /// Sends an operation and does not wait for it.
    #[track_caller]
    pub(crate) fn send(&self, words: &[&str]) {
        self.client(&[&["--wait", "none", "--burn-cap", "10"], words].concat()).done();
    }

    /// `soru client` with a command that sends an operation and waits for it, and the block that it waits for.
    #[track_caller]
    pub(crate) fn client_and_block(&self, words: &[&str]) -> Finished {
        let log = self.path("client.log");
        let _ = std::fs::remove_file(&log);
        let mut program = Program::start(&self.arguments(words), &log);
        let hash = program.line_after("Operation hash is ");
        self.bake(1);
        let finished = program.finish();
        Finished { out: format!("Operation hash is {hash}\n{}", finished.out), ..finished }
    }

    /// Originates a rollup with the kernel in that file; returns its address.
    pub(crate) fn originate_rollup(&self, kernel: &Path) -> String {
        self.originate_rollup_of(&format!("file:{}", kernel.display()))
    }

    /// Originates a rollup that counts external messages and answers internal ones.
    pub(crate) fn originate_notary(&self) -> String {
        let path = self.path("notary.wasm");
        std::fs::write(&path, soru_kernels::NOTARY).expect("the kernel can be written");
        self.originate_rollup(&path)
    }

    /// The same, with the kernel in a form that the client takes.
    pub(crate) fn originate_rollup_of(&self, kernel: &str) -> String {
        self.send(&words(
            "originate smart rollup from bootstrap1 of kind wasm_2_0_0 of type bytes with kernel",
            kernel,
        ));
        let level = self.bake(1);
        let contents = self.contents(level);
        let address = contents.iter().find_map(|c| c["metadata"]["operation_result"]["address"].as_str());
        address.unwrap_or_else(|| panic!("no rollup in {contents:?}")).to_owned()
    }

    /// Sends external messages from that account, to be in the next block.
    #[track_caller]
    pub(crate) fn send_messages(&self, from: &str, texts: &[&str]) {
        let messages = format!("text:{}", json!(texts));
        self.send(&["send", "smart", "rollup", "message", &messages, "from", from]);
    }
}

fn level(block: &Value) -> u32 {
    let level = block["level"].as_u64().unwrap_or_else(|| panic!("no level in {block}"));
    u32::try_from(level).expect("a level")
}

/// The words of a sentence, and one more that may have blanks.
fn words<'a>(sentence: &'a str, last: &'a str) -> Vec<&'a str> {
    sentence.split(' ').chain([last]).collect()
}
