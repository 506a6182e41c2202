//! Commands on smart rollups.

use super::contracts::michelson;
use super::grammar::injects;
use super::{Request, number, print, word_or_file};
use crate::phrase::Parameters;
use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use soru_base::{CommitmentHash, Level, PublicKeyHash, StateHash, TickSpan};
use soru_protocol::commitment::Commitment;
use soru_protocol::inbox::InboxMessage;
use soru_protocol::operation::{Action, PvmKind};
use soru_protocol::receipt::Effect;

/// A command on smart rollups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Originate,
    SendMessage,
    Publish,
    Cement,
    RecoverBond,
    ExecuteOutboxMessage,
    List,
}

super::grammar::phrases! { Rollups:
    Originate: "originate smart rollup from <source> of kind <kind> of type <type> with kernel <kernel>",
        "Originate a smart rollup; the kernel is hexadecimal, a .wasm file, or fs:PATH or file:PATH",
        injects!["force", "whitelist"];
    Originate: "originate smart rollup <name> from <source> of kind <kind> of type <type> with kernel <kernel>",
        "The same, and remember it under a name", injects!["force", "whitelist"];
    SendMessage: "send smart rollup message <messages> from <source>",
        "Send external messages: hex:[\"00\",…], text:[\"hello\",…], bin:PATH or file:PATH of a JSON list", injects![];
    Publish: "publish commitment from <source> for smart rollup <rollup> with compressed state <state> at inbox level <level> and predecessor <predecessor> and number of ticks <ticks>",
        "Publish a commitment", injects![];
    Cement: "cement commitment from <source> for smart rollup <rollup>", "Cement the oldest commitment that can be", injects![];
    Cement: "cement commitment <hash> from <source> for smart rollup <rollup>", "The same; the hash is checked", injects![];
    RecoverBond: "recover bond of <source> for smart rollup <rollup>", "Take back the deposit of a staker", injects![];
    RecoverBond: "recover bond of <staker> for smart rollup <rollup> from <source>", "The same, for somebody else", injects![];
    ExecuteOutboxMessage: "execute outbox message of smart rollup <rollup> from <source> for commitment hash <hash> and output proof <proof>",
        "Execute an outbox message of a cemented commitment", injects![];
    List: "list smart rollups", "List the smart rollups of the layer-1", &[];
}

pub(super) async fn run(command: Command, request: &Request, parameters: &Parameters) -> Result<()> {
    let rollup = || request.wallet.rollup(parameters.get("rollup"));
    let action = match command {
        Command::List => return list(request).await,
        Command::Originate => return originate(request, parameters).await,
        Command::SendMessage => {
            let messages = messages(parameters.get("messages"))?;
            check_sizes(&messages)?;
            Action::SmartRollupAddMessages { messages }
        }
        Command::Publish => {
            Action::SmartRollupPublish { rollup: rollup()?, commitment: commitment(parameters)? }
        }
        Command::Cement => Action::SmartRollupCement { rollup: rollup()? },
        Command::RecoverBond => Action::SmartRollupRecoverBond {
            rollup: rollup()?,
            staker: request.wallet.account(match parameters.get("staker") {
                "" => parameters.get("source"),
                staker => staker,
            })?,
        },
        Command::ExecuteOutboxMessage => Action::SmartRollupExecuteOutboxMessage {
            rollup: rollup()?,
            cemented_commitment: parameters.get("hash").parse()?,
            output_proof: hex::decode(parameters.get("proof").trim_start_matches("0x"))
                .context("the output proof is not hexadecimal")?,
        },
    };
    let session = request.session(parameters.get("source")).await?;
    let receipt = request.inject(&session, vec![action]).await?;
    if let (Command::Cement, Some(receipt), Ok(wanted)) =
        (command, receipt, parameters.get("hash").parse::<CommitmentHash>())
    {
        let cemented =
            receipt.contents.iter().filter_map(|c| c.result.success()).find_map(|s| match &s.effect {
                Effect::Cement { commitment_hash, .. } => Some(*commitment_hash),
                _ => None,
            });
        if cemented != Some(wanted) {
            bail!("another commitment was cemented than the one that was named");
        }
    }
    Ok(())
}

async fn list(request: &Request) -> Result<()> {
    let client = request.client().await?;
    let family = client.family();
    for rollup in client.rollups(request.options.general.block).await? {
        print(rollup.in_family(family))?;
    }
    Ok(())
}

async fn originate(request: &Request, parameters: &Parameters) -> Result<()> {
    let kind = parameters.get("kind");
    let Some(PvmKind::Wasm2_0_0) = PvmKind::named(kind) else {
        bail!("unknown kind of rollup `{kind}`: expected wasm_2_0_0");
    };
    let action = Action::SmartRollupOriginate {
        pvm_kind: PvmKind::Wasm2_0_0,
        kernel: kernel(parameters.get("kernel"))?,
        parameters_ty: michelson(parameters.get("type"), "the type")?,
        whitelist: request.options.whitelist.as_deref().map(|list| whitelist(request, list)).transpose()?,
    };
    let session = request.session(parameters.get("source")).await?;
    let Some(receipt) = request.inject(&session, vec![action]).await? else { return Ok(()) };
    let address = receipt
        .contents
        .iter()
        .filter_map(|c| c.result.success())
        .find_map(|s| match &s.effect {
            Effect::RollupOrigination { address, .. } => Some(*address),
            _ => None,
        })
        .ok_or_else(|| anyhow!("the receipt names no rollup"))?;
    let name = parameters.get("name");
    if !name.is_empty() {
        let text = address.in_family(session.client().family());
        request.wallet.add_rollup(name, text.clone(), request.options.force)?;
        print(format_args!("Smart rollup {text} memorized as \"{name}\""))?;
    }
    Ok(())
}

/// Who may stake: a JSON list of names and addresses.
fn whitelist(request: &Request, word: &str) -> Result<Vec<PublicKeyHash>> {
    let text = word_or_file(word)?;
    let names: Vec<String> = serde_json::from_str(&text)
        .with_context(|| format!("--whitelist `{}` is no JSON list of accounts", text.trim()))?;
    names.iter().map(|name| request.wallet.account(name)).collect()
}

/// The bytes of a kernel: hexadecimal, `fs:PATH` or `file:PATH` of hexadecimal or of the bytes themselves, or the path of a `.wasm` file.
fn kernel(word: &str) -> Result<Vec<u8>> {
    let path = ["file:", "fs:"]
        .iter()
        .find_map(|form| word.strip_prefix(form))
        .or(word.ends_with(".wasm").then_some(word));
    let bytes = match path {
        Some(path) => std::fs::read(path).with_context(|| format!("cannot read the kernel {path}"))?,
        None => word.as_bytes().to_vec(),
    };
    if bytes.starts_with(b"\0asm") {
        return Ok(bytes);
    }
    let text = std::str::from_utf8(&bytes).ok().map(str::trim);
    text.and_then(|text| hex::decode(text).ok()).ok_or_else(|| {
        anyhow!("the kernel is neither hexadecimal nor a WebAssembly file: give its bytes in hexadecimal, or file:PATH")
    })
}

/// Messages as Octez's client takes them.
fn messages(word: &str) -> Result<Vec<Vec<u8>>> {
    let (form, rest) = word.split_once(':').unwrap_or(("text", word));
    match form {
        "bin" => Ok(vec![std::fs::read(rest).with_context(|| format!("cannot read {rest}"))?]),
        "text" => json_list(rest, |text| Ok(text.as_bytes().to_vec())),
        "hex" => json_list(rest, |text| {
            hex::decode(text).map_err(|e| anyhow!("the message `{text}` is not hexadecimal: {e}"))
        }),
        "file" => {
            let text = std::fs::read_to_string(rest).with_context(|| format!("cannot read {rest}"))?;
            json_list(&text, |text| {
                hex::decode(text).map_err(|e| anyhow!("the message `{text}` is not hexadecimal: {e}"))
            })
        }
        // A list that has a colon in its text.
        _ if word.trim_start().starts_with('[') => json_list(word, |text| Ok(text.as_bytes().to_vec())),
        other => bail!("unknown form of messages `{other}:`: expected hex:, text:, bin: or file:"),
    }
}

/// The layer-1 would only say that some message cannot be encoded.
fn check_sizes(messages: &[Vec<u8>]) -> Result<()> {
    for (n, message) in messages.iter().enumerate() {
        InboxMessage::External(message.clone())
            .serialize()
            .with_context(|| format!("message {n}, of {} bytes, is too large", message.len()))?;
    }
    Ok(())
}

fn json_list(text: &str, message: impl Fn(&str) -> Result<Vec<u8>>) -> Result<Vec<Vec<u8>>> {
    let value: Value = serde_json::from_str(text)
        .with_context(|| format!("`{text}` is no JSON list of strings, such as [\"68656c6c6f\"]"))?;
    let items = value.as_array().ok_or_else(|| anyhow!("expected a JSON list of strings, found {value}"))?;
    items
        .iter()
        .map(|item| {
            message(item.as_str().ok_or_else(|| anyhow!("expected a string in the list, found {item}"))?)
        })
        .collect()
}

fn commitment(parameters: &Parameters) -> Result<Commitment> {
    let level: u32 = number(parameters, "level")?;
    Ok(Commitment {
        compressed_state: parameters.get("state").parse::<StateHash>()?,
        inbox_level: Level::new(level).ok_or_else(|| anyhow!("the level {level} is above 2^31 − 1"))?,
        predecessor: parameters.get("predecessor").parse()?,
        number_of_ticks: TickSpan(number(parameters, "ticks")?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_the_forms_of_octez() {
        assert_eq!(messages(r#"hex:["00","ff01"]"#).unwrap(), [vec![0], vec![255, 1]]);
        assert_eq!(messages(r#"text:["hi"]"#).unwrap(), [b"hi".to_vec()]);
        assert_eq!(messages(r#"["a:b"]"#).unwrap(), [b"a:b".to_vec()]);
        assert!(messages(r#"hex:["zz"]"#).unwrap_err().to_string().contains("`zz` is not hexadecimal"));
        assert!(
            messages("base64:[]").unwrap_err().to_string().contains("unknown form of messages `base64:`")
        );
        assert!(
            messages("text:[1]").unwrap_err().to_string().contains("expected a string in the list, found 1")
        );
    }

    #[test]
    fn a_kernel_is_hexadecimal_or_a_file() {
        assert_eq!(kernel("0061736d").unwrap(), b"\0asm");
        assert!(
            kernel("hello").unwrap_err().to_string().contains("neither hexadecimal nor a WebAssembly file")
        );
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.wasm");
        std::fs::write(&path, b"\0asm\x01\0\0\0").unwrap();
        assert_eq!(kernel(path.to_str().unwrap()).unwrap().len(), 8);
        std::fs::write(dir.path().join("k.hex"), "0061736d\n").unwrap();
        assert_eq!(kernel(&format!("file:{}", dir.path().join("k.hex").display())).unwrap(), b"\0asm");
        assert_eq!(kernel(&format!("fs:{}", path.display())).unwrap().len(), 8);
    }
}
