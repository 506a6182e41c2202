//! Fees: what bakers of the network ask for by default.

use soru_base::{Binary, Mutez};
use soru_protocol::Operation;

/// What bakers ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeRates {
    /// Mutez for each content.
    pub minimal: u64,
    /// Thousandths of a mutez for a unit of gas.
    pub nanotez_per_gas: u64,
    /// Thousandths of a mutez for a byte.
    pub nanotez_per_byte: u64,
}

impl Default for FeeRates {
    fn default() -> Self {
        Self { minimal: 100, nanotez_per_gas: 100, nanotez_per_byte: 1_000 }
    }
}

/// What is added to the results of a simulation, because the chain moves on until the operation is included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Margins {
    /// Units of gas added to each content.
    pub gas: u64,
    /// Bytes of storage added to each content that needs some.
    pub storage: u64,
}

impl Default for Margins {
    fn default() -> Self {
        Self { gas: 100, storage: 20 }
    }
}

impl FeeRates {
    /// Fills the fees of the contents whose gas limits are known, but for those that are `fixed`. `signature_size` is
    /// that of the signature that will be added.
    pub(crate) fn fill(&self, operation: &mut Operation, signature_size: usize, fixed: &[Option<Mutez>]) {
        let branch_size = operation.branch.as_bytes().len();
        for (i, content) in operation.contents.iter_mut().enumerate() {
            if let Some(Some(fee)) = fixed.get(i) {
                content.fee = *fee;
                continue;
            }
            let shared = if i == 0 { branch_size + signature_size } else { 0 };
            content.fee = Mutez::ZERO;
            // A higher fee may take a byte more, which costs more: it settles at once.
            loop {
                let size = (content.to_bytes().len() + shared) as u64;
                let fee = self.fee(content.gas_limit, size);
                if fee <= content.fee {
                    break;
                }
                content.fee = fee;
            }
        }
    }

    /// What bakers ask for an operation with so much gas and so many bytes.
    pub fn fee(&self, gas: u64, size: u64) -> Mutez {
        let nanotez = gas
            .saturating_mul(self.nanotez_per_gas)
            .saturating_add(size.saturating_mul(self.nanotez_per_byte));
        Mutez(self.minimal.saturating_add(nanotez.div_ceil(1_000))).min(Mutez::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use soru_base::{BlockHash, BootstrapAccount, RollupAddress};
    use soru_protocol::operation::{Action, Content};

    fn operation(gas: &[u64], counter: u64) -> Operation {
        let source = BootstrapAccount::named("bootstrap1").unwrap().pkh();
        let content = |gas_limit: &u64| Content {
            source,
            fee: Mutez::ZERO,
            counter,
            gas_limit: *gas_limit,
            storage_limit: 0,
            action: Action::SmartRollupCement { rollup: RollupAddress::ZERO },
        };
        Operation { branch: BlockHash::ZERO, contents: gas.iter().map(content).collect() }
    }

    proptest! {
        #[test]
        fn the_whole_operation_pays_what_bakers_ask(gas in prop::collection::vec(0u64..2_000_000, 1..5), counter: u64) {
            let mut operation = operation(&gas, counter);
            let rates = FeeRates::default();
            rates.fill(&mut operation, 64, &[]);
            let paid: u64 = operation.contents.iter().map(|c| c.fee.0).sum();
            let size = operation.forge().len() as u64 + 64;
            let asked = 100 + size + gas.iter().sum::<u64>().div_ceil(10);
            prop_assert!(paid >= asked, "{} paid, {} asked", paid, asked);
            // One mutez of rounding and the minimum for each content.
            prop_assert!(paid <= asked + 102 * gas.len() as u64);
        }
    }

    #[test]
    fn a_fee_that_is_given_is_taken() {
        let mut operation = operation(&[1_000, 2_000], 1);
        FeeRates::default().fill(&mut operation, 64, &[None, Some(Mutez(7))]);
        assert_eq!(operation.contents[1].fee, Mutez(7));
        assert!(operation.contents[0].fee > Mutez(7));
    }
}
