//! Commands that move tez and call contracts.

use super::amounts::tez;
use super::grammar::injects;
use super::{Request, number, print, word_or_file};
use crate::UsageError;
use crate::phrase::Parameters;
use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use soru_base::{Address, Contract, ContractHash, Entrypoint, Mutez};
use soru_l1::operate::Planned;
use soru_michelson::Micheline;
use soru_protocol::operation::{Action, Parameters as CallParameters, RevealProof, Script};
use soru_protocol::receipt::Effect;

/// A command that moves tez or calls a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Transfer,
    Call,
    MultipleTransfers,
    Originate,
    Reveal,
    IncreasePaidStorage,
}

super::grammar::phrases! { Contracts:
    Transfer: "transfer <amount> from <source> to <destination>", "Transfer tez, or call a contract",
        injects!["arg", "entrypoint", "force", "no-print-source"];
    Call: "call <destination> from <source>", "Call a contract without tez",
        injects!["arg", "entrypoint", "force", "no-print-source"];
    MultipleTransfers: "multiple transfers from <source> using <transfers>",
        "Make several transfers, all or none: a JSON list of {\"destination\", \"amount\"} and, if need be, \"fee\", \
         \"gas-limit\", \"storage-limit\", \"arg\", \"entrypoint\"; or the path of a file",
        injects!["arg", "entrypoint", "force", "no-print-source"];
    Originate: "originate contract <name> transferring <amount> from <source> running <program>",
        "Originate a contract from a file of Michelson, a name of the wallet, or the text of a script",
        injects!["init", "delegate", "force", "no-print-source"];
    Reveal: "reveal key for <source>", "Tell the layer-1 the public key of an account", injects![];
    IncreasePaidStorage: "increase the paid storage of <contract> by <amount> bytes from <source>",
        "Pay for storage of a contract in advance", injects![];
}

pub(super) async fn run(command: Command, request: &Request, parameters: &Parameters) -> Result<()> {
    match command {
        Command::Transfer => call(request, parameters, tez(parameters.get("amount"))?).await,
        Command::Call => call(request, parameters, Mutez::ZERO).await,
        Command::MultipleTransfers => multiple(request, parameters).await,
        Command::Originate => originate(request, parameters).await,
        Command::Reveal => {
            let session = request.session(parameters.get("source")).await?;
            let public_key = session.signer().public_key();
            let proof = session.signer().prove_possession().map_or(RevealProof::None, RevealProof::Some);
            request.inject(&session, vec![Action::Reveal { public_key, proof }]).await.map(|_| ())
        }
        Command::IncreasePaidStorage => {
            let destination = originated(request, parameters.get("contract"))?;
            let amount: num_bigint::BigUint = number(parameters, "amount")?;
            let session = request.session(parameters.get("source")).await?;
            let action = Action::IncreasePaidStorage { amount: amount.into(), destination };
            request.inject(&session, vec![action]).await.map(|_| ())
        }
    }
}

/// A contract with code, by name or address.
pub(super) fn originated(request: &Request, word: &str) -> Result<ContractHash> {
    match request.wallet.contract(word)? {
        Contract::Originated(contract) => Ok(contract),
        Contract::Implicit(account) => {
            bail!("{account} is an account, not a contract: it has neither code nor storage")
        }
    }
}

/// Michelson of the command line, or an error that says what it was to be.
pub(super) fn michelson(text: &str, what: &str) -> Result<Micheline> {
    let text = word_or_file(text)?;
    Micheline::parse(&text).with_context(|| format!("{what} `{}` is no Michelson", text.trim()))
}

/// The source of a transfer, which must be able to sign.
fn payer<'a>(request: &Request, word: &'a str) -> Result<&'a str> {
    match request.wallet.account(word) {
        Ok(_) => Ok(word),
        Err(error) => match request.wallet.contract(word) {
            Ok(Contract::Originated(contract)) => bail!(
                "{contract} is a contract: transfers come from accounts (tz1…, tz2…, tz3…, tz4…); contracts that obey a \
                 manager's lambdas are not supported"
            ),
            _ => Err(error),
        },
    }
}

async fn call(request: &Request, parameters: &Parameters, amount: Mutez) -> Result<()> {
    let script = &request.options.scripts;
    let source = payer(request, parameters.get("source"))?;
    let destination = destination(request, parameters.get("destination")).await?;
    let called = called(script.entrypoint.as_deref(), script.arg.as_deref())?;
    let session = request.session(source).await?;
    let action = Action::Transaction { amount, destination, parameters: called };
    request.inject(&session, vec![action]).await.map(|_| ())
}

async fn destination(request: &Request, word: &str) -> Result<Address> {
    if let Ok(rollup) = request.wallet.rollup(word) {
        let family = request.client().await?.family();
        bail!(
            "{} is a smart rollup: only a contract can transfer to it; send it external messages with \
             `send smart rollup message`",
            rollup.in_family(family)
        );
    }
    Ok(Address::Contract(request.wallet.contract(word)?))
}

/// What a contract is called with; nothing for the default entrypoint with `Unit`.
fn called(entrypoint: Option<&str>, arg: Option<&str>) -> Result<Option<CallParameters>> {
    if entrypoint.is_none() && arg.is_none() {
        return Ok(None);
    }
    Ok(Some(CallParameters {
        entrypoint: Entrypoint::new(entrypoint.unwrap_or_default())?,
        value: arg.map_or(Ok(Micheline::unit()), |a| michelson(a, "--arg"))?,
    }))
}

async fn multiple(request: &Request, parameters: &Parameters) -> Result<()> {
    let source = payer(request, parameters.get("source"))?;
    let word = parameters.get("transfers");
    let text = match word.trim_start().starts_with('[') {
        true => word.to_owned(),
        false => {
            let path = word.strip_prefix("file:").unwrap_or(word);
            std::fs::read_to_string(path).with_context(|| format!("cannot read the transfers {path}"))?
        }
    };
    let transfers: Value = serde_json::from_str(&text).context("the transfers are no JSON")?;
    let transfers = transfers.as_array().ok_or_else(|| anyhow!("the transfers are no JSON list"))?;
    let mut planned = Vec::new();
    for (index, transfer) in transfers.iter().enumerate() {
        let one = transfer_of(request, transfer).await.with_context(|| format!("transfer {index}"))?;
        planned.push(one);
    }
    if planned.is_empty() {
        bail!("the list of transfers is empty");
    }
    let session = request.session(source).await?;
    request.inject_planned(&session, planned).await.map(|_| ())
}

async fn transfer_of(request: &Request, transfer: &Value) -> Result<Planned> {
    const MEMBERS: [&str; 7] =
        ["destination", "amount", "fee", "gas-limit", "storage-limit", "arg", "entrypoint"];
    let members = transfer.as_object().ok_or_else(|| anyhow!("expected an object, found {transfer}"))?;
    if let Some(unknown) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
        bail!("unknown member `{unknown}`: expected some of {}", MEMBERS.join(", "));
    }
    let text = |name: &str| match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(other) => Err(anyhow!("`{name}`: expected text, found {other}")),
    };
    let needed = |name: &str| text(name)?.ok_or_else(|| anyhow!("`{name}` is missing"));
    let count = |name: &str| match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
            number.map(Some).ok_or_else(|| anyhow!("`{name}`: expected a number, found {value}"))
        }
    };
    let script = &request.options.scripts;
    let entrypoint = text("entrypoint")?.or(script.entrypoint.as_deref());
    let arg = text("arg")?.or(script.arg.as_deref());
    let action = Action::Transaction {
        amount: tez(needed("amount")?)?,
        destination: destination(request, needed("destination")?).await?,
        parameters: called(entrypoint, arg)?,
    };
    let fee = text("fee")?.map(tez).transpose()?;
    Ok(Planned { action, fee, gas: count("gas-limit")?, storage: count("storage-limit")? })
}

async fn originate(request: &Request, parameters: &Parameters) -> Result<()> {
    let (name, program, options) = (parameters.get("name"), parameters.get("program"), &request.options);
    if !options.force && request.wallet.all(crate::wallet::CONTRACTS)?.iter().any(|(known, _)| known == name)
    {
        return Err(UsageError(format!(
            "the name `{name}` is taken by a contract of the wallet: choose another one or add --force"
        ))
        .into());
    }
    let text = request.wallet.script_text(program)?;
    let code = Micheline::parse_script(&text).with_context(|| format!("{program} is no Michelson script"))?;
    let delegate =
        options.scripts.delegate.as_deref().map(|word| request.wallet.account(word)).transpose()?;
    let action = Action::Origination {
        balance: tez(parameters.get("amount"))?,
        delegate,
        script: Script { code, storage: michelson(&options.scripts.init, "--init")? },
    };
    let session = request.session(parameters.get("source")).await?;
    let Some(receipt) = request.inject(&session, vec![action]).await? else { return Ok(()) };
    let effects = receipt.contents.iter().filter_map(|c| c.result.success()).map(|s| &s.effect);
    let contract = effects
        .filter_map(|e| match e {
            Effect::Origination { originated_contracts, .. } => originated_contracts.first(),
            _ => None,
        })
        .next()
        .ok_or_else(|| anyhow!("the receipt names no contract"))?;
    request.wallet.add_contract(name, contract, options.force)?;
    print(format_args!("Contract memorized as {name}."))
}
