//! Commands on accounts and contracts.

use super::grammar::Command;
use super::{Request, amount, print, word_or_file};
use crate::phrase::Parameters;
use anyhow::{Context, Result, anyhow, bail};
use soru_base::{Address, Contract, ContractHash, Entrypoint, Mutez};
use soru_l1::BlockId;
use soru_michelson::Micheline;
use soru_protocol::operation::{Action, Parameters as CallParameters, Script};
use soru_protocol::receipt::Effect;

pub(super) async fn run(command: Command, request: &Request, parameters: &Parameters) -> Result<()> {
    match command {
        Command::Balance => {
            let contract = request.wallet.contract(parameters.get("account"))?;
            let balance = request.client().await?.balance(BlockId::HEAD, contract).await?;
            print(format_args!("{balance} ꜩ"))
        }
        Command::Storage => {
            let contract = originated(request, parameters)?;
            let storage = request.client().await?.storage(BlockId::HEAD, contract).await?;
            print(storage.to_pretty())
        }
        Command::Entrypoints => {
            let contract = originated(request, parameters)?;
            let entrypoints = request.client().await?.entrypoints(BlockId::HEAD, contract).await?;
            for (name, ty) in entrypoints {
                print(format_args!("{name}: {ty}"))?;
            }
            Ok(())
        }
        Command::Transfer => call(request, parameters, amount(parameters.get("amount"))?).await,
        Command::Call => call(request, parameters, Mutez::ZERO).await,
        Command::OriginateContract => originate(request, parameters).await,
        other => unreachable!("{other:?} is no command on contracts"),
    }
}

fn originated(request: &Request, parameters: &Parameters) -> Result<ContractHash> {
    match request.wallet.contract(parameters.get("contract"))? {
        Contract::Originated(contract) => Ok(contract),
        Contract::Implicit(account) => {
            bail!("{account} is an account, not a contract: it has neither code nor storage")
        }
    }
}

/// Michelson of the command line, or an error that names the option.
pub(super) fn michelson(text: &str, what: &str) -> Result<Micheline> {
    Micheline::parse(text).with_context(|| format!("{what} `{text}` is no Michelson"))
}

async fn call(request: &Request, parameters: &Parameters, amount: Mutez) -> Result<()> {
    let word = parameters.get("destination");
    if let Ok(rollup) = request.wallet.rollup(word) {
        let family = request.client().await?.family();
        bail!(
            "{} is a smart rollup: only a contract can transfer to it; send it external messages with \
             `send smart rollup message`",
            rollup.in_family(family)
        );
    }
    let destination = request.wallet.contract(word)?;
    let options = &request.options;
    let parameters_of_call = match (&options.entrypoint, &options.arg) {
        (None, None) => None,
        (entrypoint, arg) => Some(CallParameters {
            entrypoint: Entrypoint::new(entrypoint.as_deref().unwrap_or_default())?,
            value: arg.as_deref().map_or(Ok(Micheline::unit()), |a| michelson(a, "--arg"))?,
        }),
    };
    let session = request.session(parameters.get("source")).await?;
    let action = Action::Transaction {
        amount,
        destination: Address::Contract(destination),
        parameters: parameters_of_call,
    };
    request.inject(&session, vec![action]).await.map(|_| ())
}

async fn originate(request: &Request, parameters: &Parameters) -> Result<()> {
    let name = parameters.get("name");
    let program = parameters.get("program");
    let text = if program.starts_with("text:") || program.starts_with("file:") {
        word_or_file(program)?
    } else {
        std::fs::read_to_string(program).with_context(|| format!("cannot read the program {program}"))?
    };
    let code = Micheline::parse_script(&text).with_context(|| format!("{program} is no Michelson script"))?;
    let action = Action::Origination {
        balance: amount(parameters.get("amount"))?,
        delegate: None,
        script: Script { code, storage: michelson(&request.options.init, "--init")? },
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
    print(format_args!("New contract {contract} originated."))?;
    request.wallet.add_contract(name, contract, request.options.force)?;
    print(format_args!("Contract memorized as {name}."))
}
