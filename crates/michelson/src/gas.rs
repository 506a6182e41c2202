//! What work costs.
//!
//! The model is simple and Soru's own: it does not give the figures of the network, only its orders of magnitude. All is
//! counted in milligas. An instruction costs 50, whatever grows with data costs in proportion to the data.

use thiserror::Error;

/// A budget of milligas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gas {
    left: u64,
    limit: u64,
}

/// The budget is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("gas exhausted: more than {limit} milligas are needed")]
pub struct GasExhaustedError {
    /// The budget.
    pub limit: u64,
}

impl Gas {
    /// A budget in milligas: a thousand times what operations call their gas limit.
    pub fn new(limit: u64) -> Self {
        Self { left: limit, limit }
    }

    /// A budget that is never used up, for tools.
    pub fn unlimited() -> Self {
        Self::new(u64::MAX)
    }

    /// Spends; what is left after an error is nothing.
    pub fn charge(&mut self, milligas: u64) -> Result<(), GasExhaustedError> {
        match self.left.checked_sub(milligas) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(GasExhaustedError { limit: self.limit })
            }
        }
    }

    /// What was spent, in milligas.
    pub fn used(&self) -> u64 {
        self.limit - self.left
    }

    /// What is left, in milligas.
    pub fn left(&self) -> u64 {
        self.left
    }
}

/// Costs in milligas.
pub(crate) mod cost {
    /// Running an instruction.
    pub(crate) const INSTRUCTION: u64 = 50;
    /// Calling a function, besides: the stack of the caller is kept.
    pub(crate) const CALL: u64 = 1_000;
    /// Typing a node of code or reading a node of data.
    pub(crate) const NODE: u64 = 100;
    /// Typing a node once more for every function around it.
    pub(crate) const TYPED_AGAIN: u64 = 2_000;
    /// Writing a node of data, which takes room.
    pub(crate) const WRITTEN_NODE: u64 = 400;
    /// Reading a packed byte, which can become a node.
    pub(crate) const UNPACKED_BYTE: u64 = 60;
    /// Touching a byte: copying, comparing, printing.
    pub(crate) const BYTE: u64 = 10;
    /// An element of a collection that is walked through or copied.
    pub(crate) const ELEMENT: u64 = 40;
    /// Hashing a byte.
    pub(crate) const HASHED_BYTE: u64 = 4;
    /// Any hash, before its bytes.
    pub(crate) const HASH: u64 = 500;
    /// Checking a signature.
    pub(crate) const SIGNATURE: u64 = 70_000;
    /// Writing into the storage of the chain.
    pub(crate) const WRITE: u64 = 200_000;
    /// Making, copying or removing a big map, or changing a binding.
    pub(crate) const BIG_MAP_CHANGE: u64 = 50_000;
    /// An operation that a script asks for, which gets a receipt even if it is only skipped.
    pub(crate) const OPERATION: u64 = 20_000;
    /// Moving a value on the stack.
    pub(crate) const MOVED: u64 = 1;
    /// Reading a key or a signature, which may be a point of a curve.
    pub(crate) const KEY: u64 = 20_000;
    /// Reading a point of G1: whether it is in the group.
    pub(crate) const G1_POINT: u64 = 55_000;
    /// Reading a point of G2.
    pub(crate) const G2_POINT: u64 = 70_000;
    /// Adding two points of G1.
    pub(crate) const G1_SUM: u64 = 1_000;
    /// Adding two points of G2.
    pub(crate) const G2_SUM: u64 = 2_500;
    /// A point of G1, so many times.
    pub(crate) const G1_PRODUCT: u64 = 105_000;
    /// A point of G2, so many times.
    pub(crate) const G2_PRODUCT: u64 = 220_000;
    /// Any check of pairings, before its pairings.
    pub(crate) const PAIRINGS: u64 = 450_000;
    /// A pairing.
    pub(crate) const PAIRING: u64 = 345_000;
    /// Opening a chest.
    pub(crate) const CHEST: u64 = 10_000_000;
    /// Every bit of the power in the key of a chest.
    pub(crate) const CHEST_POWER_BIT: u64 = 8_000;
    /// Reading from the storage of the chain.
    pub(crate) const READ: u64 = 100_000;

    /// `n` times `each`, without overflow.
    pub(crate) fn of(n: usize, each: u64) -> u64 {
        (n as u64).saturating_mul(each)
    }
}
