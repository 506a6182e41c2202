//! Commands that let the layer-1 try, check and normalize scripts and data.

use super::amounts::gas_left;
use super::contracts::{michelson, originated};
use super::failure::of_question;
use super::state::{micheline, named_entrypoints, post, print_unreachable};
use super::{Request, print};
use crate::phrase::Parameters;
use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256, Sha512};
use soru_base::blake2b::hash32;
use soru_base::{Json, ScriptExprHash};
use soru_l1::Client;
use soru_michelson::Micheline;

/// A command on scripts and data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    RunView,
    RunTzip4View,
    RunScript,
    TypecheckScript,
    TypecheckData,
    HashData,
    ScriptSize,
    NormalizeData,
    NormalizeType,
    NormalizeScript,
    EntrypointType,
    Entrypoints,
    UnreachablePaths,
    NormalizeStack,
    RunUnitTests,
}

super::grammar::phrases! { Scripts:
    RunView: "run view <view> on contract <contract>", "Run a view of a contract with Unit",
        &["source", "payer", "gas-limit", "unlimited-gas", "unparsing-mode", "now", "level"];
    RunView: "run view <view> on contract <contract> with input <input>", "Run a view of a contract",
        &["source", "payer", "gas-limit", "unlimited-gas", "unparsing-mode", "now", "level"];
    RunTzip4View: "run tzip4 view <entrypoint> on contract <contract> with input <input>",
        "Call an entrypoint that is a view of TZIP-4, and show what it answers",
        &["source", "payer", "gas-limit", "unparsing-mode", "now", "level"];
    RunScript: "run script <script> on storage <storage> and input <input>",
        "Run a script without originating it",
        &["amount", "balance", "source", "payer", "self-address", "entrypoint", "gas-limit", "unparsing-mode", "now", "level",
          "no-print-source"];
    TypecheckScript: "typecheck script <scripts...>", "Check the types of scripts",
        &["gas-limit", "legacy", "display-names", "keep-going", "no-print-source"];
    TypecheckData: "typecheck data <data> against type <type>", "Check that data have a type",
        &["gas-limit", "legacy", "no-print-source"];
    HashData: "hash data <data> of type <type>", "Pack data, and show the bytes and their hashes", &["gas-limit"];
    ScriptSize: "compute size for script <script> on storage <storage>", "Show how many bytes a script takes",
        &["gas-limit", "legacy", "no-print-source"];
    NormalizeData: "normalize data <data> of type <type>", "Show data in one of the network's forms",
        &["unparsing-mode", "legacy"];
    NormalizeType: "normalize type <type>", "Show a type without annotations, as pairs of two", &[];
    NormalizeScript: "normalize script <script>", "Show a script in one of the network's forms", &["unparsing-mode"];
    NormalizeStack: "normalize stack <stack>", "Show a stack in one of the network's forms", &["unparsing-mode", "legacy"];
    RunUnitTests: "run unit tests from <tests...>", "Run unit tests of Michelson, from files or as written", &[];
    EntrypointType: "get script entrypoint type of <entrypoint> for <script>", "Show the type that an entrypoint takes",
        &["no-print-source"];
    Entrypoints: "get script entrypoints for <script>", "Show the entrypoints of a script", &["no-print-source"];
    UnreachablePaths: "get script unreachable paths for <script>",
        "Show the paths of the parameter that no entrypoint leads to", &["no-print-source"];
}

pub(super) async fn run(command: Command, request: &Request, parameters: &Parameters) -> Result<()> {
    if command == Command::RunUnitTests {
        return super::stack::run_unit_tests(request, parameters.rest("tests"));
    }
    let client = request.client().await?;
    match command {
        Command::RunUnitTests => unreachable!("done already"),
        Command::NormalizeStack => super::stack::normalize(request, &client, parameters.get("stack")).await,
        Command::RunView | Command::RunTzip4View => view(command, request, &client, parameters).await,
        Command::RunScript => run_script(request, &client, parameters).await,
        Command::TypecheckScript => typecheck_scripts(request, &client, parameters.rest("scripts")).await,
        Command::TypecheckData => {
            let mut body = data_and_type(&client, parameters)?;
            body.extend(check_options(request, &client).await?);
            let answer = ask(request, &client, "typecheck_data", body).await.context("ill-typed data")?;
            print("Well typed")?;
            print(format_args!("Gas remaining: {}", gas_left(&answer["gas"])))
        }
        Command::HashData => {
            let mut body = data_and_type(&client, parameters)?;
            body.insert("gas".into(), gas(request, &client).await?);
            let answer = ask(request, &client, "pack_data", body).await.context("ill-formed data")?;
            let packed = hex::decode(answer["packed"].as_str().unwrap_or_default())
                .context("the layer-1 answers no packed bytes")?;
            print_hashes(&packed, &gas_left(&answer["gas"]))
        }
        Command::ScriptSize => {
            let mut body = Map::new();
            body.insert(
                "program".into(),
                script(request, parameters.get("script"))?.to_json(client.family()),
            );
            let storage = michelson(parameters.get("storage"), "the storage")?;
            body.insert("storage".into(), storage.to_json(client.family()));
            body.extend(check_options(request, &client).await?);
            let answer = ask(request, &client, "script_size", body).await?;
            print(&answer["script_size"])
        }
        Command::NormalizeData => {
            let mut body = data_and_type(&client, parameters)?;
            body.insert("unparsing_mode".into(), json!(request.options.scripts.unparsing_mode));
            body.insert("legacy".into(), json!(request.options.scripts.legacy));
            let answer =
                ask(request, &client, "normalize_data", body).await.context("ill-typed data expression")?;
            print(micheline(&answer["normalized"])?.to_pretty())
        }
        Command::NormalizeType => {
            let ty = michelson(parameters.get("type"), "the type")?;
            let body = object(json!({ "type": ty.to_json(client.family()) }));
            let answer = ask(request, &client, "normalize_type", body).await.context("ill-formed type")?;
            print(micheline(&answer["normalized"])?.to_pretty())
        }
        Command::NormalizeScript => {
            let script = script(request, parameters.get("script"))?.to_json(client.family());
            let mode = &request.options.scripts.unparsing_mode;
            let body = object(json!({ "script": script, "unparsing_mode": mode }));
            let answer = ask(request, &client, "normalize_script", body).await.context("ill-typed script")?;
            print(micheline(&answer["normalized"])?.to_script_text().trim_end())
        }
        Command::EntrypointType => {
            let script = script(request, parameters.get("script"))?.to_json(client.family());
            let name = parameters.get("entrypoint");
            let body = object(json!({ "script": script, "entrypoint": name }));
            let answer = ask(request, &client, "entrypoint_type", body).await?;
            print(format_args!("Entrypoint {name}: {}", micheline(&answer["entrypoint_type"])?))
        }
        Command::Entrypoints | Command::UnreachablePaths => {
            let script = script(request, parameters.get("script"))?.to_json(client.family());
            let answer = ask(request, &client, "entrypoints", object(json!({ "script": script }))).await?;
            if command == Command::UnreachablePaths {
                return print_unreachable(&answer["unreachable"]);
            }
            let named = named_entrypoints(&answer["entrypoints"])?;
            print("Entrypoints: ")?;
            named.into_iter().try_for_each(|(name, ty)| print(format_args!("  {name}: {ty}")))
        }
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// The script that a word names.
pub(super) fn script(request: &Request, word: &str) -> Result<Micheline> {
    let text = request.wallet.script_text(word)?;
    Micheline::parse_script(&text).with_context(|| format!("{word} is no Michelson script"))
}

async fn ask(request: &Request, client: &Client, what: &str, body: Map<String, Value>) -> Result<Value> {
    post(client, &request.path(&format!("/helpers/scripts/{what}")), &Value::Object(body)).await
}

/// The gas that may be taken: all that an operation may have unless something else is said.
async fn gas(request: &Request, client: &Client) -> Result<Value> {
    let gas = match request.options.costs.gas_limit {
        Some(gas) => gas,
        None => client.constants(request.options.general.block).await?.hard_gas_limit_per_operation,
    };
    Ok(json!(gas.to_string()))
}

async fn check_options(request: &Request, client: &Client) -> Result<Map<String, Value>> {
    Ok(object(json!({ "gas": gas(request, client).await?, "legacy": request.options.scripts.legacy })))
}

fn data_and_type(client: &Client, parameters: &Parameters) -> Result<Map<String, Value>> {
    let data = michelson(parameters.get("data"), "the data")?.to_json(client.family());
    let ty = michelson(parameters.get("type"), "the type")?.to_json(client.family());
    Ok(object(json!({ "data": data, "type": ty })))
}

/// What is said of a run, whatever is run.
async fn surroundings(request: &Request, client: &Client) -> Result<Map<String, Value>> {
    let script = &request.options.scripts;
    let mut body = object(json!({
        "chain_id": client.chain_id().await?.to_string(),
        "unparsing_mode": script.unparsing_mode,
    }));
    let address = |word: &str| request.wallet.contract(word).map(|contract| json!(contract.to_string()));
    if let Some(word) = &script.source {
        body.insert("source".into(), address(word)?);
    }
    if let Some(word) = &script.payer {
        body.insert("payer".into(), address(word)?);
    }
    if let Some(gas) = request.options.costs.gas_limit {
        body.insert("gas".into(), json!(gas.to_string()));
    }
    if let Some(now) = &script.now {
        body.insert("now".into(), json!(now));
    }
    if let Some(level) = &script.level {
        let level: u32 = level.parse().with_context(|| format!("--level {level} is no level"))?;
        body.insert("level".into(), json!(level.to_string()));
    }
    Ok(body)
}

async fn view(command: Command, request: &Request, client: &Client, parameters: &Parameters) -> Result<()> {
    let contract = originated(request, parameters.get("contract"))?;
    let input = match parameters.get("input") {
        "" => Micheline::unit(),
        input => michelson(input, "the input")?,
    };
    let mut body = surroundings(request, client).await?;
    body.insert("contract".into(), json!(contract.to_string()));
    body.insert("input".into(), input.to_json(client.family()));
    let (path, name) = match command {
        Command::RunTzip4View => ("run_view", "entrypoint"),
        _ => ("run_script_view", "view"),
    };
    body.insert(name.into(), json!(parameters.get(name)));
    if request.options.scripts.unlimited_gas {
        body.insert("unlimited_gas".into(), json!(true));
    }
    let answer = ask(request, client, path, body).await.context("error running script")?;
    print(micheline(&answer["data"])?)
}

async fn run_script(request: &Request, client: &Client, parameters: &Parameters) -> Result<()> {
    let options = &request.options.scripts;
    let family = client.family();
    let mut body = surroundings(request, client).await?;
    body.insert("script".into(), script(request, parameters.get("script"))?.to_json(family));
    body.insert("storage".into(), michelson(parameters.get("storage"), "the storage")?.to_json(family));
    body.insert("input".into(), michelson(parameters.get("input"), "the input")?.to_json(family));
    body.insert("amount".into(), options.amount.to_json(family));
    if let Some(balance) = options.balance {
        body.insert("balance".into(), balance.to_json(family));
    }
    if let Some(word) = &options.self_address {
        body.insert("self".into(), json!(originated(request, word)?.to_string()));
    }
    if let Some(entrypoint) = &options.entrypoint {
        body.insert("entrypoint".into(), json!(entrypoint));
    }
    let answer = ask(request, client, "run_code", body).await.context("error running script")?;
    print("storage")?;
    print(format_args!("  {}", micheline(&answer["storage"])?))?;
    print("emitted operations")?;
    for operation in answer["operations"].as_array().into_iter().flatten() {
        print(format_args!("  {}", emitted(operation)))?;
    }
    print("big_map diff")?;
    for change in answer["lazy_storage_diff"].as_array().into_iter().flatten() {
        print(format_args!("  {change}"))?;
    }
    Ok(())
}

/// An operation that a script asks for, in one line.
fn emitted(operation: &Value) -> String {
    let text = |name: &str| operation[name].as_str().unwrap_or_default();
    let tez = |name: &str| {
        text(name).parse().map_or_else(|_| text(name).to_owned(), |n| soru_base::Mutez(n).to_string())
    };
    let shown = |value: &Value| micheline(value).map_or_else(|_| value.to_string(), |m| m.to_string());
    match text("kind") {
        "transaction" => {
            let call = match operation.get("parameters") {
                None => String::new(),
                Some(call) => {
                    let entrypoint = call["entrypoint"].as_str().unwrap_or("default");
                    format!(", entrypoint {entrypoint}, parameter {}", shown(&call["value"]))
                }
            };
            format!("Internal Transaction: ꜩ{} to {}{call}", tez("amount"), text("destination"))
        }
        "event" => format!("Internal Event: tag {}, payload {}", text("tag"), shown(&operation["payload"])),
        "origination" => format!("Internal Origination: credit ꜩ{}", tez("balance")),
        kind => format!("Internal {kind}: {operation}"),
    }
}

/// What a script is called in what is said of it; literal ones are counted.
pub(super) fn named(word: &str, literals: &mut usize) -> String {
    if std::path::Path::new(word.strip_prefix("file:").unwrap_or(word)).exists() {
        return word.to_owned();
    }
    *literals += 1;
    format!("Literal script {literals}")
}

async fn typecheck_scripts(request: &Request, client: &Client, words: &[String]) -> Result<()> {
    let options = &request.options.scripts;
    let mut wrong = 0;
    let mut literals = 0;
    for word in words {
        let name = named(word, &mut literals);
        let shown = if options.display_names { name.as_str() } else { "" };
        let script = script(request, word)?;
        let mut body = object(json!({ "program": script.to_json(client.family()), "show_types": false }));
        body.extend(check_options(request, client).await?);
        let path = request.path("/helpers/scripts/typecheck_code");
        match client.post(&path, &Value::Object(body)).await {
            Ok(answer) => {
                print(format_args!("Well typed (Gas remaining: {})\t{shown}", gas_left(&answer["gas"])))?
            }
            Err(error) if options.keep_going && !error.reports().is_empty() => {
                wrong += 1;
                eprintln!("{:#}", of_question(error));
                print(format_args!("Ill typed\t{shown}"))?;
            }
            Err(error) => return Err(of_question(error).context(format!("script {name:?} is ill-typed"))),
        }
    }
    if wrong > 0 {
        let right = words.len() - wrong;
        bail!("{wrong} scripts are ill-typed, {right} scripts are well-typed, total: {}", words.len());
    }
    Ok(())
}

fn print_hashes(packed: &[u8], gas: &str) -> Result<()> {
    let hash = ScriptExprHash::from_slice(&hash32(packed)).ok_or_else(|| anyhow!("a hash has 32 bytes"))?;
    for (name, value) in [
        ("Raw packed data", format!("0x{}", hex::encode(packed))),
        ("Script-expression-ID-Hash", hash.to_string()),
        ("Raw Script-expression-ID-Hash", format!("0x{}", hex::encode(hash32(packed)))),
        ("Ledger Blake2b hash", bs58::encode(hash32(packed)).into_string()),
        ("Raw Sha256 hash", format!("0x{}", hex::encode(Sha256::digest(packed)))),
        ("Raw Sha512 hash", format!("0x{}", hex::encode(Sha512::digest(packed)))),
        ("Gas remaining", gas.to_owned()),
    ] {
        print(format_args!("{name}: {value}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_that_is_asked_for_stands_in_one_line() {
        let call = json!({ "kind": "transaction", "source": "KT1x", "nonce": 0, "amount": "1500000",
                           "destination": "KT1y",
                           "parameters": { "entrypoint": "add", "value": { "int": "3" } } });
        assert_eq!(emitted(&call), "Internal Transaction: ꜩ1.5 to KT1y, entrypoint add, parameter 3");
        let event = json!({ "kind": "event", "tag": "t", "payload": { "string": "x" }, "type": { "prim": "string" } });
        assert_eq!(emitted(&event), "Internal Event: tag t, payload \"x\"");
    }
}
