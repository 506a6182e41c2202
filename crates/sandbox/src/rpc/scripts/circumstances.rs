//! Under which circumstances a script is tried.

use super::super::app::App;
use super::super::error::RpcError;
use super::asked::Members;
use super::failure::{ill_formed, ill_typed, unwritable};
use super::scratch::{MadeUp, Scratch};
use crate::chain::Block;
use soru_base::{ChainId, Contract, ContractHash, Mutez, PublicKeyHash};
use soru_michelson::types::Use;
use soru_michelson::{Context, Form, Gas, Micheline, Reading, Type, Value};
use std::collections::BTreeMap;

/// What a contract holds that was made up for a run.
const BALANCE: Mutez = Mutez(4_000_000_000_000);
/// Who pays for a run if nobody is named: the account of a key whose hash is all zeros.
const NOBODY: &str = "tz1Ke2h7sDdakHJQh8WX4Z372du1KChsksyU";

/// Milligas for what the network does without counting: enough for any request, but not for what grows faster than it.
pub(super) const ENOUGH: u64 = 1_040_000_000;

/// Whom a run is about.
pub(super) struct Roles {
    /// Who calls; the contract itself if nobody is named.
    pub(super) sender: Option<Contract>,
    /// Who signed the operation.
    pub(super) payer: Option<PublicKeyHash>,
}

/// The ledger after a block, with what the request made up.
pub(super) fn scratch(app: &App, block: &Block, members: &Members<'_>) -> Result<Scratch, RpcError> {
    let mut scratch = Scratch::new(app.ledger(block)?).map_err(RpcError::internal)?;
    for other in members.list("other_contracts")? {
        let (address, parameter): (ContractHash, Micheline) = (other.get("address")?, other.get("type")?);
        scratch.make_up_contract(address, parameter);
    }
    let named = if members.has("big_maps") { "big_maps" } else { "extra_big_maps" };
    for big_map in members.list(named)? {
        make_up_big_map(&mut scratch, &big_map)?;
    }
    Ok(scratch)
}

fn make_up_big_map(scratch: &mut Scratch, members: &Members<'_>) -> Result<(), RpcError> {
    let family = members.family;
    let (key_type, value_type): (Micheline, Micheline) = (members.get("key_type")?, members.get("val_type")?);
    let literal: Micheline = members.get("map_literal")?;
    let typed =
        |node: &Micheline, wanted| Type::parse_for(node, wanted).map_err(|e| ill_formed(node, &e, family));
    let (key, value) = (typed(&key_type, Use::Compared)?, typed(&value_type, Use::InBigMap)?);
    let ty = Type::map(key.clone(), value.clone());
    let mut gas = Gas::new(ENOUGH);
    let parsed = Value::parse(&literal, &ty, &mut Reading::internal(scratch, &mut gas))
        .map_err(|e| ill_typed(&literal, &ty, &e, family))?;
    let mut bindings = BTreeMap::new();
    if let Value::Map(map) = parsed {
        for (k, v) in map.iter() {
            let hash = k.key_hash(&key, &mut gas).map_err(|reason| unwritable(reason, family))?;
            let v = v
                .to_micheline(&value, Form::Optimized, &mut gas)
                .map_err(|reason| unwritable(reason, family))?;
            bindings.insert(hash, v);
        }
    }
    let id = members.big_map_id()?;
    scratch.make_up_big_map(id, MadeUp { key_type: key, value_type: value, bindings });
    Ok(())
}

/// The circumstances of a call of `contract`.
pub(super) fn context(
    app: &App,
    block: &Block,
    members: &Members<'_>,
    roles: Roles,
    (contract, balance, amount): (ContractHash, Mutez, Mutez),
) -> Result<Context, RpcError> {
    let chain_id: ChainId = members.get("chain_id")?;
    let nobody: PublicKeyHash = NOBODY.parse().map_err(RpcError::internal)?;
    let (sender, payer) = match (roles.sender, roles.payer) {
        (None, None) => (contract.into(), nobody),
        (Some(sender), payer) => (sender, payer.unwrap_or(nobody)),
        (None, Some(payer)) => (payer.into(), payer),
    };
    let delay = app.network().profile().minimal_block_delay;
    let soon = block.timestamp().0.saturating_add(i64::try_from(delay).unwrap_or(i64::MAX));
    Ok(Context {
        self_address: contract,
        sender: sender.into(),
        source: payer,
        amount,
        balance,
        now: members.now()?.unwrap_or(soon),
        level: members.level()?.unwrap_or(block.level()),
        chain_id,
        min_block_time: delay,
    })
}

/// The contract that a request names as the one that runs, and what it holds; or one made up that takes `parameter`.
pub(super) fn running(
    scratch: &mut Scratch,
    members: &Members<'_>,
    parameter: Micheline,
) -> Result<(ContractHash, Mutez), RpcError> {
    let balance = members.amount("balance")?;
    match members.find::<ContractHash>("self")? {
        None => Ok((scratch.make_up(parameter), balance.unwrap_or(BALANCE))),
        Some(contract) => {
            let kept = || scratch.ledger().balance(&contract.into()).map_err(RpcError::internal);
            let balance = balance.map_or_else(|| kept().map(Option::unwrap_or_default), Ok)?;
            Ok((contract, balance))
        }
    }
}

/// Units of gas that an operation, and hence a run, may use.
pub(super) fn gas_limit(app: &App) -> u64 {
    app.network().constants.rules.hard_gas_limit_per_operation
}
