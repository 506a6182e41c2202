use super::*;
use crate::kernel_runs::{Ending, KernelRun, KernelRuns};
use crate::layer1::Publication;
use crate::publish::Contradiction;
use soru_base::{PublicKeyHash, StateHash, Tick, TickSpan};
use soru_protocol::inbox::{LevelInbox, ProtocolMessages};

const ROLLUP: RollupAddress = RollupAddress([1; 20]);

pub(super) fn level(n: u32) -> Level {
    Level::new(n).unwrap()
}

fn operator() -> PublicKeyHash {
    "tz1fp5ncDmqYwYC568fREYz9iwQTgGQuKZqX".parse().unwrap()
}

/// What every block publishes unless told otherwise: the commitment of a level far away.
fn publication() -> Publication {
    let commitment = Commitment {
        compressed_state: StateHash([9; 32]),
        inbox_level: level(1_000),
        predecessor: CommitmentHash::ZERO,
        number_of_ticks: TickSpan(1),
    };
    Publication { commitment, publisher: operator() }
}

/// Block `n` on the fork `fork`, after the block of `before` one level lower.
fn block(n: u32, fork: u8, before: u8) -> NewBlock {
    let mut state = Tree::empty();
    state.insert(&["level"], n.to_be_bytes().to_vec()).unwrap();
    let inbox = LevelInbox::genesis(level(n), &ProtocolMessages::default());
    let hash =
        |n: u32, fork: u8| BlockHash([[fork; 28].as_slice(), &n.to_be_bytes()].concat().try_into().unwrap());
    let record = BlockRecord {
        hash: hash(n, fork),
        level: level(n),
        predecessor: hash(n - 1, before),
        timestamp: -5,
        num_messages: 2,
        state_hash: StateHash::from(state.hash().unwrap()),
        initial_tick: Tick(n.into()),
        num_ticks: TickSpan(7),
        status: "fine".to_owned(),
        outbox_len: n % 2,
        commitment: None,
        previous_commitment: CommitmentHash([fork; 32]),
        previous_commitment_level: level(0),
        published: vec![publication()],
        cemented: vec![CommitmentHash([8; 32])],
        executed: vec![],
        losers: vec![],
        runs: None,
        inbox: inbox.inbox,
    };
    NewBlock { record, messages: inbox.messages, commitment: None, state }
}

#[test]
fn a_record_survives_its_bytes() {
    let mut record = block(3, 1, 1).record;
    record.commitment = Some(CommitmentHash([4; 32]));
    record.executed = vec![(level(1), 2), (level(3), 4)];
    record.losers = vec![operator()];
    assert_eq!(BlockRecord::from_bytes(&record.to_bytes()).unwrap(), record);
    let run = KernelRun { ticks: Some(TickSpan(5)), ending: Ending::Trapped };
    record.runs = Some(KernelRuns { bound: TickSpan(9), runs: vec![run] });
    assert_eq!(BlockRecord::from_bytes(&record.to_bytes()).unwrap(), record);
    record.status = "ü".repeat(2_000);
    let read = BlockRecord::from_bytes(&record.to_bytes()).unwrap();
    assert_eq!(read.status.len(), 1_024);
}

#[test]
fn what_is_put_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), ROLLUP).unwrap();
    (1..=3).for_each(|n| store.put(&block(n, 1, 1)).unwrap());
    store.set_cemented(Pointed { hash: CommitmentHash([3; 32]), level: level(2) }).unwrap();
    drop(store);
    let store = Store::open(dir.path(), ROLLUP).unwrap();
    let expected = block(3, 1, 1);
    assert_eq!(store.head().unwrap().unwrap(), expected.record);
    assert_eq!(store.genesis().unwrap().unwrap().level, level(1));
    assert_eq!(store.messages(&expected.record.hash).unwrap(), expected.messages);
    assert_eq!(store.state(&expected.record).unwrap().hash().unwrap(), expected.state.hash().unwrap());
    assert_eq!(store.cemented().unwrap().unwrap().level, level(2));
}

#[test]
fn a_block_that_does_not_follow_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), ROLLUP).unwrap();
    store.put(&block(1, 1, 1)).unwrap();
    for wrong in [block(3, 1, 1), block(2, 2, 2), block(1, 1, 1)] {
        assert!(matches!(store.put(&wrong), Err(StoreError::Gap { .. })));
    }
    assert_eq!(store.block(&block(3, 1, 1).record.hash).unwrap(), None);
    assert_eq!(store.head().unwrap().unwrap().level, level(1));
}

#[test]
fn publications_count_on_the_current_chain_only() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), ROLLUP).unwrap();
    let quiet = |n, fork, before| {
        let mut block = block(n, fork, before);
        block.record.published.clear();
        block
    };
    let commitment = publication().commitment.hash();
    store.put(&quiet(1, 1, 1)).unwrap();
    store.put(&block(2, 1, 1)).unwrap();
    assert_eq!(store.published_at(&commitment, None).unwrap(), Some(level(2)));
    let other = "tz1VSUr8wwNhLAzempoch5d6hLRiTh8Cjcjb".parse().unwrap();
    assert_eq!(store.published_at(&commitment, Some(other)).unwrap(), None);
    // Another block takes its place, and a later one publishes.
    store.rollback(level(1)).unwrap();
    store.put(&quiet(2, 2, 1)).unwrap();
    assert_eq!(store.published_at(&commitment, None).unwrap(), None);
    store.put(&block(3, 2, 2)).unwrap();
    assert_eq!(store.published_at(&commitment, None).unwrap(), Some(level(3)));
    // The first one comes back.
    store.rollback(level(1)).unwrap();
    assert!(store.reuse(&block(2, 1, 1).record.hash).unwrap().is_some());
    assert_eq!(store.published_at(&commitment, None).unwrap(), Some(level(2)));
}

#[test]
fn collection_keeps_what_an_abandoned_twin_shares() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), ROLLUP).unwrap();
    (1..=3).for_each(|n| store.put(&block(n, 1, 1)).unwrap());
    store.rollback(level(1)).unwrap();
    store.put(&block(2, 2, 1)).unwrap();
    store.put(&block(3, 2, 2)).unwrap();
    // The blocks of both forks have the same states; those of the abandoned one are forgotten.
    let kept = Kept { from: level(3), period_ends_from: level(3), finalized: level(3) };
    let collected = store.collect(kept).unwrap();
    assert_eq!((collected.states, collected.blocks), (2, 2));
    let head = store.head().unwrap().unwrap();
    store.state(&head).unwrap().find(&["level"]).unwrap().unwrap();
    assert_eq!(store.block(&block(3, 1, 1).record.hash).unwrap(), None);
    assert_eq!(store.first_state_level().unwrap(), Some(level(3)));
    assert_eq!(store.last_with_state(level(9)).unwrap(), Some(level(3)));
}

#[test]
fn executed_messages_are_no_longer_pending() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), ROLLUP).unwrap();
    store.put(&block(1, 1, 1)).unwrap();
    assert_eq!(store.pending_outboxes().unwrap(), [(level(1), BTreeSet::from([0]))]);
    let mut executing = block(2, 1, 1);
    executing.record.executed = vec![(level(1), 0)];
    store.put(&executing).unwrap();
    assert_eq!(store.pending_outboxes().unwrap(), []);
    store.rollback(level(1)).unwrap();
    assert_eq!(store.pending_outboxes().unwrap(), [(level(1), BTreeSet::from([0]))]);
}

#[test]
fn a_store_has_one_user_and_one_rollup() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), ROLLUP).unwrap();
    assert!(matches!(Store::open(dir.path(), ROLLUP), Err(StoreError::Locked { .. })));
    drop(store);
    let other = RollupAddress([2; 20]);
    assert!(matches!(Store::open(dir.path(), other), Err(StoreError::OtherRollup { .. })));
}

/// The file of a killed process is what a copy of the file holds while the process still has it open.
#[test]
fn killed_at_any_moment_it_opens_at_the_last_whole_level() {
    let (dir, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Store::open(dir.path(), ROLLUP).unwrap();
    let copy = |n: u32| {
        let to = copies.path().join(n.to_string());
        std::fs::create_dir_all(to.join("storage")).unwrap();
        std::fs::copy(dir.path().join("storage/node.redb"), to.join("storage/node.redb")).unwrap();
        Store::open(&to, ROLLUP).unwrap()
    };
    assert_eq!(copy(0).head().unwrap(), None);
    for n in 1..=12 {
        store.put(&block(n, 1, 1)).unwrap();
        if n == 8 {
            let kept = Kept { from: level(6), period_ends_from: level(6), finalized: level(6) };
            store.collect(kept).unwrap();
        }
        // A write that was begun and not committed is not there either.
        let tx = store.db.begin_write().unwrap();
        tx.open_table(CANONICAL).unwrap().insert(n + 1, [7; 32]).unwrap();
        let killed = copy(n);
        tx.abort().unwrap();
        let expected = block(n, 1, 1);
        assert_eq!(killed.head().unwrap().unwrap(), expected.record);
        let state = killed.state(&expected.record).unwrap();
        assert_eq!(state.find(&["level"]).unwrap().unwrap().as_ref(), n.to_be_bytes());
        killed.put(&block(n + 1, 1, 1)).unwrap();
    }
}

/// Block `n` of a chain with a period of two levels; commitments of odd levels say what the fork says.
pub(super) fn period_block(n: u32, fork: u8, before: u8, previous: &NewBlock) -> NewBlock {
    let mut made = block(n, fork, before);
    made.record.published.clear();
    made.record.cemented.clear();
    let (predecessor, level_before) = previous.record.most_recent_commitment();
    made.record.previous_commitment = predecessor;
    made.record.previous_commitment_level = level_before;
    if n % 2 == 1 {
        let commitment = Commitment {
            compressed_state: StateHash([fork; 32]),
            inbox_level: level(n),
            predecessor,
            number_of_ticks: TickSpan(1),
        };
        made.record.commitment = Some(commitment.hash());
        made.commitment = Some(commitment);
    }
    made
}

/// Levels 1 to `n` of a chain with commitments at odd levels.
pub(super) fn chain(n: u32) -> Vec<NewBlock> {
    let mut first = block(1, 1, 1);
    first.record.published.clear();
    first.record.cemented.clear();
    let genesis = Commitment {
        compressed_state: StateHash([1; 32]),
        inbox_level: level(1),
        predecessor: CommitmentHash::ZERO,
        number_of_ticks: TickSpan(0),
    };
    first.record.commitment = Some(genesis.hash());
    first.commitment = Some(genesis);
    let mut chain = vec![first];
    (2..=n).for_each(|n| chain.push(period_block(n, 1, 1, &chain[chain.len() - 1])));
    chain
}

#[test]
fn what_contradicts_the_node_is_known_on_the_current_chain() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), ROLLUP).unwrap();
    let mut chain = chain(6);
    let ours = chain[2].commitment.unwrap();
    let theirs = Commitment { compressed_state: StateHash([7; 32]), ..ours };
    let liar = "tz1VSUr8wwNhLAzempoch5d6hLRiTh8Cjcjb".parse().unwrap();
    let publish = |block: &mut NewBlock, commitment, publisher| {
        block.record.published.push(Publication { commitment, publisher });
    };
    publish(&mut chain[3], ours, operator());
    publish(&mut chain[4], theirs, liar);
    for block in &chain[..5] {
        store.put(block).unwrap();
    }
    let found = Contradiction { publisher: liar, theirs, ours, published_at: level(5), stands: true };
    assert_eq!(store.contradictions(level(2)).unwrap(), [found]);
    assert!(store.contradictions(level(1)).unwrap()[0].is_conflict());
    // What is cemented is no longer contradicted.
    assert_eq!(store.contradictions(level(3)).unwrap(), []);
    // Whoever publishes the truth after a lie has lost in between.
    publish(&mut chain[5], ours, liar);
    store.put(&chain[5]).unwrap();
    assert!(!store.contradictions(level(2)).unwrap()[0].stands);
    // Another block takes the place of the lie, which comes back later.
    store.rollback(level(4)).unwrap();
    assert_eq!(store.contradictions(level(2)).unwrap(), []);
    store.put(&period_block(5, 2, 1, &chain[3])).unwrap();
    assert_eq!(store.contradictions(level(2)).unwrap(), []);
    store.rollback(level(4)).unwrap();
    assert!(store.reuse(&chain[4].record.hash).unwrap().is_some());
    assert_eq!(store.contradictions(level(2)).unwrap(), [found]);
    // Nor does it stand once its publisher has lost, until that is taken back.
    let mut lost = period_block(6, 3, 1, &chain[4]);
    lost.record.losers = vec![liar];
    store.put(&lost).unwrap();
    assert!(!store.contradictions(level(2)).unwrap()[0].stands);
    store.rollback(level(5)).unwrap();
    assert_eq!(store.contradictions(level(2)).unwrap(), [found]);
    // On a chain whose truth it is, it contradicts nothing.
    store.rollback(level(2)).unwrap();
    let mut other = period_block(3, 7, 1, &chain[1]);
    other.commitment = Some(theirs);
    other.record.commitment = Some(theirs.hash());
    store.put(&other).unwrap();
    let mut next = period_block(4, 7, 7, &other);
    publish(&mut next, theirs, liar);
    store.put(&next).unwrap();
    assert_eq!(store.contradictions(level(2)).unwrap(), []);
}
