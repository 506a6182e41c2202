//! The curve BLS12-381, and time-lock puzzles.

use super::RunError;
use super::machine::{Machine, Next};
use crate::gas::cost;
use crate::typecheck::Instruction as I;
use crate::values::{Fr, Value, pairing_check};
use num_traits::ToPrimitive;
use std::sync::Arc;

/// More squarings than the network can count.
const TOO_LONG: u64 = 1 << 62;

impl Machine<'_> {
    pub(super) fn curve(&mut self, instruction: &I) -> Result<Next, RunError> {
        match instruction {
            I::ScalarToInt => match self.pop()? {
                Value::BlsFr(scalar) => self.push(Value::int(scalar.to_int())),
                _ => Err(self.fault("a scalar")),
            },
            I::PairingCheck => {
                let Value::List(list) = self.pop()? else { return Err(self.fault("a list")) };
                self.gas.charge(cost::PAIRINGS.saturating_add(cost::of(list.len(), cost::PAIRING)))?;
                let mut points = Vec::with_capacity(list.len());
                for pair in list.iter() {
                    match pair {
                        Value::Pair(pair) => match &**pair {
                            (Value::BlsG1(g1), Value::BlsG2(g2)) => points.push((**g1, **g2)),
                            _ => return Err(self.fault("two points")),
                        },
                        _ => return Err(self.fault("pairs of points")),
                    }
                }
                self.push(Value::Bool(pairing_check(&points)))
            }
            _ => self.open_chest(),
        }
    }

    pub(super) fn curve_sum(&mut self, a: Value, b: Value) -> Result<Next, RunError> {
        let sum = match (a, b) {
            (Value::BlsG1(a), Value::BlsG1(b)) => {
                self.gas.charge(cost::G1_SUM)?;
                Value::BlsG1(Arc::new(a.add(&b)))
            }
            (Value::BlsG2(a), Value::BlsG2(b)) => {
                self.gas.charge(cost::G2_SUM)?;
                Value::BlsG2(Arc::new(a.add(&b)))
            }
            (Value::BlsFr(a), Value::BlsFr(b)) => Value::BlsFr(a.add(b)),
            _ => return Err(self.fault("numbers, mutez, points or scalars")),
        };
        self.push(sum)
    }

    pub(super) fn curve_product(&mut self, a: Value, b: Value) -> Result<Next, RunError> {
        let product = match (a, b) {
            (Value::BlsG1(point), Value::BlsFr(scalar)) => {
                self.gas.charge(cost::G1_PRODUCT)?;
                Value::BlsG1(Arc::new(point.mul(scalar)))
            }
            (Value::BlsG2(point), Value::BlsFr(scalar)) => {
                self.gas.charge(cost::G2_PRODUCT)?;
                Value::BlsG2(Arc::new(point.mul(scalar)))
            }
            (Value::BlsFr(a), Value::BlsFr(b)) => Value::BlsFr(a.mul(b)),
            (Value::BlsFr(scalar), Value::Int(n)) | (Value::Int(n), Value::BlsFr(scalar)) => {
                self.gas.charge((n.bits() / 8).saturating_mul(cost::BYTE))?;
                Value::BlsFr(scalar.mul(Fr::from_int(&n)))
            }
            _ => return Err(self.fault("numbers, mutez, points or scalars")),
        };
        self.push(product)
    }

    pub(super) fn curve_negation(&mut self, value: Value) -> Result<Next, RunError> {
        let negation = match value {
            Value::BlsG1(point) => Value::BlsG1(Arc::new(point.neg())),
            Value::BlsG2(point) => Value::BlsG2(Arc::new(point.neg())),
            Value::BlsFr(scalar) => Value::BlsFr(scalar.neg()),
            _ => return Err(self.fault("a number, a point or a scalar")),
        };
        self.push(negation)
    }

    fn open_chest(&mut self) -> Result<Next, RunError> {
        let (Value::ChestKey(key), Value::Chest(chest), Value::Int(time)) =
            (self.pop()?, self.pop()?, self.pop()?)
        else {
            return Err(self.fault("a key, a chest and a number"));
        };
        self.gas.charge(cost::CHEST)?;
        self.gas.charge(key.power_bits().saturating_mul(cost::CHEST_POWER_BIT))?;
        self.gas.charge(cost::of(chest.contents_len(), cost::BYTE))?;
        let text = match time.to_u64() {
            // The network does not answer this either.
            Some(0) => return Err(RunError::NoTime { location: self.at }),
            Some(time) if time < TOO_LONG => chest.open(&key, time),
            _ => None,
        };
        self.push(text.map_or(Value::none(), |text| Value::some(Value::bytes(&text))))
    }
}
