//! What it takes to store a level that changes little of a large storage.

use crate::progress;
use crate::samples::Samples;
use anyhow::{Context, Result};
use redb::Database;
use soru_merkle::{Store, Tree};
use soru_pvm::durable::Key;
use soru_pvm::machine::{initial_state, install_boot_sector};
use soru_pvm::{Limits, Machine, Version};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Levels stored in a large storage.
#[derive(Debug, Clone)]
pub(crate) struct CommitCost {
    /// Keys of the storage.
    pub(crate) keys: u32,
    /// Keys that each level changes.
    pub(crate) changes: u32,
    /// Seconds that it took to write these changes into the state: a part of the evaluation of a level.
    pub(crate) writing: Samples,
    /// Seconds that it took to hash the state, write what is new and wait until it is safe.
    pub(crate) commit: Samples,
    /// Bytes of the database.
    pub(crate) bytes: u64,
}

/// Bytes of a value.
const VALUE: usize = 32;
/// Bytes of the database kept in memory, as a node does.
const CACHE: usize = 32 << 20;

/// Fills a storage and changes it, level by level, in a database in `dir`.
pub(crate) fn measure(dir: &Path, keys: u32, changes: u32, levels: u32) -> Result<CommitCost> {
    let file = dir.join("states.redb");
    let db = Arc::new(Database::builder().set_cache_size(CACHE).create(&file)?);
    let store = Store::new(db.clone())?;
    let mut tree = filled(keys)?;
    put(&db, &store, &tree).map(drop)?;
    let bar = progress::bar(format!("levels that change {changes} of {keys} keys"), levels.into());
    let (mut writing, mut commit) = (Samples::default(), Samples::default());
    let mut random = 1u64;
    for level in 0..levels {
        // As a node that has just started: from the disk.
        tree = store.checkout(tree.hash()?)?.context("the state is not there")?;
        let at = Instant::now();
        let mut machine = Machine::from_tree(&tree)?;
        for _ in 0..changes {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            machine.durable.set(&key((random >> 32) as u32 % keys)?, &[level as u8; VALUE])?;
        }
        machine.apply(&mut tree)?;
        writing.0.push(at.elapsed().as_secs_f64());
        commit.0.push(put(&db, &store, &tree)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(CommitCost { keys, changes, writing, commit, bytes: std::fs::metadata(&file)?.len() })
}

/// A state with that many values.
fn filled(keys: u32) -> Result<Tree> {
    const STEP: u32 = 10_000;
    let bar = progress::bar(format!("a storage of {keys} keys"), keys.into());
    let mut tree = initial_state(Version::V0)?;
    install_boot_sector(&mut tree, soru_kernels::ECHO, Limits::FIRST)?;
    let mut machine = Machine::from_tree(&tree)?;
    for number in 0..keys {
        machine.durable.set(&key(number)?, &[number as u8; VALUE])?;
        if number % STEP == 0 {
            bar.set_position(number.into());
        }
    }
    machine.apply(&mut tree)?;
    bar.finish_and_clear();
    Ok(tree)
}

/// Like an account: addresses have no order.
fn key(number: u32) -> Result<Key> {
    let address = soru_base::blake2b::hash32(&number.to_be_bytes());
    Ok(Key::parse(format!("/accounts/{}/balance", hex::encode(&address[..20])).as_bytes())?)
}

/// Stores the state; says how many seconds that took.
fn put(db: &Database, store: &Store, tree: &Tree) -> Result<f64> {
    let at = Instant::now();
    let transaction = db.begin_write()?;
    store.put(&transaction, tree)?;
    transaction.commit()?;
    Ok(at.elapsed().as_secs_f64())
}
