//! What every demo begins with: a layer-1, somebody who uses it, a rollup.

use super::house::House;
use super::story::Story;
use crate::client::{Costs, Session};
use anyhow::{Context, Result, anyhow};
use soru_base::bootstrap::BootstrapAccount;
use soru_base::profile::ProfileName;
use soru_base::{Level, RollupAddress};
use soru_l1::Client;
use soru_michelson::Micheline;
use soru_protocol::operation::{Action, PvmKind};
use soru_protocol::receipt::Effect;
use std::time::Duration;

/// Time between two looks at something that is not there yet.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(150);

/// An account that every sandbox has.
pub(super) fn account(alias: &str) -> Result<&'static BootstrapAccount> {
    BootstrapAccount::named(alias).ok_or_else(|| anyhow!("no account {alias}"))
}

/// That account at a layer-1, ready to pay whatever it takes.
pub(super) fn session(client: &Client, alias: &str) -> Result<Session> {
    Ok(Session::new(client.clone(), account(alias)?.sk(), Costs::unlimited()))
}

/// Starts a layer-1; `blocks` are constants of smart rollups, as `challenge_window`. Returns its address.
pub(super) async fn layer1(
    house: &mut House,
    story: &mut Story,
    profile: ProfileName,
    block_time: f64,
    blocks: &[(&str, u32)],
) -> Result<String> {
    story.chapter("A layer-1");
    let mut arguments: Vec<String> =
        ["sandbox", "run", "--rpc-addr", "127.0.0.1:0"].map(str::to_owned).to_vec();
    arguments.extend(["--data-dir".to_owned(), house.path("layer-1").display().to_string()]);
    arguments.extend(["--profile".to_owned(), profile.to_string()]);
    arguments.extend(["--block-time".to_owned(), block_time.to_string()]);
    for (name, value) in blocks {
        arguments.extend(["--constant".to_owned(), format!("smart_rollup_{name}_in_blocks={value}")]);
    }
    let url = house.start("layer-1", &arguments).await?;
    story.fact("answers at", &url);
    story.fact("profile", profile);
    story.fact("blocks", format_args!("one every {block_time} s"));
    for (name, value) in blocks {
        story.fact(&name.replace('_', " "), format_args!("{value} blocks"));
    }
    Ok(url)
}

/// Sends external messages, each batch in an operation.
pub(super) async fn send_messages(user: &Session, story: &Story, batches: &[&[&str]]) -> Result<()> {
    for batch in batches {
        let messages = batch.iter().map(|text| text.as_bytes().to_vec()).collect();
        let done = user
            .run(vec![Action::SmartRollupAddMessages { messages }])
            .await
            .context("cannot send messages")?;
        story.fact(&format!("messages of level {}", done.level), batch.join(" "));
    }
    Ok(())
}

/// A rollup that was just originated.
pub(super) struct NewRollup {
    pub(super) address: RollupAddress,
    pub(super) level: Level,
}

/// Originates a rollup that takes `bytes` from contracts.
pub(super) async fn rollup(
    user: &Session,
    kernel: Vec<u8>,
    called: &str,
    story: &mut Story,
) -> Result<NewRollup> {
    let size = kernel.len();
    let action = Action::SmartRollupOriginate {
        pvm_kind: PvmKind::Wasm2_0_0,
        kernel,
        parameters_ty: Micheline::parse("bytes")?,
        whitelist: None,
    };
    let done = user.run(vec![action]).await.context("cannot originate the rollup")?;
    let (address, genesis) = done
        .effects()
        .find_map(|effect| match effect {
            Effect::RollupOrigination { address, genesis_commitment_hash, .. } => {
                Some((*address, *genesis_commitment_hash))
            }
            _ => None,
        })
        .ok_or_else(|| anyhow!("the receipt of the origination names no rollup"))?;
    let family = user.client().family();
    story.fact("kernel", format_args!("{called}, {size} bytes"));
    story.fact("address", address.in_family(family));
    story.fact("genesis commitment", genesis.in_family(family));
    story.fact("originated at level", done.level);
    Ok(NewRollup { address, level: done.level })
}
