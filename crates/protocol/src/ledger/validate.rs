//! What must hold for an operation to be in a block at all.

use super::Ledger;
use super::block::{BlockBuilder, Checks};
use super::error::{Outcome, ProtocolError};
use super::gas::CONTENT;
use crate::operation::{Action, Content, MAX_OPERATION_SIZE, Operation, RevealProof, SignedOperation};
use crate::receipt::{BalanceAccount, BalanceUpdate};
use soru_base::{Binary, Contract, Curve, PublicKey, PublicKeyHash};

impl BlockBuilder {
    /// Checks an operation; its source if it can be applied. Cheap checks come first.
    pub(super) fn validate(&self, signed: &SignedOperation, checks: Checks) -> Outcome<PublicKeyHash> {
        let contents = &signed.operation.contents;
        let Some(first) = contents.first() else {
            return Err(
                ProtocolError::ContentsList { message: "an operation without contents".to_owned() }.into()
            );
        };
        let (size, max) = (signed.to_bytes().len() as u64, MAX_OPERATION_SIZE as u64);
        if size > max {
            return Err(ProtocolError::Oversized { size, max }.into());
        }
        check_shape(contents, first)?;
        self.check_limits(contents, checks)?;
        let source = first.source;
        if self.state.ledger.constants().one_operation_per_manager && self.managers.contains(&source) {
            return Err(ProtocolError::ManagerRestriction { source_account: source }.into());
        }
        self.state.ledger.check_source(&source, first.counter)?;
        let key = self.state.ledger.signing_key(&source, first)?;
        if checks == Checks::All && !signed.is_signed_by(&key) {
            return Err(ProtocolError::InvalidSignature.into());
        }
        self.state.ledger.check_fees(&source, contents)?;
        Ok(source)
    }

    fn check_limits(&self, contents: &[Content], checks: Checks) -> Outcome<()> {
        let constants = self.state.ledger.constants();
        let mut asked = 0u64;
        for content in contents {
            if content.gas_limit > constants.hard_gas_limit_per_operation {
                return Err(ProtocolError::GasLimitTooHigh.into());
            }
            if content.storage_limit > constants.hard_storage_limit_per_operation {
                return Err(ProtocolError::StorageLimitTooHigh.into());
            }
            if content.gas_limit.saturating_mul(1_000) < CONTENT {
                return Err(ProtocolError::InsufficientGasForManager.into());
            }
            asked = asked.saturating_add(content.gas_limit);
        }
        // Who simulates asks for all the gas there is, for every content.
        if checks == Checks::NoSignature {
            return Ok(());
        }
        if asked > constants.hard_gas_limit_per_block {
            return Err(ProtocolError::GasLimitTooHigh.into());
        }
        if asked > self.gas_left {
            return Err(ProtocolError::GasExhaustedBlock.into());
        }
        Ok(())
    }
}

fn check_shape(contents: &[Content], first: &Content) -> Outcome<()> {
    let mut previous = first.counter;
    for (i, content) in contents.iter().enumerate() {
        if content.source != first.source {
            return Err(ProtocolError::InconsistentSources {
                first: first.source,
                unexpected: content.source,
            }
            .into());
        }
        if i > 0 && previous.checked_add(1) != Some(content.counter) {
            let counter = content.counter;
            return Err(ProtocolError::InconsistentCounters {
                source_account: first.source,
                previous,
                counter,
            }
            .into());
        }
        previous = content.counter;
        match &content.action {
            Action::Reveal { .. } if i > 0 => return Err(ProtocolError::IncorrectRevealPosition.into()),
            Action::Reveal { public_key, proof } => check_proof(public_key, proof)?,
            Action::RegisterGlobalConstant { .. } | Action::Delegation { .. } => {
                let what = format!("the operation {}", content.action.kind());
                return Err(ProtocolError::Unsupported { what }.into());
            }
            Action::Origination { delegate: Some(_), .. } => {
                let what = "an origination with a delegate".to_owned();
                return Err(ProtocolError::Unsupported { what }.into());
            }
            _ => {}
        }
    }
    Ok(())
}

/// A BLS key comes with a signature of itself, so that nobody can reveal one made of others' keys.
fn check_proof(key: &PublicKey, proof: &RevealProof) -> Outcome<()> {
    let public_key = *key;
    let proof = match (key.curve() == Curve::Bls, proof) {
        (false, RevealProof::Some(_)) => return Err(ProtocolError::UnusedBlsProof { public_key }.into()),
        (false, RevealProof::None | RevealProof::LeftOut) => return Ok(()),
        (true, RevealProof::None | RevealProof::LeftOut) => {
            return Err(ProtocolError::MissingBlsProof { public_key }.into());
        }
        (true, RevealProof::Some(proof)) => proof,
    };
    match key.verify_possession(proof) {
        true => Ok(()),
        false => Err(ProtocolError::IncorrectBlsProof { public_key }.into()),
    }
}

impl Ledger {
    fn check_source(&self, source: &PublicKeyHash, found: u64) -> Outcome<()> {
        let contract = Contract::from(*source);
        if !self.exists(&contract)? {
            return Err(ProtocolError::EmptyImplicitContract { implicit: *source }.into());
        }
        let expected = self.counter(source)?.saturating_add(1);
        match found.cmp(&expected) {
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Less => {
                Err(ProtocolError::CounterInThePast { contract, expected, found }.into())
            }
            std::cmp::Ordering::Greater => {
                Err(ProtocolError::CounterInTheFuture { contract, expected, found }.into())
            }
        }
    }

    /// The key that must have signed: the known one, or the one that the operation reveals.
    fn signing_key(&self, source: &PublicKeyHash, first: &Content) -> Outcome<PublicKey> {
        if let Action::Reveal { public_key, .. } = &first.action {
            let provided_hash = public_key.hash();
            if provided_hash != *source {
                return Err(ProtocolError::InconsistentHash {
                    public_key: *public_key,
                    expected_hash: *source,
                    provided_hash,
                }
                .into());
            }
            return Ok(*public_key);
        }
        self.manager_key(source)?
            .ok_or_else(|| ProtocolError::UnrevealedKey { contract: Contract::from(*source) }.into())
    }

    fn check_fees(&self, source: &PublicKeyHash, contents: &[Content]) -> Outcome<()> {
        let contract = Contract::from(*source);
        let mut balance = self.balance(&contract)?.unwrap_or_default();
        for content in contents {
            balance = balance.checked_sub(content.fee).ok_or(ProtocolError::BalanceTooLow {
                contract,
                balance,
                amount: content.fee,
            })?;
        }
        Ok(())
    }

    /// Takes the fees of all contents and moves the counter on; the updates of each content.
    pub(super) fn take_fees(&mut self, operation: &Operation) -> Outcome<Vec<Vec<BalanceUpdate>>> {
        let mut all = Vec::with_capacity(operation.contents.len());
        for content in &operation.contents {
            let contract = Contract::from(content.source);
            self.increment_counter(&content.source)?;
            self.debit(&contract, content.fee)?;
            all.push(match content.fee.is_zero() {
                true => Vec::new(),
                false => super::accounts::updates(
                    BalanceAccount::Contract(contract),
                    BalanceAccount::BlockFees,
                    content.fee,
                ),
            });
        }
        Ok(all)
    }
}
