//! A rollup node.

use super::{Layer1, Program, Rpc, until};
use serde_json::Value;
use std::path::PathBuf;

/// A node that runs, or was killed and can be started again in its folder.
pub(crate) struct RollupNode {
    pub(crate) rpc: Rpc,
    name: &'static str,
    dir: PathBuf,
    arguments: Vec<String>,
    program: Option<Program>,
}

/// What a node knows about a level that every other node must know, too.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) level: u32,
    pub(crate) block: Value,
    pub(crate) inbox: Value,
    pub(crate) messages: Value,
    pub(crate) state: Value,
    pub(crate) commitment: Value,
}

impl RollupNode {
    /// A node that signs nothing; `name` is that of its folder beside the chain.
    pub(crate) fn observer(layer1: &Layer1, rollup: &str, name: &'static str) -> Self {
        Self::new(layer1, name, &["run", "observer", "for", rollup])
    }

    /// A node that publishes and cements as bootstrap2.
    pub(crate) fn operator(layer1: &Layer1, rollup: &str, name: &'static str) -> Self {
        Self::new(layer1, name, &["run", "operator", "for", rollup, "with", "operators", "bootstrap2"])
    }

    /// A node that sends messages as bootstrap4 and bootstrap5, and evaluates nothing.
    pub(crate) fn batcher(layer1: &Layer1, rollup: &str, name: &'static str) -> Self {
        let keys = ["add_messages:bootstrap4", "add_messages:bootstrap5"];
        Self::new(
            layer1,
            name,
            &[&["run", "batcher", "for", rollup, "with", "operators"][..], &keys].concat(),
        )
    }

    /// A node that lies, as that account.
    pub(crate) fn adversary(
        layer1: &Layer1,
        rollup: &str,
        name: &'static str,
        account: &str,
        spec: &str,
    ) -> Self {
        let words = ["run", "operator", "for", rollup, "with", "operators", account, "--adversary", spec];
        Self::new(layer1, name, &words)
    }

    /// A node that publishes and cements as `account`, with more options.
    pub(crate) fn with_key(
        layer1: &Layer1,
        rollup: &str,
        name: &'static str,
        account: &str,
        options: &[&str],
    ) -> Self {
        let words = ["run", "operator", "for", rollup, "with", "operators", account];
        Self::new(layer1, name, &[&words[..], options].concat())
    }

    fn new(layer1: &Layer1, name: &'static str, words: &[&str]) -> Self {
        let dir = layer1.path(name);
        let mut arguments = vec!["node".to_owned()];
        arguments.extend(words.iter().map(|&word| word.to_owned()));
        for (option, value) in [
            ("--base-dir", layer1.wallet().display().to_string()),
            ("--data-dir", dir.display().to_string()),
            ("--endpoint", layer1.rpc.url.clone()),
            ("--rpc-port", "0".to_owned()),
        ] {
            arguments.extend([option.to_owned(), value]);
        }
        let mut node = Self { rpc: Rpc { url: String::new() }, name, dir, arguments, program: None };
        node.start_again();
        node
    }

    /// Starts it in its folder, on another port.
    pub(crate) fn start_again(&mut self) {
        assert!(self.program.is_none(), "the {} runs already", self.name);
        let mut program = Program::start(&self.arguments, &self.log());
        self.rpc.url = program.line_after("ready ");
        self.program = Some(program);
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.program.take().expect("the node runs").kill();
    }

    /// SIGTERM; returns how it ended.
    pub(crate) fn stop(&mut self) -> std::process::ExitStatus {
        self.program.take().expect("the node runs").stop()
    }

    /// Its process, as long as it runs.
    pub(crate) fn process(&self) -> Option<u32> {
        self.program.as_ref().map(Program::id)
    }

    /// Its data directory.
    pub(crate) fn dir(&self) -> &std::path::Path {
        &self.dir
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.program.as_mut().is_some_and(Program::is_running)
    }

    fn log(&self) -> PathBuf {
        self.dir.with_extension("log")
    }

    pub(crate) fn log_text(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Waits for words in its log.
    pub(crate) fn until_logged(&mut self, words: &str) {
        until(format!("`{words}` in the log of the {}", self.name), || {
            self.log_text().contains(words).then_some(())
        });
    }

    /// The level of its head, 0 before it has one.
    pub(crate) fn level(&self) -> u32 {
        let level = self.rpc.find("/global/tezos_level").and_then(|l| l.as_u64());
        level.map_or(0, |l| u32::try_from(l).expect("a level"))
    }

    /// Waits until it has the layer-1's block of that level.
    pub(crate) fn until_at(&mut self, layer1: &Layer1, level: u32) {
        let hash = layer1.hash(level);
        let path = format!("/global/block/{level}/hash");
        until(format!("the {} at level {level}", self.name), || {
            assert!(self.is_running(), "the {} ended:\n{}", self.name, self.log_text());
            self.rpc.find(&path).filter(|found| *found == hash)
        });
    }

    pub(crate) fn recorded(&self, level: u32) -> Recorded {
        self.find_recorded(level)
            .unwrap_or_else(|| panic!("the {} knows nothing of level {level}", self.name))
    }

    /// The same; nothing if it has thrown the level away.
    pub(crate) fn find_recorded(&self, level: u32) -> Option<Recorded> {
        let block = self.rpc.find(&format!("/global/block/{level}"))?;
        Some(Recorded {
            level,
            block: block["block_hash"].clone(),
            inbox: block["inbox"].clone(),
            messages: block["messages"].clone(),
            state: block["state_hash"].clone(),
            commitment: block["commitment_hash"].clone(),
        })
    }
}
