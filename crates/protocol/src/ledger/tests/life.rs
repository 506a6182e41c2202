//! The life of a rollup: originated, fed, committed to, cemented, its outbox executed.

use super::contracts::{call, with_contract};
use super::harness::{Chain, account, add_messages, cement, originate, pkh, publish, recover, transfer};
use crate::inbox::{InboxMessage, LevelInbox, ProtocolMessages, SerializedMessage};
use crate::operation::{Action, Script, SignedOperation};
use crate::outbox::{OutboxMessage, OutboxTransaction, TypedOutboxTransaction};
use crate::receipt::{Effect, InternalAction, OperationReceipt, OperationResult};
use soru_base::{
    Address, Binary, CommitmentHash, Contract, ContractHash, Entrypoint, Level, Mutez, RollupAddress,
    StateHash,
};
use soru_merkle::Tree;
use soru_michelson::{Micheline, Prim};
use soru_pvm::host::{HostFunction, HostState, HostValue};
use soru_pvm::outbox::OutputProof;
use soru_pvm::reveal::{RevealError, RevealSource};
use soru_pvm::run::{Kernel, Outcome, Runner, RunnerError};
use soru_pvm::{Surroundings, eval_level};

/// Instead of an engine: writes what it is told to the outbox, at every level.
struct Writes(Vec<Vec<u8>>);

impl Runner for Writes {
    fn kernel_run(&self, _: &Kernel, host: &mut HostState<'_>) -> Result<Outcome, RunnerError> {
        host.begin_run()?;
        for message in &self.0 {
            let mut memory = message.clone();
            let args = [HostValue::I32(0), HostValue::I32(message.len() as i32)];
            if let Err(trap) = host.call(HostFunction::WriteOutput, &args, &mut &mut memory[..]) {
                return trap.into_outcome();
            }
        }
        Ok(Outcome::Finished)
    }
}

struct NoReveals;

impl RevealSource for NoReveals {
    fn reveal(&mut self, _: &[u8]) -> Result<Vec<u8>, RevealError> {
        unreachable!("the runner reveals nothing")
    }
}

pub(super) struct Life {
    pub(super) chain: Chain,
    pub(super) rollup: RollupAddress,
    pub(super) contract: ContractHash,
    /// The state of the machine after each level, from the origination on.
    pub(super) states: Vec<(Level, Tree)>,
}

fn save(contract: ContractHash, text: &str) -> Vec<u8> {
    OutboxMessage::AtomicTransactionBatch(vec![OutboxTransaction {
        parameters: Micheline::string(text),
        destination: contract,
        entrypoint: Entrypoint::new("save").unwrap(),
    }])
    .to_bytes()
}

impl Life {
    /// A contract at level 1, a rollup at level 2.
    fn new() -> Self {
        let (chain, contract) = with_contract();
        Self::of_type(chain, contract, Micheline::atom(Prim::bytes))
    }

    /// A rollup of a type, originated in the next block.
    pub(super) fn of_type(mut chain: Chain, contract: ContractHash, ty: Micheline) -> Self {
        let mut action = originate();
        let Action::SmartRollupOriginate { kernel, parameters_ty, .. } = &mut action else { panic!() };
        let kernel = kernel.clone();
        *parameters_ty = ty;
        let Effect::RollupOrigination { address: rollup, .. } = chain.done(1, action).effect else {
            panic!()
        };
        let state = chain.ledger.genesis_state(&kernel).unwrap();
        let states = vec![(chain.level(), state)];
        Self { chain, rollup, contract, states }
    }

    /// A block with these messages, which the machine answers with these outbox messages.
    pub(super) fn level(&mut self, messages: &[&[u8]], outbox: Vec<Vec<u8>>) {
        let before = self.chain.ledger.inbox().unwrap();
        if messages.is_empty() {
            self.chain.bake_to(self.chain.level().get() + 1);
        } else {
            self.chain.done(4, add_messages(messages));
        }
        let serialized: Vec<_> =
            messages.iter().map(|m| InboxMessage::External(m.to_vec()).serialize().unwrap()).collect();
        let built = LevelInbox::build(&before, &ProtocolMessages::default(), &serialized).unwrap();
        assert_eq!(built.inbox, self.chain.ledger.inbox().unwrap());
        let bytes: Vec<_> = built.messages.iter().map(SerializedMessage::as_bytes).collect();
        let state = &self.states.last().unwrap().1;
        let mut around = Surroundings { runner: &Writes(outbox), reveals: &mut NoReveals, debug: &mut () };
        let outcome = eval_level(state, built.inbox.level, &bytes, &mut around).unwrap();
        self.states.push((built.inbox.level, outcome.tree));
    }

    pub(super) fn state(&self, level: Level) -> &Tree {
        &self.states.iter().find(|(l, _)| *l == level).unwrap().1
    }

    /// Publishes and cements the state at the end of the first period.
    pub(super) fn cemented(mut self) -> (Self, CommitmentHash, Level) {
        let mut commitment = self.chain.on(&self.rollup, self.chain.lcc(&self.rollup), 0);
        let level = commitment.inbox_level;
        commitment.compressed_state = StateHash::from(self.state(level).hash().unwrap());
        self.chain.done(2, publish(self.rollup, commitment));
        self.chain.bake_to(self.chain.level().get() + 4);
        self.chain.done(3, cement(self.rollup));
        (self, commitment.hash(), level)
    }

    pub(super) fn execute(&self, cemented_commitment: CommitmentHash, proof: &OutputProof) -> Action {
        Action::SmartRollupExecuteOutboxMessage {
            rollup: self.rollup,
            cemented_commitment,
            output_proof: proof.to_bytes(),
        }
    }

    fn storage(&self) -> Micheline {
        self.chain.ledger.contract_storage(&self.contract).unwrap().unwrap()
    }
}

#[test]
fn a_rollup_lives() {
    let mut life = Life::new();
    let (rollup, contract) = (life.rollup, life.contract);
    life.level(&[b"hello"], vec![]);
    life.level(&[], vec![save(contract, "first"), save(contract, "second")]);
    life.level(&[b"a", b"b"], vec![]);
    let outbox_level = life.states[2].0;
    life.level(&[], vec![]);
    let total = life.chain.ledger.supply().unwrap().total();
    let (mut life, commitment, cemented_level) = life.cemented();

    let proof = OutputProof::produce(life.state(cemented_level), outbox_level, 1).unwrap();
    assert_eq!(life.storage(), Micheline::string(""));
    let receipt = life.chain.run(4, vec![life.execute(commitment, &proof)]);
    assert!(receipt.is_applied(), "{receipt:?}");
    let internal = &receipt.contents[0].internal[0];
    assert_eq!(internal.source, Address::from(rollup));
    assert!(
        matches!(&internal.action, InternalAction::Transaction { destination, .. } if *destination == contract.into())
    );
    assert_eq!(life.storage(), Micheline::string("second"));
    assert_eq!(life.chain.ledger.executed_outbox_messages(&rollup, outbox_level).unwrap(), [1]);
    let OperationResult::Applied(success) = &receipt.contents[0].result else { panic!() };
    let Effect::ExecuteOutboxMessage { paid_storage_size_diff: 5, ticket_updates, .. } = &success.effect
    else {
        panic!("{success:?}")
    };
    assert!(ticket_updates.is_empty());

    // Once only; the other message of the level is still there.
    let again = life.execute(commitment, &proof);
    assert_eq!(life.chain.fails(4, again), ["smart_rollup_outbox_message_already_applied"]);
    let first = OutputProof::produce(life.state(cemented_level), outbox_level, 0).unwrap();
    life.chain.done(4, life.execute(commitment, &first));
    assert_eq!(life.storage(), Micheline::string("first"));

    life.chain.done(2, recover(rollup, 2));
    assert_eq!(life.chain.ledger.frozen_bonds(&Contract::from(pkh(2))).unwrap(), Mutez::ZERO);
    assert_eq!(life.chain.ledger.supply().unwrap().total(), total);
}

/// A rollup with one outbox message, cemented; the proof of it.
pub(super) fn with_message(message: impl FnOnce(&Life) -> Vec<u8>) -> (Life, CommitmentHash, OutputProof) {
    with_message_of(Life::new(), message)
}

/// The same with a rollup that was made before.
pub(super) fn with_message_of(
    mut life: Life,
    message: impl FnOnce(&Life) -> Vec<u8>,
) -> (Life, CommitmentHash, OutputProof) {
    let message = message(&life);
    life.level(&[], vec![message]);
    let level = life.chain.level();
    let first = life.states[0].0.get();
    while life.chain.level().get() < first + 4 {
        life.level(&[], vec![]);
    }
    let (life, commitment, cemented_level) = life.cemented();
    let proof = OutputProof::produce(life.state(cemented_level), level, 0).unwrap();
    (life, commitment, proof)
}

#[test]
fn what_proves_nothing_is_refused() {
    let (mut life, commitment, proof) = with_message(|life| save(life.contract, "x"));
    let genesis = life.chain.ledger.rollup_genesis_info(&life.rollup).unwrap().unwrap().commitment_hash;
    for (cemented, id) in [
        (CommitmentHash([5; 32]), "smart_rollup_invalid_last_cemented_commitment"),
        // Cemented, but of another state.
        (genesis, "smart_rollup_invalid_output_proof"),
    ] {
        let action = life.execute(cemented, &proof);
        assert_eq!(life.chain.fails(4, action), [id]);
    }
    let mut other = proof.clone();
    other.output.message = save(life.contract, "y").into();
    let mut missing = proof.clone();
    missing.output.index = 1;
    let mut elsewhere = proof.clone();
    elsewhere.output.level = elsewhere.output.level.next();
    for proof in [other, missing, elsewhere] {
        let action = life.execute(commitment, &proof);
        assert_eq!(life.chain.fails(4, action), ["smart_rollup_invalid_output_proof"]);
    }
    let bytes = proof.to_bytes();
    for at in (0..bytes.len()).step_by(37) {
        let mut output_proof = bytes.clone();
        output_proof[at] ^= 1;
        let action = Action::SmartRollupExecuteOutboxMessage {
            rollup: life.rollup,
            cemented_commitment: commitment,
            output_proof,
        };
        assert!(!life.chain.fails(4, action).is_empty());
    }
    let action = Action::SmartRollupExecuteOutboxMessage {
        rollup: RollupAddress::ZERO,
        cemented_commitment: commitment,
        output_proof: bytes,
    };
    assert_eq!(life.chain.fails(4, action), ["smart_rollup_does_not_exist"]);
    assert_eq!(life.storage(), Micheline::string(""));
}

#[test]
fn a_message_that_cannot_be_executed_is_left_to_be_tried_again() {
    let message = |change: &dyn Fn(&mut OutboxTransaction)| {
        let (mut life, commitment, proof) = with_message(|life| {
            let OutboxMessage::AtomicTransactionBatch(mut batch) =
                OutboxMessage::from_bytes(&save(life.contract, "x")).unwrap()
            else {
                panic!()
            };
            let mut bad = batch[0].clone();
            change(&mut bad);
            batch.push(bad);
            OutboxMessage::AtomicTransactionBatch(batch).to_bytes()
        });
        let action = life.execute(commitment, &proof);
        let errors = life.chain.fails(4, action);
        // All or none: the good call of the batch is undone.
        assert_eq!(life.storage(), Micheline::string(""));
        let level = proof.output.level;
        assert!(life.chain.ledger.executed_outbox_messages(&life.rollup, level).unwrap().is_empty());
        errors
    };
    let save = |name: &str| Entrypoint::new(name).unwrap();
    let nobody = message(&|t| t.destination = ContractHash([9; 20]));
    assert_eq!(nobody, ["smart_rollup_management_protocol_invalid_destination"]);
    assert_eq!(message(&|t| t.entrypoint = save("nowhere")), ["michelson_v1.no_such_entrypoint"]);
    assert_eq!(message(&|t| t.parameters = Micheline::int(5)), ["michelson_v1.ill_typed_data"]);
    let failing = message(&|t| {
        t.entrypoint = save("forward");
        let nobody = Micheline::bytes(Address::from(RollupAddress::ZERO).to_bytes());
        t.parameters = Micheline::prim(Prim::Pair, [nobody, Micheline::bytes([1])]);
    });
    assert_eq!(failing, ["michelson_v1.runtime_error", "michelson_v1.script_rejected"]);
}

#[test]
fn kinds_of_messages() {
    let run = |message: &dyn Fn(&Life) -> OutboxMessage| -> OperationReceipt {
        let (mut life, commitment, proof) = with_message(|life| message(life).to_bytes());
        let action = life.execute(commitment, &proof);
        life.chain.run(4, vec![action])
    };
    let typed = |life: &Life, ty| {
        OutboxMessage::AtomicTransactionBatchTyped(vec![TypedOutboxTransaction {
            parameters: Micheline::string("typed"),
            parameters_ty: Micheline::atom(ty),
            destination: life.contract,
            entrypoint: Entrypoint::new("save").unwrap(),
        }])
    };
    assert!(run(&|life| typed(life, Prim::string)).is_applied());
    let wrong = run(&|life| typed(life, Prim::bytes));
    assert_eq!(wrong.errors()[0].id(), "proto.alpha.michelson_v1.ill_typed_data");
    let whitelist = run(&|_| OutboxMessage::WhitelistUpdate(None));
    assert_eq!(whitelist.errors()[0].id(), "proto.alpha.smart_rollup_whitelist_disabled");
    assert!(run(&|_| OutboxMessage::CanonicalRollupSignal(b"s".to_vec())).is_applied());
    assert!(run(&|_| OutboxMessage::AtomicTransactionBatch(vec![])).is_applied());
    let (mut life, commitment, proof) = with_message(|_| b"\xffno message".to_vec());
    let action = life.execute(commitment, &proof);
    assert_eq!(
        life.chain.fails(4, action),
        ["smart_rollup_outbox_message_repr.error_decoding_outbox_message"]
    );
}

#[test]
fn messages_grow_too_old_to_be_executed() {
    let (mut life, mut commitment, proof) = with_message(|life| save(life.contract, "x"));
    let level = proof.output.level.get();
    // Further commitments move the last cemented level on: 20 levels are active.
    while life.chain.ledger.last_cemented_commitment(&life.rollup).unwrap().unwrap().1.get() < level + 20 {
        let next = life.chain.on(&life.rollup, commitment, 7);
        life.chain.bake_to(next.inbox_level.get());
        life.chain.done(2, publish(life.rollup, next));
        life.chain.bake_to(life.chain.level().get() + 4);
        life.chain.done(3, cement(life.rollup));
        commitment = next.hash();
    }
    // The commitment with the message is gone, too, so that the rule of levels is asked alone.
    let mut gas = crate::ledger::gas::Meter::new(1_000_000);
    let taken = life.chain.ledger.read_outbox_message(&life.rollup, &commitment, &proof.to_bytes(), &mut gas);
    assert!(taken.is_err());
    assert!(
        life.chain.ledger.check_outbox_level(proof.output.level, Level::new(level + 19).unwrap()).is_ok()
    );
    assert!(
        life.chain.ledger.check_outbox_level(proof.output.level, Level::new(level + 20).unwrap()).is_err()
    );
    assert!(
        life.chain.ledger.check_outbox_level(proof.output.level, Level::new(level - 1).unwrap()).is_err()
    );
}

#[test]
fn a_contract_s_transfer_reaches_the_inbox() {
    let mut life = Life::new();
    let before = life.chain.ledger.inbox().unwrap();
    let forward = |to: Address, bytes: &[u8]| {
        let address = Micheline::string(to.in_family(soru_base::IdFamily::Alpha));
        call(life.contract, "forward", Micheline::prim(Prim::Pair, [address, Micheline::bytes(bytes)]))
    };
    let action = forward(life.rollup.into(), b"payload");
    let too_large = forward(life.rollup.into(), &[0; 4_096]);
    let receipt = life.chain.run(3, vec![action]);
    assert!(receipt.is_applied(), "{receipt:?}");
    let OperationResult::Applied(success) = &receipt.contents[0].internal[0].result else { panic!() };
    assert_eq!(success.effect, Effect::ToRollup { ticket_updates: Vec::new() });
    let message = crate::inbox::InternalMessage::Transfer {
        payload: Micheline::bytes(*b"payload"),
        sender: life.contract,
        source: pkh(3),
        destination: life.rollup,
    };
    let expected =
        LevelInbox::build(&before, &ProtocolMessages::default(), &[message.serialize().unwrap()]).unwrap();
    assert_eq!(life.chain.ledger.inbox().unwrap(), expected.inbox);
    assert_eq!(life.chain.fails(3, too_large), ["smart_rollup_inbox_message_encoding"]);
}

#[test]
fn a_simulated_execution_tells_its_gas() {
    let (life, commitment, proof) = with_message(|life| save(life.contract, "x"));
    let operation = life.chain.operation(pkh(4), vec![life.execute(commitment, &proof), transfer(pkh(1), 1)]);
    let simulated = life.chain.ledger.simulate(life.chain.context(), &operation).unwrap();
    let mut chain = life.chain;
    let applied = chain.run_signed(&SignedOperation::sign(operation, &account(4).sk())).unwrap();
    assert_eq!(simulated, applied);
    assert!(applied.consumed_milligas() > 5_000_000);
}

#[test]
fn an_older_cemented_commitment_will_do_as_long_as_it_is_kept() {
    let (mut life, commitment, proof) = with_message(|life| save(life.contract, "late"));
    let next = life.chain.on(&life.rollup, commitment, 7);
    life.chain.bake_to(next.inbox_level.get());
    life.chain.done(2, publish(life.rollup, next));
    life.chain.bake_to(life.chain.level().get() + 4);
    life.chain.done(3, cement(life.rollup));
    assert_ne!(life.chain.lcc(&life.rollup), commitment);
    life.chain.done(4, life.execute(commitment, &proof));
    assert_eq!(life.storage(), Micheline::string("late"));
}

#[test]
fn a_transfer_to_a_rollup_brings_no_tez_and_a_fitting_payload() {
    let mut life = Life::new();
    let code = "parameter address; storage unit;
                code { CAR ; CONTRACT bytes ; IF_NONE { PUSH string \"none\" ; FAILWITH } {} ;
                       AMOUNT ; PUSH bytes 0x00 ; TRANSFER_TOKENS ;
                       UNIT ; NIL operation ; DIG 2 ; CONS ; PAIR }";
    let script = Script { code: Micheline::parse_script(code).unwrap(), storage: Micheline::unit() };
    let action = Action::Origination { balance: Mutez::ZERO, delegate: None, script };
    let Effect::Origination { originated_contracts, .. } = life.chain.done(1, action).effect else {
        panic!()
    };
    let rollup = Micheline::string(life.rollup.in_family(soru_base::IdFamily::Alpha));
    let mut action = call(originated_contracts[0], "default", rollup);
    assert!(life.chain.run(1, vec![action.clone()]).is_applied());
    let Action::Transaction { amount, .. } = &mut action else { panic!() };
    *amount = Mutez(1);
    let before = life.chain.balance(pkh(1));
    let inbox = life.chain.ledger.inbox().unwrap();
    assert_eq!(
        life.chain.fails(1, action),
        ["michelson_v1.runtime_error", "operation.rollup_invalid_transaction_amount"]
    );
    assert_eq!(life.chain.balance(pkh(1)), before - 1_000);
    let empty = LevelInbox::build(&inbox, &ProtocolMessages::default(), &[]).unwrap();
    assert_eq!(life.chain.ledger.inbox().unwrap(), empty.inbox);
}
