//! A little chain to try the rules on.

use crate::block::Timestamp;
use crate::commitment::Commitment;
use crate::ledger::rollups::Examiner;
use crate::ledger::{
    ApplyError, BlockBuilder, BlockContext, BlockMetadata, Constants, GenesisAccount, Ledger, ProtocolError,
};
use crate::operation::{Action, Content, Operation, PvmKind, SignedOperation};
use crate::receipt::{Effect, OperationReceipt, OperationResult, Success};
use soru_base::{
    BOOTSTRAP_ACCOUNTS, BlockHash, BootstrapAccount, ChainId, CommitmentHash, Contract, Level, Mutez,
    Profile, PublicKeyHash, RollupAddress, SecretKey, StateHash, TickSpan,
};
use soru_michelson::{Micheline, Prim};

pub(super) struct Chain {
    pub(super) ledger: Ledger,
    pub(super) examine: Examiner,
}

/// Three million tez each, keys revealed.
pub(super) fn constants() -> Constants {
    let mut profile = Profile::alpha();
    profile.rollup.commitment_period_in_blocks = 3;
    profile.rollup.challenge_window_in_blocks = 5;
    profile.rollup.max_lookahead_in_blocks = 12;
    profile.rollup.max_active_outbox_levels = 20;
    Constants::of(profile)
}

pub(super) fn account(i: usize) -> &'static BootstrapAccount {
    &BOOTSTRAP_ACCOUNTS[i - 1]
}

pub(super) fn pkh(i: usize) -> PublicKeyHash {
    account(i).pkh()
}

pub(super) fn stranger(seed: u8) -> SecretKey {
    SecretKey::from_seed(soru_base::Curve::Ed25519, &[seed; 32]).unwrap()
}

impl Chain {
    pub(super) fn new() -> Self {
        Self::with(constants())
    }

    pub(super) fn with(constants: Constants) -> Self {
        let accounts: Vec<_> = BOOTSTRAP_ACCOUNTS
            .iter()
            .map(|a| GenesisAccount {
                pkh: a.pkh(),
                balance: Mutez::from_tez(3_000_000).unwrap(),
                public_key: Some(a.pk()),
            })
            .collect();
        let ledger = Ledger::genesis(constants, &accounts, Timestamp(1_000)).unwrap();
        Self { ledger, examine: crate::refutation::examine }
    }

    pub(super) fn level(&self) -> Level {
        self.ledger.level().unwrap()
    }

    pub(super) fn context(&self) -> BlockContext {
        let level = self.level().next();
        BlockContext {
            level,
            timestamp: Timestamp(1_000 + 15 * i64::from(level.get())),
            predecessor: BlockHash([level.get() as u8; 32]),
            predecessor_timestamp: Timestamp(985 + 15 * i64::from(level.get())),
            chain_id: ChainId([1; 4]),
            baker: pkh(5),
        }
    }

    pub(super) fn begin(&self) -> BlockBuilder {
        let mut builder = self.ledger.begin_block(self.context());
        builder.state.examine = self.examine;
        builder
    }

    pub(super) fn finish(&mut self, builder: BlockBuilder) -> BlockMetadata {
        let (ledger, metadata) = builder.finish().unwrap();
        self.ledger = ledger;
        metadata
    }

    /// Empty blocks up to that level.
    pub(super) fn bake_to(&mut self, level: u32) {
        while self.level().get() < level {
            let builder = self.begin();
            self.finish(builder);
        }
    }

    pub(super) fn content(&self, source: PublicKeyHash, action: Action) -> Content {
        Content {
            source,
            fee: Mutez(1_000),
            counter: self.ledger.counter(&source).unwrap() + 1,
            gas_limit: 100_000,
            storage_limit: 60_000,
            action,
        }
    }

    pub(super) fn operation(&self, source: PublicKeyHash, actions: Vec<Action>) -> Operation {
        let mut contents: Vec<_> = actions.into_iter().map(|a| self.content(source, a)).collect();
        for (i, content) in contents.iter_mut().enumerate() {
            content.counter += i as u64;
        }
        Operation { branch: BlockHash([9; 32]), contents }
    }

    pub(super) fn sign(&self, i: usize, actions: Vec<Action>) -> SignedOperation {
        SignedOperation::sign(self.operation(pkh(i), actions), &account(i).sk())
    }

    /// A block with one operation of bootstrap account `i`.
    pub(super) fn run(&mut self, i: usize, actions: Vec<Action>) -> OperationReceipt {
        let operation = self.sign(i, actions);
        self.run_signed(&operation).unwrap()
    }

    pub(super) fn run_signed(&mut self, operation: &SignedOperation) -> Result<OperationReceipt, ApplyError> {
        let mut builder = self.begin();
        let receipt = builder.apply(operation)?;
        self.finish(builder);
        Ok(receipt)
    }

    /// What one action did, which must succeed.
    pub(super) fn done(&mut self, i: usize, action: Action) -> Success {
        let receipt = self.run(i, vec![action]);
        match &receipt.contents[0].result {
            OperationResult::Applied(success) => success.clone(),
            other => panic!("not applied: {other:?} {:?}", receipt.contents[0].internal),
        }
    }

    /// The ids of the errors of one action, which must fail.
    pub(super) fn fails(&mut self, i: usize, action: Action) -> Vec<String> {
        let receipt = self.run(i, vec![action]);
        assert!(!receipt.is_applied(), "{receipt:?}");
        receipt.errors().iter().map(|e| e.id().trim_start_matches("proto.alpha.").to_owned()).collect()
    }

    pub(super) fn balance(&self, contract: impl Into<Contract>) -> u64 {
        self.ledger.balance(&contract.into()).unwrap().unwrap_or_default().0
    }

    /// Originates a rollup of type bytes.
    pub(super) fn originate(&mut self) -> RollupAddress {
        match self.done(1, originate()).effect {
            Effect::RollupOrigination { address, .. } => address,
            other => panic!("{other:?}"),
        }
    }

    /// A commitment on `predecessor`, which must be known.
    pub(super) fn on(&self, rollup: &RollupAddress, predecessor: CommitmentHash, state: u8) -> Commitment {
        let before = self.ledger.commitment(rollup, &predecessor).unwrap().unwrap();
        Commitment {
            compressed_state: StateHash([state; 32]),
            inbox_level: before
                .inbox_level
                .plus(soru_base::LevelSpan(self.ledger.constants().rollup().commitment_period_in_blocks)),
            predecessor,
            number_of_ticks: TickSpan(11_000_000_000),
        }
    }

    pub(super) fn lcc(&self, rollup: &RollupAddress) -> CommitmentHash {
        self.ledger.last_cemented_commitment(rollup).unwrap().unwrap().0
    }
}

pub(super) fn originate() -> Action {
    Action::SmartRollupOriginate {
        pvm_kind: PvmKind::Wasm2_0_0,
        kernel: b"\0asm\x01\0\0\0".to_vec(),
        parameters_ty: Micheline::atom(Prim::bytes),
        whitelist: None,
    }
}

pub(super) fn publish(rollup: RollupAddress, commitment: Commitment) -> Action {
    Action::SmartRollupPublish { rollup, commitment }
}

pub(super) fn cement(rollup: RollupAddress) -> Action {
    Action::SmartRollupCement { rollup }
}

pub(super) fn recover(rollup: RollupAddress, i: usize) -> Action {
    Action::SmartRollupRecoverBond { rollup, staker: pkh(i) }
}

pub(super) fn transfer(to: impl Into<soru_base::Address>, mutez: u64) -> Action {
    Action::Transaction { amount: Mutez(mutez), destination: to.into(), parameters: None }
}

pub(super) fn add_messages(messages: &[&[u8]]) -> Action {
    Action::SmartRollupAddMessages { messages: messages.iter().map(|m| m.to_vec()).collect() }
}

/// The error that an operation is refused with.
pub(super) fn refusal(result: Result<OperationReceipt, ApplyError>) -> ProtocolError {
    match result {
        Err(ApplyError::Refused(refused)) => refused.trace.first().unwrap().clone(),
        other => panic!("not refused: {other:?}"),
    }
}
