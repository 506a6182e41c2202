//! The story itself, chapter by chapter. Nothing in it is arranged beforehand: every value is read from the layer-1 or
//! from a node.

use super::Options;
use super::house::House;
use super::report::{CommitmentFound, LevelStates, OutboxFound, Report};
use super::stage::{self, LOOK_AGAIN, NewRollup};
use super::story::Story;
use crate::client::Session;
use crate::rollup_client::NodeRpc;
use crate::wallet::Wallet;
use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use soru_base::{Address, ContractHash, Entrypoint, Level, LevelSpan, Mutez, Profile, RollupAddress};
use soru_l1::{BlockId, Client};
use soru_michelson::Micheline;
use soru_protocol::operation::{Action, Parameters, Script};
use soru_protocol::receipt::Effect;
use std::future::Future;

/// The contract that talks with the rollup.
const CONTRACT: &str = include_str!("certified.tz");

/// Batches of external messages that are sent.
const BATCHES: [&[&str]; 3] = [&["salut", "le", "monde"], &["hello"], &["ciao", "mondo"]];

pub(super) async fn tell(options: &Options, house: &mut House, story: &mut Story) -> Result<Report> {
    let profile = Profile::named(options.run.profile);
    let windows =
        [("commitment_period", options.commitment_period), ("challenge_window", options.challenge_window)];
    let layer1 = stage::layer1(house, story, options.run.profile, options.block_time, &windows).await?;
    let client = Client::new(&layer1, profile.ids)?;

    let user = stage::session(&client, "bootstrap1")?;
    story.chapter("A rollup, whose kernel was built from Rust");
    let NewRollup { address: rollup, level: origination } =
        stage::rollup(&user, soru_kernels::NOTARY.to_vec(), "notary", story).await?;
    let contract = originate_contract(&user, &rollup, story).await?;
    let text = rollup.in_family(profile.ids);
    let (operator, observer) = start_nodes(options, house, story, &layer1, &text).await?;

    send_external(&user, story).await?;
    let asked = send_internal(&user, contract, story).await?;

    let cast = Cast { client, rollup, origination, contract, operator, observer, text };
    let proof = cast.wait_for_proof(asked, options, house, story).await?;
    let outbox = cast.execute(&user, asked, &proof, story).await?;
    let levels = cast.compare(options, house, story).await?;
    let commitments = cast.commitments(options, story).await?;
    Ok(Report {
        rollup: cast.text,
        levels,
        commitments,
        outbox,
        addresses: vec![
            ("layer-1".to_owned(), layer1),
            ("operator node".to_owned(), cast.operator.url()),
            ("observer node".to_owned(), cast.observer.url()),
        ],
    })
}

async fn originate_contract(
    user: &Session,
    rollup: &RollupAddress,
    story: &mut Story,
) -> Result<ContractHash> {
    story.chapter("A contract that wants its bytes certified by the rollup");
    let family = user.client().family();
    let storage = Micheline::parse(&format!("Pair \"{}\" 0x", rollup.in_family(family)))?;
    let action = Action::Origination {
        balance: Mutez::ZERO,
        delegate: None,
        script: Script { code: Micheline::parse_script(CONTRACT)?, storage },
    };
    let done = user.run(vec![action]).await.context("cannot originate the contract")?;
    let contract = done
        .effects()
        .find_map(|effect| match effect {
            Effect::Origination { originated_contracts, .. } => originated_contracts.first().copied(),
            _ => None,
        })
        .ok_or_else(|| anyhow!("the receipt of the origination names no contract"))?;
    story.fact("address", contract);
    Ok(contract)
}

async fn start_nodes(
    options: &Options,
    house: &mut House,
    story: &mut Story,
    layer1: &str,
    rollup: &str,
) -> Result<(NodeRpc, NodeRpc)> {
    story.chapter("Two rollup nodes that know nothing of each other");
    let base_dir = house.path("wallet");
    Wallet::open(&base_dir).add_secret_key("operator", &stage::account("bootstrap2")?.sk(), false)?;
    let mut nodes = Vec::new();
    for (name, mode, signs) in [("operator", "operator", true), ("observer", "observer", false)] {
        let mut arguments: Vec<String> = ["node", "run", mode, "for", rollup].map(str::to_owned).to_vec();
        if signs {
            arguments.extend(["with", "operators", "operator"].map(str::to_owned));
        }
        arguments.extend(["--base-dir".to_owned(), base_dir.display().to_string()]);
        arguments.extend(["--data-dir".to_owned(), house.path(name).display().to_string()]);
        arguments.extend(["--endpoint", layer1, "--rpc-port", "0"].map(str::to_owned));
        arguments.extend(options.run.engine.arguments());
        let url = house.start(name, &arguments).await?;
        story.fact(name, &url);
        nodes.push(NodeRpc::new(&url));
    }
    match <[NodeRpc; 2]>::try_from(nodes) {
        Ok([operator, observer]) => Ok((operator, observer)),
        Err(_) => bail!("two nodes were started"),
    }
}

async fn send_external(user: &Session, story: &mut Story) -> Result<()> {
    story.chapter("External messages, by layer-1 operations");
    stage::send_messages(user, story, &BATCHES).await
}

/// Calls the contract, which calls the rollup; returns the level whose inbox has the message.
async fn send_internal(user: &Session, contract: ContractHash, story: &mut Story) -> Result<Level> {
    story.chapter("An internal message, by a contract's call to the rollup's address");
    let question = b"Soru was here";
    let action = Action::Transaction {
        amount: Mutez::ZERO,
        destination: Address::Contract(contract.into()),
        parameters: Some(Parameters {
            entrypoint: Entrypoint::new("ask")?,
            value: Micheline::bytes(*question),
        }),
    };
    let done = user.run(vec![action]).await.context("cannot call the contract")?;
    story.fact("bytes", format_args!("0x{}", hex::encode(question)));
    story.fact("in the inbox of level", done.level);
    Ok(done.level)
}

/// What executing an outbox message needs.
struct Proof {
    commitment: String,
    bytes: Vec<u8>,
}

/// All that takes part from the moment the messages are sent.
struct Cast {
    client: Client,
    rollup: RollupAddress,
    origination: Level,
    contract: ContractHash,
    operator: NodeRpc,
    observer: NodeRpc,
    /// The rollup's address as it is printed.
    text: String,
}

impl Cast {
    /// Watches commitments being published and cemented until the outbox of `asked` is covered, then takes the proof
    /// from the operator's node.
    async fn wait_for_proof(
        &self,
        asked: Level,
        options: &Options,
        house: &mut House,
        story: &mut Story,
    ) -> Result<Proof> {
        story.chapter("Commitments, published and cemented by the operator");
        let period = LevelSpan(options.commitment_period);
        let mut covering = self.origination.plus(period);
        while covering < asked {
            covering = covering.plus(period);
        }
        // The commitment is published a block or two after its level, and cemented as late after the window.
        let until = covering.plus(LevelSpan(options.challenge_window + 3));
        let mut waiting = story.wait("commitments", u64::from(until.since(self.origination).0));
        let path = format!("/global/block/cemented/helpers/proofs/outbox/{asked}/messages?index=0");
        loop {
            house.check()?;
            let head = self.client.header(BlockId::HEAD).await?.level;
            let cemented = self.client.last_cemented_commitment(BlockId::HEAD, self.rollup).await?;
            let published = self.operator.find("/local/last_published_commitment").await?;
            let published = published.as_ref().and_then(published_level);
            let published =
                published.map_or("nothing published".to_owned(), |l| format!("published up to level {l}"));
            let cemented_up_to = if cemented.level == self.origination {
                "nothing cemented".to_owned()
            } else {
                format!("cemented up to level {}", cemented.level)
            };
            waiting.at(u64::from(head.since(self.origination).0), format!("{published}, {cemented_up_to}"));
            if cemented.level >= asked
                && let Some(found) = self.operator.find(&path).await?
            {
                waiting.done();
                let text = |name: &str| {
                    let member = found.get(name).and_then(Value::as_str);
                    member
                        .map(str::to_owned)
                        .ok_or_else(|| anyhow!("the node's proof has no {name}: {found}"))
                };
                let bytes = hex::decode(text("proof")?).context("the node's proof is not hexadecimal")?;
                let commitment = text("commitment")?;
                story.fact("cemented", &commitment);
                story.fact("covers the outbox of", format_args!("level {asked}"));
                return Ok(Proof { commitment, bytes });
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    async fn execute(
        &self,
        user: &Session,
        asked: Level,
        proof: &Proof,
        story: &mut Story,
    ) -> Result<OutboxFound> {
        story.chapter("The outbox message, executed on the layer-1");
        let storage = || async { self.client.storage(BlockId::HEAD, self.contract).await };
        let before = storage().await?.to_string();
        let action = Action::SmartRollupExecuteOutboxMessage {
            rollup: self.rollup,
            cemented_commitment: proof.commitment.parse()?,
            output_proof: proof.bytes.clone(),
        };
        let done = user.run(vec![action]).await.context("cannot execute the outbox message")?;
        let after = storage().await?.to_string();
        story.fact("proof", format_args!("{} bytes", proof.bytes.len()));
        story.fact("executed in block", done.block);
        story.fact("storage before", &before);
        story.fact("storage after", &after);
        Ok(OutboxFound {
            level: asked.get(),
            index: 0,
            block: done.block.to_string(),
            storage_before: before,
            storage_after: after,
        })
    }

    /// The state hashes of both nodes at every level so far, at as many as were asked for.
    async fn compare(
        &self,
        options: &Options,
        house: &mut House,
        story: &mut Story,
    ) -> Result<Vec<LevelStates>> {
        story.chapter("The same state everywhere");
        let first = self.origination.next();
        let head = self.client.header(BlockId::HEAD).await?.level;
        let last = head.max(self.origination.plus(LevelSpan(options.levels)));
        let mut waiting = story.wait("levels compared", u64::from(last.since(self.origination).0));
        let mut levels = Vec::new();
        let mut level = first;
        while level <= last {
            let operator = state_at(&self.operator, level, house).await?;
            let observer = state_at(&self.observer, level, house).await?;
            waiting.at(u64::from(level.since(self.origination).0), format!("level {level}"));
            levels.push(LevelStates { level: level.get(), operator, observer });
            level = level.next();
        }
        waiting.done();
        if let Some(end) = levels.last() {
            story.fact("levels", format_args!("{} to {}", first, end.level));
            story.fact("operator's state", &end.operator);
            story.fact("observer's state", &end.observer);
        }
        Ok(levels)
    }

    /// All commitments that the operator has made, and which of them are final.
    async fn commitments(&self, options: &Options, story: &mut Story) -> Result<Vec<CommitmentFound>> {
        let cemented = self.client.last_cemented_commitment(BlockId::HEAD, self.rollup).await?;
        let mut found = Vec::new();
        let mut level = self.origination.plus(LevelSpan(options.commitment_period));
        while let Some(block) = self.operator.find(&format!("/global/block/{level}")).await? {
            if let Some(hash) = block.get("commitment_hash").and_then(Value::as_str) {
                let cemented = level <= cemented.level;
                story.fact(
                    &format!("commitment of {level}"),
                    format_args!("{hash}{}", if cemented { ", cemented" } else { "" }),
                );
                found.push(CommitmentFound { hash: hash.to_owned(), inbox_level: level.get(), cemented });
            }
            level = level.plus(LevelSpan(options.commitment_period));
        }
        Ok(found)
    }
}

/// The inbox level of the commitment in the node's answer, whichever form it has.
fn published_level(answer: &Value) -> Option<u64> {
    let commitment = answer.get("commitment").unwrap_or(answer);
    commitment.get("inbox_level").and_then(Value::as_u64)
}

/// The node's state hash after a level, as soon as it has one.
async fn state_at(node: &NodeRpc, level: Level, house: &mut House) -> Result<String> {
    let path = format!("/global/block/{level}/state_hash");
    let found = until_found(|| node.find(&path), house).await?;
    found.as_str().map(str::to_owned).ok_or_else(|| anyhow!("{path}: expected a hash, found {found}"))
}

async fn until_found<F: Future<Output = Result<Option<Value>>>>(
    look: impl Fn() -> F,
    house: &mut House,
) -> Result<Value> {
    loop {
        house.check()?;
        if let Some(found) = look().await? {
            return Ok(found);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
