//! The document's file of inputs: an array of inboxes, each an array of messages.

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use soru_base::{BlockHash, ContractHash, Profile, PublicKeyHash, RollupAddress};
use soru_michelson::Micheline;
use soru_protocol::inbox::{InboxMessage, InternalMessage};

/// The inboxes of a file, each with the messages that the protocol adds, as the machine reads them. Transfers that name
/// no rollup go to `rollup`.
pub(super) fn parse(text: &str, profile: &Profile, rollup: RollupAddress) -> Result<Vec<Vec<Vec<u8>>>> {
    let value: Value = serde_json::from_str(text).context("no JSON")?;
    let inboxes =
        value.as_array().ok_or_else(|| anyhow!("expected an array of inboxes, found {}", kind(&value)))?;
    inboxes
        .iter()
        .enumerate()
        .map(|(n, inbox)| {
            let messages = inbox
                .as_array()
                .ok_or_else(|| anyhow!("inbox {n}: expected an array of messages, found {}", kind(inbox)))?;
            let mut all = protocol_start(profile)?;
            for (m, message) in messages.iter().enumerate() {
                all.push(input(message, rollup).with_context(|| format!("inbox {n}, message {m}"))?);
            }
            all.push(InternalMessage::end_of_level().0);
            Ok(all)
        })
        .collect()
}

/// The messages that begin every inbox. Without a chain, the block before has the zero hash and the timestamp zero.
fn protocol_start(profile: &Profile) -> Result<Vec<Vec<u8>>> {
    let mut messages = vec![InternalMessage::start_of_level().0];
    if profile.info_per_level {
        let info = InternalMessage::InfoPerLevel { predecessor_timestamp: 0, predecessor: BlockHash::ZERO }
            .serialize()?;
        messages.push(info.0);
    }
    Ok(messages)
}

fn input(value: &Value, rollup: RollupAddress) -> Result<Vec<u8>> {
    let object = value.as_object().ok_or_else(|| anyhow!("expected an object, found {}", kind(value)))?;
    let known = ["external", "payload", "sender", "source", "destination", "raw"];
    if let Some(unknown) = object.keys().find(|key| !known.contains(&key.as_str())) {
        bail!("unknown member `{unknown}`: expected {}", known.join(", "));
    }
    let text = |name: &str| -> Result<Option<&str>> {
        object
            .get(name)
            .map(|v| v.as_str().ok_or_else(|| anyhow!("`{name}`: expected a string, found {}", kind(v))))
            .transpose()
    };
    let bytes = |name: &str, text: &str| {
        hex::decode(text).map_err(|e| anyhow!("`{name}`: `{}` is not hexadecimal: {e}", short(text)))
    };
    match (text("external")?, object.get("payload"), text("raw")?) {
        (Some(external), None, None) => {
            Ok(InboxMessage::External(bytes("external", external)?).serialize()?.0)
        }
        (None, None, Some(raw)) => bytes("raw", raw),
        (None, Some(payload), None) => {
            let transfer = InternalMessage::Transfer {
                payload: micheline(payload).context("`payload`")?,
                sender: text("sender")?.map_or(Ok(ContractHash::ZERO), str::parse).context("`sender`")?,
                source: text("source")?
                    .map_or(Ok(PublicKeyHash::new(soru_base::keys::Curve::Ed25519, [0; 20])), str::parse)
                    .context("`source`")?,
                destination: text("destination")?.map_or(Ok(rollup), str::parse).context("`destination`")?,
            };
            Ok(transfer.serialize()?.0)
        }
        _ => bail!("expected exactly one of `external`, `payload` and `raw`"),
    }
}

/// Michelson as text, as in the document, or as Micheline in JSON.
fn micheline(value: &Value) -> Result<Micheline> {
    match value {
        Value::String(text) => Ok(Micheline::parse(text)?),
        other => Ok(Micheline::from_json_value(other)?),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn short(text: &str) -> String {
    text.chars().take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the document, but for the sender: the checksum of the document's is wrong.
    const EXAMPLE: &str = r#"[
        [ { "external": "0000000023030b01d1a37c088a1221b636bb5fccb35e05181038ba7c000000000764656661756c74" } ],
        [ { "payload" : "0",
            "sender" : "KT1BEqzn5Wx8uJrZNvuS9DVHmLvG9td3fDLi",
            "source" : "tz1RjtZUVeLhADFHDL8UwDZA6vjWWhojpu5w",
            "destination" : "scr1HLXM32GacPNDrhHDLAssZG88eWqCUbyLF" },
          { "payload" : "Pair Unit False" } ] ]"#;

    #[test]
    fn the_example_of_the_document_is_read() {
        let inboxes = parse(EXAMPLE, &Profile::alpha(), RollupAddress::ZERO).unwrap();
        assert_eq!(inboxes.iter().map(Vec::len).collect::<Vec<_>>(), [3, 4]);
        assert_eq!(inboxes[0][0], [0, 1]);
        assert!(hex::encode(&inboxes[0][1]).starts_with("010000000023030b01d1"));
        assert_eq!(inboxes[0][2], [0, 2]);
        // A transfer: 00 00, the payload, 20 bytes of sender, 21 of source, 20 of destination.
        assert_eq!(inboxes[1][1].len(), 2 + 2 + 20 + 21 + 20);
        assert!(inboxes[1][2].ends_with(&[0; 61]));
    }

    #[test]
    fn todays_network_adds_the_predecessor() {
        let inboxes = parse("[[]]", &Profile::mainnet(), RollupAddress::ZERO).unwrap();
        assert_eq!(inboxes[0].iter().map(Vec::len).collect::<Vec<_>>(), [2, 42, 2]);
    }

    #[test]
    fn errors_name_the_place() {
        let error =
            |text: &str| format!("{:#}", parse(text, &Profile::alpha(), RollupAddress::ZERO).unwrap_err());
        assert_eq!(error("{}"), "expected an array of inboxes, found an object");
        assert_eq!(error("[[], 3]"), "inbox 1: expected an array of messages, found a number");
        assert_eq!(error("[[{\"external\":\"0g\"}]]").split(':').next(), Some("inbox 0, message 0"));
        assert!(error("[[{\"extrenal\":\"\"}]]").contains("unknown member `extrenal`"));
        assert!(error("[[{\"payload\":\"Pair (\"}]]").contains("`payload`"));
        assert!(error("[[{}]]").contains("exactly one of"));
        let document =
            EXAMPLE.replace("KT1BEqzn5Wx8uJrZNvuS9DVHmLvG9td3fDLi", "KT1ThEdxfUcUWwqsdergy3QnbCWGHSUHeHJq");
        assert!(
            error(&document).contains("`sender`: `KT1ThEdxfUcUWwqsdergy3QnbCWGHSUHeHJq` is no ContractHash")
        );
        let long = format!("[[{{\"external\":\"{}\"}}]]", "00".repeat(4096));
        assert!(error(&long).contains("4097 bytes"), "{}", error(&long));
    }
}
