//! The chain: who calls, operations, views, tickets.

use super::operands::{Operands, args, require, same};
use super::{Checker, Instruction as I, Place, Problem, Typed};
use crate::error::Reason;
use crate::gas::cost;
use crate::micheline::{Cursor, Micheline, Prim};
use crate::script::{self, Script};
use crate::types::{Type, Use};
use soru_base::{Entrypoint, EntrypointError};
use std::sync::Arc;

impl Checker<'_> {
    pub(super) fn chain(
        &mut self,
        cursor: Cursor<'_>,
        prim: Prim,
        operands: &mut Operands,
    ) -> Result<Option<Typed>, Problem> {
        let constant = match prim {
            Prim::AMOUNT => Some((Type::Mutez, I::Amount)),
            Prim::BALANCE => Some((Type::Mutez, I::Balance)),
            Prim::SENDER => Some((Type::Address, I::Sender)),
            Prim::SOURCE => Some((Type::Address, I::Source)),
            Prim::NOW => Some((Type::Timestamp, I::Now)),
            Prim::LEVEL => Some((Type::Nat, I::Level)),
            Prim::CHAIN_ID => Some((Type::ChainId, I::ChainId)),
            Prim::MIN_BLOCK_TIME => Some((Type::Nat, I::MinBlockTime)),
            Prim::SELF_ADDRESS => Some((Type::Address, I::SelfAddress)),
            Prim::TOTAL_VOTING_POWER => Some((Type::Nat, I::TotalVotingPower)),
            _ => None,
        };
        if let Some((ty, instruction)) = constant {
            let [] = args(cursor)?;
            operands.push(ty)?;
            return Ok(Some(instruction.into()));
        }
        let typed = match prim {
            Prim::SELF => {
                let [] = args(cursor)?;
                let Place::Contract(parameter) = self.place else {
                    return Err(Problem::unexpected(
                        "SELF in the code of a contract",
                        "it in a function or a view",
                    ));
                };
                let entrypoint = entrypoint_annotation(cursor, Entrypoint::new)?;
                let (_, ty) = parameter
                    .entrypoint(&entrypoint)
                    .ok_or_else(|| Problem::unexpected("an entrypoint of the contract", &entrypoint))?;
                operands.push(Type::contract(ty.clone()))?;
                I::SelfContract(entrypoint)
            }
            Prim::ADDRESS => {
                let [] = args(cursor)?;
                let Type::Contract(_) = operands.pop("a contract")? else {
                    return Err(operands.wrong("a contract"));
                };
                operands.push(Type::Address)?;
                I::Address
            }
            Prim::CONTRACT => {
                let [ty] = args(cursor)?;
                let ty = Type::parse_at_for(ty, Use::Passed)?;
                operands.take(&Type::Address)?;
                operands.push(Type::option(Type::contract(ty.clone())))?;
                I::Contract(ty, entrypoint_annotation(cursor, Entrypoint::new_strict)?)
            }
            Prim::IMPLICIT_ACCOUNT => {
                let [] = args(cursor)?;
                operands.take(&Type::KeyHash)?;
                operands.push(Type::contract(Type::Unit))?;
                I::ImplicitAccount
            }
            Prim::IS_IMPLICIT_ACCOUNT => {
                let [] = args(cursor)?;
                operands.take(&Type::Address)?;
                operands.push(Type::option(Type::KeyHash))?;
                I::IsImplicitAccount
            }
            Prim::INDEX_ADDRESS => {
                let [] = args(cursor)?;
                self.changes_something()?;
                operands.take(&Type::Address)?;
                operands.push(Type::Nat)?;
                I::IndexAddress
            }
            Prim::GET_ADDRESS_INDEX => {
                let [] = args(cursor)?;
                operands.take(&Type::Address)?;
                operands.push(Type::option(Type::Nat))?;
                I::GetAddressIndex
            }
            Prim::VOTING_POWER => {
                let [] = args(cursor)?;
                operands.take(&Type::KeyHash)?;
                operands.push(Type::Nat)?;
                I::VotingPower
            }
            Prim::TRANSFER_TOKENS => {
                let [] = args(cursor)?;
                self.changes_something()?;
                let argument = operands.pop("an argument, mutez and a contract")?;
                operands.take(&Type::Mutez)?;
                operands.take(&Type::contract(argument.clone()))?;
                operands.push(Type::Operation)?;
                I::TransferTokens(argument)
            }
            Prim::SET_DELEGATE => {
                let [] = args(cursor)?;
                self.changes_something()?;
                operands.take(&Type::option(Type::KeyHash))?;
                operands.push(Type::Operation)?;
                I::SetDelegate
            }
            Prim::CREATE_CONTRACT => {
                let [code] = args(cursor)?;
                self.changes_something()?;
                let created = Script::typecheck_at(code, self.source.clone(), self.gas)?;
                operands.take(&Type::option(Type::KeyHash))?;
                operands.take(&Type::Mutez)?;
                let storage = operands.pop("the storage of the new contract")?;
                same(created.storage(), &storage)?;
                operands.push(Type::Address)?;
                operands.push(Type::Operation)?;
                // Scripts that make scripts that make scripts are copied each time.
                self.gas.charge(cost::of(code.node.nodes(), cost::WRITTEN_NODE)).map_err(Reason::from)?;
                I::CreateContract { script: Arc::new(code.node.clone()), storage }
            }
            Prim::EMIT => {
                let ty = operands.pop("a value")?;
                let written = match cursor.exactly::<1>() {
                    Some([written]) => {
                        same(&Type::parse_at(written)?, &ty)?;
                        written.node.clone()
                    }
                    None => {
                        let [] = args(cursor)?;
                        ty.to_micheline()
                    }
                };
                require(&ty, Use::Pushed)?;
                operands.push(Type::Operation)?;
                I::Emit { tag: entrypoint_annotation(cursor, Entrypoint::new_strict)?, ty, written }
            }
            Prim::VIEW => {
                let [name, output] = args(cursor)?;
                let Micheline::String(name) = name.node else {
                    return Err(Problem::unexpected("the name of a view", name.node));
                };
                script::check_view_name(name).map_err(Problem::Here)?;
                let output = Type::parse_at_for(output, Use::Viewed)?;
                let input = operands.pop("an argument and an address")?;
                operands.take(&Type::Address)?;
                operands.push(Type::option(output.clone()))?;
                I::View { name: name.clone(), input, output }
            }
            Prim::TICKET => {
                let [] = args(cursor)?;
                let contents = operands.pop("contents and a nat")?;
                require(&contents, Use::Compared)?;
                operands.take(&Type::Nat)?;
                operands.push(Type::option(Type::ticket(contents)))?;
                I::Ticket
            }
            Prim::READ_TICKET => {
                let [] = args(cursor)?;
                let ticket = operands.pop("a ticket")?;
                let Type::Ticket(contents) = &ticket else { return Err(operands.wrong("a ticket")) };
                let read = Type::pair(Type::Address, Type::pair((**contents).clone(), Type::Nat));
                operands.push(ticket)?;
                operands.push(read)?;
                I::ReadTicket
            }
            Prim::SPLIT_TICKET => {
                let [] = args(cursor)?;
                let ticket = operands.pop("a ticket and two amounts")?;
                let Type::Ticket(_) = &ticket else { return Err(operands.wrong("a ticket and two amounts")) };
                operands.take(&Type::pair(Type::Nat, Type::Nat))?;
                operands.push(Type::option(Type::pair(ticket.clone(), ticket)))?;
                I::SplitTicket
            }
            Prim::JOIN_TICKETS => {
                let [] = args(cursor)?;
                let pair = operands.pop("two tickets")?;
                match &pair {
                    Type::Pair(types) if types.0 == types.1 && matches!(types.0, Type::Ticket(_)) => {
                        operands.push(Type::option(types.0.clone()))?;
                    }
                    _ => return Err(operands.wrong("two tickets")),
                }
                I::JoinTickets
            }
            _ => return Ok(None),
        };
        Ok(Some(typed.into()))
    }

    /// Views change nothing; functions in them may.
    fn changes_something(&self) -> Result<(), Problem> {
        match self.place {
            Place::View => {
                Err(Problem::unexpected("an instruction that changes nothing, in a view", "one that does"))
            }
            _ => Ok(()),
        }
    }
}

/// The entrypoint (or the tag of an event) an instruction names: `%name`, or `default` if it does not.
fn entrypoint_annotation(
    cursor: Cursor<'_>,
    read: fn(&str) -> Result<Entrypoint, EntrypointError>,
) -> Result<Entrypoint, Problem> {
    let annots = cursor.node.as_prim().map_or(&[][..], |(_, _, annots)| annots);
    match annots.iter().find_map(|annot| annot.strip_prefix('%')) {
        None | Some("") => Ok(Entrypoint::default()),
        Some(name) => read(name).map_err(|e| Problem::unexpected("the name of an entrypoint", e)),
    }
}
