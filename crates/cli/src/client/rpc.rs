//! The layer-1's RPC as it is.

use super::grammar::Command;
use super::{Request, print, print_json, word_or_file};
use crate::phrase::Parameters;
use anyhow::{Context, Result};
use serde_json::Value;
use soru_base::{Level, LevelSpan, OperationHash};
use soru_l1::BlockId;
use soru_l1::operate::Waiting;

pub(super) async fn run(command: Command, request: &Request, parameters: &Parameters) -> Result<()> {
    let client = request.client().await?;
    match command {
        Command::RpcGet => print_json(&client.get(parameters.get("path")).await?),
        Command::RpcPost => {
            let text = word_or_file(parameters.get("body"))?;
            let body: Value =
                serde_json::from_str(&text).with_context(|| format!("the body `{text}` is no JSON"))?;
            print_json(&client.post(parameters.get("path"), &body).await?)
        }
        Command::Timestamp => print(client.header(BlockId::HEAD).await?.timestamp),
        Command::WaitIncluded => {
            let hash: OperationHash = parameters.get("operation").parse()?;
            let confirmations = LevelSpan(request.confirmations()?.unwrap_or(0));
            let waiting = Waiting { confirmations, from: Some(Level::GENESIS), ..Waiting::default() };
            let included = client.wait_included(hash, &waiting).await?;
            print(format_args!(
                "Operation found in block: {} (level {})",
                included.block.hash, included.block.level
            ))
        }
        other => unreachable!("{other:?} is no RPC command"),
    }
}
