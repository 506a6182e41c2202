//! Numbers, mutez, comparisons and logic.

use super::RunError;
use super::machine::{Machine, Next};
use crate::gas::cost;
use crate::typecheck::Instruction as I;
use crate::values::Value;
use num_bigint::{BigInt, Sign};
use num_integer::Integer;
use num_traits::{Signed, ToPrimitive, Zero};
use soru_base::Mutez;
use std::cmp::Ordering;

/// A `nat` is shifted by at most so many bits.
const MAX_SHIFT: u32 = 256;

impl Machine<'_> {
    pub(super) fn arithmetic(&mut self, instruction: &I) -> Result<Next, RunError> {
        match instruction {
            I::Compare => {
                let (a, b) = (self.pop()?, self.pop()?);
                let size = a.compared_size().min(b.compared_size());
                self.gas.charge(cost::of(size, cost::BYTE))?;
                self.push(Value::int(match a.cmp(&b) {
                    Ordering::Less => -1,
                    Ordering::Equal => 0,
                    Ordering::Greater => 1,
                }))
            }
            I::Eq | I::Neq | I::Lt | I::Gt | I::Le | I::Ge => {
                let sign = self.pop_int()?.sign();
                self.push(Value::Bool(match instruction {
                    I::Eq => sign == Sign::NoSign,
                    I::Neq => sign != Sign::NoSign,
                    I::Lt => sign == Sign::Minus,
                    I::Gt => sign == Sign::Plus,
                    I::Le => sign != Sign::Plus,
                    _ => sign != Sign::Minus,
                }))
            }
            I::Add => match (self.pop()?, self.pop()?) {
                (Value::Int(a), Value::Int(b)) => {
                    self.charge_bits(a.bits().max(b.bits()))?;
                    self.push(Value::int(&*a + &*b))
                }
                (Value::Mutez(a), Value::Mutez(b)) => {
                    let sum = a.checked_add(b).ok_or_else(|| self.overflow())?;
                    self.push(Value::Mutez(sum))
                }
                (a, b) => self.curve_sum(a, b),
            },
            I::Sub => {
                let (a, b) = (self.pop_int()?, self.pop_int()?);
                self.charge_bits(a.bits().max(b.bits()))?;
                self.push(Value::int(&*a - &*b))
            }
            I::SubMutez => {
                let (a, b) = (self.pop_mutez()?, self.pop_mutez()?);
                self.push(a.checked_sub(b).map_or(Value::none(), |rest| Value::some(Value::Mutez(rest))))
            }
            I::Mul => match (self.pop()?, self.pop()?) {
                (Value::Int(a), Value::Int(b)) => {
                    self.charge_product(&a, &b)?;
                    self.push(Value::int(&*a * &*b))
                }
                (Value::Mutez(amount), Value::Int(n)) | (Value::Int(n), Value::Mutez(amount)) => {
                    let product = if amount.is_zero() {
                        Some(Mutez::ZERO)
                    } else {
                        n.to_u64().and_then(|n| amount.checked_mul(n))
                    };
                    let product = product.ok_or_else(|| self.overflow())?;
                    self.push(Value::Mutez(product))
                }
                (a, b) => self.curve_product(a, b),
            },
            I::Ediv => self.ediv(),
            I::Abs => {
                let n = self.pop_int()?;
                self.charge_bits(n.bits())?;
                self.push(Value::int(n.abs()))
            }
            I::Neg => match self.pop()? {
                Value::Int(n) => {
                    self.charge_bits(n.bits())?;
                    self.push(Value::int(-&*n))
                }
                other => self.curve_negation(other),
            },
            I::IsNat => {
                let n = self.pop_int()?;
                self.push(if n.is_negative() { Value::none() } else { Value::some(Value::Int(n)) })
            }
            I::Lsl | I::Lsr => self.shift(matches!(instruction, I::Lsl)),
            I::And | I::Or | I::Xor => self.logic(instruction),
            I::Not => match self.pop()? {
                Value::Bool(b) => self.push(Value::Bool(!b)),
                Value::Int(n) => {
                    self.charge_bits(n.bits())?;
                    self.push(Value::int(!&*n))
                }
                Value::Bytes(bytes) => {
                    self.gas.charge(cost::of(bytes.len(), cost::BYTE))?;
                    self.push(Value::Bytes(bytes.iter().map(|b| !b).collect()))
                }
                _ => Err(self.fault("a bool, a number or bytes")),
            },
            _ => self.bytes(instruction),
        }
    }

    fn charge_bits(&mut self, bits: u64) -> Result<(), RunError> {
        Ok(self.gas.charge((bits / 8).saturating_mul(cost::BYTE))?)
    }

    fn charge_product(&mut self, a: &BigInt, b: &BigInt) -> Result<(), RunError> {
        let (a, b) = (a.bits() / 8, b.bits() / 8);
        // Every limb of one meets every limb of the other.
        let limbs = (a / 8).saturating_mul(b / 8);
        Ok(self.gas.charge(limbs.saturating_add((a + b).saturating_mul(cost::BYTE)))?)
    }

    fn ediv(&mut self) -> Result<Next, RunError> {
        let result = match (self.pop()?, self.pop()?) {
            (Value::Int(a), Value::Int(b)) => {
                self.charge_product(&a, &b)?;
                self.charge_bits(a.bits())?;
                (!b.is_zero()).then(|| {
                    let (q, r) = euclidean(&a, &b);
                    Value::pair(Value::int(q), Value::int(r))
                })
            }
            (Value::Mutez(a), Value::Int(n)) => match n.to_u64() {
                Some(0) => None,
                Some(n) => Some(Value::pair(Value::Mutez(Mutez(a.0 / n)), Value::Mutez(Mutez(a.0 % n)))),
                // More than there can be mutez.
                None => Some(Value::pair(Value::Mutez(Mutez::ZERO), Value::Mutez(a))),
            },
            (Value::Mutez(a), Value::Mutez(b)) => {
                (!b.is_zero()).then(|| Value::pair(Value::int(a.0 / b.0), Value::Mutez(Mutez(a.0 % b.0))))
            }
            _ => return Err(self.fault("numbers or mutez")),
        };
        self.push(result.map_or(Value::none(), Value::some))
    }

    fn shift(&mut self, left: bool) -> Result<Next, RunError> {
        match (self.pop()?, self.pop_int()?) {
            (Value::Int(n), by) => {
                let by = by.to_u32().filter(|by| *by <= MAX_SHIFT).ok_or_else(|| self.overflow())?;
                self.charge_bits(n.bits() + u64::from(by))?;
                self.push(Value::int(if left { &*n << by } else { &*n >> by }))
            }
            (Value::Bytes(bytes), by) => self.shift_bytes(&bytes, &by, left),
            _ => Err(self.fault("a number or bytes")),
        }
    }

    fn logic(&mut self, instruction: &I) -> Result<Next, RunError> {
        match (self.pop()?, self.pop()?) {
            (Value::Bool(a), Value::Bool(b)) => self.push(Value::Bool(match instruction {
                I::And => a & b,
                I::Or => a | b,
                _ => a ^ b,
            })),
            (Value::Int(a), Value::Int(b)) => {
                self.charge_bits(a.bits().max(b.bits()))?;
                self.push(Value::int(match instruction {
                    I::And => &*a & &*b,
                    I::Or => &*a | &*b,
                    _ => &*a ^ &*b,
                }))
            }
            (Value::Bytes(a), Value::Bytes(b)) => {
                self.gas.charge(cost::of(a.len().max(b.len()), cost::BYTE))?;
                let combine = match instruction {
                    I::And => |a: u8, b: u8| a & b,
                    I::Or => |a: u8, b: u8| a | b,
                    _ => |a: u8, b: u8| a ^ b,
                };
                // The last bytes meet. AND forgets what only one has, the others keep it.
                let (long, short) = if a.len() >= b.len() { (&a, &b) } else { (&b, &a) };
                let (head, tail) = long.split_at(long.len() - short.len());
                let mut result = if matches!(instruction, I::And) { Vec::new() } else { head.to_vec() };
                result.extend(tail.iter().zip(short.iter()).map(|(a, b)| combine(*a, *b)));
                self.push(Value::Bytes(result.into()))
            }
            _ => Err(self.fault("two bools, numbers or bytes")),
        }
    }
}

/// The quotient whose remainder is not negative.
fn euclidean(a: &BigInt, b: &BigInt) -> (BigInt, BigInt) {
    let (q, r) = a.div_mod_floor(b);
    // With a negative divisor the remainder of the floor is negative.
    if r.is_negative() { (q + 1, r - b) } else { (q, r) }
}
