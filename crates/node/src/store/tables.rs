//! The tables, all keyed by raw bytes or numbers.

use super::StoreError;
use redb::{TableDefinition, WriteTransaction};

/// Single values.
pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Block hash to record.
pub(super) const BLOCKS: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("blocks");
/// Level to the hash of the block of the current chain.
pub(super) const CANONICAL: TableDefinition<'_, u32, [u8; 32]> = TableDefinition::new("canonical");
/// Block hash to the messages of its level.
pub(super) const MESSAGES: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("messages");
/// Commitment hash to commitment.
pub(super) const COMMITMENTS: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("commitments");
/// Commitment hash and level to the hashes of the blocks of that level in which it was published.
pub(super) const PUBLICATIONS: TableDefinition<'_, ([u8; 32], u32), &[u8]> =
    TableDefinition::new("publications");
/// Level of a commitment and a level, to the hashes of the blocks of that level that published another commitment than the
/// node's.
pub(super) const CONTRADICTIONS: TableDefinition<'_, (u32, u32), &[u8]> =
    TableDefinition::new("contradictions");
/// A staker and a level, to the hashes of the blocks of that level in which its deposit was taken.
pub(super) const LOSSES: TableDefinition<'_, (&[u8], u32), &[u8]> = TableDefinition::new("losses");
/// Level of the commitments that a game is about, to the level of the head at which the game was last seen.
pub(super) const GAMES: TableDefinition<'_, u32, u32> = TableDefinition::new("games");
/// Level and block hash to the hash of the state after it, as long as the state is kept.
pub(super) const STATES: TableDefinition<'_, (u32, [u8; 32]), [u8; 32]> = TableDefinition::new("states");
/// Level and block hash to the length of the outbox of that level, if it is not empty.
pub(super) const OUTBOXES: TableDefinition<'_, (u32, [u8; 32]), u32> = TableDefinition::new("outboxes");
/// Level and index of an outbox message, and a level, to the hashes of the blocks of that level that executed it.
pub(super) const EXECUTIONS: TableDefinition<'_, (u32, u32, u32), &[u8]> = TableDefinition::new("executions");

/// The messages that wait for a batch, in the order in which they go: whether without a wish for an order, that wish, and
/// the number of the message; to its identifier and size.
pub(super) const QUEUE: TableDefinition<'_, (bool, u64, u64), ([u8; 32], u32)> =
    TableDefinition::new("batcher_queue");
/// The head when a message began to wait, and its number, to its identifier.
pub(super) const WAITING: TableDefinition<'_, (u32, u64), [u8; 32]> = TableDefinition::new("batcher_waiting");
/// The head at which a message had waited for too long, and its number, to its identifier.
pub(super) const EXPIRED: TableDefinition<'_, (u32, u64), [u8; 32]> = TableDefinition::new("batcher_expired");
/// Identifier of a message of the batcher to the message, and where it is.
pub(super) const QUEUED: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("batcher_messages");
/// Number of a batch to the batch.
pub(super) const BATCHES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("batcher_batches");
/// Numbers of the batches that are in no block.
pub(super) const FLIGHTS: TableDefinition<'_, u64, ()> = TableDefinition::new("batcher_flights");
/// Level at which a batch was included, and its number.
pub(super) const LANDED: TableDefinition<'_, (u32, u64), ()> = TableDefinition::new("batcher_landed");
/// Hash of an operation to the number of the batch that it has.
pub(super) const BATCH_OPERATIONS: TableDefinition<'_, [u8; 32], u64> =
    TableDefinition::new("batcher_operations");
/// Level to the hash of the block in which batches were looked for.
pub(super) const SEARCHED: TableDefinition<'_, u32, [u8; 32]> = TableDefinition::new("batcher_searched");

pub(super) const MESSAGES_TAKEN: &str = "batcher_messages_taken";
pub(super) const BATCHES_MADE: &str = "batcher_batches_made";
pub(super) const QUEUE_BYTES: &str = "batcher_queue_bytes";
pub(super) const STORE_VERSION: &str = "version";
pub(super) const ROLLUP: &str = "rollup";
pub(super) const CEMENTED: &str = "cemented";

/// Makes the tables, so that readers find them.
pub(super) fn create_all(tx: &WriteTransaction) -> Result<(), StoreError> {
    tx.open_table(META)?;
    tx.open_table(BLOCKS)?;
    tx.open_table(CANONICAL)?;
    tx.open_table(MESSAGES)?;
    tx.open_table(COMMITMENTS)?;
    tx.open_table(PUBLICATIONS)?;
    tx.open_table(CONTRADICTIONS)?;
    tx.open_table(LOSSES)?;
    tx.open_table(GAMES)?;
    tx.open_table(STATES)?;
    tx.open_table(OUTBOXES)?;
    tx.open_table(EXECUTIONS)?;
    tx.open_table(QUEUE)?;
    tx.open_table(WAITING)?;
    tx.open_table(EXPIRED)?;
    tx.open_table(QUEUED)?;
    tx.open_table(BATCHES)?;
    tx.open_table(FLIGHTS)?;
    tx.open_table(LANDED)?;
    tx.open_table(BATCH_OPERATIONS)?;
    tx.open_table(SEARCHED)?;
    Ok(())
}
