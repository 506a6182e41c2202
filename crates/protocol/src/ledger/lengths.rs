//! How many messages the levels of the inbox have.
//!
//! No hash of the inbox holds these numbers, and a proof goes by them: see [`InboxProof`](crate::inbox::InboxProof). So
//! they are kept here, and compared.

use super::Ledger;
use super::error::StorageError;
use super::store::{Number, at};
use crate::refutation::RefutationProof;
use soru_base::{Binary, Level};

const LAST_COUNTERS: &str = "last_counters";

impl Ledger {
    /// Keeps the counter of a level's last message.
    pub(super) fn keep_last_counter(&mut self, level: Level, counter: u64) -> Result<(), StorageError> {
        self.store.set_number(at![LAST_COUNTERS, level.to_bytes()], counter)
    }

    /// Whether a proof says of a level that it has another number of messages than it has.
    pub(super) fn claims_another_length(&self, proof: &RefutationProof) -> Result<bool, StorageError> {
        let Some((level, claimed)) = proof.claimed_last() else { return Ok(false) };
        let known: Option<Number> = self.store.get(at![LAST_COUNTERS, level.to_bytes()])?;
        // States of older versions have none for their levels.
        Ok(known.is_some_and(|last| last != Number(claimed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Timestamp;
    use crate::inbox::{
        HistoryCell, InboxMessage, InboxProof, InboxSource, LevelInbox, NotKeptError, SerializedMessage,
    };
    use crate::ledger::{BlockContext, Constants};
    use crate::refutation::InputProof;
    use soru_base::{BOOTSTRAP_ACCOUNTS, BlockHash, ChainId, Profile};

    struct Levels(Vec<LevelInbox>);

    impl InboxSource for Levels {
        fn cell(&self, level: Level) -> Result<HistoryCell, NotKeptError> {
            Ok(self.0[level.get() as usize].inbox.old_levels_messages.clone())
        }

        fn messages(&self, level: Level) -> Result<Vec<SerializedMessage>, NotKeptError> {
            Ok(self.0[level.get() as usize].messages.clone())
        }
    }

    fn chain(messages: &[u8]) -> (Ledger, Levels) {
        let mut ledger = Ledger::genesis(Constants::of(Profile::mainnet()), &[], Timestamp(0)).unwrap();
        let predecessor = BlockHash([3; 32]);
        let protocol = ledger.protocol_messages(Level::GENESIS, Timestamp(0), BlockHash::ZERO);
        let mut levels = vec![LevelInbox::genesis(Level::GENESIS, &protocol)];
        for (level, messages) in (1..).zip(messages) {
            let level = Level::new(level).unwrap();
            let mut block = ledger.begin_block(BlockContext {
                level,
                timestamp: Timestamp(9),
                predecessor,
                predecessor_timestamp: Timestamp(8),
                chain_id: ChainId([1; 4]),
                baker: BOOTSTRAP_ACCOUNTS[0].pkh(),
            });
            let messages: Vec<_> =
                (0..*messages).map(|i| InboxMessage::External(vec![i]).serialize().unwrap()).collect();
            messages.iter().for_each(|message| block.state.add_message(message).unwrap());
            let protocol = ledger.protocol_messages(level, Timestamp(8), predecessor);
            levels.push(LevelInbox::build(&ledger.inbox().unwrap(), &protocol, &messages).unwrap());
            ledger = block.finish().unwrap().0;
            assert_eq!(ledger.inbox().unwrap(), levels[levels.len() - 1].inbox);
        }
        (ledger, Levels(levels))
    }

    fn with(level: Level, message_counter: u64, serialized_proof: Vec<u8>) -> RefutationProof {
        let input = InputProof::InboxProof { level, message_counter, serialized_proof };
        RefutationProof { pvm_step: Vec::new(), input_proof: Some(input) }
    }

    #[test]
    fn every_level_has_the_length_of_its_inbox_and_no_other() {
        let (ledger, levels) = chain(&[0, 1, 5, 0, 12, 2]);
        let snapshot = ledger.inbox().unwrap().old_levels_messages;
        for inbox in &levels.0 {
            let level = inbox.inbox.level;
            for counter in 0..=inbox.messages.len() as u64 {
                let (proof, _) = InboxProof::produce(&levels, &snapshot, level, counter).unwrap();
                let bytes = proof.to_bytes();
                assert!(!ledger.claims_another_length(&with(level, counter, bytes.clone())).unwrap());
                // The first cell of the second list begins with its index.
                let path = u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
                for change in [1, 2, 4, 8, 16] {
                    let mut forged = bytes.clone();
                    forged[4 + path + 4] ^= change;
                    assert!(ledger.claims_another_length(&with(level, counter, forged)).unwrap());
                }
            }
        }
    }

    #[test]
    fn proofs_without_a_level_claim_nothing() {
        let (ledger, _) = chain(&[0]);
        for garbage in [&[][..], &[0; 9], &[0xff; 40]] {
            let proof = with(Level::GENESIS, 0, garbage.to_vec());
            assert!(!ledger.claims_another_length(&proof).unwrap());
        }
        let none = RefutationProof { pvm_step: Vec::new(), input_proof: None };
        assert!(!ledger.claims_another_length(&none).unwrap());
    }
}
