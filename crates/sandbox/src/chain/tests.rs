//! The chain without its server.

use super::*;
use crate::constants;
use soru_base::bootstrap::{BOOTSTRAP_ACCOUNTS, BootstrapAccount};
use soru_base::{Address, BlockHash, Mutez, Profile, SecretKey};
use soru_protocol::operation::{Action, Content, Operation};
use std::fs;
use tempfile::TempDir;

const GENESIS: i64 = 1_767_225_600;

fn open(dir: &Path) -> Chain {
    open_keeping(dir, 100)
}

fn open_keeping(dir: &Path, kept: u32) -> Chain {
    Chain::open(dir, ChainConstants::of(Profile::alpha()), kept, GENESIS).expect("the chain opens")
}

/// A transfer whose counter is so many after the next one.
fn transfer(chain: &Chain, from: &BootstrapAccount, later: u64) -> Vec<u8> {
    let counter = chain.ledger.counter(&from.pkh()).expect("a counter") + 1 + later;
    let content = Content {
        source: from.pkh(),
        fee: Mutez(1_000),
        counter,
        gas_limit: 2_000,
        storage_limit: 300,
        action: Action::Transaction {
            amount: Mutez(1),
            destination: Address::from(BOOTSTRAP_ACCOUNTS[4].pkh()),
            parameters: None,
        },
    };
    let operation = Operation { branch: chain.head.hash, contents: vec![content] };
    SignedOperation::sign(operation, &from.sk()).to_bytes()
}

/// What a kill leaves behind: the file as it is.
fn killed(dir: &TempDir) -> TempDir {
    let copy = TempDir::new().expect("a temporary directory");
    fs::copy(dir.path().join("chain.redb"), copy.path().join("chain.redb")).expect("a copy");
    copy
}

#[test]
fn a_killed_chain_goes_on_at_its_last_block() {
    let dir = TempDir::new().expect("a temporary directory");
    let mut chain = open(dir.path());
    for (round, account) in BOOTSTRAP_ACCOUNTS.iter().take(4).enumerate() {
        chain.inject(&transfer(&chain, account, 0)).expect("it is valid");
        chain.bake_next().expect("a block");
        if round == 2 {
            chain.reorg(2, 3).expect("a reorganisation");
        }
        let copy = killed(&dir);
        let mut other = open(copy.path());
        assert_eq!(other.head.hash, chain.head.hash);
        assert_eq!(
            other.ledger.context_hash().expect("a hash"),
            chain.ledger.context_hash().expect("a hash")
        );
        // It goes on as the other would, without what waited.
        other.bake_next().expect("a block");
        let level = chain.head.level().next();
        assert_eq!((other.head.level(), other.head.predecessor()), (level, chain.head.hash));
    }
}

#[test]
fn two_chains_with_the_same_history_are_the_same() {
    let head = |times: i64| {
        let dir = TempDir::new().expect("a temporary directory");
        let mut chain = open(dir.path());
        for i in 0..times {
            chain.inject(&transfer(&chain, &BOOTSTRAP_ACCOUNTS[0], 0)).expect("it is valid");
            chain.bake_at(GENESIS + 10 * i).expect("a block");
        }
        (chain.reader().network().chain_id, chain.head.hash)
    };
    assert_eq!(head(3), head(3));
    assert_ne!(head(3), head(2));
}

#[test]
fn timestamps_always_grow() {
    let dir = TempDir::new().expect("a temporary directory");
    let mut chain = open(dir.path());
    let times = [GENESIS + 100, GENESIS + 100, 0, GENESIS + 50, GENESIS + 200, i64::MIN];
    let stamps: Vec<i64> =
        times.iter().map(|time| chain.bake_at(*time).expect("a block").timestamp().0 - GENESIS).collect();
    assert_eq!(stamps, [100, 101, 102, 103, 200, 201]);
}

#[test]
fn operations_of_one_account_go_into_blocks_by_their_counters() {
    let dir = TempDir::new().expect("a temporary directory");
    let mut chain = open(dir.path());
    chain.bake_next().expect("a block");
    // Two in two blocks, both branched below the fork: abandoned, both wait.
    let first = chain.inject(&transfer(&chain, &BOOTSTRAP_ACCOUNTS[0], 0)).expect("it is valid");
    let second = transfer(&chain, &BOOTSTRAP_ACCOUNTS[0], 1);
    chain.bake_next().expect("a block");
    let second = chain.inject(&second).expect("it is valid");
    chain.bake_next().expect("a block");
    chain.reorg(2, 3).expect("a reorganisation");
    let waiting: Vec<_> = chain.waiting().iter().map(|(pending, next)| (pending.hash, *next)).collect();
    assert_eq!(waiting, [(first, true), (second, false)]);
    for expected in [first, second] {
        let block = chain.bake_next().expect("a block");
        assert_eq!(block.operation_hashes().collect::<Vec<_>>(), [expected]);
    }
    assert!(chain.mempool.is_empty());
}

#[test]
fn a_block_takes_no_more_than_its_size() {
    let dir = TempDir::new().expect("a temporary directory");
    let chain = open(dir.path());
    let bytes = transfer(&chain, &BOOTSTRAP_ACCOUNTS[0], 0);
    let mut mempool = Mempool::default();
    // As large as a block is allowed to be, so that the second one does not fit.
    for (account, size) in [(0, 512 * 1024), (1, 1)] {
        let operation = transfer(&chain, &BOOTSTRAP_ACCOUNTS[account], 0);
        let operation = SignedOperation::from_bytes(&operation).expect("an operation");
        mempool.add(operation.hash(), operation, size).expect("there is room");
    }
    let made =
        chain.make(&chain.head, &chain.ledger, Timestamp(GENESIS + 1), &mempool.in_order()).expect("a block");
    let included: Vec<_> = made.new.block.operation_hashes().collect();
    assert_eq!(included, [SignedOperation::from_bytes(&bytes).expect("an operation").hash()]);
    assert_eq!(made.refused, []);
}

#[test]
fn the_gas_of_a_block_is_limited_and_the_rest_waits() {
    let dir = TempDir::new().expect("a temporary directory");
    let mut constants = ChainConstants::of(Profile::alpha());
    constants::set(&mut constants, "hard_gas_limit_per_block", "3000").expect("a constant");
    let mut chain = Chain::open(dir.path(), constants, 100, GENESIS).expect("the chain opens");
    let sent: Vec<_> = (0..3)
        .map(|i| chain.inject(&transfer(&chain, &BOOTSTRAP_ACCOUNTS[i], 0)).expect("it is valid"))
        .collect();
    for expected in sent {
        let block = chain.bake_next().expect("a block");
        assert_eq!(block.operation_hashes().collect::<Vec<_>>(), [expected]);
    }
}

#[test]
fn the_database_does_not_grow_with_ledgers() {
    let dir = TempDir::new().expect("a temporary directory");
    let mut chain = open_keeping(dir.path(), 5);
    let mut counts = Vec::new();
    for _ in 0..40 {
        chain.inject(&transfer(&chain, &BOOTSTRAP_ACCOUNTS[0], 0)).expect("it is valid");
        chain.bake_next().expect("a block");
        counts.push(chain.reader.disk.stats().expect("figures"));
    }
    assert_eq!(counts.iter().map(|stats| stats.roots).max(), Some(6));
    let (early, late) = (&counts[9], &counts[39]);
    // The ledger itself keeps a number for each level.
    assert!(late.nodes <= early.nodes + 2 * 30, "{early:?} {late:?}");
}

#[test]
fn blocks_read_back_as_they_were_written() {
    let dir = TempDir::new().expect("a temporary directory");
    let mut chain = open(dir.path());
    chain.inject(&transfer(&chain, &BOOTSTRAP_ACCOUNTS[0], 0)).expect("it is valid");
    let block = chain.bake_next().expect("a block");
    let bytes = block.encode();
    let read = Block::decode(block.hash, &bytes).expect("a block");
    assert_eq!(
        (&read.header, &read.operations, &read.balance_updates),
        (&block.header, &block.operations, &block.balance_updates)
    );
    assert_eq!(read.header.hash(), block.hash);
    for cut in 0..bytes.len() {
        assert!(Block::decode(block.hash, &bytes[..cut]).is_err(), "{cut}");
    }
}

/// Contents of one account, in order, with a fee.
fn signed(chain: &Chain, branch: BlockHash, key: &SecretKey, fee: u64, actions: Vec<Action>) -> Vec<u8> {
    let source = key.public_key().hash();
    let first = chain.ledger.counter(&source).expect("a counter") + 1;
    let content = |(counter, action)| Content {
        source,
        fee: Mutez(fee),
        counter,
        gas_limit: 3_000,
        storage_limit: 300,
        action,
    };
    let contents = (first..).zip(actions).map(content).collect();
    SignedOperation::sign(Operation { branch, contents }, key).to_bytes()
}

fn pay(to: soru_base::PublicKeyHash, mutez: u64) -> Action {
    Action::Transaction { amount: Mutez(mutez), destination: Address::from(to), parameters: None }
}

#[test]
fn an_operation_that_turns_invalid_while_it_waits_does_not_stop_the_others() {
    let dir = TempDir::new().expect("a temporary directory");
    let mut chain = open(dir.path());
    chain.bake_next().expect("a block");
    let branch = chain.head.hash;
    let (rich, other) = (BOOTSTRAP_ACCOUNTS[0].sk(), BOOTSTRAP_ACCOUNTS[2].sk());
    let poor = SecretKey::from_seed(soru_base::Curve::Ed25519, &[9; 32]).expect("a key");
    // The rich one pays the poor one, who spends it in the next block.
    let gift = signed(&chain, branch, &rich, 1_000, vec![pay(poor.public_key().hash(), 5_000_000)]);
    chain.inject(&gift).expect("it is valid");
    chain.bake_next().expect("a block");
    let reveal =
        Action::Reveal { public_key: poor.public_key(), proof: soru_protocol::operation::RevealProof::None };
    let spend = signed(&chain, branch, &poor, 1_000, vec![reveal, pay(BOOTSTRAP_ACCOUNTS[1].pkh(), 1)]);
    let spend = chain.inject(&spend).expect("it is valid");
    chain.bake_next().expect("a block");
    assert_eq!(chain.head.operation_hashes().collect::<Vec<_>>(), [spend]);

    // On another branch, the rich one thinks better of it: now the poor one never had anything.
    chain.reorg(2, 3).expect("a reorganisation");
    assert_eq!(chain.mempool.len(), 2);
    let instead = signed(&chain, branch, &rich, 9_000, vec![pay(BOOTSTRAP_ACCOUNTS[1].pkh(), 1)]);
    let instead = chain.inject(&instead).expect("it pays more");
    let last = chain
        .inject(&signed(&chain, branch, &other, 1_000, vec![pay(BOOTSTRAP_ACCOUNTS[1].pkh(), 1)]))
        .expect("it is valid");
    let block = chain.bake_next().expect("a block");
    let mut included: Vec<_> = block.operation_hashes().collect();
    included.sort();
    let mut expected = vec![instead, last];
    expected.sort();
    assert_eq!(included, expected);
    // Why the poor one's is not there is told, or it waits for better days.
    let told = chain.mempool.rejected().any(|rejected| rejected.hash == spend);
    assert!(told || chain.mempool.contains(&spend));
}
