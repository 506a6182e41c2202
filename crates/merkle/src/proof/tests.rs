//! Proofs against what they have to hold, exactly.

use super::parts::{Part, Slot};
use super::*;
use proptest::prelude::*;
use serde_json::Value;
use soru_base::Binary;
use std::collections::BTreeMap;
use std::path::Path;

type Steps = Vec<Vec<u8>>;

/// Reads again all that a proof holds, and nothing else.
fn read_again(tree: &Tree, parts: &Parts, index: usize, path: &mut Steps) {
    match &parts[index] {
        Part::BlindedLeaf(_) | Part::Blinded(_) => {}
        Part::Leaf(bytes) => assert_eq!(tree.find(path).unwrap().as_ref(), Some(bytes)),
        Part::Entries(_) | Part::Branch { .. } | Part::Extender { .. } => {
            tree.length(path).unwrap();
            // The n-th child was asked for: on the way to it, the tops of what lies before were opened.
            if let Some(n) = skipped(parts, index).filter(|n| *n > 0) {
                tree.list_in_tree_order(path, n as usize, 1).unwrap();
            }
            read_entries(tree, parts, index, path);
        }
    }
}

/// How many entries lie below branches that are open and lead to nothing open.
fn skipped(parts: &Parts, index: usize) -> Option<u64> {
    match &parts[index] {
        Part::Branch { count, children } => {
            let children = || children.iter().flatten();
            if children().all(|child| matches!(parts[*child], Part::Blinded(_))) {
                return Some(*count);
            }
            Some(children().filter_map(|child| skipped(parts, *child)).sum())
        }
        _ => None,
    }
}

fn read_entries(tree: &Tree, parts: &Parts, index: usize, path: &mut Steps) {
    match &parts[index] {
        Part::Blinded(_) | Part::Leaf(_) | Part::BlindedLeaf(_) => {}
        Part::Entries(entries) => {
            for (name, below) in entries {
                path.push(name.to_vec());
                assert!(tree.contains_tree(path).unwrap());
                read_again(tree, parts, *below, path);
                path.pop();
            }
        }
        Part::Branch { children, .. } => {
            children.iter().flatten().for_each(|child| read_entries(tree, parts, *child, path));
        }
        Part::Extender { below, .. } => read_entries(tree, parts, *below, path),
    }
}

#[test]
fn reading_again_what_a_proof_of_the_reference_holds_makes_the_same_bytes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors/proofs");
    let mut count = 0;
    for file in ["many_keys", "reboot", "reveal", "store", "tables"] {
        let text = std::fs::read_to_string(folder.join(file).with_extension("jsonl")).unwrap();
        for line in text.lines().skip(1) {
            let json: Value = serde_json::from_str(line).unwrap();
            let proof = Proof::from_bytes(&hex::decode(json["proof"].as_str().unwrap()).unwrap()).unwrap();
            let tree = proof.to_tree().unwrap();
            let (again, ()) = produce::<_, ProofError>(&tree, |tree| {
                read_again(&tree, &proof.tree, Parts::ROOT, &mut Vec::new());
                Ok((tree, ()))
            })
            .unwrap();
            assert_eq!(again.before, proof.before);
            assert!(again.tree == proof.tree, "{file}, tick {}", json["tick"]);
            count += 1;
        }
    }
    assert_eq!(count, 120);
}

fn tree_of(names: &[&str]) -> Tree {
    let mut tree = Tree::empty();
    for name in names {
        tree.insert(&[*name, "leaf"], name.to_string()).unwrap();
    }
    tree
}

fn proof_of(tree: &Tree, step: impl Fn(&mut Tree) -> Result<(), TreeError>) -> Proof {
    let run = |mut tree: Tree| {
        step(&mut tree)?;
        Ok::<_, ProofError>((tree, ()))
    };
    let (proof, ()) = produce(tree, run).unwrap();
    let (end, ()) = verify(&proof, run).unwrap();
    assert_eq!(end.hash().unwrap(), proof.after());
    assert_eq!(Proof::from_bytes(&proof.to_bytes()).unwrap(), proof);
    proof
}

fn is_open(proof: &Proof, path: &[&str]) -> bool {
    match proof.to_tree().unwrap().find(path) {
        Ok(found) => {
            assert!(found.is_some());
            true
        }
        Err(e) => {
            assert!(e.is_blinded(), "{e}");
            false
        }
    }
}

#[test]
fn what_is_not_read_is_blinded() {
    let tree = tree_of(&["a", "b"]);
    let nothing = proof_of(&tree, |_| Ok(()));
    assert_eq!(nothing.to_bytes().len(), 1 + 2 + 32 + 32 + 1 + 32);
    assert_eq!(nothing.before(), nothing.after());
    let proof = proof_of(&tree, |tree| tree.find(&["a", "leaf"]).map(drop));
    assert!(is_open(&proof, &["a", "leaf"]));
    assert!(!is_open(&proof, &["b", "leaf"]));
}

#[test]
fn what_is_copied_stays_blinded_and_what_is_read_in_the_copy_is_open_where_it_came_from() {
    let tree = tree_of(&["a", "b"]);
    let graft = |tree: &mut Tree| {
        let a = tree.find_tree(&["a"])?.unwrap();
        tree.insert_tree(&["c", "copy"], a)
    };
    assert!(!is_open(&proof_of(&tree, graft), &["a", "leaf"]));
    let proof = proof_of(&tree, |tree| {
        graft(tree)?;
        tree.remove(&["a"])?;
        tree.find(&["c", "copy", "leaf"]).map(drop)
    });
    assert!(is_open(&proof, &["a", "leaf"]));
    assert!(!is_open(&proof, &["b", "leaf"]));
}

#[test]
fn writing_opens_the_way_and_nothing_beside_it() {
    let mut tree = tree_of(&["a", "b"]);
    tree.insert(&["a", "other"], "untouched").unwrap();
    let proof = proof_of(&tree, |tree| tree.insert(&["a", "leaf"], "new"));
    let partial = proof.to_tree().unwrap();
    assert!(partial.find_tree(&["a", "leaf"]).unwrap().is_some());
    assert!(!is_open(&proof, &["a", "leaf"]));
    assert!(!is_open(&proof, &["a", "other"]));
    assert!(partial.length(&["b"]).unwrap_err().is_blinded());
}

#[test]
fn a_subtree_that_is_there_twice_is_open_twice() {
    let mut tree = tree_of(&["a"]);
    tree.insert_tree(&["b"], tree.find_tree(&["a"]).unwrap().unwrap()).unwrap();
    let proof = proof_of(&tree, |tree| tree.find(&["a", "leaf"]).map(drop));
    assert!(is_open(&proof, &["b", "leaf"]));
}

#[test]
fn the_order_of_changes_in_a_directory_does_not_show() {
    let tree = tree_of(&["a", "b", "c"]);
    let one = proof_of(&tree, |tree| {
        tree.remove(&["b"])?;
        tree.insert(&["d"], "d")
    });
    let other = proof_of(&tree, |tree| {
        tree.insert(&["d"], "d")?;
        tree.remove(&["b"])
    });
    assert_eq!(one, other);
    // Removed and written again: the trie was never smaller.
    let again = proof_of(&tree, |tree| {
        tree.remove(&["a"])?;
        tree.remove(&["b"])?;
        tree.insert(&["a"], "a")?;
        tree.insert(&["b"], "b")
    });
    let overwritten = proof_of(&tree, |tree| {
        tree.insert(&["b"], "b")?;
        tree.insert(&["a"], "a")
    });
    assert_eq!(again, overwritten);
}

#[test]
fn a_removal_opens_what_the_shrunk_trie_needs() {
    let names: Vec<_> = (0..40).map(|i| i.to_string()).collect();
    let tree = tree_of(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for name in &names {
        proof_of(&tree, |tree| tree.remove(&[name]));
    }
    proof_of(&tree, |tree| names.iter().try_for_each(|name| tree.remove(&[name])));
}

#[test]
fn names_that_no_proof_can_hold_are_refused() {
    let mut tree = Tree::empty();
    tree.insert(&["x".repeat(256)], "x").unwrap();
    let result = produce(&tree, |tree| {
        tree.find(&["y"])?;
        Ok::<_, ProofError>((tree, ()))
    });
    assert!(result.unwrap_err().to_string().contains("255"));
}

#[test]
fn a_step_that_fails_makes_no_proof() {
    let result = produce(&Tree::empty(), |_| Err::<(Tree, ()), _>(ProofError::Malformed("no")));
    assert!(matches!(result, Err(ProofError::Malformed("no"))));
}

fn on_a_small_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(512 << 10).spawn(run).unwrap().join().unwrap();
}

#[test]
fn nesting_is_bounded_by_the_bytes_alone() {
    let header = [&[3, 0, 2][..], &[0; 64]].concat();
    on_a_small_stack(move || {
        let nested = [&header[..], &[0x81, 1, b'a'].repeat(100_000), &[0xc0, 0]].concat();
        let deep = Proof::from_bytes(&nested).unwrap();
        assert_eq!(deep.to_bytes(), nested);
        assert!(deep.clone() == deep);
        let Err(ProofError::Before { found, .. }) = deep.to_tree() else { panic!() };
        let honest = [&nested[..3], &found.0, &found.0, &nested[67..]].concat();
        let tree = Proof::from_bytes(&honest).unwrap().to_tree().unwrap();
        assert_eq!(tree.find(&vec!["a"; 100_000]).unwrap().as_deref(), Some(&b""[..]));
        // Levels of one trie have an end, though.
        for levels in [256, 257, 1_000_000] {
            let runs = [&header[..], &[0x00, 5].repeat(levels), &[0xe0].repeat(levels + 1)].concat();
            assert!(Proof::from_bytes(&runs).unwrap().to_tree().is_err());
            let runs = [&header[..], &[0x00, 5].repeat(levels)].concat();
            assert!(Proof::from_bytes(&runs).is_err());
        }
    });
}

#[test]
fn a_level_below_the_last_bit_of_a_hash_is_refused() {
    // A run along all bits of a name, and then a branch.
    let way = soru_base::blake2b::hash32(b"name");
    for (bits, is_good) in [(255, true), (256, false)] {
        let segment: Vec<bool> = (0..bits).map(|at| way[at / 8] >> (7 - at % 8) & 1 == 1).collect();
        let mut tree = Parts::default();
        let hash = ContextHash([7; 32]);
        let run = tree.add(Slot::Root, Part::Extender { count: 3, segment, below: 0 });
        let branch = tree.add(Slot::Below(run), Part::Branch { count: 3, children: [None, None] });
        tree.add(Slot::Child(branch, false), Part::Blinded(hash));
        tree.add(Slot::Child(branch, true), Part::Blinded(hash));
        let mut proof = Proof { before: (Kind::Directory, hash), after: (Kind::Directory, hash), tree };
        proof = Proof::from_bytes(&proof.to_bytes()).unwrap();
        match proof.to_tree() {
            Err(ProofError::Before { found, .. }) => {
                assert!(is_good);
                proof.before.1 = found;
                assert!(proof.to_tree().unwrap().find(&["name"]).unwrap_err().is_blinded());
            }
            other => assert!(!is_good && matches!(other, Err(ProofError::Malformed(_)))),
        }
    }
}

#[test]
fn numbers_have_one_width() {
    let header = [&[3, 0, 2][..], &[0; 64]].concat();
    for wrong in [
        &[0xc1, 0, 1, 7][..],         // a leaf of one byte, its length in two
        &[0xc3, 0, 0, 0, 1, 7],       // in four
        &[0xc2, 1, 7],                // in no width
        &[0x01, 0, 5, 0xe0, 0xe0],    // a branch, its count in two bytes
        &[0x83, 0, 0, 0, 0],          // more than two entries
        &[0xd8, 5, 1, 0x80, 0xc0],    // a run of no levels
        &[0xd8, 5, 2, 0xa0, 0, 0xc0], // an end mark before the last byte
        &[0xd8, 5, 1, 0, 0xc0],       // no end mark
        &[0xe0],                      // no tree at all
        &[0x04],                      // bits that mean nothing
    ] {
        let bytes = [&header[..], wrong, &[0; 64]].concat();
        assert!(Proof::from_bytes(&bytes).is_err(), "{wrong:x?}");
    }
}

#[derive(Debug, Clone)]
enum Action {
    Find(Vec<u8>),
    Length(Vec<u8>),
    List(Vec<u8>, usize, usize),
    ListByName(Vec<u8>),
    Insert(Vec<u8>, u8),
    Remove(Vec<u8>),
    Graft(Vec<u8>, Vec<u8>),
    Hash,
}

fn short_path() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0..8u8, 1..4)
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        short_path().prop_map(Action::Find),
        short_path().prop_map(Action::Length),
        (short_path(), 0..5usize, 0..5usize).prop_map(|(p, o, l)| Action::List(p, o, l)),
        short_path().prop_map(Action::ListByName),
        (short_path(), any::<u8>()).prop_map(|(p, v)| Action::Insert(p, v)),
        short_path().prop_map(Action::Remove),
        (short_path(), short_path()).prop_map(|(a, b)| Action::Graft(a, b)),
        Just(Action::Hash),
    ]
}

fn steps(path: &[u8]) -> Steps {
    path.iter().map(|n| vec![b'n', *n]).collect()
}

/// Does the actions and tells all that was seen on the way.
fn run(mut tree: Tree, actions: &[Action]) -> Result<(Tree, Vec<String>), ProofError> {
    let mut seen = Vec::new();
    for action in actions {
        seen.push(match action {
            Action::Find(p) => format!("{:?}", tree.find(&steps(p))?),
            Action::Length(p) => format!("{:?}", tree.length(&steps(p))?),
            Action::List(p, offset, limit) => {
                let list = tree.list_in_tree_order(&steps(p), *offset, *limit)?;
                format!("{:?}", list.iter().map(|(name, _)| name).collect::<Vec<_>>())
            }
            Action::ListByName(p) => {
                let list = tree.list(&steps(p), 0, usize::MAX)?;
                format!("{:?}", list.iter().map(|(name, _)| name).collect::<Vec<_>>())
            }
            Action::Insert(p, value) => format!("{:?}", tree.insert(&steps(p), vec![*value])?),
            Action::Remove(p) => format!("{:?}", tree.remove(&steps(p))?),
            Action::Graft(from, to) => match tree.find_tree(&steps(from))? {
                Some(sub) => format!("{:?}", tree.insert_tree(&steps(to), sub)?),
                None => "nothing".to_owned(),
            },
            Action::Hash => tree.hash()?.to_hex(),
        });
    }
    Ok((tree, seen))
}

fn random_tree() -> impl Strategy<Value = Tree> {
    prop::collection::btree_map(short_path(), any::<u8>(), 0..60).prop_map(|leaves: BTreeMap<_, _>| {
        let mut tree = Tree::empty();
        for (path, value) in leaves {
            tree.insert(&steps(&path), vec![value]).unwrap();
        }
        tree
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn a_step_does_the_same_on_the_tree_on_the_watched_tree_and_on_the_proof(
        tree in random_tree(),
        actions in prop::collection::vec(action(), 0..24),
    ) {
        let (end, seen) = run(tree.clone(), &actions).unwrap();
        let (proof, watched) = produce(&tree, |tree| run(tree, &actions)).unwrap();
        prop_assert_eq!(&watched, &seen);
        prop_assert_eq!(proof.before(), tree.hash().unwrap());
        prop_assert_eq!(proof.after(), end.hash().unwrap());
        let decoded = Proof::from_bytes(&proof.to_bytes()).unwrap();
        prop_assert_eq!(&decoded, &proof);
        let (partial_end, verified) = verify(&decoded, |tree| run(tree, &actions)).unwrap();
        prop_assert_eq!(&verified, &seen);
        prop_assert_eq!(partial_end.hash().unwrap(), end.hash().unwrap());
        // A proof of the same step on the proof's own tree is the same: it holds nothing in vain.
        let (again, _) = produce(&decoded.to_tree().unwrap(), |tree| run(tree, &actions)).unwrap();
        prop_assert_eq!(again, proof);
    }

    #[test]
    fn any_changed_byte_is_refused_or_changes_a_claim(
        tree in random_tree(),
        actions in prop::collection::vec(action(), 0..12),
        at in any::<prop::sample::Index>(),
        by in 1..=255u8,
    ) {
        let (proof, _) = produce(&tree, |tree| run(tree, &actions)).unwrap();
        let mut bytes = proof.to_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        if let Ok(changed) = Proof::from_bytes(&bytes) {
            prop_assert_eq!(changed.to_bytes(), bytes);
            if let Ok(partial) = changed.to_tree() {
                prop_assert_eq!(partial.hash().unwrap(), tree.hash().unwrap());
                prop_assert!(verify(&changed, |tree| run(tree, &actions)).is_err());
            }
        }
    }

    #[test]
    fn any_bytes_decode_to_an_error_or_to_what_encodes_to_them(
        body in prop::collection::vec(
            prop_oneof![any::<u8>(), prop::sample::select(&[0x00u8, 0x80, 0x81, 0x82, 0xc0, 0xc8, 0xd0, 0xd8, 0xe0, 1, 3][..])],
            0..200,
        ),
    ) {
        let bytes = [&[3, 0, 2][..], &[0; 64], &body].concat();
        for bytes in [&bytes[..], &body[..]] {
            if let Ok(proof) = Proof::from_bytes(bytes) {
                prop_assert_eq!(proof.to_bytes(), bytes);
                let _ = proof.to_tree();
            }
        }
    }
}
