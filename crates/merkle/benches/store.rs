//! What storing costs: `cargo bench -p soru-merkle`. Prints figures, asserts none.

#![expect(clippy::unwrap_used, reason = "a measurement fails by panicking")]

use soru_merkle::{Store, Tree};
use std::sync::Arc;
use std::time::Instant;

const KEYS: u32 = 100_000;
const LEVELS: u32 = 50;
const CHANGES: u32 = 20;

/// A value of the durable storage of a rollup.
fn path(key: u32) -> [String; 6] {
    ["durable", "d", &format!("key{key}"), "@", "contents", "0"].map(str::to_owned)
}

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("store.redb");
    let db = Arc::new(redb::Database::create(&file).unwrap());
    let store = Store::new(db.clone()).unwrap();
    let figures = || {
        let size = std::fs::metadata(&file).unwrap().len();
        let stats = store.stats().unwrap();
        format!("{} nodes of {} kB in a file of {} kB", stats.nodes, stats.bytes / 1000, size / 1000)
    };
    let measure =
        |what: &str, start: Instant| println!("{what:44} {:9.1} ms", start.elapsed().as_secs_f64() * 1000.0);

    let start = Instant::now();
    let mut tree = Tree::empty();
    for key in 0..KEYS {
        tree.insert(&path(key), vec![key as u8; 100]).unwrap();
    }
    measure(&format!("insert {KEYS} values"), start);
    let start = Instant::now();
    tree.hash().unwrap();
    measure("hash them", start);
    let start = Instant::now();
    let write = db.begin_write().unwrap();
    let hash = store.put(&write, &tree).unwrap();
    write.commit().unwrap();
    measure("store them", start);
    println!("  {}", figures());
    let start = Instant::now();
    drop(tree);
    measure("drop them", start);

    let mut tree = store.checkout(hash).unwrap().unwrap();
    for what in ["for the first time", "again"] {
        let start = Instant::now();
        for key in (0..KEYS).step_by(10) {
            tree.find(&path(key)).unwrap().unwrap();
        }
        measure(&format!("read {} of them {what}", KEYS / 10), start);
    }

    let mut roots = vec![hash];
    let start = Instant::now();
    for level in 0..LEVELS {
        for change in 0..CHANGES {
            tree.insert(&path((level * 7919 + change * 104_729) % KEYS), vec![level as u8; 100]).unwrap();
        }
        let write = db.begin_write().unwrap();
        roots.push(store.put(&write, &tree).unwrap());
        write.commit().unwrap();
    }
    measure(&format!("{LEVELS} levels of {CHANGES} changes, each committed"), start);
    println!("  {}", figures());

    let start = Instant::now();
    for root in &roots[..roots.len() - 1] {
        let write = db.begin_write().unwrap();
        store.forget(&write, [*root]).unwrap();
        store.gc(&write, u64::MAX).unwrap();
        write.commit().unwrap();
    }
    measure(&format!("give up {LEVELS} levels, each committed"), start);
    println!("  {}", figures());
}
