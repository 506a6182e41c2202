//! The store against a model in memory.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use redb::backends::InMemoryBackend;
use redb::{Database, ReadableTable, StorageBackend};
use soru_merkle::{ContextHash, LoadError, Store, StoreError, Tree, TreeError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

type Leaves = BTreeMap<Vec<Vec<u8>>, Vec<u8>>;

fn in_memory() -> Arc<Database> {
    Arc::new(Database::builder().create_with_backend(InMemoryBackend::new()).unwrap())
}

fn leaves(tree: &Tree) -> Result<Leaves, TreeError> {
    let mut all = Leaves::new();
    tree.for_each_leaf(|path, bytes| {
        all.insert(path.iter().map(|s| s.to_vec()).collect(), bytes.to_vec());
        Ok::<_, TreeError>(())
    })?;
    Ok(all)
}

fn put(db: &Database, store: &Store, tree: &Tree) -> ContextHash {
    let txn = db.begin_write().unwrap();
    let hash = store.put(&txn, tree).unwrap();
    txn.commit().unwrap();
    hash
}

fn forget(db: &Database, store: &Store, hash: ContextHash) {
    let txn = db.begin_write().unwrap();
    store.forget(&txn, [hash]).unwrap();
    txn.commit().unwrap();
}

fn gc(db: &Database, store: &Store) -> u64 {
    let txn = db.begin_write().unwrap();
    let collected = store.gc(&txn, u64::MAX).unwrap();
    assert!(collected.done);
    txn.commit().unwrap();
    collected.nodes
}

/// A tree with one directory of `n` keys.
fn wide(n: u32) -> Tree {
    let mut tree = Tree::empty();
    for i in 0..n {
        tree.insert(&["wide".to_owned(), i.to_string()], vec![i as u8; 100]).unwrap();
    }
    tree
}

#[test]
fn an_empty_store_has_nothing() {
    let store = Store::new(in_memory()).unwrap();
    assert!(store.roots().unwrap().is_empty());
    assert!(store.checkout(ContextHash::ZERO).unwrap().is_none());
    assert_eq!(store.stats().unwrap(), Default::default());
}

#[test]
fn the_empty_tree_can_be_stored_and_large_leaves_as_well() {
    let db = in_memory();
    let store = Store::new(db.clone()).unwrap();
    let mut large = Tree::empty();
    large.insert(&["large"], vec![7; 3_000_000]).unwrap();
    for tree in [Tree::empty(), large] {
        let hash = put(&db, &store, &tree);
        let back = store.checkout(hash).unwrap().unwrap();
        assert_eq!(leaves(&back).unwrap(), leaves(&tree).unwrap());
        assert_eq!(back.is_empty().unwrap(), tree.is_empty().unwrap());
    }
    assert_eq!(store.stats().unwrap().roots, 2);
}

#[test]
fn a_lone_leaf_is_no_root() {
    // The empty leaf has the hash of the empty directory: by its hash alone nobody could tell which was stored.
    assert_eq!(Tree::leaf("").hash().unwrap(), Tree::empty().hash().unwrap());
    let db = in_memory();
    let store = Store::new(db.clone()).unwrap();
    let txn = db.begin_write().unwrap();
    assert!(matches!(store.put(&txn, &Tree::leaf("x")), Err(StoreError::Leaf)));
}

#[test]
fn one_changed_key_of_ten_thousand_writes_few_nodes() {
    let db = in_memory();
    let store = Store::new(db.clone()).unwrap();
    let mut tree = wide(10_000);
    put(&db, &store, &tree);
    let before = store.stats().unwrap();
    assert!(before.nodes > 10_000);
    // Changed in the tree that was put, and in one that was checked out.
    tree.insert(&["wide", "4711"], "changed").unwrap();
    let hash = put(&db, &store, &tree);
    let between = store.stats().unwrap();
    assert!(between.nodes - before.nodes < 30, "{}", between.nodes - before.nodes);
    let mut tree = store.checkout(hash).unwrap().unwrap();
    tree.insert(&["wide", "4712"], "changed as well").unwrap();
    put(&db, &store, &tree);
    let after = store.stats().unwrap();
    assert!(after.nodes - between.nodes < 30, "{}", after.nodes - between.nodes);
    // Given up, the old versions cost what they had for themselves.
    forget(&db, &store, hash);
    assert!(gc(&db, &store) < 30);
}

#[test]
fn an_aborted_transaction_leaves_nothing_and_the_tree_can_be_put_again() {
    let db = in_memory();
    let store = Store::new(db.clone()).unwrap();
    let mut first = wide(50);
    let kept = put(&db, &store, &first);
    first.insert(&["wide", "new"], vec![1; 100]).unwrap();
    let mut second = first.clone();
    second.insert(&["wide", "newer"], vec![2; 100]).unwrap();
    let txn = db.begin_write().unwrap();
    store.put(&txn, &first).unwrap();
    txn.abort().unwrap();
    assert_eq!(store.roots().unwrap(), [kept]);
    // Takes the ids that the aborted transaction had given out.
    let other = put(&db, &store, &wide(20));
    // Dropped without a word, as by a crash.
    let txn = db.begin_write().unwrap();
    store.put(&txn, &second).unwrap();
    drop(txn);
    assert_eq!(store.roots().unwrap().len(), 2);
    for tree in [&first, &second] {
        let hash = put(&db, &store, tree);
        assert_eq!(leaves(&store.checkout(hash).unwrap().unwrap()).unwrap(), leaves(tree).unwrap());
    }
    assert_eq!(leaves(&store.checkout(other).unwrap().unwrap()).unwrap(), leaves(&wide(20)).unwrap());
    for hash in store.roots().unwrap() {
        forget(&db, &store, hash);
    }
    gc(&db, &store);
    assert_eq!(store.stats().unwrap(), Default::default());
}

#[test]
fn a_file_opened_again_has_the_same_roots() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.redb");
    let tree = wide(100);
    let hash = {
        let db = Arc::new(Database::create(&path).unwrap());
        put(&db, &Store::new(db.clone()).unwrap(), &tree)
    };
    let db = Arc::new(Database::open(&path).unwrap());
    let store = Store::new(db).unwrap();
    assert_eq!(leaves(&store.checkout(hash).unwrap().unwrap()).unwrap(), leaves(&tree).unwrap());
}

#[test]
fn a_tree_given_up_while_held_fails_to_load_and_can_be_put_from_memory() {
    let db = in_memory();
    let store = Store::new(db.clone()).unwrap();
    let tree = wide(100);
    let hash = put(&db, &store, &tree);
    let lazy = store.checkout(hash).unwrap().unwrap();
    let half = store.checkout(hash).unwrap().unwrap();
    half.find(&["wide", "1"]).unwrap();
    forget(&db, &store, hash);
    gc(&db, &store);
    assert!(store.checkout(hash).unwrap().is_none());
    // What was loaded is there, the rest is missing.
    assert!(half.find(&["wide", "1"]).unwrap().is_some());
    let missing = (0..100).filter(|i| half.find(&["wide".to_owned(), i.to_string()]).is_err()).count();
    assert!(missing > 50);
    let error = lazy.find(&["wide", "1"]).unwrap_err();
    assert!(matches!(error.cause, LoadError::Missing { .. }), "{error}");
    let txn = db.begin_write().unwrap();
    let error = store.put(&txn, &lazy).unwrap_err();
    assert!(matches!(error, StoreError::Load(LoadError::Missing { .. })), "{error}");
    txn.abort().unwrap();
    // The tree in memory still believes to be stored, and is found not to be.
    assert_eq!(put(&db, &store, &tree), hash);
    assert!(leaves(&lazy).is_err());
    assert_eq!(leaves(&store.checkout(hash).unwrap().unwrap()).unwrap(), leaves(&tree).unwrap());
}

#[test]
fn a_subtree_of_one_root_can_be_a_root_and_a_graft() {
    let db = in_memory();
    let store = Store::new(db.clone()).unwrap();
    let hash = put(&db, &store, &wide(30));
    let sub = store.checkout(hash).unwrap().unwrap().find_tree(&["wide"]).unwrap().unwrap();
    let sub_hash = put(&db, &store, &sub);
    let mut other = Tree::empty();
    other.insert_tree(&["a"], sub.clone()).unwrap();
    other.insert_tree(&["b"], sub).unwrap();
    let nodes = store.stats().unwrap().nodes;
    let other_hash = put(&db, &store, &other);
    assert_eq!(store.stats().unwrap().nodes, nodes + 1);
    for given_up in [hash, sub_hash] {
        forget(&db, &store, given_up);
        gc(&db, &store);
        assert_eq!(leaves(&store.checkout(other_hash).unwrap().unwrap()).unwrap().len(), 60);
    }
    forget(&db, &store, other_hash);
    gc(&db, &store);
    assert_eq!(store.stats().unwrap(), Default::default());
}

#[test]
fn gc_in_steps_ends() {
    let db = in_memory();
    let store = Store::new(db.clone()).unwrap();
    let hash = put(&db, &store, &wide(200));
    let nodes = store.stats().unwrap().nodes;
    forget(&db, &store, hash);
    let mut removed = 0;
    loop {
        let txn = db.begin_write().unwrap();
        let collected = store.gc(&txn, 7).unwrap();
        txn.commit().unwrap();
        assert!(collected.nodes <= 7);
        removed += collected.nodes;
        if collected.done {
            break;
        }
    }
    assert_eq!(removed, nodes);
    assert_eq!(store.stats().unwrap(), Default::default());
}

#[test]
fn another_format_is_refused() {
    let db = in_memory();
    let txn = db.begin_write().unwrap();
    txn.open_table(redb::TableDefinition::<&str, u64>::new("merkle_numbers"))
        .unwrap()
        .insert("format", 99)
        .unwrap();
    txn.commit().unwrap();
    assert!(matches!(Store::new(db), Err(StoreError::Format { found: 99 })));
}

#[test]
fn changed_nodes_are_found_out() {
    let nodes = redb::TableDefinition::<u64, &[u8]>::new("merkle_nodes");
    let tree = wide(12);
    let db = in_memory();
    let store = Store::new(db.clone()).unwrap();
    let hash = put(&db, &store, &tree);
    let count = store.stats().unwrap().nodes;
    let whole = leaves(&tree).unwrap();
    for id in 1..=count {
        let txn = db.begin_write().unwrap();
        let bytes = txn.open_table(nodes).unwrap().get(id).unwrap().unwrap().value().to_vec();
        txn.commit().unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            for changed in [&changed[..], &bytes[..at]] {
                let txn = db.begin_write().unwrap();
                txn.open_table(nodes).unwrap().insert(id, changed).unwrap();
                txn.commit().unwrap();
                match leaves(&store.checkout(hash).unwrap().unwrap()) {
                    // A changed id may lead to a node of the same hash.
                    Ok(read) => assert_eq!(read, whole),
                    Err(e) => {
                        assert!(
                            matches!(e.cause, LoadError::Corrupt { .. } | LoadError::Missing { .. }),
                            "{e}"
                        );
                    }
                }
            }
        }
        let txn = db.begin_write().unwrap();
        txn.open_table(nodes).unwrap().insert(id, &bytes[..]).unwrap();
        txn.commit().unwrap();
    }
    assert_eq!(leaves(&store.checkout(hash).unwrap().unwrap()).unwrap(), whole);
}

/// A disk that can be taken away.
#[derive(Debug)]
struct Disk {
    memory: InMemoryBackend,
    gone: Arc<AtomicBool>,
}

impl Disk {
    fn there(&self) -> std::io::Result<&InMemoryBackend> {
        match self.gone.load(Ordering::SeqCst) {
            true => Err(std::io::Error::other("the disk is gone")),
            false => Ok(&self.memory),
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> std::io::Result<u64> {
        self.there()?.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.there()?.read(offset, out)
    }
    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.there()?.set_len(len)
    }
    fn sync_data(&self) -> std::io::Result<()> {
        self.there()?.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.there()?.write(offset, data)
    }
}

#[test]
fn a_disk_that_is_gone_is_an_error_of_the_database() {
    let gone = Arc::new(AtomicBool::new(false));
    let disk = Disk { memory: InMemoryBackend::new(), gone: gone.clone() };
    let db = Arc::new(Database::builder().set_cache_size(0).create_with_backend(disk).unwrap());
    let store = Store::new(db.clone()).unwrap();
    let mut tree = wide(2_000);
    let hash = put(&db, &store, &tree);
    let lazy = store.checkout(hash).unwrap().unwrap();
    gone.store(true, Ordering::SeqCst);
    let error = lazy.find(&["wide", "1"]).unwrap_err();
    assert!(matches!(error.cause, LoadError::Database(_)), "{error}");
    assert!(matches!(store.checkout(hash), Err(StoreError::Load(LoadError::Database(_)))));
    assert!(matches!(store.roots(), Err(StoreError::Load(LoadError::Database(_)))));
    // What is in memory is not harmed.
    tree.insert(&["wide", "new"], "new").unwrap();
    assert_eq!(tree.length(&["wide"]).unwrap(), 2_001);
}

#[derive(Debug, Clone)]
enum Action {
    Insert(Vec<u8>, Vec<u8>),
    Remove(Vec<u8>),
    /// Grafts the tree at the first path to the second one.
    Graft(Vec<u8>, Vec<u8>),
    Put {
        commit: bool,
    },
    /// Goes on from the n-th of the roots, as checked out.
    Checkout(usize),
    Forget {
        root: usize,
        commit: bool,
    },
    Gc {
        limit: u64,
        commit: bool,
    },
    Reopen,
}

/// A path of one to three names out of a few, so that they meet.
fn path() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0..12u8, 1..4)
}

fn action() -> impl Strategy<Value = Action> {
    let value = prop_oneof![prop::collection::vec(any::<u8>(), 0..4), prop::collection::vec(0..2u8, 62..80)];
    let commit = prop::bool::weighted(0.7);
    prop_oneof![
        6 => (path(), value).prop_map(|(p, v)| Action::Insert(p, v)),
        2 => path().prop_map(Action::Remove),
        1 => (path(), path()).prop_map(|(a, b)| Action::Graft(a, b)),
        3 => commit.prop_map(|commit| Action::Put { commit }),
        2 => any::<usize>().prop_map(Action::Checkout),
        2 => (any::<usize>(), commit).prop_map(|(root, commit)| Action::Forget { root, commit }),
        2 => (0..40u64, commit).prop_map(|(limit, commit)| Action::Gc { limit, commit }),
        1 => Just(Action::Reopen),
    ]
}

fn steps(path: &[u8]) -> Vec<Vec<u8>> {
    path.iter().map(|n| vec![b'n', *n]).collect()
}

/// The model of an insertion: leaves on the way and below vanish.
fn model_insert(model: &mut Leaves, path: &[Vec<u8>], value: Vec<u8>) {
    model.retain(|p, _| !p.starts_with(path) && !path.starts_with(p));
    model.insert(path.to_vec(), value);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_store_keeps_what_the_model_keeps(actions in prop::collection::vec(action(), 1..60)) {
        let db = in_memory();
        let mut store = Store::new(db.clone()).unwrap();
        let mut tree = Tree::empty();
        let mut model = Leaves::new();
        let mut kept: BTreeMap<ContextHash, Leaves> = BTreeMap::new();
        let nth = |kept: &BTreeMap<ContextHash, Leaves>, n: usize| {
            (!kept.is_empty()).then(|| *kept.keys().nth(n % kept.len()).unwrap())
        };
        // The tree is held while others come and go; when its root is given up it is checked out from memory no more.
        for action in actions {
            match action {
                Action::Insert(path, value) => {
                    if tree.insert(&steps(&path), value.clone()).is_ok() {
                        model_insert(&mut model, &steps(&path), value);
                    }
                }
                Action::Remove(path) => {
                    if tree.remove(&steps(&path)).is_ok() {
                        model.retain(|p, _| !p.starts_with(&steps(&path)));
                    }
                }
                Action::Graft(from, to) => {
                    let Ok(Some(sub)) = tree.find_tree(&steps(&from)) else { continue };
                    if tree.insert_tree(&steps(&to), sub).is_err() {
                        continue;
                    }
                    let (from, to) = (steps(&from), steps(&to));
                    let copied: Vec<_> = model
                        .iter()
                        .filter(|(p, _)| p.starts_with(&from))
                        .map(|(p, v)| ([&to[..], &p[from.len()..]].concat(), v.clone()))
                        .collect();
                    model.retain(|p, _| !p.starts_with(&to) && !to.starts_with(p));
                    model.extend(copied);
                }
                Action::Put { commit } => {
                    let txn = db.begin_write().unwrap();
                    match store.put(&txn, &tree) {
                        Ok(hash) if commit => {
                            txn.commit().unwrap();
                            kept.insert(hash, model.clone());
                        }
                        Ok(_) => txn.abort().unwrap(),
                        // Its parts may have been collected; start again from what is known.
                        Err(StoreError::Tree(_) | StoreError::Load(LoadError::Missing { .. })) => {
                            txn.abort().unwrap();
                            tree = Tree::empty();
                            model.clear();
                        }
                        Err(e) => panic!("{e}"),
                    }
                }
                Action::Checkout(n) => {
                    if let Some(hash) = nth(&kept, n) {
                        tree = store.checkout(hash).unwrap().unwrap();
                        model = kept[&hash].clone();
                    }
                }
                Action::Forget { root, commit } => {
                    if let Some(hash) = nth(&kept, root) {
                        let txn = db.begin_write().unwrap();
                        store.forget(&txn, [hash]).unwrap();
                        if commit {
                            txn.commit().unwrap();
                            kept.remove(&hash);
                        } else {
                            txn.abort().unwrap();
                        }
                    }
                }
                Action::Gc { limit, commit } => {
                    let txn = db.begin_write().unwrap();
                    store.gc(&txn, limit).unwrap();
                    if commit { txn.commit().unwrap() } else { txn.abort().unwrap() }
                }
                Action::Reopen => store = Store::new(db.clone()).unwrap(),
            }
        }
        prop_assert_eq!(store.roots().unwrap(), kept.keys().copied().collect::<Vec<_>>());
        for (hash, model) in &kept {
            let stored = store.checkout(*hash).unwrap().unwrap();
            prop_assert_eq!(&leaves(&stored).unwrap(), model);
            let mut fresh = Tree::empty();
            for (path, value) in model {
                fresh.insert(path, value.clone()).unwrap();
            }
            prop_assert_eq!(fresh.hash().unwrap(), *hash);
        }
        // Nothing is left when nothing is kept, and half of it when half is.
        let txn = db.begin_write().unwrap();
        let half: BTreeSet<_> = kept.keys().copied().step_by(2).collect();
        store.retain(&txn, &half).unwrap();
        store.gc(&txn, u64::MAX).unwrap();
        txn.commit().unwrap();
        for hash in &half {
            prop_assert_eq!(&leaves(&store.checkout(*hash).unwrap().unwrap()).unwrap(), &kept[hash]);
        }
        let txn = db.begin_write().unwrap();
        store.retain(&txn, &BTreeSet::new()).unwrap();
        store.gc(&txn, u64::MAX).unwrap();
        txn.commit().unwrap();
        prop_assert_eq!(store.stats().unwrap(), Default::default());
    }
}
