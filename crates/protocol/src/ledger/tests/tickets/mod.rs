//! Tickets: kept, given, received, counted.

mod accounts;
mod contracts;
mod laws;
mod rollups;

use super::contracts::call;
use super::harness::{Chain, pkh};
use crate::operation::{Action, Script};
use crate::receipt::{Effect, TicketToken};
use soru_base::{Address, Binary, Contract, ContractHash, Entrypoint, Mutez};
use soru_michelson::{Micheline, Prim};

/// Where a wallet keeps its tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeps {
    InBigMap,
    InMap,
}

/// A contract that mints, keeps, gives and burns tickets.
fn wallet(chain: &mut Chain, keeps: Keeps) -> ContractHash {
    let text = include_str!("wallet.tz");
    let text = match keeps {
        Keeps::InBigMap => text.to_owned(),
        Keeps::InMap => text.replace("big_map", "map"),
    };
    originate(chain, &text, Micheline::seq([]))
}

fn originate(chain: &mut Chain, code: &str, storage: Micheline) -> ContractHash {
    let script = Script { code: Micheline::parse_script(code).unwrap(), storage };
    let action = Action::Origination { balance: Mutez::ZERO, delegate: None, script };
    let Effect::Origination { originated_contracts, .. } = chain.done(1, action).effect else { panic!() };
    originated_contracts[0]
}

fn address(address: impl Into<Address>) -> Micheline {
    Micheline::bytes(address.into().to_bytes())
}

/// What a contract of tickets of a ticketer, of text "t", is told by.
fn token(ticketer: impl Into<Contract>) -> TicketToken {
    TicketToken {
        ticketer: ticketer.into(),
        content_type: Micheline::atom(Prim::string),
        content: Micheline::string("t"),
    }
}

/// A ticket as an argument.
fn ticket(ticketer: impl Into<Contract>, amount: u64) -> Micheline {
    let counted = Micheline::prim(Prim::Pair, [Micheline::string("t"), Micheline::int(amount)]);
    Micheline::prim(Prim::Pair, [address(ticketer.into()), counted])
}

fn mint(wallet: ContractHash, amount: u64) -> Action {
    call(wallet, "mint", Micheline::int(amount))
}

fn give(wallet: ContractHash, ticketer: ContractHash, amount: u64, to: Micheline) -> Action {
    let rest = Micheline::prim(Prim::Pair, [Micheline::int(amount), to]);
    call(wallet, "give", Micheline::prim(Prim::Pair, [address(ticketer), rest]))
}

fn burn(wallet: ContractHash, ticketer: ContractHash) -> Action {
    call(wallet, "burn", address(ticketer))
}

/// The entrypoint of a wallet that takes tickets.
fn take(wallet: ContractHash) -> Micheline {
    let address = soru_base::MichelsonAddress { address: wallet.into(), entrypoint: named("take") };
    Micheline::bytes(address.to_bytes())
}

fn named(entrypoint: &str) -> Entrypoint {
    Entrypoint::new(entrypoint).unwrap()
}

fn transfer_ticket(
    ticketer: impl Into<Contract>,
    amount: u64,
    to: impl Into<Contract>,
    entrypoint: &str,
) -> Action {
    let TicketToken { ticketer, content_type, content } = token(ticketer);
    Action::TransferTicket {
        contents: content,
        ty: content_type,
        ticketer,
        amount: amount.into(),
        destination: to.into(),
        entrypoint: named(entrypoint),
    }
}

fn owned(chain: &Chain, owner: impl Into<Address>, ticketer: impl Into<Contract>) -> u64 {
    let balance = chain.ledger.ticket_balance(&owner.into(), &token(ticketer)).unwrap();
    balance.try_into().unwrap()
}

/// What an applied operation did.
fn effect(result: &crate::receipt::OperationResult) -> &Effect {
    &result.success().unwrap_or_else(|| panic!("not applied: {result:?}")).effect
}

/// An account that gets tickets.
fn friend() -> Contract {
    pkh(4).into()
}
