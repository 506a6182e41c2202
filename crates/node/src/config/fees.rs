//! `fee-parameters` of `config.json`.

use super::Purpose;
use super::keys::{Faults, Object};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::str::FromStr;

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
    fn parse(object: &mut Object<'_>, faults: &mut Faults) -> Self {
        object.unused(
            "force-low-fee",
            "the fee is what the operation costs, and never lower than the minimum",
            faults,
        );
        let mut amount = |name: &str| object.optional(name, "a natural number", faults, amount);
        Self {
            minimal_fees: amount("minimal-fees"),
            minimal_nanotez_per_byte: amount("minimal-nanotez-per-byte"),
            minimal_nanotez_per_gas_unit: amount("minimal-nanotez-per-gas-unit"),
            fee_cap: amount("fee-cap"),
            burn_cap: amount("burn-cap"),
        }
    }

    /// The caps of Octez's node, for operations that the configuration says nothing of: nobody can have the node pay more
    /// for one.
    pub fn of(purpose: Purpose) -> Self {
        const TEZ: u64 = 1_000_000;
        let (fee, burn) = match purpose {
            Purpose::Publish => (2, 1),
            Purpose::Refute => (5, 1),
            Purpose::ExecuteOutbox => (1, 1),
            Purpose::AddMessages | Purpose::Cement | Purpose::Recover => (1, 0),
        };
        Self { fee_cap: Some(fee * TEZ), burn_cap: Some(burn * TEZ), ..Self::default() }
    }

    /// With what `other` says where it says something.
    pub fn with(self, other: Self) -> Self {
        Self {
            minimal_fees: other.minimal_fees.or(self.minimal_fees),
            minimal_nanotez_per_byte: other.minimal_nanotez_per_byte.or(self.minimal_nanotez_per_byte),
            minimal_nanotez_per_gas_unit: other
                .minimal_nanotez_per_gas_unit
                .or(self.minimal_nanotez_per_gas_unit),
            fee_cap: other.fee_cap.or(self.fee_cap),
            burn_cap: other.burn_cap.or(self.burn_cap),
        }
    }

    pub(super) fn to_json(self) -> Value {
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

/// `fee-parameters`: an object for each kind of operations.
pub(super) fn parse(object: &mut Object<'_>, faults: &mut Faults) -> BTreeMap<Purpose, FeeParameter> {
    let mut out = BTreeMap::new();
    for purpose in Purpose::ALL {
        // A word of the document goes for the network's, and the other way round.
        for word in [purpose.name(), purpose.operation()] {
            if let Some(fee) = object.nested(word, faults, FeeParameter::parse) {
                out.insert(purpose, fee);
            }
            if purpose.name() == purpose.operation() {
                break;
            }
        }
    }
    // One key plays games, by moves and by timeouts: the more generous limits count.
    if let Some(timeout) = object.nested("timeout", faults, FeeParameter::parse) {
        let refute: FeeParameter = out.get(&Purpose::Refute).copied().unwrap_or_default();
        let most = |a: Option<u64>, b: Option<u64>| a.max(b);
        let both = FeeParameter {
            fee_cap: most(refute.fee_cap, timeout.fee_cap),
            burn_cap: most(refute.burn_cap, timeout.burn_cap),
            ..timeout.with(refute)
        };
        out.insert(Purpose::Refute, both);
    }
    object.unused("publish_dal_commitment", "there is no data availability layer", faults);
    out
}

/// A natural number, in digits perhaps; or a fraction, which is rounded up.
fn amount(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Array(parts) => match parts.as_slice() {
            [numerator, denominator] => {
                let (numerator, denominator) = (amount(numerator)?, amount(denominator)?);
                (denominator > 0).then(|| numerator.div_ceil(denominator))
            }
            _ => None,
        },
        other => other.as_u64(),
    }
}

/// One limit for one purpose, as on a command line: `publish:fee-cap=2000000`.
impl FromStr for FeeParameter {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected KEY=AMOUNT with the keys minimal-fees, minimal-nanotez-per-byte, \
                        minimal-nanotez-per-gas-unit, fee-cap, burn-cap";
        let wrong = || format!("{expected}; found `{text}`");
        let (key, number) = text.split_once('=').ok_or_else(wrong)?;
        let number = Some(number.parse().map_err(|_| wrong())?);
        let mut out = Self::default();
        match key {
            "minimal-fees" => out.minimal_fees = number,
            "minimal-nanotez-per-byte" => out.minimal_nanotez_per_byte = number,
            "minimal-nanotez-per-gas-unit" => out.minimal_nanotez_per_gas_unit = number,
            "fee-cap" => out.fee_cap = number,
            "burn-cap" => out.burn_cap = number,
            _ => return Err(wrong()),
        }
        Ok(out)
    }
}
