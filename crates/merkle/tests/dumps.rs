//! Whole trees of the reference machine: built again from their leaves they have the same hash.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use soru_merkle::Tree;
use std::path::Path;

struct Dump {
    name: String,
    hash: String,
    leaves: Vec<(Vec<String>, Vec<u8>)>,
}

fn dumps() -> Vec<Dump> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors/dumps");
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let mut lines = text.lines();
            let hash = lines.next().unwrap().rsplit(' ').next().unwrap().to_owned();
            let leaves = lines.map(leaf).collect();
            Dump { name: path.file_name().unwrap().to_string_lossy().into_owned(), hash, leaves }
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

fn leaf(line: &str) -> (Vec<String>, Vec<u8>) {
    let (path, value) = line.split_once(' ').unwrap_or((line, ""));
    let (value, zeros) = value.split_once('+').map_or((value, 0), |(v, n)| (v, n.parse().unwrap()));
    let mut bytes: Vec<u8> =
        (0..value.len()).step_by(2).map(|i| u8::from_str_radix(&value[i..i + 2], 16).unwrap()).collect();
    bytes.resize(bytes.len() + zeros, 0);
    (path[1..].split('/').map(str::to_owned).collect(), bytes)
}

#[test]
fn every_dump_has_its_hash_in_any_order_of_insertion() {
    let dumps = dumps();
    assert_eq!(dumps.len(), 12);
    for dump in dumps {
        let mut forwards = Tree::empty();
        for (path, bytes) in &dump.leaves {
            forwards.insert(path, bytes.clone()).unwrap();
        }
        assert_eq!(forwards.hash().unwrap().to_hex(), dump.hash, "{}", dump.name);
        let mut backwards = Tree::empty();
        for (path, bytes) in dump.leaves.iter().rev() {
            backwards.insert(path, bytes.clone()).unwrap();
            // Hashed on the way, so that hashes kept in shared nodes would show if they were stale.
            backwards.hash().unwrap();
        }
        assert_eq!(backwards.hash().unwrap(), forwards.hash().unwrap(), "{}", dump.name);
    }
}

#[test]
fn removing_every_leaf_comes_back_through_the_same_hashes() {
    for dump in dumps().into_iter().filter(|d| d.leaves.len() < 600) {
        let mut tree = Tree::empty();
        let mut hashes = Vec::new();
        for (path, bytes) in &dump.leaves {
            hashes.push(tree.hash().unwrap());
            tree.insert(path, bytes.clone()).unwrap();
        }
        for ((path, bytes), hash) in dump.leaves.iter().zip(hashes).rev() {
            assert_eq!(tree.find(path).unwrap().unwrap(), bytes);
            tree.remove(path).unwrap();
            assert_eq!(tree.find(path).unwrap(), None);
            assert_eq!(tree.hash().unwrap(), hash, "{} without {path:?}", dump.name);
        }
        assert!(tree.is_empty().unwrap());
    }
}

#[test]
fn a_walk_gives_the_lines_of_the_dump() {
    for dump in dumps() {
        let mut tree = Tree::empty();
        for (path, bytes) in &dump.leaves {
            tree.insert(path, bytes.clone()).unwrap();
        }
        let mut leaves = Vec::new();
        tree.for_each_leaf(|path, bytes| {
            leaves.push((
                path.iter().map(|s| String::from_utf8(s.to_vec()).unwrap()).collect(),
                bytes.to_vec(),
            ));
            Ok::<_, soru_merkle::TreeError>(())
        })
        .unwrap();
        assert!(leaves == dump.leaves, "{}", dump.name);
    }
}
