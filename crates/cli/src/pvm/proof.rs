//! `soru pvm prove`, `verify` and `proof show`: proofs of single ticks.

use super::kernel::{DebugOptions, MachineOptions};
use super::progress::Progress;
use crate::engine::EngineChoice;
use crate::{UsageError, output};
use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use soru_base::bin::Binary;
use soru_base::tick::Tick;
use soru_base::{ContextHash, Level};
use soru_merkle::Name;
use soru_merkle::proof::Seen;
use soru_node::reveals::FilePreimages;
use soru_pvm::Machine;
use soru_pvm::replay::{Outside, Tracer};
use soru_pvm::state::{InputPlace, Status};
use soru_pvm::step_proof::{ProvedStep, StepInput, StepProof};
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(crate) struct ProveOptions {
    #[command(flatten)]
    machine: MachineOptions,
    #[command(flatten)]
    debug: DebugOptions,
    #[command(flatten)]
    engine: EngineChoice,
    /// Prove the tick that leads out of the state of this tick
    #[arg(long, value_name = "TICK")]
    tick: u64,
    /// Write the proof to this file: the network's bytes, then what the tick takes, if anything
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
pub(crate) enum ProofCommand {
    /// Print what a proof holds: paths, values, hashes of what is left out
    Show(FileOptions),
}

#[derive(Args)]
pub(crate) struct FileOptions {
    /// The file of the proof
    file: PathBuf,
    /// The message that the tick takes, if the file does not hold it
    #[arg(long, value_name = "LEVEL:INDEX:HEX", conflicts_with = "reveal")]
    message: Option<String>,
    /// The answer to a reveal that the tick takes, if the file does not hold it
    #[arg(long, value_name = "HEX")]
    reveal: Option<String>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) fn prove(options: &ProveOptions) -> Result<()> {
    let prepared = options.machine.prepare()?;
    let mut pages = FilePreimages::in_dir(Path::new("."));
    let mut reveals = prepared.reveals(&mut pages);
    let mut debug = options.debug.sink();
    let progress = Progress::new(Some(options.tick));
    let mut watch = |tick| progress.at(tick);
    let outside = Outside { reveals: &mut reveals, debug: &mut *debug, watch: &mut watch };
    let engine = options.engine.way()?;
    let mut tracer = Tracer::begin(prepared.setup.clone(), &prepared.kernel, &prepared.levels, outside)?;
    if let Some(engine) = &engine {
        tracer = tracer.with_engine(engine);
    }
    tracer.set_max_reboots();
    let proof = tracer.go_to(Tick(options.tick)).and_then(|()| tracer.proof());
    progress.finish(tracer.tick());
    let proof = proof?;
    let bytes = proof.to_bytes();
    std::fs::write(&options.out, bytes)
        .with_context(|| format!("cannot write the proof {}", options.out.display()))?;
    let facts = facts(&proof, Some(tracer.machine()), None);
    report(&facts, options.json)
}

pub(super) fn verify(options: &FileOptions) -> Result<()> {
    for (name, proof) in read(options)? {
        let machine = proof.proof.to_tree().ok().and_then(|tree| Machine::from_tree(&tree).ok());
        let proved = check(&proof, machine.as_ref()).context(name)?;
        report(&facts(&proof, machine.as_ref(), Some(&proved.status)), options.json)?;
    }
    Ok(())
}

/// What a proof proves. Without what it waits for a machine stays as it is: who left it out is told so.
fn check(proof: &StepProof, machine: Option<&Machine>) -> Result<ProvedStep> {
    let waits_for = match (&proof.input, machine.map(Machine::status)) {
        (StepInput::Nothing, Some(Status::InputRequired)) => Some("a message"),
        (StepInput::Nothing, Some(Status::RevealRequired(_))) => Some("the answer to a reveal"),
        _ => None,
    };
    match (proof.verify(), waits_for) {
        (Err(_), Some(needed)) => bail!("the machine needs {needed}, it is given nothing"),
        (proved, _) => Ok(proved?),
    }
}

/// What a proof is about, in the order in which it is shown.
fn facts(proof: &StepProof, machine: Option<&Machine>, status: Option<&Status>) -> Value {
    let mut facts = Map::new();
    let mut put = |name: &str, value: Value| facts.insert(name.to_owned(), value);
    if let Some(machine) = machine {
        put("tick", machine.current_tick.0.into());
        put("state", machine.state_name().into());
    }
    match status.cloned().or(machine.map(Machine::status)) {
        Some(Status::InputRequired) => put("status", "input-required".into()),
        Some(Status::RevealRequired(request)) => {
            put("status", format!("reveal-required:{}", hex::encode(request)).into())
        }
        Some(Status::Computing) | None => None,
    };
    put("before", proof.proof.before().to_hex().into());
    put("after", proof.proof.after().to_hex().into());
    put("proof_size", proof.proof.to_bytes().len().into());
    match &proof.input {
        StepInput::Nothing => None,
        StepInput::Message { place, message } => put(
            "input",
            json!({ "level": place.level.get(), "index": place.counter, "message": hex::encode(message) }),
        ),
        StepInput::Reveal(answer) => put("reveal", hex::encode(answer).into()),
    };
    Value::Object(facts)
}

fn report(facts: &Value, json: bool) -> Result<()> {
    if json {
        return output::line(facts);
    }
    let text = |name: &str| facts[name].as_str().unwrap_or_default();
    let mut lines = Vec::new();
    if let (Some(tick), state) = (facts["tick"].as_u64(), text("state")) {
        lines.push(("tick", format!("{tick}, {state}")));
    }
    lines.push(("start hash", text("before").to_owned()));
    lines.push(("stop hash", text("after").to_owned()));
    lines.push(("input consumed", consumed(facts)));
    lines.push(("size", format!("{} bytes", facts["proof_size"])));
    for (name, value) in lines {
        output::line(format_args!("{name:<15} {value}"))?;
    }
    Ok(())
}

fn consumed(facts: &Value) -> String {
    if let Some(input) = facts["input"].as_object() {
        let message = input["message"].as_str().unwrap_or_default();
        return format!(
            "message {} of level {}, {} bytes: {}",
            input["index"],
            input["level"],
            message.len() / 2,
            shortened(message)
        );
    }
    match facts["reveal"].as_str() {
        Some(answer) => {
            let request = facts["status"].as_str().unwrap_or_default();
            let request = request.trim_start_matches("reveal-required:");
            format!("the answer to the reveal {request}, {} bytes: {}", answer.len() / 2, shortened(answer))
        }
        None => "nothing".to_owned(),
    }
}

/// Hexadecimal, cut if it is long.
fn shortened(hex: &str) -> String {
    const SHOWN: usize = 64;
    match hex.get(..SHOWN) {
        Some(start) if hex.len() > SHOWN => format!("{start}…"),
        _ => hex.to_owned(),
    }
}

pub(super) fn show(options: &FileOptions) -> Result<()> {
    for (name, proof) in read(options)? {
        // What is shown has to be what the start hash stands for.
        let tree = proof.proof.to_tree().with_context(|| name)?;
        let machine = Machine::from_tree(&tree).ok();
        let mut facts = facts(&proof, machine.as_ref(), None);
        if options.json {
            let mut parts = Vec::new();
            proof.proof.walk(|path, seen| parts.push(part_json(path, seen)));
            facts["parts"] = parts.into();
            output::line(facts)?;
            continue;
        }
        report(&facts, false)?;
        let mut written = Ok(());
        proof.proof.walk(|path, seen| {
            if written.is_ok() {
                written = output::line(part_line(path, seen));
            }
        });
        written?;
    }
    Ok(())
}

fn part_json(path: &[Name], seen: Seen<'_>) -> Value {
    let path = path_text(path);
    match seen {
        Seen::Leaf(bytes) => json!({ "path": path, "value": hex::encode(bytes) }),
        Seen::Directory(count) => json!({ "path": path, "entries": count }),
        Seen::BlindedLeaf(hash) => json!({ "path": path, "blinded": "leaf", "hash": hash.to_hex() }),
        Seen::BlindedDirectory(hash) => {
            json!({ "path": path, "blinded": "directory", "hash": hash.to_hex() })
        }
        Seen::BlindedEntries(hash) => json!({ "path": path, "blinded": "entries", "hash": hash.to_hex() }),
    }
}

/// A path, with its middle left out if it is very long: a proof can hold many such. Keys of the durable storage fit.
fn path_text<N: AsRef<[u8]>>(path: &[N]) -> String {
    const END: usize = 512;
    let fitting = |names: &mut dyn Iterator<Item = &N>| {
        let mut len = 0;
        names
            .take_while(|name| {
                len += name.as_ref().len() + 1;
                len <= END
            })
            .count()
    };
    let head = fitting(&mut path.iter());
    let tail = fitting(&mut path[head..].iter().rev());
    let text = |names: &[N]| {
        names.iter().fold(String::new(), |mut text, name| {
            let _ = write!(text, "/{}", name.as_ref().escape_ascii());
            text
        })
    };
    let (start, end) = (text(&path[..head]), text(&path[path.len() - tail..]));
    match path.len() - head - tail {
        0 if path.is_empty() => "/".to_owned(),
        0 => start + &end,
        left_out => format!("{start}/… {left_out} names …{end}"),
    }
}

fn part_line(path: &[Name], seen: Seen<'_>) -> String {
    let path = path_text(path);
    let blinded = |what: &str, hash: &ContextHash| format!("{path} blinded {what} {}", hash.to_hex());
    match seen {
        Seen::Leaf(bytes) => {
            let more = if bytes.len() > 32 { format!(" ({} bytes)", bytes.len()) } else { String::new() };
            let text = text_in(bytes).map(|text| format!(" {text:?}")).unwrap_or_default();
            format!("{path} = {}{more}{text}", shortened(&hex::encode(bytes)))
        }
        Seen::Directory(1) => format!("{path} with 1 entry"),
        Seen::Directory(count) => format!("{path} with {count} entries"),
        Seen::BlindedLeaf(hash) => blinded("leaf", hash),
        Seen::BlindedDirectory(hash) => blinded("directory", hash),
        Seen::BlindedEntries(hash) => blinded("more entries", hash),
    }
}

/// The text of a value that is one: behind its length in four bytes.
fn text_in(bytes: &[u8]) -> Option<&str> {
    let (len, text) = bytes.split_first_chunk::<4>()?;
    let printable = text.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    let is_text = u32::from_be_bytes(*len) as usize == text.len() && !text.is_empty() && printable;
    if is_text { std::str::from_utf8(text).ok() } else { None }
}

/// The longest file that is read.
const FILE_MAX: u64 = 256 << 20;

fn read(options: &FileOptions) -> Result<Vec<(String, StepProof)>> {
    let name = options.file.display().to_string();
    let given = given(options)?;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(&options.file).with_context(|| format!("cannot read the proof {name}"))?;
    file.take(FILE_MAX + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read the proof {name}"))?;
    if bytes.len() as u64 > FILE_MAX {
        bail!("{name}: longer than {FILE_MAX} bytes");
    }
    let mut proofs = parse(&bytes, &name)?;
    if let Some(given) = given {
        match &mut proofs[..] {
            [(_, proof)] => proof.input = given,
            proofs => bail!("{name}: --message or --reveal is for one proof, {} are there", proofs.len()),
        }
    }
    Ok(proofs)
}

fn given(options: &FileOptions) -> Result<Option<StepInput>> {
    if let Some(answer) = &options.reveal {
        let answer = hex::decode(answer).map_err(|e| UsageError(format!("--reveal: no hexadecimal: {e}")))?;
        return Ok(Some(StepInput::Reveal(answer)));
    }
    let Some(text) = &options.message else { return Ok(None) };
    let message = || {
        let mut parts = text.splitn(3, ':');
        let level = Level::new(parts.next()?.parse().ok()?)?;
        let counter = parts.next()?.parse().ok()?;
        let message = hex::decode(parts.next()?).ok()?;
        Some(StepInput::Message { place: InputPlace { level, counter }, message })
    };
    let wrong = || UsageError(format!("--message {text}: expected LEVEL:INDEX:HEX, as 5:0:0001"));
    message().ok_or_else(wrong).map(Some).map_err(Into::into)
}

fn parse(bytes: &[u8], name: &str) -> Result<Vec<(String, StepProof)>> {
    let text = std::str::from_utf8(bytes).map(str::trim).unwrap_or_default();
    if text.starts_with('{') {
        let mut proofs = Vec::new();
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let place = format!("{name}, line {}", at + 1);
            let line: Value = serde_json::from_str(line).with_context(|| place.clone())?;
            // The first line of a file of the vectors says what it is about.
            if line.get("proof").is_some() {
                proofs.push((place.clone(), of_json(&line).with_context(|| place)?));
            }
        }
        if proofs.is_empty() {
            bail!("{name}: no line has a `proof`");
        }
        return Ok(proofs);
    }
    let is_hex = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let decoded = if is_hex { hex::decode(text).ok() } else { None };
    let proof = StepProof::from_bytes(decoded.as_deref().unwrap_or(bytes))
        .with_context(|| format!("{name} is no proof"))?;
    Ok(vec![(name.to_owned(), proof)])
}

/// As in the files of proofs of the vectors.
fn of_json(line: &Value) -> Result<StepProof> {
    let bytes = |name: &str, value: &Value| {
        let text = value.as_str().ok_or_else(|| anyhow!("`{name}`: expected bytes in hexadecimal"))?;
        hex::decode(text).map_err(|e| anyhow!("`{name}`: no hexadecimal: {e}"))
    };
    let proof = StepProof::from_bytes(&bytes("proof", &line["proof"])?).context("`proof`")?;
    let number = |name: &str| {
        let value = &line["input"][name];
        value.as_u64().ok_or_else(|| anyhow!("`input.{name}`: expected a natural number, found {value}"))
    };
    let input = match (line.get("input"), line.get("reveal")) {
        (None, None) => proof.input,
        (Some(input), None) => {
            let level = u32::try_from(number("level")?).ok().and_then(Level::new);
            StepInput::Message {
                place: InputPlace {
                    level: level.ok_or_else(|| anyhow!("`input.level`: levels end at 2^31 − 1"))?,
                    counter: number("index")?,
                },
                message: bytes("input.message", &input["message"])?,
            }
        }
        (None, Some(answer)) => StepInput::Reveal(bytes("reveal", answer)?),
        (Some(_), Some(_)) => bail!("both `input` and `reveal`: a tick takes one thing"),
    };
    Ok(StepProof { proof: proof.proof, input })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_paths_are_cut_in_the_middle() {
        let none: [&str; 0] = [];
        assert_eq!(path_text(&none), "/");
        assert_eq!(path_text(&["durable", "a\n", "@"]), "/durable/a\\n/@");
        let key = vec!["k"; 125];
        assert_eq!(path_text(&key).len(), 250);
        let deep = vec!["ab"; 100_000];
        let text = path_text(&deep);
        assert!(text.len() < 1100 && text.contains("/… 99660 names …/ab"), "{text}");
    }

    #[test]
    fn texts_are_told_from_other_bytes() {
        assert_eq!(text_in(b"\0\0\0\x04Some"), Some("Some"));
        for other in [&b""[..], b"\0\0\0\0", b"\0\0\0\x05Some", b"\0\0\0\x01\n"] {
            assert_eq!(text_in(other), None, "{other:?}");
        }
    }
}
