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
    Ok(())
}
