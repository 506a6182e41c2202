//! Trees deeper than any stack, and trees that are shared so often that nobody could walk them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use soru_base::Binary;
use soru_merkle::{ContextHash, Proof, ProofError, Store, Tree, TreeError, proof};
use std::sync::Arc;

const DEPTH: usize = 1_000_000;

fn on_a_small_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(512 << 10).spawn(run).unwrap().join().unwrap();
}

fn in_memory() -> (Arc<redb::Database>, Store) {
    let backend = redb::backends::InMemoryBackend::new();
    let db = Arc::new(redb::Database::builder().create_with_backend(backend).unwrap());
    (db.clone(), Store::new(db).unwrap())
}

fn put(db: &redb::Database, store: &Store, tree: &Tree) -> ContextHash {
    let write = db.begin_write().unwrap();
    let hash = store.put(&write, tree).unwrap();
    write.commit().unwrap();
    hash
}

fn collect(db: &redb::Database, store: &Store, hash: ContextHash) -> u64 {
    let write = db.begin_write().unwrap();
    store.forget(&write, [hash]).unwrap();
    let collected = store.gc(&write, u64::MAX).unwrap();
    write.commit().unwrap();
    assert!(collected.done);
    collected.nodes
}

/// Copies `below` below itself, again and again: `depth` steps.
fn deep(depth: usize) -> Tree {
    let mut tree = Tree::empty();
    tree.insert(&["a", "@"], "top").unwrap();
    for _ in 1..depth {
        let a = tree.find_tree(&["a"]).unwrap().unwrap();
        tree.insert_tree(&["a", "b"], a).unwrap();
    }
    tree
}

/// Two to the power of `times` paths.
fn doubled(times: usize) -> Tree {
    let mut tree = Tree::empty();
    tree.insert(&["leaf"], vec![7; 100]).unwrap();
    for _ in 0..times {
        let mut twice = Tree::empty();
        twice.insert_tree(&["x"], tree.clone()).unwrap();
        twice.insert_tree(&["y"], tree).unwrap();
        tree = twice;
    }
    tree
}

#[test]
fn a_tree_that_was_never_hashed_is_dropped() {
    on_a_small_stack(|| drop(deep(DEPTH)));
}

#[test]
fn changes_on_hashed_changes_are_dropped() {
    on_a_small_stack(|| {
        let mut tree = deep(DEPTH);
        tree.hash().unwrap();
        tree.insert(&["a", "b", "b", "@"], "changed").unwrap();
        tree.hash().unwrap();
        tree.insert(&["a", "@"], "changed").unwrap();
        tree.remove(&["a", "b"]).unwrap();
        assert_eq!(tree.length(&["a"]).unwrap(), 1);
    });
}

#[test]
fn a_deep_tree_is_hashed_stored_read_proved_and_collected() {
    on_a_small_stack(|| {
        let tree = deep(DEPTH);
        let (db, store) = in_memory();
        let hash = put(&db, &store, &tree);
        assert_eq!(tree.hash().unwrap(), hash);
        drop(tree);
        let stored = store.checkout(hash).unwrap().unwrap();

        // A step near the top.
        let step = |mut tree: Tree| {
            let leaf = tree.find(&["a", "b", "b", "b", "@"])?;
            let all = tree.find_tree(&["a"])?.unwrap_or_default();
            tree.insert_tree(&["a", "b", "c"], all)?;
            Ok::<_, ProofError>((tree, leaf))
        };
        let (proof, leaf) = proof::produce(&stored, step).unwrap();
        assert_eq!(leaf.as_deref(), Some(&b"top"[..]));
        assert!(proof.to_bytes().len() < 1000);
        let proof = Proof::from_bytes(&proof.to_bytes()).unwrap();
        let (end, verified) = proof::verify(&proof, step).unwrap();
        assert_eq!((end.hash().unwrap(), verified), (proof.after(), leaf));

        // All of it.
        let mut all = 0;
        stored
            .for_each_leaf(|path, _| -> Result<(), TreeError> {
                assert_eq!(path.len(), all + 2);
                all += 1;
                Ok(())
            })
            .unwrap();
        assert_eq!(all, DEPTH);
        let below = [&["a"][..], &["b"; DEPTH / 10]].concat();
        let step = |tree: Tree| {
            let length = tree.length(&below)?;
            Ok::<_, ProofError>((tree, length))
        };
        let (proof, _) = proof::produce(&stored, step).unwrap();
        assert_eq!(Proof::from_bytes(&proof.to_bytes()).unwrap(), proof);
        assert_eq!(proof::verify(&proof, step).unwrap().1, 2);

        let nodes = store.stats().unwrap().nodes;
        assert!(nodes > DEPTH as u64 / 20);
        assert_eq!(collect(&db, &store, hash), nodes);
        // What was loaded of it is still whole.
        assert_eq!(put(&db, &store, &stored), hash);
    });
}

#[test]
fn what_is_shared_costs_once() {
    let tree = doubled(60);
    let (db, store) = in_memory();
    let hash = put(&db, &store, &tree);
    assert!(store.stats().unwrap().nodes <= 61);
    let stored = store.checkout(hash).unwrap().unwrap();
    assert!(stored.find(&[&["x"; 60][..], &["leaf"]].concat()).unwrap().is_some());
    // Loaded again on every way, and written once in another store.
    let (other_db, other) = in_memory();
    assert_eq!(put(&other_db, &other, &stored), hash);
    assert_eq!(other.stats().unwrap(), store.stats().unwrap());
    let nodes = store.stats().unwrap().nodes;
    assert_eq!(collect(&other_db, &other, hash), nodes);
    assert_eq!(collect(&db, &store, hash), nodes);
}

#[test]
fn a_proof_that_would_open_one_directory_in_too_many_places_is_refused() {
    let tree = doubled(60);
    let result = proof::produce(&tree, |tree| {
        tree.find(&["x"; 60])?;
        Ok::<_, ProofError>((tree, ()))
    });
    assert!(result.unwrap_err().to_string().contains("parts"));
    let (proof, ()) = proof::produce(&tree, |tree| {
        tree.find(&["x"; 6])?;
        Ok::<_, ProofError>((tree, ()))
    })
    .unwrap();
    assert!(proof.to_tree().is_ok());
}
