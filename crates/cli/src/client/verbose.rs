//! What is about to be signed, as Octez's client shows it.

use super::print;
use anyhow::Result;
use soru_base::blake2b::hash32;
use soru_base::keys::OPERATION_WATERMARK;
use soru_base::{IdFamily, Json};
use soru_l1::operate::Prepared;

pub(super) fn show(prepared: &Prepared, family: IdFamily) -> Result<()> {
    let operation = &prepared.operation.operation;
    let forged = operation.forge();
    let marked = [&[OPERATION_WATERMARK], forged.as_slice()].concat();
    let raw = |bytes: &[u8]| bs58::encode(hash32(bytes)).into_string();
    let mut json = prepared.operation.to_json(family);
    if let Some(members) = json.as_object_mut() {
        members.remove("signature");
    }
    print("Pre-signature information (verbose signing):")?;
    print(format_args!("  * Branch: {}", operation.branch))?;
    print(format_args!("  * Watermark: `Generic-operation` (0x{OPERATION_WATERMARK:02x})"))?;
    print(format_args!("  * Operation bytes: {}", hex::encode(&forged)))?;
    print(format_args!("  * Blake 2B Hash (raw): {}", raw(&forged)))?;
    print(format_args!("  * Blake 2B Hash (ledger-style, with operation watermark): {}", raw(&marked)))?;
    print(format_args!("  * JSON encoding: {json}"))
}
