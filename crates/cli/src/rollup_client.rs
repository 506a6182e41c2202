//! `soru rollup-client`: ask a rollup node.

mod disputes;
mod wait;

use crate::output;
use crate::phrase::{self, Phrase};
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use reqwest::{Response, StatusCode};
use serde_json::Value;
use soru_base::json_text;

/// Ask a rollup node.
#[derive(Args)]
#[command(after_long_help = phrase::help(GRAMMAR))]
pub(crate) struct Options {
    /// Address of the rollup node's RPC
    #[arg(long, short = 'E', default_value = "http://127.0.0.1:8932")]
    endpoint: String,
    /// Block to ask about: head, finalized, cemented, a level or a hash
    #[arg(long, short = 'B', default_value = "head")]
    block: String,
    /// Print JSON, as the node tells it
    #[arg(long)]
    json: bool,
    /// Print one member of the answer only, for scripts: `commitment`, or `0.outbox_level` for a member of the first item of a list; given several times, a line for each
    #[arg(long, value_name = "NAME")]
    field: Vec<String>,
    /// The command, in words
    #[arg(value_name = "WORDS")]
    words: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Command {
    Address,
    Status,
    StateValue,
    Outbox,
    Proof,
    Conflicts,
    Games,
    EndedGames,
    Stake,
    Queue,
    MessageStatus,
    Inject,
    WaitSynchronized,
    WaitBlock,
    WaitOutbox,
    Get,
    Post,
}

pub(crate) static GRAMMAR: &[Phrase<Command>] = &[
    Phrase {
        words: "get smart rollup address",
        about: "Show the address of the rollup",
        options: &[],
        id: Command::Address,
    },
    Phrase {
        words: "show status",
        about: "Show where the node is",
        options: &["block"],
        id: Command::Status,
    },
    Phrase {
        words: "get state value for <key>",
        about: "Show a value of the durable storage, in hexadecimal",
        options: &["block"],
        id: Command::StateValue,
    },
    Phrase {
        words: "get outbox at level <level>",
        about: "Show the outbox messages of a level",
        options: &["block"],
        id: Command::Outbox,
    },
    Phrase {
        words: "get proof for message <index> of outbox at level <level>",
        about: "Show the commitment and the proof that executing an outbox message needs",
        options: &[],
        id: Command::Proof,
    },
    Phrase {
        words: "list conflicts",
        about: "List commitments that contradict the node's",
        options: &["json"],
        id: Command::Conflicts,
    },
    Phrase {
        words: "list games",
        about: "List the refutation games that the node plays",
        options: &["json"],
        id: Command::Games,
    },
    Phrase {
        words: "list ended games",
        about: "List the refutation games that ended since the node was started",
        options: &["json"],
        id: Command::EndedGames,
    },
    Phrase {
        words: "show stake",
        about: "Show what the node has at stake",
        options: &["json"],
        id: Command::Stake,
    },
    Phrase {
        words: "inject messages <messages...>",
        about: "Hand messages, in hexadecimal, to the node's batcher; prints their identifiers",
        options: &[],
        id: Command::Inject,
    },
    Phrase {
        words: "get message status <id>",
        about: "Show what became of a message that was handed to the batcher",
        options: &[],
        id: Command::MessageStatus,
    },
    Phrase {
        words: "list queued messages",
        about: "List the messages that wait for a batch",
        options: &[],
        id: Command::Queue,
    },
    Phrase {
        words: "wait until synchronized",
        about: "Wait until the node has evaluated the head of the layer-1",
        options: &[],
        id: Command::WaitSynchronized,
    },
    Phrase {
        words: "wait for block <block>",
        about: "Wait until the node has evaluated a block, told by its hash or level; prints the level",
        options: &[],
        id: Command::WaitBlock,
    },
    Phrase {
        words: "wait for message <index> of outbox at level <level> to be executable",
        about: "Wait until a commitment that covers an outbox message is cemented",
        options: &[],
        id: Command::WaitOutbox,
    },
    Phrase { words: "rpc get <path>", about: "Ask an RPC of the node", options: &[], id: Command::Get },
    Phrase {
        words: "rpc post <path> with <body>",
        about: "Call an RPC of the node with JSON",
        options: &[],
        id: Command::Post,
    },
];

pub(crate) async fn run(options: Options, given: &[String]) -> Result<()> {
    let (phrase, parameters) = phrase::parse(GRAMMAR, &options.words)?;
    phrase.check_options(given, &["endpoint", "field"])?;
    let node = NodeRpc::new(&options.endpoint);
    let block = format!("/global/block/{}", options.block);
    let answer = match phrase.id {
        Command::Address => node.get("/global/smart_rollup_address").await?,
        Command::Status => node.get(&block).await?,
        Command::StateValue => {
            node.get(&format!("{block}/durable/wasm_2_0_0/value?key={}", parameters.get("key"))).await?
        }
        Command::Outbox => node.get(&format!("{block}/outbox/{}/messages", parameters.get("level"))).await?,
        Command::Proof => node.outbox_proof(parameters.get("level"), parameters.get("index")).await?,
        Command::Conflicts => node.get("/local/conflicts").await?,
        Command::Games => node.get("/local/games").await?,
        Command::EndedGames => node.get("/local/games/ended").await?,
        Command::Stake => node.get("/local/stake").await?,
        Command::Queue => node.get("/local/batcher/queue").await?,
        Command::MessageStatus => node.get(&format!("/local/batcher/queue/{}", parameters.get("id"))).await?,
        Command::Inject => {
            node.post("/local/batcher/injection", &serde_json::json!(parameters.rest("messages"))).await?
        }
        Command::WaitSynchronized => wait::synchronized(&node).await?,
        Command::WaitBlock => wait::block(&node, parameters.get("block")).await?,
        Command::WaitOutbox => {
            wait::executable(&node, parameters.get("level"), parameters.get("index")).await?
        }
        Command::Get => node.get(parameters.get("path")).await?,
        Command::Post => {
            let body = serde_json::from_str(parameters.get("body")).context("the body is no JSON")?;
            node.post(parameters.get("path"), &body).await?
        }
    };
    if !options.field.is_empty() {
        let lines: Result<Vec<String>> = options.field.iter().map(|field| member(&answer, field)).collect();
        return output::line(lines?.join("\n"));
    }
    let readable = match phrase.id {
        _ if options.json => None,
        Command::Conflicts => Some(disputes::lines(&answer, disputes::conflict, "No conflicts.")),
        Command::Games => Some(disputes::lines(&answer, disputes::game, "No games.")),
        Command::EndedGames => Some(disputes::lines(&answer, disputes::ended, "No game has ended.")),
        Command::Stake => Some(disputes::stake(&answer)),
        _ => answer.as_str().map(str::to_owned),
    };
    match readable {
        Some(text) => output::line(text),
        None => output::line(format_args!("{answer:#}")),
    }
}

/// What is found by names and numbers with dots in between, as it is printed.
fn member(answer: &Value, field: &str) -> Result<String> {
    let pointer: String = field.split('.').map(|step| format!("/{step}")).collect();
    let found = answer.pointer(&pointer).with_context(|| format!("the answer has no `{field}`: {answer}"))?;
    Ok(found.as_str().map_or_else(|| format!("{found:#}"), str::to_owned))
}

/// Most bytes of an answer: a value of the durable storage, which is the longest, has 128 MiB of digits.
const LONGEST: usize = 160 << 20;

/// How deep an answer may be nested: outbox messages hold expressions.
const DEEPEST: usize = 2 * soru_michelson::MAX_DEPTH + 100;

/// What went wrong in the end, without the address, which may have a password in it.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// The RPC of a rollup node.
pub(crate) struct NodeRpc {
    url: String,
    http: reqwest::Client,
}

impl NodeRpc {
    pub(crate) fn new(url: &str) -> Self {
        Self { url: url.trim_end_matches('/').to_owned(), http: reqwest::Client::new() }
    }

    /// The address, without a name and password.
    pub(crate) fn url(&self) -> String {
        soru_l1::shown_endpoint(&self.url)
    }

    /// The answer, or nothing if the node knows no such thing, or not yet.
    pub(crate) async fn find(&self, path: &str) -> Result<Option<Value>> {
        let response = self.ask(path).await?;
        if matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::SERVICE_UNAVAILABLE) {
            return Ok(None);
        }
        self.read(path, response).await.map(Some)
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        let response = self.ask(path).await?;
        if response.status() == StatusCode::NOT_FOUND {
            bail!("{}: not found", self.shown(path));
        }
        self.read(path, response).await
    }

    async fn ask(&self, path: &str) -> Result<Response> {
        self.http.get(self.full(path)).send().await.map_err(|e| self.unreachable(&e))
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let response =
            self.http.post(self.full(path)).json(body).send().await.map_err(|e| self.unreachable(&e))?;
        self.read(path, response).await
    }

    /// Commitment and proof for the execution of an outbox message.
    pub(crate) async fn outbox_proof(&self, level: &str, index: &str) -> Result<Value> {
        self.get(&format!("/global/block/cemented/helpers/proofs/outbox/{level}/messages?index={index}"))
            .await
    }

    fn full(&self, path: &str) -> String {
        format!("{}/{}", self.url, path.trim_start_matches('/'))
    }

    /// The same for messages.
    fn shown(&self, path: &str) -> String {
        format!("{}/{}", self.url(), path.trim_start_matches('/'))
    }

    fn unreachable(&self, error: &reqwest::Error) -> anyhow::Error {
        anyhow!(
            "the rollup node at {} does not answer: {}; is it running? (--endpoint)",
            self.url(),
            cause(error)
        )
    }

    /// The answer as it is.
    async fn text(&self, path: &str, response: Response) -> Result<String> {
        let status = response.status();
        let text = self.whole(path, response).await?;
        if !status.is_success() {
            bail!("{}: {status}: {}", self.shown(path), text.trim());
        }
        Ok(text)
    }

    /// All of the answer, if it does not go on for ever.
    async fn whole(&self, path: &str, mut response: Response) -> Result<String> {
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|e| self.unreachable(&e))? {
            if body.len() + part.len() > LONGEST {
                bail!("{}: the answer has more than {LONGEST} bytes", self.shown(path));
            }
            body.extend_from_slice(&part);
        }
        String::from_utf8(body).with_context(|| format!("{}: the answer is no text", self.shown(path)))
    }

    async fn read(&self, path: &str, response: Response) -> Result<Value> {
        let text = self.text(path, response).await?;
        json_text::parse(text.as_bytes(), DEEPEST)
            .map_err(|e| anyhow!("{}: the answer is no JSON: {e}", self.shown(path)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn a_password_is_in_no_message() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let node = NodeRpc::new(&format!("http://me:secret@{addr}/"));
        tokio::spawn(async move {
            for answer in ["404 Not Found", "500 Internal Server Error", "200 OK"] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut asked = [0; 1024];
                assert!(stream.read(&mut asked).await.unwrap() > 0);
                let answer = format!("HTTP/1.1 {answer}\r\nConnection: close\r\n\r\nwhat?");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        for expected in ["not found", "500 Internal Server Error: what?", "no JSON", "does not answer"] {
            let error = format!("{:#}", node.get("/x").await.unwrap_err());
            assert!(error.contains(expected) && error.contains(&addr.to_string()), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
