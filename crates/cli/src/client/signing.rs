//! Commands that sign bytes and texts, and check signatures.

use super::{Request, print};
use crate::phrase::Parameters;
use anyhow::{Context, Result, bail};
use soru_base::keys::OPERATION_WATERMARK;
use soru_base::{BlockHash, BlockId, PublicKey, SecretKey, Signature};

/// A command that signs or checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    SignBytes,
    CheckBytes,
    SignMessage,
    CheckMessage,
}

super::grammar::phrases! { Signing:
    SignBytes: "sign bytes <bytes> for <key>", "Sign bytes as CHECK_SIGNATURE checks them", &[];
    CheckBytes: "check that bytes <bytes> were signed by <key> to produce <signature>",
        "Check a signature as CHECK_SIGNATURE does", &["quiet"];
    SignMessage: "sign message <message> for <key>",
        "Sign a text, within an operation that does nothing on the branch (genesis)", &["branch"];
    CheckMessage: "check that message <message> was signed by <key> to produce <signature>",
        "Check the signature of a text", &["branch", "quiet"];
}

/// Tag of the operation that does nothing but hold a message.
const FAILING_NOOP: u8 = 17;

pub(super) async fn run(command: Command, request: &Request, parameters: &Parameters) -> Result<()> {
    let key = parameters.get("key");
    match command {
        Command::SignBytes => {
            let bytes = bytes(parameters.get("bytes"))?;
            print(format_args!("Signature: {}", secret_key(request, key)?.sign(&bytes)))
        }
        Command::CheckBytes => {
            let key = request.wallet.named_public_key(key)?;
            let bytes = bytes(parameters.get("bytes"))?;
            check(request, parameters, "Signature check successful.", &key, &bytes)
        }
        Command::SignMessage => {
            let message = message(request, parameters).await?;
            print(format_args!("Signature: {}", secret_key(request, key)?.sign(&message)))
        }
        Command::CheckMessage => {
            let key = request.wallet.named_public_key(key)?;
            let message = message(request, parameters).await?;
            check(request, parameters, "Signature check successful", &key, &message)
        }
    }
}

/// The secret key of an account, or one that is written out as in the wallet.
fn secret_key(request: &Request, word: &str) -> Result<SecretKey> {
    let wallet = &request.wallet;
    match (wallet.account(word), word.parse()) {
        (Ok(account), _) => wallet.secret_key(&account),
        (_, Ok(locator)) => wallet.unlock("on the command line", &locator),
        (Err(error), _) if !word.contains("sk") => Err(error),
        // The word may be a secret with a slip of the pen.
        _ => bail!("no account of that name, and no secret key"),
    }
}

fn check(
    request: &Request,
    parameters: &Parameters,
    done: &str,
    key: &PublicKey,
    bytes: &[u8],
) -> Result<()> {
    let signature: Signature = parameters.get("signature").parse()?;
    match signature.verify(key, bytes) {
        true if request.options.quiet => Ok(()),
        true => print(done),
        false => bail!("invalid signature"),
    }
}

/// Bytes as Michelson writes them.
pub(super) fn bytes(word: &str) -> Result<Vec<u8>> {
    let Some(digits) = word.strip_prefix("0x") else {
        bail!("`{word}` are no bytes: expected hexadecimal digits behind 0x");
    };
    hex::decode(digits)
        .with_context(|| format!("`{word}` are no bytes: expected hexadecimal digits behind 0x"))
}

/// What is signed for a text.
async fn message(request: &Request, parameters: &Parameters) -> Result<Vec<u8>> {
    let branch: BlockId = request.options.branch.as_deref().unwrap_or("genesis").parse()?;
    let hash = request.client().await?.block_hash(branch).await?;
    Ok(noop(hash, parameters.get("message").as_bytes()))
}

fn noop(branch: BlockHash, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[OPERATION_WATERMARK], branch.as_bytes(), &[FAILING_NOOP], &length, message].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_in_michelson() {
        assert_eq!(bytes("0x0aFF").unwrap(), [10, 255]);
        assert!(bytes("0aff").unwrap_err().to_string().contains("behind 0x"));
        assert!(bytes("0x0").is_err());
    }

    #[test]
    fn a_message_is_signed_as_an_operation_that_does_nothing() {
        let signed = noop(BlockHash::ZERO, b"hi");
        assert_eq!(hex::encode(&signed), format!("03{}1100000002{}", "00".repeat(32), hex::encode("hi")));
    }
}
