//! Commands on tickets.

use super::contracts::{michelson, originated};
use super::grammar::injects;
use super::state::{get, micheline, post};
use super::{Request, number, print};
use crate::phrase::Parameters;
use anyhow::{Result, anyhow};
use serde_json::{Value, json};
use soru_base::{Entrypoint, Json};
use soru_protocol::operation::Action;

/// A command on tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Transfer,
    Balance,
    AllBalances,
}

super::grammar::phrases! { Tickets:
    Transfer: "transfer <quantity> tickets from <owner> to <recipient> with entrypoint <entrypoint> and contents <contents> and type <type> and ticketer <ticketer>",
        "Transfer tickets of an account to a contract", injects![];
    Balance: "get ticket balance for <owner> with ticketer <ticketer> and type <type> and content <content>",
        "Show how many tickets of one kind an account, a contract or a smart rollup has", &[];
    AllBalances: "get all ticket balances for <contract>", "Show all tickets of a contract", &[];
}

pub(super) async fn run(command: Command, request: &Request, parameters: &Parameters) -> Result<()> {
    match command {
        Command::Transfer => transfer(request, parameters).await,
        Command::Balance => balance(request, parameters).await,
        Command::AllBalances => all_balances(request, parameters).await,
    }
}

async fn transfer(request: &Request, parameters: &Parameters) -> Result<()> {
    let wallet = &request.wallet;
    let action = Action::TransferTicket {
        contents: michelson(parameters.get("contents"), "the contents")?,
        ty: michelson(parameters.get("type"), "the type")?,
        ticketer: wallet.contract(parameters.get("ticketer"))?,
        amount: number(parameters, "quantity")?,
        destination: wallet.contract(parameters.get("recipient"))?,
        entrypoint: Entrypoint::new(parameters.get("entrypoint"))?,
    };
    let session = request.session(parameters.get("owner")).await?;
    request.inject(&session, vec![action]).await.map(|_| ())
}

async fn balance(request: &Request, parameters: &Parameters) -> Result<()> {
    let client = request.client().await?;
    let family = client.family();
    let owner = parameters.get("owner");
    let place = match (request.wallet.contract(owner), request.wallet.rollup(owner)) {
        (Ok(contract), _) => format!("/context/contracts/{contract}"),
        (_, Ok(rollup)) => format!("/context/smart_rollups/smart_rollup/{}", rollup.in_family(family)),
        (Err(error), _) => return Err(error),
    };
    let token = json!({
        "ticketer": request.wallet.contract(parameters.get("ticketer"))?.to_string(),
        "content_type": michelson(parameters.get("type"), "the type")?.to_json(family),
        "content": michelson(parameters.get("content"), "the content")?.to_json(family),
    });
    let answer = post(&client, &request.path(&format!("{place}/ticket_balance")), &token).await?;
    print(answer.as_str().ok_or_else(|| anyhow!("the layer-1 answers no number but {answer}"))?)
}

async fn all_balances(request: &Request, parameters: &Parameters) -> Result<()> {
    let client = request.client().await?;
    let contract = originated(request, parameters.get("contract"))?;
    let path = request.path(&format!("/context/contracts/{contract}/all_ticket_balances"));
    let answer = get(&client, &path).await?;
    for (number, ticket) in answer.as_array().into_iter().flatten().enumerate() {
        if number > 0 {
            print("")?;
        }
        let text = |name: &str| ticket[name].as_str().map(str::to_owned).unwrap_or_default();
        let told = |value: &Value| micheline(value);
        print(format_args!("Ticketer: {}", text("ticketer")))?;
        print(format_args!("Content type: {}", told(&ticket["content_type"])?))?;
        print(format_args!("Content: {}", told(&ticket["content"])?))?;
        print(format_args!("Amount: {}", text("amount")))?;
    }
    Ok(())
}
