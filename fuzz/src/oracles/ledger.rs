//! The layer-1 state under whatever clients send.

use crate::generators::{Deed, FIRST_LEVEL, STAKERS, deeds};
use crate::laws;
use soru_base::{BOOTSTRAP_ACCOUNTS, BlockHash, ChainId, Mutez, Profile};
use soru_protocol::ledger::{ApplyError, GenesisAccount};
use soru_protocol::operation::{Action, Operation};
use soru_protocol::receipt::BlockOperation;
use soru_protocol::{BlockBuilder, BlockContext, Constants, Ledger, SignedOperation, Timestamp};

/// Blocks of arbitrary well-formed operations: tez neither appear nor vanish, what is refused changes nothing, a simulation
/// says what the block then does, receipts read back, and blocks can always be ended.
pub fn ledger(bytes: &[u8]) {
    let mut ledger = genesis();
    let total = ledger.supply().expect("a supply").total();
    let mut block = ledger.begin_block(next(&ledger));
    for deed in deeds(bytes) {
        match deed {
            Deed::Blocks(count) => {
                for _ in 0..count {
                    ledger = block.finish().expect("a block can be ended").0;
                    block = ledger.begin_block(next(&ledger));
                }
                assert_eq!(ledger.supply().expect("a supply").total(), total);
            }
            Deed::Operation { account, operation } => apply(&mut block, account, operation),
        }
    }
    let ledger = block.finish().expect("a block can be ended").0;
    assert_eq!(ledger.supply().expect("a supply").total(), total);
}

fn genesis() -> Ledger {
    let mut profile = Profile::alpha();
    profile.rollup.commitment_period_in_blocks = 3;
    profile.rollup.challenge_window_in_blocks = 5;
    profile.rollup.max_lookahead_in_blocks = 12;
    profile.rollup.max_active_outbox_levels = 20;
    let balance = Mutez::from_tez(3_000_000).expect("few enough");
    let account =
        |a: &soru_base::BootstrapAccount| GenesisAccount { pkh: a.pkh(), balance, public_key: Some(a.pk()) };
    let accounts: Vec<_> = BOOTSTRAP_ACCOUNTS.iter().take(STAKERS).map(account).collect();
    Ledger::genesis(Constants::of(profile), &accounts, Timestamp(FIRST_LEVEL)).expect("a genesis")
}

fn next(ledger: &Ledger) -> BlockContext {
    let level = ledger.level().expect("a level").next();
    let seconds = FIRST_LEVEL + 15 * i64::from(level.get());
    BlockContext {
        level,
        timestamp: Timestamp(seconds),
        predecessor: BlockHash([level.get() as u8; 32]),
        predecessor_timestamp: Timestamp(seconds - 15),
        chain_id: ChainId([1; 4]),
        baker: BOOTSTRAP_ACCOUNTS[STAKERS - 1].pkh(),
    }
}

fn apply(block: &mut BlockBuilder, account: usize, mut operation: Operation) {
    super::protocol::say_proofs(&mut operation);
    let sender = &BOOTSTRAP_ACCOUNTS[account];
    let counter = block.ledger().counter(&sender.pkh()).expect("a counter");
    let rollup = block.ledger().rollups().expect("the rollups").last().copied();
    for (content, counter) in operation.contents.iter_mut().zip(counter + 1..) {
        content.source = sender.pkh();
        content.counter = counter;
        let target = match &mut content.action {
            Action::SmartRollupCement { rollup }
            | Action::SmartRollupPublish { rollup, .. }
            | Action::SmartRollupExecuteOutboxMessage { rollup, .. }
            | Action::SmartRollupRecoverBond { rollup, .. } => rollup,
            _ => continue,
        };
        *target = rollup.unwrap_or(*target);
    }
    let signed = SignedOperation::sign(operation, &sender.sk());
    let before = block.ledger().context_hash().expect("a hash");
    let simulated = block.ledger().simulate(*block.context(), &signed.operation);
    match block.apply(&signed) {
        Ok(receipt) => {
            if let Ok(simulated) = simulated {
                assert_eq!(simulated.is_applied(), receipt.is_applied(), "{signed:?}");
            }
            laws::json(&BlockOperation::new(&signed, receipt));
        }
        Err(ApplyError::Refused(refused)) => {
            let _ = refused.to_string();
            assert_eq!(block.ledger().context_hash().expect("a hash"), before, "{refused}");
        }
        Err(ApplyError::Storage(error)) => panic!("the ledger cannot be read: {error}"),
    }
}
