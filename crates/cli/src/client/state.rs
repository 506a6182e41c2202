//! Commands that tell how accounts and contracts stand at a block.

use super::contracts::{michelson, originated};
use super::failure::of_question;
use super::{Request, print};
use crate::phrase::Parameters;
use anyhow::{Result, anyhow, bail};
use serde_json::{Value, json};
use soru_base::{Json, ScriptExprHash};
use soru_l1::{Client, L1Error};
use soru_michelson::Micheline;

/// A question about accounts and contracts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Balance,
    FullBalance,
    ListContracts,
    Storage,
    UsedSpace,
    PaidSpace,
    Code,
    ScriptHash,
    EntrypointType,
    Entrypoints,
    UnreachablePaths,
    BigMapValue,
    ContractBigMapValue,
    Delegate,
    Timestamp,
}

super::grammar::phrases! { State:
    Balance: "get balance for <account>", "Show the balance of an account or contract", &[];
    FullBalance: "get full balance for <account>", "The same, with what is frozen for smart rollups", &[];
    ListContracts: "list contracts", "List the accounts and contracts of the layer-1", &[];
    Storage: "get contract storage for <contract>", "Show the storage of a contract", &["unparsing-mode"];
    UsedSpace: "get contract used storage space for <contract>", "Show how many bytes of storage a contract has", &[];
    PaidSpace: "get contract paid storage space for <contract>", "Show how many bytes of storage are paid for", &[];
    Code: "get contract code for <contract>", "Show the code of a contract", &["unparsing-mode", "normalize-types"];
    ScriptHash: "get contract script hash for <contract>", "Show the hash of the code of a contract", &[];
    EntrypointType: "get contract entrypoint type of <entrypoint> for <contract>",
        "Show the type that an entrypoint takes", &["normalize-types"];
    Entrypoints: "get contract entrypoints for <contract>", "Show the entrypoints of a contract", &["normalize-types"];
    UnreachablePaths: "get contract unreachable paths for <contract>",
        "Show the paths of the parameter that no entrypoint leads to", &[];
    BigMapValue: "get element <key> of big map <id>", "Show a value of a big map, by the hash of its key (expr…)",
        &["unparsing-mode"];
    ContractBigMapValue: "get big map value for <key> of type <type> in <contract>",
        "Show a value of the first big map in a contract's storage (deprecated)", &[];
    Delegate: "get delegate for <account>", "Show the delegate of an account or contract", &[];
    Timestamp: "get timestamp", "Show the timestamp of the block", &["seconds"];
}

pub(super) async fn run(command: Command, request: &Request, parameters: &Parameters) -> Result<()> {
    let client = request.client().await?;
    let script = &request.options.scripts;
    let place = |below: &str| -> Result<String> {
        let contract = originated(request, parameters.get("contract"))?;
        Ok(request.path(&format!("/context/contracts/{contract}{below}")))
    };
    let normalized = script.unparsing_mode != "Readable";
    let mode = json!({ "unparsing_mode": script.unparsing_mode, "normalize_types": script.normalize_types });
    match command {
        Command::Balance => {
            let contract = request.wallet.contract(parameters.get("account"))?;
            let balance = client.balance(request.options.general.block, contract).await?;
            print(format_args!("{balance} ꜩ"))
        }
        Command::FullBalance => {
            let contract = request.wallet.contract(parameters.get("account"))?;
            let path = request.path(&format!("/context/contracts/{contract}/full_balance"));
            let balance = soru_base::Mutez::from_json(&get(&client, &path).await?, client.family())?;
            print(format_args!("{balance} ꜩ"))
        }
        Command::ListContracts => list(request, &client).await,
        Command::Storage => {
            let storage = match normalized {
                true => post(&client, &place("/storage/normalized")?, &mode).await?,
                false => get(&client, &place("/storage")?).await?,
            };
            print(micheline(&storage)?.to_pretty())
        }
        Command::UsedSpace => print_text(&get(&client, &place("/storage/used_space")?).await?),
        Command::PaidSpace => print_text(&get(&client, &place("/storage/paid_space")?).await?),
        Command::Code => {
            let script = match normalized || script.normalize_types {
                true => post(&client, &place("/script/normalized")?, &mode).await?,
                false => get(&client, &place("/script")?).await?,
            };
            print(micheline(&script["code"])?.to_script_text().trim_end())
        }
        Command::ScriptHash => {
            let script = get(&client, &place("/script")?).await?;
            print(micheline(&script["code"])?.expr_hash())
        }
        Command::EntrypointType => {
            let name = parameters.get("entrypoint");
            let below = format!("/entrypoints/{name}{}", flag(script.normalize_types));
            match client.get(&place(&below)?).await {
                Ok(ty) => print(format_args!("Entrypoint {name}: {}", micheline(&ty)?)),
                Err(L1Error::NotFound { .. }) => {
                    bail!("no entrypoint named {name} for contract {}", parameters.get("contract"))
                }
                Err(error) => Err(of_question(error)),
            }
        }
        Command::Entrypoints => {
            let contract = originated(request, parameters.get("contract"))?;
            let found =
                get(&client, &place(&format!("/entrypoints{}", flag(script.normalize_types)))?).await?;
            print(format_args!("Entrypoints for contract {contract}: "))?;
            let mut named = named_entrypoints(&found["entrypoints"])?;
            if !named.iter().any(|(name, _)| name == "default") {
                let ty = get(&client, &place("/entrypoints/default")?).await?;
                named.insert(0, ("default".to_owned(), micheline(&ty)?));
            }
            named.into_iter().try_for_each(|(name, ty)| print(format_args!("  {name}: {ty}")))
        }
        Command::UnreachablePaths => {
            let found = get(&client, &place("/entrypoints")?).await?;
            print_unreachable(&found["unreachable"])
        }
        Command::BigMapValue => {
            let key: ScriptExprHash = parameters.get("key").parse()?;
            let id: u64 = super::number(parameters, "id")?;
            let below = format!("/context/big_maps/{id}/{key}");
            let answer = match normalized {
                true => client.post(&request.path(&format!("{below}/normalized")), &mode).await,
                false => client.get(&request.path(&below)).await,
            };
            match answer {
                Ok(value) => print(micheline(&value)?.to_pretty()),
                Err(L1Error::NotFound { .. }) => bail!("the big map {id} has no element with the key {key}"),
                Err(error) => Err(of_question(error)),
            }
        }
        Command::ContractBigMapValue => {
            let expression = |name| {
                Ok::<_, anyhow::Error>(michelson(parameters.get(name), name)?.to_json(client.family()))
            };
            let body = json!({ "key": expression("key")?, "type": expression("type")? });
            match post(&client, &place("/big_map_get")?, &body).await? {
                Value::Null => bail!("No value associated to this key."),
                value => print(micheline(&value)?.to_pretty()),
            }
        }
        Command::Delegate => {
            let contract = request.wallet.contract(parameters.get("account"))?;
            let path = request.path(&format!("/context/contracts/{contract}/delegate"));
            match client.get(&path).await {
                Err(L1Error::NotFound { .. }) | Ok(Value::Null) => print("none"),
                Ok(delegate) => print_delegate(request, delegate.as_str().unwrap_or_default()),
                Err(error) => Err(of_question(error)),
            }
        }
        Command::Timestamp => {
            let timestamp = client.header(request.options.general.block).await?.timestamp;
            if request.options.seconds { print(timestamp.0) } else { print(timestamp) }
        }
    }
}

fn flag(normalize_types: bool) -> &'static str {
    if normalize_types { "?normalize_types=yes" } else { "" }
}

pub(super) async fn get(client: &Client, path: &str) -> Result<Value> {
    client.get(path).await.map_err(of_question)
}

pub(super) async fn post(client: &Client, path: &str, body: &Value) -> Result<Value> {
    client.post(path, body).await.map_err(of_question)
}

/// Michelson of an answer.
pub(super) fn micheline(value: &Value) -> Result<Micheline> {
    Ok(Micheline::from_json_value(value)?)
}

/// Text or a number of an answer.
fn print_text(value: &Value) -> Result<()> {
    match value {
        Value::String(text) => print(text),
        other => print(other),
    }
}

/// The names and types of an answer.
pub(super) fn named_entrypoints(value: &Value) -> Result<Vec<(String, Micheline)>> {
    let members = value.as_object().ok_or_else(|| anyhow!("the layer-1 answers no entrypoints"))?;
    members.iter().map(|(name, ty)| Ok((name.clone(), micheline(ty)?))).collect()
}

/// Paths of an answer, one a line.
pub(super) fn print_unreachable(value: &Value) -> Result<()> {
    let paths = value.as_array().map(Vec::as_slice).unwrap_or_default();
    if paths.is_empty() {
        return print("None.");
    }
    for path in paths {
        let steps = path["path"].as_array().into_iter().flatten().filter_map(Value::as_str);
        print(format_args!("  {}", steps.collect::<Vec<_>>().join("/")))?;
    }
    Ok(())
}

async fn list(request: &Request, client: &Client) -> Result<()> {
    let contracts = get(client, &request.path("/context/contracts")).await?;
    let mut names: Vec<(String, String)> = request.wallet.all(crate::wallet::CONTRACTS)?;
    names.extend(request.wallet.accounts()?.into_iter().map(|a| (a.name, a.hash.to_string())));
    for contract in contracts.as_array().into_iter().flatten().filter_map(Value::as_str) {
        let known = names.iter().find(|(_, address)| address == contract);
        let known = known.map(|(name, _)| format!(" (known as {name})")).unwrap_or_default();
        print(format_args!("{contract}{known}"))?;
    }
    Ok(())
}

fn print_delegate(request: &Request, delegate: &str) -> Result<()> {
    let accounts = request.wallet.accounts()?;
    let name = accounts.into_iter().find(|account| account.hash.to_string() == delegate);
    let known = name.map_or("unknown".to_owned(), |account| format!("known as {}", account.name));
    print(format_args!("{delegate} ({known})"))
}
