//! What contracts and rollups take: checks of types and arguments.

use super::super::Ledger;
use super::super::apply::Run;
use super::super::error::{Failure, Outcome, ProtocolError, StorageError};
use super::chain::View;
use soru_base::{Address, Contract, ContractHash, Entrypoint, RollupAddress};
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

fn goes_to_a_rollup(ty: &Type) -> bool {
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

pub(super) fn ill_formed(ty: &Micheline, error: &TypeError) -> Failure {
    ProtocolError::IllFormedType { expression: ty.clone(), reason: error.to_string() }.into()
}

/// Spends Michelson's gas from that of the operation.
pub(super) fn with_gas<T>(
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
    match error.reason {
        Reason::Gas(_) => ProtocolError::GasExhausted.into(),
        Reason::Chain(reason) => Failure::Storage(StorageError::Missing(reason)),
        _ => ProtocolError::IllTypedData {
            expected_type: ty.to_micheline(),
            ill_typed_expression: data.clone(),
            reason: error.to_string(),
        }
        .into(),
    }
}

impl Ledger {
    /// Checks a call that an outbox asks for: its contract, its entrypoint, its argument and, if told, the type of that.
    pub(in super::super) fn check_outbox_parameters(
        &mut self,
        run: &mut Run<'_>,
        destination: &ContractHash,
        entrypoint: &Entrypoint,
        argument: &Micheline,
        told: Option<&Micheline>,
    ) -> Outcome<()> {
        let contract = Contract::from(*destination);
        let Some(written) = self.parameter_type(&Address::from(*destination))? else {
            return Err(ProtocolError::NonExistingContract { contract }.into());
        };
        let parameter = Parameter::parse(&written).map_err(|e| ill_formed(&written, &e))?;
        let Some((_, ty)) = parameter.entrypoint(entrypoint) else {
            return Err(ProtocolError::NoSuchEntrypoint { entrypoint: entrypoint.to_string() }.into());
        };
        if let Some(told) = told {
            let parsed = Type::parse(told).map_err(|e| ill_formed(told, &e))?;
            if parsed != *ty {
                return Err(ProtocolError::BadContractParameter { contract }.into());
            }
        }
        if !goes_to_a_rollup(ty) {
            return Err(ProtocolError::InvalidParametersType.into());
        }
        self.parse(run, argument, ty).map(|_| ())
    }

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
        let value = self.parse(run, argument.unwrap_or(&unit), &ty)?;
        with_gas(run, |_, gas| {
            value.to_micheline(&ty, Form::Optimized, gas).map_err(|reason| match reason {
                Reason::Gas(_) => ProtocolError::GasExhausted.into(),
                _ => ProtocolError::InboxMessageEncoding.into(),
            })
        })
    }

    fn parse(&mut self, run: &mut Run<'_>, data: &Micheline, ty: &Type) -> Outcome<Value> {
        with_gas(run, |run, gas| {
            let view = View::of(self, run);
            Value::parse(data, ty, &mut Reading::external(&view, gas)).map_err(|e| ill_typed(data, ty, e))
        })
    }
}
