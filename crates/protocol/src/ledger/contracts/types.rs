//! What contracts and rollups take: checks of types and arguments.

use super::super::Ledger;
use super::super::apply::Run;
use super::super::error::{Failure, Outcome, ProtocolError, StorageError};
use super::chain::View;
use soru_base::RollupAddress;
use soru_michelson::{Form, Gas, Micheline, Parameter, Reading, Reason, Type, TypeError, Value};

/// Whether a rollup can take parameters of that type: no named parts, nothing that cannot leave the layer-1.
pub(in super::super) fn check_rollup_type(ty: &Micheline) -> Outcome<()> {
    let parameter = Parameter::parse(ty).map_err(|e| ill_formed(ty, &e))?;
    if parameter.entrypoints().any(|(name, _)| !name.is_default()) || names_default(ty) {
        return Err(ProtocolError::InvalidParametersType.into());
    }
    match goes_to_a_rollup(parameter.ty()) {
        true => Ok(()),
        false => Err(ProtocolError::InvalidParametersType.into()),
    }
}

/// `default` written out is a name, too.
fn names_default(ty: &Micheline) -> bool {
    let default = |annots: &[String]| annots.iter().any(|a| a == "%default");
    match ty.as_prim() {
        Some((soru_michelson::Prim::or, args, annots)) => default(annots) || args.iter().any(names_default),
        Some((_, _, annots)) => default(annots),
        None => false,
    }
}

/// Whether values of a type can go to a rollup, or come from one.
pub(in super::super) fn goes_to_a_rollup(ty: &Type) -> bool {
    let mut pending = vec![ty];
    while let Some(ty) = pending.pop() {
        match ty {
            Type::Mutez | Type::BigMap(_) | Type::Operation | Type::Lambda(_) => return false,
            // Of a contract only the address leaves.
            Type::Contract(_) => continue,
            _ => {}
        }
        if matches!(ty.prim().name(), "sapling_transaction" | "sapling_state" | "chest" | "chest_key") {
            return false;
        }
        let (a, b) = ty.parts();
        pending.extend(a);
        pending.extend(b);
    }
    true
}

/// A type that is none.
pub(in super::super) fn ill_formed(ty: &Micheline, error: &TypeError) -> Failure {
    ProtocolError::IllFormedType { expression: ty.clone(), reason: error.to_string() }.into()
}

/// Spends Michelson's gas from that of the operation.
pub(in super::super) fn with_gas<T>(
    run: &mut Run<'_>,
    work: impl FnOnce(&mut Run<'_>, &mut Gas) -> Outcome<T>,
) -> Outcome<T> {
    let mut gas = Gas::new(run.gas.left());
    let result = work(run, &mut gas);
    run.gas.consume(gas.used())?;
    result
}

/// Data that is not of its type. Running out of gas and a ledger that cannot be read are no fault of the data.
pub(super) fn ill_typed(data: &Micheline, ty: &Type, error: TypeError) -> Failure {
    let location = u32::try_from(error.location).unwrap_or(u32::MAX);
    let reason = error.to_string();
    let inner = match error.reason {
        Reason::Gas(_) => return ProtocolError::GasExhausted.into(),
        Reason::Chain(reason) => return Failure::Storage(StorageError::Missing(reason)),
        Reason::ForgedTicket => Some(ProtocolError::UnexpectedForgedValue { location }),
        Reason::ZeroTicket => Some(ProtocolError::ForbiddenZeroTicket),
        Reason::TicketOwner(ticketer) => Some(ProtocolError::UnexpectedTicketOwner { ticketer }),
        _ => None,
    };
    let (expected_type, ill_typed_expression) = (ty.to_micheline(), data.clone());
    let ill_typed = ProtocolError::IllTypedData { expected_type, ill_typed_expression, reason };
    match inner {
        Some(inner) => Failure::from(inner).within(ill_typed),
        None => ill_typed.into(),
    }
}

impl Ledger {
    /// Checks what is sent to a rollup against its type; the payload in optimised form.
    pub(in super::super) fn check_rollup_payload(
        &mut self,
        run: &mut Run<'_>,
        rollup: &RollupAddress,
        argument: Option<&Micheline>,
    ) -> Outcome<Micheline> {
        let Some(written) = self.rollup_parameters_type(rollup)? else {
            return Err(ProtocolError::RollupDoesNotExist { rollup: *rollup }.into());
        };
        let ty = Type::parse(&written).map_err(|e| ill_formed(&written, &e))?;
        let unit = Micheline::unit();
        let value = self.parse_as(run, argument.unwrap_or(&unit), &ty, Source::Contract)?;
        with_gas(run, |_, gas| {
            value.to_micheline(&ty, Form::Optimized, gas).map_err(|reason| match reason {
                Reason::Gas(_) => ProtocolError::GasExhausted.into(),
                _ => ProtocolError::InboxMessageEncoding.into(),
            })
        })
    }

    /// Reads what an operation brings.
    pub(in super::super) fn parse_argument(
        &mut self,
        run: &mut Run<'_>,
        data: &Micheline,
        ty: &Type,
    ) -> Outcome<Value> {
        self.parse_as(run, data, ty, Source::Account)
    }

    /// Reads what a rollup sends: tickets, too, but no big maps by their numbers.
    pub(in super::super) fn parse_from_rollup(
        &mut self,
        run: &mut Run<'_>,
        data: &Micheline,
        ty: &Type,
    ) -> Outcome<Value> {
        self.parse_as(run, data, ty, Source::Rollup)
    }

    fn parse_as(&mut self, run: &mut Run<'_>, data: &Micheline, ty: &Type, from: Source) -> Outcome<Value> {
        with_gas(run, |run, gas| {
            let view = View::of(self, run);
            let mut reading = match from {
                Source::Contract => Reading::internal(&view, gas),
                Source::Account | Source::Rollup => Reading::external(&view, gas),
            };
            reading.tickets |= from == Source::Rollup;
            Value::parse(data, ty, &mut reading).map_err(|e| ill_typed(data, ty, e))
        })
    }
}

/// Who made an argument: what it may hold depends on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Account,
    Contract,
    Rollup,
}
