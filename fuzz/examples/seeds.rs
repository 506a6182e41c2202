//! Fills `corpus/` with beginnings: what is in `testdata/vectors`, and the contracts of `soru-michelson`.

use serde_json::Value;
use soru_base::{
    Binary, BlockHash, BlockPayloadHash, ContextHash, IdFamily, Json, Level, NonceHash,
    OperationListListHash, Signature,
};
use soru_merkle::Proof;
use soru_michelson::Micheline;
use soru_protocol::block::{ProtocolData, ShellHeader, fitness};
use soru_protocol::{Action, BlockHeader, Operation, SignedOperation, Timestamp};
use soru_pvm::outbox::OutputProof;
use soru_pvm::state::InputPlace;
use soru_pvm::step_proof::{StepInput, StepProof};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Longer beginnings slow the search down.
const LONGEST: usize = 16 * 1024;

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let seeds = Seeds { corpus: root.join("corpus") };
    let vectors = root.join("../testdata/vectors");
    seeds.operations(&vectors)?;
    seeds.headers()?;
    seeds.outputs()?;
    for path in files(&vectors.join("proofs"))? {
        seeds.proofs(&path)?;
    }
    for path in files(&vectors.join("levels"))? {
        seeds.run(&path)?;
    }
    for path in files(&vectors.join("expected"))? {
        seeds.observed(&path)?;
    }
    for folder in ["kernels", "kernels/invalid"] {
        for path in files(&vectors.join(folder))? {
            if path.extension().is_some_and(|e| e == "wasm") {
                seeds.put("kernel_check", &fs::read(&path)?)?;
                seeds.put("kernel_ticks", &fs::read(&path)?)?;
                seeds.put("smith_ticks", &fs::read(&path)?)?;
                seeds.put("engines_agree", &fs::read(&path)?)?;
            }
        }
    }
    for path in files(&root.join("../crates/michelson/contracts"))? {
        seeds.contract(&path)?;
    }
    for text in ["", "/", "/kernel/boot.wasm", "/readonly/kernel/env/reboot_counter", "/a.b-c_d/@"] {
        seeds.put("durable_key", text.as_bytes())?;
    }
    for line in LINES {
        seeds.put("repl_command", line.as_bytes())?;
    }
    seeds.put("repl_session", LINES.join("\n").as_bytes())?;
    for line in LINES {
        seeds.put("repl_session", format!("step inbox\n{line}\n{line}").as_bytes())?;
    }
    seeds.put("inputs", INPUTS.as_bytes())
}

/// What can be said in a session.
const LINES: [&str; 18] = [
    "load inputs",
    "step tick",
    "step tick 1000",
    "step kernel_run",
    "step result",
    "show status",
    "reveal preimage 0011",
    "reveal metadata",
    "show outbox at level 0",
    "show key /kernel/boot.wasm as u32",
    "show subkeys /kernel",
    "show durable storage",
    "show memory at 16 for 8 bytes as hex",
    "show memory at 0x10 as i64",
    "goto tick 11000000100",
    "time step inbox",
    "help show",
    "# nothing",
];

/// The example of the document, and messages as bytes.
const INPUTS: &str = r#"[[{"external": "01ff"}, {"raw": "0001"}], [{"payload": "Pair Unit False", "sender": "KT1BEqzn5Wx8uJrZNvuS9DVHmLvG9td3fDLi", "source": "tz1RjtZUVeLhADFHDL8UwDZA6vjWWhojpu5w", "destination": "scr1HLXM32GacPNDrhHDLAssZG88eWqCUbyLF"}, {"payload": {"int": "0"}}]]"#;

/// The proof of a line, with what its tick takes.
fn step(line: &Value, proof: Proof) -> Result<StepProof> {
    let bytes = |value: &Value| -> Result<Vec<u8>> { Ok(hex::decode(value.as_str().ok_or("hexadecimal")?)?) };
    let number = |value: &Value| value.as_u64().ok_or("a number");
    let input = if let Some(input) = line.get("input") {
        let level = Level::new(u32::try_from(number(&input["level"])?)?).ok_or("a level")?;
        let place = InputPlace { level, counter: number(&input["index"])? };
        StepInput::Message { place, message: bytes(&input["message"])? }
    } else if let Some(answer) = line.get("reveal") {
        StepInput::Reveal(bytes(answer)?)
    } else {
        StepInput::Nothing
    };
    let step = StepProof { proof, input };
    step.verify()?;
    Ok(step)
}

/// The files of a folder, in order.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut all = fs::read_dir(folder)?.map(|e| Ok(e?.path())).collect::<Result<Vec<_>>>()?;
    all.retain(|path| path.is_file());
    all.sort();
    Ok(all)
}

struct Seeds {
    corpus: PathBuf,
}

impl Seeds {
    fn put(&self, target: &str, bytes: &[u8]) -> Result<()> {
        if bytes.len() > LONGEST {
            return Ok(());
        }
        let folder = self.corpus.join(target);
        fs::create_dir_all(&folder)?;
        let name = hex::encode(soru_base::blake2b::hash32(bytes));
        Ok(fs::write(folder.join(&name[..16]), bytes)?)
    }

    /// JSON, behind the byte that chooses the type.
    fn put_json(&self, what: u8, value: &Value) -> Result<()> {
        self.put("json", &[&[what], value.to_string().as_bytes()].concat())
    }

    fn operations(&self, vectors: &Path) -> Result<()> {
        let file: Value = serde_json::from_str(&fs::read_to_string(vectors.join("forge/operations.json"))?)?;
        let mut all = Vec::new();
        for vector in file["vectors"].as_array().into_iter().flatten() {
            let operation = Operation::from_json(&vector["operation"], IdFamily::Mainnet)?;
            self.identifiers(&vector["operation"])?;
            let signed = SignedOperation { operation, signature: Signature::ZERO };
            self.put("operation", &signed.to_bytes())?;
            self.put_json(0, &signed.to_json(IdFamily::Mainnet))?;
            for content in &signed.operation.contents {
                match &content.action {
                    Action::SmartRollupPublish { commitment, .. } => {
                        self.put("commitment", &commitment.to_bytes())?;
                        self.put_json(2, &commitment.to_json(IdFamily::Mainnet))?;
                    }
                    Action::Transaction { parameters: Some(parameters), .. } => {
                        self.micheline(&parameters.value)?;
                    }
                    Action::Origination { script, .. } => {
                        self.put("script", &script.code.to_bytes())?;
                        self.micheline(&script.storage)?;
                    }
                    Action::SmartRollupAddMessages { messages } => {
                        for message in messages {
                            self.put("inbox_message", &[&[1], &message[..]].concat())?;
                            self.put("outbox_message", message)?;
                        }
                    }
                    _ => {}
                }
            }
            let forged = signed.operation.forge();
            let length = u16::try_from(forged.len())?.to_be_bytes();
            let deed = [&[0], &length[..], &forged].concat();
            // A rollup to talk of is among the first ones.
            self.put("ledger", &deed)?;
            all.push(deed);
        }
        for pair in all.chunks(4) {
            self.put("ledger", &[pair.concat(), vec![0xf3]].concat())?;
        }
        self.put("ledger", &all.concat())
    }

    /// Every text in a value that is one.
    fn identifiers(&self, value: &Value) -> Result<()> {
        match value {
            Value::String(text) if text.len() < 200 => self.put("identifiers", text.as_bytes()),
            Value::Array(items) => items.iter().try_for_each(|item| self.identifiers(item)),
            Value::Object(members) => members.values().try_for_each(|member| self.identifiers(member)),
            _ => Ok(()),
        }
    }

    fn headers(&self) -> Result<()> {
        let header = BlockHeader {
            shell: ShellHeader {
                level: Level::GENESIS.next(),
                proto: 1,
                predecessor: BlockHash::ZERO,
                timestamp: Timestamp(1_767_225_600),
                validation_pass: 4,
                operations_hash: OperationListListHash::ZERO,
                fitness: fitness(Level::GENESIS.next()),
                context: ContextHash::ZERO,
            },
            protocol_data: Some(ProtocolData {
                payload_hash: BlockPayloadHash::ZERO,
                payload_round: 0,
                proof_of_work_nonce: [0; 8],
                seed_nonce_hash: Some(NonceHash::ZERO),
                per_block_votes: ProtocolData::VOTE_PASS,
                signature: Signature::ZERO,
            }),
        };
        for header in [BlockHeader { protocol_data: None, ..header.clone() }, header] {
            self.put("block_header", &header.to_bytes())?;
            self.put_json(1, &header.to_json(IdFamily::Mainnet))?;
        }
        Ok(())
    }

    /// Proofs of the messages of a state.
    fn outputs(&self) -> Result<()> {
        // Three host calls: write_output of some of the first bytes of the memory.
        let kernel = [1, 0, 9, 1, 2, 4, 1, 0, 1];
        let tree = soru_fuzz::host_calls_state(&kernel)?;
        for (level, index) in [(0, 0), (0, 2), (1, 1)] {
            let level = Level::new(level).ok_or("a level")?;
            let proof = OutputProof::produce(&tree, level, index)?;
            self.put("output_proof", &proof.to_bytes())?;
            self.put("merkle_proof", &proof.proof.to_bytes())?;
        }
        self.put("host_calls", &kernel)
    }

    fn proofs(&self, path: &Path) -> Result<()> {
        for line in fs::read_to_string(path)?.lines().skip(1) {
            let line: Value = serde_json::from_str(line)?;
            let Some(proof) = line["proof"].as_str() else { continue };
            let proof = hex::decode(proof)?;
            self.put("step_proof", &step(&line, Proof::from_bytes(&proof)?)?.to_bytes())?;
            self.put("merkle_proof", &proof)?;
            self.put("output_proof", &[&proof[..], &[0, 0, 0, 1, 0, 7]].concat())?;
        }
        Ok(())
    }

    /// The beginning of a file of observed states, and some of its lines.
    fn observed(&self, path: &Path) -> Result<()> {
        let text = fs::read_to_string(path)?;
        let lines: Vec<_> = text.lines().collect();
        let Some((first, rest)) = lines.split_first() else { return Ok(()) };
        let last = rest.last().copied().unwrap_or_default();
        self.put("replay", [&[*first], &rest[..rest.len().min(8)], &[last]].concat().join("\n").as_bytes())?;
        let some: Vec<_> = rest.iter().copied().step_by(rest.len() / 8 + 1).collect();
        self.put("replay", [&[*first], &some[..]].concat().join("\n").as_bytes())
    }

    fn run(&self, path: &Path) -> Result<()> {
        let text = fs::read_to_string(path)?;
        self.put("replay", text.as_bytes())?;
        let Some(first) = text.lines().next() else { return Ok(()) };
        self.put("replay", first.as_bytes())?;
        let run: Value = serde_json::from_str(first)?;
        let levels = run["levels"].as_array().into_iter().flatten();
        for message in levels.flat_map(|level| level["messages"].as_array()).flatten() {
            if let Some(bytes) = message.as_str().and_then(|text| hex::decode(text).ok()) {
                self.put("inbox_message", &bytes)?;
            }
        }
        for line in text.lines().skip(1) {
            let line: Value = serde_json::from_str(line)?;
            for message in line["outbox"].as_array().into_iter().flatten() {
                if let Some(bytes) = message.as_str().and_then(|text| hex::decode(text).ok()) {
                    self.put("outbox_message", &bytes)?;
                }
            }
        }
        Ok(())
    }

    fn micheline(&self, node: &Micheline) -> Result<()> {
        let bytes = node.to_bytes();
        self.put("micheline_binary", &bytes)?;
        self.put("micheline_json", node.to_json_value().to_string().as_bytes())?;
        self.put("micheline_text", node.to_string().as_bytes())?;
        let outbox = [&[0, 0, 0, 0, 0][..], &bytes, &[1], &[7; 20], &[0, 0, 0, 0, 0]].concat();
        let mut outbox = outbox;
        let length = u32::try_from(outbox.len() - 5)?;
        outbox[1..5].copy_from_slice(&length.to_be_bytes());
        self.put("outbox_message", &outbox)?;
        self.put("inbox_message", &[&[0, 0][..], &bytes, &[7; 20], &[0; 21], &[9; 20]].concat())
    }

    fn contract(&self, path: &Path) -> Result<()> {
        let node = Micheline::parse_script(&fs::read_to_string(path)?)?;
        self.put("micheline_text", &fs::read(path)?)?;
        self.put("script", &node.to_bytes())?;
        for part in node.children() {
            self.micheline(part)?;
        }
        for (ty, value) in [
            ("pair nat (map string bytes)", "Pair 1 { Elt \"a\" 0x00 }"),
            ("or (list int) (option timestamp)", "Right (Some \"2026-01-01T00:00:00Z\")"),
            ("pair int int int int", "{ 1 ; 2 ; 3 ; 4 }"),
            ("lambda unit unit", "{ DROP ; UNIT }"),
            (
                "pair address key_hash",
                "Pair \"KT1FzkvNzqC3uQE3B561mbkAwQu4C7rWGC3s%a\" \"tz1Ke2h7sDdakHJQh8WX4Z372du1KChsksyU\"",
            ),
            ("set (pair mutez bool)", "{ Pair 0 False ; Pair 0 True }"),
        ] {
            let bytes = [Micheline::parse(ty)?.to_bytes(), Micheline::parse(value)?.to_bytes()].concat();
            self.put("value", &bytes)?;
        }
        Ok(())
    }
}
