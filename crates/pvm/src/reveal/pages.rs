//! A file as a tree of pages, in the form that the network's tools make and its kernels read.
//!
//! A page is a tag, the length of the rest (four bytes, most significant first), and the rest: for the tag 0 contents, for the tag 1 hashes of
//! pages. Contents are cut into pages as full as can be, their hashes in order into pages of hashes, and so on until one is left: the root.

use super::{PAGE_MAX, PreimageHash};
use soru_base::bin::Binary;

/// Tag and length.
const HEAD: usize = 5;
/// Most bytes of contents in a page.
pub const CONTENTS_MAX: usize = PAGE_MAX - HEAD;
/// Bytes of a hash with its scheme.
const HASH: usize = 33;
/// Most hashes in a page.
pub const HASHES_MAX: usize = CONTENTS_MAX / HASH;

/// A file as pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageTree {
    /// Hash of the page from which all others are found.
    pub root: PreimageHash,
    /// The pages with their hashes: contents in order, then what is above them. A page may come more than once.
    pub pages: Vec<(PreimageHash, Vec<u8>)>,
}

impl PageTree {
    /// Splits a file. An empty one is one page without contents.
    pub fn of(file: &[u8]) -> Self {
        let mut pages = Vec::new();
        let mut add = |tag, contents: &[u8]| {
            let mut page = vec![tag];
            page.extend_from_slice(&(contents.len() as u32).to_be_bytes());
            page.extend_from_slice(contents);
            let hash = PreimageHash::of_page(&page);
            pages.push((hash, page));
            hash
        };
        let mut root = add(0, &file[..file.len().min(CONTENTS_MAX)]);
        let rest = file.get(CONTENTS_MAX..).unwrap_or_default();
        let mut hashes = vec![root];
        hashes.extend(rest.chunks(CONTENTS_MAX).map(|contents| add(0, contents)));
        while hashes.len() > 1 {
            hashes = hashes
                .chunks(HASHES_MAX)
                .map(|hashes| add(1, &hashes.iter().flat_map(Binary::to_bytes).collect::<Vec<_>>()))
                .collect();
            root = hashes[0];
        }
        Self { root, pages }
    }
}

/// What a page of a tree holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page<'a> {
    /// A part of the file.
    Contents(&'a [u8]),
    /// Hashes of pages, in order.
    Hashes(Vec<PreimageHash>),
}

impl<'a> Page<'a> {
    /// Reads a page of a tree. A page of the reveal channel may be anything: nothing if it has another form.
    pub fn parse(page: &'a [u8]) -> Option<Self> {
        let (tag, rest) = page.split_first()?;
        let (length, rest) = rest.split_first_chunk()?;
        if u32::from_be_bytes(*length) as usize != rest.len() {
            return None;
        }
        match tag {
            0 => Some(Self::Contents(rest)),
            1 if rest.len().is_multiple_of(HASH) => rest
                .chunks(HASH)
                .map(|hash| PreimageHash::from_bytes(hash).ok())
                .collect::<Option<_>>()
                .map(Self::Hashes),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::path::Path;

    fn by_name(tree: &PageTree) -> BTreeMap<String, &[u8]> {
        tree.pages.iter().map(|(hash, page)| (hash.to_string(), &page[..])).collect()
    }

    fn joined(tree: &PageTree) -> Vec<u8> {
        let pages = by_name(tree);
        let mut open = vec![tree.root.to_string()];
        let mut file = Vec::new();
        while let Some(name) = open.pop() {
            let page = pages[&name];
            assert!(page.len() <= PAGE_MAX);
            match Page::parse(page).unwrap() {
                Page::Contents(contents) => file.extend_from_slice(contents),
                Page::Hashes(hashes) => open.extend(hashes.iter().rev().map(PreimageHash::to_string)),
            }
        }
        file
    }

    #[test]
    fn the_pages_of_the_network_s_tool() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors/kernels/sdk");
        let kernel = std::fs::read(folder.join("sdk-0.2.0-kernel.wasm")).unwrap();
        let tree = PageTree::of(&kernel);
        let expected: BTreeMap<String, Vec<u8>> = std::fs::read_dir(folder.join("installer/wasm_2_0_0"))
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
            .collect();
        let found: BTreeMap<String, Vec<u8>> =
            by_name(&tree).into_iter().map(|(name, page)| (name, page.to_vec())).collect();
        assert_eq!(found, expected);
        assert_eq!(
            tree.root.to_string(),
            "000d8b557cb96e4e90262bea3f1942baecc3a1ae5573fc4b00068b5acc61bcb85c"
        );
    }

    #[test]
    fn a_tree_is_as_high_as_it_has_to_be() {
        let page = CONTENTS_MAX;
        let full = page * HASHES_MAX;
        for (length, pages) in [
            (0, 1),
            (1, 1),
            (page, 1),
            (page + 1, 3),
            (full, HASHES_MAX + 1),
            (full + 1, HASHES_MAX + 1 + 2 + 1),
        ] {
            let file: Vec<u8> = (0..length as u32).flat_map(|n| n.to_be_bytes()).take(length).collect();
            let tree = PageTree::of(&file);
            assert_eq!(tree.pages.len(), pages, "{length}");
            assert_eq!(tree.pages.last().unwrap().0, tree.root, "{length}");
            assert!(joined(&tree) == file, "{length}");
        }
    }

    #[test]
    fn pages_of_another_form_are_told_from_those_of_a_tree() {
        let hash = PreimageHash::of_page(b"page");
        let page = |tag, length: u32, rest: &[u8]| [&[tag][..], &length.to_be_bytes(), rest].concat();
        assert_eq!(Page::parse(&page(0, 2, b"hi")), Some(Page::Contents(b"hi")));
        assert_eq!(Page::parse(&page(1, 33, &hash.to_bytes())), Some(Page::Hashes(vec![hash])));
        let short = [&hash.to_bytes()[..], &[0; 32]].concat();
        let of_another_kind = [&[1], &hash.to_bytes()[1..]].concat();
        for other in [
            vec![],
            vec![0, 0, 0, 0],
            page(0, 3, b"hi"),
            page(0, 1, b"hi"),
            page(2, 2, b"hi"),
            page(1, 65, &short),
            page(1, 33, &of_another_kind),
        ] {
            assert_eq!(Page::parse(&other), None, "{other:?}");
        }
    }
}
