//! Commands on the layer-1 as a whole: operations in blocks, heads, protocols; and new blocks in the sandbox.

use super::inject::{print_place, read, tell};
use super::state::get;
use super::{Request, print, receipt};
use crate::phrase::Parameters;
use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use soru_base::blake2b::hash32;
use soru_base::{BlockHash, ChainId, Level, LevelSpan, OperationHash, Profile};
use soru_l1::operate::{Inclusion, Waiting};
use soru_l1::{BlockId, Client, L1Error};
use std::time::Duration;

/// A command on the layer-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    WaitIncluded,
    Receipt,
    Bootstrapped,
    Bake,
    ListHeads,
    ListProtocols,
    ListUnderstood,
    ChainOfBlock,
    ChainOfSeed,
}

super::grammar::phrases! { Chain:
    WaitIncluded: "wait for <operation> to be included", "Wait until an operation is in a block",
        &["confirmations", "check-previous", "branch"];
    Receipt: "get receipt for <operation>", "Show the receipt of an operation of the last blocks", &["check-previous"];
    Bootstrapped: "bootstrapped", "Wait until the layer-1 is up to date", &[];
    Bake: "bake for", "Make a block; only with the sandbox as layer-1", &["minimal-timestamp", "count"];
    Bake: "bake for <delegates...>", "The same; the sandbox bakes with its own key, whoever is named",
        &["minimal-timestamp", "count"];
    ListHeads: "list heads", "List the heads of the layer-1", &[];
    ListProtocols: "list protocols", "List the protocols of the layer-1", &[];
    ListUnderstood: "list understood protocols", "List the protocols that are understood here", &[];
    ChainOfBlock: "compute chain id from block hash <hash>", "Show the identifier of the chain with that genesis", &[];
    ChainOfSeed: "compute chain id from seed <seed>", "Show the identifier of the chain that a text makes", &[];
}

pub(super) async fn run(command: Command, request: &Request, parameters: &Parameters) -> Result<()> {
    match command {
        Command::WaitIncluded => wait(request, parameters).await,
        Command::Receipt => show_receipt(request, parameters).await,
        Command::Bootstrapped => bootstrapped(&request.client().await?).await,
        Command::Bake => bake(request, parameters.rest("delegates")).await,
        Command::ListHeads => {
            let heads = get(&request.client().await?, "/chains/main/blocks").await?;
            let hashes = heads.as_array().into_iter().flatten().flat_map(|branch| branch.as_array());
            hashes.flatten().filter_map(Value::as_str).try_for_each(print)
        }
        Command::ListProtocols => {
            let protocols = get(&request.client().await?, "/protocols").await?;
            protocols.as_array().into_iter().flatten().filter_map(Value::as_str).try_for_each(print)
        }
        Command::ListUnderstood => {
            [Profile::alpha(), Profile::mainnet()].into_iter().try_for_each(|profile| print(profile.protocol))
        }
        Command::ChainOfBlock => {
            let hash: BlockHash = parameters.get("hash").parse()?;
            print(chain_of(hash.as_bytes())?)
        }
        Command::ChainOfSeed => print(chain_of(parameters.get("seed").as_bytes())?),
    }
}

/// The first bytes of the hash.
fn chain_of(bytes: &[u8]) -> Result<ChainId> {
    ChainId::from_slice(&hash32(bytes)[..4]).ok_or_else(|| anyhow!("an identifier of a chain has four bytes"))
}

async fn wait(request: &Request, parameters: &Parameters) -> Result<()> {
    let hash: OperationHash = parameters.get("operation").parse()?;
    let options = &request.options;
    let client = request.client().await?;
    let confirmations = match options.confirmations {
        Some(confirmations) => confirmations,
        None => request.confirmations()?.unwrap_or(0),
    };
    let from = match options.branch_hash()? {
        Some(branch) => client.header(branch).await.context("--branch")?.level.next(),
        None => {
            let head = client.header(BlockId::HEAD).await?.level;
            Level::new(head.get().saturating_sub(options.check_previous)).unwrap_or(Level::GENESIS)
        }
    };
    let waiting = Waiting { confirmations: LevelSpan(confirmations), from: Some(from), ..Waiting::default() };
    client.watch_included(hash, &waiting, tell).await?;
    Ok(())
}

async fn show_receipt(request: &Request, parameters: &Parameters) -> Result<()> {
    let hash: OperationHash = parameters.get("operation").parse()?;
    let client = request.client().await?;
    let Some(inclusion) = find(request, &client, hash).await? else {
        bail!(
            "{hash} is in none of the last {} blocks: --check-previous looks further back",
            request.options.check_previous
        );
    };
    print_place(&inclusion)?;
    let found = read(&inclusion)?;
    let shown = receipt::show(
        "This sequence of operations was run:",
        &found.contents,
        &found.receipt,
        client.family(),
    );
    print(shown.trim_end())
}

/// Looks for an operation from the head back.
async fn find(request: &Request, client: &Client, hash: OperationHash) -> Result<Option<Inclusion>> {
    let head = client.header(request.options.general.block).await?;
    for back in 0..=request.options.check_previous.min(head.level.get()) {
        let block = BlockId::from(head.hash).minus(back);
        let passes = match client.operation_hashes(block).await {
            // A node that keeps no older blocks.
            Err(L1Error::NotFound { .. }) if back > 0 => return Ok(None),
            passes => passes?,
        };
        if passes.iter().flatten().any(|found| *found == hash) {
            return Ok(Inclusion::in_block(&client.block(block).await?, hash));
        }
    }
    Ok(None)
}

async fn bootstrapped(client: &Client) -> Result<()> {
    const PATH: &str = "/chains/main/is_bootstrapped";
    let mut waits = false;
    loop {
        let state = get(client, PATH).await?;
        if state["bootstrapped"] == true {
            return print("Node is bootstrapped.");
        }
        if !waits {
            print("Waiting for the node to be bootstrapped...")?;
            waits = true;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn bake(request: &Request, delegates: &[String]) -> Result<()> {
    for word in delegates {
        request.wallet.account(word)?;
    }
    let client = request.client().await?;
    match client.get("/sandbox/info").await {
        Ok(_) => {}
        Err(L1Error::NotFound { .. }) => bail!(
            "the layer-1 at {} is not the sandbox: its own bakers make blocks; `bake for` works with `soru sandbox` alone",
            client.endpoint()
        ),
        Err(error) => return Err(error.into()),
    }
    let before = client.header(BlockId::HEAD).await?.level;
    let answer = client.post("/sandbox/bake", &json!({ "count": request.options.count })).await?;
    let baked = answer["baked"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (number, hash) in baked.iter().filter_map(Value::as_str).enumerate() {
        print(format_args!("Injected block {hash} (level {})", before.get() as usize + 1 + number))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_is_named_by_its_genesis() {
        // The public network.
        let genesis: BlockHash = "BLockGenesisGenesisGenesisGenesisGenesisf79b5d1CoW2".parse().unwrap();
        assert_eq!(chain_of(genesis.as_bytes()).unwrap().to_string(), "NetXdQprcVkpaWU");
    }
}
