//! `POST /global/block/<id>/simulate`: what messages would lead to. Nothing of it is stored.

use super::json::full;
use super::route::{Route, post};
use super::schema::{
    digits, has, hex, level, list, matching, may, named, object, one_of, or_null, text, word,
};
use super::{Context, RpcError};
use crate::machine::{Evaluated, MachineError, Place, Trial};
use crate::status::Obstacle;
use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use soru_base::{IdFamily, Json as _, LevelSpan};
use soru_merkle::Tree;
use soru_protocol::inbox::{InternalMessage, MESSAGE_SIZE_LIMIT, SerializedMessage};
use soru_pvm::reveal::PAGE_MAX;
use std::path::PathBuf;

type Answer = Result<Json<Value>, RpcError>;

/// The path of the route, as it is allowed by name.
pub(super) const PATH: &str = "/global/block/{block_id}/simulate";

/// Folder of what kernels write in simulations, below the data directory.
const LOGS: &str = "simulation_kernel_logs";
/// Most files in it.
const MOST_LOGS: usize = 100;
/// Most insights of one simulation.
const MOST_INSIGHTS: usize = 100;
/// Most bytes of all insights.
const MOST_BYTES: usize = 16 << 20;
/// Most steps of a key.
const MOST_STEPS: usize = 64;
/// As for a level: kernels are run on such a stack.
const STACK: usize = 16 << 20;

pub(super) fn routes() -> Vec<Route> {
    let insight = |kind: &'static str| object([has("kind", word(&[kind])), has("key", list(text()))]);
    vec![
        post(
            PATH,
            "what the messages would lead to, were they the next level's: nothing is stored. `messages` are inbox messages as \
             the kernel reads them (an external message begins with `01`), the protocol's own are added; `reveal_pages` are \
             found before those of the node. One simulation at a time; 503 if another one is running",
            simulate,
        )
        .takes(object([
            has("messages", list(hex())),
            may("reveal_pages", or_null(list(hex()))),
            may("insight_requests", list(one_of([insight("pvm_state"), insight("durable_storage")]))),
            may("log_kernel_debug_file", or_null(matching("^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$"))),
        ]))
        .answers(object([
            has("state_hash", named("StateHash")),
            has("status", text()),
            has("output", list(named("Output"))),
            has("inbox_level", level()),
            has("num_ticks", digits()),
            may("insights", list(or_null(hex()))),
        ]))
        .guarded(),
    ]
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    messages: Vec<String>,
    reveal_pages: Option<Vec<String>>,
    #[serde(default)]
    insight_requests: Vec<Insight>,
    log_kernel_debug_file: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Insight {
    PvmState { key: Vec<String> },
    DurableStorage { key: Vec<String> },
}

async fn simulate(
    State(context): State<Context>,
    id: Result<Path<String>, PathRejection>,
    body: Result<Json<Asked>, JsonRejection>,
) -> Answer {
    let Path(id) = id.map_err(|e| RpcError::bad_request(e.body_text()))?;
    let Json(asked) = body.map_err(|e| RpcError::bad_request(e.body_text()))?;
    let messages = parts("message", &asked.messages, MESSAGE_SIZE_LIMIT)?;
    let pages = parts("page", asked.reveal_pages.as_deref().unwrap_or_default(), PAGE_MAX)?;
    check_insights(&asked.insight_requests)?;
    let log = asked.log_kernel_debug_file.map(|name| context.log_file(&name)).transpose()?;
    let permit = context.simulations.clone().try_acquire_owned();
    let permit =
        permit.map_err(|_| RpcError::not_yet("another simulation is running: there is one at a time"))?;
    let (send, receive) = tokio::sync::oneshot::channel();
    let work = move || {
        let messages = messages.into_iter().map(SerializedMessage).collect();
        let answer = context.simulated(&id, messages, pages, log, &asked.insight_requests);
        drop(permit);
        // Nobody listens any more when the client went away.
        drop(send.send(answer));
    };
    let thread = std::thread::Builder::new().name("simulation".to_owned()).stack_size(STACK);
    thread.spawn(work).map_err(|e| RpcError::internal(format!("no thread: {e}")))?;
    let answer = receive.await.unwrap_or_else(|_| Err(RpcError::internal("the simulation panicked")))?;
    Ok(Json(answer))
}

fn parts(what: &str, texts: &[String], most: usize) -> Result<Vec<Vec<u8>>, RpcError> {
    let part = |(i, text): (usize, &String)| {
        let bytes = ::hex::decode(text)
            .map_err(|e| RpcError::bad_request(format!("{what} {i}: expected hexadecimal digits: {e}")))?;
        match bytes.len() > most {
            true => Err(RpcError::bad_request(format!(
                "{what} {i} has {} bytes, at most {most} are taken",
                bytes.len()
            ))),
            false => Ok(bytes),
        }
    };
    texts.iter().enumerate().map(part).collect()
}

fn check_insights(insights: &[Insight]) -> Result<(), RpcError> {
    let steps =
        insights.iter().map(|(Insight::PvmState { key } | Insight::DurableStorage { key })| key.len());
    match (insights.len() > MOST_INSIGHTS, steps.max().unwrap_or(0) > MOST_STEPS) {
        (true, _) => Err(RpcError::bad_request(format!("at most {MOST_INSIGHTS} insights are given"))),
        (_, true) => Err(RpcError::bad_request(format!("a key has at most {MOST_STEPS} steps"))),
        _ => Ok(()),
    }
}

impl Context {
    /// The file that somebody wants what the kernel writes in.
    fn log_file(&self, name: &str) -> Result<PathBuf, RpcError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if name.is_empty() || name.len() > 100 || name.starts_with('.') || !name.chars().all(plain) {
            return Err(RpcError::bad_request(
                "log_kernel_debug_file: expected the name of a file, of letters, digits, `-`, `_` and `.`",
            ));
        }
        if !self.config.options.log_kernel_debug {
            return Err(RpcError::bad_request(
                "log_kernel_debug_file: `log-kernel-debug` of the configuration is off",
            ));
        }
        let failed = |e: std::io::Error| RpcError::internal(format!("{LOGS}: {e}"));
        let dir = self.config.data_dir.join(LOGS);
        std::fs::create_dir_all(&dir).map_err(failed)?;
        let path = dir.join(name);
        if !path.exists() && std::fs::read_dir(&dir).map_err(failed)?.count() >= MOST_LOGS {
            return Err(RpcError::bad_request(format!("{LOGS} has {MOST_LOGS} files already: remove some")));
        }
        Ok(path)
    }

    fn simulated(
        &self,
        id: &str,
        messages: Vec<SerializedMessage>,
        pages: Vec<Vec<u8>>,
        log: Option<PathBuf>,
        insights: &[Insight],
    ) -> Result<Value, RpcError> {
        let record = self.find(id)?;
        let genesis = self.store.genesis()?.map_or(record.level, |genesis| genesis.level);
        let level = record.level.plus(LevelSpan(1));
        let place = Place { rollup: self.config.rollup, origination: genesis, level };
        let info = (self.config.ids == IdFamily::Mainnet)
            .then(|| InternalMessage::info_per_level(record.timestamp, record.hash));
        let begin = [InternalMessage::start_of_level()].into_iter().chain(info);
        let all: Vec<_> = begin.chain(messages).chain([InternalMessage::end_of_level()]).collect();
        let trial = Trial { pages, deadline: self.config.options.simulation_deadline, log };
        let after = self.machine.simulate(self.store.state(&record)?, place, &all, trial).map_err(refused)?;
        let outbox = self.outbox_in(&after.state, level, full)?;
        let output: Vec<Value> = outbox
            .into_iter()
            .map(|(index, message)| {
                json!({"outbox_level": level.get(), "message_index": index.to_string(), "message": message})
            })
            .collect();
        let mut answer = json!({
            "state_hash": after.hash.to_json(self.config.ids),
            "status": after.status,
            "output": output,
            "inbox_level": level.get(),
            "num_ticks": after.tick.since(record.final_tick()).to_string(),
        });
        if !insights.is_empty() {
            answer["insights"] = self.insights(&after, insights)?;
        }
        Ok(answer)
    }

    fn insights(&self, after: &Evaluated, insights: &[Insight]) -> Result<Value, RpcError> {
        let mut left = MOST_BYTES;
        let mut out = Vec::with_capacity(insights.len());
        for insight in insights {
            let found = self.insight(&after.state, insight)?;
            left = left.checked_sub(found.as_ref().map_or(0, Vec::len)).ok_or_else(|| {
                RpcError::bad_request(format!(
                    "the insights have more than {MOST_BYTES} bytes: ask for fewer"
                ))
            })?;
            out.push(found.map_or(Value::Null, |bytes| json!(::hex::encode(bytes))));
        }
        Ok(Value::Array(out))
    }

    fn insight(&self, state: &Tree, insight: &Insight) -> Result<Option<Vec<u8>>, RpcError> {
        match insight {
            Insight::PvmState { key } => {
                let found = state.find(key).map_err(|e| RpcError::internal(e.to_string()))?;
                Ok(found.map(|bytes| bytes.to_vec()))
            }
            Insight::DurableStorage { key } => {
                let found = self.machine.durable_value(state, &format!("/{}", key.join("/")));
                found.map_err(|e| RpcError::bad_request(e.to_string()))
            }
        }
    }
}

fn refused(error: MachineError) -> RpcError {
    match &error {
        MachineError::Undecided { obstacle: Obstacle::Deadline, reason } => {
            RpcError::not_simulated("deadline", reason)
        }
        MachineError::Undecided { obstacle: Obstacle::Reveal, reason } => {
            RpcError::not_simulated("reveal", reason)
        }
        MachineError::Undecided { reason, .. } => RpcError::not_simulated("engine", reason),
        _ => RpcError::internal(error.to_string()),
    }
}
