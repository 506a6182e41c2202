//! The layer-1's RPC as it is.

use super::failure::of_question;
use super::{Request, print_json, word_or_file};
use crate::phrase::Parameters;
use anyhow::{Context, Result, bail};
use reqwest::Method;
use serde_json::{Value, json};

/// A method of the RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

super::grammar::phrases! { Rpc:
    Get: "rpc get <path>", "Ask an RPC of the layer-1", &[];
    Post: "rpc post <path> with <body>", "Call an RPC of the layer-1 with JSON, or with file:PATH", &[];
    Post: "rpc post <path>", "The same with an empty object", &[];
    Put: "rpc put <path> with <body>", "The same with PUT", &[];
    Put: "rpc put <path>", "The same with PUT and an empty object", &[];
    Patch: "rpc patch <path> with <body>", "The same with PATCH", &[];
    Patch: "rpc patch <path>", "The same with PATCH and an empty object", &[];
    Delete: "rpc delete <path>", "The same with DELETE", &[];
}

pub(super) async fn run(command: Command, request: &Request, parameters: &Parameters) -> Result<()> {
    // Paths are as the network writes them: nothing is asked before that.
    let path = parameters.get("path");
    if !path.starts_with('/') {
        bail!("`{path}` is no path of the RPC: it begins with a slash, such as /chains/main/chain_id");
    }
    let body = match parameters.get("body") {
        "" => json!({}),
        word => {
            let text = word_or_file(word)?;
            serde_json::from_str::<Value>(&text).with_context(|| format!("the body `{text}` is no JSON"))?
        }
    };
    let (method, body) = match command {
        Command::Get => (Method::GET, None),
        Command::Delete => (Method::DELETE, None),
        Command::Post => (Method::POST, Some(&body)),
        Command::Put => (Method::PUT, Some(&body)),
        Command::Patch => (Method::PATCH, Some(&body)),
    };
    let client = soru_l1::Client::new(request.endpoint(), soru_base::IdFamily::Mainnet)?;
    print_json(&client.ask(method, path, body).await.map_err(of_question)?)
}
