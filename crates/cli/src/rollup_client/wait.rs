//! Waiting for a node.

use super::NodeRpc;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::time::Duration;

/// Time between two questions.
const PAUSE: Duration = Duration::from_millis(250);

/// The block that the node has reached when it has read all that its layer-1 has.
pub(super) async fn synchronized(node: &NodeRpc) -> Result<Value> {
    let path = "/local/synchronized";
    loop {
        let response = node.ask(path).await?;
        let text = node.text(path, response).await?;
        if !text.trim_end().ends_with("\"synchronized\"") {
            bail!("the rollup node ended before it was synchronized");
        }
        let head = node.get("/global/tezos_level").await?;
        // A node that has just begun may not know of any block yet.
        if !head.is_null() {
            return Ok(json!(format!("synchronized with the layer-1 at level {head}")));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The level of the block, once the node has evaluated it.
pub(super) async fn block(node: &NodeRpc, block: &str) -> Result<Value> {
    loop {
        if let Some(level) = node.find(&format!("/global/block/{block}/level")).await? {
            return Ok(level);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The message, as the node tells of it when the layer-1 can execute it.
pub(super) async fn executable(node: &NodeRpc, level: &str, index: &str) -> Result<Value> {
    let level: u64 = level.parse().with_context(|| format!("a level is a number, not `{level}`"))?;
    let index: u64 = index.parse().with_context(|| format!("an index is a number, not `{index}`"))?;
    loop {
        // Asked first: what is evaluated by then is in the answer to the second question.
        let evaluated = node.get("/global/tezos_level").await?.as_u64();
        let pending = node.get("/local/outbox/pending").await?;
        let of_level = pending.as_array().into_iter().flatten().find(|found| found["outbox_level"] == level);
        let known = of_level.is_some_and(|found| {
            found["messages"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|message| message["message_index"] == index)
        });
        match of_level.and_then(|found| found["status"].as_str()) {
            Some("executable") if known => {
                return Ok(json!(format!("message {index} of the outbox of level {level} is executable")));
            }
            Some("lost") if known => bail!("message {index} of the outbox of level {level} is lost"),
            // A level that is not evaluated yet can have messages one day.
            None if evaluated >= Some(level) => {
                bail!("no message waits in the outbox of level {level}")
            }
            Some(_) if !known => bail!("no message {index} waits in the outbox of level {level}"),
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
}
