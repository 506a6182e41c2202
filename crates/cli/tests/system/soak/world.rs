use super::measure::{Series, disk_kb, resident_kb};
use crate::support::{Layer1, RollupNode, Seeded, Settings, until};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

const SEEN: &str = "/global/block/head/durable/wasm_2_0_0/value?key=/seen/";
/// Counters in one value of the kernel.
const COUNTERS: u32 = 1_024;
/// Blocks between two measurements.
const SAMPLED: u32 = 50;
/// Blocks that the nodes may be behind.
const BEHIND: u32 = 4;
/// How long nothing may change, when nothing is killed any more.
const PATIENCE: Duration = Duration::from_secs(300);

/// A layer-1, an operator and a batcher, and what happened to them.
pub(super) struct World {
    layer1: Layer1,
    operator: RollupNode,
    batcher: RollupNode,
    // Never killed: it knows what everybody must know, and shows what a long life costs.
    twin: RollupNode,
    chance: Seeded,
    scale: Scale,
    messages: u32,
    // Messages below that number were offered to somebody.
    offered: u32,
    // No answer yet: maybe the node has them, maybe not. It is asked again, and takes them once.
    unsure: Vec<(Taker, Vec<u32>)>,
    blocks: u32,
    mishaps: BTreeMap<&'static str, u32>,
    series: Series,
    began: Instant,
    baked: Instant,
}

/// How long and how rough a run is.
pub(super) struct Scale {
    pub(super) blocks: u32,
    pub(super) messages: u32,
    pub(super) seed: u64,
    /// Time between two blocks, at least.
    pub(super) pace: Duration,
    /// Blocks between two mishaps, on average.
    pub(super) calm: u32,
}

/// Which node was given a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taker {
    Operator,
    Batcher,
}

impl World {
    pub(super) fn start(scale: Scale) -> Self {
        let layer1 = Layer1::start(Settings {
            commitment_period: 10,
            challenge_window: 20,
            kept_ledgers: 200,
            ..Settings::default()
        });
        let kernel = layer1.path("tally.wasm");
        let module = wat::parse_str(include_str!("tally.wat")).expect("a module");
        std::fs::write(&kernel, module).expect("the kernel can be written");
        let rollup = layer1.originate_rollup(&kernel);
        let operator = RollupNode::operator(&layer1, &rollup, "operator");
        let batcher = RollupNode::batcher(&layer1, &rollup, "batcher");
        let twin = RollupNode::observer(&layer1, &rollup, "twin");
        Self {
            layer1,
            operator,
            batcher,
            twin,
            chance: Seeded(scale.seed),
            messages: scale.messages,
            scale,
            offered: 0,
            unsure: Vec::new(),
            blocks: 0,
            mishaps: BTreeMap::new(),
            series: Series::default(),
            began: Instant::now(),
            baked: Instant::now(),
        }
    }

    /// All blocks and messages, with mishaps.
    pub(super) fn run(&mut self) {
        while self.blocks < self.scale.blocks {
            self.step();
        }
        self.finish();
    }

    /// Some messages, a block, and maybe a mishap.
    fn step(&mut self) {
        let left = self.scale.blocks.saturating_sub(self.blocks).max(1);
        let now = (self.messages - self.offered).div_ceil(left);
        self.offer(now);
        self.offer_again();
        if self.chance.below(self.scale.calm) == 0 {
            self.mishap();
        }
        self.bake();
    }

    fn bake(&mut self) {
        // A node acts on a head as long as it is the head: the time of a block is part of the scene.
        std::thread::sleep(self.scale.pace.saturating_sub(self.baked.elapsed()));
        self.baked = Instant::now();
        let head = self.layer1.bake(1);
        self.blocks += 1;
        let operator = &self.operator;
        until(format!("the operator near level {head}"), || {
            (operator.level() + BEHIND >= head).then_some(())
        });
        if self.blocks.is_multiple_of(SAMPLED) {
            self.sample();
        }
    }

    fn offer(&mut self, count: u32) {
        let numbers: Vec<u32> = (self.offered..self.offered + count).collect();
        self.offered += count;
        if count == 0 {
            return;
        }
        let split = self.chance.below(count + 1) as usize;
        let (some, others) = numbers.split_at(split);
        self.unsure.push((Taker::Operator, some.to_vec()));
        self.unsure.push((Taker::Batcher, others.to_vec()));
    }

    fn offer_again(&mut self) {
        let mut unsure = std::mem::take(&mut self.unsure);
        unsure.retain(|(taker, numbers)| !numbers.is_empty() && !self.give(*taker, numbers));
        self.unsure = unsure;
    }

    /// Whether a node says that it has the messages.
    fn give(&self, taker: Taker, numbers: &[u32]) -> bool {
        let contents: Vec<String> = numbers.iter().map(|n| format!("736f616b{n:08x}")).collect();
        let node = match taker {
            Taker::Operator => &self.operator,
            Taker::Batcher => &self.batcher,
        };
        let path = "/local/batcher/injection?drop_duplicate=true";
        let answer = node.rpc.call(Method::POST, path, &json!(contents).to_string());
        answer.is_some_and(|(status, _)| status.is_success())
    }

    fn mishap(&mut self) {
        let what = match self.chance.below(8) {
            0 => {
                self.layer1.kill();
                // Nobody listens: the answer stays away.
                self.offer_again();
                self.layer1.start_again();
                "layer-1 killed"
            }
            1 | 2 => {
                self.operator.kill();
                self.operator.start_again();
                "operator killed"
            }
            3 | 4 => {
                self.batcher.kill();
                self.batcher.start_again();
                "batcher killed"
            }
            5 => {
                self.batcher.kill();
                self.operator.kill();
                self.layer1.kill();
                self.layer1.start_again();
                self.operator.start_again();
                self.batcher.start_again();
                "everything killed"
            }
            _ => {
                self.layer1.reorganise(1 + self.chance.below(4));
                "reorganised"
            }
        };
        *self.mishaps.entry(what).or_default() += 1;
    }

    /// Nothing is killed any more: all that is still on its way arrives.
    fn finish(&mut self) {
        let (mut arrived, mut since) = (0, Instant::now());
        while arrived < self.messages {
            self.offer_again();
            self.bake();
            let now = self.counts().iter().map(|&count| u32::from(count > 0)).sum();
            if now > arrived {
                (arrived, since) = (now, Instant::now());
            }
            if since.elapsed() > PATIENCE {
                break;
            }
        }
        // What arrives twice has to have the time to do so.
        for _ in 0..20 {
            self.bake();
        }
        let head = self.layer1.head();
        self.operator.until_at(&self.layer1, head);
        self.sample();
        self.check_commitments(head);
    }

    /// The node that was killed again and again knows what its twin knows, and has published it.
    fn check_commitments(&mut self, head: u32) {
        self.twin.until_at(&self.layer1, head);
        assert_eq!(self.twin.recorded(head), self.operator.recorded(head));
        let path = "/chains/main/blocks/head/context/smart_rollups/smart_rollup";
        let rollup = self.twin.rpc.get("/global/smart_rollup_address");
        let rollup = rollup.as_str().expect("an address");
        let cemented =
            self.layer1.rpc.get(&format!("{path}/{rollup}/last_cemented_commitment_hash_with_level"));
        let level = cemented["level"].as_u64().and_then(|l| u32::try_from(l).ok()).expect("a level");
        assert_eq!(self.twin.recorded(level).commitment, cemented["hash"]);
        assert!(level + 60 > head, "cemented is {level}, the head is {head}:\n{}", self.operator.log_text());
    }

    /// How often each message arrived.
    fn counts(&self) -> Vec<u8> {
        let mut counts = Vec::new();
        for block in 0..self.messages.div_ceil(COUNTERS) {
            let value = self.operator.rpc.find(&format!("{SEEN}{block:03}")).unwrap_or_default();
            let mut bytes = hex::decode(value.as_str().unwrap_or_default()).expect("hexadecimal digits");
            bytes.resize(COUNTERS as usize, 0);
            counts.extend(bytes);
        }
        counts.truncate(self.messages as usize);
        counts
    }

    fn sample(&mut self) {
        let operator = self.operator.process().and_then(resident_kb);
        let batcher = self.batcher.process().and_then(resident_kb);
        let layer1 = self.layer1.process().and_then(resident_kb);
        let values = [
            ("operator memory kB", operator),
            ("batcher memory kB", batcher),
            ("layer-1 memory kB", layer1),
            ("twin memory kB", self.twin.process().and_then(resident_kb)),
            ("twin disk kB", Some(disk_kb(self.twin.dir()))),
            ("operator disk kB", Some(disk_kb(self.operator.dir()))),
            ("batcher disk kB", Some(disk_kb(self.batcher.dir()))),
            ("layer-1 disk kB", Some(disk_kb(&self.layer1.path("chain")))),
        ];
        let mut line = json!({
            "seconds": self.began.elapsed().as_secs(),
            "blocks": self.blocks,
            "level": self.layer1.head(),
            "offered": self.offered,
            "unsure": self.unsure.iter().map(|(_, numbers)| numbers.len()).sum::<usize>(),
            "mishaps": self.mishaps.values().sum::<u32>(),
        });
        for (name, value) in values {
            self.series.add(name, value);
            line[name] = json!(value);
        }
        tell(&line);
    }

    pub(super) fn summary(&self) -> Value {
        let counts = self.counts();
        let numbers = |wanted: &dyn Fn(u8) -> bool| -> Vec<usize> {
            (0..counts.len()).filter(|&n| wanted(counts[n])).collect()
        };
        let (lost, doubled) = (numbers(&|count| count == 0), numbers(&|count| count > 1));
        let first = |numbers: &[usize]| numbers.iter().take(20).copied().collect::<Vec<_>>();
        let summary = json!({
            "seconds": self.began.elapsed().as_secs(),
            "blocks": self.blocks,
            "messages": self.messages,
            "lost": lost.len(),
            "doubled": doubled.len(),
            "first lost": first(&lost),
            "first doubled": first(&doubled),
            "mishaps": self.mishaps,
            "measured": self.series.to_json(),
        });
        tell(&json!({ "summary": summary }));
        summary
    }
}

/// Adds a line to the file that was asked for.
fn tell(line: &Value) {
    let Some(path) = std::env::var_os("SORU_SOAK_OUTPUT") else { return };
    let file = std::fs::File::options().create(true).append(true).open(path);
    writeln!(file.expect("the output can be written"), "{line}").expect("the output can be written");
}
