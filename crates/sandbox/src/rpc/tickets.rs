//! Who owns which tickets.

use super::contracts::{originated, there};
use super::error::{RpcError, RpcResult};
use super::request::{At, Body, ok};
use serde_json::{Value, json};
use soru_base::{Address, Contract, Json, RollupAddress};
use soru_protocol::receipt::TicketToken;

/// `POST …/context/contracts/<contract>/ticket_balance {"ticketer", "content_type", "content"}`
pub(super) async fn of_contract(at: At, Body(body): Body) -> RpcResult {
    let owner: Contract = at.parse("contract")?;
    balance(&at, &owner.into(), &body)
}

/// `POST …/context/smart_rollups/smart_rollup/<rollup>/ticket_balance`, likewise.
pub(super) async fn of_rollup(at: At, Body(body): Body) -> RpcResult {
    let owner: RollupAddress = at.parse("rollup")?;
    balance(&at, &owner.into(), &body)
}

/// As on the network, whoever owns nothing has a balance of 0, and the content is taken as it is written.
fn balance(at: &At, owner: &Address, body: &Value) -> RpcResult {
    let token = TicketToken::from_json(body, at.family())
        .map_err(|e| RpcError::bad_request(format!("in the body{e}")))?;
    ok(at.ledger()?.ticket_balance(owner, &token).map_err(RpcError::internal)?.to_string())
}

/// `GET …/context/contracts/<contract>/all_ticket_balances`: the tickets in its storage.
pub(super) async fn stored(at: At) -> RpcResult {
    let contract = originated(&at)?;
    let tickets = there(at.ledger()?.stored_tickets(&contract), contract)?;
    let all = tickets.into_iter().map(|(token, amount)| {
        let mut object = token.to_json(at.family());
        object["amount"] = json!(amount.to_string());
        object
    });
    ok(all.collect::<Vec<_>>())
}
