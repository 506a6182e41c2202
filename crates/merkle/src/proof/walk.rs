//! Looking at the parts of a proof.

use super::Proof;
use super::parts::{Part, Parts};
use crate::tree::Name;
use bytes::Bytes;
use soru_base::ContextHash;

/// A part of a tree that a proof holds, or stands in for with a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen<'a> {
    /// A leaf.
    Leaf(&'a Bytes),
    /// A leaf that is not there.
    BlindedLeaf(&'a ContextHash),
    /// A directory with that many entries, of which some come next.
    Directory(u64),
    /// A directory that is not there.
    BlindedDirectory(&'a ContextHash),
    /// Entries of the directory at the path that are not there: those below one level of its trie.
    BlindedEntries(&'a ContextHash),
}

impl Proof {
    /// Visits all parts, each with its path, a directory before what is in it. The entries of a directory come in the order
    /// of its trie.
    pub fn walk<'a>(&'a self, mut visit: impl FnMut(&[Name], Seen<'a>)) {
        // Parts still to be visited, the next one last: whether it is a whole tree, the depth of its directory, its name.
        let mut path: Vec<Name> = Vec::new();
        let mut ahead = vec![(Parts::ROOT, true, 0, None)];
        while let Some((index, whole, depth, name)) = ahead.pop() {
            path.truncate(depth);
            path.extend(name);
            let depth = path.len();
            let mut directory = |count: u64| {
                if whole {
                    visit(&path, Seen::Directory(count));
                }
            };
            match &self.tree[index] {
                Part::Entries(entries) => {
                    directory(entries.len() as u64);
                    let entries = entries.iter().rev();
                    ahead.extend(entries.map(|(name, tree)| (*tree, true, depth, Some(name.clone()))));
                }
                Part::Branch { count, children } => {
                    directory(*count);
                    let children = children.iter().rev().flatten();
                    ahead.extend(children.map(|child| (*child, false, depth, None)));
                }
                Part::Extender { count, below, .. } => {
                    directory(*count);
                    ahead.push((*below, false, depth, None));
                }
                Part::Leaf(bytes) => visit(&path, Seen::Leaf(bytes)),
                Part::BlindedLeaf(hash) => visit(&path, Seen::BlindedLeaf(hash)),
                Part::Blinded(hash) if whole => visit(&path, Seen::BlindedDirectory(hash)),
                Part::Blinded(hash) => visit(&path, Seen::BlindedEntries(hash)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::{ProofError, produce};
    use crate::tree::Tree;

    #[test]
    fn what_is_read_is_seen_and_the_rest_by_hash() {
        let mut tree = Tree::empty();
        for n in 0..8 {
            tree.insert(&["many", &format!("{n}")], vec![n; 3]).unwrap();
        }
        tree.insert(&["one", "leaf"], vec![7]).unwrap();
        tree.hash().unwrap();
        let (proof, ()) = produce(&tree, |tree| -> Result<_, ProofError> {
            assert!(tree.find(&["many", "5"])?.is_some());
            Ok((tree, ()))
        })
        .unwrap();
        let mut seen = Vec::new();
        let mut hidden = 0;
        proof.walk(|path, part| {
            let path: Vec<_> = path.iter().map(|name| String::from_utf8_lossy(name)).collect();
            let path = format!("/{}", path.join("/"));
            match part {
                Seen::BlindedEntries(_) => {
                    assert_eq!(path, "/many");
                    hidden += 1;
                }
                Seen::Leaf(bytes) => seen.push(format!("{path} {bytes:?}")),
                Seen::BlindedLeaf(_) => (),
                Seen::Directory(count) => seen.push(format!("{path} {count}")),
                Seen::BlindedDirectory(hash) => seen.push(format!("{path} {}", hash.to_hex())),
            }
        });
        let one = tree.find_tree(&["one"]).unwrap().unwrap().hash().unwrap().to_hex();
        seen.sort();
        assert_eq!(seen, ["/ 2", "/many 8", "/many/5 b\"\\x05\\x05\\x05\"", &format!("/one {one}")]);
        assert!(hidden > 0);
    }
}
