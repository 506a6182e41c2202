//! The tree against a model: a map from paths to bytes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use soru_base::blake2b;
use soru_merkle::{Kind, Tree, TreeError};
use std::collections::{BTreeMap, BTreeSet};

type Path = Vec<Vec<u8>>;
type Leaves = BTreeMap<Path, Vec<u8>>;

fn leaves(tree: &Tree) -> Leaves {
    let mut all = Leaves::new();
    tree.for_each_leaf(|path, bytes| {
        all.insert(path.iter().map(|s| s.to_vec()).collect(), bytes.to_vec());
        Ok::<_, TreeError>(())
    })
    .unwrap();
    all
}

fn built(leaves: &Leaves) -> Tree {
    let mut tree = Tree::empty();
    for (path, bytes) in leaves {
        tree.insert(path, bytes.clone()).unwrap();
    }
    tree
}

fn children(leaves: &Leaves, path: &[Vec<u8>]) -> BTreeSet<Vec<u8>> {
    leaves
        .keys()
        .filter(|p| p.len() > path.len() && p.starts_with(path))
        .map(|p| p[path.len()].clone())
        .collect()
}

/// The order of the trie, as testdata/vectors/README.md says it: split by bits until two or fewer are left.
fn trie_order(names: BTreeSet<Vec<u8>>, depth: usize) -> Vec<Vec<u8>> {
    if names.len() <= 2 {
        return names.into_iter().collect();
    }
    let bit = |name: &Vec<u8>| blake2b::hash32(name)[depth / 8] >> (7 - depth % 8) & 1 == 1;
    let (ones, zeros): (BTreeSet<_>, BTreeSet<_>) = names.into_iter().partition(bit);
    [trie_order(zeros, depth + 1), trie_order(ones, depth + 1)].concat()
}

#[test]
fn trees_proofs_and_stores_go_between_threads() {
    fn sendable<T: Send + Sync>() {}
    sendable::<Tree>();
    sendable::<soru_merkle::Proof>();
    sendable::<soru_merkle::Store>();
    sendable::<TreeError>();
}

#[test]
fn reading_what_is_not_there() {
    let mut tree = Tree::empty();
    tree.insert(&["a", "b"], "leaf").unwrap();
    assert_eq!(tree.find(&["a"]).unwrap(), None);
    assert_eq!(tree.find(&["a", "b", "c"]).unwrap(), None);
    assert_eq!(tree.find(&["x", "y"]).unwrap(), None);
    assert!(tree.contains_tree(&["a"]).unwrap() && !tree.contains(&["a"]).unwrap());
    assert!(tree.contains(&["a", "b"]).unwrap());
    assert_eq!(tree.length(&["a", "b"]).unwrap(), 0);
    assert_eq!(tree.length(&["x"]).unwrap(), 0);
    assert!(tree.list(&["a", "b"], 0, 9).unwrap().is_empty());
    assert!(tree.list_in_tree_order(&["x"], 0, 9).unwrap().is_empty());
    assert_eq!(tree.find_tree(&["a"]).unwrap().unwrap().kind(), Kind::Directory);
}

#[test]
fn a_leaf_on_the_way_gives_way() {
    let mut tree = Tree::leaf("root");
    assert_eq!(tree.find::<&str>(&[]).unwrap().unwrap(), "root");
    tree.insert(&["a"], "a").unwrap();
    tree.insert(&["a", "b", "c"], "c").unwrap();
    assert_eq!(leaves(&tree).len(), 1);
    tree.insert(&["a"], "again").unwrap();
    assert_eq!(tree.find(&["a"]).unwrap().unwrap(), "again");
    assert_eq!(leaves(&tree).len(), 1);
}

#[test]
fn removing_the_last_leaf_removes_its_directories() {
    let mut tree = Tree::empty();
    let empty = tree.hash().unwrap();
    tree.insert(&["a", "b", "c"], "c").unwrap();
    tree.insert(&["a", "d"], "d").unwrap();
    tree.hash().unwrap();
    tree.remove(&["a", "b", "c"]).unwrap();
    assert!(!tree.contains_tree(&["a", "b"]).unwrap());
    tree.insert_tree(&["a", "d"], Tree::empty()).unwrap();
    assert!(tree.is_empty().unwrap());
    assert_eq!(tree.hash().unwrap(), empty);
    tree.remove::<&str>(&[]).unwrap();
    assert!(tree.is_empty().unwrap());
}

#[test]
fn a_clone_does_not_see_later_changes() {
    let mut tree = Tree::empty();
    let mut versions = Vec::new();
    for i in 0..600u32 {
        tree.insert(&["d".to_owned(), (i % 400).to_string()], i.to_be_bytes().to_vec()).unwrap();
        versions.push(tree.clone());
    }
    for (i, version) in versions.iter().enumerate() {
        assert_eq!(version.length(&["d"]).unwrap(), (i as u64 + 1).min(400));
        assert_eq!(
            version.find(&["d", "0"]).unwrap().unwrap(),
            [0, 0, if i < 400 { 0 } else { 1 }, if i < 400 { 0 } else { 144 }][..]
        );
    }
}

#[test]
fn a_large_directory_changes_key_by_key() {
    let mut model = Leaves::new();
    let mut tree = Tree::empty();
    for i in 0..3_000u32 {
        let path = vec![b"large".to_vec(), i.to_string().into_bytes()];
        tree.insert(&path, i.to_be_bytes().to_vec()).unwrap();
        tree.hash().unwrap();
        model.insert(path, i.to_be_bytes().to_vec());
    }
    assert_eq!(tree.hash().unwrap(), built(&model).hash().unwrap());
    for i in (0..3_000u32).step_by(3) {
        let path = vec![b"large".to_vec(), i.to_string().into_bytes()];
        tree.remove(&path).unwrap();
        tree.hash().unwrap();
        model.remove(&path);
    }
    assert_eq!(tree.hash().unwrap(), built(&model).hash().unwrap());
}

#[derive(Debug, Clone)]
enum Action {
    Insert(Vec<u8>, Vec<u8>),
    Remove(Vec<u8>),
    Graft(Vec<u8>, Vec<u8>),
    Hash,
    /// Holds on to the tree as it is now.
    Keep,
}

fn short_path() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0..10u8, 1..4)
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => (short_path(), prop::collection::vec(any::<u8>(), 0..3)).prop_map(|(p, v)| Action::Insert(p, v)),
        4 => short_path().prop_map(Action::Remove),
        1 => (short_path(), short_path()).prop_map(|(a, b)| Action::Graft(a, b)),
        2 => Just(Action::Hash),
        2 => Just(Action::Keep),
    ]
}

fn steps(path: &[u8]) -> Path {
    path.iter().map(|n| vec![b'n', *n]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_tree_is_the_map(actions in prop::collection::vec(action(), 0..80)) {
        let mut tree = Tree::empty();
        let mut model = Leaves::new();
        let mut kept = Vec::new();
        for action in actions {
            match action {
                Action::Insert(path, value) => {
                    let path = steps(&path);
                    tree.insert(&path, value.clone()).unwrap();
                    model.retain(|p, _| !p.starts_with(&path) && !path.starts_with(p));
                    model.insert(path, value);
                }
                Action::Remove(path) => {
                    tree.remove(&steps(&path)).unwrap();
                    model.retain(|p, _| !p.starts_with(&steps(&path)));
                }
                Action::Graft(from, to) => {
                    let (from, to) = (steps(&from), steps(&to));
                    let Some(sub) = tree.find_tree(&from).unwrap() else { continue };
                    tree.insert_tree(&to, sub).unwrap();
                    let copied: Vec<_> = model
                        .iter()
                        .filter(|(p, _)| p.starts_with(&from))
                        .map(|(p, v)| ([&to[..], &p[from.len()..]].concat(), v.clone()))
                        .collect();
                    model.retain(|p, _| !p.starts_with(&to) && !to.starts_with(p));
                    model.extend(copied);
                }
                Action::Hash => prop_assert_eq!(tree.hash().unwrap(), built(&model).hash().unwrap()),
                Action::Keep => kept.push((tree.clone(), model.clone())),
            }
        }
        kept.push((tree, model));
        for (tree, model) in kept {
            prop_assert_eq!(&leaves(&tree), &model);
            prop_assert_eq!(tree.is_empty().unwrap(), model.is_empty());
            for path in [vec![], steps(&[1]), steps(&[2, 3])] {
                let expected = children(&model, &path);
                prop_assert_eq!(tree.length(&path).unwrap(), expected.len() as u64);
                let names = |list: Vec<(soru_merkle::Name, Tree)>| -> Vec<Vec<u8>> {
                    list.into_iter().map(|(name, _)| name.to_vec()).collect()
                };
                prop_assert_eq!(
                    names(tree.list(&path, 1, 3).unwrap()),
                    expected.iter().skip(1).take(3).cloned().collect::<Vec<_>>()
                );
                let ordered = trie_order(expected, 0);
                prop_assert_eq!(&names(tree.list_in_tree_order(&path, 0, usize::MAX).unwrap()), &ordered);
                for (n, name) in ordered.iter().enumerate() {
                    let one = tree.list_in_tree_order(&path, n, 1).unwrap();
                    prop_assert_eq!(&names(one), &vec![name.clone()]);
                }
                prop_assert!(tree.list_in_tree_order(&path, ordered.len(), 1).unwrap().is_empty());
            }
            prop_assert_eq!(tree.hash().unwrap(), built(&model).hash().unwrap());
        }
    }
}
