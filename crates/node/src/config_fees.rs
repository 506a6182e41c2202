//! `fee-parameters` of `config.json`.

use crate::config_keys::{Faults, Object};
use serde_json::{Value, json};

/// Limits on what one operation may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FeeParameter {
    /// Fee of every operation at least, in mutez.
    pub minimal_fees: Option<u64>,
    /// Fee for each byte of the operation at least, in nanotez.
    pub minimal_nanotez_per_byte: Option<u64>,
    /// Fee for each unit of gas at least, in nanotez.
    pub minimal_nanotez_per_gas_unit: Option<u64>,
    /// Fee at most, in mutez.
    pub fee_cap: Option<u64>,
    /// Storage fees at most, in mutez.
    pub burn_cap: Option<u64>,
}

impl FeeParameter {
    pub(crate) fn parse(object: &mut Object<'_>, faults: &mut Faults) -> Self {
        let mut amount = |name: &str| {
            object.optional(name, "a natural number", faults, |v| match v {
                Value::String(text) => text.parse().ok(),
                other => other.as_u64(),
            })
        };
        Self {
            minimal_fees: amount("minimal-fees"),
            minimal_nanotez_per_byte: amount("minimal-nanotez-per-byte"),
            minimal_nanotez_per_gas_unit: amount("minimal-nanotez-per-gas-unit"),
            fee_cap: amount("fee-cap"),
            burn_cap: amount("burn-cap"),
        }
    }

    pub(crate) fn to_json(self) -> Value {
        let fields = [
            ("minimal-fees", self.minimal_fees),
            ("minimal-nanotez-per-byte", self.minimal_nanotez_per_byte),
            ("minimal-nanotez-per-gas-unit", self.minimal_nanotez_per_gas_unit),
            ("fee-cap", self.fee_cap),
            ("burn-cap", self.burn_cap),
        ];
        Value::Object(
            fields
                .into_iter()
                .filter_map(|(name, v)| Some((name.to_owned(), json!(v?.to_string()))))
                .collect(),
        )
    }
}
